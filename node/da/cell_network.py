"""Cells, certificates and receipts between nodes: what they are worth, and who serves them.

    dispersed   → certificate, receipts → ATTESTATIONS; cells whose holder failed → CELLS
    CELLS       → certified, proof holds → forwarded; kept where they are in custody and lacking
    GetCells    → from the store; without indices: the receipts that are known of the blob
    sampling    → `OverNodes` carries GetCells; a wrong or unserved cell costs its sender dearly

A cell is listened to only when a quorum has certified its blob, or anybody could fill stores. Knows
no sockets; a node's DA identity is its node id, so that who signs and who serves are one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from chain.errors import DecodeError, Recovery, StemmaError
from genesis.config import RollupConfig
from genesis.da_committee import DaCommittee
from rollup.da.attestation_message import decode_attestation, encode_attestation
from rollup.da.cell_message import CellMessage
from rollup.da.certificate import Certificate, check_certificate
from rollup.da.erasure import Cell, ExtendedBlob, verify_cells
from rollup.da.errors import (
    CellOfAnotherBlob,
    DataAvailabilityError,
    InvalidCertificate,
    InvalidReceipt,
)
from rollup.da.receipt import StorageReceipt, cell_set
from rollup.da.security import assignments

from ..p2p.gossip import Verdict
from ..p2p.handshake import Hello
from ..p2p.identity import NodeId
from ..p2p.message import GetCells, Request, Response, Status, Topic
from ..p2p.scoring import Offence
from ..p2p.server import P2PServer
from .dispersal import Dispersal
from .evidence import NOT_SERVED, WRONG_CELL, Evidence
from .keeper import Keeper
from .peer import CellPeer, PeerFailed, Stored
from .store import StoreFull

logger = logging.getLogger("stemma.da")

MAX_CERTIFIED: Final = 16_384
CERTIFICATE_WAIT_S: Final = 2.0
"""Cells may overtake their certificate."""

_LOOK_AGAIN_S: Final = 0.05
_T = TypeVar("_T")


class Pool(Protocol):
    """Runs KZG work elsewhere."""

    async def run(self, function: Callable[..., _T], *given: object) -> _T:
        """The function's answer."""
        ...


