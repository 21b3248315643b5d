"""Pieces of code that constant jumps connect, joined into one Python function.

First the pieces are explored from the entry: a piece is an opcode to begin with, a stack depth, and
those words of the stack that are known to be jump targets (return addresses, so that an internal
function returns without leaving Python). Then they are written: a piece with one predecessor goes
inside it, the others become cases of a `while` loop. Which pieces are worth it is for `hot.py` to
say. `Region`: (frame, stack, gas) → None when the frame is over, else (pc, gas), where a negative
pc means that the interpreter has to run at least the opcode at ~pc.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from ..instructions import STATIC_GAS
from ..program import Program
from .path import POSITIONS, SUPPORTED, Path, as_condition, variable
from .runtime import NAMESPACE
from .symbols import Symbol, constant, name

Region: TypeAlias = Callable[[Any, list[int], int], "tuple[int, int] | None"]
Key: TypeAlias = tuple[int, int, tuple[tuple[int, int], ...]]
"""Program counter, depth, and the jump targets lying on the stack by position."""

MAX_PIECES: Final = 256
MAX_PIECE_OPCODES: Final = 256
MAX_WORDS: Final = 64
"""Words of the stack that a piece holds as symbols; with more the interpreter goes on."""
MAX_NESTING: Final = 40
MAX_KNOWN_TARGETS: Final = 8
LEAVE: Final = "@leave@"

JUMPDEST, JUMP, JUMPI = 0x5B, 0x56, 0x57
STOP, RETURN, REVERT, SELFDESTRUCT = ENDS = 0x00, 0xF3, 0xFD, 0xFF
BAD_JUMP: Final = "raise InvalidJumpDestination('invalid jump destination')"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a piece goes on: at `target` (always, or where `condition` holds), else at `following`.

    Neither where it is over.
    """

    target: Symbol | None = None
    condition: Symbol | None = None
    following: int | None = None


@dataclass(slots=True)
class _Piece:
    """What exploring has found out about a piece."""

    touched: int
    """Bytes that memory has for sure behind it, if it had none before."""
    successors: list[Key]
    predecessors: int = 0
    known_memory: int = 1 << 62


@dataclass(slots=True)
class _Case:
    """A piece that is jumped to, with everything written inside it."""

    label: int
    lines: list[str] = field(default_factory=list)
    loops: bool = False


def follow(program: Program, path: Path, pc: int) -> tuple[Ending, int]:
    """Translate from `pc` to where the code branches or ends; the ending and the opcodes seen."""
    code = program.code
    path.begin_run(pc)
    count = 0
    while True:
        op = code[pc]
        if (op == JUMPDEST and count) or count == MAX_PIECE_OPCODES:
            path.end_run()
            return Ending(following=pc), count
        count += 1
        if (op not in SUPPORTED and op != JUMPDEST) or len(path.stack) > MAX_WORDS:
            break
        path.run_gas += STATIC_GAS[op]
        if op != JUMPDEST:
            path.step(pc, op)
        pushed = program.pushes.get(pc)
        pc = pc + 1 if pushed is None else pushed[1]
    if op in (JUMP, JUMPI) and len(path.stack) <= MAX_WORDS:
        path.run_gas += STATIC_GAS[op]
        target = path.pop()
        condition = path.pop() if op == JUMPI else None
        path.end_run()
        return Ending(target, condition, pc + 1 if op == JUMPI else None), count
    is_over = op in ENDS and len(path.stack) <= MAX_WORDS
    if is_over:
        path.run_gas += STATIC_GAS[op]
    path.end_run()
    if is_over:
        _end(path, op)
    else:
        path.hand_back(pc)
    return Ending(), count


def _end(path: Path, op: int) -> None:
    if op == STOP:
        path.emit("frame.gas_left = gas")
        path.emit("return None")
    elif op in (RETURN, REVERT):
        offset, size = path.pops(2)
        function = "leave" if op == RETURN else "give_up"
        path.emit(f"return {function}(frame, {offset.word()}, {size.word()}, gas)")
    else:
        path.emit(f"stack.append({path.pop().word()})")
        path.emit("return selfdestruct(frame, stack, gas)")


