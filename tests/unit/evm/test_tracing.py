"""What tracers tell: logs, selectors, bounds, and the state before and after."""

from __future__ import annotations

import pytest
from execution import (
    L1_CONFIG,
    L2_CONFIG,
    STRANGER,
    USERS,
    attributes,
    deploying,
    deposit,
    engine,
    run,
    send,
)
from witness_blocks import ALLOCATION, DESTROY, DESTROY_CODE, STORE

from chain.abi import encode, selector
from chain.types import Address
from evm.call import CallRequest
from evm.prestate import PrestateTracer
from evm.tracing import Allowance, CallTracer, FourByteTracer, StructLogger, TraceTooLarge
from genesis import addresses
from genesis.allocation import GenesisAccount
from genesis.interfaces import DATANET_REGISTRY

# LOG1(topic 7, one word of memory)
LOG_CODE = bytes.fromhex("6007602060" + "00a1")
# CALL 0x71... (which logs and reverts), LOG0, CALL 0x70... (which logs), stop
LOGS, REVERTS, OUTER = (Address(bytes((byte,)) * 20) for byte in (0x70, 0x71, 0x72))
OUTER_CODE = (
    bytes.fromhex("5f5f5f5f5f73")
    + REVERTS
    + bytes.fromhex("5af1505f5fa05f5f5f5f5f73")
    + LOGS
    + bytes.fromhex("5af100")
)
LOGGING = {
    LOGS: GenesisAccount(nonce=1, code=LOG_CODE),
    REVERTS: GenesisAccount(nonce=1, code=LOG_CODE + bytes.fromhex("5f5ffd")),
    OUTER: GenesisAccount(nonce=1, code=OUTER_CODE),
}


def word(value):
    return value.to_bytes(32, "big")


def hexed(address):
    return "0x" + address.hex()


def traced(config, extra, make, *transactions):
    """What a tracer says of the last transaction of a block."""
    chain = engine(config, ALLOCATION | extra)
    block = run(chain, *transactions).block
    replay = chain.replay(block)
    replay.skip_to(len(transactions) - 1)
    tracer = make(replay)
    applied = replay.advance(tracer)
    return tracer.result(applied.outcome, applied.gas_used)


def prestate(**options):
    return lambda replay: PrestateTracer(
        replay.state, (replay.block.header.beneficiary,), **options
    )


def test_logs_stand_at_their_frames_and_failed_ones_are_gone():
    root = traced(
        L2_CONFIG,
        LOGGING,
        lambda replay: CallTracer(with_logs=True, first_log_index=replay.log_count),
        send(0, 0, LOGS),
        send(0, 1, OUTER),
    )
    failed, inner = root["calls"]
    assert "logs" not in failed
    assert [(log["index"], log["position"], log["topics"]) for log in root["logs"]] == [
        ("0x1", "0x1", [])
    ]
    assert [(log["index"], log["address"]) for log in inner["logs"]] == [("0x2", hexed(LOGS))]
    assert inner["logs"][0]["topics"] == ["0x" + word(7).hex()]


def test_logs_of_inner_frames_are_left_out_with_the_frames():
    root = traced(
        L2_CONFIG,
        LOGGING,
        lambda _replay: CallTracer(with_logs=True, only_top_call=True),
        send(0, 0, OUTER),
    )
    assert "calls" not in root
    assert len(root["logs"]) == 1


def test_logs_of_native_precompiles_are_heard():
    data = DATANET_REGISTRY.encode_call("createDatanet", "rows", bytes(32), bytes(32), True)
    root = traced(
        L2_CONFIG,
        {},
        lambda _replay: CallTracer(with_logs=True),
        send(0, 0, addresses.DATANET_REGISTRY, data=data, gas=1_000_000),
    )
    assert [log["address"] for log in root["logs"]] == [hexed(addresses.DATANET_REGISTRY)]


def test_deposit_that_cannot_run_is_one_failed_frame():
    root = traced(L2_CONFIG, {}, lambda _replay: CallTracer(), deposit(STRANGER, USERS[1], value=5))
    assert (root["type"], root["from"], root["value"]) == ("CALL", hexed(STRANGER), "0x5")
    assert "insufficient funds" in root["error"]


def test_destruction_is_a_frame_of_its_own():
    root = traced(L2_CONFIG, {}, lambda _replay: CallTracer(), send(0, 0, DESTROY))
    (frame,) = root["calls"]
    assert frame == {
        "type": "SELFDESTRUCT",
        "from": hexed(DESTROY),
        "to": "0x" + "78" * 20,
        "gas": "0x0",
        "gasUsed": "0x0",
        "input": "0x",
        "value": hex(1000),
    }


