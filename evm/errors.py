"""Why a transaction or a block is refused. Messages use geth's words, which clients match on."""

from __future__ import annotations

from enum import Enum

from chain.errors import StemmaError
from chain.types import Hash32


class Fault(Enum):
    """What is wrong with a transaction at this point of the chain."""

    NONCE_TOO_LOW = "nonce too low"
    NONCE_TOO_HIGH = "nonce too high"
    NONCE_MAX = "nonce has max value"
    SENDER_NOT_EOA = "sender not an eoa"
    INSUFFICIENT_FUNDS = "insufficient funds for gas * price + value"
    FEE_CAP_TOO_LOW = "max fee per gas less than block base fee"
    TIP_ABOVE_FEE_CAP = "max priority fee per gas higher than max fee per gas"
    BLOB_FEE_CAP_TOO_LOW = "max fee per blob gas less than block blob gas fee"
    INTRINSIC_GAS = "intrinsic gas too low"
    FLOOR_DATA_GAS = "insufficient gas for floor data gas cost"
    INIT_CODE_SIZE = "max initcode size exceeded"
    GAS_LIMIT_TOO_HIGH = "transaction gas limit too high"
    GAS_LIMIT_REACHED = "gas limit reached"
    BLOCK_SIZE_REACHED = "block size limit reached"
    DA_FOOTPRINT_REACHED = "DA footprint limit reached"
    BLOB_GAS_LIMIT_REACHED = "blob gas limit reached"
    TOO_MANY_BLOBS = "too many blobs in transaction"
    TYPE_NOT_SUPPORTED = "transaction type not supported"
    BAD_BLOB_HASHES = "blob transaction with bad blob hashes"
    EMPTY_AUTHORIZATIONS = "EIP-7702 transaction with empty auth list"
    CHAIN_ID = "invalid chain id for signer"
    SIGNATURE = "invalid signature"


class InvalidTransaction(StemmaError):
    """A transaction that a block may not hold here.

    `index` is its place in the block where one is known. A fault that time can cure (nonce too
    high, gas limit reached, fee cap too low) says so in `may_become_valid`.
    """

    def __init__(self, fault: Fault, detail: str = "", index: int | None = None) -> None:
        self.fault = fault
        self.reason = f"{fault.value}: {detail}" if detail else fault.value
        self.index = index
        place = "" if index is None else f"transaction {index}: "
        super().__init__(place + self.reason)

    @property
    def may_become_valid(self) -> bool:
        """True where a later block may take the same transaction."""
        return self.fault in _PASSING

    def at(self, index: int) -> InvalidTransaction:
        """The same error with the place of the transaction in its block."""
        error = InvalidTransaction(self.fault, index=index)
        error.reason = self.reason
        error.args = (f"transaction {index}: {self.reason}",)
        return error


_PASSING = frozenset(
    {
        Fault.NONCE_TOO_HIGH,
        Fault.INSUFFICIENT_FUNDS,
        Fault.FEE_CAP_TOO_LOW,
        Fault.BLOB_FEE_CAP_TOO_LOW,
        Fault.GAS_LIMIT_REACHED,
        Fault.DA_FOOTPRINT_REACHED,
        Fault.BLOB_GAS_LIMIT_REACHED,
        Fault.BLOCK_SIZE_REACHED,
    }
)


class InvalidBlock(StemmaError):
    """A block that does not follow from its parent: names the field and both values."""

    def __init__(self, block_hash: Hash32, number: int, what: str) -> None:
        self.block_hash = block_hash
        self.number = number
        super().__init__(f"block {number} (0x{block_hash.hex()}): {what}")


class InvalidAttributes(StemmaError):
    """Payload attributes that no block of this chain can have."""


class UnknownBlock(StemmaError):
    """No such block, or not its state, in this store."""


class StateNotAvailable(UnknownBlock):
    """The state of a block has been dropped; the message begins with geth's words.

    Attributes:
        number: the block's height.
        first: lowest height whose state is kept.
        last: height of the unsafe head.

    """

    def __init__(
        self, number: int, block_hash: Hash32, root: Hash32, first: int, last: int
    ) -> None:
        super().__init__(
            f"historical state 0x{root.hex()} is not available: the state of block {number} "
            f"(0x{block_hash.hex()}) has been pruned, those of blocks {first} to {last} are kept"
        )
        self.number = number
        self.first = first
        self.last = last
