"""Calls without a transaction: results, overrides, estimates and traces; nothing ever stays."""

from __future__ import annotations

import pytest
from execution import FUNDS, STRANGER, USERS, deploying, engine, run, send

from chain.abi import encode, selector
from chain.types import Address
from evm.call import AccountOverride, BlockOverride, CallFailed, CallRequest
from evm.errors import Fault, InvalidTransaction
from evm.tracing import CallTracer, StructLogger
from genesis import addresses
from genesis.allocation import GenesisAccount
from genesis.interfaces import INTERFACES

OTHER = Address(b"\x6b" * 20)
RETURNS_SLOT_0 = bytes.fromhex("5f545f5260205ff3")
RETURNS_NUMBER_AND_BASE_FEE = bytes.fromhex("435f524860205260405ff3")
COUNTS = bytes.fromhex("5f546001015f5500")
REASON = selector("Error(string)") + encode(["string"], ["not today"])
# Copies the revert data that follows the code and reverts with it.
REVERTS = bytes.fromhex("606480600b5f395ffd0000") + REASON
BURNS = bytes.fromhex("5b5f56")
CALLS_OTHER = bytes.fromhex("5f5f5f5f5f73") + OTHER + bytes.fromhex("5af100")


def with_code(code, **more):
    account = GenesisAccount(nonce=1, code=code, **more)
    chain = engine(extra={STRANGER: account, OTHER: GenesisAccount(nonce=1, code=COUNTS)})
    return chain, chain.header(chain.heads.unsafe.hash)


def word(output):
    return int.from_bytes(output, "big")


def test_call_returns_output_and_gas_and_changes_nothing():
    chain, head = with_code(COUNTS)
    result = chain.call(CallRequest(USERS[0], STRANGER), head)
    assert (result.error, result.gas_used) == (None, 21_000 + 2 + 2100 + 3 + 3 + 2 + 20_000)
    assert chain.state_at(head).get_storage(STRANGER, 0) == 0


def test_revert_comes_with_its_data():
    chain, head = with_code(REVERTS)
    result = chain.call(CallRequest(USERS[0], STRANGER), head)
    assert (result.error, result.output) == ("execution reverted", REASON)


def test_call_from_nobody_needs_no_money():
    chain, head = with_code(RETURNS_SLOT_0, storage={0: 9})
    assert word(chain.call(CallRequest(to=STRANGER), head).output) == 9


def test_call_sees_the_block_it_is_made_at_and_no_base_fee_without_a_price():
    chain, head = with_code(RETURNS_NUMBER_AND_BASE_FEE)
    head = run(chain).header
    free = chain.call(CallRequest(USERS[0], STRANGER), head).output
    paid = chain.call(CallRequest(USERS[0], STRANGER, gas_price=10**10), head).output
    assert (word(free[:32]), word(free[32:])) == (1, 0)
    assert word(paid[32:]) == head.base_fee_per_gas


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (AccountOverride(state={0: 5}), 5),
        (AccountOverride(state={1: 5}), 0),
        (AccountOverride(state_diff={0: 6}), 6),
        (AccountOverride(state_diff={1: 6}), 9),
        (AccountOverride(code=bytes.fromhex("602a5f5260205ff3")), 42),
    ],
)
def test_account_override(override, expected):
    chain, head = with_code(RETURNS_SLOT_0, storage={0: 9})
    result = chain.call(
        CallRequest(USERS[0], STRANGER), head, account_overrides={STRANGER: override}
    )
    assert word(result.output) == expected


def test_balance_override_pays():
    chain, head = with_code(b"\x00")
    poor = CallRequest(OTHER, STRANGER, value=10**30)
    with pytest.raises(InvalidTransaction) as caught:
        chain.call(poor, head)
    assert caught.value.fault is Fault.INSUFFICIENT_FUNDS
    rich = {OTHER: AccountOverride(balance=10**30)}
    assert chain.call(poor, head, account_overrides=rich).error is None


def test_block_override():
    chain, head = with_code(RETURNS_NUMBER_AND_BASE_FEE)
    pretended = BlockOverride(number=77, base_fee=5)
    request = CallRequest(USERS[0], STRANGER, gas_price=7)
    output = chain.call(request, head, block_override=pretended).output
    assert (word(output[:32]), word(output[32:])) == (77, 5)


def test_gas_is_bounded_by_the_cap():
    chain, head = with_code(BURNS)
    result = chain.call(CallRequest(USERS[0], STRANGER, gas=10**12), head, gas_cap=100_000)
    assert (result.error, result.gas_used) == ("out of gas", 100_000)


def test_native_precompile_answers_a_call():
    chain, head = with_code(b"\x00")
    registry = INTERFACES["worker_registry"]
    request = CallRequest(to=addresses.WORKER_REGISTRY, data=registry.encode_call("totalBond"))
    assert word(chain.call(request, head).output) == 0