@pytest.mark.parametrize(
    ("code", "kind", "data"),
    [
        # MSTORE(0, 7), then CALL or CALLCODE with 2000 wei and that word
        pytest.param("60075f525f5f60205f6107d073%s610fff%s00", "f1", word(7), id="CALL"),
        pytest.param("60075f525f5f60205f6107d073%s610fff%s00", "f2", word(7), id="CALLCODE"),
        # MSTORE(0, 7), then CREATE or CREATE2 with 2000 wei and that word as init code
        pytest.param("60075f5260205f6107d0%sf000", "", word(7), id="CREATE"),
        pytest.param("60075f525f60205f6107d0%sf500", "", word(7), id="CREATE2"),
    ],
)
def test_call_that_cannot_be_paid_is_a_failed_frame(request, code, kind, data):
    filled = code % ((STRANGER.hex(), kind) if kind else "")
    contract = GenesisAccount(nonce=1, balance=1999, code=bytes.fromhex(filled))
    root = traced(L2_CONFIG, {OUTER: contract}, lambda _replay: CallTracer(), send(0, 0, OUTER))
    (frame,) = root["calls"]
    assert frame["type"] == request.node.callspec.id
    assert frame["error"] == "insufficient balance for transfer"
    assert (frame["value"], frame["gasUsed"]) == (hex(2000), "0x0")
    assert frame["input"] == "0x" + data.hex()
    assert ("to" in frame) == bool(kind)
    if kind:
        assert int(frame["gas"], 16) == 0xFFF + 2300
    assert "error" not in root


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (selector("Panic(uint256)") + word(0x11), "arithmetic underflow or overflow"),
        (selector("Panic(uint256)") + word(0x99), "unknown panic code: 0x99"),
        (selector("Error(string)") + encode(["string"], ["no"]), "no"),
        (selector("Error(string)") + word(1), None),
        (selector("Custom(uint256)") + word(1), None),
        (b"", None),
    ],
)
def test_reason_of_a_revert_is_told(output, reason):
    # the transaction creates nothing: its init code reverts with what follows it
    size = len(output)
    data = bytes((0x60, size, 0x60, 12, 0x5F, 0x39, 0x60, size, 0x5F, 0xFD, 0, 0)) + output
    root = traced(L2_CONFIG, {}, lambda _replay: CallTracer(), send(0, 0, None, data=data))
    assert root["error"] == "execution reverted"
    assert root.get("revertReason") == reason
    assert root.get("output", "0x") == "0x" + output.hex()


def test_code_that_cannot_be_paid_for_is_named():
    root = traced(
        L2_CONFIG, {}, lambda _replay: CallTracer(), send(0, 0, None, data=deploying(bytes(400)))
    )
    assert root["error"] == "contract creation code storage out of gas"


def test_selectors_are_counted_with_the_size_of_what_follows():
    counts = traced(
        L2_CONFIG, {}, lambda _replay: FourByteTracer(), send(0, 0, STORE, data=word(1) * 2)
    )
    assert counts == {"0x00000000-60": 1}


def test_struct_log_stops_at_its_limit():
    body = traced(
        L2_CONFIG, {}, lambda _replay: StructLogger(limit=3), send(0, 0, STORE, data=word(1) * 2)
    )
    assert [log["op"] for log in body["structLogs"]] == ["PUSH1", "CALLDATALOAD", "PUSH1"]
    assert body["gas"] > 21_000


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda replay, few: StructLogger(allowance=few), id="struct logs"),
        pytest.param(lambda replay, few: CallTracer(allowance=few), id="call tree"),
        pytest.param(
            lambda replay, few: CallTracer(allowance=few, with_logs=True, only_top_call=True),
            id="logs",
        ),
        pytest.param(lambda replay, few: PrestateTracer(replay.state, allowance=few), id="state"),
    ],
)
def test_trace_that_grows_too_large_is_refused(make):
    with pytest.raises(TraceTooLarge, match="trace too large"):
        traced(L2_CONFIG, LOGGING, lambda replay: make(replay, Allowance(20)), send(0, 0, OUTER))


def test_struct_log_shows_memory_and_return_data_where_there_are_any():
    # MSTORE(0, 1), STATICCALL the identity precompile with it, stop
    code = bytes.fromhex("60015f525f5f60205f60045afa00")
    body = traced(
        L1_CONFIG,
        {OUTER: GenesisAccount(nonce=1, code=code)},
        lambda _replay: StructLogger(with_memory=True, with_return_data=True),
        send(0, 0, OUTER, chain_id=900),
    )
    logs = body["structLogs"]
    assert "memory" not in logs[0]
    assert logs[-1]["memory"] == ["0x" + word(1).hex()]
    assert "returnData" not in logs[-2]
    assert logs[-1]["returnData"] == "0x" + word(1).hex()


