"""P-256 in Vyper, beside the library's, and both where a library is tempted to take too much."""

from __future__ import annotations

import random

import pytest
from precompile_inputs import P256_DIGEST, P256_KEY, P256_SIGNATURE
from step_contracts import StepModule

from chain.crypto.p256 import verify_p256

VERIFY = "verify(uint256,uint256,uint256,uint256,uint256)"
MOST_GAS = 750_000
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


@pytest.fixture(scope="module")
def contract():
    return StepModule("p256_harness.vy")


def both(contract, *numbers):
    """What the contract says, which is what Python says."""
    outcome = contract.call(VERIFY, *numbers)
    assert outcome.succeeded
    assert outcome.gas_used < MOST_GAS
    found = bool(int.from_bytes(outcome.output, "big"))
    assert found == verify_p256(b"".join(number.to_bytes(32, "big") for number in numbers))
    return found


def plus(left, right):
    if left is None or right is None:
        return left or right
    if left[0] == right[0]:
        if (left[1] + right[1]) % P == 0:
            return None
        slope = 3 * (left[0] ** 2 - 1) * pow(2 * left[1], -1, P)
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, P)
    x = (slope * slope - left[0] - right[0]) % P
    return x, (slope * (left[0] - x) - left[1]) % P


def times(factor, point):
    total = None
    for bit in bin(factor % N)[2:]:
        total = plus(total, total)
        if bit == "1":
            total = plus(total, point)
    return total


def opposite(point):
    return point[0], P - point[1]


def on_curve(x):
    """The first point from x on."""
    while True:
        square = (x**3 - 3 * x + B) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            return x, y
        x += 1


def made(u1, u2, key):
    """Digest and signature that are checked with these factors of the base point and the key."""
    x, _ = plus(times(u1, G), times(u2, key))
    r = x % N
    s = r * pow(u2, -1, N) % N
    return u1 * s % N, r, s


def test_a_signature_and_its_neighbours(contract):
    right = (P256_DIGEST, *P256_SIGNATURE, *P256_KEY)
    assert both(contract, *right)
    for place in range(5):
        wrong = list(right)
        wrong[place] ^= 1
        assert not both(contract, *wrong)
    assert both(contract, P256_DIGEST, P256_SIGNATURE[0], N - P256_SIGNATURE[1], *P256_KEY)


@pytest.mark.parametrize(
    ("u1", "u2"), [(0, 1), (1, 1), (0, N - 1), (1, N - 1), (2**255, 3), (N - 1, 2**128 + 1)]
)
def test_factors_at_their_edges(contract, u1, u2):
    key = times(77, G)
    assert both(contract, *made(u1, u2, key), *key)


def test_a_digest_is_taken_modulo_the_order(contract):
    key = times(5, G)
    digest, r, s = made(7, 9, key)
    low = made((N - 1) * 3 % N, 9, key)
    assert both(contract, digest, r, s, *key)
    for numbers in (low, (digest, r, s)):
        if numbers[0] + N < 2**256:
            assert both(contract, numbers[0] + N, *numbers[1:], *key)
    _, r, s = made(0, 3, key)
    assert both(contract, 0, r, s, *key)
    assert both(contract, N, r, s, *key)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_base_point_and_its_opposite_as_keys(contract, sign):
    key = G if sign == 1 else opposite(G)
    for u1, u2 in ((1, 3), (5, 7), (2**200 + 1, 2**201 - 1)):
        assert both(contract, *made(u1, u2, key), *key)


@pytest.mark.parametrize("factor", [1, 2, 3, N - 1])
def test_a_sum_that_is_infinity_is_no_signature(contract, factor):
    """The key is a multiple of the base point, and the factors take away each other."""
    key = times(factor, G)
    r, s = 12_345, 678
    digest = -r * factor % N
    assert not both(contract, digest, r, s, *key)


def test_an_x_above_the_order(contract):
    """The signature has x - N, and x is below P."""
    point = on_curve(N)
    assert N <= point[0] < P
    u1, u2 = 31, 41
    key = times(pow(u2, -1, N), plus(point, opposite(times(u1, G))))
    r = point[0] - N
    s = r * pow(u2, -1, N) % N
    assert both(contract, u1 * s % N, r, s, *key)
    assert not both(contract, u1 * s % N, r + 1, s, *key)


@pytest.mark.parametrize(
    ("r", "s"), [(0, 1), (1, 0), (N, 1), (1, N), (N + 1, 1), (2**256 - 1, 1), (1, 2**256 - 1)]
)
def test_numbers_out_of_range(contract, r, s):
    assert not both(contract, 1, r, s, *P256_KEY)


def test_coordinates_are_not_taken_modulo_the_field(contract):
    """EIP-7951: both below P. The point is on the curve, and the signature is right."""
    key = on_curve(3)
    digest, r, s = made(7, 9, key)
    assert both(contract, digest, r, s, *key)
    assert not both(contract, digest, r, s, key[0] + P, key[1])
    for wrong in ((P, key[1]), (key[0], P), (0, 0), (key[0], 2**256 - 1)):
        assert not both(contract, digest, r, s, *wrong)


def test_random_numbers_are_no_key(contract):
    rnd = random.Random(7951)
    for _ in range(4):
        assert not both(contract, *(rnd.getrandbits(256) for _ in range(5)))
