"""The honest answers from a node's own chain: its safe blocks, derived from L1."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from chain.block import Block, Header
from chain.heads import Heads
from chain.transaction import Transaction
from chain.types import ZERO_HASH, Hash32
from evm.forks import rules_at
from evm.step.block_records import Attributes, Claim
from evm.step.errors import MissingPreimage
from evm.step.names import NOTHING, Name, Raw, name_of
from evm.step.opener import LiveOpener
from evm.step.state import Phase, State
from evm.step_blocks import inputs_tree
from evm.step_rules import step_rules_of
from genesis.config import ChainConfig

from ..wire.output_root import output_of_header
from .block_steps import Begun, BlockSteps
from .inputs import MOST_BLOCKS, first_in_reach, inputs_of
from .refused_batches import MetaStore, refused_of
from .split import ExecutionBounds
from .trace import TraceUnknown

Refused = tuple[bytes, ...]

_TRACES: Final = 2
"""So many are kept: a trace of a block with 20 million gas takes hundreds of megabytes."""


class Store(MetaStore, Protocol):
    """Trie nodes and codes by their hashes, and small values by name."""

    def node(self, node_hash: bytes, /) -> bytes | None:
        """A trie node."""
        ...

    def code(self, code_hash: bytes, /) -> bytes | None:
        """A contract's code."""
        ...


