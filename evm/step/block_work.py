"""What the phases of blocks and transactions share: how far they are, wei, and how they refuse.

A step that lacks something of the world becomes a load; one that finds the block out of order ends
the dispute, or begins the block again with its deposits alone (Holocene).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps

from .accounts import add_balance, touch_empty
from .block_records import BlockRest, ChainRules, Job, Progress, Rule
from .errors import Missing
from .machine import Machine
from .names import NOTHING, Name, is_nothing
from .refusal import NotInOrder
from .state import Phase
from .structures.words import WINDOW_BYTES, data_depth, read_range

Step = Callable[[Machine], None]


def phase_of_block(step: Step) -> Step:
    """A step of a block's phase: it loads what it lacks, and refuses what is out of order."""

    @wraps(step)
    def run(m: Machine) -> None:
        phase, pending = m.phase, m.pending
        effects, context = m.effects_name, m.context_name
        try:
            step(m)
        except Missing as missing:
            m.phase, m.pending = phase, pending
            m.put_back(effects)
            m.set_context(context)
            m.load(missing)
        except NotInOrder:
            m.put_back(effects)
            m.set_context(context)
            _refuse(m)

    return run


def _refuse(m: Machine) -> None:
    """No such block can be; with its deposits alone it can, from Holocene on."""
    if not is_nothing(m.context_name):
        rest = rest_of(m)
        if not rest.deposits_only and rules_of(m, rest).has & Rule.FEE_PARAMETERS:
            m.phase, m.pending = Phase.BLOCK_BEGIN, NOTHING
            return
    finish(m, Phase.INVALID, NOTHING)


def finish(m: Machine, phase: Phase, output_root: Name) -> None:
    """The last state: the output root alone is left."""
    m.phase, m.pending = phase, output_root
    m.put_back(NOTHING)
    m.set_context(NOTHING)
    m.set_frame(NOTHING)


# -- opening what the block remembers -------------------------------------------------------------


def rest_of(m: Machine) -> BlockRest:
    """What the block's phases know."""
    return m.opener.open(m.block.rest, BlockRest)


def rules_of(m: Machine, rest: BlockRest) -> ChainRules:
    """The block's rules."""
    return m.opener.open(rest.rules, ChainRules)


def progress_of(m: Machine) -> Progress:
    """How far the block has come."""
    return m.opener.open(m.transaction.rest, Progress)


def set_progress(m: Machine, progress: Progress, **fields: object) -> None:
    """Another progress, with these fields of the transaction."""
    m.set_transaction(replace(m.transaction, rest=progress, **fields))  # type: ignore[arg-type]


# -- money ----------------------------------------------------------------------------------------


def credit(m: Machine, address: bytes, wei: int) -> None:
    """Give wei; nothing at all touches the account (EIP-161). Raises Missing."""
    if wei:
        add_balance(m, address, wei)
    else:
        touch_empty(m, address)


# -- bytes of a transaction -----------------------------------------------------------------------


def read_data(m: Machine, root: Name, length: int, start: int, end: int) -> bytes:
    """Bytes of a data; of each 1,024 from `start` on the one or two windows are opened."""
    pieces = []
    end = min(end, length)
    while start < end:
        size = min(end - start, WINDOW_BYTES)
        pieces.append(read_range(m.opener, root, data_depth(length), start, size))
        start += size
    return b"".join(pieces)


def read_job(m: Machine, job: Job, start: int, size: int) -> bytes:
    """Bytes of the transaction at hand, fewer at its end."""
    return read_data(m, job.data, job.length, start, start + size)
