"""From payload to certificate and back: cells to the operators, their signatures, their cells.

    Disperser   payload → blob → 128 cells → each operator its custody → receipts → certificate
    Retriever   commitment → cells of any operators, verified → blob → payload; and re-seeding

Work that waits is bounded; what is above is told to come again. A peer that sends a wrong cell is
not asked again for that blob, and is named. Knows no sockets: `CellPeer` carries.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from chain.errors import Recovery, StemmaError
from genesis.da_committee import DaCommittee
from rollup.da.cell_message import CellMessage
from rollup.da.certificate import (
    Certificate,
    certificate_digest,
    make_certificate,
    signer_of,
)
from rollup.da.erasure import (
    CELLS_PER_BLOB,
    CELLS_TO_RECOVER,
    Cell,
    ExtendedBlob,
    extend_payload,
    recover_blob,
    verify_cells,
)
from rollup.da.errors import CellOfAnotherBlob, WrongProof
from rollup.da.receipt import StorageReceipt, cell_set
from rollup.da.reconstruction import Reconstruction
from rollup.da.security import assignments

from .kzg_pool import KzgPool
from .peer import CellPeer, Either, PeerFailed

logger = logging.getLogger("stemma.da")


class DispersalBusy(StemmaError):
    """As many blobs are being dispersed as may be; come again later."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class NotConfirmed(StemmaError):
    """No quorum of operators stored the cells; `failures` say why, by operator number."""

    recovery: ClassVar[Recovery] = Recovery.RETRY

    def __init__(self, stake: int, total: int, percent: int, failures: Mapping[int, str]) -> None:
        """Keep the reasons."""
        self.failures = dict(failures)
        reasons = "; ".join(f"operator {index}: {why}" for index, why in failures.items())
        super().__init__(f"{stake} of {total} stake confirmed, {percent} % are needed: {reasons}")


class BlobUnavailable(StemmaError):
    """Fewer than half of a blob's cells could be got; `blamed` are peers that sent wrong ones."""

    recovery: ClassVar[Recovery] = Recovery.RETRY

    def __init__(self, commitment: bytes, have: int, failures: Mapping[str, str]) -> None:
        """Keep the reasons."""
        self.failures = dict(failures)
        reasons = "; ".join(f"{name}: {why}" for name, why in failures.items()) or "no peers"
        super().__init__(
            f"blob 0x{commitment.hex()}: {have} of {CELLS_TO_RECOVER} cells could be got: {reasons}"
        )


@dataclass(frozen=True, slots=True)
class Dispersal:
    """A certificate, the receipts behind it and who failed, both by operator number."""

    certificate: Certificate
    receipts: dict[int, StorageReceipt]
    failures: dict[int, str]


@dataclass(slots=True)
class Peers:
    """The carriers of a committee's operators, found by their identities."""

    committee: DaCommittee
    carriers: Sequence[CellPeer]
    sessions: Callable[[], Sequence[CellPeer]] = tuple
    """Operators that are reached otherwise just now; they are asked first."""

    _known: dict[int, CellPeer] = field(default_factory=dict)

    async def by_operator(self) -> dict[int, CellPeer]:
        """Operator number → its carrier; those that do not answer are left out for now."""
        numbers = {op.identity: index for index, op in enumerate(self.committee.operators)}
        unknown = [peer for peer in self.carriers if peer not in self._known.values()]
        answers = await asyncio.gather(
            *(peer.identity() for peer in unknown), return_exceptions=True
        )
        for peer, answer in zip(unknown, answers, strict=True):
            if isinstance(answer, bytes) and answer in numbers:
                self._known[numbers[answer]] = peer
            elif isinstance(answer, bytes):
                logger.warning("%s is no operator of this chain", peer.name)
            elif not isinstance(answer, StemmaError):
                raise answer
        found = dict(self._known)
        for peer in self.sessions():
            number = numbers.get(await peer.identity())
            if number is not None:
                known = self._known.get(number)
                found[number] = peer if known is None else Either(peer, known)
        return dict(sorted(found.items()))


class Disperser:
    """Puts payloads into the hands of a committee."""

    def __init__(
        self,
        peers: Peers,
        l1_chain_id: int,
        pool: KzgPool,
        reference_block: Callable[[], Awaitable[int]],
        *,
        most_at_once: int = 8,
    ) -> None:
        """`reference_block` answers with L1's head; at most `most_at_once` blobs are under way."""
        self._peers = peers
        self._l1_chain_id = l1_chain_id
        self._pool = pool
        self._reference_block = reference_block
        self._most_at_once = most_at_once
        self._under_way = 0
        self.dispersed: Callable[[Dispersal, ExtendedBlob], None] = lambda _, __: None
        """Hears of each blob that a quorum has stored."""

    async def put(self, payload: bytes) -> Dispersal:
        """Disperse one payload, at most 130,044 bytes.

        Raises EncodeError, DispersalBusy, NotConfirmed, KzgBusy.
        """
        if self._under_way >= self._most_at_once:
            raise DispersalBusy(f"{self._under_way} blobs are being dispersed, no more at once")
        self._under_way += 1
        try:
            reference_block = await self._reference_block()
            extended = await self._pool.run(extend_payload, payload)
            return await self._collect(extended, reference_block)
        finally:
            self._under_way -= 1

    async def _collect(self, extended: ExtendedBlob, reference_block: int) -> Dispersal:
        committee, commitment = self._peers.committee, extended.commitment
        digest = certificate_digest(committee, self._l1_chain_id, commitment, reference_block)
        receipts: dict[int, StorageReceipt] = {}
        signatures: dict[int, bytes] = {}
        failures: dict[int, str] = {}

        async def ask(index: int, peer: CellPeer) -> None:
            operator = committee.operators[index]
            custody = assignments(committee)[index]
            cells = tuple(extended.cells[cell] for cell in custody)
            try:
                stored = await peer.store(CellMessage(commitment, cells, reference_block))
                stored.receipt.check(operator.identity, commitment, cell_set(custody))
                if signer_of(digest, stored.signature) != operator.signer:
                    raise PeerFailed(f"{peer.name}: it signed something else")
            except StemmaError as error:
                failures[index] = str(error)
                return
            receipts[index], signatures[index] = stored.receipt, stored.signature

        carriers = await self._peers.by_operator()
        await asyncio.gather(*(ask(index, peer) for index, peer in carriers.items()))
        for index in range(len(committee.operators)):
            if index not in carriers:
                failures[index] = "no peer with its identity answers"
        stake = sum(committee.operators[index].stake for index in signatures)
        if not committee.is_quorum(stake):
            percent = committee.confirmation_percent
            raise NotConfirmed(stake, committee.total_stake, percent, failures)
        certificate = make_certificate(
            committee, self._l1_chain_id, commitment, reference_block, signatures
        )
        dispersal = Dispersal(certificate, receipts, failures)
        self.dispersed(dispersal, extended)
        return dispersal


