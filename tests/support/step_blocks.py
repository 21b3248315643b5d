"""Blocks executed at once and stepped through, with everything that both have to agree on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from chain.account import decode_account
from chain.block import Header
from chain.crypto.keccak import keccak256
from chain.state import State as ChainState
from chain.trie import EMPTY_ROOT, MissingNode, Trie
from chain.types import ZERO_HASH, Hash32
from evm.executor import ExecutionResult, PayloadAttributes, execute_block
from evm.forks import rules_at
from evm.step.block_records import Sealing, SealStage
from evm.step.machine import Machine
from evm.step.opener import LiveOpener
from evm.step.state import Phase, State
from evm.step.stepping import advance, record, step
from evm.step_blocks import block_inputs, first_state, inputs_tree
from evm.step_rules import step_rules_of
from genesis.addresses import L2_TO_L1_MESSAGE_PASSER
from genesis.config import ChainConfig


class Nodes:
    """A trie's reader over what a StateReader has and a block has made."""

    def __init__(self, *sources) -> None:
        self.sources = sources

    def get(self, name):
        for source in self.sources:
            found = source(name)
            if found is not None:
                return found
        return None


def passer_root(nodes: Nodes, state_root: bytes) -> Hash32:
    """Its storage root; zero where the block's preimages do not show it."""
    try:
        account = Trie(nodes, state_root).get(keccak256(L2_TO_L1_MESSAGE_PASSER))
    except MissingNode:
        return ZERO_HASH
    return decode_account(account).storage_root if account else EMPTY_ROOT


@dataclass
class SteppedBlock:
    """One block's first state, what its steps open, and what execution has made of it."""

    first: State
    opener: LiveOpener
    rules: object
    result: ExecutionResult | None
    output_root: Hash32
    shows_passer: bool


def prepare(
    config: ChainConfig,
    parent: Header,
    attributes: PayloadAttributes,
    reader,
    block_hash=lambda number: None,
    headers=(),
) -> SteppedBlock:
    """Execute a block, and make the state in which a dispute about its output begins."""
    state = ChainState.at(reader, parent.state_root)
    result = execute_block(config, parent, attributes, state, block_hash=block_hash)
    changes = result.state_changes
    known = {header.hash: header.encode() for header in (parent, *headers)}

    def find(name):
        return known.get(name) or reader.node(name) or reader.code(name)

    nodes = Nodes(reader.node, changes.nodes.get)
    header = result.header
    output = bytes(32) + header.state_root + passer_root(nodes, header.state_root) + header.hash
    inputs = inputs_tree(parent.number + 1, [block_inputs(config, parent, attributes)])
    first = first_state(
        parent, passer_root(nodes, parent.state_root), keccak256(output), inputs, ZERO_HASH
    )
    rules = step_rules_of(rules_at(config, attributes.timestamp))
    shows_passer = output[64:96] != ZERO_HASH
    return SteppedBlock(first, LiveOpener(find), rules, result, keccak256(output), shows_passer)


def run(block: SteppedBlock) -> tuple[State, Counter, bytes]:
    """Step to the end; the last state, how many steps each phase took, and the header's hash.

    A block whose preimages do not show the message passer ends where its output root is made.
    """
    machine, counts = Machine(block.first, block.opener, block.rules), Counter()
    header_hash = b""
    while machine.phase not in (Phase.VALID, Phase.INVALID):
        counts[Phase(machine.phase).name] += 1
        work = machine.pending
        if machine.phase == Phase.BLOCK_END and isinstance(work, Sealing):
            header_hash = work.header_hash
            if work.stage == SealStage.OUTPUT and not block.shows_passer:
                break
        advance(machine)
    return machine.state(), counts, header_hash


def verify(block: SteppedBlock, chosen=lambda index, state: True) -> int:
    """Step through; the steps that are chosen are taken from their witness alone, too."""
    machine, index, proven = Machine(block.first, block.opener, block.rules), 0, 0
    while machine.phase not in (Phase.VALID, Phase.INVALID):
        state = machine.state()
        is_last = state.phase == Phase.BLOCK_END and not block.shows_passer
        if is_last and getattr(state.pending, "stage", None) == SealStage.OUTPUT:
            break
        if chosen(index, state):
            after, witness = record(state, block.opener, block.rules)
            assert step(state.commitment, witness, block.rules) == after.commitment
            machine = Machine(after, block.opener, block.rules)
            proven += 1
        else:
            advance(machine)
        index += 1
    return proven


def inputs_with(config: ChainConfig, parent: Header, attributes: PayloadAttributes):
    """The inputs tree of one block, whether it can be executed or not."""
    return inputs_tree(parent.number + 1, [block_inputs(config, parent, attributes)])
