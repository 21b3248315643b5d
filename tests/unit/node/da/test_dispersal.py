"""Payload to certificate and back, over operators that are down, lie, forget or are full."""

from __future__ import annotations

import asyncio
import random
from functools import cache

import pytest
from da_committee import L1_CHAIN_ID, identity_seed, make_committee, signer_key
from da_network import REFERENCE_BLOCK, RETENTION_S, InlinePool, Network

from chain.crypto.keccak import keccak256
from chain.errors import EncodeError, Recovery
from chain.storage.memory import MemoryStore
from node.da.alt_da import AltDa, UnknownCommitment, WrongCommitment
from node.da.dispersal import BlobUnavailable, DispersalBusy, Disperser, NotConfirmed
from node.da.keeper import CustodyIncomplete, Keeper, NotInCommittee, OperatorKeys
from node.da.sampling import begin, begin_again, sample
from node.da.store import CellStore
from rollup.da.cell_message import CellMessage
from rollup.da.certificate import check_certificate
from rollup.da.confidence import miss_probability
from rollup.da.erasure import Cell, extend_payload, payload_of
from rollup.da.errors import InvalidCertificate, MalformedInput, WrongIndex, WrongProof
from rollup.da.receipt import cell_set
from rollup.da.sampler import SamplingPlan, Verdict
from rollup.da.security import assignments
from rollup.wire.alt_da import Keccak256Commitment

PAYLOAD = random.Random(3).randbytes(50_000)
PLAN = SamplingPlan(samples=8, attempts=2)


@cache
def extended():
    return extend_payload(PAYLOAD)


@pytest.fixture
def network():
    return Network()


# -- dispersal


async def test_a_payload_is_certified_stored_by_custody_and_comes_back(network):
    dispersal = await network.disperser.put(PAYLOAD)
    data = dispersal.certificate.encode()
    certificate = check_certificate(network.committee, L1_CHAIN_ID, data)
    assert certificate.reference_block == REFERENCE_BLOCK
    assert sorted(dispersal.receipts) == [0, 1, 2, 3]
    for keeper in network.keepers:
        custody = cell_set(assignments(network.committee)[keeper.index])
        assert keeper.held(certificate.commitment) == custody
        receipt = dispersal.receipts[keeper.index]
        receipt.check(keeper.identity, certificate.commitment, custody)
        assert receipt.stored_until == network.now + RETENTION_S
    assert payload_of(await network.retriever.blob(certificate.commitment)) == PAYLOAD


async def test_a_quorum_is_enough(network):
    network.carriers[2].is_down = True
    dispersal = await network.disperser.put(PAYLOAD)
    assert [index for index, _ in dispersal.certificate.signatures] == [0, 1, 3]
    assert dispersal.failures == {2: "no peer with its identity answers"}


async def test_less_than_a_quorum_is_not_and_everyone_missing_is_named(network):
    await network.peers.by_operator()
    for index in (1, 2):
        network.carriers[index].is_down = True
    with pytest.raises(NotConfirmed, match="2 of 4 stake confirmed, 55 % are needed") as caught:
        await network.disperser.put(PAYLOAD)
    assert caught.value.recovery is Recovery.RETRY
    assert list(caught.value.failures) == [1, 2]
    assert "no answer" in caught.value.failures[1]


async def test_an_operator_that_signs_something_else_does_not_count(network):
    other = Network().keepers[0]

    async def accept(message):
        stored = await other.accept(message)
        wrong = CellMessage(message.commitment, message.cells, REFERENCE_BLOCK + 1)
        signed = await other.accept(wrong)
        return type(stored)(stored.receipt, signed.signature)

    network.carriers[0].keeper.accept = accept
    dispersal = await network.disperser.put(PAYLOAD)
    assert "signed something else" in dispersal.failures[0]


