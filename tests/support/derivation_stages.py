"""Single stages of derivation on a bench: forks by name, journals that keep, sources by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from l1_blocks import bare_rollup_config, l1_block

from chain.heads import L2BlockRef
from genesis.config import ForkTimes
from rollup.derivation.batch_checks import BatchContext, span_context
from rollup.derivation.channel_reader import DerivedBatch
from rollup.derivation.forks import ForkSchedule
from rollup.derivation.journal import ByteRange, DataSource, Explanation
from rollup.wire.batch import SingularBatch
from rollup.wire.span_batch import span_batch

FORKS = (
    "bedrock", "regolith", "canyon", "delta", "ecotone", "fjord", "granite", "holocene", "isthmus",
    "jovian", "karst",
)  # fmt: skip
PLACE = DataSource(l1_block(0).ref, bytes(32), 0)
CHANNEL = b"\xcc" * 16


def forks_up_to(name, **later):
    """Fork times: all up to `name` from the start, `later` as given."""
    active = FORKS[1 : FORKS.index(name) + 1]
    times = dict.fromkeys(active, 0)
    for ethereum, optimism in (
        ("shanghai", "canyon"),
        ("cancun", "ecotone"),
        ("prague", "isthmus"),
    ):
        times[ethereum] = {**times, **later}.get(optimism)
    return ForkTimes(**{**times, **later})


def config_at(fork, *, later=None, **settings):
    """A rollup config over bare L1 blocks under the rules of `fork`."""
    return replace(bare_rollup_config(**settings), forks=forks_up_to(fork, **(later or {})))


def listening(explanation=None, origin=None):
    """A journal that keeps what it is told."""
    journal = explanation or Explanation()
    journal.l1 = (origin or l1_block(0)).ref
    return journal


def rules_of(journal):
    """Names of the rules that were noted, in order."""
    return [note.rule.name for note in journal.notes]


def place(start=0, end=0):
    """A byte range of no particular transaction."""
    return ByteRange(PLACE, start, end)


class Given:
    """A source that hands out what was put in by hand, under the name a stage asks by."""

    def __init__(self, *items):
        self.items = list(items)

    def take(self):
        return self.items.pop(0) if self.items else None

    next_data = next_frame = next_channel = take


class GivenBatches:
    """A channel reader with batches put in by hand; a list stands for one channel."""

    def __init__(self, config):
        self.context = span_context(config)
        self.channels = []

    def feed(self, *channels):
        self.channels.extend([list(channel) for channel in channels])

    def next_batch(self):
        while self.channels:
            if self.channels[0]:
                return self.derived(self.channels[0].pop(0))
            self.channels.pop(0)
        return None

    def derived(self, batch):
        time = (
            batch.timestamp
            if isinstance(batch, SingularBatch)
            else (batch.start_timestamp(self.context))
        )
        return DerivedBatch(batch, time, CHANNEL, (0, 0))

    def drop_channel(self):
        if self.channels:
            self.channels[0].clear()


class L2Blocks:
    """Safe L2 blocks by number and hash."""

    def __init__(self, *blocks):
        self.by_number = {block.number: block for block in blocks}
        self.by_hash = {block.hash: block for block in blocks}

    def block(self, block_hash):
        return self.by_hash.get(block_hash)

    def block_by_number(self, number):
        return self.by_number.get(number)


def l2_ref(chain, origin=0, *, number=10, timestamp=None, sequence_number=0):
    """A safe head on an L1 origin; its time is that of the origin unless given."""
    return L2BlockRef(
        number=number,
        hash=b"\x77" * 32,
        parent_hash=b"\x76" * 32,
        timestamp=chain[origin].timestamp if timestamp is None else timestamp,
        l1_origin=chain[origin].ref.id,
        sequence_number=sequence_number,
    )


def context_of(config, chain, parent, *, inclusion=None, known=None, l2=None, origins=None):
    """What a batch after parent is judged by: L1 blocks up to `known`, included in `inclusion`."""
    first = parent.l1_origin.number
    inclusion = first + 2 if inclusion is None else inclusion
    known = inclusion if known is None else known
    return BatchContext(
        config=config,
        schedule=ForkSchedule(config),
        parent=parent,
        origins=origins or [block.ref for block in chain[first : known + 1]],
        inclusion=chain[inclusion].ref,
        l2=l2 or L2Blocks(),
    )


def batch_after(config, chain, parent, origin=None, **changes):
    """A singular batch that fits parent, but for the changes."""
    epoch = chain[parent.l1_origin.number if origin is None else origin]
    batch = SingularBatch(
        parent_hash=parent.hash,
        epoch_number=epoch.number,
        epoch_hash=epoch.hash,
        timestamp=parent.timestamp + config.block_time,
        transactions=(b"\x02tx",),
    )
    return replace(batch, **changes)


def span_after(config, chain, parent, epochs, *, transactions=None, first=0):
    """A span of empty blocks after parent with these epochs, starting `first` blocks later."""
    blocks = [
        SingularBatch(
            parent.hash,
            epoch,
            chain[epoch].hash,
            parent.timestamp + config.block_time * (first + index + 1),
            (transactions or {}).get(index, ()),
        )
        for index, epoch in enumerate(epochs)
    ]
    changes = epochs[0] != parent.l1_origin.number
    return span_batch(blocks, span_context(config), first_changes_origin=changes)


def standing_at(block):
    """A traversal that stands at an L1 block."""
    return SimpleNamespace(origin=block)
