"""The Engine API's methods on an L2: verdicts, versions, error codes. Nothing here opens a socket.

The expected codes are those of execution-apis src/engine/common.md.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_api import ExecutionClient

from chain.transaction import DepositTransaction, DynamicFeeTransaction, sign_transaction
from evm.executor import PayloadAttributes
from genesis.allocation import l2_genesis
from genesis.config import ForkTimes
from genesis.dev_accounts import dev_account
from genesis.presets import l2_preset
from node.engine_api import payloads
from node.engine_api.namespace import CANCUN, OSAKA, PARIS, PRAGUE, SHANGHAI, era_at
from node.rpc.hexadecimal import data

TIME = 1_700_000_000
SPEC = l2_genesis(l2_preset("minimal"), TIME, chain_id=901)
ZERO = "0x" + "00" * 32
UNKNOWN = "0x" + "77" * 32
ALICE = dev_account("account0")
DEPOSIT = DepositTransaction(
    b"\x05" * 32, b"\x01" * 20, b"\x02" * 20, 10**18, 0, 100_000, False, b""
)


@pytest.fixture
def client():
    made = ExecutionClient(SPEC)
    yield made
    made.close()


def transfer(nonce, gas_limit=21_000):
    return sign_transaction(
        DynamicFeeTransaction(
            chain_id=901, nonce=nonce, gas_limit=gas_limit, to=b"\x99" * 20, value=1, data=b"",
            max_priority_fee_per_gas=10**9, max_fee_per_gas=20 * 10**9,
        ),
        ALICE.private_key,
    )  # fmt: skip


def attributes(client, *, seconds=2, **changes):
    head = client.backend.head()
    return {
        "timestamp": hex(head.timestamp + seconds),
        "prevRandao": "0x" + "01" * 32,
        "suggestedFeeRecipient": "0x" + "42" * 20,
        "withdrawals": [],
        "parentBeaconBlockRoot": "0x" + "03" * 32,
        "transactions": [data(DEPOSIT.encode())],
        "noTxPool": True,
        "gasLimit": hex(30_000_000),
        "eip1559Params": "0x000000fa00000006",
        **changes,
    }


def state(head, safe=ZERO, finalized=ZERO):
    return {"headBlockHash": head, "safeBlockHash": safe, "finalizedBlockHash": finalized}


def head_hash(client):
    return data(client.backend.head().hash)


def begin(client, **changes):
    """Begin a block on the head; its payload id."""
    answer = client.call(
        "engine_forkchoiceUpdatedV3", state(head_hash(client)), attributes(client, **changes)
    )
    assert answer["payloadStatus"]["status"] == "VALID"
    return answer["payloadId"]


def build(client, **changes):
    """A block on the head, not imported yet: its envelope."""
    return client.call("engine_getPayloadV4", begin(client, **changes))


def submit(client, envelope, **changes):
    payload = {**envelope["executionPayload"], **changes}
    root = envelope["parentBeaconBlockRoot"]
    return client.call("engine_newPayloadV4", payload, [], root, envelope["executionRequests"])


def extend(client, **changes):
    """Build a block, import it, make it the head; its hash."""
    envelope = build(client, **changes)
    assert submit(client, envelope)["status"] == "VALID"
    block_hash = envelope["executionPayload"]["blockHash"]
    client.call("engine_forkchoiceUpdatedV3", state(block_hash), None)
    return block_hash


# -- building


def test_a_block_of_forced_transactions_is_built_imported_and_made_the_head(client):
    envelope = build(client)
    assert envelope["executionPayload"]["transactions"] == [data(DEPOSIT.encode())]
    assert envelope["executionPayload"]["withdrawalsRoot"] is not None
    assert envelope["executionRequests"] == []
    assert envelope["blobsBundle"] == {"commitments": [], "proofs": [], "blobs": []}
    assert client.backend.head().number == 0
    verdict = submit(client, envelope)
    block_hash = envelope["executionPayload"]["blockHash"]
    assert verdict == {"status": "VALID", "latestValidHash": block_hash, "validationError": None}
    assert client.backend.head().number == 0  # known, not yet the head
    client.call("engine_forkchoiceUpdatedV3", state(block_hash), None)
    assert head_hash(client) == block_hash


def test_the_pool_fills_a_block_only_where_it_may(client):
    tx = transfer(0)
    client.call("eth_sendRawTransaction", data(tx.encode()))
    closed = build(client, noTxPool=True)["executionPayload"]
    opened = build(client, noTxPool=False)
    assert closed["transactions"] == [data(DEPOSIT.encode())]
    assert opened["executionPayload"]["transactions"][1:] == [data(tx.encode())]
    assert int(opened["blockValue"], 16) == 21_000 * 10**9
    assert submit(client, opened)["status"] == "VALID"


def test_the_same_attributes_have_the_same_payload_id(client):
    assert begin(client) == begin(client)
    assert begin(client) != begin(client, seconds=4)
    assert begin(client).startswith("0x03")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"transactions": [data(transfer(5).encode())]}, "nonce too high"),
        ({"transactions": ["0x02c0"]}, ""),
        ({"gasLimit": None}, "gasLimit is missing"),
        ({"eip1559Params": None}, "eip1559Params is missing since Holocene"),
        ({"eip1559Params": "0x00"}, "expected 8 bytes, got 1"),
        ({"eip1559Params": "0x000000fa00000000"}, "both or none"),
        ({"minBaseFee": 5}, "minBaseFee is not known before Jovian"),
        ({"withdrawals": None}, "withdrawals is missing"),
        ({"parentBeaconBlockRoot": None}, "parentBeaconBlockRoot is missing"),
        ({"timestamp": hex(TIME)}, "is not after the head's"),
        ({"withdrawals": [{"index": "0x0", "validatorIndex": "0x0",
                           "address": "0x" + "01" * 20, "amount": "0x1"}]}, "an L2 has none"),
    ],
)  # fmt: skip
def test_attributes_that_no_block_can_have_answer_38003(client, changes, words):
    block_hash = extend(client)
    extend(client)
    code, message, detail = client.error(
        "engine_forkchoiceUpdatedV3", state(block_hash), attributes(client, **changes)
    )
    assert (code, message) == (-38003, "Invalid payload attributes")
    assert words in detail
    assert head_hash(client) == block_hash  # the heads have moved all the same


def test_unknown_payload_answers_38001(client):
    error = client.error("engine_getPayloadV4", "0x0300000000000000")
    assert error[:2] == (-38001, "Unknown payload")
    assert client.error("engine_getPayloadV4", "0x03")[0] == -32602


# -- new payloads


def test_a_payload_without_its_parent_waits(client):
    envelope = build(client)
    orphan = submit(client, envelope, parentHash=UNKNOWN, blockHash=UNKNOWN)
    assert orphan["status"] == "INVALID"  # its hash is not even its own
    assert "blockhash mismatch" in orphan["validationError"]
    assert orphan["latestValidHash"] is None
    other = ExecutionClient(SPEC)
    first, second = build(client), None
    submit(client, first)
    client.call("engine_forkchoiceUpdatedV3", state(first["executionPayload"]["blockHash"]), None)
    second = build(client)
    assert submit(other, second) == {
        "status": "SYNCING", "latestValidHash": None, "validationError": None,
    }  # fmt: skip
    assert submit(other, first)["status"] == "VALID"
    assert submit(other, second)["status"] == "VALID"
    other.close()


def test_an_invalid_payload_and_its_children_are_refused_with_the_newest_valid_block(client):
    envelope = build(client)
    block = payloads.read_payload(
        {**envelope["executionPayload"], "gasUsed": "0x1"},
        payloads.BlockExtras(b"\x03" * 32, ()),
    ).block
    forged = {"gasUsed": "0x1", "blockHash": data(block.hash)}
    genesis = head_hash(client)
    for _ in range(2):
        verdict = submit(client, envelope, **forged)
        assert (verdict["status"], verdict["latestValidHash"]) == ("INVALID", genesis)
        assert "gas_used is 1, execution gives 21000" in verdict["validationError"]
    child = replace(block.header, parent_hash=block.hash, number=2, timestamp=TIME + 4)
    verdict = submit(
        client, envelope, parentHash=data(block.hash), blockNumber="0x2",
        timestamp=hex(TIME + 4), gasUsed="0x1", blockHash=data(child.hash),
    )  # fmt: skip
    assert (verdict["status"], verdict["latestValidHash"]) == ("INVALID", genesis)
    answer = client.call("engine_forkchoiceUpdatedV3", state(data(block.hash)), None)
    assert answer["payloadStatus"]["status"] == "INVALID"
    assert answer["payloadId"] is None


def test_bytes_that_are_no_transaction_make_a_payload_invalid(client):
    envelope = build(client)
    verdict = submit(client, envelope, transactions=["0x7f"])
    assert (verdict["status"], verdict["latestValidHash"]) == ("INVALID", head_hash(client))


def test_blob_hashes_that_are_not_the_payloads_make_it_invalid(client):
    envelope = build(client)
    verdict = client.call(
        "engine_newPayloadV4", envelope["executionPayload"], [UNKNOWN],
        envelope["parentBeaconBlockRoot"], [],
    )  # fmt: skip
    assert verdict["status"] == "INVALID"
    assert "expectedBlobVersionedHashes" in verdict["validationError"]


@pytest.mark.parametrize("field", ["stateRoot", "withdrawals", "blobGasUsed", "baseFeePerGas"])
def test_a_payload_without_one_of_its_fields_answers_32602(client, field):
    envelope = build(client)
    payload = {**envelope["executionPayload"], field: None}
    code, message, _ = client.error(
        "engine_newPayloadV4", payload, [], envelope["parentBeaconBlockRoot"], []
    )
    assert code == -32602
    assert field in message


def test_a_method_of_another_fork_answers_38005(client):
    envelope = build(client)
    payload, root = envelope["executionPayload"], envelope["parentBeaconBlockRoot"]
    assert client.error("engine_newPayloadV3", payload, [], root)[0] == -38005
    assert client.error("engine_getPayloadV3", begin(client))[0] == -38005
    assert client.error("engine_getPayloadV5", begin(client))[0] == -38005
    old = {"withdrawals": None, "blobGasUsed": None, "excessBlobGas": None}
    assert client.error("engine_newPayloadV1", {**payload, **old})[0] == -38005
    code, message, detail = client.error(
        "engine_forkchoiceUpdatedV2", state(head_hash(client)),
        attributes(client, parentBeaconBlockRoot=None),
    )  # fmt: skip
    assert (code, message) == (-38005, "Unsupported fork")
    assert "V2 is not for Prague" in detail


@pytest.mark.parametrize(
    ("method", "field"),
    [
        ("engine_newPayloadV1", "withdrawals"),
        ("engine_newPayloadV2", "blobGasUsed"),
    ],
)
def test_a_field_of_a_later_version_answers_32602(client, method, field):
    code, message, _ = client.error(method, build(client)["executionPayload"])
    assert code == -32602
    assert field in message


def test_attributes_with_a_field_of_a_later_version_answer_38003(client):
    code, _, detail = client.error(
        "engine_forkchoiceUpdatedV2", state(head_hash(client)), attributes(client)
    )
    assert code == -38003
    assert "parentBeaconBlockRoot is not part of version 2" in detail


# -- fork choice


def test_an_unknown_head_is_waited_for(client):
    answer = client.call("engine_forkchoiceUpdatedV3", state(UNKNOWN), attributes(client))
    assert answer["payloadStatus"]["status"] == "SYNCING"
    assert answer["payloadId"] is None


def test_safe_and_finalized_move_with_the_head_and_may_not_leave_its_chain(client):
    first, second = extend(client), extend(client)
    client.call("engine_forkchoiceUpdatedV3", state(second, second, first), None)
    heads = client.engine.heads
    assert (data(heads.safe.hash), data(heads.finalized.hash)) == (second, first)
    for bad in (state(second, UNKNOWN), state(second, second, UNKNOWN), state(first, second)):
        code, message, _ = client.error("engine_forkchoiceUpdatedV3", bad, None)
        assert (code, message) == (-38002, "Invalid forkchoice state")
    assert client.engine.heads == heads


def test_an_l2_head_may_go_back_and_returns_its_transactions_to_the_pool(client):
    genesis = head_hash(client)
    tx = transfer(0)
    client.call("eth_sendRawTransaction", data(tx.encode()))
    first = extend(client, noTxPool=False)
    extend(client)
    client.call("engine_forkchoiceUpdatedV3", state(genesis), None)
    assert head_hash(client) == genesis
    assert [item.hash for item in client.returned] == [tx.hash]
    client.call("engine_forkchoiceUpdatedV3", state(first), None)
    assert head_hash(client) == first


def test_a_client_that_knows_an_older_finalized_block_is_not_refused(client):
    first, second = extend(client), extend(client)
    client.call("engine_forkchoiceUpdatedV3", state(second, second, second), None)
    client.call("engine_forkchoiceUpdatedV3", state(second, second, first), None)
    assert data(client.engine.heads.finalized.hash) == second


# -- bodies, capabilities, eras


def test_bodies_come_by_hash_and_by_range(client):
    first, second = extend(client), extend(client)
    body = {"transactions": [data(DEPOSIT.encode())], "withdrawals": []}
    assert client.call("engine_getPayloadBodiesByHashV1", [second, UNKNOWN, first]) == [
        body, None, body,
    ]  # fmt: skip
    assert client.call("engine_getPayloadBodiesByRangeV1", "0x1", "0x5") == [body, body]
    assert client.call("engine_getPayloadBodiesByRangeV1", "0x9", "0x5") == []
    assert client.error("engine_getPayloadBodiesByRangeV1", "0x0", "0x1")[0] == -32602
    assert client.error("engine_getPayloadBodiesByRangeV1", "0x1", "0x401")[0] == -38004
    assert client.error("engine_getPayloadBodiesByHashV1", [UNKNOWN] * 1025)[:2] == (
        -38004,
        "Too large request",
    )


def test_capabilities_are_every_method_but_the_question_itself(client):
    ours = client.call(
        "engine_exchangeCapabilities", ["engine_newPayloadV4", "engine_newPayloadV9"]
    )
    assert "engine_exchangeCapabilities" not in ours
    assert {"engine_newPayloadV4", "engine_getPayloadV5", "engine_forkchoiceUpdatedV1"} <= set(ours)
    (me,) = client.call("engine_getClientVersionV1", {"code": "OP", "name": "op-node"})
    assert (me["code"], me["name"]) == ("ST", "stemma")


def test_eras_of_an_l2_are_those_its_forks_bring_along():
    forks = ForkTimes(
        shanghai=10, canyon=10, cancun=20, ecotone=20, fjord=20, granite=20, holocene=25,
        prague=30, isthmus=30, jovian=40, karst=50,
    )  # fmt: skip
    eras = [era_at(forks, time) for time in (9, 10, 20, 29, 30, 49, 50)]
    assert eras == [PARIS, SHANGHAI, CANCUN, CANCUN, PRAGUE, PRAGUE, OSAKA]


def test_a_block_survives_the_way_through_its_payload(client):
    head = client.backend.head()
    result = client.engine.build(
        PayloadAttributes(
            parent_hash=head.hash, timestamp=TIME + 2, prev_randao=bytes(32),
            fee_recipient=b"\x11" * 20, gas_limit=30_000_000, transactions=(DEPOSIT, transfer(0)),
            eip1559_params=(0, 0), parent_beacon_block_root=b"\x09" * 32,
        )
    )  # fmt: skip
    item = payloads.payload_json(result.block, is_optimism=True)
    extras = payloads.BlockExtras(b"\x09" * 32, ())
    read = payloads.read_payload(item, extras)
    assert read.block == result.block
    assert read.claimed_hash == result.block.hash