@pytest.mark.parametrize(
    "request_",
    [
        CallRequest(USERS[0], OTHER, value=3),
        CallRequest(USERS[0], STRANGER),
        CallRequest(USERS[0], None, data=deploying(COUNTS)),
        CallRequest(USERS[0], STRANGER, data=b"\x01" * 500),
    ],
    ids=["count", "nested", "create", "data"],
)
def test_estimate_suffices_and_is_near_the_least(request_):
    chain, head = with_code(CALLS_OTHER)
    estimate = chain.estimate_gas(request_, head)
    tx = send(0, 0, request_.to, value=request_.value, data=request_.data, gas=estimate)
    assert run(chain, tx).receipts[0].succeeded
    least = estimate * 985 // 1000 - 1
    small = CallRequest(
        request_.sender, request_.to, gas=least, value=request_.value, data=request_.data
    )
    try:
        assert chain.call(small, head).gas_used <= least
    except InvalidTransaction as error:
        assert error.fault in (Fault.INTRINSIC_GAS, Fault.FLOOR_DATA_GAS)


def test_estimate_of_a_plain_transfer_is_exact():
    chain, head = with_code(b"")
    assert chain.estimate_gas(CallRequest(USERS[0], Address(b"\x01" * 20), value=1), head) == 21_000


def test_estimate_of_a_call_that_reverts_gives_the_reason():
    chain, head = with_code(REVERTS)
    with pytest.raises(CallFailed, match="execution reverted") as caught:
        chain.estimate_gas(CallRequest(USERS[0], STRANGER), head)
    assert caught.value.result.output == REASON


def test_estimate_of_a_call_without_end_names_the_allowance():
    chain, head = with_code(BURNS)
    with pytest.raises(CallFailed, match=r"gas required exceeds allowance \(60000\)"):
        chain.estimate_gas(CallRequest(USERS[0], STRANGER), head, gas_cap=60_000)


def test_estimate_with_a_price_is_bounded_by_the_balance():
    chain, head = with_code(BURNS)
    price = FUNDS // 50_000
    with pytest.raises(CallFailed, match=r"exceeds allowance \(50000\)"):
        chain.estimate_gas(CallRequest(USERS[0], STRANGER, gas_price=price), head)


# -- traces


def test_call_tree_shows_nested_calls_and_reasons():
    chain, head = with_code(CALLS_OTHER)
    tracer = CallTracer()
    outcome, used = chain.trace_call(CallRequest(USERS[0], STRANGER, gas=90_000), head, tracer)
    tree = tracer.result(outcome, used)
    assert (tree["type"], tree["gas"], tree["gasUsed"]) == ("CALL", hex(90_000), hex(used))
    (inner,) = tree["calls"]
    assert (inner["type"], inner["to"], inner["from"]) == (
        "CALL",
        "0x" + OTHER.hex(),
        "0x" + STRANGER.hex(),
    )
    chain, head = with_code(REVERTS)
    tracer = CallTracer()
    chain.trace_call(CallRequest(USERS[0], STRANGER), head, tracer)
    assert (tracer.root["error"], tracer.root["revertReason"]) == (
        "execution reverted",
        "not today",
    )


@pytest.mark.parametrize(
    ("opcode", "value", "kind"),
    [
        (0xF1, "5f", "CALL"),
        (0xF2, "5f", "CALLCODE"),
        (0xF4, "", "DELEGATECALL"),
        (0xFA, "", "STATICCALL"),
    ],
)
def test_call_tree_names_the_kind_of_call(opcode, value, kind):
    code = bytes.fromhex("5f5f5f5f" + value + "73") + OTHER + bytes((0x5A, opcode, 0))
    chain, head = with_code(code)
    tracer = CallTracer()
    chain.trace_call(CallRequest(USERS[0], STRANGER), head, tracer)
    (inner,) = tracer.root["calls"]
    assert (inner["type"], inner["to"]) == (kind, "0x" + OTHER.hex())
    assert ("value" in inner) == (kind != "STATICCALL")


def test_struct_log_adds_up_and_agrees_with_the_untraced_run():
    chain, head = with_code(CALLS_OTHER)
    request = CallRequest(USERS[0], STRANGER)
    logger = StructLogger()
    outcome, used = chain.trace_call(request, head, logger)
    assert used == chain.call(request, head).gas_used
    logs = logger.result(outcome, used)["structLogs"]
    inner = [log for log in logs if log["depth"] == 2]
    assert [log["op"] for log in inner] == [
        "PUSH0",
        "SLOAD",
        "PUSH1",
        "ADD",
        "PUSH0",
        "SSTORE",
        "STOP",
    ]
    assert inner[1]["gasCost"] == 2100
    assert inner[5]["storage"] == {"0x" + "0" * 64: "0x" + "0" * 63 + "1"}
    call = next(log for log in logs if log["op"] == "CALL")
    assert call["gasCost"] == inner[0]["gas"] + 2600
    assert logs[0]["stack"] == []


def test_trace_of_an_invalid_opcode_names_it():
    chain, head = with_code(b"\xfe")
    logger = StructLogger()
    outcome, _ = chain.trace_call(CallRequest(USERS[0], STRANGER), head, logger)
    assert outcome.error == "invalid opcode: INVALID"
    assert logger.logs[-1]["error"] == "invalid opcode: INVALID"
