"""What the block tells: values of its header and the hashes of blocks before it."""

from __future__ import annotations

from ..frame import Frame


def blockhash(frame: Frame, stack: list[int], gas: int) -> int:
    """Pops a number; pushes that block's hash, 0 unless it is one of the last 256. Y.p., 0x40."""
    # STACK
    wanted = stack[-1]
    # OPERATION
    stack[-1] = int.from_bytes(frame.state.get_ancestor_hash(wanted), "big")
    return gas


def coinbase(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes who gets the tips. Yellow paper, 0x41."""
    # OPERATION
    stack.append(int.from_bytes(frame.state.coinbase, "big"))
    return gas


def timestamp(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the block's time in seconds. Yellow paper, 0x42."""
    # OPERATION
    stack.append(frame.state.timestamp)
    return gas


def number(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the block's number. Yellow paper, 0x43."""
    # OPERATION
    stack.append(frame.state.block_number)
    return gas


def prevrandao(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the beacon chain's randomness, of a mined block the difficulty. EIP-4399."""
    # OPERATION
    stack.append(frame.state.difficulty)
    return gas


def gaslimit(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes how much gas the block may use. Yellow paper, 0x45."""
    # OPERATION
    stack.append(frame.state.gas_limit)
    return gas


def chainid(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the chain's number. EIP-1344."""
    # OPERATION
    stack.append(frame.state.chain_id)
    return gas


def basefee(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the block's base fee in wei. EIP-3198."""
    # OPERATION
    stack.append(frame.state.base_fee)
    return gas


def blobbasefee(frame: Frame, stack: list[int], gas: int) -> int:
    """Pushes the block's price of a unit of blob gas in wei. EIP-7516."""
    # OPERATION
    stack.append(frame.state.blob_base_fee)
    return gas
