"""One straight piece of EVM code as Python lines, its stack kept as symbols.

Gas: the constant costs of a run of opcodes are taken at its start. A run ends behind every opcode
that looks at the gas or can fail for another reason than gas, so where a cost does not fit in the
middle of a run, the interpreter would have run out of gas within the same run. Where the whole run
does not fit, the interpreter takes over at its first opcode, with stack and gas as they are there.

Positions count from the depth of the stack at the region's start: -1 was its top, 0 is the first
word pushed. Each has one variable, in which it lies between pieces. Knows nothing of jumps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chain.crypto.keccak import keccak256

from ..program import Program
from .arithmetic import FOLDERS, READ_TWICE, WRITERS
from .effects import EFFECTS, ENVIRONMENT, MEMORY_WRITERS, RUN_ENDS
from .symbols import LONGEST_SOURCE, Kind, Symbol, constant, name, word

MAX_TRACKED_MEMORY = 1 << 16
"""In bytes: constant offsets beyond it are treated like unknown ones."""
POSITIONS = "@"
"""Stands in a line for the words below the path, which are known when the region is complete."""


def variable(position: int) -> str:
    """Name of the local that holds this position between pieces."""
    return f"v{position}" if position >= 0 else f"u{-position}"


MSIZE: Final = 0x59
LOGS: Final = range(0xA0, 0xA5)
SHUFFLES: Final = range(0x5F, 0xA0)
"""PUSH0 to SWAP16."""
ACTIONS: Final = frozenset(
    {0x0A, 0x20, 0x35, 0x38, 0x3D, *range(0x50, 0x56), 0x58, 0x59, 0x5A, 0x5C}
)
SUPPORTED: Final = frozenset({*SHUFFLES, *WRITERS, *ENVIRONMENT, *ACTIONS, *EFFECTS})
"""Opcodes that `Path.step` translates; those that jump or stop are the region's."""


