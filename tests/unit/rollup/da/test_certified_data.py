"""Derivation of data that lies with the committee has three ends: dropped, stalled, payload."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from da_committee import L1_CHAIN_ID, certify, make_committee
from derivation_stages import config_at, listening, rules_of
from l1_blocks import BATCHER, INBOX, batcher_tx, l1_block

from chain.errors import Recovery
from genesis.config import RollupConfig, SystemConfig
from rollup.da.commitment import commit
from rollup.derivation.certified_data import CertifiedData
from rollup.derivation.forks import ForkSchedule
from rollup.derivation.l1_retrieval import L1Retrieval
from rollup.l1.provider import ConfirmedL1, L1DataMissing, MemoryL1Provider
from rollup.wire.alt_da import GenericCommitment, Keccak256Commitment
from rollup.wire.blob import encode_blob

COMMITTEE = make_committee((40, 30, 30), recency_window=10)
BLOB = encode_blob(b"\0frames")
COMMITMENT = commit(BLOB)
INCLUDED = 50


def posted(commitment=COMMITMENT, reference_block=INCLUDED - 1, signers=(0, 1)):
    return certify(COMMITTEE, commitment, reference_block, signers).to_commitment().encode()


class Bench:
    def __init__(self, *data, has_committee=True):
        self.journal = listening()
        transactions = [batcher_tx(item, nonce=nonce) for nonce, item in enumerate(data)]
        block = l1_block(INCLUDED, transactions=transactions)
        self.provider = MemoryL1Provider()
        self.provider.set_head(block)
        unread = [block]
        source = SimpleNamespace(
            system_config=SystemConfig(BATCHER, 30_000_000, 0, 0),
            next_block=lambda: unread.pop() if unread else None,
        )
        seen = ConfirmedL1(self.provider, 0)
        certified = CertifiedData(COMMITTEE, L1_CHAIN_ID, seen, self.journal)
        self.retrieval = L1Retrieval(
            source,
            seen,
            INBOX,
            ForkSchedule(config_at("isthmus")),
            self.journal,
            certified if has_committee else None,
        )

    def drain(self):
        items = []
        while (data := self.retrieval.next_data()) is not None:
            items.append(data.data)
        return items


# -- payload


def test_a_certified_blob_that_is_here_gives_its_payload():
    bench = Bench(posted())
    bench.provider.add_da_blob(COMMITMENT, BLOB)
    assert bench.drain() == [b"\0frames"]
    assert rules_of(bench.journal) == ["CERTIFICATE_TAKEN"]


def test_frames_on_l1_itself_count_beside_certificates():
    bench = Bench(b"\0on L1", posted())
    bench.provider.add_da_blob(COMMITMENT, BLOB)
    assert bench.drain() == [b"\0on L1", b"\0frames"]


@pytest.mark.parametrize("age", [0, 10])
def test_the_recency_window_includes_both_its_ends(age):
    bench = Bench(posted(reference_block=INCLUDED - age))
    bench.provider.add_da_blob(COMMITMENT, BLOB)
    assert bench.drain() == [b"\0frames"]


# -- stalled


def test_a_certified_blob_that_is_not_here_stalls_until_it_is_and_loses_nothing():
    bench = Bench(b"\0before", posted(), b"\0after")
    assert bench.retrieval.next_data().data == b"\0before"
    for _ in range(3):
        with pytest.raises(L1DataMissing, match="derivation stalls") as caught:
            bench.retrieval.next_data()
        assert caught.value.commitment == COMMITMENT
        assert caught.value.recovery is Recovery.RETRY
    bench.provider.add_da_blob(COMMITMENT, BLOB)
    assert bench.drain() == [b"\0frames", b"\0after"]


# -- dropped


@pytest.mark.parametrize("reference_block", [INCLUDED - 11, INCLUDED + 1, 0, 2**64 - 1])
def test_an_old_certificate_and_one_from_the_future_are_dropped(reference_block):
    bench = Bench(posted(reference_block=reference_block))
    assert bench.drain() == []
    assert rules_of(bench.journal) == ["CERTIFICATE_STALE"]


def test_what_no_quorum_signed_is_dropped_without_looking_for_its_blob():
    good = posted()
    bench = Bench(good[:-1] + bytes((good[-1] ^ 7,)), good[:-65], b"\x01\x01\x73")
    assert bench.drain() == []
    assert rules_of(bench.journal) == ["CERTIFICATE_INVALID"] * 3


def test_commitments_of_other_layers_and_types_are_dropped():
    foreign = [
        GenericCommitment(0, posted()[3:]).encode(),
        Keccak256Commitment(bytes(32)).encode(),
        b"\x01",
        b"\x01\x05\x00",
    ]
    bench = Bench(*foreign)
    assert bench.drain() == []
    assert rules_of(bench.journal) == ["COMMITMENT"] * 4


def test_a_certified_blob_in_another_encoding_is_dropped():
    blob = b"\x01" * 131_072
    bench = Bench(posted(commitment=commit(blob)))
    bench.provider.add_da_blob(commit(blob), blob)
    assert bench.drain() == []
    assert rules_of(bench.journal) == ["BLOB_ENCODING"]


def test_without_a_committee_a_commitment_goes_on_to_be_dropped_as_before():
    assert Bench(posted(), has_committee=False).drain() == [posted()]


# -- around


def test_the_provider_keeps_a_bounded_number_of_blobs():
    provider = MemoryL1Provider()
    for number in range(1000):
        provider.add_da_blob(number.to_bytes(48, "big"), b"")
    kept = [n for n in range(1000) if provider.da_blob(n.to_bytes(48, "big")) is not None]
    assert kept == list(range(936, 1000))


def test_rollup_json_carries_the_committee():
    config = replace(config_at("isthmus"), da_committee=COMMITTEE)
    assert RollupConfig.from_json(config.to_json()) == config
    assert "stemma_da" not in config_at("isthmus").to_json()
