"""A light node: reads L1, finds the certified batches, samples each, and holds the head back where
one cannot be sampled.

It needs L1 and the committee, no state, no execution. What it knows survives a restart, and after
a pause it goes on where it stopped.

    "a" L1 number          hash and system config there: where to go on, or back to after a reorg
    "q" L1 number, place   commitment, in the order of L1
    "s" commitment         the sampling

The accepted head is the newest L1 block such that every batch certified up to it was found to be
available: what L2 derives from later blocks is refused until it is. Which claims about the L2 stand
against that and against their disputes, light_claims.py says.
"""

from __future__ import annotations

import asyncio
import json
import logging
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from chain.errors import Recovery, StemmaError
from chain.heads import BlockId
from chain.storage.kv import KeyValueStore
from chain.types import Hash32
from genesis.config import RollupConfig, SystemConfig
from rollup.da.certificate import DA_LAYER, check_certificate
from rollup.da.errors import InvalidCertificate
from rollup.da.sampler import Sampling, SamplingPlan, Verdict
from rollup.derivation.errors import ReorgDetected
from rollup.derivation.forks import ForkSchedule
from rollup.derivation.journal import DataSource, Journal
from rollup.derivation.l1_retrieval import L1Retrieval
from rollup.derivation.l1_traversal import L1Traversal
from rollup.l1.block import L1Block
from rollup.l1.provider import ConfirmedL1, L1DataMissing, MemoryL1Provider
from rollup.wire.alt_da import GenericCommitment, decode_commitment

from ..l1.client import L1Follower
from .access import committee_of
from .dispersal import Peers
from .light_claims import ClaimWatch
from .light_heads import Asking, HeadWatch
from .sampling import Watch, begin, begin_again, sample

logger = logging.getLogger("stemma.light")

_ANCHORS, _QUEUE, _SAMPLINGS = b"a", b"q", b"s"
_KEPT_ANCHORS = 256
_BLOCKS_A_TURN = 500
_KEPT_L1_BLOCKS = 64
_SHOWN_BATCHES = 64
_KEPT_BATCHES = 4096
"""Of available ones the newest: a day of one batch in every other L1 block of 12 s."""
_SAMPLED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class SeenBatch:
    """A certified batch, where L1 has it, and what sampling came to."""

    l1_number: int
    place: int
    sampling: Sampling


class _NoBlobs(dict[Hash32, bytes]):
    """Blobs that are all there and hold nothing: those of L1 are L1's to keep available."""

    def get(self, key: Hash32, default: Any = None) -> bytes:  # noqa: ANN401
        return b""


class _WithoutBlobs(ConfirmedL1):
    """L1 as it is, so that nobody waits for its blobs."""

    def __init__(self, provider: MemoryL1Provider) -> None:
        super().__init__(provider, 0)

    def block_by_hash(self, block_hash: Hash32) -> L1Block:
        return replace(super().block_by_hash(block_hash), blobs=_NoBlobs())


class CertificateCollector:
    """Stands where derivation fetches payloads, and only writes the certificates down."""

    def __init__(self, config: RollupConfig) -> None:
        """Collect for one chain."""
        self._committee = committee_of(config)
        self._l1_chain_id = config.l1_chain_id
        self.found: list[bytes] = []

    def read(self, source: DataSource, data: bytes) -> bytes | None:
        """Note the commitment of a valid, recent certificate; there is no payload."""
        try:
            posted = decode_commitment(data)
            if not isinstance(posted, GenericCommitment) or posted.da_layer != DA_LAYER:
                return None
            certificate = check_certificate(self._committee, self._l1_chain_id, posted.payload)
        except (StemmaError, InvalidCertificate):
            return None
        if 0 <= source.l1.number - certificate.reference_block <= self._committee.recency_window:
            self.found.append(certificate.commitment)
        return None