async def test_dispersal_pushes_back_when_too_much_is_under_way(network):
    gate = asyncio.Event()

    async def reference_block():
        await gate.wait()
        return 1

    disperser = Disperser(network.peers, L1_CHAIN_ID, network.pool, reference_block, most_at_once=2)
    waiting = [asyncio.ensure_future(disperser.put(bytes([n]))) for n in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(DispersalBusy, match="2 blobs are being dispersed") as caught:
        await disperser.put(b"")
    assert caught.value.recovery is Recovery.RETRY
    gate.set()
    assert len(await asyncio.gather(*waiting)) == 2
    assert await disperser.put(b"")


async def test_a_payload_larger_than_a_blob_is_refused(network):
    with pytest.raises(EncodeError, match="at most 130044 fit"):
        await network.disperser.put(bytes(130_045))


# -- what a node takes in


def custody_cells(keeper, of=None):
    cells = (of or extended()).cells
    return tuple(cell for cell in cells if keeper.custody >> cell.index & 1)


async def test_a_node_signs_nothing_without_all_cells_of_its_custody(network):
    keeper = network.keepers[0]
    cells = custody_cells(keeper)
    with pytest.raises(CustodyIncomplete, match="1 of the [67]. cells"):
        await keeper.accept(CellMessage(extended().commitment, cells[1:], 7))
    assert keeper.held(extended().commitment) == 0


async def test_a_wrong_proof_among_the_cells_is_named_and_nothing_is_stored(network):
    keeper = network.keepers[0]
    cells = list(custody_cells(keeper))
    bad = cells[10].index
    cells[10] = Cell(bad, cells[11].data, cells[10].proof)
    with pytest.raises(WrongProof) as caught:
        await keeper.accept(CellMessage(extended().commitment, tuple(cells), 7))
    assert caught.value.indices == (bad,)
    assert keeper.held(extended().commitment) == 0


async def test_cells_of_another_blob_are_not_stored(network):
    keeper = network.keepers[0]
    cells = custody_cells(keeper)
    other = extend_payload(b"another").commitment
    with pytest.raises(WrongProof):
        await keeper.accept(CellMessage(other, cells, 7))


async def test_cells_that_nobody_asked_it_to_keep_are_not_kept(network):
    keeper = network.keepers[0]
    await keeper.accept(CellMessage(extended().commitment, extended().cells, 7))
    assert keeper.held(extended().commitment) == keeper.custody


async def test_the_same_cells_a_thousand_times_are_verified_once(network):
    keeper = network.keepers[0]
    message = CellMessage(extended().commitment, custody_cells(keeper), 7)
    first = await keeper.accept(message)
    calls = []

    class Watched(InlinePool):
        async def run(self, function, *given):
            calls.append(function)

    keeper._pool = Watched()
    for _ in range(1000):
        assert await keeper.accept(message) == first
    assert calls == []
    assert keeper.store.cell_count == keeper.custody.bit_count()


async def test_a_full_node_does_not_sign(network):
    small = Network(capacity_bytes=63 * 2096)
    with pytest.raises(NotConfirmed, match="bytes are taken"):
        await small.disperser.put(PAYLOAD)
    assert small.keepers[0].store.cell_count == 0


def test_keys_that_are_no_operators_are_refused():
    for keys in (
        OperatorKeys(identity_seed(5), signer_key(0)),
        OperatorKeys(identity_seed(0), signer_key(1)),
    ):
        with pytest.raises(NotInCommittee, match="no operator has identity 0x"):
            Keeper(
                make_committee((1, 1)), L1_CHAIN_ID, keys, CellStore(MemoryStore(), 1),
                InlinePool(), now=lambda: 0, retention_s=1,
            )  # fmt: skip


# -- retrieval


async def certified(network):
    return (await network.disperser.put(PAYLOAD)).certificate.commitment


async def test_one_node_of_64_groups_gives_the_blob_alone(network):
    commitment = await certified(network)
    for index in (0, 1, 3):
        network.carriers[index].is_down = True
    assert payload_of(await network.retriever.blob(commitment)) == PAYLOAD


async def test_a_node_that_signed_and_does_not_serve_is_got_around(network):
    commitment = await certified(network)
    network.carriers[0].hides = set(range(128))
    assert payload_of(await network.retriever.blob(commitment)) == PAYLOAD


async def test_a_node_that_serves_wrong_cells_is_blamed_and_got_around(network):
    commitment = await certified(network)
    network.carriers[0].change = lambda cell: Cell(cell.index, bytes(2048), cell.proof)
    assert payload_of(await network.retriever.blob(commitment)) == PAYLOAD
    assert list(network.retriever.blamed) == ["peer 0"]


async def test_a_blob_that_nobody_serves_is_unavailable_and_says_who_said_what(network):
    commitment = await certified(network)
    for carrier in network.carriers:
        carrier.hides = set(range(20, 128))
    network.carriers[1].is_down = True
    with pytest.raises(BlobUnavailable, match="of 64 cells could be got") as caught:
        await network.retriever.blob(commitment)
    assert caught.value.recovery is Recovery.RETRY
    assert caught.value.failures["peer 1"] == "peer 1: no answer in 1 s"
    assert "were not there" in caught.value.failures["peer 0"]


async def test_no_cell_is_asked_for_twice_while_all_answer(network):
    commitment = await certified(network)
    await network.retriever.blob(commitment)
    asked = [index for carrier in network.carriers for index in carrier.asked]
    assert len(asked) == len(set(asked)) == 64


# -- repair


async def test_a_node_that_was_away_is_reseeded_from_half(network):
    network.carriers[2].is_down = True
    commitment = await certified(network)
    assert network.keepers[2].held(commitment) == 0
    network.carriers[2].is_down = False
    for index in (1, 3):
        network.carriers[index].is_down = True  # one node's 64 cells have to do
    results = await network.retriever.reseed(commitment)
    assert results.pop(2) == "restored"
    assert set(results) == {1, 3}
    assert network.keepers[2].held(commitment) == network.keepers[2].custody
    for index in (1, 3):
        network.carriers[index].is_down = False
    assert await network.retriever.reseed(commitment) == {}


async def test_an_operator_that_cannot_be_asked_is_told_and_not_taken_for_whole(network):
    commitment = await certified(network)
    network.carriers[2].is_down = True
    results = await network.retriever.reseed(commitment)
    assert list(results) == [2]
    assert results[2] != "restored"


async def test_a_node_takes_its_own_lost_cells_back(network):
    commitment = await certified(network)
    keeper = network.keepers[0]
    lost = keeper.custody & -keeper.custody  # the lowest
    index = lost.bit_length() - 1
    keeper.store._store.write({}, [b"c" + commitment + bytes((index,))], sync=True)
    assert keeper.lacking(commitment) == lost
    extended_blob = await network.retriever.blob(commitment, excluded=0)
    assert keeper.restore(commitment, extended_blob.cells) == 1
    assert keeper.lacking(commitment) == 0


async def test_what_was_never_stored_is_not_restored(network):
    assert network.keepers[0].restore(extended().commitment, extended().cells) == 0
    assert network.keepers[0].held(extended().commitment) == 0


# -- sampling


async def test_a_light_node_finds_a_blob_available(network):
    sampling = begin(await certified(network), PLAN)
    assert await sample(sampling, network.peers) == {}
    assert sampling.verdict is Verdict.AVAILABLE
    assert sampling.confidence == 1 - miss_probability(8)
    assert sum(len(carrier.asked) for carrier in network.carriers) == 8


async def test_a_light_node_refuses_a_withheld_blob_and_publication_heals_it(network):
    commitment = await certified(network)
    for carrier in network.carriers:
        carrier.hides = set(range(128))
    sampling = begin(commitment, PLAN)
    failures = await sample(sampling, network.peers)
    assert sampling.verdict is Verdict.WITHHELD
    assert "was not there" in " ".join(failures.values())
    for carrier in network.carriers:
        carrier.hides = set()
    begin_again(sampling)
    await sample(sampling, network.peers)
    assert sampling.verdict is Verdict.AVAILABLE
    assert sampling.confidence == 1 - 2 * miss_probability(8)


async def test_a_sample_goes_to_another_holder_after_a_time_out(network):
    commitment = await certified(network)
    await network.peers.by_operator()
    network.carriers[0].is_down = True
    for _ in range(10):
        sampling = begin(commitment, PLAN)
        failures = await sample(sampling, network.peers)
        assert sampling.verdict is Verdict.AVAILABLE
    assert failures == {"peer 0": "peer 0: no answer in 1 s"}


async def test_a_wrong_cell_is_a_failed_sample(network):
    commitment = await certified(network)
    for carrier in network.carriers:
        carrier.change = lambda cell: Cell(cell.index, bytes(2048), cell.proof)
    sampling = begin(commitment, PLAN)
    failures = await sample(sampling, network.peers)
    assert sampling.verdict is Verdict.WITHHELD
    assert any("does not hold" in why for why in failures.values())


async def test_with_nobody_there_sampling_ends_as_withheld(network):
    commitment = await certified(network)
    for carrier in network.carriers:
        carrier.is_down = True
    sampling = begin(commitment, PLAN)
    await sample(sampling, network.peers)
    assert sampling.verdict is Verdict.WITHHELD


# -- the alt-DA interface


def alt_da(network):
    return AltDa(
        network.committee, L1_CHAIN_ID, network.disperser, network.retriever,
        CellStore(MemoryStore(), 10**9),
    )  # fmt: skip


async def test_put_and_get_by_certificate(network):
    interface = alt_da(network)
    commitment, dispersal = await interface.put(PAYLOAD)
    assert commitment[:2] == b"\x01\x73"
    assert commitment[2:] == dispersal.certificate.encode()
    assert await interface.get(commitment) == PAYLOAD


async def test_put_and_get_by_hash(network):
    interface = alt_da(network)
    commitment = Keccak256Commitment(keccak256(PAYLOAD)).encode()[1:]
    with pytest.raises(UnknownCommitment):
        await interface.get(commitment)
    assert (await interface.put(PAYLOAD, commitment))[0] == commitment
    assert await interface.get(commitment) == PAYLOAD
    assert (await interface.put(PAYLOAD, commitment))[1] is None, "it is there already"


async def test_commitments_that_are_not_the_payloads_or_not_ours(network):
    interface = alt_da(network)
    for wrong in (b"\x00" + bytes(32), b"\x01\x73", b"\x05", b"\x00"):
        with pytest.raises(WrongCommitment):
            await interface.put(PAYLOAD, wrong)
    with pytest.raises(WrongCommitment, match="DA layer 0x00"):
        await interface.get(b"\x01\x00abc")
    with pytest.raises(InvalidCertificate):
        await interface.get(b"\x01\x73abc")


# -- messages


def test_a_message_reads_back_and_every_other_length_is_refused():
    message = CellMessage(extended().commitment, extended().cells[3:6], 7)
    data = message.encode()
    assert CellMessage.decode(data) == message
    for size in (0, 10, 56, len(data) - 1):
        with pytest.raises(MalformedInput):
            CellMessage.decode(data[:size])
    with pytest.raises(MalformedInput):
        CellMessage.decode(data + b"\0")


def test_a_message_with_a_cell_twice_or_out_of_range_is_refused():
    cells = extended().cells
    data = bytearray(CellMessage(extended().commitment, (cells[3], cells[4])).encode())
    data[57 + 2097] = 3
    with pytest.raises(WrongIndex, match="cell 3 after cell 3"):
        CellMessage.decode(bytes(data))
    data[57 + 2097] = 128
    with pytest.raises(WrongIndex, match="cell 128"):
        CellMessage.decode(bytes(data))
