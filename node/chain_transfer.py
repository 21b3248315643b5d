"""A chain out of a store into a file, and out of a file into a store, with its progress told.

Each block that is imported is executed and stored before the next is looked at, so an import that
is stopped, however it is stopped, goes on where it was: blocks that the store knows are passed
over. Knows neither clocks nor terminals; both are given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from chain import rlp
from chain.block import Block, decode_block, decode_header
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError, StemmaError
from chain.types import Hash32
from evm.engine import ExecutionEngine

from .block_file import BlockFile, RawBlock


class ImportFailed(StemmaError):
    """A block of a file cannot be imported; everything before it has been.

    Attributes:
        number: the block's height, None where it does not even decode.
        block_hash: the block's hash, likewise.

    """

    def __init__(self, reason: str, number: int | None = None, block_hash: bytes = b"") -> None:
        super().__init__(reason)
        self.number = number
        self.block_hash = block_hash


class NothingToExport(StemmaError):
    """The chain does not have the blocks that are to be exported."""


@dataclass(slots=True)
class Progress:
    """How far a transfer has come. `done` and `whole` are in blocks or bytes, whichever is known
    beforehand; `number` is the height of the last block.
    """

    blocks: int = 0
    gas: int = 0
    known: int = 0
    number: int = 0
    done: int = 0
    whole: int = 0

    def rates(self, seconds: float) -> str:
        """Blocks and gas a second, and how long the rest takes at this speed."""
        seconds = max(seconds, 1e-9)
        text = f"{self.blocks / seconds:,.1f} blocks/s, {self.gas / seconds / 1e6:,.1f} Mgas/s"
        if self.done and self.whole > self.done:
            left = round(seconds * (self.whole - self.done) / self.done)
            hours, minutes = left // 3600, left // 60 % 60
            text += f", {hours}:{minutes:02}:{left % 60:02} left"
        return text


Told = Callable[[Progress], None]
"""Hears of each block. What it raises ends the transfer."""


def export_blocks(
    engine: ExecutionEngine, file: IO[bytes], first: int, last: int, told: Told
) -> Progress:
    """Write the canonical blocks of a range, both ends included. Raises NothingToExport."""
    head = engine.heads.unsafe.number
    if not 0 <= first <= last <= head:
        raise NothingToExport(f"blocks {first} to {last} of a chain that ends at block {head}")
    progress = Progress(whole=last - first + 1)
    for number in range(first, last + 1):
        block = engine.block_by_number(number)
        if block is None:
            raise NothingToExport(f"block {number} is not in the store")
        file.write(block.encode())
        progress.blocks += 1
        progress.done += 1
        progress.gas += block.header.gas_used
        progress.number = number
        told(progress)
    return progress


def import_blocks(engine: ExecutionEngine, file: BlockFile, told: Told) -> Progress:
    """Import what the store does not know yet, each block on the one before.

    Raises ImportFailed naming block and rule, BlockFileError. `told` hears after each block, at a
    moment when everything so far is stored.
    """
    progress = Progress(whole=file.size_bytes)
    for raw in file:
        block = _unknown_block(engine, raw, progress)
        if block is None:
            progress.known += 1
        else:
            _import(engine, block)
            progress.blocks += 1
            progress.gas += block.header.gas_used
            progress.number = block.number
        progress.done = file.read_bytes
        told(progress)
    return progress


def _unknown_block(engine: ExecutionEngine, raw: RawBlock, progress: Progress) -> Block | None:
    """The block, or None if it is stored already: for that its header is enough."""
    after = f"after block {progress.number}" if progress.number else "at the beginning"
    try:
        header_bytes = rlp.split_list(raw.data, "block")[0]
        header = engine.header(Hash32(keccak256(header_bytes)))
        if header is not None and header.number <= engine.heads.unsafe.number:
            progress.number = header.number
            return None
        number = decode_header(header_bytes).number
    except (DecodeError, IndexError) as error:
        raise ImportFailed(f"a block {after} (byte {raw.end}) is malformed: {error}") from error
    try:
        return decode_block(raw.data)
    except DecodeError as error:
        block_hash = keccak256(header_bytes)
        raise ImportFailed(
            f"block {number} (0x{block_hash.hex()}): {error}", number, block_hash
        ) from error


def _import(engine: ExecutionEngine, block: Block) -> None:
    name = f"block {block.number} (0x{block.hash.hex()})"
    head = engine.heads.unsafe
    if block.header.parent_hash != head.hash:
        raise ImportFailed(
            f"{name} has the parent 0x{block.header.parent_hash.hex()}, but this chain ends with "
            f"block {head}: the file belongs to another chain or fork, or leaves blocks out",
            block.number,
            block.hash,
        )
    try:
        engine.import_block(block)
    except StemmaError as error:
        reason = str(error)
        text = reason if reason.startswith(name) else f"{name}: {reason}"
        raise ImportFailed(text, block.number, block.hash) from error
