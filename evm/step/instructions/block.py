"""What the block tells: values of its header and the hashes of blocks before it."""

from __future__ import annotations

from typing import Final

from ..errors import Missing
from ..machine import Machine
from ..names import is_nothing
from ..state import LoadKind
from ..structures.words import read_word
from .numbers import word_of

ANCESTORS: Final = 256
ANCESTORS_DEPTH: Final = 8
NO_ADDRESS: Final = bytes(20)


def blockhash(m: Machine) -> None:
    """Pops a number; pushes that block's hash, 0 unless it is one of the last 256. Y.p., 0x40.

    In a block that its own phases have begun, a hash that is not known yet is loaded.
    """
    # STACK
    wanted = m.pop()
    # OPERATION
    block, found = m.block, 0
    if max(0, block.number - ANCESTORS) <= wanted < block.number:
        hashes, index = block.ancestors, wanted % ANCESTORS
        found = word_of(read_word(m.opener, hashes, ANCESTORS_DEPTH, index))
        if not found and not is_nothing(block.rest):
            raise Missing(LoadKind.ANCESTOR, NO_ADDRESS, wanted)
    m.push(found)
    # PROGRAM COUNTER
    m.pc += 1


def coinbase(m: Machine) -> None:
    """Pushes who gets the tips. Yellow paper, 0x41."""
    # OPERATION
    m.push(word_of(m.block.coinbase))
    # PROGRAM COUNTER
    m.pc += 1


def timestamp(m: Machine) -> None:
    """Pushes the block's time in seconds. Yellow paper, 0x42."""
    # OPERATION
    m.push(m.block.timestamp)
    # PROGRAM COUNTER
    m.pc += 1


def number(m: Machine) -> None:
    """Pushes the block's number. Yellow paper, 0x43."""
    # OPERATION
    m.push(m.block.number)
    # PROGRAM COUNTER
    m.pc += 1


def prevrandao(m: Machine) -> None:
    """Pushes the beacon chain's randomness. EIP-4399."""
    # OPERATION
    m.push(m.block.prev_randao)
    # PROGRAM COUNTER
    m.pc += 1


def gaslimit(m: Machine) -> None:
    """Pushes how much gas the block may use. Yellow paper, 0x45."""
    # OPERATION
    m.push(m.block.gas_limit)
    # PROGRAM COUNTER
    m.pc += 1


def chainid(m: Machine) -> None:
    """Pushes the chain's number. EIP-1344."""
    # OPERATION
    m.push(m.block.chain_id)
    # PROGRAM COUNTER
    m.pc += 1


def basefee(m: Machine) -> None:
    """Pushes the block's base fee in wei. EIP-3198."""
    # OPERATION
    m.push(m.block.base_fee)
    # PROGRAM COUNTER
    m.pc += 1


def blobbasefee(m: Machine) -> None:
    """Pushes the block's price of a unit of blob gas in wei. EIP-7516."""
    # OPERATION
    m.push(m.block.blob_base_fee)
    # PROGRAM COUNTER
    m.pc += 1
