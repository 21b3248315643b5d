"""Phase HASH: a Keccak-256 of more memory than one window, absorbed block by block."""

from __future__ import annotations

from .machine import Machine
from .names import NOTHING, Raw
from .sponge import BLOCK_BYTES, FRESH, SPONGE_BYTES, absorb, finish
from .state import Hashing, Phase
from .structures.words import data_depth, read_range


def begin_hashing(m: Machine, offset: int, size: int) -> None:
    """Hash that much memory, and push the hash in the end."""
    m.phase = Phase.HASH
    m.pending = Hashing(m.memory, m.memory_length, offset, size, Raw(FRESH))


def step_hash(m: Machine) -> None:
    """Absorb one block; the last, which is shorter and maybe empty, gives the hash."""
    work = m.opener.open(m.pending, Hashing)
    sponge = m.opener.raw(work.sponge, SPONGE_BYTES)
    size = min(work.left, BLOCK_BYTES)
    block = b""
    if size:
        depth = data_depth(work.source_length)
        block = read_range(m.opener, work.source, depth, work.offset, size)
    if size == BLOCK_BYTES:
        m.pending = Hashing(
            work.source, work.source_length, work.offset + size, work.left - size,
            Raw(absorb(sponge, block)),
        )  # fmt: skip
        return
    m.open_frame()
    m.push(int.from_bytes(finish(sponge, block), "big"))
    m.phase, m.pending = Phase.RUN, NOTHING
