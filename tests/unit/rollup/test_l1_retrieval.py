"""L1 retrieval: whose data counts, and in which order."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from derivation_stages import config_at, listening, rules_of
from l1_blocks import BATCHER, INBOX, STRANGER_KEY, batcher_tx, blob_tx, l1_block

from chain.transaction import DepositTransaction, LegacyTransaction, SetCodeTransaction
from genesis.config import SystemConfig
from rollup.derivation.forks import ForkSchedule
from rollup.derivation.l1_retrieval import L1Retrieval
from rollup.l1.provider import L1DataMissing, MemoryL1Provider
from rollup.wire.blob import encode_blob

HASHES = [bytes((1, n)) + bytes(30) for n in range(4)]


class Bench:
    def __init__(self, *transactions, blobs=None, fork="isthmus"):
        self.journal = listening()
        self.block = replace(l1_block(5, transactions=transactions), blobs=blobs or {})
        self.provider = MemoryL1Provider()
        self.provider.set_head(self.block)
        self.unread = [self.block]
        source = SimpleNamespace(
            system_config=SystemConfig(BATCHER, 30_000_000, 0, 0),
            next_block=lambda: self.unread.pop() if self.unread else None,
        )
        self.retrieval = L1Retrieval(
            source, self.provider, INBOX, ForkSchedule(config_at(fork)), self.journal
        )

    def drain(self):
        items = []
        while (data := self.retrieval.next_data()) is not None:
            items.append(data.data)
        return items


def test_calldata_of_the_batcher_in_order():
    assert Bench(batcher_tx(b"one"), batcher_tx(b"two", nonce=1)).drain() == [b"one", b"two"]


def test_other_senders_and_other_recipients_do_not_count():
    elsewhere = batcher_tx(b"elsewhere", to=b"\x01" * 20)
    creation = batcher_tx(b"creation", to=None)
    stranger = batcher_tx(b"stranger", key=STRANGER_KEY)
    bench = Bench(elsewhere, creation, stranger, batcher_tx(b"real"))
    assert bench.drain() == [b"real"]
    assert rules_of(bench.journal) == ["WRONG_SENDER"]


def test_transaction_with_an_impossible_signature_is_passed_over():
    forged = replace(batcher_tx(b"forged"), r=0)
    assert Bench(forged, batcher_tx(b"real")).drain() == [b"real"]


def test_deposit_transaction_counts_and_set_code_does_not():
    deposit = DepositTransaction(bytes(32), BATCHER, INBOX, 0, 0, 0, False, b"deposited")
    plain = batcher_tx(b"")
    set_code = SetCodeTransaction(
        chain_id=plain.chain_id,
        nonce=0,
        max_priority_fee_per_gas=1,
        max_fee_per_gas=1,
        gas_limit=1,
        to=INBOX,
        value=0,
        data=b"type 4",
        authorization_list=(),
    )
    bench = Bench(set_code, deposit)
    assert bench.drain() == [b"deposited"]
    assert rules_of(bench.journal) == ["WRONG_TYPE"]


def test_unprotected_legacy_transaction_of_a_stranger():
    legacy = LegacyTransaction(None, 0, 1, 1, INBOX, 0, b"x", v=27, r=1, s=1)
    assert Bench(legacy).drain() == []


def test_blobs_give_their_data_and_the_calldata_beside_them_means_nothing():
    blobs = {HASHES[0]: encode_blob(b"first"), HASHES[1]: encode_blob(b"second")}
    bench = Bench(blob_tx(HASHES[:2], data=b"calldata"), batcher_tx(b"after", nonce=1), blobs=blobs)
    assert bench.drain() == [b"first", b"second", b"after"]
    assert rules_of(bench.journal) == ["BLOB_CALLDATA"]


def test_before_ecotone_blobs_mean_nothing_and_the_calldata_counts():
    assert Bench(blob_tx(HASHES[:2], data=b"calldata"), fork="delta").drain() == [b"calldata"]


def test_data_knows_its_transaction_and_blob():
    blobs = {HASHES[0]: encode_blob(b"first"), HASHES[1]: encode_blob(b"second")}
    bench = Bench(batcher_tx(b"one"), blob_tx(HASHES[:2], nonce=1), blobs=blobs)
    sources = []
    while (data := bench.retrieval.next_data()) is not None:
        sources.append((data.source.index, data.source.blob, data.source.l1.number))
    assert sources == [(0, None, 5), (1, 0, 5), (1, 1, 5)]


def test_blob_in_another_encoding_is_passed_over():
    blobs = {
        HASHES[0]: b"\x01" * 131_072,
        HASHES[1]: b"too short",
        HASHES[2]: encode_blob(b"good"),
    }
    assert Bench(blob_tx(HASHES[:3]), blobs=blobs).drain() == [b"good"]


def test_missing_blob_makes_derivation_wait_and_loses_nothing():
    bench = Bench(
        blob_tx(HASHES[:2]), batcher_tx(b"after", nonce=1), blobs={HASHES[0]: encode_blob(b"one")}
    )
    assert bench.retrieval.next_data().data == b"one"
    for _ in range(2):
        with pytest.raises(L1DataMissing) as caught:
            bench.retrieval.next_data()
        assert caught.value.versioned_hash == HASHES[1]
        assert caught.value.block_hash == bench.block.hash
    complete = {**bench.block.blobs, HASHES[1]: encode_blob(b"two")}
    bench.provider.add(replace(bench.block, blobs=complete))
    assert bench.drain() == [b"two", b"after"]
