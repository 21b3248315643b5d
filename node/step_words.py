"""Steps of this node's own blocks in words: of a block by their place, and of disputed games.

A trace takes as long as the block's steps take in Python, so one is made at a time, beside the
event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from chain.errors import StemmaError
from evm.step_words import describe
from rollup.dispute.block_parts import NoSuchStep, parts_of
from rollup.dispute.evidence import StepEvidence, evidence_of
from rollup.dispute.explain_step import step_lines
from rollup.dispute.game import Game
from rollup.dispute.outputs import Chain, ChainOutputs

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class TracedStep:
    """A step of a block: its name and lines, and what binds them."""

    name: str
    lines: list[str]
    index: int
    steps_of_part: int
    steps_of_block: int
    before: bytes
    after: bytes
    witness_bytes: int


class BlockTooLong(StemmaError):
    """The block used more gas than a node traces for whoever asks."""


class StepTeller:
    """Makes traces of safe blocks and tells of their steps."""

    def __init__(self, chain: Chain, most_gas: int) -> None:
        """Keep the chain; nothing is run before somebody asks.

        A block that nobody disputes is traced if it used `most_gas` at most.
        """
        self._chain = chain
        self._most_gas = most_gas
        self._outputs = ChainOutputs(chain)
        self._one_at_a_time = asyncio.Lock()

    async def of_block(self, number: int, part: int | str, step: int) -> TracedStep:
        """A step of a transaction, or of `begin` or `end`.

        Raises NoSuchStep, BlockTooLong, TraceUnknown.
        """
        return await self._alone(lambda: self._of_block(number, part, step))

    async def of_game(self, game: Game) -> list[str]:
        """The step that decides a game; none as long as it has not come down to one.

        Raises TraceUnknown.
        """
        return await self._alone(lambda: step_lines(game, self._outputs))

    async def evidence(self, game: Game) -> list[StepEvidence]:
        """The steps that counter claims at the greatest depth. Raises TraceUnknown."""
        return await self._alone(lambda: evidence_of(game, self._outputs))

    async def _alone(self, work: Callable[[], _T]) -> _T:
        async with self._one_at_a_time:
            return await asyncio.to_thread(work)

    def _of_block(self, number: int, part: int | str, step: int) -> TracedStep:
        if number < 1:
            raise NoSuchStep("L2 block 0 is where all begins: no steps lead to it")
        header = self._chain.header_by_number(number)
        if header is not None and header.gas_used > self._most_gas:
            raise BlockTooLong(
                f"L2 block {number} used {header.gas_used} gas; one of {self._most_gas} at most "
                "is traced for you (limits.call_gas)"
            )
        steps = self._outputs.steps(self._outputs.bounds_of(number))
        parts = parts_of(steps)
        index = parts.step(part, step)
        before, begun = steps.trace.state(index), steps.begun
        words = describe(before, begun.opener, begun.rules)
        return TracedStep(
            name=words.name,
            lines=words.lines,
            index=index,
            steps_of_part=len(parts.part(part)),
            steps_of_block=steps.trace.steps,
            before=before.commitment,
            after=words.after.commitment,
            witness_bytes=words.witness_bytes,
        )
