"""What a unit of gas costs in each precompile and in a few loops, in nanoseconds of one core.

A contract calls a precompile again and again with one input; the gas of the calls counts. Whoever
wants to stop a chain picks the dearest line, so no line should stand far above the loops. Figures
go to standard output, as docs/adr/0009-precompile-libraries.md has them.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from precompile_inputs import G1, G2, inputs, words  # noqa: E402

from chain.state import MemoryStateStore, State  # noqa: E402
from chain.types import Address, Hash32  # noqa: E402
from evm.environment import BlockEnvironment, Message  # noqa: E402
from evm.forks import OSAKA, PRAGUE, RuleSet  # noqa: E402
from evm.pyevm.machine import Machine  # noqa: E402

CALLER, CONTRACT = Address(b"\xaa" * 20), Address(b"\xcc" * 20)
SECONDS = 0.2
REPEATS = 3
GAS = 2**50


def push(value: int) -> bytes:
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes((0x5F + size,)) + value.to_bytes(size, "big")


def loop(body: bytes, rounds: int) -> bytes:
    """Call data into memory, then `body` so many times; the counter lies on the stack."""
    head = b"\x36\x5f\x5f\x37" + push(rounds)
    start = push(len(head))
    return head + b"\x5b" + body + b"\x60\x01\x90\x03\x80" + start + b"\x57\x00"


def static_call(number: int) -> bytes:
    return b"\x5f\x5f\x36\x5f" + push(number) + b"\x5a\xfa\x50"


def run(code: bytes, data: bytes, rules: RuleSet) -> tuple[float, int]:
    """Seconds of the process and gas of one call of the code."""
    state = State(MemoryStateStore())
    state.set_code(CONTRACT, code)
    state.begin_transaction()
    block = BlockEnvironment(
        chain_id=1,
        number=1,
        timestamp=1,
        coinbase=CALLER,
        prev_randao=Hash32(bytes(32)),
        gas_limit=GAS,
        base_fee=1,
        blob_base_fee=1,
        block_hash=lambda _number: None,
        rules=rules,
    )
    start = time.process_time()
    outcome = Machine(state, block).run(Message(CALLER, CONTRACT, 0, data, GAS, 1))
    seconds = time.process_time() - start
    if not outcome.succeeded:
        raise RuntimeError(outcome.error)
    return seconds, GAS - outcome.gas_left


def price(body: bytes, data: bytes, rules: RuleSet) -> tuple[float, float]:
    """Nanoseconds for a unit of gas, and gas for a round."""
    rounds = 64
    while True:
        seconds, gas = run(loop(body, rounds), data, rules)
        if seconds > SECONDS:
            break
        rounds *= 1 + min(9, round(SECONDS * 1.2 / max(seconds, SECONDS / 9)))
    best = min([seconds, *[run(loop(body, rounds), data, rules)[0] for _ in range(REPEATS - 1)]])
    return best / gas * 1e9, gas / rounds


def modexp(base: int, exponent: bytes, modulus: int) -> bytes:
    """Odd numbers of so many bytes, which are the dearest."""
    chance = random.Random(1)
    numbers = bytes((*chance.randbytes(base), *exponent, *chance.randbytes(modulus - 1), 0xFF))
    return words(base, len(exponent), modulus, size=32) + numbers


def lines() -> dict[str, tuple[bytes, bytes, RuleSet]]:
    """By name: what is repeated, the input, and the rules."""
    chance = random.Random(7)
    found: dict[str, tuple[bytes, bytes, RuleSet]] = {
        "countdown": (b"", b"", PRAGUE),
        "ADD and MUL": (b"\x80\x80\x02\x81\x01\x50", b"", PRAGUE),
        "MSTORE, KECCAK256 of 64 bytes": (b"\x80\x5f\x52\x60\x40\x5f\x20\x50", b"", PRAGUE),
        "SLOAD, warm": (b"\x5f\x54\x50", b"", PRAGUE),
        "SSTORE of another value": (b"\x80\x5f\x55", b"", PRAGUE),
        "TSTORE": (b"\x80\x5f\x5d", b"", PRAGUE),
        "LOG0 of nothing": (b"\x5f\x5f\xa0", b"", PRAGUE),
        "BALANCE, warm": (b"\x30\x31\x50", b"", PRAGUE),
        "CALL of an account without code": (static_call(0xDDDD), b"", PRAGUE),
        "CREATE of nothing": (b"\x5f\x5f\x5f\xf0\x50", b"", PRAGUE),
    }
    good = {
        "ecrecover": (0x01, inputs(0x01, random.Random(0))),
        "SHA-256 of 32 bytes": (0x02, bytes(32)),
        "SHA-256 of 4 kB": (0x02, bytes(4096)),
        "RIPEMD-160 of 32 bytes": (0x03, bytes(32)),
        "RIPEMD-160 of 4 kB": (0x03, bytes(4096)),
        "identity of 32 bytes": (0x04, bytes(32)),
        "identity of 4 kB": (0x04, bytes(4096)),
        "ecAdd": (0x06, words(1, 2, 1, 2, size=32)),
        "ecMul": (0x07, words(1, 2, 2**256 - 1, size=32)),
        "ecPairing, none": (0x08, b""),
        "ecPairing, 2 pairs": (0x08, inputs(0x08, chance)),
        "BLAKE2F, 0 rounds": (0x09, words(0, size=4) + bytes(209)),
        "BLAKE2F, 12 rounds": (0x09, words(12, size=4) + bytes(209)),
        "BLAKE2F, 100,000 rounds": (0x09, words(100_000, size=4) + bytes(209)),
        "point evaluation": (0x0A, inputs(0x0A, chance)),
        "G1ADD": (0x0B, words(*G1, *G1)),
        "G1MSM, 1 term": (0x0C, words(*G1) + b"\xff" * 32),
        "G1MSM, 128 terms": (0x0C, (words(*G1) + b"\xff" * 32) * 128),
        "G2ADD": (0x0D, words(*G2, *G2)),
        "G2MSM, 1 term": (0x0E, words(*G2) + b"\xff" * 32),
        "BLS pairing, 1 pair": (0x0F, words(*G1) + words(*G2)),
        "map to G1": (0x10, words(5)),
        "map to G2": (0x11, words(5, 6)),
    }
    found |= {name: (static_call(number), data, PRAGUE) for name, (number, data) in good.items()}
    found["P256VERIFY"] = (static_call(0x100), inputs(0x100, random.Random(3)), OSAKA)
    for size, exponent in ((1, b"\x01"), (32, b"\xff" * 32), (64, b"\xff" * 64), (256, b"\x03")):
        for rules in (PRAGUE, OSAKA):
            name = f"MODEXP, {size} bytes, exponent of {8 * len(exponent)} bits, {rules.name}"
            found[name] = (static_call(0x05), modexp(size, exponent, size), rules)
    return found


def main() -> None:
    """Measure and print."""
    wanted = sys.argv[1:]
    for name, (body, data, rules) in lines().items():
        if not wanted or any(part in name for part in wanted):
            nanoseconds, gas = price(body, data, rules)
            print(f"{name:52} {gas:10,.0f} gas {nanoseconds:9.1f} ns/gas", flush=True)


if __name__ == "__main__":
    main()
