"""The honest answers from a node's own chain: its safe blocks, derived from L1."""

from __future__ import annotations

from typing import Protocol

from chain.block import Header
from chain.heads import Heads
from chain.types import Hash32

from ..wire.output_root import output_of_header
from .inputs import INPUTS_DEPTH, block_inputs, inputs_root
from .split import ExecutionBounds
from .trace import Steps, TraceUnknown


class Chain(Protocol):
    """What is read of the L2."""

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head."""
        ...

    def header_by_number(self, number: int) -> Header | None:
        """The canonical header of that number."""
        ...


class ChainOutputs:
    """Output roots of safe blocks."""

    def __init__(self, chain: Chain) -> None:
        """Keep the chain."""
        self._chain = chain

    def output_root(self, l2_number: int) -> Hash32:
        """See Outputs. A block that L1 has not given yet is not known."""
        return output_of_header(self._safe_header(l2_number)).root

    def inputs_root(self, first: int, last: int) -> Hash32:
        """The root over what the blocks `first` to `last` are made from, or the last 65,536 of
        them. Raises TraceUnknown.
        """
        first = max(first, last + 1 - (1 << INPUTS_DEPTH))
        return inputs_root(
            {number: block_inputs(self._safe_header(number)) for number in range(first, last + 1)}
        )

    def steps(self, bounds: ExecutionBounds) -> Steps:
        """See Outputs: this node cannot cut a block into steps yet."""
        raise TraceUnknown(f"the steps of block {bounds.l2_number} cannot be made by this node")

    def _safe_header(self, number: int) -> Header:
        safe = self._chain.heads.safe.number
        header = self._chain.header_by_number(number) if number <= safe else None
        if header is None:
            raise TraceUnknown(f"L2 block {number} is not derived yet; the safe head is {safe}")
        return header
