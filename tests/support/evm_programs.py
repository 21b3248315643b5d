"""Random EVM programs with a structure: loops, functions, branches, calls, creations, junk.

Purely random bytes fail within a few opcodes; these mostly run on, reach the same place in several
ways and with different stacks, and now and then do something forbidden.
"""

from __future__ import annotations

import random

from precompile_inputs import inputs, spoilt

from chain.types import Address

ORIGIN = Address(b"\xaa" * 20)
COINBASE = Address(b"\x0c" * 20)
CONTRACTS = tuple(Address(bytes((0xC0 + index,)) * 20) for index in range(4))
STRANGER = Address(b"\xdd" * 20)
PRECOMPILES = tuple(Address(bytes(19) + bytes((number,))) for number in (1, 2, 3, 4, 5, 6, 9))
SMALL = (0, 1, 2, 3, 4, 0x1F, 0x20, 0x21, 0x40, 0x60, 0xFF)
EDGES = (2**256 - 1, 2**255, 2**255 - 1, 2**160, 2**64, 2**32, 2**256 - 32)
BINARY = (1, 2, 3, 4, 5, 6, 7, 0x0A, 0x0B, 0x10, 0x11, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1A,
          0x1B, 0x1C, 0x1D)  # fmt: skip
NULLARY = (0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3A, 0x3D, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46,
           0x47, 0x48, 0x4A, 0x58, 0x59, 0x5A, 0x5F)  # fmt: skip
UNARY = (0x15, 0x19, 0x31, 0x35, 0x3B, 0x3F, 0x40, 0x49, 0x51, 0x54, 0x5C)
CLZ = 0x1E
QUICK = (1, 2, 3, 4, 5, 6, 9)
SLOW = (7, 7, 7, 7, 0x0B, 0x0B, 0x0A, 0x0C, 0x0D, 0x0E, 0x10, 0x11)
SLOWEST = (8, 0x0F)
"""In pure Python, which is what py-evm and EELS have: below 1 ms, some 10 ms, 100 ms and more."""
P256VERIFY = 0x100
INPUT_OFFSET = 0x200
CALLS = (0xF1, 0xF1, 0xF2, 0xF4, 0xFA)
JUMPDEST, JUMP, JUMPI = 0x5B, 0x56, 0x57


