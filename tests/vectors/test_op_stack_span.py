"""Span batches of real OP Stack chains, and their column codecs as Go's op-node writes them."""

from __future__ import annotations

import json

import pytest
from vectors import vectors_root

from chain import rlp
from chain.crypto.keccak import keccak256
from chain.transaction import decode_transaction, recover_sender
from rollup.wire.batch import SingularBatch
from rollup.wire.channel import ChannelOut, read_channel
from rollup.wire.compact import CompactReader, encode_bits, encode_uvarints
from rollup.wire.frame import decode_frames
from rollup.wire.span_batch import SpanBatch, SpanContext, decode_span_batch, span_batch
from rollup.wire.span_transactions import (
    SpanTransactionReader,
    SpanTransactions,
    read_span_transactions,
    span_transactions,
)

ROOT = vectors_root() / "op_stack"
HILDR = ROOT / "hildr"
CODECS = json.loads((HILDR / "spanbatchtxs_expected.json").read_text())["cases"]
INLINE = json.loads((ROOT / "channels" / "inline_channels.json").read_text())
OP_SEPOLIA_GENESIS_TIME_S = 1_691_802_540


def unhex(text):
    return bytes.fromhex(text.strip().removeprefix("0x"))


def column(name):
    return unhex((HILDR / name).read_text())


def expected_of(name):
    return json.loads((ROOT / "channels" / f"{name}.expected.json").read_text())


def real_channel(name):
    """(channel bytes, what they hold) of a channel that stands on L1."""
    if name == "channel_zlib_batch":
        return unhex((ROOT / "channels" / f"{name}.hex").read_text()), expected_of(name)
    case = next(case for case in INLINE if case["name"].startswith(name))
    return decode_frames(unhex(case["data"]))[0].data, expected_of(name)


REAL = ("channel_zlib_batch", "op_sepolia_span_batch")


@pytest.mark.parametrize("name", REAL)
def test_real_channel_gives_its_blocks_and_is_written_back(name):
    data, expected = real_channel(name)
    (batch,) = read_channel(data)
    assert isinstance(batch, SpanBatch)
    assert batch.relative_timestamp == expected["rel_timestamp"]
    assert batch.l1_origin_number == expected["l1_origin_num"]
    assert batch.parent_check == unhex(expected["parent_check"])
    assert batch.l1_origin_check == unhex(expected["l1_origin_check"])
    genesis_time = expected["first_block_timestamp"] - expected["rel_timestamp"]
    context = SpanContext(genesis_time, 2, expected["chain_id"])
    blocks = list(batch.blocks(context))
    assert len(blocks) == expected["block_count"]
    for block, want in zip(blocks, expected["blocks"], strict=True):
        assert block.timestamp == want["timestamp"]
        assert block.epoch_number == want["l1_origin_number"]
        assert [keccak256(raw) for raw in block.transactions] == list(map(unhex, want["tx_hashes"]))
        senders = [recover_sender(decode_transaction(raw)) for raw in block.transactions]
        assert senders == list(map(unhex, want["senders"]))
    # The same from whole blocks, and the same bytes whatever compressed them.
    singular = [
        SingularBatch(
            batch.parent_check + bytes(12),
            block.epoch_number,
            batch.l1_origin_check + bytes(12),
            block.timestamp,
            block.transactions,
        )
        for block in blocks
    ]
    again = span_batch(singular, context, first_changes_origin=batch.changes_origin_first)
    assert again == batch
    for compression in ("zlib", "brotli"):
        channel = ChannelOut(bytes(16), compression)
        channel.add(again)
        (read,) = read_channel(channel.close())
        assert read.encode() == batch.encode()


def test_op_sepolia_batch_counts_from_its_genesis():
    expected = expected_of("op_sepolia_span_batch")
    assert expected["first_block_timestamp"] == (
        OP_SEPOLIA_GENESIS_TIME_S + expected["rel_timestamp"]
    )


@pytest.mark.parametrize(
    ("raw", "blocks", "transactions"),
    [
        pytest.param((ROOT / "channels" / "raw_span_batch.bin").read_bytes(), 4, 39, id="kona"),
        pytest.param(column("spanbatchoriginbits.txt"), 256, 2233, id="hildr"),
    ],
)
def test_raw_span_batch_round_trip(raw, blocks, transactions):
    batch = decode_span_batch(b"\x01" + raw)
    assert batch.block_count == blocks
    assert len(batch.transactions) == transactions
    assert batch.encode() == b"\x01" + raw


