# pragma version 0.4.3
# pragma evm-version cancun
"""
@title P256
@notice ECDSA over the curve P-256 (secp256r1), as the precompile of EIP-7951 verifies it.
@dev The twin of chain/crypto/p256.py. It calls no precompile: one that L1 lacks answers as one does that
     has found a signature invalid, with success and no bytes. FIPS 186-5, 6.4.2; SP 800-186, 3.2.1.3.
     Points are Jacobian (X/Z^2, Y/Z^3), with Z = 0 at infinity. About 0.5 million gas.
"""

# The field, the order of the group, and b of y^2 = x^3 - 3x + b.
P: constant(uint256) = 115792089210356248762697446949407573530086143415290314195533631308867097853951
N: constant(uint256) = 115792089210356248762697446949407573529996955224135760342422259061068512044369
B: constant(uint256) = 41058363725152142129326129780047268409114441015993725554835256314039467401291
# The base point.
GX: constant(uint256) = 48439561293906451759052585252797914202762949526041747995844080717082404635286
GY: constant(uint256) = 36134250956749795798585127919587881956611106672985015071877198253568414405109


struct Point:
    x: uint256
    y: uint256
    z: uint256


@internal
@pure
def _inverse(number: uint256, prime: uint256) -> uint256:
    # To the power of prime - 2 (Fermat).
    made: uint256 = 1
    exponent: uint256 = prime - 2
    for i: uint256 in range(256):
        made = uint256_mulmod(made, made, prime)
        if (exponent >> (255 - i)) & 1 == 1:
            made = uint256_mulmod(made, number, prime)
    return made


@internal
@pure
def _doubled(point: Point) -> Point:
    # dbl-2001-b of the Explicit-Formulas Database, for a = -3. Infinity stays infinity, and no
    # other point has y = 0, since the order of the group is a prime.
    delta: uint256 = uint256_mulmod(point.z, point.z, P)
    gamma: uint256 = uint256_mulmod(point.y, point.y, P)
    beta: uint256 = uint256_mulmod(point.x, gamma, P)
    alpha: uint256 = uint256_mulmod(
        uint256_addmod(point.x, P - delta, P), uint256_addmod(point.x, delta, P), P
    )
    alpha = uint256_mulmod(3, alpha, P)
    fourfold: uint256 = uint256_mulmod(4, beta, P)
    x: uint256 = uint256_addmod(
        uint256_mulmod(alpha, alpha, P), P - uint256_addmod(fourfold, fourfold, P), P
    )
    square: uint256 = uint256_mulmod(8, uint256_mulmod(gamma, gamma, P), P)
    y: uint256 = uint256_addmod(
        uint256_mulmod(alpha, uint256_addmod(fourfold, P - x, P), P), P - square, P
    )
    z: uint256 = uint256_mulmod(2, uint256_mulmod(point.y, point.z, P), P)
    return Point(x=x, y=y, z=z)


@internal
@pure
def _added(point: Point, x2: uint256, y2: uint256) -> Point:
    # Another point, which is affine and not infinity.
    if point.z == 0:
        return Point(x=x2, y=y2, z=1)
    square: uint256 = uint256_mulmod(point.z, point.z, P)
    h: uint256 = uint256_addmod(uint256_mulmod(x2, square, P), P - point.x, P)
    r: uint256 = uint256_addmod(
        uint256_mulmod(y2, uint256_mulmod(square, point.z, P), P), P - point.y, P
    )
    if h == 0:
        # The same point, or the one opposite.
        return self._doubled(point) if r == 0 else empty(Point)
    hh: uint256 = uint256_mulmod(h, h, P)
    hhh: uint256 = uint256_mulmod(hh, h, P)
    v: uint256 = uint256_mulmod(point.x, hh, P)
    x: uint256 = uint256_addmod(
        uint256_mulmod(r, r, P), P - uint256_addmod(hhh, uint256_addmod(v, v, P), P), P
    )
    y: uint256 = uint256_addmod(
        uint256_mulmod(r, uint256_addmod(v, P - x, P), P),
        P - uint256_mulmod(point.y, hhh, P),
        P,
    )
    return Point(x=x, y=y, z=uint256_mulmod(point.z, h, P))


@internal
@pure
def _combined(u1: uint256, u2: uint256, x: uint256, y: uint256) -> Point:
    """
    @notice u1 times the base point and u2 times a point, bit by bit of both (Shamir's trick).
    """
    both: Point = self._added(Point(x=GX, y=GY, z=1), x, y)
    bothX: uint256 = 0
    bothY: uint256 = 0
    if both.z != 0:
        inverse: uint256 = self._inverse(both.z, P)
        square: uint256 = uint256_mulmod(inverse, inverse, P)
        bothX = uint256_mulmod(both.x, square, P)
        bothY = uint256_mulmod(both.y, uint256_mulmod(square, inverse, P), P)
    sum: Point = empty(Point)
    for i: uint256 in range(256):
        if sum.z != 0:
            sum = self._doubled(sum)
        bits: uint256 = 2 * ((u2 >> (255 - i)) & 1) + ((u1 >> (255 - i)) & 1)
        if bits == 1:
            sum = self._added(sum, GX, GY)
        elif bits == 2:
            sum = self._added(sum, x, y)
        elif bits == 3 and both.z != 0:
            sum = self._added(sum, bothX, bothY)
    return sum


@internal
@pure
def _isOnCurve(x: uint256, y: uint256) -> bool:
    # Infinity has no such coordinates.
    if x >= P or y >= P:
        return False
    cube: uint256 = uint256_mulmod(uint256_mulmod(x, x, P), x, P)
    right: uint256 = uint256_addmod(cube, P - uint256_mulmod(3, x, P), P)
    return uint256_mulmod(y, y, P) == uint256_addmod(right, B, P)


@internal
@pure
def verify(digest: uint256, r: uint256, s: uint256, x: uint256, y: uint256) -> bool:
    """
    @notice Whether r, s are a signature of the digest by the key x, y.
    """
    if r == 0 or r >= N or s == 0 or s >= N or not self._isOnCurve(x, y):
        return False
    inverse: uint256 = self._inverse(s, N)
    sum: Point = self._combined(
        uint256_mulmod(digest, inverse, N), uint256_mulmod(r, inverse, N), x, y
    )
    if sum.z == 0:
        return False
    # The sum's x modulo N is r: x is r or, where that is below P, r + N.
    square: uint256 = uint256_mulmod(sum.z, sum.z, P)
    if uint256_mulmod(r, square, P) == sum.x:
        return True
    return r < P - N and uint256_mulmod(r + N, square, P) == sum.x
