"""Who supplies L1 blocks: a protocol, and an implementation over blocks held in memory.

Everything is synchronous and answers from what is there; a block that is not there yet raises
L1DataMissing, which says what to fetch. Knows nothing of how it is fetched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol

from chain.errors import Recovery, StemmaError
from chain.types import Hash32

from .block import L1Block, L1BlockRef

__all__ = [
    "ConfirmedL1",
    "L1Block",
    "L1BlockRef",
    "L1DataMissing",
    "L1Provider",
    "MemoryL1Provider",
]


HASH_BYTES: Final = 32


class L1DataMissing(StemmaError):
    """A block or blob of L1 is not here yet: fetch it and call again.

    Exactly one of `number`, `block_hash`, `versioned_hash` and `commitment` says what is missing; a
    missing blob of L1 also has the hash of the block whose transaction names it. `commitment` is
    that of a blob (48 bytes) which L1 only has a certificate of, or the Keccak-256 of data (32) of
    which L1 has no more; `standing` says what L1 knows of the latter.
    """

    recovery: ClassVar[Recovery] = Recovery.RETRY

    def __init__(
        self,
        *,
        number: int | None = None,
        block_hash: Hash32 | None = None,
        versioned_hash: Hash32 | None = None,
        commitment: bytes | None = None,
        standing: str = "",
    ) -> None:
        self.commitment = commitment
        self.number = number
        self.block_hash = block_hash
        self.versioned_hash = versioned_hash
        if commitment is not None and len(commitment) == HASH_BYTES:
            super().__init__(
                f"the data of commitment 0x{commitment.hex()} cannot be got from the DA server "
                f"({standing}): derivation stalls until they are here, on L1, or lost"
            )
            return
        if commitment is not None:
            super().__init__(
                f"certified blob 0x{commitment.hex()} cannot be got from the DA committee: "
                "derivation stalls until it can"
            )
            return
        if versioned_hash is not None and block_hash is not None:
            what = f"blob 0x{versioned_hash.hex()} of block 0x{block_hash.hex()}"
        elif block_hash is not None:
            what = f"block 0x{block_hash.hex()}"
        else:
            what = f"block {number}"
        super().__init__(f"L1 {what} is not available yet")


class L1Provider(Protocol):
    """What derivation, driver and sequencer read of L1."""

    def head(self) -> L1BlockRef | None:
        """The newest block of the canonical chain, None before the first is known."""
        ...

    def readable_to(self) -> int:
        """The number up to which blocks may be asked for, -1 before the first is known."""
        ...

    def safe(self) -> L1BlockRef | None:
        """The newest block that L1's validators hold to be safe, if known."""
        ...

    def finalized(self) -> L1BlockRef | None:
        """The newest block that L1 cannot revert, if known."""
        ...

    def block_by_number(self, number: int) -> L1Block:
        """The canonical block of that number. Raises L1DataMissing."""
        ...

    def block_by_hash(self, block_hash: Hash32) -> L1Block:
        """The block of that hash, canonical or not. Raises L1DataMissing."""
        ...

    def da_blob(self, commitment: bytes) -> bytes | None:
        """The blob of a commitment that L1 has a certificate of, or the data of a Keccak-256 that
        L1 has, if they are here.
        """
        ...


_NO_RUN: Final = 2**64
_KEPT_DA_BLOBS: Final = 64


