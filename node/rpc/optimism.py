"""optimism_: what op-node answers, in op-node's shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from chain.block import Block, Header
from chain.heads import Heads, L2BlockRef
from chain.types import Hash32
from genesis.config import RollupConfig
from rollup.derivation.l2_block import l2_block_ref
from rollup.driver.driver import Driver
from rollup.l1.block import L1BlockRef
from rollup.l1.provider import L1Provider
from rollup.wire.output_root import OutputV0

from . import errors, parameters
from .errors import RpcError
from .hexadecimal import data
from .jsonrpc import Parameter, rpc
from .net import client_version
from .parameters import BlockId
from .serialise import Json

_BLOCK = Parameter("block", parameters.block_number_or_tag)


class L2View(Protocol):
    """The L2 chain as the namespace reads it, wherever it is executed."""

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head."""
        ...

    def block(self, block_hash: Hash32) -> Block | None:
        """A block, canonical or not."""
        ...

    def resolve(self, block: BlockId) -> Header:
        """The header that an identifier means. Raises RpcError `header not found`."""
        ...


@dataclass(frozen=True, slots=True)
class RollupView:
    """What the namespace reads besides the chain itself."""

    config: RollupConfig
    driver: Driver
    provider: L1Provider


class OptimismNamespace:
    """optimism_syncStatus, outputAtBlock, rollupConfig, version, safeHeadAtL1Block."""

    def __init__(self, chain: L2View, rollup: RollupView) -> None:
        """Read the chain and the driver."""
        self._chain = chain
        self._rollup = rollup

    @rpc("optimism_rollupConfig")
    def rollup_config(self) -> Json:
        """The rollup config, as rollup.json has it."""
        return self._rollup.config.to_json()

    @rpc("optimism_version")
    def version(self) -> str:
        """Name and version."""
        return client_version()

    @rpc("optimism_syncStatus", heavy=True)
    def sync_status(self) -> Json:
        """The heads of both layers."""
        provider, heads = self._rollup.provider, self._chain.heads
        safe, pending = self._l2_ref(heads.safe.hash), self._rollup.driver.span_head
        return {
            "current_l1": _l1_json(self._rollup.driver.l1_origin),
            "current_l1_finalized": _l1_json(provider.finalized()),
            "head_l1": _l1_json(provider.head()),
            "safe_l1": _l1_json(provider.safe()),
            "finalized_l1": _l1_json(provider.finalized()),
            "unsafe_l2": self._l2_ref(heads.unsafe.hash),
            "safe_l2": safe,
            "finalized_l2": self._l2_ref(heads.finalized.hash),
            "pending_safe_l2": safe if pending is None else _l2_json(pending),
            "queued_unsafe_l2": _l2_json(None),
        }

    @rpc("optimism_outputAtBlock", _BLOCK, heavy=True)
    def output_at_block(self, block: BlockId) -> Json:
        """The output root of a block and what it is made of."""
        header = self._chain.resolve(block)
        output = _output(header)
        return {
            "version": data(bytes(32)),
            "outputRoot": data(output.root),
            "blockRef": self._l2_ref(header.hash),
            "withdrawalStorageRoot": data(output.message_passer_storage_root),
            "stateRoot": data(header.state_root),
            "syncStatus": self.sync_status(),
        }

    @rpc("optimism_safeHeadAtL1Block", _BLOCK)
    def safe_head_at_l1_block(self, block: BlockId) -> Json:
        """The safe head that L1 up to a block gives."""
        number = block.number
        if number is None:
            head = self._rollup.provider.head()
            number = 0 if head is None else head.number
        entry = self._rollup.driver.safe_head_log.at_l1(number)
        if entry is None:
            raise RpcError(errors.RESOURCE_NOT_FOUND, "safe head not found")
        return {
            "l1Block": {"hash": data(entry.l1.hash), "number": entry.l1.number},
            "safeHead": {"hash": data(entry.l2.hash), "number": entry.l2.number},
        }

    def _l2_ref(self, block_hash: bytes) -> Json:
        block = self._chain.block(Hash32(block_hash))
        if block is None:
            return _l2_json(None)
        return _l2_json(l2_block_ref(self._rollup.config, block))


def _output(header: Header) -> OutputV0:
    """Since Isthmus the header itself holds the message passer's storage root."""
    if header.withdrawals_root is None:
        raise RpcError(errors.SERVER_ERROR, f"block {header.number} has no withdrawals root")
    return OutputV0(header.state_root, header.withdrawals_root, header.hash)


def _l1_json(ref: L1BlockRef | None) -> Json:
    if ref is None:
        return {"hash": data(bytes(32)), "number": 0, "parentHash": data(bytes(32)), "timestamp": 0}
    return {
        "hash": data(ref.hash),
        "number": ref.number,
        "parentHash": data(ref.parent_hash),
        "timestamp": ref.timestamp,
    }


def _l2_json(ref: L2BlockRef | None) -> Json:
    if ref is None:
        origin: Json = {"hash": data(bytes(32)), "number": 0}
        return {**_l1_json(None), "l1origin": origin, "sequenceNumber": 0}
    return {
        "hash": data(ref.hash),
        "number": ref.number,
        "parentHash": data(ref.parent_hash),
        "timestamp": ref.timestamp,
        "l1origin": {"hash": data(ref.l1_origin.hash), "number": ref.l1_origin.number},
        "sequenceNumber": ref.sequence_number,
    }