class LightNode:
    """Cranked by `turn`."""

    def __init__(
        self,
        config: RollupConfig,
        store: KeyValueStore,
        follower: L1Follower,
        provider: MemoryL1Provider,
        peers: Peers,
        plan: SamplingPlan,
        watch: Watch | None = None,
        claims: ClaimWatch | None = None,
        heads: HeadWatch | None = None,
        network: Callable[[], Asking | None] = lambda: None,
    ) -> None:
        """Nothing is asked before the first turn; `watch` hears of wrong and missing cells,
        `claims` looks at what is said of the L2 on L1, `heads` at what the sequencer signs, and
        asks the network for what it lacks.
        """
        self._config = config
        self._store = store
        self._follower = follower
        self._provider = provider
        self._peers = peers
        self._plan = plan
        self._watch = watch
        self._claims = claims
        self._heads = heads
        self._network = network
        self._collector = CertificateCollector(config)
        self._journal = Journal()
        self._traversal: L1Traversal | None = None
        self._retrieval: L1Retrieval | None = None
        self._failures: dict[bytes, dict[str, str]] = {}
        self._batches: list[SeenBatch] | None = None

    async def turn(self) -> None:
        """Read L1 on, then sample whatever is not known to be available."""
        await self._follower.poll()
        await self._read_l1()
        waiting = [batch.sampling for batch in self.batches() if not _is_available(batch.sampling)]
        for start in range(0, len(waiting), _SAMPLED_AT_ONCE):
            part = waiting[start : start + _SAMPLED_AT_ONCE]
            await asyncio.gather(*(self._sample(sampling) for sampling in part))
        if self._claims is not None:
            await self._claims.look()
        if self._heads is not None:
            await self._heads.look(self._network())

    # -- L1

    async def _read_l1(self) -> None:
        for _ in range(_BLOCKS_A_TURN):
            try:
                if not self._read_one():
                    return
            except L1DataMissing as missing:
                ahead = missing.number is not None and missing.number > self._follower.head_number
                if ahead:
                    await self._follower.prune(self.l1_read.number - _KEPT_L1_BLOCKS)
                    return
                await self._follower.fetch_missing(missing)
            except ReorgDetected as error:
                logger.info("L1 was reorganised: %s", error)
                await self._go_back()

    def _read_one(self) -> bool:
        """Collect the certificates of the next L1 block; False at the end of L1."""
        if self._traversal is None or self._retrieval is None:
            at, system_config = self._anchor()
            origin = self._provider.block_by_number(at.number)
            if origin.hash != at.hash:
                raise ReorgDetected(f"L1 block {at.number} is no longer 0x{at.hash.hex()}")
            self._traversal = L1Traversal(self._config, self._provider, origin, system_config)
            self._traversal.next_block()  # read already
            self._retrieval = self._make_retrieval(self._traversal)
            return True
        self._traversal.advance()
        self._journal.l1 = self._traversal.origin.ref
        self._collector.found.clear()
        while self._retrieval.next_data() is not None:
            pass
        self._keep(self._traversal)
        return True

    def _make_retrieval(self, traversal: L1Traversal) -> L1Retrieval:
        inbox, schedule = self._config.batch_inbox_address, ForkSchedule(self._config)
        l1 = _WithoutBlobs(self._provider)
        return L1Retrieval(traversal, l1, inbox, schedule, self._journal, self._collector)

    def _keep(self, traversal: L1Traversal) -> None:
        number = traversal.origin.number
        puts = {
            _ANCHORS + _u64(number): json.dumps(
                {
                    "hash": traversal.origin.hash.hex(),
                    "system_config": traversal.system_config.to_json(),
                }
            ).encode()
        }
        for place, commitment in enumerate(self._collector.found):
            puts[_QUEUE + _u64(number) + place.to_bytes(4, "big")] = commitment
            sampling = self._sampling(commitment)
            puts[_SAMPLINGS + commitment] = sampling.encode()
            self.batches().append(SeenBatch(number, place, sampling))
        stale = number - _KEPT_ANCHORS
        self._store.write(puts, [_ANCHORS + _u64(stale)] if stale >= 0 else [], sync=False)
        self._forget_old()

    def _forget_old(self) -> None:
        """Drop the oldest batches that are available, where too many are kept."""
        batches = self.batches()
        most = len(batches) - _KEPT_BATCHES
        dropped = [batch for batch in batches[: max(most, 0)] if _is_available(batch.sampling)]
        if not dropped:
            return
        gone = {id(batch) for batch in dropped}
        self._batches = [batch for batch in batches if id(batch) not in gone]
        kept = {batch.sampling.commitment for batch in self._batches}
        deletes = [
            _QUEUE + _u64(batch.l1_number) + batch.place.to_bytes(4, "big") for batch in dropped
        ]
        deletes += [
            _SAMPLINGS + batch.sampling.commitment
            for batch in dropped
            if batch.sampling.commitment not in kept
        ]
        self._store.write({}, deletes, sync=False)

    def _sampling(self, commitment: bytes) -> Sampling:
        """What is known of a blob; drawn now where it is new, for its commitment is known now."""
        record = self._store.get(_SAMPLINGS + commitment)
        return begin(commitment, self._plan) if record is None else Sampling.decode(record)

    def _anchor(self) -> tuple[BlockId, SystemConfig]:
        anchors = list(self._store.scan(_ANCHORS))
        if not anchors:
            genesis = self._config.genesis
            return genesis.l1, genesis.system_config
        key, record = anchors[-1]
        value = json.loads(record)
        at = BlockId(int.from_bytes(key[1:], "big"), Hash32(bytes.fromhex(value["hash"])))
        return at, SystemConfig.from_json(value["system_config"])

    async def _go_back(self) -> None:
        """Forget the newest L1 block that was read, and what it certified."""
        at, _ = self._anchor()
        deletes = [_ANCHORS + _u64(at.number)]
        deletes += [key for key, _ in self._store.scan(_QUEUE + _u64(at.number))]
        self._store.write({}, deletes, sync=True)
        self._traversal = self._retrieval = self._batches = None

    # -- sampling

    async def _sample(self, sampling: Sampling) -> None:
        if sampling.verdict is Verdict.WITHHELD:
            begin_again(sampling)
        failures = await sample(sampling, self._peers, self._watch)
        self._store.write({_SAMPLINGS + sampling.commitment: sampling.encode()}, sync=True)
        if _is_available(sampling):
            self._failures.pop(sampling.commitment, None)
            return
        self._failures[sampling.commitment] = failures
        logger.warning(
            "refused",
            extra={
                "blob": sampling.commitment.hex()[:16],
                "round": sampling.round,
                "cells": ",".join(map(str, sampling.failed_indices)),
            },
        )

    # -- what is known

    def batches(self) -> list[SeenBatch]:
        """Every certified batch on the L1 chain that was read, in its order."""
        if self._batches is None:
            self._batches = [
                SeenBatch(
                    int.from_bytes(key[1:9], "big"),
                    int.from_bytes(key[9:], "big"),
                    self._sampling(commitment),
                )
                for key, commitment in self._store.scan(_QUEUE)
            ]
        return self._batches

    @property
    def l1_read(self) -> BlockId:
        """The newest L1 block that was read."""
        return self._anchor()[0]

    def first_refused(self) -> SeenBatch | None:
        """The first batch on L1 that is not known to be available."""
        waiting = (batch for batch in self.batches() if not _is_available(batch.sampling))
        return next(waiting, None)

    def describe(self) -> dict[str, Any]:
        """What `stemma da status` shows."""
        batches, read, refused = self.batches(), self.l1_read, self.first_refused()
        accepted = read.number if refused is None else refused.l1_number - 1
        data_up_to = self._data_known()
        heads, claims = self._heads, self._claims
        return {
            "role": "light",
            "l1_head": self._follower.head_number,
            "l1_read": read.number,
            "l1_accepted": accepted,
            "refuses": refused is not None,
            "refused": None if refused is None else self._shown(refused),
            "batches": len(batches),
            "newest": [self._shown(batch) for batch in batches[-_SHOWN_BATCHES:]],
            "l2": None if claims is None else claims.describe(accepted, data_up_to),
            "unsafe": (
                None if heads is None else heads.describe(read.number, accepted, data_up_to)
            ),
        }

    def _data_known(self) -> Callable[[int], dict[str, Any]]:
        """What is known of the data that L1 had certified by a block: how many batches are kept,
        how many of them were not found available, and the newest one's certificate.
        """
        batches = self.batches()
        waiting = [batch.l1_number for batch in batches if not _is_available(batch.sampling)]

        def up_to(l1_number: int) -> dict[str, Any]:
            count = bisect_right(batches, l1_number, key=lambda batch: batch.l1_number)
            newest = batches[count - 1].sampling if count else None
            return {
                "certified": count,
                "not_available": bisect_right(waiting, l1_number),
                "certificate": None if newest is None else f"0x{newest.commitment.hex()}",
                "miss_probability": None if newest is None else _miss(newest),
            }

        return up_to

    def _shown(self, batch: SeenBatch) -> dict[str, Any]:
        sampling = batch.sampling
        shown: dict[str, Any] = {
            "l1_block": batch.l1_number,
            "commitment": f"0x{sampling.commitment.hex()}",
            "verdict": sampling.verdict.value,
            "round": sampling.round,
            "cells": f"{sampling.held_count}/{len(sampling.indices)}",
            "miss_probability": _miss(sampling),
        }
        if sampling.verdict is Verdict.WITHHELD:
            shown["failed_cells"] = list(sampling.failed_indices)
            shown["reasons"] = self._failures.get(sampling.commitment, {})
        return shown


class LightLoop:
    """Turns a light node until cancelled."""

    def __init__(self, light: LightNode, poll_s: float) -> None:
        """One turn every `poll_s` seconds."""
        self._light = light
        self._poll_s = poll_s

    async def run(self) -> None:
        """Raises what cannot be recovered from."""
        while True:
            try:
                await self._light.turn()
            except StemmaError as error:
                if error.recovery is not Recovery.RETRY:
                    raise
                logger.warning("no turn now: %s", error)
            await asyncio.sleep(self._poll_s)


def _miss(sampling: Sampling) -> str:
    """The chance that the blob is withheld although so many cells came."""
    return f"{float(1 - sampling.confidence):.3g}"


def _is_available(sampling: Sampling) -> bool:
    return sampling.verdict is Verdict.AVAILABLE


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "big")
