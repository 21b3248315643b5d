"""L1 blocks as the rollup sees them: a header, transactions, receipts and the blobs they name.

Values only. `verify_l1_block` checks that the parts belong to the header, so that whoever fetched
them need not be trusted. Knows nothing of where blocks come from or which of them is canonical.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from chain.block import receipts_root, transactions_root
from chain.errors import DecodeError
from chain.heads import BlockRef
from chain.types import ZERO_HASH, Hash32

if TYPE_CHECKING:
    from chain.block import Header
    from chain.receipt import Receipt
    from chain.transaction import Transaction

PRAGUE_BLOB_BASE_FEE_UPDATE_FRACTION: Final = 5_007_716
"""EIP-7691; a later blob schedule of L1 (EIP-7892) has another value."""

_MIN_BLOB_BASE_FEE_WEI: Final = 1
_NO_BLOBS: Final[Mapping[Hash32, bytes]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class L1BlockRef(BlockRef):
    """An L1 block named by number and hash, with its parent and its time in seconds."""

    def __str__(self) -> str:
        return f"L1 block {self.number} (0x{self.hash.hex()})"


@dataclass(frozen=True, slots=True)
class L1Block:
    """One L1 block with everything derivation reads from it.

    `blobs` maps the versioned hashes of the batcher's blob transactions to their blobs; a blob
    that is still missing there makes derivation wait. Fees are in wei; `blob_base_fee` follows
    L1's own schedule.
    """

    header: Header
    transactions: tuple[Transaction, ...]
    receipts: tuple[Receipt, ...]
    blob_base_fee: int
    blobs: Mapping[Hash32, bytes] = field(default_factory=lambda: _NO_BLOBS)

    @property
    def number(self) -> int:
        """Height on L1."""
        return self.header.number

    @property
    def hash(self) -> Hash32:
        """Hash of the header."""
        return self.header.hash

    @property
    def parent_hash(self) -> Hash32:
        """Hash of the block before it."""
        return self.header.parent_hash

    @property
    def timestamp(self) -> int:
        """Seconds since the Unix epoch."""
        return self.header.timestamp

    @property
    def base_fee(self) -> int:
        """EIP-1559 base fee per gas, 0 before London."""
        return self.header.base_fee_per_gas or 0

    @property
    def prev_randao(self) -> Hash32:
        """Randomness of the beacon chain, which L2 blocks of this epoch reuse."""
        return self.header.prev_randao

    @property
    def parent_beacon_block_root(self) -> Hash32:
        """EIP-4788 root, zero before Cancun."""
        return self.header.parent_beacon_block_root or ZERO_HASH

    @property
    def ref(self) -> L1BlockRef:
        """The block's name."""
        return L1BlockRef(self.number, self.hash, self.parent_hash, self.timestamp)


def make_l1_block(
    header: Header,
    transactions: tuple[Transaction, ...],
    receipts: tuple[Receipt, ...],
    blobs: Mapping[Hash32, bytes] = _NO_BLOBS,
    *,
    blob_base_fee_update_fraction: int = PRAGUE_BLOB_BASE_FEE_UPDATE_FRACTION,
) -> L1Block:
    """Join the parts of a block and compute its blob base fee from the header."""
    fee_wei = compute_blob_base_fee(header.excess_blob_gas or 0, blob_base_fee_update_fraction)
    return L1Block(header, transactions, receipts, fee_wei, blobs)


def verify_l1_block(block: L1Block) -> None:
    """Check that transactions and receipts are those the header commits to.

    Raises DecodeError naming the block and both roots. Whoever fetches blobs
    compares their own hash (rollup.wire.blob.blob_versioned_hash) with the one asked for.
    """
    for name, stated, computed in (
        (
            "transactions",
            block.header.transactions_root,
            transactions_root([tx.encode() for tx in block.transactions]),
        ),
        (
            "receipts",
            block.header.receipts_root,
            receipts_root(block.receipts),
        ),
    ):
        if stated != computed:
            raise DecodeError(
                f"{block.ref}: {name} root in the header 0x{stated.hex()}, "
                f"of the {name} received 0x{computed.hex()}"
            )


def compute_blob_base_fee(excess_blob_gas: int, update_fraction: int) -> int:
    """Wei per blob gas: 1 * e ** (excess / fraction) in integers (EIP-4844, fake_exponential)."""
    total = 0
    term = _MIN_BLOB_BASE_FEE_WEI * update_fraction
    step = 1
    while term > 0:
        total += term
        term = term * excess_blob_gas // (update_fraction * step)
        step += 1
    return total // update_fraction