class CellNetwork:
    """A DA or light node's side of the network; `server` carries it."""

    def __init__(
        self,
        rollup: RollupConfig,
        committee: DaCommittee,
        hello: Hello,
        evidence: Evidence,
        pool: Pool,
        keeper: Keeper | None = None,
    ) -> None:
        """Without a keeper there are no cells here. Nothing is sent before `server` is set."""
        self._committee = committee
        self._l1_chain_id = rollup.l1_chain_id
        self._hello = hello
        self._pool = pool
        self._keeper = keeper
        self._certified: OrderedDict[bytes, None] = OrderedDict()
        self.evidence = evidence
        self.identities = tuple(operator.identity for operator in committee.operators)
        self.server: P2PServer | None = None
        self.judge_block: Callable[[bytes], Awaitable[Verdict]] | None = None
        """What a signed block is worth, of a node that follows headers."""

    # -- what the server asks

    def hello(self) -> Hello:
        """Chain and role; these nodes have no head."""
        port = 0 if self.server is None else self.server.port
        return replace(self._hello, listen_port=port)

    async def validate(self, peer: NodeId, topic: Topic, payload: bytes) -> Verdict:
        """Judge a gossiped payload, and use it."""
        del peer
        if topic is Topic.ATTESTATIONS:
            return await asyncio.to_thread(self._judge_attestation, payload)
        if topic is Topic.CELLS:
            return await self._judge_cell(payload)
        if topic is Topic.BLOCKS and self.judge_block is not None:
            return await self.judge_block(payload)
        return Verdict.IGNORE

    def _judge_attestation(self, payload: bytes) -> Verdict:
        try:
            attestation = decode_attestation(payload)
            if isinstance(attestation, Certificate):
                return self._take_certificate(attestation)
            return self._take_receipt(attestation)
        except (DecodeError, InvalidCertificate, InvalidReceipt) as error:
            logger.info("an attestation: %s", error)
            return Verdict.REJECT

    def _take_certificate(self, certificate: Certificate) -> Verdict:
        if certificate.commitment in self._certified:
            return Verdict.IGNORE  # another quorum's: nothing new
        check_certificate(self._committee, self._l1_chain_id, certificate.encode())
        self.certify(certificate.commitment)
        return Verdict.ACCEPT

    def _take_receipt(self, receipt: StorageReceipt) -> Verdict:
        if receipt.identity not in self.identities:
            raise InvalidReceipt(f"receipt of 0x{receipt.identity.hex()}: no operator's")
        receipt.check(receipt.identity, receipt.commitment, 0)
        return Verdict.ACCEPT if self.evidence.keep(receipt) else Verdict.IGNORE

    def certify(self, commitment: bytes) -> None:
        """A quorum has certified a blob: its cells may come."""
        self._certified[commitment] = None
        while len(self._certified) > MAX_CERTIFIED:
            self._certified.popitem(last=False)

    async def _judge_cell(self, payload: bytes) -> Verdict:
        try:
            message = CellMessage.decode(payload)
        except DataAvailabilityError:
            return Verdict.REJECT
        if len(message.cells) != 1:
            return Verdict.REJECT
        if not await self._is_certified(message.commitment):
            return Verdict.IGNORE
        try:
            await self._pool.run(verify_cells, message.commitment, message.cells)
        except DataAvailabilityError:
            return Verdict.REJECT
        except StemmaError as error:
            if error.recovery is not Recovery.RETRY:
                raise
            return Verdict.IGNORE  # too much to do: nobody's fault
        if self._keeper is not None:
            try:
                self._keeper.take_gossiped(message.commitment, message.cells)
            except StoreFull as error:
                logger.warning("a gossiped cell: %s", error)
        return Verdict.ACCEPT

    async def _is_certified(self, commitment: bytes) -> bool:
        waited_s = 0.0
        while commitment not in self._certified and waited_s < CERTIFICATE_WAIT_S:
            await asyncio.sleep(_LOOK_AGAIN_S)
            waited_s += _LOOK_AGAIN_S
        return commitment in self._certified

    async def serve(self, request: Request) -> tuple[Status, tuple[bytes, ...]]:
        """Answer a request: for cells, or for receipts."""
        if not isinstance(request, GetCells):
            return Status.UNKNOWN, ()
        items = await asyncio.to_thread(self._items, request)
        return (Status.OK if items else Status.UNKNOWN), items

    def _items(self, request: GetCells) -> tuple[bytes, ...]:
        if not request.indices:
            known = self.evidence.receipts(self.identities, request.commitment)
            return tuple(receipt.encode() for receipt in known)
        if self._keeper is None:
            return ()
        cells = self._keeper.store.cells(request.commitment, cell_set(request.indices))
        return (CellMessage(request.commitment, cells).encode(),) if cells else ()

    # -- what this node has dispersed

    def dispersed(self, dispersal: Dispersal, extended: ExtendedBlob) -> None:
        """Tell the network: the certificate, who signed, and the cells that somebody lacks."""
        certificate = dispersal.certificate
        self.certify(certificate.commitment)
        for receipt in dispersal.receipts.values():
            self.evidence.keep(receipt)
        if self.server is None:
            return
        attestations: list[Certificate | StorageReceipt] = [certificate]
        attestations += dispersal.receipts.values()
        for attestation in attestations:
            self.server.publish(Topic.ATTESTATIONS, encode_attestation(attestation))
        shares = assignments(self._committee)
        for index in sorted({cell for number in dispersal.failures for cell in shares[number]}):
            message = CellMessage(certificate.commitment, (extended.cells[index],))
            self.server.publish(Topic.CELLS, message.encode())

    # -- asking others

    def carriers(self) -> list[CellPeer]:
        """The operators that this node has a session with."""
        if self.server is None:
            return []
        return carriers_of(self.server, self._committee)

    async def wrong(self, identity: bytes, commitment: bytes, indices: Sequence[int]) -> None:
        """A node has answered with cells whose proofs do not hold."""
        await self._learn_receipt(identity, commitment)
        self._accuse(identity, commitment, WRONG_CELL, indices, Offence.WRONG_CELL)

    async def missing(self, identity: bytes, commitment: bytes, indices: Sequence[int]) -> None:
        """A node has answered without cells that it should keep; a fault where it had signed."""
        await self._learn_receipt(identity, commitment)
        promised = self.evidence.has_promised(identity, commitment, indices)
        if promised:
            self._accuse(identity, commitment, NOT_SERVED, promised, Offence.BROKEN_RECEIPT)

    def _accuse(
        self, identity: bytes, commitment: bytes, kind: str, cells: Sequence[int], offence: Offence
    ) -> None:
        self.evidence.accuse(identity, commitment, kind, cells)
        logger.warning(
            "operator 0x%s, blob 0x%s: %s", identity.hex()[:8], commitment.hex()[:16], kind
        )
        if self.server is not None:
            self.server.overlay.penalise(identity, offence, self.server.now())

    async def _learn_receipt(self, identity: bytes, commitment: bytes) -> None:
        """Ask other nodes for the word of one, where it is not here."""
        if self.server is None or self.evidence.receipt(identity, commitment) is not None:
            return
        for peer in list(self.server.overlay.peers):
            if peer == identity:
                continue
            response = await self.server.ask(peer, lambda key: GetCells(key, commitment, ()))
            for item in () if response is None else response.items[: len(self.identities)]:
                try:
                    receipt = StorageReceipt.decode(item)
                    if receipt.commitment == commitment:
                        self._take_receipt(receipt)
                except DataAvailabilityError as error:
                    logger.info("a receipt from a peer: %s", error)
                    self.server.overlay.judge(peer, is_right=False, now=self.server.now())
                    break
            if self.evidence.receipt(identity, commitment) is not None:
                return