class Path:
    """Where a translation stands: symbols of the stack, knowledge of the memory, lines so far."""

    __slots__ = (
        "depth_limit",
        "floor",
        "grown_at",
        "known_memory",
        "level",
        "lines",
        "program",
        "run_at",
        "run_gas",
        "run_pc",
        "run_rescue",
        "stack",
        "temporaries",
        "words",
    )  # fmt: skip

    def __init__(self, program: Program, lines: list[str], temporaries: list[int]) -> None:
        self.program = program
        self.lines = lines
        self.temporaries = temporaries  # one counter for the whole function
        self.level = 1
        self.stack: list[Symbol] = []
        self.floor = 0  # position of stack[0]; below it every word is in its variable
        self.depth_limit = 0  # the highest depth reached
        self.known_memory = 0  # bytes that memory has for sure
        self.words: dict[int, Symbol] = {}  # by offset: what a word of memory holds

        self.grown_at = -1  # line of this run that extends memory to a constant end, if any

    def fork(self, level: int) -> Path:
        """The same place on another branch, whose lines are indented by `level`."""
        other = Path(self.program, self.lines, self.temporaries)
        other.level, other.floor, other.depth_limit = level, self.floor, self.depth_limit
        other.stack, other.words = list(self.stack), dict(self.words)
        other.known_memory = self.known_memory
        return other

    # -- lines and names --------------------------------------------------------------------------

    def emit(self, line: str) -> None:
        """Append a line at this path's indentation."""
        self.lines.append(" " * self.level + line)

    def named(self, symbol: Symbol) -> Symbol:
        """The same word, simple: computed into a local now unless it is a constant or a name."""
        if symbol.is_simple:
            return symbol
        local = self.fresh()
        source = symbol.word()
        self.emit(f"{local.source} = {source}")
        return local

    def fresh(self) -> Symbol:
        """A local that is not used yet."""
        self.temporaries[0] += 1
        return name(f"t{self.temporaries[0]}")

    # -- the stack --------------------------------------------------------------------------------

    @property
    def depth(self) -> int:
        """Words above the region's start; negative where it has popped more than pushed."""
        return self.floor + len(self.stack)

    def reach(self, count: int) -> None:
        """Make sure that the topmost `count` words are symbols."""
        while len(self.stack) < count:
            self.floor -= 1
            self.stack.insert(0, name(variable(self.floor)))

    def pop(self) -> Symbol:
        """Take the top."""
        self.reach(1)
        return self.stack.pop()

    def pops(self, count: int) -> list[Symbol]:
        """Take `count` words, topmost first."""
        return [self.pop() for _ in range(count)]

    def push(self, symbol: Symbol) -> None:
        """Put a word on top; a long expression goes into a name first."""
        if len(symbol.source) > LONGEST_SOURCE:
            symbol = self.named(symbol)
        self.stack.append(symbol)
        self.depth_limit = max(self.depth_limit, self.depth)

    def flush(self) -> None:
        """Write the symbols onto the real stack; the path must end with the next line."""
        self.emit(self.flushed())

    def flushed(self) -> str:
        """The statement that puts every word of the region back onto the real stack."""
        own = "".join([f"{symbol.word()}, " for symbol in self.stack])
        return f"stack += ({POSITIONS}{self.floor}{POSITIONS}{own})"

    # -- gas --------------------------------------------------------------------------------------

    def begin_run(self, pc: int) -> None:
        """From here on constant gas is added up; `end_run` has to follow."""
        self.run_at, self.run_pc, self.run_gas = len(self.lines), pc, 0
        self.grown_at = -1
        self.run_rescue = self.flushed()

    def end_run(self) -> None:
        """Put in, at its start, what the run costs."""
        if not self.run_gas:
            return
        pad = " " * self.level
        self.lines[self.run_at : self.run_at] = [
            f"{pad}gas -= {self.run_gas}",
            f"{pad}if gas < 0:",
            f"{pad} {self.run_rescue}",
            f"{pad} return {~self.run_pc}, gas + {self.run_gas}",
        ]

    def hand_back(self, pc: int) -> None:
        """Let the interpreter go on at `pc`, whose gas is not taken yet."""
        self.flush()
        self.emit(f"return {~pc}, gas")

    # -- opcodes ----------------------------------------------------------------------------------

    def step(self, pc: int, op: int) -> None:
        """Translate one opcode of SUPPORTED, whose constant gas is already part of the run."""
        if op in SHUFFLES:
            self._shuffle(pc, op)
        elif op in WRITERS:
            self._compute(op)
        elif op in ENVIRONMENT:
            self.push(word(ENVIRONMENT[op]))
        else:
            self._act(pc, op)
        if op in RUN_ENDS:
            self.end_run()
            self.begin_run(pc + 1)

    def _shuffle(self, pc: int, op: int) -> None:
        if op == 0x5F:
            self.push(constant(0))
        elif op < 0x80:
            self.push(constant(self.program.pushes[pc][0]))
        elif op < 0x90:
            count = op - 0x7F
            self.reach(count)
            symbol = self.stack[-count] = self.named(self.stack[-count])
            self.push(symbol)
        else:
            count = op - 0x8E
            self.reach(count)
            self.stack[-1], self.stack[-count] = self.stack[-count], self.stack[-1]

    def _compute(self, op: int) -> None:
        count, write = WRITERS[op]
        operands = self.pops(count)
        if all(operand.is_constant for operand in operands):
            self.push(constant(FOLDERS[op](*[operand.value for operand in operands])))
            return
        twice = READ_TWICE.get(op)
        if twice is not None:
            operands[twice] = self.named(operands[twice])
        self.push(write(*operands))

    def _act(self, pc: int, op: int) -> None:
        simple: Callable[[], object] | None = {
            0x0A: self._exp, 0x20: self._keccak256, 0x35: self._calldataload, 0x50: self.pop,
            0x51: self._mload, 0x52: self._mstore, 0x53: self._mstore8, 0x54: self._sload,
            0x55: self._sstore, 0x5C: self._tload, 0x37: self._calldatacopy, 0x39: self._codecopy,
        }.get(op)  # fmt: skip
        if simple is not None:
            simple()
        elif op == 0x38:
            self.push(constant(len(self.program.code) - 1))
        elif op == 0x58:
            self.push(constant(pc))
        elif op in LOGS:
            self._log(op)
        elif op == 0x59 or op == 0x5A or op == 0x3D:
            source = {0x59: "len(memory)", 0x5A: "gas", 0x3D: "len(frame.return_data)"}[op]
            self.push(self._assigned(source))
        else:
            self._call_out(op)

    def _assigned(self, source: str) -> Symbol:
        local = self.fresh()
        self.emit(f"{local.source} = {source}")
        return local

    def _call_out(self, op: int) -> None:
        takes, gives = EFFECTS[op]
        operands = self.pops(takes)
        if takes == 1:
            self.emit(f"stack.append({operands[0].word()})")
        elif takes:
            self.emit(f"stack += ({', '.join([each.word() for each in reversed(operands)])})")
        self.emit(f"gas = instructions[{op}](frame, stack, gas)")
        if op in MEMORY_WRITERS:
            self.words.clear()
        if gives:
            self.push(self._assigned("stack.pop()"))

    def _exp(self) -> None:
        base, exponent = self.pop(), self.named(self.pop())
        if exponent.is_constant:
            self.run_gas += 50 * ((exponent.value.bit_length() + 7) // 8)
            if base.is_constant:
                self.push(constant(pow(base.value, exponent.value, 2**256)))
                return
        else:
            self.emit(f"gas -= 50 * (({exponent.source}.bit_length() + 7) >> 3)")
            self.emit("if gas < 0: raise OutOfGas('out of gas: EXP')")
        self.push(word(f"pow({base.word()}, {exponent.source}, C)"))

    def _calldataload(self) -> None:
        offset = self.named(self.pop())
        end = constant(offset.value + 32).source if offset.is_constant else f"{offset.source} + 32"
        self.push(word(f"from_bytes(data[{offset.source}:{end}].ljust(32, NUL))"))

    def _log(self, op: int) -> None:
        offset, size, *topics = self.pops(2 + op - 0xA0)
        words = "".join([f"{topic.word()}, " for topic in topics])
        self.emit(f"gas = write_log(frame, {offset.word()}, {size.word()}, ({words}), gas)")

    def _sload(self) -> None:
        slot, local = self.named(self.pop()), self.fresh()
        self.emit(f"{local.source} = hot.get({slot.source})")
        self.emit(
            f"if {local.source} is None: "
            f"{local.source}, gas = read_storage(frame, {slot.source}, gas)"
        )
        self.push(local)

    def _sstore(self) -> None:
        slot, value = self.pops(2)
        self.emit(f"gas = write_storage(frame, {slot.word()}, {value.word()}, gas)")

    def _tload(self) -> None:
        slot = self.pop().word()
        source = f"frame.state.get_transient(message.storage_address, {slot})"
        self.push(self._assigned(source))

    # -- memory -----------------------------------------------------------------------------------

    def extend(self, offset: Symbol, size: int) -> str:
        """Make sure that `size` bytes at a simple `offset` exist; source of where they end."""
        if not offset.is_constant:
            end = f"{offset.source} + {size}"
            self.emit(f"if {end} > len(memory): gas = grow(memory, {end}, gas)")
            return end
        reached = offset.value + size
        end = constant(reached).source
        if reached > self.known_memory:
            self._extend_to(reached, end)
        return end

    def _extend_to(self, reached: int, end: str) -> None:
        """Extend memory to a constant end: once a run, at its first place that needs it.

        What a run does in between cannot tell, since only MSIZE reads how far memory goes.
        """
        line = f"if {end} > len(memory): gas = grow(memory, {end}, gas)"
        is_tracked = reached <= MAX_TRACKED_MEMORY
        if self.grown_at >= 0 and is_tracked and MSIZE not in self.program.opcodes:
            self.lines[self.grown_at] = " " * self.level + line
        else:
            self.grown_at = len(self.lines) if is_tracked else -1
            self.emit(line)
        if is_tracked:
            self.known_memory = (reached + 31) & ~31

    def _forget(self, offset: Symbol, size: int) -> None:
        if not offset.is_constant:
            self.words.clear()
            return
        start, end = offset.value - 32, offset.value + size
        for known in [known for known in self.words if start < known < end]:
            del self.words[known]

    def _mload(self) -> None:
        offset = self.named(self.pop())
        if offset.is_constant and offset.value in self.words:
            self.push(self.words[offset.value])
            return
        end = self.extend(offset, 32)
        local = self._assigned(f"from_bytes(memory[{offset.source}:{end}])")
        self._remember(offset, local)
        self.push(local)

    def _remember(self, offset: Symbol, value: Symbol) -> None:
        if offset.is_constant and offset.value + 32 <= self.known_memory:
            self.words[offset.value] = value

    def _mstore(self) -> None:
        offset, value = self.named(self.pop()), self.named(self.pop())
        end = self.extend(offset, 32)
        data = _literal(value) if value.is_constant else f"{value.source}.to_bytes(32, 'big')"
        self.emit(f"memory[{offset.source}:{end}] = {data}")
        self._forget(offset, 32)
        self._remember(offset, value)

    def _mstore8(self) -> None:
        offset, value = self.named(self.pop()), self.pop()
        self.extend(offset, 1)
        self.emit(f"memory[{offset.source}] = {value.ring()} & 255")
        self._forget(offset, 1)

    def _calldatacopy(self) -> None:
        self._copy(0x37, "data")

    def _codecopy(self) -> None:
        self._copy(0x39, "message.code")

    def _copy(self, op: int, source: str) -> None:
        """Copy from what stays the same as long as the frame runs."""
        self.reach(3)
        size = self.stack[-3]
        if not size.is_constant or not 0 < size.value <= MAX_TRACKED_MEMORY:
            self._call_out(op)
            return
        target, offset = self.named(self.pop()), self.named(self.pop())
        self.pop()
        self.run_gas += 3 * ((size.value + 31) // 32)
        end = self.extend(target, size.value)
        past = (
            constant(offset.value + size.value).source
            if offset.is_constant
            else (f"{offset.source} + {size.value}")
        )
        self.emit(
            f"memory[{target.source}:{end}] = "
            f"{source}[{offset.source}:{past}].ljust({size.value}, NUL)"
        )
        self._forget(target, size.value)

    def _keccak256(self) -> None:
        offset, size = self.named(self.pop()), self.pop()
        if not size.is_constant or size.value > MAX_TRACKED_MEMORY:
            self.emit(f"stack += ({size.word()}, {offset.source})")
            self.emit("gas = instructions[32](frame, stack, gas)")
            self.push(self._assigned("stack.pop()"))
            return
        if not size.value:
            self.push(constant(int.from_bytes(keccak256(b""), "big")))
            return
        self.run_gas += 6 * ((size.value + 31) // 32)
        end = self.extend(offset, size.value)
        data = f"bytes(memory[{offset.source}:{end}])"
        self.push(self._assigned(f"from_bytes(keccak256({data}))"))


def _literal(symbol: Symbol) -> str:
    """Source of a word as 32 bytes, free of the sign that marks open places in a line."""
    if not symbol.value:
        return "ZERO"
    return repr(symbol.value.to_bytes(32, "big")).replace(POSITIONS, f"\\x{ord(POSITIONS):02x}")


def as_condition(symbol: Symbol) -> str:
    """Source of a condition that holds where the word is not 0."""
    return symbol.source if symbol.kind is Kind.CONDITION else symbol.word()
