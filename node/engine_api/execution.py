"""What the calls of the Engine API do to our own chain.

    new payload     executed and stored beside the canonical chain, or refused for good
    fork choice     the three heads moved at once; on an L2 also backwards
    attributes      a block in the making under an id, filled from the pool when it is fetched

Every method belongs to the thread that writes the chain. Knows no JSON.
Source: execution-apis src/engine/paris.md; OP Stack specs, protocol/exec-engine.md.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chain.block import Block, Header
from chain.errors import StemmaError
from chain.heads import BlockId, InvalidHeadMove
from chain.storage import UnknownBlock as NotOnChain
from chain.transaction import DepositTransaction, Transaction, effective_tip_wei
from chain.txpool import PooledTransaction
from chain.types import ZERO_HASH, Hash32
from evm.engine import ExecutionEngine
from evm.errors import UnknownBlock
from evm.executor import ExecutionResult, PayloadAttributes

from . import errors
from .errors import EngineApiError
from .payloads import ForkchoiceState, Payload

logger = logging.getLogger("stemma.engine")

Status = Literal["VALID", "INVALID", "SYNCING"]
PayloadId = bytes
PAYLOAD_ID_BYTES = 8
_KEPT_BUILDS = 10
_KEPT_INVALID = 512


@dataclass(frozen=True, slots=True)
class PayloadStatus:
    """The verdict on a block: `latest_valid` is its newest valid ancestor, if that is known."""

    status: Status
    latest_valid: Hash32 | None = None
    error: str | None = None


@dataclass(slots=True)
class _Build:
    """A block in the making; `result` has what had to go in, and once filled all of it."""

    attributes: PayloadAttributes
    uses_pool: bool
    result: ExecutionResult
    is_filled: bool


class Execution:
    """Follows a consensus client that speaks through the Engine API."""

    def __init__(
        self,
        engine: ExecutionEngine,
        candidates: Callable[[Header], Iterable[PooledTransaction]],
        moved: Callable[[tuple[Transaction, ...]], object],
        stop: Callable[[], Callable[[], bool]],
    ) -> None:
        """`candidates` are the pool's for the child of a block; `moved` hears after each move of
        the heads, with the transactions of blocks that were dropped; `stop` starts the time that a
        block may be filled for, and what it gives says when that is over.
        """
        self._engine = engine
        self._candidates = candidates
        self._moved = moved
        self._stop = stop
        self._invalid: OrderedDict[Hash32, tuple[Hash32, str]] = OrderedDict()
        self._builds: OrderedDict[PayloadId, _Build] = OrderedDict()

    # -- new payloads

    def new_payload(self, payload: Payload) -> PayloadStatus:
        """Execute and store a block that the consensus client was given."""
        block = payload.block
        if block.hash != payload.claimed_hash:
            return PayloadStatus(
                "INVALID",
                error=f"blockhash mismatch: the payload hashes to 0x{block.hash.hex()}, "
                f"it claims 0x{payload.claimed_hash.hex()}",
            )
        if self._engine.header(block.hash) is not None:
            return PayloadStatus("VALID", block.hash)
        parent = block.header.parent_hash
        for judged in (block.hash, parent):
            if judged in self._invalid:
                valid, reason = self._invalid[judged]
                return self._refuse(block, valid, reason)
        if self._engine.header(parent) is None:
            return PayloadStatus("SYNCING")
        try:
            result = self._built(block.hash) or self._engine.execute(block)
        except UnknownBlock as error:
            logger.info("payload %d waits: %s", block.number, error)
            return PayloadStatus("SYNCING")
        except StemmaError as error:
            return self._refuse(block, parent, str(error))
        self._engine.store.commit(
            result.block, result.receipts, result.senders, result.state_changes, None
        )
        return PayloadStatus("VALID", block.hash)

    def refuse_payload(self, parent_hash: Hash32, reason: str) -> PayloadStatus:
        """The verdict on a payload that is no block at all."""
        valid = parent_hash if self._engine.header(parent_hash) is not None else None
        return PayloadStatus("INVALID", valid, reason)

    def _refuse(self, block: Block, latest_valid: Hash32, reason: str) -> PayloadStatus:
        logger.warning("payload %d 0x%s refused: %s", block.number, block.hash.hex(), reason)
        self._invalid[block.hash] = (latest_valid, reason)
        while len(self._invalid) > _KEPT_INVALID:
            self._invalid.popitem(last=False)
        return PayloadStatus("INVALID", latest_valid, reason)

    def _built(self, block_hash: Hash32) -> ExecutionResult | None:
        """A block that was built here need not be executed again."""
        for build in self._builds.values():
            if build.result.block.hash == block_hash:
                return build.result
        return None

    # -- fork choice

    def forkchoice(self, state: ForkchoiceState) -> PayloadStatus:
        """Move the heads. Raises EngineApiError where safe or finalized is not on head's chain."""
        if state.head == ZERO_HASH:
            return PayloadStatus("INVALID", error="the head is the zero hash")
        if state.head in self._invalid:
            valid, reason = self._invalid[state.head]
            return PayloadStatus("INVALID", valid, reason)
        head = self._engine.header(state.head)
        if head is None:
            return PayloadStatus("SYNCING")
        safe = self._named(state.safe, "safe")
        finalized = self._named(state.finalized, "finalized")
        before = self._engine.heads
        if finalized is not None and finalized.number <= before.finalized.number:
            finalized = None  # a client that has just started may know less than we do
        try:
            dropped = self._engine.set_heads(unsafe=_id(head), safe=safe, finalized=finalized)
        except (InvalidHeadMove, NotOnChain) as error:
            raise EngineApiError(errors.INVALID_FORKCHOICE_STATE, str(error)) from error
        if self._engine.heads != before:
            self._moved(_user_transactions(dropped))
        return PayloadStatus("VALID", state.head)

    def _named(self, block_hash: Hash32, name: str) -> BlockId | None:
        if block_hash == ZERO_HASH:
            return None
        header = self._engine.header(block_hash)
        if header is None:
            raise EngineApiError(
                errors.INVALID_FORKCHOICE_STATE,
                f"{name} block 0x{block_hash.hex()} is not known",
            )
        return _id(header)

    # -- building

    def begin(self, attributes: PayloadAttributes, version: int, *, uses_pool: bool) -> PayloadId:
        """Begin a block and return its id; the same attributes have the same id.

        Raises EngineApiError where the block cannot hold what the attributes put into it.
        """
        payload_id = _payload_id(attributes, version, uses_pool=uses_pool)
        if payload_id not in self._builds:
            try:
                result = self._engine.build(attributes)
            except UnknownBlock:
                raise
            except StemmaError as error:
                raise EngineApiError(errors.INVALID_PAYLOAD_ATTRIBUTES, str(error)) from error
            self._builds[payload_id] = _Build(
                attributes, uses_pool, result, is_filled=not uses_pool
            )
            while len(self._builds) > _KEPT_BUILDS:
                self._builds.popitem(last=False)
        return payload_id

    def payload(self, payload_id: PayloadId) -> ExecutionResult:
        """The block of that id, filled from the pool if it may be; the same one each time.

        Raises EngineApiError for an unknown id.
        """
        build = self._builds.get(payload_id)
        if build is None:
            raise EngineApiError(errors.UNKNOWN_PAYLOAD, f"no payload 0x{payload_id.hex()}")
        if not build.is_filled:
            parent = self._engine.header(build.attributes.parent_hash)
            waiting = () if parent is None else self._candidates(parent)
            build.result = self._engine.build(build.attributes, waiting, stop=self._stop())
            build.is_filled = True
        return build.result

    def timestamp_of(self, payload_id: PayloadId) -> int | None:
        """The time of a block in the making, None for an unknown id."""
        build = self._builds.get(payload_id)
        return None if build is None else build.attributes.timestamp


def block_value_wei(result: ExecutionResult) -> int:
    """What the block's transactions pay its builder in tips."""
    base_fee = result.header.base_fee_per_gas or 0
    total = before = 0
    for tx, receipt in zip(result.block.transactions, result.receipts, strict=True):
        used, before = receipt.cumulative_gas_used - before, receipt.cumulative_gas_used
        if not isinstance(tx, DepositTransaction):
            total += used * effective_tip_wei(tx, base_fee)
    return total


def _payload_id(attributes: PayloadAttributes, version: int, *, uses_pool: bool) -> PayloadId:
    """The version, and seven bytes of a hash over everything that decides the block."""
    content = repr((replace(attributes, transactions=()), uses_pool)).encode()
    digest = hashlib.sha256(content)
    for tx in attributes.transactions:
        digest.update(tx.hash)
    return bytes([version]) + digest.digest()[: PAYLOAD_ID_BYTES - 1]


def _id(header: Header) -> BlockId:
    return BlockId(header.number, header.hash)


def _user_transactions(blocks: Sequence[Block]) -> tuple[Transaction, ...]:
    return tuple(
        tx
        for block in sorted(blocks, key=lambda block: block.number)
        for tx in block.transactions
        if not isinstance(tx, DepositTransaction)
    )