class Chain(Protocol):
    """What is read of the L2."""

    @property
    def config(self) -> ChainConfig:
        """Its configuration."""
        ...

    @property
    def store(self) -> Store:
        """What its states consist of, and what derivation keeps."""
        ...

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head."""
        ...

    def header(self, block_hash: Hash32, /) -> Header | None:
        """The header of that hash."""
        ...

    def header_by_number(self, number: int) -> Header | None:
        """The canonical header of that number."""
        ...

    def block_by_number(self, number: int) -> Block | None:
        """The canonical block of that number."""
        ...


class ChainOutputs:
    """Output roots of safe blocks, and the steps from one to the next."""

    def __init__(self, chain: Chain) -> None:
        """Keep the chain."""
        self._chain = chain
        self._leaves: OrderedDict[Hash32, bytes] = OrderedDict()
        self._traces: OrderedDict[tuple[ExecutionBounds, Refused], BlockSteps] = OrderedDict()

    def output_root(self, l2_number: int) -> Hash32:
        """See Outputs. A block that L1 has not given yet is not known."""
        return output_of_header(self._safe_header(l2_number)).root

    def inputs_root(self, first: int, last: int) -> Hash32:
        """The root over what the blocks `first` to `last` are made from, or the last 65,536 of
        them. Raises TraceUnknown, NotProvable.
        """
        return Hash32(name_of(self._inputs(first - 1, last, None)))

    def steps(self, bounds: ExecutionBounds) -> BlockSteps:
        """See Outputs. Inputs that L1 has not computed yet are those that the node derived."""
        # What L1 computes comes in the middle of a game, and the trace stays the same.
        named = replace(bounds, inputs_root=None) if bounds.by_l1 else bounds
        key = named, self._refused(bounds)
        found = self._traces.pop(key, None)
        if found is None:
            found = self._run(*key)
        self._traces[key] = found
        while len(self._traces) > _TRACES:
            self._traces.popitem(last=False)
        if bounds.inputs_root is not None and found.begun.first.encode() != bounds.first_state:
            raise TraceUnknown(
                f"L1 has computed other inputs of L2 block {bounds.l2_number} "
                f"(0x{bounds.inputs_root.hex()}) than this node has derived"
            )
        return found

    def transactions(self, l2_number: int) -> Sequence[Transaction]:
        """Those of a safe block. Raises TraceUnknown."""
        return self._block(l2_number).transactions

    def steps_from(
        self, bounds: ExecutionBounds, transactions: Sequence[Transaction]
    ) -> BlockSteps:
        """The steps to which a block would lead that is made of other transactions. Raises
        TraceUnknown.
        """
        number = bounds.l2_number
        block = replace(self._block(number), transactions=tuple(transactions))
        inputs = inputs_of(self._chain.config, self._safe_header(number - 1), block)
        return self._begin(bounds, inputs_tree(number, [inputs])).run()

    def bounds_of(self, l2_number: int) -> ExecutionBounds:
        """The block from the output root before it to its own, in no game. Raises TraceUnknown."""
        disputed = self.output_root(l2_number)
        return ExecutionBounds(
            agreed=self.output_root(l2_number - 1),
            disputed=disputed,
            l2_number=l2_number,
            l1_head=ZERO_HASH,
            inputs_root=self.inputs_root(l2_number, l2_number),
            starting_number=l2_number - 1,
            claimed_number=l2_number,
        )

    def _refused(self, bounds: ExecutionBounds) -> Refused:
        if not bounds.by_l1:
            return ()
        return refused_of(self._chain.store, self._safe_header(bounds.l2_number).hash)

    def _run(self, bounds: ExecutionBounds, refused: Refused) -> BlockSteps:
        begun = self._begin(bounds, self._true_inputs(bounds, refused))
        try:
            return begun.run()
        except MissingPreimage as error:
            raise TraceUnknown(f"the steps of L2 block {bounds.l2_number}: {error}") from error

    def _true_inputs(self, bounds: ExecutionBounds, refused: Refused) -> Name:
        if not bounds.by_l1:
            return self._named_inputs(bounds)
        number = bounds.l2_number
        if bounds.agreed == output_of_header(self._safe_header(number)).root:
            return NOTHING  # the block itself is agreed on
        block, parent = self._block(number), self._safe_header(number - 1)
        return inputs_tree(number, [inputs_of(self._chain.config, parent, block, refused)])

    def _begin(self, bounds: ExecutionBounds, inputs: Name) -> Begun:
        number = bounds.l2_number
        # Where the claimed block itself is agreed on already, the trace has one step.
        outputs = [output_of_header(self._safe_header(each)) for each in (number - 1, number)]
        agreed = next((each for each in outputs if each.root == bounds.agreed), None)
        if agreed is None:
            raise TraceUnknown(
                f"the trace of L2 block {number} begins at 0x{bounds.agreed.hex()}, a false output "
                f"root: the true one of block {number - 1} is 0x{outputs[0].root.hex()}"
            )
        claim = Claim(Raw(agreed.encode()), bounds.disputed, number, bounds.l1_head, inputs)
        first = State(Phase.BLOCK_BEGIN, claim, NOTHING, NOTHING, NOTHING)
        rules = step_rules_of(rules_at(self._chain.config, self._safe_header(number).timestamp))
        return Begun(first, LiveOpener(self._find), rules)

    def _named_inputs(self, bounds: ExecutionBounds) -> Name:
        """Those that the game's maker has named, where they are the right ones."""
        inputs = self._inputs(bounds.starting_number, bounds.claimed_number, bounds.l2_number)
        named = bounds.inputs_root or ZERO_HASH
        if name_of(inputs) != named:
            raise TraceUnknown(
                f"the game names the inputs 0x{named.hex()}, L1 gives "
                f"0x{name_of(inputs).hex()}: no step shows that, the guardian has to act"
            )
        return inputs

    def _find(self, name: bytes) -> bytes | None:
        store = self._chain.store
        found = store.node(name) or store.code(name)
        if found is not None:
            return found
        header = self._chain.header(Hash32(name))
        return None if header is None else header.encode()

    def _inputs(self, starting: int, last: int, opened: int | None) -> Name:
        """The tree, in which the leaf of the block `opened` can be opened."""
        first = first_in_reach(starting, last)
        leaves: list[Name] = []
        for number in range(first, last + 1):
            header = self._safe_header(number)
            leaf: Name | None = self._leaves.get(header.hash)
            if leaf is None or number == opened:
                inputs = self._leaf(number, header)
                leaf = inputs if number == opened else inputs.name
            leaves.append(leaf)
        return inputs_tree(first, leaves)

    def _leaf(self, number: int, header: Header) -> Attributes:
        block, parent = self._block(number), self._safe_header(number - 1)
        inputs = inputs_of(self._chain.config, parent, block)
        self._leaves[header.hash] = inputs.name
        while len(self._leaves) > MOST_BLOCKS:
            self._leaves.popitem(last=False)
        return inputs

    def _block(self, number: int) -> Block:
        block = self._chain.block_by_number(number)
        if block is None:
            raise TraceUnknown(f"L2 block {number} is no longer kept by this node")
        return block

    def _safe_header(self, number: int) -> Header:
        safe = self._chain.heads.safe.number
        header = self._chain.header_by_number(number) if number <= safe else None
        if header is None:
            raise TraceUnknown(f"L2 block {number} is not derived yet; the safe head is {safe}")
        return header
