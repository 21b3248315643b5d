"""The door to arkworks: the curve operations of EIP-2537, bytes in and bytes out.

A number of the field is 64 bytes, of which the first 16 are zero; a point is two of them on G1 and
four on G2, all zero for the point at infinity. Raises VMError for anything else. It knows no gas.
"""

from __future__ import annotations

from typing import Any, Final

from eth.exceptions import VMError
from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

FIELD_BYTES: Final = 64
PADDING: Final = bytes(16)
G1_BYTES: Final = 2 * FIELD_BYTES
G2_BYTES: Final = 4 * FIELD_BYTES
SCALAR_BYTES: Final = 32


def g1_add(data: bytes) -> bytes:
    """Sum of two points of the curve, which need not be in the subgroup."""
    _expect(len(data) == 2 * G1_BYTES, "G1ADD", data)
    left, right = (_curve_point(G1Point, part) for part in _parts(data, G1_BYTES))
    return _padded((left + right).to_xy_bytes_be())


def g2_add(data: bytes) -> bytes:
    """Sum of two points of the twist, which need not be in the subgroup."""
    _expect(len(data) == 2 * G2_BYTES, "G2ADD", data)
    left, right = (_curve_point(G2Point, part) for part in _parts(data, G2_BYTES))
    return _padded((left + right).to_xy_bytes_be())


def g1_msm(data: bytes) -> bytes:
    """Sum of points of G1, each times a number."""
    return _msm(G1Point, data, G1_BYTES, "G1MSM")


def g2_msm(data: bytes) -> bytes:
    """Sum of points of G2, each times a number."""
    return _msm(G2Point, data, G2_BYTES, "G2MSM")


def pairing_check(data: bytes) -> bytes:
    """1 as a word where the pairings of all pairs multiply to one, else 0."""
    size = G1_BYTES + G2_BYTES
    _expect(bool(data) and len(data) % size == 0, "pairing check", data)
    pairs = _parts(data, size)
    left = [_subgroup_point(G1Point, pair[:G1_BYTES]) for pair in pairs]
    right = [_subgroup_point(G2Point, pair[G1_BYTES:]) for pair in pairs]
    return int(GT.pairing_check(left, right)).to_bytes(32, "big")


def map_to_g1(data: bytes) -> bytes:
    """A point of G1 for a number of the field."""
    _expect(len(data) == FIELD_BYTES, "map to G1", data)
    return _padded(_checked(G1Point.map_from_fp_be, data).to_xy_bytes_be())


def map_to_g2(data: bytes) -> bytes:
    """A point of G2 for a pair of numbers of the field."""
    _expect(len(data) == 2 * FIELD_BYTES, "map to G2", data)
    return _padded(_checked(G2Point.map_from_fp2_be, data).to_xy_bytes_be())


def _msm(kind: Any, data: bytes, point_bytes: int, what: str) -> bytes:  # noqa: ANN401
    size = point_bytes + SCALAR_BYTES
    _expect(bool(data) and len(data) % size == 0, what, data)
    terms = _parts(data, size)
    points = [_subgroup_point(kind, term[:point_bytes]) for term in terms]
    factors = [Scalar.from_be_bytes_mod_order(term[point_bytes:]) for term in terms]
    return _padded(kind.multiexp_unchecked(points, factors).to_xy_bytes_be())


def _subgroup_point(kind: Any, data: bytes) -> Any:  # noqa: ANN401
    return _checked(kind.from_xy_bytes_be, data)


def _curve_point(kind: Any, data: bytes) -> Any:  # noqa: ANN401
    return _checked(kind.from_xy_bytes_unchecked_be, data)


def _checked(read: Any, data: bytes) -> Any:  # noqa: ANN401
    """Read numbers of the field without their padding. Raises VMError."""
    numbers = _parts(data, FIELD_BYTES)
    if any(number[:16] != PADDING for number in numbers):
        raise VMError("BLS12-381: a number does not begin with 16 zero bytes")
    try:
        return read(b"".join(number[16:] for number in numbers))
    except ValueError as error:
        raise VMError(f"BLS12-381: {error}") from None


def _padded(numbers: bytes) -> bytes:
    return b"".join(PADDING + number for number in _parts(numbers, FIELD_BYTES - len(PADDING)))


def _parts(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _expect(holds: bool, what: str, data: bytes) -> None:
    if not holds:
        raise VMError(f"{what}: bad input of {len(data)} bytes")