class Retriever:
    """Gets blobs back from a committee."""

    def __init__(self, peers: Peers, pool: KzgPool) -> None:
        """Nothing is asked yet."""
        self._peers = peers
        self._pool = pool
        self.blamed: dict[str, str] = {}

    async def blob(
        self, commitment: bytes, *, have: tuple[Cell, ...] = (), excluded: int = -1
    ) -> ExtendedBlob:
        """The whole blob, verified. `have` are cells known to hold; `excluded` is an operator not
        to ask. Raises BlobUnavailable, KzgBusy.
        """
        gathered = Reconstruction(commitment)
        gathered.take_verified(have)
        failures: dict[str, str] = {}
        carriers = await self._peers.by_operator()
        carriers.pop(excluded, None)
        while not gathered.is_enough and carriers:
            wanted = self._shares(gathered, carriers)
            if not wanted:
                break
            for index, why in await self._ask(gathered, carriers, wanted):
                failures[carriers[index].name] = why
            for index in wanted:
                carriers.pop(index)
        if not gathered.is_enough:
            raise BlobUnavailable(commitment, len(gathered.have), failures)
        return await self._pool.run(recover_blob, commitment, gathered.cells())

    def _shares(self, gathered: Reconstruction, carriers: Mapping[int, CellPeer]) -> dict[int, int]:
        """Whom to ask for which cells next: no cell twice, and just as many as are needed."""
        open_cells = cell_set(gathered.missing)
        needed = CELLS_TO_RECOVER - len(gathered.have)
        shares: dict[int, int] = {}
        for index in carriers:
            custody = assignments(self._peers.committee)[index]
            mine = [cell for cell in custody if open_cells >> cell & 1][:needed]
            if mine:
                shares[index] = cell_set(mine)
                open_cells &= ~shares[index]
                needed -= len(mine)
            if needed <= 0:
                break
        return shares

    async def _ask(
        self,
        gathered: Reconstruction,
        carriers: Mapping[int, CellPeer],
        wanted: Mapping[int, int],
    ) -> list[tuple[int, str]]:
        async def ask(index: int, share: int) -> str | None:
            peer = carriers[index]
            try:
                cells = await peer.cells(gathered.commitment, share)
                await self._pool.run(verify_cells, gathered.commitment, cells)
            except (WrongProof, CellOfAnotherBlob) as error:
                self.blamed[peer.name] = str(error)
                return str(error)
            except StemmaError as error:
                return str(error)
            gathered.take_verified(cells)
            short = share.bit_count() - len(cells)
            return f"{short} of its cells were not there" if short else None

        answers = await asyncio.gather(*(ask(index, share) for index, share in wanted.items()))
        return [(i, why) for i, why in zip(wanted, answers, strict=True) if why is not None]

    async def reseed(
        self, commitment: bytes, *, have: tuple[Cell, ...] = (), excluded: int = -1
    ) -> dict[int, str]:
        """Give every operator the cells of its custody that it lacks, out of any half.

        Answers with what became of each that lacked some, or could not be asked. Raises
        BlobUnavailable, KzgBusy.
        """
        carriers = await self._peers.by_operator()
        carriers.pop(excluded, None)
        others = set(range(len(self._peers.committee.operators))) - {excluded}
        results = dict.fromkeys(sorted(others - carriers.keys()), "no way to it")
        lacking: dict[int, int] = {}
        for index, peer in carriers.items():
            custody = cell_set(assignments(self._peers.committee)[index])
            try:
                lacks = custody & ~await peer.held(commitment)
            except StemmaError as error:
                results[index] = str(error)
                continue
            if lacks:
                lacking[index] = custody
        if not lacking:
            return results
        extended = await self.blob(commitment, have=have, excluded=excluded)
        for index, custody in lacking.items():
            cells = tuple(
                extended.cells[cell] for cell in range(CELLS_PER_BLOB) if custody >> cell & 1
            )
            try:
                await carriers[index].store(CellMessage(commitment, cells))
                results[index] = "restored"
            except StemmaError as error:
                results[index] = str(error)
        return results
