"""Our precompiles against py-evm's own in pure Python: same output, same gas, same refusals."""

from __future__ import annotations

import random

import pytest
from eth.exceptions import OutOfGas, VMError
from eth.vm.forks.prague.computation import PRAGUE_PRECOMPILES

from evm.pyevm.precompiles import PRAGUE

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


class Frame:
    """As much of a frame as a precompile needs; counts gas."""

    def __init__(self, data: bytes) -> None:
        self.msg = self
        self.data = self.data_as_bytes = data
        self.gas = 10**7
        self.used = 0
        self.output = b""

    def consume_gas(self, amount: int, reason: str) -> None:
        self.used += amount
        if self.used > self.gas:
            raise OutOfGas(reason)


def result(precompile, data: bytes) -> tuple[bytes, int] | None:
    frame = Frame(data)
    try:
        precompile(frame)
    except VMError:
        return None
    return bytes(frame.output), frame.used


def words(*numbers: int, size: int = 64) -> bytes:
    return b"".join(number.to_bytes(size, "big") for number in numbers)


def inputs(number: int, chance: random.Random) -> bytes:
    """One good input, small enough for pure Python."""
    factor = words(chance.choice([0, 1, 2, 2**256 - 1, chance.getrandbits(256)]), size=32)
    g1, zero1 = words(*G1), bytes(128)
    g2, zero2 = words(*G2), bytes(256)
    bn = words(1, 2, size=32)
    return {
        0x05: words(chance.choice([1, 32, 33]), 2, 3, size=32) + chance.randbytes(38),
        0x06: bn + chance.choice([bn, bytes(64)]) + chance.choice([b"", b"\x07"]),
        0x07: bn + factor,
        0x08: bn + words(*BN_G2, size=32),
        0x09: words(chance.randrange(30), size=4) + chance.randbytes(208) + b"\x01",
        0x0B: g1 + chance.choice([g1, zero1]),
        0x0C: g1 + factor + chance.choice([b"", zero1 + factor]),
        0x0D: g2 + chance.choice([g2, zero2]),
        0x0E: g2 + factor,
        0x0F: chance.choice([g1 + zero2, zero1 + g2]),
        0x10: words(chance.randrange(P)),
        0x11: words(chance.randrange(P), chance.randrange(P)),
    }[number]


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """Change a bit, the length, or nothing."""
    kind = chance.randrange(5)
    if kind == 0:
        place = chance.randrange(len(data))
        return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]
    return {1: data[:-1], 2: data + b"\x00", 3: b""}.get(kind, data)


@pytest.mark.parametrize("number", [0x05, 0x06, 0x07, 0x08, 0x09, *range(0x0B, 0x12)], ids=hex)
def test_precompile_gives_what_pure_python_gives(number):
    chance = random.Random(number)
    address = number.to_bytes(20, "big")
    for _ in range(6 if number in (0x08, 0x0F) else 12):
        data = spoilt(inputs(number, chance), chance)
        ours, theirs = result(PRAGUE[address], data), result(PRAGUE_PRECOMPILES[address], data)
        assert ours == theirs, data.hex()
