"""The calls that prove on L1 what an L2 block is made of: headers, receipts, items, in their order.

Each is calldata for L1Blocks or BlockInputs (docs/protocol/inputs-on-l1.md), with a word of zeros
behind it, as these contracts read in place. Values in, calldata out: knows nothing of what the
contracts know already, nor of how calls are sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from chain import abi, rlp
from chain.trie import Trie
from chain.types import Hash32

if TYPE_CHECKING:
    from chain.receipt import Receipt

MAX_PROOFS_BYTES: Final = 120_000
"""Of proofs in one call: below the 128 KiB that L1 nodes take as one transaction."""
MAX_RECEIPTS_A_CALL: Final = 256
"""So many, with a log each, cost less than what a transaction may (EIP-7825)."""

_BEHIND: Final = bytes(32)
_SIZE_BYTES: Final = 3


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
        nodes = self._trie.prove(rlp.encode(rlp.encode_int(index)))
        return bytes((len(nodes),)) + b"".join(
            len(node).to_bytes(_SIZE_BYTES, "big") + node for node in nodes
        )


def prove_header(header: bytes) -> bytes:
    """Record an L1 header (RLP) at L1Blocks."""
    return _call("prove(bytes)", header)


def read_receipts(number: int, receipts: Sequence[Receipt], first: int) -> list[bytes]:
    """Read the receipts of a recorded L1 block from the index `first` on, to their end."""
    trie = ListTrie([receipt.hashed_form for receipt in receipts])
    parts: list[bytearray] = []
    count = 0
    for index in range(first, len(receipts) + 1):
        proof = trie.proof(index)
        is_full = bool(parts) and (
            len(parts[-1]) + len(proof) > MAX_PROOFS_BYTES or count == MAX_RECEIPTS_A_CALL
        )
        if not parts or is_full:
            parts.append(bytearray())
            count = 0
        parts[-1] += proof
        count += 1
    return [_call("readReceipts(uint256,bytes)", number, bytes(part)) for part in parts]


def begin(output: bytes, header: bytes, transactions: Sequence[bytes]) -> bytes:
    """Open the output root of an L2 block at BlockInputs: its output (128 bytes), its header (RLP)
    and its transactions, none for the genesis block.
    """
    proof = ListTrie(transactions).proof(0) if transactions else b""
    return _call("begin(bytes,bytes,bytes)", output, header, proof)


def scan(agreed: Hash32, index: int, item: bytes) -> bytes:
    """Look for the batch behind an output root in an item of the inbox."""
    return _call("scan(bytes32,uint256,bytes)", agreed, index, item)


def conclude(agreed: Hash32, index: int) -> bytes:
    """Put the inputs together; `index` is the item that would be looked at next."""
    return _call("conclude(bytes32,uint256)", agreed, index)


def _call(signature: str, *values: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return abi.selector(signature) + abi.encode(types, values) + _BEHIND
