"""Inputs that precompiles take, mostly good ones and small enough for pure Python."""

from __future__ import annotations

import random
from collections.abc import Callable

from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import sign

P = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB  # noqa: E501
G1 = (
    0x17F1D3A73197D7942695638C4FA9AC0FC3688C4F9774B905A14E3A3F171BAC586C55E83FF97A1AEFFB3AF00ADB22C6BB,
    0x08B3F481E3AAA0F1A09E30ED741D8AE4FCF5E095D5D00AF600DB18CB2C04B3EDD03CC744A2888AE40CAA232946C5E7E1,
)
G2 = (
    0x024AA2B2F08F0A91260805272DC51051C6E47AD4FA403B02B4510B647AE3D1770BAC0326A805BBEFD48056C8C121BDB8,
    0x13E02B6052719F607DACD3A088274F65596BD0D09920B61AB5DA61BBDC7F5049334CF11213945D57E5AC7D055D042B7E,
    0x0CE5D527727D6E118CC9CDC6DA2E351AADFD9BAA8CBDD3A76D429A695160D12C923AC9CC3BACA289E193548608B82801,
    0x0606C4A02EA734CC32ACD2B02BC28B99CB3E287E85A763AF267492AB572E99AB3F370D275CEC1DA1AAA9075FF05F79BE,
)
BN_G2 = (
    0x198E9393920D483A7260BFB731FB5D25F1AA493335A9E71297E485B7AEF312C2,
    0x1800DEEF121F1E76426A00665E5C4479674322D4F75EDADD46DEBD5CD992F6ED,
    0x090689D0585FF075EC9E99AD690C3395BC4B313370B38EF355ACDADCD122975B,
    0x12C85EA5DB8C6DEB4AAB71808DCB408FE3D1E7690C43D37B4CE6CC0166FA7DAA,
)
DIGEST = keccak256(b"precompile inputs")
SIGNATURE = sign(DIGEST, b"\x01" * 32)
P256_DIGEST = 0x8BEF299C7AAE5F17363B5C466DC0F5A47BCB8A921D80A044BBD5BD198BF1D554
P256_SIGNATURE = (
    0xECC493131028D86CC7C340A4B92FF431CF6319207AA316498F8C02944E9483CA,
    0xB95EE02E313B46288F059273ED290154BBD6E28D8F6DCC71A1652AE62FDEEA0,
)
P256_KEY = (
    0x6B74612AA26EAF05BF25B777307015FEB37BB71ED7772DEDF4C7AF1B990C7744,
    0x50A4420A422319CC292C8F8B25EA5AE1900239BF58B489BC8983D9F4C405E89B,
)
INFINITY = b"\xc0" + bytes(47)
EMPTY_BLOB = bytes.fromhex("010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014")
"""Versioned hash of the commitment at infinity."""


def words(*numbers: int, size: int = 64) -> bytes:
    return b"".join(number.to_bytes(size, "big") for number in numbers)


def _recovery(chance: random.Random) -> bytes:
    v = 27 + SIGNATURE.y_parity + chance.choice((0, 0, 0, 1, 2))
    return DIGEST + words(v, SIGNATURE.r, SIGNATURE.s, size=32)


def _text(chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 31, 32, 33, 100)))


def _exponentiation(chance: random.Random) -> bytes:
    """Lengths on both sides of EIP-7823's limit, mostly small."""
    sizes = [chance.choice((0, 1, 2, 31, 32, 33, 40)) for _ in range(3)]
    if chance.random() < 0.05:
        sizes[chance.randrange(3)] = chance.choice((1024, 1025, 2**32, 2**255))
    body = b"".join(chance.randbytes(size) for size in sizes if size < 64)
    return words(*sizes, size=32) + body


def _rounds(chance: random.Random) -> bytes:
    return words(chance.randrange(30), size=4) + chance.randbytes(208) + b"\x01"


def _point_evaluation(chance: random.Random) -> bytes:
    """Of the polynomial that is 0 everywhere."""
    return EMPTY_BLOB + words(chance.getrandbits(240), 0, size=32) + INFINITY + INFINITY


def _p256(chance: random.Random) -> bytes:
    digest = P256_DIGEST ^ chance.choice((0, 0, 1))
    return words(digest, *P256_SIGNATURE, *P256_KEY, size=32)


def _factor(chance: random.Random) -> bytes:
    return words(chance.choice([0, 1, 2, 2**256 - 1, chance.getrandbits(256)]), size=32)


BN, G1_POINT, G2_POINT = words(1, 2, size=32), words(*G1), words(*G2)
NO_G1, NO_G2 = bytes(128), bytes(256)
INPUTS: dict[int, Callable[[random.Random], bytes]] = {
    0x01: _recovery,
    0x02: _text,
    0x03: _text,
    0x04: _text,
    0x05: _exponentiation,
    0x06: lambda rnd: BN + rnd.choice([BN, bytes(64)]) + rnd.choice([b"", b"\x07"]),
    0x07: lambda rnd: BN + _factor(rnd),
    0x08: lambda rnd: BN + words(*BN_G2, size=32),
    0x09: _rounds,
    0x0A: _point_evaluation,
    0x0B: lambda rnd: G1_POINT + rnd.choice([G1_POINT, NO_G1]),
    0x0C: lambda rnd: G1_POINT + _factor(rnd) + rnd.choice([b"", NO_G1 + _factor(rnd)]),
    0x0D: lambda rnd: G2_POINT + rnd.choice([G2_POINT, NO_G2]),
    0x0E: lambda rnd: G2_POINT + _factor(rnd),
    0x0F: lambda rnd: rnd.choice([G1_POINT + NO_G2, NO_G1 + G2_POINT]),
    0x10: lambda rnd: words(rnd.randrange(P)),
    0x11: lambda rnd: words(rnd.randrange(P), rnd.randrange(P)),
    0x100: _p256,
}
"""One good input each, by the number of the precompile."""


def inputs(number: int, chance: random.Random) -> bytes:
    """One good input."""
    return INPUTS[number](chance)


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """Change a bit, the length, or nothing."""
    kind = chance.randrange(5)
    if kind == 0 and data:
        place = chance.randrange(len(data))
        return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
    return {1: data[:-1], 2: data + b"\x00", 3: b""}.get(kind, data)
