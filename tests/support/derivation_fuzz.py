"""Random and hostile L1 data for derivation, and two verifiers that have to agree on it.

    fuzzer = DerivationFuzzer(seed)
    fuzzer.run(inputs=10_000)      raises Divergence or Halt with the seed of the world

A world is a short L1 under some fork, or over the activation of the next. Its sequencer is honest;
what its batcher writes is broken on the way: batches, spans, channels, frames and raw data are
changed, mixed up, doubled, held back. One verifier reads L1 block by block, goes through every L1
reorg and starts again from its log now and then; the other reads the same L1 in one go when all is
over. Both have to come to one chain, without an error that stops them, in bounded steps.

L2 blocks are not executed: a model gives a block whose state root is a hash of all before it, and
calls some transactions invalid. Guided by coverage: the journal's rules, in pairs of one and the
next, are what an input can reach; data and ways to break it that reached a new pair come up more.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass, replace

import brotli
from derivation_stages import FORKS, config_at
from l1_blocks import BATCHER, INBOX, STRANGER_KEY, batcher_tx, blob_tx, l1_block

from chain import rlp
from chain.block import Block, Header
from chain.crypto.keccak import keccak256
from chain.errors import EncodeError
from chain.heads import BlockId
from chain.receipt import EMPTY_BLOOM
from chain.transaction import (
    AccessListTransaction,
    Authorization,
    DepositTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    decode_transaction,
    sign_transaction,
)
from chain.types import ZERO_HASH
from genesis.config import RollupGenesis
from rollup.derivation.attributes import prepare_attributes
from rollup.derivation.attributes_queue import BatchUndone
from rollup.derivation.batch_checks import span_context
from rollup.derivation.forks import must_be_empty
from rollup.derivation.journal import Explanation
from rollup.derivation.l2_block import l2_block_ref, system_config_of
from rollup.derivation.pipeline import DerivationPipeline, OriginAdvanced, OriginConsumed
from rollup.l1.provider import L1DataMissing, MemoryL1Provider
from rollup.wire.batch import SingularBatch
from rollup.wire.blob import encode_blob
from rollup.wire.frame import Frame
from rollup.wire.span_batch import span_batch

MAX_STEPS_PER_L1_BLOCK = 20_000
L1_BLOCKS_PER_WORLD = (60, 60, 60, 180)
WELL_KNOWN_IDS = tuple(bytes((index,)) * 16 for index in (0xAA, 0xBB, 0xCC))
_KEY = b"\x21" * 32
_COMMON = {"nonce": 1, "gas_limit": 21_000, "value": 0}
_FEES = {"max_priority_fee_per_gas": 1, "max_fee_per_gas": 2}


class Halt(AssertionError):
    """Derivation stopped, or did not come to an end."""


class Divergence(AssertionError):
    """Two verifiers read the same L1 and came to different chains."""


def _raw_transactions():
    """Transactions of every kind; the model finds some of them invalid."""
    made = []
    for index in range(6):
        to, data = bytes((index,)) * 20, bytes(index * 9)
        common = {**_COMMON, "data": data}
        made += [
            LegacyTransaction(chain_id=901, gas_price=1, to=to, **common),
            LegacyTransaction(chain_id=None, gas_price=1, to=None, **common),
            AccessListTransaction(chain_id=901, gas_price=1, to=to, **common),
            DynamicFeeTransaction(chain_id=901, to=None if index == 2 else to, **_FEES, **common),
            SetCodeTransaction(
                chain_id=901, to=to, authorization_list=(Authorization(0, to, index),),
                **_FEES, **common,
            ),
        ]  # fmt: skip
    return [sign_transaction(tx, _KEY).encode() for tx in made]


RAW_TRANSACTIONS = _raw_transactions()
JUNK_TRANSACTIONS = (
    b"", b"\x7e\xc0", b"\x04", b"\xc0", b"\x02junk", b"\x05" + bytes(9),
    DepositTransaction(bytes(32), BATCHER, BATCHER, 9, 0, 0, False, b"").encode(),
)  # fmt: skip


class Refused(Exception):
    """The model finds a transaction invalid."""


class ModelL2:
    """L2 blocks without a state: each commits to all before it by a hash."""

    def __init__(self, config):
        self.config = config
        self.by_hash = {}
        self.chain = []

    def block(self, block_hash):
        return self.by_hash.get(block_hash)

    def block_by_number(self, number):
        return self.chain[number] if 0 <= number < len(self.chain) else None

    def add(self, block):
        """Make a block the head."""
        del self.chain[block.number :]
        self.by_hash[block.hash] = block
        self.chain.append(block)

    def build(self, parent, attributes):
        """The block that attributes give. Raises Refused."""
        hashes = []
        for tx in attributes.transactions:
            if not isinstance(tx, DepositTransaction) and tx.hash[0] < 24:
                raise Refused
            hashes.append(tx.hash)
        extra = b""
        if attributes.eip1559_params is not None:
            denominator, elasticity = attributes.eip1559_params
            extra = b"\0" + denominator.to_bytes(4, "big") + elasticity.to_bytes(4, "big")
        if getattr(attributes, "min_base_fee", None) is not None:
            extra = b"\1" + extra[1:] + attributes.min_base_fee.to_bytes(8, "big")
        return Block(
            model_header(
                parent.hash, parent.number + 1, attributes.timestamp, extra,
                keccak256(parent.header.state_root + b"".join(hashes)),
            ),
            attributes.transactions,
            (),
        )  # fmt: skip


def model_header(parent_hash, number, timestamp, extra_data, state_root):
    return Header(
        parent_hash=parent_hash, beneficiary=bytes(20), state_root=state_root,
        transactions_root=ZERO_HASH, receipts_root=ZERO_HASH, logs_bloom=EMPTY_BLOOM,
        number=number, gas_limit=30_000_000, gas_used=0, timestamp=timestamp,
        extra_data=extra_data, prev_randao=ZERO_HASH, base_fee_per_gas=1,
    )  # fmt: skip


class ModelVerifier:
    """Derives over a provider; keeps a log of L1 blocks and the safe heads they gave."""

    def __init__(self, config, provider, genesis):
        self.config = config
        self.provider = provider
        self.l2 = ModelL2(config)
        self.l2.add(genesis)
        self.journal = Explanation()
        self.log = [(config.genesis.l1, 0, None)]
        self.start()

    def start(self):
        """A new pipeline from the newest point of the log that is canonical."""
        while len(self.log) > 1 and not self._is_canonical(self.log[-1][0]):
            self.log.pop()
        consumed, number, reread_from = self.log[-1]
        self.safe = self.l2.chain[number]
        del self.l2.chain[number + 1 :]
        self.head = self.safe
        self.ref = l2_block_ref(self.config, self.head)
        self.pipeline = DerivationPipeline(
            self.config, self.provider, self.l2, self.safe, consumed, self.journal,
            reread_from=reread_from,
        )  # fmt: skip

    def _is_canonical(self, block):
        try:
            return self.provider.block_by_number(block.number).hash == block.hash
        except L1DataMissing:
            return False

    def derive(self):
        """Everything that L1 gives. Raises Halt."""
        for _ in range(MAX_STEPS_PER_L1_BLOCK):
            try:
                if self.ref.hash != self.head.hash:
                    self.ref = l2_block_ref(self.config, self.head)
                step = self.pipeline.step(self.ref)
            except L1DataMissing:
                return
            self._apply(step)
        raise Halt(f"no end at {self.pipeline.origin}")

    def _apply(self, step):
        if isinstance(step, OriginAdvanced):
            return
        if isinstance(step, OriginConsumed):
            if step.origin.number > self.log[-1][0].number:
                self.log.append((step.origin.id, self.safe.number, step.reread_from))
            return
        if isinstance(step, BatchUndone):
            self._undo()
            return
        try:
            block = self.l2.build(self.head, step.attributes)
        except Refused:
            instead = self.pipeline.invalidate(step, "the model says so")
            if instead is None:
                self._undo()
                return
            block = self.l2.build(self.head, instead.attributes)
        self.l2.add(block)
        self.head = block
        if step.concludes:
            self.safe = block

    def _undo(self):
        del self.l2.chain[self.safe.number + 1 :]
        self.head = self.safe


@dataclass
class Written:
    """Batcher data on its way to L1: how it was broken, for the coverage."""

    data: bytes
    ways: tuple[str, ...]
    blob: bytes | None = None


class World:
    """One L1 and one honest sequencer."""

    def __init__(self, source):
        self.random = source
        fork = source.choice(FORKS[:-1])
        self.block_time = source.choice((2, 2, 6, 12, 150))
        self.genesis_block = l1_block(0)
        later = {}
        follow = FORKS[FORKS.index(fork) + 1]
        if source.random() < 0.5 and follow != "karst":
            later[follow] = self.genesis_block.timestamp + source.randrange(24, 500)
        config = config_at(
            fork, later=later, l1_genesis=self.genesis_block, window=source.choice((5, 12, 25)),
            block_time=self.block_time,
        )  # fmt: skip
        extra = {True: b"\0" + bytes(3) + b"\xfa" + bytes(3) + b"\6", False: b""}
        genesis = Block(
            model_header(
                ZERO_HASH, 0, self.genesis_block.timestamp,
                extra[config.forks.is_active("holocene", self.genesis_block.timestamp)], ZERO_HASH,
            ),
            (),
            (),
        )  # fmt: skip
        self.config = replace(
            config,
            channel_timeout=source.choice((2, 6, 300)),
            max_sequencer_drift=source.choice((30, 600)),
            genesis=replace(config.genesis, l2=BlockId(0, genesis.hash)),
        )
        assert isinstance(self.config.genesis, RollupGenesis)
        self.genesis = genesis
        self.l1 = [self.genesis_block]
        self.provider = MemoryL1Provider()
        self.provider.set_head(self.genesis_block)
        self.verifier = ModelVerifier(self.config, self.provider, genesis)
        self.context = span_context(self.config)
        self.sequencer = ModelL2(self.config)
        self.sequencer.add(genesis)
        self.held = []
        # How often a channel takes an id that others had; where none does, a reset stays short.
        self.id_again = source.choice((0, 0, 0.02, 0.1))

    # -- the honest sequencer

    def sequence(self, count):
        """Build blocks on the safe head where L1 went another way. The batches of the new ones."""
        safe = self.verifier.safe
        if self.sequencer.block_by_number(safe.number) != safe:
            self._follow()
        for _ in range(count):
            self._sequence_one()

    def _follow(self):
        """Take the verifier's safe chain for the sequencer's."""
        self.sequencer.chain = list(self.verifier.l2.chain[: self.verifier.safe.number + 1])
        self.sequencer.by_hash = dict(self.verifier.l2.by_hash)

    def _sequence_one(self):
        parent = self.sequencer.chain[-1]
        ref = l2_block_ref(self.config, parent)
        timestamp = ref.timestamp + self.block_time
        origin = self.l1[ref.l1_origin.number]
        if ref.l1_origin.number + 1 < len(self.l1):
            following = self.l1[ref.l1_origin.number + 1]
            if following.timestamp <= timestamp and self.random.random() < 0.9:
                origin = following
        raw = ()
        if not must_be_empty(self.config, timestamp) and self.random.random() < 0.6:
            raw = tuple(self.random.choices(RAW_TRANSACTIONS, k=self.random.randrange(4)))
            if not self.config.forks.is_active("isthmus", timestamp):
                raw = tuple(tx for tx in raw if tx[0] != 4)
            raw = tuple(tx for tx in raw if keccak256(tx)[0] >= 24 or self.random.random() < 0.05)
        attributes = prepare_attributes(
            self.config, ref, system_config_of(self.config, parent), origin
        )
        users = tuple(decode_transaction(tx) for tx in raw)
        attributes = replace(attributes, transactions=attributes.transactions + users)
        try:
            block = self.sequencer.build(parent, attributes)
        except Refused:
            block = self.sequencer.build(
                parent, replace(attributes, transactions=attributes.transactions[: -len(users)])
            )
        self.sequencer.add(block)

    def batches(self, first, last):
        """Singular batches of the sequencer's blocks."""
        return [self._batch(block) for block in self.sequencer.chain[max(first, 1) : last + 1]]

    def _batch(self, block):
        origin = l2_block_ref(self.config, block).l1_origin
        users = [tx.encode() for tx in block.transactions if not isinstance(tx, DepositTransaction)]
        return SingularBatch(
            block.header.parent_hash, origin.number, origin.hash, block.header.timestamp,
            tuple(users),
        )  # fmt: skip

    # -- L1

    def mine(self, written, *, salt=0):
        """An L1 block with that data; the verifier reads it."""
        parent = self.l1[-1]
        transactions, blobs = [], {}
        for index, each in enumerate(written):
            if "stranger" in each.ways:
                transactions.append(batcher_tx(each.data, key=STRANGER_KEY))
            elif each.blob is None:
                transactions.append(
                    DepositTransaction(
                        index.to_bytes(32, "big"), BATCHER, INBOX, 0, 0, 0, False, each.data
                    )
                )
            else:
                name = b"\1" + keccak256(each.blob)[1:]
                transactions.append(blob_tx([name]))
                blobs[name] = each.blob
        number = parent.number + 1
        block = l1_block(number, parent.hash, transactions=transactions, salt=salt)
        self.l1.append(replace(block, blobs=blobs))
        self.provider.set_head(self.l1[-1])

    def reorganise(self, depth):
        """L1 loses its last blocks and gets other, empty ones."""
        lost = self.l1[-depth:]
        del self.l1[-depth:]
        for index in range(depth + 1):
            self.mine([], salt=lost[0].number * 7 + index + 1)
        self.verifier.start()
        self._follow()


