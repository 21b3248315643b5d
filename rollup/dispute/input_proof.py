"""The calls that prove on L1 what an L2 block is made of: headers, receipts, items, in their order.

Each is calldata for L1Blocks or BlockInputs (docs/protocol/inputs-on-l1.md), with a word of zeros
behind it, as these contracts read in place. Values in, calldata out: knows nothing of what the
contracts know already, nor of how calls are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chain import abi, rlp
from chain.trie import Trie
from chain.types import Address, Hash32
from evm.intrinsic_gas import TX_BASE, required_gas
from rollup.bridge.deposits import TRANSACTION_DEPOSITED
from rollup.bridge.system_config import CONFIG_UPDATE

if TYPE_CHECKING:
    from chain.receipt import Receipt

MAX_PROOFS_BYTES: Final = 120_000
"""Of proofs in one call: below the 128 KiB that L1 nodes take as one transaction."""
MAX_CALL_GAS: Final = 14_000_000
"""What a call of several receipts is planned to take at most: below the 16,777,216 of a transaction
(EIP-7825). A receipt that takes more goes alone, or as code: see HeldReceipt.
"""
MAX_RECEIPTS_A_CALL: Final = 512
MAX_LOGS_A_CALL: Final = 4_096
"""As many as L1Blocks reads in one call."""
PART_BYTES: Final = 24_575
"""Of a receipt in one contract's code: one less than a code may have (EIP-170)."""

MAX_ITEMS_A_CALL: Final = 1_024
"""As many as a call looks at, where there is next to nothing in them."""

KNOWN_HEADERS: Final = 8_191
"""So many of its last headers L1 looks up by itself (EIP-2935); 256 where that is not active."""
_SOON: Final = 64
"""Blocks that L1 may go on until a call is included."""

_MAX_LONE_BYTES: Final = 126_000
_MAX_LONE_GAS: Final = 1 << 24
"""Of a call of one receipt: what L1Blocks takes, and what a transaction may (EIP-7825)."""

_BEHIND: Final = bytes(32)
# PUSH2 24576 RETURNDATASIZE DUP2 PUSH1 10 RETURNDATASIZE CODECOPY RETURN
_STORE: Final = bytes.fromhex("6160003d81600a3d39f3")
_SIZE_BYTES: Final = 3
_WORD_BYTES: Final = 32
_CALL_GAS: Final = 260_000
_RECEIPT_GAS: Final = 75_000
_LOG_GAS: Final = 3_000
_UPDATE_GAS: Final = 10_000
_DEPOSIT_GAS: Final = 48_000
_WORD_GAS: Final = 1_400
"""What running costs at most, as tests/differential/test_l1_blocks.py holds against the contract: a
call, a receipt with its proof, each log; and for a change of the configuration, a deposit and each
word of its data as much again.
"""


class _Nodes:
    """Nodes of a trie that was made here."""

    def __init__(self, nodes: dict[Hash32, bytes]) -> None:
        self._nodes = nodes

    def get(self, node_hash: bytes, /) -> bytes | None:
        return self._nodes.get(Hash32(node_hash))


class ListTrie:
    """The trie of a list, as a header commits to it, and proofs of its places."""

    def __init__(self, items: Sequence[bytes]) -> None:
        made = Trie(_Nodes({}))
        for index, item in enumerate(items):
            made.set(rlp.encode(rlp.encode_int(index)), item)
        self.root, nodes = made.commit()
        self._trie = Trie(_Nodes(nodes), self.root)

    def proof(self, index: int) -> bytes:
        """The proof of what stands at an index, or that nothing does, as the contracts read it: the
        number of nodes (u8), each node behind its length (u24).
        """
        return _packed(self.nodes(index))

    def nodes(self, index: int) -> list[bytes]:
        """The nodes of that proof, the root first."""
        return self._trie.prove(rlp.encode(rlp.encode_int(index)))


def _packed(nodes: Sequence[bytes]) -> bytes:
    return bytes((len(nodes),)) + b"".join(
        len(node).to_bytes(_SIZE_BYTES, "big") + node for node in nodes
    )


def prove_header(header: bytes) -> bytes:
    """Record an L1 header (RLP) at L1Blocks."""
    return _call("prove(bytes)", header)


