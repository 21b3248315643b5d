"""Witnesses that are not the step's: every way in which one can be a little wrong."""

from __future__ import annotations

import random
from collections.abc import Callable

from evm.step.opener import encode_witness, witness_items

Mutation = Callable[[bytes, random.Random], bytes]


def flipped_bit(proof: bytes, rnd: random.Random) -> bytes:
    """One bit of one preimage, whichever field it is in."""
    items = [bytearray(item) for item in witness_items(proof)]
    item = rnd.choice([item for item in items if item])
    item[rnd.randrange(len(item))] ^= 1 << rnd.randrange(8)
    return encode_witness([bytes(item) for item in items])


def other_word(proof: bytes, rnd: random.Random) -> bytes:
    """32 bytes of one preimage, such as a name in it, are others."""
    items = [bytearray(item) for item in witness_items(proof)]
    item = rnd.choice([item for item in items if item])
    start = rnd.randrange(max(len(item) - 31, 1))
    item[start : start + 32] = rnd.randbytes(len(item[start : start + 32]))
    return encode_witness([bytes(item) for item in items])


def other_length(proof: bytes, rnd: random.Random) -> bytes:
    """A length that is not that of what follows."""
    items = witness_items(proof)
    place = rnd.randrange(len(items))
    start = sum(len(item) + 3 for item in items[:place])
    length = (len(items[place]) + rnd.choice((-32, -1, 1, 32, 2**16))) % 2**24
    return proof[:start] + length.to_bytes(3, "big") + proof[start + 3 :]


def longer(proof: bytes, rnd: random.Random) -> bytes:
    """A preimage with bytes behind it that its length counts."""
    items = witness_items(proof)
    items[rnd.randrange(len(items))] += bytes(rnd.choice((1, 32)))
    return encode_witness(items)


def dropped(proof: bytes, rnd: random.Random) -> bytes:
    """One preimage is not there."""
    items = witness_items(proof)
    del items[rnd.randrange(len(items))]
    return encode_witness(items)


def doubled(proof: bytes, rnd: random.Random) -> bytes:
    """One preimage stands there twice."""
    items = witness_items(proof)
    items.insert(rnd.randrange(len(items) + 1), rnd.choice(items))
    return encode_witness(items)


def exchanged(proof: bytes, rnd: random.Random) -> bytes:
    """Two preimages have changed places; the same where they are equal."""
    items = witness_items(proof)
    first, second = rnd.randrange(len(items)), rnd.randrange(len(items))
    items[first], items[second] = items[second], items[first]
    return encode_witness(items)


def trailing(proof: bytes, rnd: random.Random) -> bytes:
    """Bytes behind the last preimage."""
    return proof + rnd.randbytes(rnd.choice((1, 3, 32, 67)))


def cut_off(proof: bytes, rnd: random.Random) -> bytes:
    """The last bytes are not there."""
    return proof[: -rnd.choice((1, 2, 31, 32, 64))]


MUTATIONS: tuple[Mutation, ...] = (
    flipped_bit, flipped_bit, flipped_bit, other_word, other_length, longer, dropped, doubled,
    exchanged, trailing, cut_off,
)  # fmt: skip


def mutants(proof: bytes, rnd: random.Random, count: int) -> list[bytes]:
    """So many witnesses, none of them the right one; none for a step that needs none."""
    found: list[bytes] = []
    while proof and len(found) < count:
        mutant = rnd.choice(MUTATIONS)(proof, rnd)
        if mutant != proof:
            found.append(mutant)
    return found
