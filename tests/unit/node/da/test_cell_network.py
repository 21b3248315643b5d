"""Cells and attestations between nodes: what is taken, what is served, and who pays for a lie."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import replace

import pytest
from da_committee import L1_CHAIN_ID, certify, identity_seed
from da_network import REFERENCE_BLOCK, InlinePool, Network
from gossip_network import GossipNetwork
from l1_blocks import bare_rollup_config
from p2p import HELLO, identity
from p2p_answers import Answers, Moment

from chain.storage.memory import MemoryStore
from node.da import cell_network as room
from node.da.cell_network import CellNetwork
from node.da.dispersal import Peers, Retriever
from node.da.evidence import NOT_SERVED, WRONG_CELL, Evidence, receipt_holds
from node.da.kzg_pool import KzgBusy
from node.da.peer import PeerFailed
from node.da.sampling import begin, sample
from node.p2p.address_book import Limits
from node.p2p.gossip import Verdict
from node.p2p.handshake import Role
from node.p2p.identity import Identity
from node.p2p.message import TOPIC_LIMITS, GetCells, GetHeaders, Status, Topic
from node.p2p.noise import KeyPair
from node.p2p.overlay import Overlay
from node.p2p.server import P2PServer
from rollup.da.attestation_message import decode_attestation, encode_attestation
from rollup.da.cell_message import CellMessage
from rollup.da.erasure import extend_payload
from rollup.da.errors import MalformedInput
from rollup.da.receipt import StorageReceipt, cell_set
from rollup.da.sampler import SamplingPlan
from rollup.da.sampler import Verdict as Sampled

EXTENDED = extend_payload(random.Random(8).randbytes(20_000))
BLOB = EXTENDED.commitment
PLAN = SamplingPlan(samples=8, attempts=2)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(room, "CERTIFICATE_WAIT_S", 0.0)


def cell_network(network: Network, number: int | None, pool=None, **changes) -> CellNetwork:
    """That operator's side; of a light node where there is no number."""
    keeper = None if number is None else network.keepers[number]
    return CellNetwork(
        replace(bare_rollup_config(), l1_chain_id=L1_CHAIN_ID, l2_chain_id=902),
        network.committee,
        replace(HELLO, role=Role.LIGHT if keeper is None else Role.DATA, **changes),
        Evidence(MemoryStore(), lambda: network.now),
        pool or InlinePool(),
        keeper,
    )


@pytest.fixture
def network():
    return Network((1, 1, 1))


def certificate(network, signers=(0, 1), commitment=BLOB):
    return certify(network.committee, commitment, REFERENCE_BLOCK, signers)


def receipt(network, number=0, cells=None, until=10**7):
    custody = network.keepers[number].custody
    return StorageReceipt.sign(
        BLOB, custody if cells is None else cells, until, identity_seed(number)
    )


def one_cell(index: int, commitment=BLOB) -> bytes:
    return CellMessage(commitment, (EXTENDED.cells[index],)).encode()


# -- attestations


async def judge(cells: CellNetwork, topic: Topic, payload: bytes) -> Verdict:
    assert len(payload) <= TOPIC_LIMITS[topic]
    return await cells.validate(b"p", topic, payload)


async def test_certificates_and_receipts_are_taken_once(network) -> None:
    mine = cell_network(network, 0)
    for attestation in (certificate(network), receipt(network, 1)):
        payload = encode_attestation(attestation)
        assert decode_attestation(payload) == attestation
        assert await judge(mine, Topic.ATTESTATIONS, payload) is Verdict.ACCEPT
        assert await judge(mine, Topic.ATTESTATIONS, payload) is Verdict.IGNORE
    another = encode_attestation(certificate(network, (1, 2)))
    assert await judge(mine, Topic.ATTESTATIONS, another) is Verdict.IGNORE