def test_prestate_holds_what_was_used_as_it_was():
    body = traced(
        L1_CONFIG, {}, prestate(), send(0, 0, STORE, data=word(1) + word(9), chain_id=900)
    )
    assert set(body) == {hexed(USERS[0]), hexed(STORE)}
    assert body[hexed(STORE)]["storage"] == {"0x" + word(1).hex(): "0x" + word(1).hex()}
    assert body[hexed(STORE)]["nonce"] == 1
    assert "nonce" not in body[hexed(USERS[0])]


def test_prestate_is_that_before_the_transaction_and_not_before_the_block():
    calls = [send(0, nonce, STORE, data=word(1) + word(9 + nonce)) for nonce in range(2)]
    body = traced(L2_CONFIG, {}, prestate(), *calls)
    assert body[hexed(USERS[0])]["nonce"] == 1
    assert body[hexed(STORE)]["storage"] == {"0x" + word(1).hex(): "0x" + word(9).hex()}


def test_difference_shows_what_changed_and_nothing_else():
    body = traced(
        L1_CONFIG,
        {},
        prestate(diff_mode=True),
        send(0, 0, STORE, data=word(1) + bytes(32), chain_id=900),
    )
    store = hexed(STORE)
    assert body["post"][store] == {}
    assert body["pre"][store]["storage"] == {"0x" + word(1).hex(): "0x" + word(1).hex()}
    assert body["post"][hexed(USERS[0])]["nonce"] == 1
    assert hexed(addresses.SEQUENCER_FEE_VAULT) not in body["pre"]
    assert set(body["post"][hexed(addresses.SEQUENCER_FEE_VAULT)]) == {"balance"}


def test_difference_of_a_creation_has_the_code_in_post_only():
    body = traced(
        L1_CONFIG,
        {},
        prestate(diff_mode=True),
        send(0, 0, None, data=deploying(DESTROY_CODE), chain_id=900),
    )
    (created,) = [account for account in body["post"].values() if "code" in account]
    assert created["code"] == "0x" + DESTROY_CODE.hex()
    assert created["nonce"] == 1
    assert not any("code" in account for account in body["pre"].values())


def test_storage_of_native_precompiles_is_part_of_the_prestate():
    data = DATANET_REGISTRY.encode_call("createDatanet", "rows", bytes(32), bytes(32), True)
    body = traced(
        L2_CONFIG,
        {},
        prestate(diff_mode=True),
        send(0, 0, addresses.DATANET_REGISTRY, data=data, gas=1_000_000),
    )
    assert body["post"][hexed(addresses.DATANET_REGISTRY)]["storage"]
    assert hexed(addresses.BASE_FEE_VAULT) in body["post"]


def test_code_and_storage_can_be_left_out():
    body = traced(
        L1_CONFIG,
        {},
        prestate(with_code=False, with_storage=False),
        send(0, 0, STORE, data=word(1) * 2, chain_id=900),
    )
    assert set(body[hexed(STORE)]) == {"balance", "nonce", "codeHash"}


def test_empty_accounts_are_listed_on_request():
    body = traced(L1_CONFIG, {}, prestate(include_empty=True), send(0, 0, chain_id=900))
    assert body[hexed(STRANGER)] == {"balance": "0x0"}


def test_tracing_changes_no_result():
    chain = engine(L2_CONFIG, ALLOCATION | LOGGING)
    block = run(chain, send(0, 0, OUTER), send(1, 0, STORE, data=word(1) * 2)).block
    plain, heard = chain.replay(block), chain.replay(block)
    for make in (lambda: CallTracer(with_logs=True), lambda: PrestateTracer(heard.state)):
        assert heard.advance(make()) == plain.advance()
    assert heard.state.compute_root() == plain.state.compute_root()


def test_call_is_traced_on_a_state_that_shows_what_it_did():
    chain = engine(L1_CONFIG, ALLOCATION)
    head = chain.header(chain.heads.unsafe.hash)
    state = chain.watched_state_at(head)
    tracer = PrestateTracer(state, diff_mode=True)
    outcome, used = chain.simulator(head, state=state).trace(
        CallRequest(USERS[0], DESTROY), 1_000_000, tracer
    )
    body = tracer.result(outcome, used)
    assert body["post"][hexed(DESTROY)] == {"balance": "0x0"}
    assert body["post"]["0x" + "78" * 20] == {"balance": hex(1000)}
    assert attributes(chain)  # the chain itself is as before
    assert chain.state_at(head).get_balance(DESTROY) == 1000