def push(value: int, size: int | None = None) -> bytes:
    size = size or max(1, (value.bit_length() + 7) // 8)
    return bytes((0x5F + size,)) + value.to_bytes(size, "big")


class Author:
    """Writes one program."""

    def __init__(self, rnd: random.Random, *, is_osaka: bool = False) -> None:
        self.rnd = rnd
        self.unary = (*UNARY, CLZ, CLZ) if is_osaka else UNARY
        self.quick = (*QUICK, 5, 5, P256VERIFY) if is_osaka else QUICK
        self.code = bytearray()
        self.functions: list[list[int]] = []  # where calls of each wait for its address

    def program(self, visited: tuple[Address, ...] = ()) -> bytes:
        """The code; it begins with calls to others, so that most programs are run."""
        rnd = self.rnd
        for address in visited:
            self.visit(address)
        for _ in range(rnd.choice((0, 4, 12, 20, 20, 20))):
            self.word()
        if rnd.random() < 0.03:
            self.descend(rnd.choice((2, 5, 5, 20, 60, 300)))
        self.statements(rnd.randint(2, 9), 2)
        if rnd.random() < 0.8:
            self.ending()
        for waiting in self.functions:
            self.function(waiting)
        if rnd.random() < 0.15:
            place = rnd.randrange(len(self.code) + 1)
            self.code[place:place] = rnd.randbytes(rnd.randint(1, 3))
        return bytes(self.code)

    def op(self, *opcodes: int) -> None:
        self.code += bytes(opcodes)

    def word(self) -> None:
        rnd, chance = self.rnd, self.rnd.random()
        if chance < 0.55:
            self.code += push(rnd.choice(SMALL))
        elif chance < 0.6:
            self.code += push(rnd.choice(SMALL), rnd.randint(1, 32))
        elif chance < 0.75:
            self.code += push(rnd.choice(EDGES))
        elif chance < 0.85:
            self.code += push(rnd.getrandbits(256), 32)
        else:
            self.op(rnd.choice(NULLARY))

    def statements(self, count: int, nesting: int) -> None:
        simple = (self.arithmetic, self.arithmetic, self.shuffle, self.memory, self.memory,
                  self.storage, self.log, self.call, self.create, self.copy, self.hash,
                  self.precompile)  # fmt: skip
        nested = (self.branch, self.loop, self.invoke, self.hop)
        for _ in range(count):
            if nesting and self.rnd.random() < 0.35:
                self.rnd.choice(nested)(nesting - 1)
            else:
                self.rnd.choice(simple)()

    # -- simple statements ------------------------------------------------------------------------

    def arithmetic(self) -> None:
        rnd = self.rnd
        self.word()
        for _ in range(rnd.randint(1, 6)):
            chance = rnd.random()
            if chance < 0.5:
                self.word()
                self.op(rnd.choice(BINARY))
            elif chance < 0.6:
                self.op(rnd.choice(self.unary))
            elif chance < 0.7:
                self.word()
                self.word()
                self.op(rnd.choice((8, 9)))
            else:
                self.op(rnd.choice((0x80, 0x80, 0x81)), rnd.choice(BINARY))
        if rnd.random() < 0.6:
            self.op(0x50)

    def shuffle(self) -> None:
        rnd = self.rnd
        for _ in range(rnd.randint(1, 5)):
            kind = rnd.choice((0x50, 0x80, 0x90, 0x90))
            self.op(
                kind
                if kind == 0x50
                else kind + rnd.choice((0, 0, 1, 1, 2, 2, 3, 5, rnd.randrange(16)))
            )

    def memory(self) -> None:
        self.word()
        self.offset()
        self.op(self.rnd.choice((0x52, 0x52, 0x52, 0x53)))
        if self.rnd.random() < 0.7:
            self.offset()
            self.op(0x51)

    def offset(self) -> None:
        rnd, chance = self.rnd, self.rnd.random()
        if chance < 0.85:
            self.code += push(rnd.choice((0, 1, 0x1F, 0x20, 0x30, 0x40, 0x60, 0x80, 0x200)))
        elif chance < 0.992:
            self.code += push(rnd.choice(SMALL)) + b"\x51" + push(0xFF) + b"\x16"
        else:
            self.code += push(rnd.choice((2**16, 2**64, 2**256 - 1, 2**256 - 32)))

    def size(self) -> None:
        self.code += push(self.rnd.choice((0, 0, 1, 31, 32, 33, 64, 100)))

    def storage(self) -> None:
        rnd = self.rnd
        slot = push(rnd.choice((0, 1, 2)))
        if rnd.random() < 0.5:
            self.word()
            self.code += slot + bytes((rnd.choice((0x55, 0x55, 0x5D)),))
        else:
            self.code += slot + bytes((rnd.choice((0x54, 0x54, 0x5C)),))

    def log(self) -> None:
        topics = self.rnd.randrange(5)
        for _ in range(topics):
            self.word()
        self.size()
        self.offset()
        self.op(0xA0 + topics)

    def hash(self) -> None:
        self.size()
        self.offset()
        self.op(0x20)

    def copy(self) -> None:
        opcode = self.rnd.choice((0x37, 0x39, 0x3C, 0x5E) * 4 + (0x3E,))
        self.size()
        self.offset()
        self.offset()
        if opcode == 0x3C:
            self.code += b"\x73" + self.rnd.choice((*CONTRACTS, STRANGER))
        self.op(opcode)

    def call(self) -> None:
        rnd, opcode = self.rnd, self.rnd.choice(CALLS)
        self.size()
        self.offset()
        self.size()
        self.offset()
        if opcode in (0xF1, 0xF2):
            self.code += push(rnd.choice((0, 0, 0, 1, 50)))
        targets = (*CONTRACTS, *CONTRACTS, *PRECOMPILES, ORIGIN, STRANGER)
        self.code += b"\x73" + rnd.choice(targets)
        self.code += rnd.choice((b"\x5a", b"\x5a", push(rnd.randrange(2**16)), push(0)))
        self.op(opcode)
        if rnd.random() < 0.5:
            self.op(0x50)

    def precompile(self) -> None:
        """Call a precompile with what it takes, or nearly; then look at what came back."""
        rnd, chance = self.rnd, self.rnd.random()
        number = rnd.choice(self.quick)
        if chance < 0.03:
            number = rnd.choice(SLOWEST if chance < 0.0005 else SLOW)
        data = inputs(number, rnd)
        if rnd.random() < 0.2:
            data = spoilt(data, rnd)
        self.put(data)
        is_call = rnd.random() < 0.5
        self.size()
        self.offset()
        self.code += push(len(data)) + push(INPUT_OFFSET) + (b"\x5f" if is_call else b"")
        self.code += push(number) + rnd.choice((b"\x5a", b"\x5a", push(rnd.randrange(2**16))))
        self.op(0xF1 if is_call else rnd.choice((0xF4, 0xFA)))
        if rnd.random() < 0.5:
            self.code += b"\x3d\x5f\x5f\x3e\x3d\x5f\x20"  # hash of the data that was returned

    def put(self, data: bytes) -> None:
        """Write data to memory at INPUT_OFFSET."""
        for start in range(0, len(data), 32):
            word = int.from_bytes(data[start : start + 32].ljust(32, b"\x00"), "big")
            self.code += (push(word) if word else b"\x5f") + push(INPUT_OFFSET + start) + b"\x52"

    def descend(self, depth: int) -> None:
        """Call this program again with one more byte of data, until there are `depth`.

        What stands behind runs at every depth on the way back.
        """
        rnd, opcode = self.rnd, self.rnd.choice((0xF1, 0xF1, 0xF2, 0xF4, 0xFA))
        self.code += push(depth, 2) + b"\x36\x10\x15"
        place = self.jump_over(JUMPI)
        self.code += b"\x5f\x5f\x60\x01\x36\x01\x5f"
        self.code += b"\x5f" if opcode in (0xF1, 0xF2) else b""
        self.code += rnd.choice((b"\x30\x5a", b"\x30\x5a", b"\x30\x61\xff\xff"))
        self.op(opcode)
        self.code += rnd.choice((b"\x50", b"\x5f\x54\x01\x5f\x55", b"\x15\x5f\x5d"))
        self.land(place)

    def visit(self, address: Address) -> None:
        rnd, opcode = self.rnd, self.rnd.choice(CALLS)
        self.code += b"\x5f" * (5 if opcode in (0xF1, 0xF2) else 4) + b"\x73" + address
        self.code += push(rnd.choice((3_000, 40_000, 100_000)))
        self.op(opcode, 0x50)

    def create(self) -> None:
        rnd = self.rnd
        init = rnd.choice(INIT_CODES)
        self.code += push(int.from_bytes(init.ljust(32, b"\x00"), "big"), 32) + b"\x5f\x52"
        opcode = rnd.choice((0xF0, 0xF5))
        if opcode == 0xF5:
            self.code += push(rnd.choice((0, 1)))
        self.code += push(len(init)) + b"\x5f" + push(rnd.choice((0, 0, 3)))
        self.op(opcode)
        if rnd.random() < 0.3:  # call what was created
            self.code += b"\x5f\x5f\x5f\x5f\x5f\x85\x5a\xf1"

    def ending(self) -> None:
        opcode = self.rnd.choice((0x00, 0x00, 0xF3, 0xF3, 0xF3, 0xF3, 0xFD, 0xFE, 0xFF))
        if opcode in (0xF3, 0xFD):
            self.size()
            self.offset()
        elif opcode == 0xFF:
            self.code += b"\x73" + self.rnd.choice((*CONTRACTS, STRANGER))
        self.op(opcode)

    # -- statements with jumps --------------------------------------------------------------------

    def jump_over(self, opcode: int) -> int:
        self.code += b"\x61\x00\x00"
        self.op(opcode)
        return len(self.code) - 3

    def land(self, *places: int) -> None:
        for place in places:
            self.code[place : place + 2] = len(self.code).to_bytes(2, "big")
        self.op(JUMPDEST)

    def branch(self, nesting: int) -> None:
        rnd = self.rnd
        self.condition()
        place = self.jump_over(JUMPI)
        self.statements(rnd.randint(1, 3), nesting)
        if rnd.random() < 0.4:
            end = self.jump_over(JUMP)
            self.land(place)
            self.statements(rnd.randint(1, 2), nesting)
            self.land(end)
        elif rnd.random() < 0.2:
            self.ending()
            self.land(place)
        else:
            self.land(place)

    def condition(self) -> None:
        rnd = self.rnd
        self.word()
        if rnd.random() < 0.7:
            self.op(*rnd.choice(((0x80,), (0x5A,), (0x36,), (0x5F, 0x54))))
            self.op(rnd.choice((0x10, 0x11, 0x12, 0x14, 0x16)))
        for _ in range(rnd.choice((0, 0, 1, 2))):
            self.op(0x15)

    def loop(self, nesting: int) -> None:
        rnd = self.rnd
        self.code += push(rnd.choice((1, 2, 3, 7)))
        start = len(self.code)
        self.op(JUMPDEST)
        if rnd.random() < 0.8:
            self.neutral()
        else:
            self.statements(rnd.randint(1, 2), nesting)
        self.code += b"\x60\x01\x90\x03\x80" + push(start, 2)
        self.op(JUMPI)

    def neutral(self) -> None:
        """Statements that leave the stack as it is, so that the loop's counter stays on top."""
        rnd = self.rnd
        for _ in range(rnd.randint(1, 4)):
            slot = rnd.choice((0, 0x20, 0x40))
            self.code += rnd.choice(
                (
                    b"\x80" + push(slot) + b"\x52",
                    b"\x80" + push(slot) + b"\x51\x01" + push(slot) + b"\x52",
                    push(rnd.choice((0, 1))) + b"\x54\x81\x01" + push(rnd.choice((0, 1))) + b"\x55",
                    push(slot) + b"\x51" + push(rnd.getrandbits(256), 32) + b"\x02\x50",
                    b"\x80" + push(rnd.choice((2, 3))) + b"\x06\x5d".replace(b"\x5d", b"\x50"),
                    b"\x91\x80\x92\x50" if rnd.random() < 0.3 else b"\x81\x81\x01\x50",
                )
            )

    def invoke(self, _nesting: int) -> None:
        """Call an internal function: return address, perhaps an argument, its address."""
        rnd = self.rnd
        if not self.functions or rnd.random() < 0.5:
            self.functions.append([])
        waiting = rnd.choice(self.functions)
        self.code += b"\x61\x00\x00"
        back = len(self.code) - 2
        self.word()
        waiting.append(self.jump_over(JUMP))
        self.land(back)

    def function(self, waiting: list[int]) -> None:
        """An argument on top of the return address; one result in its place."""
        rnd = self.rnd
        self.land(*waiting)
        for _ in range(rnd.randint(1, 3)):
            rnd.choice((self.body_arithmetic, self.neutral))()
        if rnd.random() < 0.3:
            self.condition()
            place = self.jump_over(JUMPI)
            self.body_arithmetic()
            self.land(place)
        self.op(0x90, JUMP)

    def body_arithmetic(self) -> None:
        self.word()
        self.op(self.rnd.choice(BINARY))

    def hop(self, _nesting: int) -> None:
        """A jump whose target is computed, and sometimes wrong."""
        place = self.jump_over(JUMP)
        self.code.pop()
        if self.rnd.random() < 0.5:
            self.code += b"\x5f\x54\x15\x15\x5f\x02\x01"
        self.op(JUMP)
        if self.rnd.random() < 0.96:
            self.land(place)


INIT_CODES = (
    b"\x60\x01\x60\x00\xf3",
    b"\x5f\x5f\xfd",
    b"\x33\xff",
    b"\x60\xef\x5f\x53\x60\x01\x5f\xf3",
    b"\x60\x01\x5f\x55\x60\x02\x5f\x5d\x60\x33\x5f\x53\x60\xff\x60\x01\x53\x60\x02\x5f\xf3",
    b"\x60\x05\x5b\x60\x01\x90\x03\x80\x60\x02\x57\x80\x55\x5f\x5f\xf3",
    b"\x5b\x5a\x5f\x55\x5f\x56",
    b"\x61\x33\xff\x5f\x52\x60\x02\x60\x1e\xf3",
    b"\x5f\x5f\x5f\x5f\x5f\x33\x5a\xf1\x5f\x55\x60\x01\x5f\xf3",
    b"\x61\x60\x01\x5f\xf3",
    b"\xfe",
    b"",
)
"""At most 32 bytes each; among them: code that destroys itself at once or when called, calls its
creator back, loops, is too large, runs out of gas."""


def program(
    rnd: random.Random, *, is_osaka: bool = False, visited: tuple[Address, ...] = ()
) -> bytes:
    """One random program, which calls those `visited` before anything else."""
    return Author(rnd, is_osaka=is_osaka).program(visited)


def descent(rnd: random.Random) -> bytes:
    """A program that calls itself past the depth limit, and ends at each depth in one way."""
    author = Author(rnd)
    author.descend(rnd.choice((1_000, 1_023, 1_024, 1_025, 1_040)))
    for _ in range(rnd.randint(0, 3)):  # nothing that calls: it would do so a thousand times
        rnd.choice((author.arithmetic, author.memory, author.storage, author.log))()
    author.ending()
    return bytes(author.code)
