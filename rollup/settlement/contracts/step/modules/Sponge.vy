# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Sponge
@notice Keccak-256 one block of 136 bytes at a time: what one call leaves, the next takes up.
@dev keccak-f[1600] (FIPS 202, 3.2 to 3.4). A sponge is 200 bytes: lane (x, y) is number 5y + x, u64
     big-endian. Twin of evm/step/sponge.py. One block takes about 76,000 gas; the round is
     written out, so that no lane is looked up in an array.
"""

BLOCK: constant(uint256) = 136
SPONGE: constant(uint256) = 200
LANE: constant(uint256) = 2**64 - 1
# Each second byte, each second pair of bytes, each second four bytes of a word.
BYTES_OF_2: constant(uint256) = max_value(uint256) // (2**8 + 1)
BYTES_OF_4: constant(uint256) = max_value(uint256) // (2**16 + 1)
BYTES_OF_8: constant(uint256) = max_value(uint256) // (2**32 + 1)
# Iota: what the LFSR of FIPS 202, algorithm 5, gives for each round.
ROUND_CONSTANTS: constant(uint256[24]) = [
    1, 32898, 9223372036854808714,
    9223372039002292224, 32907, 2147483649,
    9223372039002292353, 9223372036854808585, 138,
    136, 2147516425, 2147483658,
    2147516555, 9223372036854775947, 9223372036854808713,
    9223372036854808579, 9223372036854808578, 9223372036854775936,
    32778, 9223372039002259466, 9223372039002292353,
    9223372036854808704, 2147483649, 9223372039002292232,
]


@internal
@pure
def _turned(word: uint256) -> uint256:
    # Each of the four lanes in a word from little-endian to big-endian, or back.
    turned: uint256 = ((word & BYTES_OF_2) << 8) | ((word >> 8) & BYTES_OF_2)
    turned = ((turned & BYTES_OF_4) << 16) | ((turned >> 16) & BYTES_OF_4)
    return ((turned & BYTES_OF_8) << 32) | ((turned >> 32) & BYTES_OF_8)


@internal
@pure
def _permute(words: uint256[7]) -> uint256[7]:
    # Four lanes a word, the 25th alone in the last one.
    s0: uint256 = words[0] >> 192
    s1: uint256 = (words[0] >> 128) & LANE
    s2: uint256 = (words[0] >> 64) & LANE
    s3: uint256 = words[0] & LANE
    s4: uint256 = words[1] >> 192
    s5: uint256 = (words[1] >> 128) & LANE
    s6: uint256 = (words[1] >> 64) & LANE
    s7: uint256 = words[1] & LANE
    s8: uint256 = words[2] >> 192
    s9: uint256 = (words[2] >> 128) & LANE
    s10: uint256 = (words[2] >> 64) & LANE
    s11: uint256 = words[2] & LANE
    s12: uint256 = words[3] >> 192
    s13: uint256 = (words[3] >> 128) & LANE
    s14: uint256 = (words[3] >> 64) & LANE
    s15: uint256 = words[3] & LANE
    s16: uint256 = words[4] >> 192
    s17: uint256 = (words[4] >> 128) & LANE
    s18: uint256 = (words[4] >> 64) & LANE
    s19: uint256 = words[4] & LANE
    s20: uint256 = words[5] >> 192
    s21: uint256 = (words[5] >> 128) & LANE
    s22: uint256 = (words[5] >> 64) & LANE
    s23: uint256 = words[5] & LANE
    s24: uint256 = words[6]
    c0: uint256 = 0
    c1: uint256 = 0
    c2: uint256 = 0
    c3: uint256 = 0
    c4: uint256 = 0
    d0: uint256 = 0
    d1: uint256 = 0
    d2: uint256 = 0
    d3: uint256 = 0
    d4: uint256 = 0
    b0: uint256 = 0
    b1: uint256 = 0
    b2: uint256 = 0
    b3: uint256 = 0
    b4: uint256 = 0
    b5: uint256 = 0
    b6: uint256 = 0
    b7: uint256 = 0
    b8: uint256 = 0
    b9: uint256 = 0
    b10: uint256 = 0
    b11: uint256 = 0
    b12: uint256 = 0
    b13: uint256 = 0
    b14: uint256 = 0
    b15: uint256 = 0
    b16: uint256 = 0
    b17: uint256 = 0
    b18: uint256 = 0
    b19: uint256 = 0
    b20: uint256 = 0
    b21: uint256 = 0
    b22: uint256 = 0
    b23: uint256 = 0
    b24: uint256 = 0
    t: uint256 = 0
    for iota: uint256 in ROUND_CONSTANTS:
        c0 = s0 ^ s5 ^ s10 ^ s15 ^ s20
        c1 = s1 ^ s6 ^ s11 ^ s16 ^ s21
        c2 = s2 ^ s7 ^ s12 ^ s17 ^ s22
        c3 = s3 ^ s8 ^ s13 ^ s18 ^ s23
        c4 = s4 ^ s9 ^ s14 ^ s19 ^ s24
        d0 = c4 ^ (((c1 << 1) | (c1 >> 63)) & LANE)
        d1 = c0 ^ (((c2 << 1) | (c2 >> 63)) & LANE)
        d2 = c1 ^ (((c3 << 1) | (c3 >> 63)) & LANE)
        d3 = c2 ^ (((c4 << 1) | (c4 >> 63)) & LANE)
        d4 = c3 ^ (((c0 << 1) | (c0 >> 63)) & LANE)
        b0 = s0 ^ d0
        t = s6 ^ d1
        b1 = ((t << 44) | (t >> 20)) & LANE
        t = s12 ^ d2
        b2 = ((t << 43) | (t >> 21)) & LANE
        t = s18 ^ d3
        b3 = ((t << 21) | (t >> 43)) & LANE
        t = s24 ^ d4
        b4 = ((t << 14) | (t >> 50)) & LANE
        t = s3 ^ d3
        b5 = ((t << 28) | (t >> 36)) & LANE
        t = s9 ^ d4
        b6 = ((t << 20) | (t >> 44)) & LANE
        t = s10 ^ d0
        b7 = ((t << 3) | (t >> 61)) & LANE
        t = s16 ^ d1
        b8 = ((t << 45) | (t >> 19)) & LANE
        t = s22 ^ d2
        b9 = ((t << 61) | (t >> 3)) & LANE
        t = s1 ^ d1
        b10 = ((t << 1) | (t >> 63)) & LANE
        t = s7 ^ d2
        b11 = ((t << 6) | (t >> 58)) & LANE
        t = s13 ^ d3
        b12 = ((t << 25) | (t >> 39)) & LANE
        t = s19 ^ d4
        b13 = ((t << 8) | (t >> 56)) & LANE
        t = s20 ^ d0
        b14 = ((t << 18) | (t >> 46)) & LANE
        t = s4 ^ d4
        b15 = ((t << 27) | (t >> 37)) & LANE
        t = s5 ^ d0
        b16 = ((t << 36) | (t >> 28)) & LANE
        t = s11 ^ d1
        b17 = ((t << 10) | (t >> 54)) & LANE
        t = s17 ^ d2
        b18 = ((t << 15) | (t >> 49)) & LANE
        t = s23 ^ d3
        b19 = ((t << 56) | (t >> 8)) & LANE
        t = s2 ^ d2
        b20 = ((t << 62) | (t >> 2)) & LANE
        t = s8 ^ d3
        b21 = ((t << 55) | (t >> 9)) & LANE
        t = s14 ^ d4
        b22 = ((t << 39) | (t >> 25)) & LANE
        t = s15 ^ d0
        b23 = ((t << 41) | (t >> 23)) & LANE
        t = s21 ^ d1
        b24 = ((t << 2) | (t >> 62)) & LANE
        s0 = b0 ^ ((b1 ^ LANE) & b2) ^ iota
        s1 = b1 ^ ((b2 ^ LANE) & b3)
        s2 = b2 ^ ((b3 ^ LANE) & b4)
        s3 = b3 ^ ((b4 ^ LANE) & b0)
        s4 = b4 ^ ((b0 ^ LANE) & b1)
        s5 = b5 ^ ((b6 ^ LANE) & b7)
        s6 = b6 ^ ((b7 ^ LANE) & b8)
        s7 = b7 ^ ((b8 ^ LANE) & b9)
        s8 = b8 ^ ((b9 ^ LANE) & b5)
        s9 = b9 ^ ((b5 ^ LANE) & b6)
        s10 = b10 ^ ((b11 ^ LANE) & b12)
        s11 = b11 ^ ((b12 ^ LANE) & b13)
        s12 = b12 ^ ((b13 ^ LANE) & b14)
        s13 = b13 ^ ((b14 ^ LANE) & b10)
        s14 = b14 ^ ((b10 ^ LANE) & b11)
        s15 = b15 ^ ((b16 ^ LANE) & b17)
        s16 = b16 ^ ((b17 ^ LANE) & b18)
        s17 = b17 ^ ((b18 ^ LANE) & b19)
        s18 = b18 ^ ((b19 ^ LANE) & b15)
        s19 = b19 ^ ((b15 ^ LANE) & b16)
        s20 = b20 ^ ((b21 ^ LANE) & b22)
        s21 = b21 ^ ((b22 ^ LANE) & b23)
        s22 = b22 ^ ((b23 ^ LANE) & b24)
        s23 = b23 ^ ((b24 ^ LANE) & b20)
        s24 = b24 ^ ((b20 ^ LANE) & b21)
    return [
        (s0 << 192) | (s1 << 128) | (s2 << 64) | s3,
        (s4 << 192) | (s5 << 128) | (s6 << 64) | s7,
        (s8 << 192) | (s9 << 128) | (s10 << 64) | s11,
        (s12 << 192) | (s13 << 128) | (s14 << 64) | s15,
        (s16 << 192) | (s17 << 128) | (s18 << 64) | s19,
        (s20 << 192) | (s21 << 128) | (s22 << 64) | s23,
        s24,
    ]


@internal
@pure
def absorb(sponge: Bytes[SPONGE], piece: Bytes[BLOCK]) -> Bytes[SPONGE]:
    """
    @notice The sponge after one block.
    """
    assert len(sponge) == SPONGE, "Sponge: a sponge has 200 bytes"
    assert len(piece) == BLOCK, "Sponge: a block has 136 bytes"
    words: uint256[7] = empty(uint256[7])
    for at: uint256 in range(6):
        words[at] = convert(extract32(sponge, 32 * at), uint256)
    words[6] = convert(slice(sponge, 192, 8), uint256)
    for at: uint256 in range(4):
        words[at] ^= self._turned(convert(extract32(piece, 32 * at), uint256))
    words[4] ^= self._turned(convert(slice(piece, 128, 8), uint256) << 192)
    words = self._permute(words)
    return concat(
        convert(words[0], bytes32),
        convert(words[1], bytes32),
        convert(words[2], bytes32),
        convert(words[3], bytes32),
        convert(words[4], bytes32),
        convert(words[5], bytes32),
        convert(convert(words[6], uint64), bytes8),
    )


@internal
@pure
def finish(sponge: Bytes[SPONGE], rest: Bytes[BLOCK]) -> bytes32:
    """
    @notice The digest, where `rest`, less than a block, is all that is left to absorb.
    """
    assert len(rest) < BLOCK, "Sponge: the rest is a whole block"
    piece: Bytes[BLOCK] = b""
    if len(rest) == BLOCK - 1:
        piece = slice(concat(rest, x"81"), 0, BLOCK)
    else:
        padding: bytes32 = empty(bytes32)
        padded: Bytes[2 * BLOCK + 24] = concat(
            rest, x"01", padding, padding, padding, padding, slice(padding, 0, 7)
        )
        piece = slice(concat(slice(padded, 0, BLOCK - 1), x"80"), 0, BLOCK)
    done: Bytes[SPONGE] = self.absorb(sponge, piece)
    return convert(self._turned(convert(extract32(done, 0), uint256)), bytes32)
