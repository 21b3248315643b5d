# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Streams
@notice A long Keccak-256 over many steps: a sponge and what is left over of a block, carried as one
        item.
@dev The twin of evm/step/streams.py. A carry is the sponge's 200 bytes and up to 135 that wait for
     a whole block. Each whole block takes about 76,000 gas.
"""

import rollup.settlement.contracts.step.modules.Sponge as Sponge
import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_CARRY: constant(uint256) = Sponge.SPONGE + Sponge.BLOCK - 1
# What is absorbed at once: a window of 1,024 bytes, and what stands before it.
MAX_DATA: constant(uint256) = 1024 + 512
MAX_WAITING: constant(uint256) = Sponge.BLOCK - 1 + MAX_DATA
MAX_BLOCKS: constant(uint256) = MAX_WAITING // Sponge.BLOCK
CARRY_ITEM: constant(uint256) = Tape.HEAD + MAX_CARRY


struct Opened:
    carry: Bytes[MAX_CARRY]
    # After the carry.
    cursor: uint256


@internal
@pure
def fresh() -> Bytes[MAX_CARRY]:
    """
    @notice The carry that has absorbed nothing.
    """
    nothing: bytes32[7] = empty(bytes32[7])
    return slice(abi_encode(nothing), 0, Sponge.SPONGE)


@internal
@view
def open(cursor: uint256, wanted: bytes32) -> Opened:
    """
    @notice Open a carry, which has between 200 and 335 bytes.
    """
    length: uint256 = Tape.size(cursor)
    assert (
        length >= Sponge.SPONGE and length <= MAX_CARRY
    ), "Streams: a carry has 200 to 335 bytes"
    # The length of a slice of msg.data has to be a constant, and near the end of the witness there
    # may be fewer bytes than the longest carry has: the sponge first, then the rest byte by word.
    sponge: Bytes[Sponge.SPONGE] = slice(msg.data, cursor + Tape.HEAD, Sponge.SPONGE)
    waiting: uint256 = length - Sponge.SPONGE
    at: uint256 = cursor + Tape.HEAD + Sponge.SPONGE
    words: bytes32[5] = empty(bytes32[5])
    for i: uint256 in range((waiting + 31) >> 5, bound=5):
        present: uint256 = min(waiting - 32 * i, 32)
        # A word that ends where the carry ends; what is before it is shifted out.
        read: uint256 = Tape.word(at + 32 * i + present - 32)
        words[i] = convert(read << (8 * (32 - present)), bytes32)
    rest: Bytes[160] = concat(words[0], words[1], words[2], words[3], words[4])
    carry: Bytes[MAX_CARRY] = convert(
        slice(concat(sponge, rest), 0, length), Bytes[MAX_CARRY]
    )
    Tape.expect(keccak256(carry) == wanted)
    return Opened(carry=carry, cursor=cursor + Tape.HEAD + length)


@internal
@pure
def absorbed(carry: Bytes[MAX_CARRY], data: Bytes[MAX_DATA]) -> Bytes[MAX_CARRY]:
    """
    @notice The carry behind more bytes.
    """
    sponge: Bytes[Sponge.SPONGE] = slice(carry, 0, Sponge.SPONGE)
    waiting: Bytes[MAX_CARRY + MAX_DATA] = concat(
        slice(carry, Sponge.SPONGE, len(carry) - Sponge.SPONGE), data
    )
    at: uint256 = 0
    for _: uint256 in range(len(waiting) // Sponge.BLOCK, bound=MAX_BLOCKS):
        sponge = Sponge.absorb(sponge, slice(waiting, at, Sponge.BLOCK))
        at += Sponge.BLOCK
    left: Bytes[MAX_CARRY + MAX_DATA] = slice(waiting, at, len(waiting) - at)
    return concat(sponge, convert(left, Bytes[Sponge.BLOCK - 1]))


@internal
@pure
def digest(carry: Bytes[MAX_CARRY]) -> bytes32:
    """
    @notice The Keccak-256 of everything absorbed.
    """
    sponge: Bytes[Sponge.SPONGE] = slice(carry, 0, Sponge.SPONGE)
    # What is left over, 0x01, zeros; the last byte of the block has 0x80 too.
    padded: Bytes[2 * MAX_CARRY + 1] = concat(
        slice(carry, Sponge.SPONGE, len(carry) - Sponge.SPONGE), 0x01, self.fresh()
    )
    last: bytes1 = 0x81 if len(carry) == MAX_CARRY else 0x80
    done: Bytes[Sponge.SPONGE] = Sponge.absorb(
        sponge, concat(slice(padded, 0, Sponge.BLOCK - 1), last)
    )
    return convert(Sponge._turned(convert(extract32(done, 0), uint256)), bytes32)
