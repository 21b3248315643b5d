"""A hash chain over the steps of a training run, and the one root that the statement carries.

Each link binds the link before it, the step, the rows of the batches since, and the LoRA weights:
whoever re-runs the recipe on like hardware meets the same links, and two runs that part can be
halved down to the first step at which they differ. Knows nothing of torch: weights come as bytes.
Format: docs/protocol/recipe.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ai.content import exact_json, parse_exact_json
from chain.crypto.keccak import keccak256
from chain.crypto.merkle import leaf_hash, merkle_root
from chain.errors import DecodeError, StemmaError
from chain.types import Hash32, to_hash32

if TYPE_CHECKING:
    from collections.abc import Mapping


class BrokenCheckpointChain(StemmaError):
    """A link does not follow from the one before it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after `step` optimiser steps; `rows_hash` covers the batches since the last one."""

    step: int
    rows_hash: Hash32
    weights_hash: Hash32
    link: Hash32


def first_link(base_model: Hash32, snapshot_root: Hash32, recipe_hash: Hash32) -> Hash32:
    """Link zero: keccak256(base model || snapshot root || recipe hash)."""
    return keccak256(base_model + snapshot_root + recipe_hash)


def next_link(previous: Hash32, step: int, rows_hash: Hash32, weights_hash: Hash32) -> Hash32:
    """keccak256(previous link || step as 8 bytes, big-endian || rows hash || weights hash)."""
    return keccak256(previous + step.to_bytes(8, "big") + rows_hash + weights_hash)


def rows_hash(batches: Iterable[Sequence[int]]) -> Hash32:
    """keccak256 over batches of row numbers: for each a count, then the numbers, 4 bytes each."""
    words = (n for batch in batches for n in (len(batch), *batch))
    return keccak256(b"".join(word.to_bytes(4, "big") for word in words))


def weights_hash(tensors: Mapping[str, bytes]) -> Hash32:
    """keccak256 over `name || 0x00 || sha256(float32 bytes, little-endian)`, tensors by name."""
    parts = (
        name.encode() + b"\0" + hashlib.sha256(tensors[name]).digest() for name in sorted(tensors)
    )
    return keccak256(b"".join(parts))


def checkpoints_root(checkpoints: Sequence[Checkpoint]) -> Hash32:
    """Merkle root with one leaf a checkpoint: leaf_hash(link)."""
    return merkle_root([leaf_hash(checkpoint.link) for checkpoint in checkpoints])


def check_chain(checkpoints: Sequence[Checkpoint], start: Hash32) -> None:
    """Walk the links from `start` (first_link). Raises BrokenCheckpointChain at the first gap."""
    link, step = start, 0
    for checkpoint in checkpoints:
        link = next_link(link, checkpoint.step, checkpoint.rows_hash, checkpoint.weights_hash)
        if link != checkpoint.link or checkpoint.step <= step:
            raise BrokenCheckpointChain(
                f"checkpoint at step {checkpoint.step} after step {step}: link "
                f"0x{checkpoint.link.hex()}, expected 0x{link.hex()}"
            )
        step = checkpoint.step


def encode_checkpoints(checkpoints: Sequence[Checkpoint]) -> bytes:
    """The chain as canonical JSON, for the content store."""
    return exact_json(
        [[c.step, c.rows_hash.hex(), c.weights_hash.hex(), c.link.hex()] for c in checkpoints]
    )


def decode_checkpoints(data: bytes) -> tuple[Checkpoint, ...]:
    """Read a chain back; the links are not checked here. Raises DecodeError."""
    value = parse_exact_json(data, "checkpoints")
    if not isinstance(value, list):
        raise DecodeError("checkpoints: not a list")
    return tuple(_decode_one(entry, number) for number, entry in enumerate(value))


def _decode_one(entry: object, number: int) -> Checkpoint:
    if not isinstance(entry, list) or len(entry) != 4:
        raise DecodeError(f"checkpoints: entry {number} is not step and three hashes")
    step, *hashes = entry
    if not isinstance(step, int) or not 0 < step < 2**63:
        raise DecodeError(f"checkpoints: entry {number} has step {step!r:.40}")
    if not all(isinstance(text, str) for text in hashes):
        raise DecodeError(f"checkpoints: entry {number} has a hash that is not text")
    return Checkpoint(step, *(to_hash32(text) for text in hashes))