@dataclass(slots=True)
class MemoryL1Provider:
    """L1 blocks in memory, filled from outside; a fetcher or a test is its writer.

    The head and its known ancestors form the run, an unbroken line of blocks. Below the run single
    numbers may be known on the word of their source. Blocks that leave the canonical chain stay
    readable by hash until `prune` drops them.
    """

    _by_hash: dict[Hash32, L1Block] = field(default_factory=dict)
    _canonical: dict[int, Hash32] = field(default_factory=dict)
    _run_start: int = _NO_RUN
    _head: L1BlockRef | None = None
    _safe: L1BlockRef | None = None
    _finalized: L1BlockRef | None = None
    _da_blobs: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, block: L1Block) -> None:
        """Keep a block, and have the run go on down through it where it can.

        A block added again replaces the first, which is how blobs that arrive late come in.
        """
        self._by_hash[block.hash] = block
        if block.number + 1 == self._run_start:
            self._link(self._by_hash[self._canonical[self._run_start]])

    def add_canonical(self, block: L1Block) -> None:
        """Keep a block that L1 itself gave for its number, below all that is linked to the head."""
        self.add(block)
        if block.number < self._run_start:
            self._canonical[block.number] = block.hash

    def set_head(self, block: L1Block) -> None:
        """Make a block the canonical head, and with it all its known ancestors.

        Blocks above it cease to be canonical. Where its ancestors do not join the former run,
        nothing below them is vouched for any more: those numbers have to be added again.
        """
        self._by_hash[block.hash] = block
        if self._head is not None:
            for number in range(block.number + 1, self._head.number + 1):
                self._canonical.pop(number, None)
        self._head = block.ref
        if not self._joins_run(block):
            self._link(block)

    def _link(self, block: L1Block) -> None:
        """Mark the block and its ancestors canonical until they join the run or end in a gap."""
        cursor = block
        while True:
            self._canonical[cursor.number] = cursor.hash
            parent = self._by_hash.get(cursor.parent_hash)
            if parent is None:
                break
            if self._joins_run(parent):
                return
            cursor = parent
        self._run_start = cursor.number
        for number in [n for n in self._canonical if n < cursor.number]:
            del self._canonical[number]

    def _joins_run(self, block: L1Block) -> bool:
        return block.number >= self._run_start and self._canonical.get(block.number) == block.hash

    def set_safe(self, ref: L1BlockRef) -> None:
        """Note L1's safe block."""
        self._safe = ref

    def set_finalized(self, ref: L1BlockRef) -> None:
        """Note L1's finalized block."""
        self._finalized = ref

    def add_da_blob(self, commitment: bytes, blob: bytes) -> None:
        """Keep a blob, or data, verified against the commitment, in place of the oldest."""
        while len(self._da_blobs) >= _KEPT_DA_BLOBS:
            del self._da_blobs[next(iter(self._da_blobs))]
        self._da_blobs[commitment] = blob

    def da_blob(self, commitment: bytes) -> bytes | None:
        """The blob or data of a commitment, if they are here."""
        return self._da_blobs.get(commitment)

    def prune(self, below: int) -> None:
        """Drop all blocks with a smaller number."""
        for block_hash in [h for h, block in self._by_hash.items() if block.number < below]:
            del self._by_hash[block_hash]
        for number in [n for n in self._canonical if n < below]:
            del self._canonical[number]
        self._run_start = max(self._run_start, below)

    def head(self) -> L1BlockRef | None:
        """The canonical head, None before the first block."""
        return self._head

    def readable_to(self) -> int:
        """The number of the head."""
        return -1 if self._head is None else self._head.number

    def safe(self) -> L1BlockRef | None:
        """L1's safe block as last noted."""
        return self._safe

    def finalized(self) -> L1BlockRef | None:
        """L1's finalized block as last noted."""
        return self._finalized

    def block_by_number(self, number: int) -> L1Block:
        """The canonical block of that number. Raises L1DataMissing."""
        block_hash = self._canonical.get(number)
        if block_hash is None:
            raise L1DataMissing(number=number)
        return self.block_by_hash(block_hash)

    def block_by_hash(self, block_hash: Hash32) -> L1Block:
        """The block of that hash, canonical or not. Raises L1DataMissing."""
        block = self._by_hash.get(block_hash)
        if block is None:
            raise L1DataMissing(block_hash=block_hash)
        return block


class ConfirmedL1:
    """L1 without its newest blocks: what is below `depth` confirmations is not there yet.

    A reader of it meets fewer reorgs and hears later of everything.
    """

    def __init__(self, provider: L1Provider, depth: int) -> None:
        self._provider = provider
        self._depth = depth

    def head(self) -> L1BlockRef | None:
        """L1's own head, confirmed or not."""
        return self._provider.head()

    def readable_to(self) -> int:
        """The newest confirmed number."""
        return self._provider.readable_to() - self._depth

    def safe(self) -> L1BlockRef | None:
        """L1's safe head."""
        return self._provider.safe()

    def finalized(self) -> L1BlockRef | None:
        """L1's finalized head."""
        return self._provider.finalized()

    def block_by_number(self, number: int) -> L1Block:
        """The canonical block of a height. Raises L1DataMissing above the confirmed ones."""
        head = self._provider.head()
        if self._depth and (head is None or number + self._depth > head.number):
            raise L1DataMissing(number=number)
        return self._provider.block_by_number(number)

    def block_by_hash(self, block_hash: Hash32) -> L1Block:
        """The block of a hash. Raises L1DataMissing."""
        return self._provider.block_by_hash(block_hash)

    def da_blob(self, commitment: bytes) -> bytes | None:
        """The blob or data of a commitment, if they are here."""
        return self._provider.da_blob(commitment)