class Explorer:
    """The pieces that can be reached from an entry and are worth it."""

    def __init__(self, program: Program, entry: int, is_warm: Callable[[int], bool]) -> None:
        self._program = program
        self._is_warm = is_warm
        self.entry: Key = (entry, 0, ())
        self.pieces: dict[Key, _Piece] = {}
        self.opcodes = 0
        self.is_whole = True

    def explore(self, most_opcodes: int) -> None:
        """Follow the code until nothing is left or more than this many opcodes are seen."""
        waiting = [self.entry]
        for key in waiting:
            if key in self.pieces:
                continue
            if len(self.pieces) >= MAX_PIECES or self.opcodes > most_opcodes:
                self.is_whole = False
                break
            waiting += self._add(key)
        for piece in list(self.pieces.values()):
            piece.successors = [key for key in piece.successors if key in self.pieces]
            for key in piece.successors:
                self.pieces[key].predecessors += 1
        self._find_memory()

    def _add(self, key: Key) -> list[Key]:
        path = self.path(key, [], [0])
        ending, count = follow(self._program, path, key[0])
        self.opcodes += count
        successors = [self.key(path, pc) for pc in self._next(ending)]
        self.pieces[key] = _Piece(path.known_memory, successors)
        return successors

    def _next(self, ending: Ending) -> list[int]:
        found = []
        target, condition = ending.target, ending.condition
        goes_on = condition is None or not condition.is_constant or condition.value == 0
        if ending.following is not None and (target is None or goes_on):
            found.append(ending.following)
        if target is not None and target.is_constant and self._goes(condition, target.value):
            found.append(target.value)
        return found

    def _goes(self, condition: Symbol | None, target: int) -> bool:
        if condition is not None and condition.is_constant and condition.value == 0:
            return False
        return target in self._program.jump_targets and self._is_warm(target)

    def _find_memory(self) -> None:
        """How far memory reaches at the start of each piece, whichever way it is entered."""
        self.pieces[self.entry].known_memory = 0
        waiting = [self.entry]
        while waiting:
            piece = self.pieces[waiting.pop()]
            reached = max(piece.known_memory, piece.touched)
            for key in piece.successors:
                if self.pieces[key].known_memory > reached:
                    self.pieces[key].known_memory = reached
                    waiting.append(key)

    def path(self, key: Key, lines: list[str], temporaries: list[int]) -> Path:
        """The start of a piece, every word of its stack in its variable."""
        path = Path(self._program, lines, temporaries)
        _, depth, targets = key
        path.floor = min([0, depth, *[position for position, _ in targets]])
        known = dict(targets)
        for position in range(path.floor, depth):
            value = known.get(position)
            path.stack.append(name(variable(position)) if value is None else constant(value))
        path.depth_limit = depth
        return path

    def key(self, path: Path, pc: int) -> Key:
        """The piece at `pc`, entered from the end of `path`."""
        targets = [
            (position, symbol.value)
            for position, symbol in enumerate(path.stack, path.floor)
            if symbol.is_constant and symbol.value in self._program.jump_targets
        ]
        return (pc, path.depth, tuple(targets[-MAX_KNOWN_TARGETS:]))