def headers_to_prove(number: int, newest: int, known: int = KNOWN_HEADERS) -> range:
    """The L1 blocks whose headers have to be proven, in that order, until `number` is recorded.

    Itself alone where L1, of which `newest` is the last block, can still look it up; else down from
    the oldest that it can, each through its child. Those recorded already may be left out.
    """
    oldest = newest - known + min(_SOON, known // 2)
    return range(max(number, oldest), number - 1, -1)


def read_receipts(number: int, receipts: Sequence[Receipt], first: int) -> list[bytes]:
    """Read the receipts of a recorded L1 block from the index `first` on, to their end or to one
    that does not fit a call: see HeldReceipt.
    """
    trie = ListTrie([receipt.hashed_form for receipt in receipts])
    parts: list[bytearray] = []
    count = gas = 0
    for index in range(first, len(receipts) + 1):
        proof = trie.proof(index)
        receipt = receipts[index] if index < len(receipts) else None
        cost = _gas_to_read(receipt, proof)
        if not _fits(receipt, proof, cost):
            break
        is_full = bool(parts) and (
            len(parts[-1]) + len(proof) > MAX_PROOFS_BYTES
            or gas + cost > MAX_CALL_GAS
            or count == MAX_RECEIPTS_A_CALL
        )
        if not parts or is_full:
            parts.append(bytearray())
            count, gas = 0, _CALL_GAS
        parts[-1] += proof
        count += 1
        gas += cost
    return [_call("readReceipts(uint256,bytes)", number, bytes(part)) for part in parts]


def _fits(receipt: Receipt | None, proof: bytes, gas: int) -> bool:
    logs = 0 if receipt is None else len(receipt.logs)
    return (
        len(proof) <= _MAX_LONE_BYTES
        and _CALL_GAS + gas <= _MAX_LONE_GAS
        and logs <= MAX_LOGS_A_CALL
    )


@dataclass(frozen=True, slots=True)
class HeldReceipt:
    """A receipt that is put on L1 as code, in `parts`, and read in windows.

    Its leaf of the trie has `size_bytes`, and `above` proves it.
    """

    number: int
    above: bytes
    size_bytes: int
    parts: tuple[bytes, ...]

    @staticmethod
    def of(number: int, receipts: Sequence[Receipt], index: int) -> HeldReceipt:
        """The receipt of an index in an L1 block; or, of the index behind the last, the receipt
        whose leaf shows that there is none.
        """
        *above, leaf = ListTrie([receipt.hashed_form for receipt in receipts]).nodes(index)
        parts = [leaf[at : at + PART_BYTES] for at in range(0, len(leaf), PART_BYTES)]
        return HeldReceipt(
            number,
            _packed(above),
            len(leaf),
            tuple(part.ljust(PART_BYTES, b"\0") for part in parts),
        )

    def creations(self) -> list[bytes]:
        """Data of the creations that put the parts on L1, one each, behind a byte of zero."""
        return [_STORE + b"\0" + part for part in self.parts]

    def hold(self, parts: Sequence[Address]) -> bytes:
        """Show L1 that what stands at these addresses is the receipt."""
        signature = "holdReceipt(uint256,bytes,uint256,address[])"
        return _call(signature, self.number, self.above, self.size_bytes, list(parts))

    def read(self, parts: Sequence[Address], most: int = MAX_LOGS_A_CALL) -> bytes:
        """Read its next logs, so many at most, or those of a window."""
        return _call("readHeld(uint256,address[],uint256)", self.number, list(parts), most)


def _gas_to_read(receipt: Receipt | None, proof: bytes) -> int:
    """Gas for a receipt, or for the end, at most: its bytes as calldata, and what L1 does with it.

    What a log looks like counts, whoever emitted it.
    """
    calldata, _ = required_gas(proof, is_create=False)
    gas = calldata - TX_BASE + _RECEIPT_GAS
    for log in receipt.logs if receipt is not None else ():
        gas += _LOG_GAS
        if log.topics[:1] == (TRANSACTION_DEPOSITED,):
            gas += _DEPOSIT_GAS + _WORD_GAS * (len(log.data) // _WORD_BYTES)
        elif log.topics[:1] == (CONFIG_UPDATE,):
            gas += _UPDATE_GAS
    return gas


def begin(output: bytes, header: bytes, transactions: Sequence[bytes]) -> bytes:
    """Open the output root of an L2 block at BlockInputs: its output (128 bytes), its header (RLP)
    and its transactions, none for the genesis block.
    """
    proof = ListTrie(transactions).proof(0) if transactions else b""
    return _call("begin(bytes,bytes,bytes)", output, header, proof)


def scan(agreed: Hash32, index: int, *items: bytes) -> bytes:
    """Look for the batch behind an output root in items of the inbox, from that index on."""
    data = b"".join(len(item).to_bytes(_SIZE_BYTES, "big") + item for item in items)
    return _call("scan(bytes32,uint256,bytes)", agreed, index, data)


def items_together(items: Iterable[bytes]) -> int:
    """How many of these items go into one call by their bytes, the first in any case; they may
    still take more gas than one has.
    """
    count = size = 0
    for item in items:
        size += _SIZE_BYTES + len(item)
        if count and (size > MAX_PROOFS_BYTES or count == MAX_ITEMS_A_CALL):
            break
        count += 1
    return count


def conclude(agreed: Hash32, index: int) -> bytes:
    """Put the inputs together; `index` is the item that would be looked at next."""
    return _call("conclude(bytes32,uint256)", agreed, index)


def _call(signature: str, *values: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return abi.selector(signature) + abi.encode(types, values) + _BEHIND