async def test_attestations_that_say_nothing_are_rejected(network) -> None:
    mine = cell_network(network, 0)
    good = encode_attestation(certificate(network))
    stranger = StorageReceipt.sign(BLOB, 1, 10**7, b"\x55" * 32)
    forged = replace(receipt(network), cells=1)
    for payload in (
        b"",
        b"\x03" + good[1:],
        good[:-1],
        good[:70] + bytes((good[70] ^ 1,)) + good[71:],
        encode_attestation(replace(certificate(network), reference_block=9)),
        encode_attestation(stranger),
        encode_attestation(forged),
        b"\x02" + bytes(10),
    ):
        assert await judge(mine, Topic.ATTESTATIONS, payload) is Verdict.REJECT, payload.hex()
    with pytest.raises(MalformedInput):
        decode_attestation(b"\x09")


async def test_the_certified_are_bounded(network, monkeypatch) -> None:
    monkeypatch.setattr(room, "MAX_CERTIFIED", 3)
    mine = cell_network(network, 0)
    for number in range(9):
        mine.certify(bytes([number]) * 48)
    assert len(mine._certified) == 3


# -- cells


async def test_a_certified_cell_is_forwarded_and_kept_where_it_is_in_custody(network) -> None:
    mine = cell_network(network, 0)
    custody = network.keepers[0].custody
    inside = next(i for i in range(128) if custody >> i & 1)
    outside = next(i for i in range(128) if not custody >> i & 1)
    assert await judge(mine, Topic.CELLS, one_cell(inside)) is Verdict.IGNORE  # not certified
    mine.certify(BLOB)
    assert await judge(mine, Topic.CELLS, one_cell(inside)) is Verdict.ACCEPT
    assert await judge(mine, Topic.CELLS, one_cell(outside)) is Verdict.ACCEPT
    assert network.keepers[0].held(BLOB) == 1 << inside


async def test_a_cell_that_overtakes_its_certificate_is_waited_for(network, monkeypatch) -> None:
    monkeypatch.setattr(room, "CERTIFICATE_WAIT_S", 5.0)
    mine = cell_network(network, 0)
    judging = asyncio.create_task(judge(mine, Topic.CELLS, one_cell(3)))
    await asyncio.sleep(0)
    mine.certify(BLOB)
    assert await judging is Verdict.ACCEPT


async def test_wrong_cells_are_rejected(network) -> None:
    mine = cell_network(network, 0)
    mine.certify(BLOB)
    wrong = replace(EXTENDED.cells[1], index=2)
    for payload in (
        b"",
        one_cell(1)[:-1],
        CellMessage(BLOB, ()).encode(),
        CellMessage(BLOB, (wrong,)).encode(),
    ):
        assert await judge(mine, Topic.CELLS, payload) is Verdict.REJECT
    two = CellMessage(BLOB, EXTENDED.cells[:2]).encode()
    assert await mine.validate(b"p", Topic.CELLS, two) is Verdict.REJECT
    assert network.keepers[0].held(BLOB) == 0


async def test_too_much_to_do_is_nobodys_fault(network) -> None:
    class Busy:
        async def run(self, function, *given):
            raise KzgBusy("64 wait")

    mine = cell_network(network, 0, Busy())
    mine.certify(BLOB)
    assert await judge(mine, Topic.CELLS, one_cell(3)) is Verdict.IGNORE


async def test_a_full_store_forwards_all_the_same() -> None:
    network = Network((1, 1), capacity_bytes=10)
    mine = cell_network(network, 0)
    mine.certify(BLOB)
    index = next(i for i in range(128) if network.keepers[0].custody >> i & 1)
    assert await judge(mine, Topic.CELLS, one_cell(index)) is Verdict.ACCEPT


async def test_what_was_dispersed_is_told_and_the_cells_of_who_failed(network) -> None:
    mine = cell_network(network, 0)
    mine.server = Answers(Moment())
    network.disperser.dispersed = mine.dispersed
    network.carriers[2].is_down = True
    dispersal = await network.disperser.put(b"payload")
    topics = [topic for topic, _ in mine.server.published]
    assert topics.count(Topic.ATTESTATIONS) == 1 + 2
    assert topics.count(Topic.CELLS) == network.keepers[2].custody.bit_count()
    assert topics[0] is Topic.ATTESTATIONS
    # the one that was down hears all of it, and has its cells then
    theirs = cell_network(network, 2)
    for topic, payload in mine.server.published:
        assert await judge(theirs, topic, payload) is Verdict.ACCEPT
    held = network.keepers[2].held(dispersal.certificate.commitment)
    assert held == network.keepers[2].custody


