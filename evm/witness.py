"""What a block needs of the world before it, and its execution from nothing else.

A witness holds the ancestors' headers, the trie nodes and the codes that a block reads. Recording
runs the block on a reader that remembers; re-execution runs it on a reader that knows the witness
only. What is missing is an error that names it: MissingNode, MissingCode or MissingHeader, never
another root. Form: docs/protocol/witness.md. Where witnesses travel is others' work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from chain import rlp
from chain.block import Block, Header, decode_header
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError, StemmaError
from chain.state import State, StateReader
from chain.types import Hash32
from genesis.config import ChainConfig

from .block_check import check_header
from .engine import ExecutionEngine, attributes_of
from .errors import InvalidBlock, UnknownBlock
from .executor import ExecutionResult, PayloadAttributes, execute_block

VERSION: Final = 1
MAX_HEADERS: Final = 256
"""As far back as BLOCKHASH looks."""


class MissingHeader(StemmaError):
    """A block asks for the hash of an ancestor whose header is not at hand."""

    def __init__(self, number: int, block_hash: Hash32) -> None:
        super().__init__(f"header of block {number} (0x{block_hash.hex()}) is missing")
        self.number = number
        self.block_hash = block_hash


@dataclass(frozen=True, slots=True)
class ExecutionWitness:
    """Everything one block reads; each tuple without repetition.

    `headers` run from the oldest ancestor asked for to the parent, `nodes` and `codes` stand in
    the order of their Keccak-256. `keys` are the addresses and 32-byte slots that were looked at,
    each address before its slots: help for tools, no part of the encoding.
    """

    headers: tuple[Header, ...]
    nodes: tuple[bytes, ...]
    codes: tuple[bytes, ...]
    keys: tuple[bytes, ...] = field(default=(), compare=False)

    def encode(self) -> bytes:
        """The canonical bytes: 0x01 and the RLP of [headers, nodes, codes]."""
        headers: list[rlp.RLPItem] = [header.encode() for header in self.headers]
        body = rlp.encode([headers, list(self.nodes), list(self.codes)])
        return bytes((VERSION,)) + body

    @property
    def parent(self) -> Header:
        """The header of the block before. Raises DecodeError where the witness has no header."""
        if not self.headers:
            raise DecodeError("witness: it has no headers, it needs the parent's")
        return self.headers[-1]


def decode_witness(raw: bytes) -> ExecutionWitness:
    """Read a witness. Raises DecodeError unless it is the canonical form of one.

    That a header belongs to the one after it shows when it is used.
    """
    if not raw or raw[0] != VERSION:
        raise DecodeError(f"witness: version is 0x{raw[:1].hex()}, expected 0x{VERSION:02x}")
    parts = rlp.decode_list(rlp.decode(raw[1:]), "witness", length=3)
    headers, nodes, codes = (_byte_strings(part) for part in parts)
    if not 1 <= len(headers) <= MAX_HEADERS:
        raise DecodeError(f"witness: it has {len(headers)} headers, expected 1 to {MAX_HEADERS}")
    _check_order("nodes", nodes)
    _check_order("codes", codes)
    return ExecutionWitness(tuple(map(decode_header, headers)), nodes, codes)


def _byte_strings(item: rlp.DecodedItem) -> tuple[bytes, ...]:
    members = rlp.decode_list(item, "part of a witness")
    return tuple(rlp.decode_bytes(member, "member of a witness") for member in members)


def _check_order(what: str, members: Sequence[bytes]) -> None:
    hashes = [keccak256(member) for member in members]
    for index in range(1, len(hashes)):
        if hashes[index - 1] >= hashes[index]:
            raise DecodeError(
                f"witness: {what} {index - 1} and {index} are not in the order of their hashes: "
                f"0x{hashes[index - 1].hex()}, 0x{hashes[index].hex()}"
            )


# -- recording


class _RecordingReader:
    """A StateReader that remembers what it was asked for and had."""

    def __init__(self, reader: StateReader) -> None:
        self._reader = reader
        self.nodes: dict[bytes, bytes] = {}
        self.codes: dict[bytes, bytes] = {}

    def node(self, node_hash: bytes, /) -> bytes | None:
        data = self._reader.node(node_hash)
        if data is not None:
            self.nodes[node_hash] = data
        return data

    def code(self, code_hash: bytes, /) -> bytes | None:
        code = self._reader.code(code_hash)
        if code is not None:
            self.codes[code_hash] = code
        return code


class _Ancestors:
    """Hashes of ancestors by number, found by walking back from the parent, header by header."""

    def __init__(self, parent: Header, header: Callable[[Hash32], Header | None]) -> None:
        self._header = header
        self.walked = [parent]

    def __call__(self, number: int) -> Hash32 | None:
        newest = self.walked[0].number
        while len(self.walked) <= newest - number:
            last = self.walked[-1]
            before = self._header(last.parent_hash)
            if before is None:
                raise MissingHeader(last.number - 1, last.parent_hash)
            self.walked.append(before)
        return self.walked[newest - number].hash


def record_witness(
    config: ChainConfig,
    parent: Header,
    attributes: PayloadAttributes,
    reader: StateReader,
    header: Callable[[Hash32], Header | None],
) -> tuple[ExecutionResult, ExecutionWitness]:
    """Execute attributes on the parent's state and note what was read; stores nothing.

    `header` finds an ancestor by its hash. Raises as `execute_block`, and MissingNode, MissingCode
    or MissingHeader where the reader itself lacks something.
    """
    recorder, ancestors = _RecordingReader(reader), _Ancestors(parent, header)
    state = State.at(recorder, parent.state_root)
    result = execute_block(config, parent, attributes, state, block_hash=ancestors)
    keys = []
    for address, slots in state.accessed().items():
        keys += [bytes(address), *(slot.to_bytes(32, "big") for slot in slots)]
    witness = ExecutionWitness(
        headers=tuple(reversed(ancestors.walked)),
        nodes=_by_hash(recorder.nodes),
        codes=_by_hash(recorder.codes),
        keys=tuple(keys),
    )
    return result, witness


def _by_hash(found: Mapping[bytes, bytes]) -> tuple[bytes, ...]:
    return tuple(found[key] for key in sorted(found))


def block_witness(engine: ExecutionEngine, block_hash: Hash32) -> ExecutionWitness:
    """The witness of a stored block, canonical or not, by executing it once more.

    Raises UnknownBlock where the block, its parent or the parent's state is not kept, and for a
    genesis block, which nothing is executed for.
    """
    block = engine.block(block_hash)
    if block is None:
        raise UnknownBlock(f"block 0x{block_hash.hex()} is not known")
    parent = engine.header(block.header.parent_hash)
    if parent is None:
        raise UnknownBlock(
            f"block {block.number} (0x{block_hash.hex()}) has no parent here: no execution made it"
        )
    engine.state_at(parent)  # says so where the state is not kept
    result, witness = record_witness(
        engine.config, parent, attributes_of(block), engine.store, engine.header
    )
    check_header(block.header, result.header)
    return witness


# -- execution from a witness


class _WitnessReader:
    """A StateReader that has what its witness holds, by the hash of each member."""

    def __init__(self, nodes: Iterable[bytes], codes: Iterable[bytes]) -> None:
        self._nodes = {keccak256(node): node for node in nodes}
        self._codes = {keccak256(code): code for code in codes}

    def node(self, node_hash: bytes, /) -> bytes | None:
        return self._nodes.get(Hash32(node_hash))

    def code(self, code_hash: bytes, /) -> bytes | None:
        return self._codes.get(Hash32(code_hash))


def execute_from_witness(
    config: ChainConfig,
    parent: Header,
    attributes: PayloadAttributes,
    witness: ExecutionWitness,
) -> ExecutionResult:
    """Make the child of `parent` from attributes, with nothing but a witness to read from.

    The parent is the caller's to trust; everything else is checked against it by hash. Raises
    MissingNode, MissingCode or MissingHeader where the witness falls short, and as `execute_block`.
    """
    headers = {header.hash: header for header in witness.headers}
    return execute_block(
        config,
        parent,
        attributes,
        State.at(_WitnessReader(witness.nodes, witness.codes), parent.state_root),
        block_hash=_Ancestors(parent, headers.get),
    )


def execute_block_from_witness(
    config: ChainConfig, parent: Header, block: Block, witness: ExecutionWitness
) -> ExecutionResult:
    """Execute a block with nothing but its witness and compare every field of its header.

    Raises as `execute_from_witness`, and InvalidBlock where the block does not follow from the
    parent or a field is not what execution gives.
    """
    header = block.header
    if header.parent_hash != parent.hash:
        raise InvalidBlock(
            header.hash,
            header.number,
            f"parent_hash is 0x{header.parent_hash.hex()}, the parent is 0x{parent.hash.hex()}",
        )
    result = execute_from_witness(config, parent, attributes_of(block), witness)
    check_header(header, result.header)
    return result
