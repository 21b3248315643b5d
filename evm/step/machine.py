"""A state that is being worked on: its parts are opened when they are first needed.

`Machine` is what instructions and phases see. Between two steps it is a `State`; while a trace is
made it stays open, and nothing is hashed. Which phase does what is not known here.
"""

from __future__ import annotations

from dataclasses import replace

from .. import gas_prices as price
from .errors import ExceptionalHalt, Missing
from .names import NOTHING, Link, Name
from .opener import Opener
from .rules import StepRules
from .state import (
    Block,
    Call,
    Context,
    Copy,
    Effects,
    Ending,
    Frame,
    Load,
    Outcome,
    Phase,
    Source,
    State,
    Then,
    Transaction,
)
from .structures.stack import Item
from .structures.words import ZEROS, data_depth, grown, words_in

MAX_STACK = 1024
U32_MAX = 2**32 - 1


class Machine:
    """One state while a step works on it. The frame's fields are the machine's own once opened."""

    __slots__ = (
        "_block", "_call", "_context", "_effects", "_effects_name", "_frame", "_transaction",
        "call_name", "chunk", "code", "code_length", "context_name", "gas", "has_frame", "memory",
        "memory_words", "opener", "pc", "pending", "phase", "return_data", "return_data_length",
        "rules", "stack", "stack_size",
    )  # fmt: skip

    def __init__(self, state: State, opener: Opener, rules: StepRules) -> None:
        self.opener = opener
        self.rules = rules
        self.chunk = b""  # the 32 bytes of code that the opcode lies in
        self.phase: int = state.phase
        self.pending: Name = state.pending
        self._effects_name: Name = state.effects
        self._effects: Effects | None = None
        self.set_context(state.context)
        self.set_frame(state.frame)

    def set_frame(self, frame: Name) -> None:
        """Another frame is the innermost one, or none where it is nothing. It is not opened."""
        self._frame = frame
        self.has_frame = False
        self._call: Call | None = None

    def set_context(self, context: Name) -> None:
        """Another block or transaction surrounds the frames."""
        self.context_name = context
        self._context: Context | None = None
        self._block: Block | None = None
        self._transaction: Transaction | None = None

    def set_transaction(self, transaction: Transaction) -> None:
        """Another transaction, or the same with other work, in the same block."""
        self.set_context(Context(self._surroundings().block, transaction))

    def set_block(self, block: Block) -> None:
        """The same block of which more is known."""
        self.set_context(Context(block, self._surroundings().transaction))

    def state(self) -> State:
        """The state as it is now."""
        return State(self.phase, self.pending, self.context_name, self.effects_name, self.frame())

    # -- parts ------------------------------------------------------------------------------------

    def open_frame(self) -> None:
        """Open the innermost frame, if that has not been done."""
        if self.has_frame:
            return
        frame = self.opener.open(self._frame, Frame)
        self.pc: int = frame.pc
        self.gas: int = frame.gas
        self.stack_size: int = frame.stack_size
        self.stack: Name = frame.stack
        self.memory_words: int = frame.memory_words
        self.memory: Name = frame.memory
        self.code: Name = frame.code
        self.code_length: int = frame.code_length
        self.return_data: Name = frame.return_data
        self.return_data_length: int = frame.return_data_length
        self.call_name: Name = frame.call
        self.has_frame = True

    def begin_frame(self, call: Call, gas: int, code: Name, code_length: int) -> None:
        """A new frame is the innermost one."""
        self.set_frame(Frame(0, gas, 0, NOTHING, 0, NOTHING, code, code_length, NOTHING, 0, call))

    def frame(self) -> Name:
        """The innermost frame as it is now."""
        if not self.has_frame:
            return self._frame
        return Frame(
            self.pc,
            self.gas,
            self.stack_size,
            self.stack,
            self.memory_words,
            self.memory,
            self.code,
            self.code_length,
            self.return_data,
            self.return_data_length,
            self.call_name,
        )

    @property
    def call(self) -> Call:
        """What the innermost frame was told."""
        call = self._call
        if call is None:
            call = self._call = self.opener.open(self.call_name, Call)
        return call

    @property
    def effects(self) -> Effects:
        """What a failure undoes."""
        effects = self._effects
        if effects is None:
            effects = self._effects = self.opener.open(self._effects_name, Effects)
        return effects

    @effects.setter
    def effects(self, effects: Effects) -> None:
        self._effects = effects

    @property
    def effects_name(self) -> Name:
        """The same by name: unopened where they are."""
        return self._effects_name if self._effects is None else self._effects

    def put_back(self, effects: Name) -> None:
        """Other effects hold, by name."""
        self._effects_name = effects
        self._effects = None

    @property
    def block(self) -> Block:
        """The block."""
        block = self._block
        if block is None:
            block = self._block = self.opener.open(self._surroundings().block, Block)
        return block

    @property
    def transaction(self) -> Transaction:
        """The transaction."""
        transaction = self._transaction
        if transaction is None:
            name = self._surroundings().transaction
            transaction = self._transaction = self.opener.open(name, Transaction)
        return transaction

    def _surroundings(self) -> Context:
        if self._context is None:
            self._context = self.opener.open(self.context_name, Context)
        return self._context

    # -- stack and gas ----------------------------------------------------------------------------

    def pop(self) -> int:
        """Take the topmost word. That there is one has been made sure of before."""
        item = self.opener.open(self.stack, Item)
        self.stack = item.rest
        self.stack_size -= 1
        return item.word

    def push(self, word: int) -> None:
        """Put a word on top. That there is room has been made sure of before."""
        self.stack = Item(self.stack, word)
        self.stack_size += 1

    def charge(self, amount: int) -> None:
        """Take gas. Raises ExceptionalHalt."""
        if amount > self.gas:
            raise ExceptionalHalt("out of gas")
        self.gas -= amount

    # -- memory -----------------------------------------------------------------------------------

    def touch(self, offset: int, size: int) -> None:
        """Extend memory for `size` bytes at `offset`, and pay; an empty range extends nothing."""
        if not size:
            return
        words = words_in(offset + size)
        before = self.memory_words
        if words > before:
            self.charge(price.memory(words) - price.memory(before))
            self.memory = grown(self.memory, before, words)
            self.memory_words = words

    @property
    def memory_length(self) -> int:
        """Length of memory in bytes."""
        return self.memory_words << 5

    # -- how a step goes on -----------------------------------------------------------------------

    def copy_to_memory(
        self, kind: Source, source: Name, length: int, offset: int, target: int, size: int
    ) -> None:
        """Copy `size` bytes into memory, which is large enough; the frame then runs on."""
        self.phase = Phase.RUN
        if not size:
            return
        self.phase = Phase.COPY
        self.pending = Copy(
            Then.MEMORY, kind, source, length, min(offset, length),
            self.memory, self.memory_length, target, size, NOTHING,
        )  # fmt: skip

    def copy_from_memory(self, then: Then, offset: int, size: int, following: Name) -> None:
        """Copy `size` bytes, not none, of memory into a data of their own."""
        self.phase = Phase.COPY
        self.pending = Copy(
            then, Source.WORDS, self.memory, self.memory_length, offset,
            ZEROS[data_depth(size)], size, 0, size, following,
        )  # fmt: skip

    def end(self, ending: Ending, offset: int = 0, size: int = 0) -> None:
        """End the innermost frame, with a piece of its memory as output."""
        outcome = Outcome(ending, self.gas, NOTHING, size, self.call_name)
        if size:
            self.copy_from_memory(Then.OUTPUT, offset, size, outcome)
        else:
            self.phase = Phase.LEAVE
            self.pending = outcome
        self.set_frame(NOTHING)

    def fail(self, effects: Name) -> None:
        """End the innermost frame exceptionally, with the effects from before the step."""
        self.put_back(effects)
        self.gas = 0
        self.end(Ending.FAILED)

    def load(self, missing: Missing) -> None:
        """Go and get what is missing; the same is tried again behind it."""
        self.pending = Load(missing.kind, missing.address, missing.key, self.phase, self.pending)
        self.phase = Phase.LOAD

    # -- effects ----------------------------------------------------------------------------------

    def set_world(self, root: Name) -> None:
        """Another world map."""
        old = self.effects
        self._effects = Effects(
            root, old.journal, old.destroyed, old.logs, old.refund, old.transaction
        )

    def add_refund(self, amount: int) -> None:
        """Add gas to the refund counter, or take it off."""
        self._effects = replace(self.effects, refund=self.effects.refund + amount)

    def add_log(self, log: Name) -> None:
        """Append a log."""
        self._effects = replace(self.effects, logs=Link(self.effects.logs, log))