class DerivationFuzzer:
    """Runs worlds until so many inputs have been read; counts what they reached."""

    def __init__(self, seed, *, progress=None):
        self.random = random.Random(seed)
        self.progress = progress
        self.inputs = 0
        self.worlds = 0
        self.l2_blocks = 0
        self.l1_blocks = 0
        self.reorgs = 0
        self.restarts = 0
        self.rules = {}
        self.pairs = set()
        self.ways = {}
        self.corpus = []

    def run(self, inputs):
        """Read so many inputs. Raises Halt, Divergence, and whatever stops derivation."""
        target = self.inputs + inputs
        while self.inputs < target:
            seed = self.random.getrandbits(48)
            try:
                self._run_world(World(random.Random(seed)), target)
            except Exception as error:
                error.add_note(f"world {seed}")
                raise
            self.worlds += 1
            if self.progress is not None:
                self.progress(self)

    def _run_world(self, world, target):
        for _ in range(world.random.choice(L1_BLOCKS_PER_WORLD)):
            written = self._write(world)
            self.inputs += len(written)
            world.mine(written)
            world.verifier.derive()
            self._learn(world, written)
            self._disturb(world)
            if self.inputs >= target:
                break
        self.l1_blocks += len(world.l1)
        self.l2_blocks += world.verifier.safe.number
        again = ModelVerifier(world.config, world.provider, world.genesis)
        again.derive()
        if again.safe.hash != world.verifier.safe.hash:
            raise Divergence(
                f"L2 {world.verifier.safe.number} and {again.safe.number} after L1 "
                f"{world.l1[-1].number}"
            )

    def _disturb(self, world):
        """Now and then an L1 reorg, or the verifier starts again."""
        chance = world.random.random()
        if chance < 0.03 and len(world.l1) > 8:
            world.reorganise(world.random.randrange(1, 5))
            world.verifier.derive()
            self.reorgs += 1
        elif chance < 0.08:
            world.verifier.start()
            world.verifier.derive()
            self.restarts += 1

    def _learn(self, world, written):
        """Count the rules that were noted; remember what led to a new pair of them."""
        notes, world.verifier.journal.notes = world.verifier.journal.notes, []
        before, is_new = "", False
        for note in notes:
            rule = note.rule.name
            self.rules[rule] = self.rules.get(rule, 0) + 1
            if (before, rule) not in self.pairs:
                self.pairs.add((before, rule))
                is_new = True
            before = rule
        if is_new:
            for each in written:
                for way in each.ways:
                    self.ways[way] = self.ways.get(way, 1) + 1
            self.corpus = (self.corpus + [each.data for each in written])[-200:]

    # -- writing

    def _write(self, world):
        """What the batcher sends for one L1 block."""
        source = world.random
        items = [data for due, data in world.held if due <= len(world.l1)]
        world.held = [held for held in world.held if held[0] > len(world.l1)]
        for _ in range(source.randrange(1, 4)):
            items += self._channel(world)
        for _ in range(source.randrange(12) if self.corpus and world.id_again else 0):
            items.append(self._broken_data(source, source.choice(self.corpus), ("corpus",)))
        if source.random() < 0.1:
            source.shuffle(items)
        kept = []
        for item in items:
            if source.random() < 0.06:
                world.held.append((len(world.l1) + source.randrange(1, 9), item))
            else:
                kept.append(item)
            if source.random() < 0.04:
                kept.append(item)
        return kept

    def _channel(self, world):
        """One channel of new blocks, of old ones or of both, in one or more pieces."""
        source = world.random
        safe = world.verifier.safe.number
        tip = world.sequencer.chain[-1].number
        if tip - safe < 3 or source.random() < 0.3:
            room = max(1, 24 // self._pace(world))
            world.sequence(source.randrange(1, room + 1))
            tip = world.sequencer.chain[-1].number
        first = safe + 1
        if source.random() < 0.25:
            first = max(1, safe + source.randrange(-4, 4))
        batches = world.batches(first, min(tip, first + source.randrange(1, 9)))
        ways = []
        while source.random() < 0.35:
            batches = self._broken_batches(world, batches, ways)
        encoded = self._encoded(world, batches, ways)
        stream = b"".join(rlp.encode(each) for each in encoded)
        if source.random() < 0.02:
            ways.append("bomb")
            stream += b"\xba\x0f\xff\xff" + bytes(1_048_575) + stream
        channel = self._compressed(source, stream)
        if source.random() < 0.1:
            ways.append("channel")
            channel = self._bytes_changed(source, channel)
        return self._pieces(world, channel, tuple(ways))

    def _pace(self, world):
        return max(1, world.block_time // 2)

    def _broken_batches(self, world, batches, ways):
        source = world.random
        if not batches:
            return batches
        way = self._choose(source, _BATCH_WAYS)
        ways.append(way)
        index = source.randrange(len(batches))
        return _BATCH_WAYS[way](source, list(batches), index, world)

    def _choose(self, source, table):
        """A way to break things; those that reached something new come up more."""
        names = list(table)
        weights = [1 + min(self.ways.get(name, 0), 20) / 4 for name in names]
        return source.choices(names, weights)[0]

    def _encoded(self, world, batches, ways):
        source = world.random
        if batches and source.random() < 0.5:
            span = self._span(world, batches, ways)
            if span is not None:
                return [span]
        encoded = [batch.encode() for batch in batches]
        if encoded and source.random() < 0.05:
            ways.append("batch bytes")
            index = source.randrange(len(encoded))
            encoded[index] = self._bytes_changed(source, encoded[index])
        return encoded

    def _span(self, world, batches, ways):
        source = world.random
        parent = world.sequencer.block_by_number(
            (batches[0].timestamp - world.context.genesis_time_s) // world.block_time - 1
        )
        changes = parent is None or (
            l2_block_ref(world.config, parent).l1_origin.number != batches[0].epoch_number
        )
        try:
            span = span_batch(batches, world.context, first_changes_origin=changes)
        except EncodeError:
            return None
        while source.random() < 0.3:
            way = self._choose(source, _SPAN_WAYS)
            ways.append(way)
            span = _SPAN_WAYS[way](source, span)
        try:
            encoded = span.encode()
        except EncodeError:
            return None
        if source.random() < 0.1:
            ways.append("span bytes")
            encoded = self._bytes_changed(source, encoded)
        return encoded

    def _compressed(self, source, stream):
        if source.random() < 0.25:
            return b"\x01" + brotli.compress(stream, quality=1)
        return zlib.compress(stream, source.choice((1, 6)))

    def _pieces(self, world, channel, ways):
        """Frames of a channel in batcher data, in some way broken."""
        source = world.random
        again = source.random() < world.id_again
        channel_id = source.choice(WELL_KNOWN_IDS) if again else source.randbytes(16)
        size = max(1, len(channel) // source.choice((1, 1, 1, 2, 3, 6)))
        frames = [
            Frame(channel_id, number, channel[at : at + size], at + size >= len(channel))
            for number, at in enumerate(range(0, len(channel), size))
        ]
        extra = []
        while frames and source.random() < 0.2:
            way = self._choose(source, _FRAME_WAYS)
            extra.append(way)
            frames = _FRAME_WAYS[way](source, frames, world)
        per_item = source.choice((1, 1, 2, 10))
        items = []
        for at in range(0, len(frames), per_item):
            data = b"\0" + b"".join(frame.encode() for frame in frames[at : at + per_item])
            items.append(self._broken_data(source, data, (*ways, *extra)))
        return items

    def _broken_data(self, source, data, ways):
        chance = source.random()
        if chance < 0.05:
            data, ways = self._bytes_changed(source, data), (*ways, "data")
        elif chance < 0.072:
            ways = (*ways, "stranger")
        elif chance < 0.09:
            data, ways = source.choice((b"", b"\1", b"\2")) + data[1:], (*ways, "version")
        if chance > 0.995 and len(data) < 100_000:
            blob = bytearray(encode_blob(data))
            if source.random() < 0.5:
                blob[source.randrange(len(blob))] ^= 1 << source.randrange(8)
            return Written(data, (*ways, "blob"), bytes(blob))
        return Written(data, ways)

    def _bytes_changed(self, source, data):
        """Flips, cuts, insertions, repetitions of bytes."""
        changed = bytearray(data)
        for _ in range(source.randrange(1, 4)):
            at = source.randrange(len(changed) + 1)
            what = source.randrange(5)
            if what == 0 and at < len(changed):
                changed[at] ^= 1 << source.randrange(8)
            elif what == 1:
                changed[at:at] = source.randbytes(source.randrange(1, 9))
            elif what == 2:
                del changed[at : at + source.randrange(1, 9)]
            elif what == 3:
                del changed[at:]
            elif at < len(changed):
                changed[at] = source.choice((0, 1, 0x7F, 0x80, 0xFF))
        return bytes(changed)


# -- ways to break batches: (random, batches, index, world) → batches


def _with(batches, index, **changes):
    batches[index] = replace(batches[index], **changes)
    return batches


def _another_transaction(source, batches, index, _):
    raw = source.choice(JUNK_TRANSACTIONS if source.random() < 0.5 else RAW_TRANSACTIONS)
    return _with(batches, index, transactions=(*batches[index].transactions, raw))


def _other_epoch(source, batches, index, world):
    number = max(0, batches[index].epoch_number + source.choice((-2, -1, 1, 1, 2)))
    known = world.l1[number].hash if number < len(world.l1) else bytes(32)
    return _with(batches, index, epoch_number=number, epoch_hash=known)


def _other_time(source, batches, index, world):
    step = source.choice((-world.block_time, -1, 1, world.block_time, 2**40))
    return _with(batches, index, timestamp=max(0, batches[index].timestamp + step))


def _swap(source, batches, index, _):
    other = source.randrange(len(batches))
    batches[index], batches[other] = batches[other], batches[index]
    return batches


_BATCH_WAYS = {
    "transaction": _another_transaction,
    "epoch": _other_epoch,
    "time": _other_time,
    "swap": _swap,
    "parent": lambda source, b, i, _: _with(b, i, parent_hash=source.randbytes(32)),
    "epoch hash": lambda source, b, i, _: _with(b, i, epoch_hash=source.randbytes(32)),
    "double": lambda _, b, i, __: [*b[: i + 1], *b[i:]],
    "gap": lambda _, b, i, __: [*b[:i], *b[i + 1 :]],
    "empty": lambda _, b, i, __: _with(b, i, transactions=()),
}
_SPAN_WAYS = {
    "span time": lambda source, s: replace(
        s, relative_timestamp=max(0, s.relative_timestamp + source.choice((-6, -2, -1, 1, 2, 9)))
    ),
    "span origin": lambda source, s: replace(
        s, l1_origin_number=max(0, s.l1_origin_number + source.choice((-3, -1, 1, 2, 2**33)))
    ),
    "span parent check": lambda source, s: replace(s, parent_check=source.randbytes(20)),
    "span origin check": lambda source, s: replace(s, l1_origin_check=source.randbytes(20)),
    "span bits": lambda source, s: replace(s, origin_bits=source.getrandbits(s.block_count)),
    "span counts": lambda source, s: replace(
        s, block_transaction_counts=(*s.block_transaction_counts[1:], source.choice((0, 1, 2**20)))
    ),
    "span length": lambda source, s: replace(
        s, block_transaction_counts=s.block_transaction_counts + (0,) * source.randrange(1, 40)
    ),
}


def _renumbered(source, frames, _):
    index = source.randrange(len(frames))
    number = source.choice((0, (frames[index].number + 1) % 2**16, 2**16 - 1))
    return [*frames[:index], replace(frames[index], number=number), *frames[index + 1 :]]


def _other_channel(source, frames, world):
    index = source.randrange(len(frames))
    other = source.choice(WELL_KNOWN_IDS) if world.id_again else source.randbytes(16)
    changed = replace(frames[index], channel_id=other)
    return [*frames[:index], changed, *frames[index + 1 :]]


def _ends_early(source, frames, _):
    index = source.randrange(len(frames))
    changed = replace(frames[index], is_last=not frames[index].is_last)
    return [*frames[:index], changed, *frames[index + 1 :]]


_FRAME_WAYS = {
    "frame number": _renumbered,
    "frame channel": _other_channel,
    "frame last": _ends_early,
    "frame order": lambda source, frames, _: source.sample(frames, len(frames)),
    "frame twice": lambda source, frames, _: [*frames, source.choice(frames)],
    "frame lost": lambda source, frames, _: frames[: source.randrange(len(frames)) + 1],
}
