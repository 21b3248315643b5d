"""What a block, a transaction and a message tell the machine: plain values, no behaviour.

`BlockEnvironment` is what the block opcodes read, `Message` one call or creation to run and
`Outcome` what came of it. Knows nothing of fees, of transaction types or of the machine that runs
a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chain.receipt import Log
from chain.types import Address, Hash32

from .forks import PRAGUE, RuleSet

BlockHashOf = Callable[[int], Hash32 | None]
"""Hash of the canonical ancestor with that number, or None where it is not known."""


@dataclass(frozen=True, slots=True)
class BlockEnvironment:
    """The block around a transaction: gas in gas units, prices in wei, time in seconds.

    `prev_randao` is what opcode 0x44 gives: before the merge the difficulty (EIP-4399).
    """

    chain_id: int
    number: int
    timestamp: int
    coinbase: Address
    prev_randao: Hash32
    gas_limit: int
    base_fee: int
    blob_base_fee: int
    block_hash: BlockHashOf
    rules: RuleSet = PRAGUE

    def ancestor_hash(self, number: int) -> bytes:
        """What BLOCKHASH gives: one of the last 256 hashes, or no bytes (which read as zero)."""
        if not max(0, self.number - 256) <= number < self.number:
            return b""
        return self.block_hash(number) or b""


@dataclass(frozen=True, slots=True)
class Message:
    """One top-level call (`to` set) or creation (`to` None) with gas that is already paid for.

    `gas` is what is left after intrinsic gas. `create_address` is where a creation puts its code.
    """

    sender: Address
    to: Address | None
    value: int
    data: bytes
    gas: int
    gas_price: int
    create_address: Address | None = None
    blob_hashes: tuple[Hash32, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a message. State changes of a failed one are already undone.

    `error` is None on success, else geth's words ("execution reverted", "out of gas", ...).
    `refund` is the refund counter of EIP-3529, not yet capped.
    """

    output: bytes
    gas_left: int
    refund: int
    logs: tuple[Log, ...]
    destroyed: tuple[Address, ...]
    error: str | None

    @property
    def succeeded(self) -> bool:
        """True where the outermost frame ended without revert and without exception."""
        return self.error is None