class Writer:
    """Writes the function of explored pieces."""

    def __init__(self, program: Program, explorer: Explorer) -> None:
        self._program = program
        self._explorer = explorer
        self._pieces = explorer.pieces
        self._cases: dict[Key, _Case] = {}
        self._waiting: list[Key] = []
        self._inside: set[Key] = set()
        self._temporaries = [0]
        self._floor = 0
        self._height = 0
        self._case = _Case(-1)
        self._roots: dict[tuple[int, int], list[Key]] = {}
        for key, piece in self._pieces.items():
            if piece.predecessors != 1 or key == explorer.entry:
                self._roots.setdefault(key[:2], []).append(key)

    def source(self) -> str:
        """Source of a function `region`."""
        self._case_of(self._explorer.entry)
        for key in self._waiting:
            self._write_case(key)
        return "\n".join([*self._head(), *self._body(), ""])

    # -- pieces -----------------------------------------------------------------------------------

    def _case_of(self, key: Key) -> _Case:
        case = self._cases.get(key)
        if case is None:
            case = self._cases[key] = _Case(len(self._cases))
            self._waiting.append(key)
        return case

    def _write_case(self, key: Key) -> None:
        self._case = self._cases[key]
        path = self._explorer.path(key, self._case.lines, self._temporaries)
        path.known_memory = self._pieces[key].known_memory
        self._write(path, key)

    def _write(self, path: Path, start: Key) -> None:
        key: Key | None = start
        while key is not None:
            ending, _ = follow(self._program, path, key[0])
            key = self._write_ending(path, ending)
        self._floor = min(self._floor, path.floor)
        self._height = max(self._height, path.depth_limit)

    def _write_ending(self, path: Path, ending: Ending) -> Key | None:
        """Write how a piece goes on; the piece to be written next in the same place, if any."""
        target, condition = ending.target, ending.condition
        if target is None:
            return None if ending.following is None else self._go(path, ending.following)
        if condition is None or (condition.is_constant and condition.value):
            return self._jump(path, target)
        if not condition.is_constant:
            path.emit(f"if {as_condition(condition)}:")
            taken = path.fork(path.level + 1)
            inside = self._jump(taken, target)
            if inside is not None:
                self._write(taken, inside)
        return None if ending.following is None else self._go(path, ending.following)

    def _jump(self, path: Path, target: Symbol) -> Key | None:
        if target.is_constant:
            if target.value in self._program.jump_targets:
                return self._go(path, target.value)
            path.emit(BAD_JUMP)
            return None
        target = path.named(target)
        path.emit(f"if {target.source} not in targets: {BAD_JUMP}")
        path.flush()
        path.emit(f"return {target.source}, gas")
        return None

    def _go(self, path: Path, pc: int) -> Key | None:
        """Write the way to the piece at `pc`, or return it where it goes right here."""
        key = self._explorer.key(path, pc)
        piece = self._pieces.get(key)
        is_root = key in self._roots.get(key[:2], ())
        if piece is not None and not is_root:
            if key not in self._inside and path.level < MAX_NESTING:
                self._inside.add(key)
                return key
        elif piece is None:
            similar = self._similar(key)
            is_root, key = similar is not None, similar or key
        if not is_root:
            path.flush()
            path.emit(f"return {pc}, gas")
            return None
        self._enter(path, key)
        return None

    def _similar(self, key: Key) -> Key | None:
        """A case for the same place that knows less of the stack."""
        known = set(key[2])
        for other in self._roots.get(key[:2], ()):
            if known.issuperset(other[2]):
                return other
        return None

    def _enter(self, path: Path, key: Key) -> None:
        """Put every word where the case wants it and go there."""
        case = self._case_of(key)
        known = dict(key[2])
        names, values = [], []
        for position, symbol in enumerate(path.stack, path.floor):
            if symbol.source != variable(position) and position not in known:
                names.append(variable(position))
                values.append(symbol.word())
        if names:
            path.emit(f"{', '.join(names)} = {', '.join(values)}")
        if case is self._case:
            case.loops = True
            path.emit("continue")
        else:
            path.emit(f"case = {case.label}")
            path.emit(LEAVE)

    # -- the function -----------------------------------------------------------------------------

    def _body(self) -> list[str]:
        cases = sorted(self._cases.values(), key=lambda case: case.label)
        lines = self._dispatch(cases) if len(cases) == 1 else self._loop(cases)
        return [self._positions(line) for line in lines]

    def _loop(self, cases: list[_Case]) -> list[str]:
        return [" case = 0", " while True:", *[" " + line for line in self._dispatch(cases)]]

    def _dispatch(self, cases: list[_Case]) -> list[str]:
        if len(cases) > 1:
            half = len(cases) // 2
            lower, upper = self._dispatch(cases[:half]), self._dispatch(cases[half:])
            lines = [f" if case < {cases[half].label}:", *[" " + line for line in lower]]
            return [*lines, " else:", *[" " + line for line in upper]]
        case = cases[0]
        leave = "break" if case.loops else "continue"
        lines = [line.replace(LEAVE, leave) for line in case.lines]
        return [" while True:", *[" " + line for line in lines]] if case.loops else lines

    def _positions(self, line: str) -> str:
        """Fill in the words between the region's lowest position and the path's."""
        if POSITIONS not in line:
            return line
        before, floor, after = line.split(POSITIONS)
        below = "".join([f"{variable(position)}, " for position in range(self._floor, int(floor))])
        filled = f"{before}{below}{after}"
        return filled.replace("stack += ()", "pass")

    def _head(self) -> list[str]:
        need, entry = -self._floor, self._explorer.entry[0]
        text = "\n".join(["\n".join(case.lines) for case in self._cases.values()])
        lines = [
            "def region(frame, stack, gas, M=M):",
            " depth = len(stack)",
            f" if depth < {need} or depth > {1024 - self._height}: return {~entry}, gas",
        ]
        if need == 1:
            lines.append(" u1 = stack.pop()")
        elif need:
            names = ", ".join([variable(position) for position in range(self._floor, 0)])
            lines += [f" {names} = stack[-{need}:]", f" del stack[-{need}:]"]
        reads = {
            "memory": " memory = frame.memory",
            "hot.": " hot = (frame.opened or frame.storage).hot",
            "message.": " message = frame.msg",
            "data[": " data = frame.msg.data",
            "len(data)": " data = frame.msg.data",
        }
        return lines + list(dict.fromkeys([line for use, line in reads.items() if use in text]))


def compile_region(source: str, program: Program) -> Region:
    """Turn source that `Writer` wrote into a function."""
    names: dict[str, Any] = {**NAMESPACE, "targets": program.jump_targets}
    exec(compile(source, "<evm>", "exec", dont_inherit=True), names)  # noqa: S102
    region: Region = names["region"]
    return region