def test_bit_list_round_trip():
    case = CODECS["decodeAndEncodeSpanBatchBits"]
    raw = unhex(case["hex"])
    reader = CompactReader(raw, "test")
    assert encode_bits(reader.bits(case["bits"], "bits"), case["bits"]) == raw
    assert reader.remaining == 0


@pytest.mark.parametrize(
    ("case", "total"),
    [
        ("decodeAndEncodeContractCreationBits", "TotalBlockTxCount"),
        ("decodeAndEncodeYParityBits", "TotalBlockTxCount"),
        ("decodeAndEncodeProtectedBits", "TotalLegacyTxCount"),
    ],
)
def test_bit_columns_round_trip(case, total):
    case = CODECS[case]
    raw = column(case["files"][0])
    reader = CompactReader(raw, "test")
    bits = reader.bits(case[total], "bits")
    assert reader.remaining == 0
    assert encode_bits(bits, case[total]) == raw
    assert bits.bit_count() == case.get("contractCreationCount", bits.bit_count())


@pytest.mark.parametrize("case", ["decodeAndEncodeTxNonces", "decodeAndEncodeTxGases"])
def test_number_columns_round_trip(case):
    case = CODECS[case]
    raw = column(case["files"][0])
    reader = CompactReader(raw, "test")
    assert encode_uvarints(reader.uvarints(case["TotalBlockTxCount"], "numbers")) == raw
    assert reader.remaining == 0


def test_recipients_are_as_many_as_transactions_that_create_nothing():
    case = CODECS["decodeAndEncodeTxTos"]
    count = case["TotalBlockTxCount"]
    bits = int(case["contractCreationBits"], 16)
    assert len(column(case["files"][0])) == 20 * (count - bits.bit_count())


def test_signatures_are_64_bytes_each():
    case = CODECS["decodeAndEncodeTxSigs"]
    assert len(column(case["files"][0])) == 64 * case["TotalBlockTxCount"]


LEGACY = rlp.encode((b"", b"", b""))
ACCESS_LIST = b"\x01" + rlp.encode((b"", b"", b"", ()))


@pytest.mark.parametrize(
    ("case", "data", "v_field"),
    [
        ("recoveryVUnprotected", LEGACY, 6),
        ("recoveryVLegacy", LEGACY, 6),
        ("recoveryVAccessList", ACCESS_LIST, 8),
    ],
)
def test_v_is_recovered_from_parity_and_protected_bits(case, data, v_field):
    case = CODECS[case]
    count = case["TotalBlockTxCount"]
    signatures, parities, protected = (column(name) for name in case["files"])
    columns = SpanTransactions(
        creation_bits=(1 << count) - 1,
        y_parity_bits=CompactReader(parities, "test").bits(count, "bits"),
        signatures=signatures,
        recipients=(),
        data=(data,) * count,
        nonces=(0,) * count,
        gas_limits=(0,) * count,
        protected_bits=int.from_bytes(protected, "big"),
    )
    reader = SpanTransactionReader(columns, case["chain_id"])
    kind = len(data) - len(data.lstrip(b"\x01"))
    found = []
    for index in range(count):
        fields = rlp.decode(reader.next()[kind:])
        found.append(int.from_bytes(fields[v_field], "big"))
        assert (
            fields[v_field + 1].rjust(32, b"\0") + fields[v_field + 2].rjust(32, b"\0")
            == (signatures[64 * index : 64 * index + 64])
        )
    assert found == case["expected_v"]


@pytest.mark.parametrize(
    "case", ["fullTxUnprotected", "fullTxLegacy", "fullTxAccessList", "fullTxDynamic"]
)
def test_whole_transactions_go_through_the_columns(case):
    raw = [unhex(line) for line in (HILDR / CODECS[case]["files"][0]).read_text().split()]
    chain_id = next((tx.chain_id for tx in map(decode_transaction, raw) if tx.chain_id), 1)
    columns = span_transactions(raw, chain_id)
    encoded = columns.encode()
    again = read_span_transactions(CompactReader(encoded, "test"), len(raw))
    assert again == columns
    reader = SpanTransactionReader(again, chain_id)
    assert [reader.next() for _ in raw] == raw
