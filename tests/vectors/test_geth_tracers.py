"""geth's own cases of callTracer and prestateTracer, each a real transaction with its trace.

Most are from before Berlin, whose rules we do not have: those run by Berlin's and are compared
without what follows from the price of gas or from contracts that began with nonce 0.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from vectors import vectors_root

from chain.state import MemoryStateStore
from chain.transaction import decode_transaction, recover_sender
from chain.types import Address, Hash32
from chain.watched_state import WatchedState
from evm.environment import BlockEnvironment
from evm.fees import blob_base_fee
from evm.forks import BERLIN, CANCUN, LONDON, PRAGUE, SHANGHAI, RuleSet
from evm.prestate import PrestateTracer
from evm.tracing import CallTracer
from evm.transition import Transition

ROOT = vectors_root() / "geth/eth/tracers/internal/tracetest/testdata"
CASES = sorted(path.relative_to(ROOT).with_suffix("").as_posix() for path in ROOT.glob("*/*.json"))

NEW = ("nonce", 1)
SKIPPED = {
    "prestate_tracer/setcode_tx": "geth leaves out the code that runs by a delegation made in the "
    "transaction itself; ours has it",
}


def _number(value: str | int | None) -> int:
    return value if isinstance(value, int) else int(value or "0", 0)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def rules_of(case: dict[str, Any]) -> tuple[RuleSet, bool]:
    """The rules of a case, and whether they are its own and not Berlin's in their place."""
    config, number = case["genesis"]["config"], _number(case["context"]["number"])
    time = _number(case["context"]["timestamp"])
    for fork, rules in (("prague", PRAGUE), ("cancun", CANCUN), ("shanghai", SHANGHAI)):
        if time >= config.get(fork + "Time", time + 1):
            return rules, True
    for fork, rules in (("london", LONDON), ("berlin", BERLIN)):
        if number >= config.get(fork + "Block", number + 1):
            return rules, True
    return BERLIN, False


def state_of(alloc: dict[str, Any]) -> WatchedState:
    state = WatchedState(MemoryStateStore())
    for text, account in alloc.items():
        address = Address(_bytes(text))
        state.touch(address)
        state.set_nonce(address, _number(account.get("nonce")))
        state.set_balance(address, _number(account.get("balance")))
        if len(account.get("code", "")) > 2:
            state.set_code(address, _bytes(account["code"]))
        for slot, value in (account.get("storage") or {}).items():
            state.set_storage(address, int(slot, 16), int(value, 16))
    state.compute_root()
    return state


def block_of(case: dict[str, Any], rules: RuleSet) -> BlockEnvironment:
    context = case["context"]
    excess = _number(case["genesis"].get("excessBlobGas"))
    return BlockEnvironment(
        chain_id=case["genesis"]["config"]["chainId"],
        number=_number(context["number"]),
        timestamp=_number(context["timestamp"]),
        coinbase=Address(_bytes(context["miner"])),
        prev_randao=Hash32(_number(context["difficulty"]).to_bytes(32, "big")),
        gas_limit=_number(context["gasLimit"]),
        base_fee=_number(context.get("baseFeePerGas")),
        blob_base_fee=blob_base_fee(excess, rules.blobs),
        block_hash=lambda _number: None,
        rules=rules,
    )


def tracer_of(name: str, case: dict[str, Any], state: WatchedState, block: BlockEnvironment):
    settings = case.get("tracerConfig") or {}
    if name.startswith("call_tracer"):
        return CallTracer(
            only_top_call=settings.get("onlyTopCall", False),
            with_logs=settings.get("withLog", False),
        )
    return PrestateTracer(
        state,
        (block.coinbase,),
        diff_mode=settings.get("diffMode", False),
        with_code=not settings.get("disableCode"),
        with_storage=not settings.get("disableStorage"),
        include_empty=settings.get("includeEmpty", False),
    )


def trace(name: str, case: dict[str, Any]) -> dict[str, Any]:
    rules, _ = rules_of(case)
    state, block = state_of(case["genesis"]["alloc"]), block_of(case, rules)
    transaction = decode_transaction(_bytes(case["input"]))
    tracer = tracer_of(name, case, state, block)
    applied = Transition(state, block, tracer=tracer).apply(
        transaction, recover_sender(transaction), block.gas_limit, rules.max_blob_gas
    )
    return tracer.result(applied.outcome, applied.gas_used)


def without_gas(value: Any) -> Any:
    """A call tree without its gas."""
    if isinstance(value, list):
        return [without_gas(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_gas(item) for key, item in value.items() if key not in ("gas", "gasUsed")}


def without_fees(body: dict[str, Any]) -> dict[str, Any]:
    """A difference without balances after, which gas has changed, and nonces of new contracts."""
    if "post" not in body:
        return body
    post = {
        name: {
            key: item for key, item in account.items() if key != "balance" and (key, item) != NEW
        }
        for name, account in body["post"].items()
    }
    return {**body, "post": post}


def without_indices(value: Any) -> Any:
    """A call tree as geth wrote it before logs were numbered."""
    if isinstance(value, list):
        return [without_indices(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_indices(item) for key, item in value.items() if key != "index"}


@pytest.mark.parametrize("name", CASES)
def test_trace_is_that_of_geth(name: str):
    if name in SKIPPED:
        pytest.skip(SKIPPED[name])
    case = json.loads((ROOT / f"{name}.json").read_text())
    ours, theirs = trace(name, case), case["result"]
    if not rules_of(case)[1]:
        ours, theirs = without_gas(ours), without_gas(theirs)
        ours, theirs = without_fees(ours), without_fees(theirs)
    if '"index"' not in json.dumps(theirs):
        ours = without_indices(ours)
    assert ours == theirs
