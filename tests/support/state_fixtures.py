"""GeneralStateTests as ethereum/tests and EEST write them: run a case, say what differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fixtures import Fixture, read_tests

from chain import rlp
from chain.crypto.keccak import keccak256
from chain.errors import StemmaError
from chain.state import MemoryStateStore, State
from chain.transaction import decode_transaction, recover_sender
from chain.types import Address, Hash32
from evm.environment import BlockEnvironment
from evm.fees import blob_base_fee
from evm.forks import (
    BERLIN,
    BYZANTIUM,
    CANCUN,
    CONSTANTINOPLE,
    FRONTIER,
    HOMESTEAD,
    ISTANBUL,
    LONDON,
    OSAKA,
    PARIS,
    PETERSBURG,
    PRAGUE,
    SHANGHAI,
    SPURIOUS_DRAGON,
    TANGERINE_WHISTLE,
)
from evm.transition import Transition

RULES = {
    "Frontier": FRONTIER,
    "Homestead": HOMESTEAD,
    "EIP150": TANGERINE_WHISTLE,
    "EIP158": SPURIOUS_DRAGON,
    "Byzantium": BYZANTIUM,
    "Constantinople": CONSTANTINOPLE,
    "ConstantinopleFix": PETERSBURG,
    "Istanbul": ISTANBUL,
    "Berlin": BERLIN,
    "London": LONDON,
    "Paris": PARIS,
    "Shanghai": SHANGHAI,
    "Cancun": CANCUN,
    "Prague": PRAGUE,
    "Osaka": OSAKA,
}


def state_cases(path: Path) -> Iterator[Fixture]:
    """Every case of a file under rules that we have."""
    for test, content in read_tests(path).items():
        for fork, posts in content["post"].items():
            if fork in RULES:
                for index in range(len(posts)):
                    yield Fixture(path, test, fork, index)


def disagreement(case: Fixture) -> str | None:
    """Run a case; None where acceptance, state root and logs are as written, else what is not."""
    test = case.read()
    post = test["post"][case.fork][case.index]
    state, block = state_of(test["pre"]), _block(test, case.fork)
    logs: tuple = ()
    refusal = None
    try:
        tx = decode_transaction(_bytes(post["txbytes"]))
        blob_gas = block.rules.max_blob_gas
        sender = recover_sender(tx, low_s=block.rules.has_low_s)
        applied = Transition(state, block).apply(tx, sender, block.gas_limit, blob_gas)
        logs = applied.outcome.logs
    except StemmaError as error:
        refusal = error
    expected = post.get("expectException")
    if (refusal is None) != (expected is None):
        return f"refusal expected: {expected}; got: {refusal}"
    state.begin_transaction()
    if not block.rules.machine.clears_empty_accounts:
        state.touch(block.coinbase)  # the reward of 0 wei with which the fixtures were filled
    root = state.compute_root()
    if root != _bytes(post["hash"]):
        return f"state root 0x{root.hex()}, expected {post['hash']}"
    digest = keccak256(rlp.encode([(log.address, log.topics, log.data) for log in logs]))
    return None if digest == _bytes(post["logs"]) else "logs differ"


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def state_of(pre: dict[str, Any]) -> State:
    """Make the state that a fixture writes as `pre`."""
    state = State(MemoryStateStore())
    for text, account in pre.items():
        address = Address(_bytes(text))
        state.set_nonce(address, int(account["nonce"], 16))
        state.set_balance(address, int(account["balance"], 16))
        state.touch(address)
        if len(account["code"]) > 2:
            state.set_code(address, _bytes(account["code"]))
        for slot, value in account["storage"].items():
            state.set_storage(address, int(slot, 16), int(value, 16))
    state.compute_root()
    return state


def _randao(env: dict[str, str], fork: str) -> Hash32:
    """What opcode 0x44 gives: before the Merge the difficulty."""
    if RULES[fork].work is not None:
        return Hash32(int(env["currentDifficulty"], 16).to_bytes(32, "big"))
    return Hash32(_bytes(env.get("currentRandom", "0x" + "00" * 32)))


def _block(test: dict[str, Any], fork: str) -> BlockEnvironment:
    env, config, rules = test["env"], test.get("config", {}), RULES[fork]
    return BlockEnvironment(
        chain_id=int(config.get("chainid", "0x1"), 16),
        number=int(env["currentNumber"], 16),
        timestamp=int(env["currentTimestamp"], 16),
        coinbase=Address(_bytes(env["currentCoinbase"])),
        prev_randao=_randao(env, fork),
        gas_limit=int(env["currentGasLimit"], 16),
        base_fee=0 if not rules.has_base_fee else int(env.get("currentBaseFee", "0x0a"), 16),
        blob_base_fee=blob_base_fee(int(env.get("currentExcessBlobGas", "0x0"), 16), rules.blobs),
        block_hash=lambda number: keccak256(str(number).encode()),
        rules=rules,
    )