def carriers_of(server: P2PServer, committee: DaCommittee) -> list[CellPeer]:
    """The operators of a committee that a server has a session with."""
    identities = {operator.identity for operator in committee.operators}
    return [OverNodes(server, peer) for peer in server.overlay.peers if peer in identities]


class OverNodes:
    """An operator as a peer of this node: cells by GetCells. What is not a cell goes by HTTP."""

    def __init__(self, server: P2PServer, node_id: NodeId) -> None:
        """Nothing is asked yet."""
        self._server = server
        self._node_id = node_id

    @property
    def name(self) -> str:
        """The beginning of its node id."""
        return f"node {self._node_id.hex()[:8]}"

    async def identity(self) -> bytes:
        """Its Ed25519 key, which the session has proven."""
        return self._node_id

    async def held(self, commitment: bytes) -> int:
        """Not asked between nodes."""
        raise PeerFailed(f"{self.name}: what it holds is asked over HTTP")

    async def store(self, message: CellMessage) -> Stored:
        """Not asked between nodes."""
        raise PeerFailed(f"{self.name}: cells are given over HTTP")

    async def cells(self, commitment: bytes, wanted: int) -> tuple[Cell, ...]:
        """Some of the wanted cells, not verified."""
        indices = tuple(index for index in range(128) if wanted >> index & 1)
        response = await self._server.ask(
            self._node_id, lambda key: GetCells(key, commitment, indices)
        )
        if response is None or response.status in (Status.BUSY, Status.REFUSED):
            raise PeerFailed(
                f"{self.name}: no answer" if response is None else f"{self.name}: busy"
            )
        try:
            message = _only_message(response)
        except DataAvailabilityError as error:
            self._judge_wrong()
            raise PeerFailed(f"{self.name}: {error}") from error
        if message is None:
            return ()
        if message.commitment != commitment:
            self._judge_wrong()
            raise CellOfAnotherBlob(commitment, message.commitment)
        return tuple(cell for cell in message.cells if wanted >> cell.index & 1)

    def _judge_wrong(self) -> None:
        self._server.overlay.judge(self._node_id, is_right=False, now=self._server.now())


def _only_message(response: Response) -> CellMessage | None:
    """The one item of an answer for cells. Raises DataAvailabilityError."""
    if response.status == Status.UNKNOWN or not response.items:
        return None
    return CellMessage.decode(response.items[0])
