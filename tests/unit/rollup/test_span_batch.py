"""Span batches: layout, what is refused and where, and what bad counts cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain import rlp
from chain.errors import DecodeError, EncodeError
from chain.transaction import (
    AccessListTransaction,
    Authorization,
    BlobTransaction,
    DepositTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    sign_transaction,
)
from rollup.wire.batch import SingularBatch, decode_batch
from rollup.wire.channel import ChannelFull, read_channel
from rollup.wire.compact import encode_uvarint
from rollup.wire.span_batch import SpanBatch, SpanContext, decode_span_batch, span_batch
from rollup.wire.span_channel import SpanChannelOut
from rollup.wire.span_transactions import decode_span_data, span_transactions

CONTEXT = SpanContext(genesis_time_s=1_000, block_time_s=2, chain_id=10)
KEY = b"\x01" * 32
COMMON = {"nonce": 300, "gas_limit": 21_000, "value": 5, "data": b"hello"}
FEES = {"max_priority_fee_per_gas": 1, "max_fee_per_gas": 2}
TO = b"\x77" * 20
ACCESS = ((TO, (1, 2**255)),)


def signed(tx):
    return sign_transaction(tx, KEY).encode()


LEGACY = signed(LegacyTransaction(chain_id=10, gas_price=3, to=TO, **COMMON))
UNPROTECTED = signed(LegacyTransaction(chain_id=None, gas_price=3, to=None, **COMMON))
ACCESS_LIST = signed(
    AccessListTransaction(chain_id=10, gas_price=3, to=None, access_list=ACCESS, **COMMON)
)
DYNAMIC = signed(DynamicFeeTransaction(chain_id=10, to=TO, **FEES, **COMMON))
SET_CODE = signed(
    SetCodeTransaction(
        chain_id=10, to=TO, authorization_list=(Authorization(0, TO, 7, 1, 8, 9),), **FEES, **COMMON
    )
)
EVERY_KIND = (LEGACY, UNPROTECTED, ACCESS_LIST, DYNAMIC, SET_CODE, LEGACY)


def singular(index, *, epoch=100, transactions=()):
    return SingularBatch(
        parent_hash=bytes((index,)) * 32,
        epoch_number=epoch,
        epoch_hash=bytes((epoch % 256,)) * 32,
        timestamp=1_050 + 2 * index,
        transactions=transactions,
    )


BLOCKS = [
    singular(0, transactions=EVERY_KIND),
    singular(1),
    singular(2, epoch=101, transactions=(DYNAMIC,)),
    singular(3, epoch=101),
    singular(4, epoch=102),
]
BATCH = span_batch(BLOCKS, CONTEXT, first_changes_origin=True)


def test_prefix_says_start_end_and_both_checks():
    assert BATCH.relative_timestamp == 50
    assert BATCH.l1_origin_number == 102
    assert BATCH.parent_check == b"\x00" * 20
    assert BATCH.l1_origin_check == b"\x66" * 20
    assert BATCH.origin_bits == 0b10101
    assert BATCH.start_epoch_number == 100
    assert BATCH.start_timestamp(CONTEXT) == 1_050
    assert BATCH.end_timestamp(CONTEXT) == 1_058


def test_every_kind_of_transaction_comes_back_byte_for_byte():
    read = decode_batch(BATCH.encode())
    assert read == BATCH
    found = list(read.blocks(CONTEXT))
    assert [block.transactions for block in found] == [batch.transactions for batch in BLOCKS]
    assert [block.epoch_number for block in found] == [100, 100, 101, 101, 102]
    assert [block.timestamp for block in found] == [batch.timestamp for batch in BLOCKS]


@pytest.mark.parametrize("after", [1_049, 1_050, 1_053, 1_056, 1_058])
def test_blocks_after_a_time_are_those_of_the_whole(after):
    whole = [block for block in BATCH.blocks(CONTEXT) if block.timestamp > after]
    assert list(BATCH.blocks(CONTEXT, after=after)) == whole


def test_first_block_that_stays_in_its_epoch():
    batch = span_batch(BLOCKS[1:], CONTEXT, first_changes_origin=False)
    assert batch.start_epoch_number == 100
    assert [block.epoch_number for block in batch.blocks(CONTEXT)] == [100, 101, 101, 102]


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param([], id="none"),
        pytest.param([BLOCKS[0], BLOCKS[2]], id="gap in time"),
        pytest.param([BLOCKS[0], replace(BLOCKS[1], epoch_number=102)], id="epoch left out"),
        pytest.param([BLOCKS[2], replace(BLOCKS[3], epoch_number=100)], id="epoch goes back"),
        pytest.param([replace(BLOCKS[0], timestamp=998)], id="before genesis"),
    ],
)
def test_blocks_that_do_not_follow_each_other_are_not_written(blocks):
    with pytest.raises(EncodeError, match="span batch"):
        span_batch(blocks, CONTEXT, first_changes_origin=False)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x02junk", "transaction 0: "),
        (signed(DynamicFeeTransaction(chain_id=11, to=TO, **FEES, **COMMON)), "of chain 10"),
        (DepositTransaction(bytes(32), TO, TO, 0, 0, 0, False, b"").encode(), "type 126"),
        (
            signed(
                BlobTransaction(
                    chain_id=10, to=TO, max_fee_per_blob_gas=1,
                    blob_versioned_hashes=(b"\x01" * 32,), **FEES, **COMMON,
                )
            ),
            "type 3",
        ),
    ],
)  # fmt: skip
def test_transaction_that_a_span_batch_cannot_hold_is_named(raw, reason):
    with pytest.raises(EncodeError, match=reason):
        span_transactions([raw], 10)


def cut(**changes):
    return replace(BATCH, **changes).encode()


def head(count=b"\x05"):
    return b"\x01" + encode_uvarint(50) + encode_uvarint(102) + bytes(40) + count


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x00", "version 0x00"),
        (b"\x01", "relative timestamp: cut off"),
        (b"\x01" + b"\xff" * 11, "relative timestamp: more than 64 bits"),
        (b"\x01\x01\x01" + bytes(39), "L1 origin check: needs 20 bytes, 19"),
        (head(b"\x00"), "0 blocks"),
        (head(encode_uvarint(10_000_001)), "10000001 blocks"),
        (head(encode_uvarint(10_000_000)), "origin bits: needs 1250000 bytes, 0"),
        (head() + b"\x20", "origin bits: bit 5 is set in 5 elements"),
        (head() + b"\x1f\x00\x00", "5 numbers in 2 bytes"),
        (head(b"\x01") + b"\x01" + encode_uvarint(10_000_001), "10000001 transactions"),
        (head(b"\x01") + b"\x01" + encode_uvarint(2**63), "transactions, at most"),
        (head(b"\x01") + b"\x01\x01" + b"\x02", "contract creation bits: bit 1"),
        (head(b"\x01") + b"\x01\x01\x00\x00" + bytes(64), "recipients: needs 20"),
        (head(b"\x01") + b"\x01\x01\x01\x00" + bytes(64), "transaction 0: no data"),
        (head(b"\x01") + b"\x01\x01\x01\x00" + bytes(64) + b"\x85abcde", "expected a list"),
        (head(b"\x01") + b"\x01\x01\x01\x00" + bytes(64) + b"\x02\xc2\x01", "runs? past|past"),
        (cut(l1_origin_number=1), "count back below L1 block 0"),
    ],
)
def test_malformed_span_batch_is_refused(data, reason):
    with pytest.raises(DecodeError, match=reason):
        decode_span_batch(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (rlp.encode((b"", b"")), "expected 3 items, got 2"),
        (rlp.encode((b"\x00", b"", b"")), "leading zero"),
        (rlp.encode((bytes(range(1, 34)), b"", b"")), "at most 32 bytes"),
        (b"\x03" + rlp.encode((b"",) * 5), "type 3"),
        (b"\x7e" + rlp.encode((b"",) * 5), "type 126"),
        (b"\x00" + rlp.encode((b"", b"", b"")), "type 0"),
        (b"\x01" + rlp.encode((b"", b"", b"", b"")), "access list: expected a list"),
        (b"\x02" + rlp.encode((b"", b"", b"", b"", [[b"x", []]])), "access list address"),
        (b"\x02" + rlp.encode((b"", b"", b"", b"", [[TO, [b"x"]]])), "access list slot"),
        (b"\x04" + rlp.encode((b"", b"", b"", b"", [], [[b""] * 5])), "authorization: expected 6"),
    ],
)
def test_malformed_transaction_data_is_refused(data, reason):
    with pytest.raises(DecodeError, match=reason):
        decode_span_data(data)


def test_set_code_transaction_that_would_create_a_contract_is_refused():
    columns = span_transactions([SET_CODE], 10)
    bad = replace(columns, creation_bits=1, recipients=())
    batch = replace(BATCH, block_transaction_counts=(1,), origin_bits=1, transactions=bad)
    with pytest.raises(DecodeError, match="type 4 creates no contract"):
        decode_span_batch(batch.encode())


def test_bytes_after_the_last_column_mean_nothing():
    assert decode_span_batch(BATCH.encode() + b"tail") == BATCH


def test_number_in_a_longer_form_than_the_shortest_is_read():
    assert decode_span_batch(b"\x01\xb2\x00" + BATCH.encode()[2:]) == BATCH


@pytest.mark.parametrize("compression", ["zlib", "brotli"])
def test_channel_of_a_span_is_one_batch(compression):
    channel = SpanChannelOut(bytes(16), CONTEXT, compression)
    for index, batch in enumerate(BLOCKS):
        channel.add(batch, sequence_number=index)
    assert list(read_channel(channel.close())) == [BATCH]
    assert channel.close() == channel.close()
    with pytest.raises(ChannelFull):
        channel.add(BLOCKS[0], sequence_number=0)


def test_bound_of_a_span_channel_is_made_tight_by_trial():
    channel = SpanChannelOut(bytes(16), CONTEXT)
    repeated = signed(
        DynamicFeeTransaction(chain_id=10, to=TO, **FEES, **{**COMMON, "data": b"x" * 5_000})
    )
    for index in range(30):
        channel.add(singular(index, transactions=(repeated,)), sequence_number=index)
    assert channel.size_bound_bytes > 150_000
    assert channel.size_bound_with(5_000, target_bytes=100_000) < 20_000
    assert len(channel.close()) < 20_000


def test_empty_span_channel_has_no_batch():
    assert list(read_channel(SpanChannelOut(bytes(16), CONTEXT).close())) == []


def test_origin_bits_of_many_blocks_cost_no_more_than_their_bytes():
    count = 200_000
    batch = SpanBatch(
        0, count, bytes(20), bytes(20), (1 << count) - 1, (0,) * count, BATCH.transactions
    )
    empty = replace(batch, transactions=span_transactions([], 10))
    read = decode_span_batch(empty.encode())
    blocks = read.blocks(CONTEXT)
    assert next(blocks).epoch_number == 1
    assert sum(1 for _ in blocks) == count - 1