def test_one_liar_among_thirty_is_banned_and_all_others_have_the_cells(network) -> None:
    """The network double: gossip between machines, each with a store of its own."""
    sides = [cell_network(network, None) for _ in range(30)]
    for side in sides:
        side.certify(BLOB)

    def decide(node: int, payload: bytes) -> Verdict:
        return asyncio.run(sides[node].validate(b"p", Topic.CELLS, payload))

    net = GossipNetwork(30, 6, seed=4, judge=decide, topics=(Topic.CELLS,))
    net.run(3)
    rights = [one_cell(index) for index in range(4)]
    for payload in rights:
        net.publish(0, payload, Topic.CELLS)
    liar = 7
    for index in range(4):
        lie = CellMessage(BLOB, (replace(EXTENDED.cells[index], index=index + 9),)).encode()
        net.publish(liar, lie, Topic.CELLS)
    net.run(10)
    honest = [number for number in range(30) if number != liar]
    assert all(payload in net.received[number] for payload in rights for number in honest)
    assert {banned for _, banned, _ in net.bans} == {liar}
    assert len(net.bans) >= 3


# -- requests


async def test_cells_and_receipts_are_served(network) -> None:
    mine = cell_network(network, 0)
    await network.carriers[0].store(CellMessage(BLOB, EXTENDED.cells))
    mine.evidence.keep(receipt(network, 1))
    status, (item,) = await mine.serve(GetCells(1, BLOB, tuple(range(128))))
    assert status is Status.OK
    message = CellMessage.decode(item)
    assert cell_set(cell.index for cell in message.cells) == network.keepers[0].custody
    assert await mine.serve(GetCells(1, BLOB, ())) == (Status.OK, (receipt(network, 1).encode(),))
    assert await mine.serve(GetCells(1, b"\xc3" * 48, (1,))) == (Status.UNKNOWN, ())
    assert await mine.serve(GetHeaders(1, 0, 1)) == (Status.UNKNOWN, ())
    assert await cell_network(network, None).serve(GetCells(1, BLOB, (1,))) == (Status.UNKNOWN, ())


def watched(network, spoil=lambda number, items: items) -> CellNetwork:
    """A light node with a session to each operator; `spoil` is what they make of an answer."""
    light = cell_network(network, None)
    light.server = answers = Answers(Moment())
    for number, keeper in enumerate(network.keepers):
        theirs = cell_network(network, number)
        for other in range(len(network.keepers)):
            theirs.evidence.keep(receipt(network, other))

        async def answer(request, number=number, theirs=theirs):
            _, items = await theirs.serve(request)
            return spoil(number, list(items)) if request.indices else items

        answers.meet(f"{number}", answer, node_id=keeper.identity)
    return light


async def sampled(network, light, carriers=()) -> Sampled:
    for carrier in network.carriers:
        await carrier.store(CellMessage(BLOB, EXTENDED.cells))
    sampling = begin(BLOB, PLAN)
    await sample(sampling, Peers(network.committee, carriers, light.carriers), light)
    return sampling.verdict


async def test_a_light_node_samples_over_its_sessions(network) -> None:
    light = watched(network)
    assert await sampled(network, light) is Sampled.AVAILABLE
    assert light.evidence.faults() == []
    assert all(isinstance(request, GetCells) for _, request in light.server.asked)


async def test_where_there_is_no_session_http_goes_on(network) -> None:
    light = cell_network(network, None)
    assert await sampled(network, light, network.carriers) is Sampled.AVAILABLE
    light = watched(network, lambda number, items: Status.BUSY)
    assert await sampled(network, light, network.carriers) is Sampled.AVAILABLE


def wrong_proof(number, items):
    if number != 1 or not items:
        return items
    cells = CellMessage.decode(items[0]).cells
    spoilt = tuple(replace(cell, proof=EXTENDED.cells[0].proof) for cell in cells)
    return [CellMessage(BLOB, spoilt).encode()]


def nothing(number, items):
    return [] if number == 1 else items


