"""What a DA node does with cells that come in: verify, store, and only then give its word.

It signs for a certificate when it holds all cells that its id makes it keep, for a certificate
without their holders would be worth nothing. Knows nothing of HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chain.crypto import ed25519
from chain.crypto.secp256k1 import address_of
from chain.errors import StemmaError
from genesis.da_committee import DaCommittee
from rollup.da.cell_message import CellMessage
from rollup.da.certificate import certificate_digest, sign_certificate
from rollup.da.commitment import COMMITMENT_BYTES, PROOF_BYTES
from rollup.da.erasure import CELL_BYTES, Cell, verify_cells
from rollup.da.errors import MalformedInput
from rollup.da.receipt import StorageReceipt, cell_set
from rollup.da.security import assignments

from .kzg_pool import KzgPool
from .peer import Stored
from .store import CellStore

_KEPT_BYTES: Final = CELL_BYTES + PROOF_BYTES
"""Of a cell."""


class NotInCommittee(StemmaError):
    """The keys of this node are no operator's of this chain."""


class CustodyIncomplete(StemmaError):
    """Not all cells that this node has to keep came along, so it signs nothing."""


@dataclass(frozen=True, slots=True)
class OperatorKeys:
    """Ed25519 seed (who it is among nodes) and secp256k1 key (who it is to L1), 32 bytes each."""

    identity_seed: bytes
    signer_key: bytes


class Keeper:
    """One operator of a committee and its store."""

    def __init__(
        self,
        committee: DaCommittee,
        l1_chain_id: int,
        keys: OperatorKeys,
        store: CellStore,
        pool: KzgPool,
        *,
        now: Callable[[], float],
        retention_s: int,
    ) -> None:
        """Raises NotInCommittee."""
        self.identity = ed25519.public_key_of(keys.identity_seed)
        signer = address_of(keys.signer_key)
        found = [
            index
            for index, operator in enumerate(committee.operators)
            if operator.identity == self.identity and operator.signer == signer
        ]
        if not found:
            raise NotInCommittee(
                f"no operator has identity 0x{self.identity.hex()} and signer 0x{signer.hex()}"
            )
        self.index = found[0]
        self.store = store
        self.custody = cell_set(assignments(committee)[self.index])
        self._committee = committee
        self._l1_chain_id = l1_chain_id
        self._keys = keys
        self._pool = pool
        self._now = now
        self._retention_s = retention_s

    async def accept(self, message: CellMessage) -> Stored:
        """Store cells and answer for them.

        Cells that are here already are passed over unread. Raises WrongProof, MalformedInput,
        CustodyIncomplete, StoreFull, KzgBusy.
        """
        commitment = message.commitment
        known = self.store.blob(commitment)
        held = 0 if known is None else known.cells
        given = cell_set(cell.index for cell in message.cells)
        if self.custody & ~(held | given):
            lacking = (self.custody & ~(held | given)).bit_count()
            raise CustodyIncomplete(
                f"blob 0x{commitment.hex()}: {lacking} of the {self.custody.bit_count()} cells of "
                "this node did not come along"
            )
        new = tuple(
            cell
            for cell in message.cells
            if self.custody >> cell.index & 1 and not held >> cell.index & 1
        )
        if new:
            await self._pool.run(verify_cells, commitment, new)
        until = int(self._now()) + self._retention_s
        count = self.store.put(commitment, new, until)
        longer = 0.0 if known is None else (until - known.stored_until) / self._retention_s
        cells = count + held.bit_count() * max(0.0, longer)
        return self._answer(commitment, message.reference_block, until, int(cells * _KEPT_BYTES))

    def _answer(
        self, commitment: bytes, reference_block: int, until: int, new_bytes: int
    ) -> Stored:
        digest = certificate_digest(self._committee, self._l1_chain_id, commitment, reference_block)
        receipt = StorageReceipt.sign(commitment, self.custody, until, self._keys.identity_seed)
        return Stored(receipt, sign_certificate(digest, self._keys.signer_key), new_bytes)

    def take_gossiped(self, commitment: bytes, cells: tuple[Cell, ...]) -> int:
        """Keep verified cells of a certified blob, those of its custody; how many were new.

        Nothing is signed for them: nobody has asked. Raises StoreFull.
        """
        mine = [cell for cell in cells if self.custody >> cell.index & 1]
        until = int(self._now()) + self._retention_s
        return self.store.put(commitment, mine, until) if mine else 0

    def restore(self, commitment: bytes, cells: tuple[Cell, ...]) -> int:
        """Take back verified cells of this node's that were lost; how many. Raises StoreFull."""
        lacking = self.lacking(commitment)
        return self.store.rewrite(
            commitment, tuple(cell for cell in cells if lacking >> cell.index & 1)
        )

    def lacking(self, commitment: bytes) -> int:
        """The cells of its custody that are not readable here, a bit set."""
        found = cell_set(cell.index for cell in self.store.cells(commitment, self.custody))
        return self.custody & ~found

    def held(self, commitment: bytes) -> int:
        """The cells it keeps of a blob, a bit set."""
        if len(commitment) != COMMITMENT_BYTES:
            raise MalformedInput(f"commitment: expected 48 bytes, got {len(commitment)}")
        known = self.store.blob(commitment)
        return 0 if known is None else known.cells


class LocalPeer:
    """A keeper as a peer of its own node; no message leaves the process."""

    def __init__(self, keeper: Keeper) -> None:
        """Carry to that keeper."""
        self._keeper = keeper
        self.name = "this node"

    async def identity(self) -> bytes:
        """Its Ed25519 key."""
        return self._keeper.identity

    async def held(self, commitment: bytes) -> int:
        """The cells it keeps, a bit set."""
        return self._keeper.held(commitment)

    async def store(self, message: CellMessage) -> Stored:
        """Have it store cells."""
        return await self._keeper.accept(message)

    async def cells(self, commitment: bytes, wanted: int) -> tuple[Cell, ...]:
        """Those of the wanted cells that it has."""
        return self._keeper.store.cells(commitment, wanted)
