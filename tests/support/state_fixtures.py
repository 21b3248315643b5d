"""GeneralStateTests as ethereum/tests and EEST write them: read, run a case, say what differs."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain import rlp
from chain.crypto.keccak import keccak256
from chain.errors import StemmaError
from chain.state import MemoryStateStore, State
from chain.transaction import decode_transaction, recover_sender
from chain.types import Address, Hash32
from evm.environment import BlockEnvironment
from evm.fees import blob_base_fee
from evm.forks import BERLIN, CANCUN, LONDON, OSAKA, PARIS, PRAGUE, SHANGHAI
from evm.transition import Transition

RULES = {
    rules.name.capitalize(): rules
    for rules in (BERLIN, LONDON, PARIS, SHANGHAI, CANCUN, PRAGUE, OSAKA)
}


@dataclass(frozen=True, slots=True)
class StateCase:
    """One post of one test: what to run and what has to come out."""

    name: str
    fork: str
    test: dict[str, Any]
    post: dict[str, Any]


def state_cases(root: Path, fork: str, skip: tuple[str, ...] = ()) -> list[StateCase]:
    """Every case of a fork below a folder, in a fixed order; `skip` names parts of paths."""
    cases = []
    for path in sorted(root.rglob("*.json")):
        if any(part in str(path) for part in skip):
            continue
        for name, test in json.loads(path.read_text()).items():
            for index, post in enumerate(test.get("post", {}).get(fork, ())):
                cases.append(StateCase(f"{path.stem}/{name[-100:]}#{index}", fork, test, post))
    return cases


def sample(cases: list[StateCase], count: int, seed: int = 1) -> list[StateCase]:
    """A seeded choice, so that a failure comes again."""
    return random.Random(seed).sample(cases, min(count, len(cases)))


def disagreement(case: StateCase) -> str | None:
    """Run a case; None where acceptance, state root and logs are as written, else what is not."""
    state, block = state_of(case.test["pre"]), _block(case)
    logs: tuple = ()
    refusal = None
    try:
        tx = decode_transaction(_bytes(case.post["txbytes"]))
        transition = Transition(state, block)
        blob_gas = block.rules.max_blob_gas
        applied = transition.apply(tx, recover_sender(tx), block.gas_limit, blob_gas)
        logs = applied.outcome.logs
    except StemmaError as error:
        refusal = error
    expected = case.post.get("expectException")
    if (refusal is None) != (expected is None):
        return f"refusal expected: {expected}; got: {refusal}"
    state.begin_transaction()
    root = state.compute_root()
    if root != _bytes(case.post["hash"]):
        return f"state root 0x{root.hex()}, expected {case.post['hash']}"
    digest = keccak256(rlp.encode([(log.address, log.topics, log.data) for log in logs]))
    return None if digest == _bytes(case.post["logs"]) else "logs differ"


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def state_of(pre: dict[str, Any]) -> State:
    """The state that a fixture writes as `pre`."""
    state = State(MemoryStateStore())
    for text, account in pre.items():
        address = Address(_bytes(text))
        state.set_nonce(address, int(account["nonce"], 16))
        state.set_balance(address, int(account["balance"], 16))
        if len(account["code"]) > 2:
            state.set_code(address, _bytes(account["code"]))
        for slot, value in account["storage"].items():
            state.set_storage(address, int(slot, 16), int(value, 16))
    state.compute_root()
    return state


def _randao(case: StateCase) -> Hash32:
    """What opcode 0x44 gives: before the Merge the difficulty."""
    env = case.test["env"]
    if case.fork in ("Berlin", "London"):
        return Hash32(int(env["currentDifficulty"], 16).to_bytes(32, "big"))
    return Hash32(_bytes(env.get("currentRandom", "0x" + "00" * 32)))


def _block(case: StateCase) -> BlockEnvironment:
    env, config, rules = case.test["env"], case.test.get("config", {}), RULES[case.fork]
    return BlockEnvironment(
        chain_id=int(config.get("chainid", "0x1"), 16),
        number=int(env["currentNumber"], 16),
        timestamp=int(env["currentTimestamp"], 16),
        coinbase=Address(_bytes(env["currentCoinbase"])),
        prev_randao=_randao(case),
        gas_limit=int(env["currentGasLimit"], 16),
        base_fee=0 if case.fork == "Berlin" else int(env.get("currentBaseFee", "0x0a"), 16),
        blob_base_fee=blob_base_fee(int(env.get("currentExcessBlobGas", "0x0"), 16), rules.blobs),
        block_hash=lambda number: keccak256(str(number).encode()),
        rules=rules,
    )