async def faults_until_found(network, light, kind):
    """Sample until operator 1 was asked: eight cells of 128 may all have been others'."""
    for _ in range(20):
        await sampled(network, light)
        if light.evidence.faults():
            break
    (fault,) = light.evidence.faults()
    assert fault["fault"] == kind
    assert fault["identity"] == "0x" + network.keepers[1].identity.hex()
    return fault


@pytest.mark.parametrize(("lie", "kind"), [(wrong_proof, WRONG_CELL), (nothing, NOT_SERVED)])
async def test_a_liar_is_banned_and_what_it_signed_is_kept(network, lie, kind) -> None:
    light = watched(network, lie)
    fault = await faults_until_found(network, light, kind)
    assert receipt_holds(fault)
    liar, scores = network.keepers[1].identity, light.server.overlay.scores
    assert scores.banned_until(liar, light.server.clock.time) is not None
    assert scores.banned_until(network.keepers[0].identity, light.server.clock.time) is None


async def test_who_has_signed_nothing_has_only_not_helped(network) -> None:
    light = watched(network, nothing)
    light.evidence.receipt = lambda identity, commitment: None  # nobody knows of one
    for _ in range(6):
        await sampled(network, light)
    assert light.evidence.faults() == []
    assert light.server.score(network.keepers[1].identity) >= 0


async def test_answers_that_are_no_cells_cost_points(network) -> None:
    light = watched(network, lambda number, items: [b"junk"])
    (carrier, *_) = light.carriers()
    with pytest.raises(PeerFailed):
        await carrier.cells(BLOB, 1)
    assert light.server.score(await carrier.identity()) <= -49
    for use in (carrier.held(BLOB), carrier.store(CellMessage(BLOB, ()))):
        with pytest.raises(PeerFailed, match="HTTP"):
            await use


async def test_a_blob_is_put_together_over_sessions_alone(network) -> None:
    light = watched(network)
    for carrier in network.carriers:
        await carrier.store(CellMessage(BLOB, EXTENDED.cells))
    retriever = Retriever(Peers(network.committee, (), light.carriers), network.pool)
    found = await retriever.blob(BLOB)
    assert found.commitment == BLOB


# -- over real sockets


def server_of(side: CellNetwork, who: Identity, *boot) -> P2PServer:
    topics = (Topic.CELLS, Topic.ATTESTATIONS)
    overlay = Overlay(
        who, random.Random(1), topics, Limits(), book_secret=b"s" * 16, bootnodes=boot
    )
    side.server = P2PServer(overlay, who, side, time.time, host="127.0.0.1", port=0)
    return side.server


async def until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_over_sockets_a_light_node_hears_samples_and_bans(network) -> None:
    network.now = int(time.time())
    operators = [cell_network(network, number) for number in range(3)]
    for carrier in network.carriers:
        await carrier.store(CellMessage(BLOB, EXTENDED.cells))
    light = cell_network(network, None)
    async with contextlib.AsyncExitStack() as stack:
        places = []
        for number, side in enumerate(operators):
            seed = identity_seed(number)
            server = server_of(side, Identity(seed, KeyPair.of(seed)), *places)
            await stack.enter_async_context(turning(server))
            places.append(server.endpoint)
        server = server_of(light, identity("light"), *places)
        await stack.enter_async_context(turning(server))
        await until(lambda: len(light.carriers()) == 3)
        await until(lambda: server.overlay.gossip.mesh[Topic.ATTESTATIONS])
        for number in range(3):
            said = encode_attestation(receipt(network, number, until=network.now + 500))
            operators[0].server.publish(Topic.ATTESTATIONS, said)
        await until(lambda: len(light.evidence.receipts(light.identities, BLOB)) == 3)
        assert await sampled(network, light) is Sampled.AVAILABLE

        async def withhold(request):
            return Status.UNKNOWN, ()

        operators[1].serve = withhold
        liar = network.keepers[1].identity
        for _ in range(20):
            await sampled(network, light)
            if light.evidence.faults():
                break
        (fault,) = light.evidence.faults()
        assert receipt_holds(fault)
        await until(lambda: liar not in server.overlay.peers)
        assert len(light.carriers()) == 2


@contextlib.asynccontextmanager
async def turning(server: P2PServer):
    await server.start()
    task = asyncio.create_task(server.run())
    try:
        yield
    finally:
        task.cancel()
        await server.stop()
