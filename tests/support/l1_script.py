"""What the scenarios of the L1 script are made from: a world that notes rules, batches by hand.

A scenario names the rules that it shows; when it is over, derivation has to have applied them:

    @shows(Rule.FRAME_NOT_NEXT)
    def test_frame_is_missing(world_of): ...

Rules that derivation does not note (the sequencer's, the driver's) are named by page and section.
"""

from __future__ import annotations

from actors import BATCHER, DEPLOYER, L2Node, World
from engine_api import EngineApiNode

from chain import abi
from rollup.batcher.payload import batch_of
from rollup.derivation.journal import Explanation
from rollup.derivation.l2_block import l2_block_ref
from rollup.derivation.rules import Rule
from rollup.driver.driver import Driver, StepKind
from rollup.wire.channel import ChannelOut, split_channel
from rollup.wire.frame import encode_frames
from rollup.wire.span_batch import SpanContext, span_batch

__all__ = ["Rule", "ScriptWorld", "StepKind", "shows"]


def shows(*rules):
    """Name what a scenario shows: rules of derivation, or a page and section of the specs."""

    def mark(test):
        test.shown_rules = rules
        return test

    return mark


def source_of(rule):
    """Page and section of the specs."""
    return rule.source if isinstance(rule, Rule) else rule


class ScriptWorld(World):
    """A world whose verifier notes every rule, with a second verifier behind the Engine API.

    Both read the same L1 and have to come to the same chain by the same steps.
    """

    def __post_init__(self):
        super().__post_init__()
        self.split_verifier = EngineApiNode(self.config, self.spec, self.miner)

    def new_verifier(self):
        node = L2Node(self.config, self.spec, self.miner)
        self.explanation = Explanation()
        node.driver = Driver(
            self.config, node.l1.provider, node.engine, node.store, journal=self.explanation
        )
        return node

    @property
    def rules(self):
        """The rules that derivation has applied so far."""
        return {note.rule for note in self.explanation.notes}

    # -- deriving

    def derive(self, **options):
        """Derive on both verifiers. Returns the safe block."""
        block = self.verifier.derive(**options)
        other = self.split_verifier.derive(**options)
        assert other.hash == block.hash
        assert self.split_verifier.steps == self.verifier.steps
        assert self.split_verifier.client.engine.heads == self.verifier.engine.heads
        return block

    def derives_the_sequencers_chain(self):
        """Derive; the safe head is the sequencer's unsafe head."""
        block, expected = self.derive(), self.sequencer.unsafe
        assert (block.number, block.hash) == (expected.number, expected.hash)
        return True

    # -- what goes to L1

    def batches(self, first=1, last=None):
        """The singular batches of the sequencer's blocks."""
        last = self.sequencer.unsafe.number if last is None else last
        blocks = [self.sequencer.engine.block_by_number(n) for n in range(first, last + 1)]
        return [batch_of(block, l2_block_ref(self.config, block)) for block in blocks]

    def span(self, first=1, last=None, *, edit=None):
        """One span batch of the sequencer's blocks; `edit` changes the singular ones before."""
        batches = self.batches(first, last)
        if edit is not None:
            batches = edit(batches)
        block = self.sequencer.engine.block_by_number(first)
        opens = l2_block_ref(self.config, block).sequence_number == 0
        context = SpanContext(
            self.config.genesis.l2_time, self.config.block_time, self.config.l2_chain_id
        )
        return span_batch(batches, context, first_changes_origin=opens)

    def frames(self, *batches, name=1, frame_bytes=100_000):
        """A channel of these batches, cut into frames. `name` tells channels apart."""
        return frames_of(*batches, name=name, frame_bytes=frame_bytes)

    def post(self, *frames, account=BATCHER, to=None):
        """Queue one batcher transaction of frames."""
        return self.post_bytes(encode_frames(frames), account=account, to=to)

    def post_bytes(self, data, *, account=BATCHER, to=None, blobs=()):
        """Queue one batcher transaction of any bytes."""
        inbox = self.config.batch_inbox_address
        return self.miner.send_as(account, to=to or inbox, data=data, blobs=blobs)

    def configure(self, signature, *values):
        """Queue a call of the SystemConfig contract by its owner."""
        types = signature[signature.index("(") + 1 : -1].split(",")
        call = abi.selector(signature) + abi.encode(types, list(values))
        return self.miner.send_as(DEPLOYER, to=self.contracts.system_config, data=call)

    def sequencer_block(self, number):
        """A block of the sequencer's chain."""
        return self.sequencer.engine.block_by_number(number)

    def verifier_block(self, number):
        """A block of the verifier's chain."""
        return self.verifier.engine.block_by_number(number)


def frames_of(*batches, name=1, frame_bytes=100_000, compression="zlib"):
    """A channel of these batches, cut into frames."""
    channel_id = name.to_bytes(16, "big")
    channel = ChannelOut(channel_id, compression)
    for batch in batches:
        channel.add(batch)
    return split_channel(channel_id, channel.close(), frame_bytes)
