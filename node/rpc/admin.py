"""admin_: what an operator does to a running rollup node, by op-node's names.

Served to this machine only, or behind a token. Source: op-node/node/api.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from chain.errors import DecodeError
from chain.types import Hash32

from ..engine_api.payloads import BlockExtras, Payload, read_payload
from . import errors, parameters
from .errors import InvalidParameter, RpcError
from .hexadecimal import data
from .jsonrpc import Parameter, rpc


class SequencerSwitch(Protocol):
    """The sequencer as an operator sees it."""

    @property
    def is_active(self) -> bool:
        """Whether blocks are built."""
        ...

    async def start(self, head: Hash32) -> None:
        """Build on a head, which has to be the unsafe one. Raises StemmaError."""
        ...

    async def stop(self) -> Hash32:
        """Build no more; the hash of the last block. Raises StemmaError."""
        ...

    async def set_recover_mode(self, is_on: bool) -> None:
        """Take the next L1 origin at once and leave blocks empty, or stop doing so."""
        ...


def _envelope(value: object) -> Payload:
    """ExecutionPayloadEnvelope of op-node. Raises InvalidParameter."""
    item = parameters.json_object(value)
    root = item.get("parentBeaconBlockRoot")
    payload = parameters.json_object(item.get("executionPayload"))
    has_requests = payload.get("withdrawalsRoot") is not None  # both came with Isthmus
    extras = BlockExtras(
        None if root is None else parameters.hash32(root), () if has_requests else None
    )
    try:
        read = read_payload(payload, extras)
    except DecodeError as error:
        raise InvalidParameter(str(error)) from error
    if read.block.hash != read.claimed_hash:
        raise InvalidParameter(
            f"payload has bad block hash: 0x{read.claimed_hash.hex()}, "
            f"actual block hash is: 0x{read.block.hash.hex()}"
        )
    return read


class AdminNamespace:
    """admin_startSequencer, stopSequencer, sequencerActive and what else op-node has."""

    def __init__(
        self,
        sequencer: SequencerSwitch | None,
        reset: Callable[[], Awaitable[None]],
        insert: Callable[[Payload], Awaitable[None]],
    ) -> None:
        """`reset` has derivation start anew, `insert` takes an unsafe block."""
        self._sequencer = sequencer
        self._reset = reset
        self._insert = insert

    @rpc("admin_sequencerActive")
    def sequencer_active(self) -> bool:
        """Whether this node builds blocks now."""
        return self._sequencer is not None and self._sequencer.is_active

    @rpc("admin_startSequencer", Parameter("blockHash", parameters.hash32))
    async def start_sequencer(self, block_hash: Hash32) -> None:
        """Build on that block, which has to be the unsafe head."""
        await self._require_sequencer().start(block_hash)

    @rpc("admin_stopSequencer")
    async def stop_sequencer(self) -> str:
        """Build no more; the hash of the last block."""
        return data(await self._require_sequencer().stop())

    @rpc("admin_setRecoverMode", Parameter("mode", parameters.boolean))
    async def set_recover_mode(self, is_on: bool) -> None:
        """Have the sequencer catch up with L1 by empty blocks, or stop doing so."""
        await self._require_sequencer().set_recover_mode(is_on)

    @rpc("admin_resetDerivationPipeline")
    async def reset_derivation_pipeline(self) -> None:
        """Have derivation find its starting point again."""
        await self._reset()

    @rpc("admin_postUnsafePayload", Parameter("payload", _envelope))
    async def post_unsafe_payload(self, payload: Payload) -> None:
        """Take a block that the sequencer has sealed, ahead of L1."""
        await self._insert(payload)

    @rpc("admin_conductorEnabled")
    def conductor_enabled(self) -> bool:
        """False: sequencers are not elected here."""
        return False

    def _require_sequencer(self) -> SequencerSwitch:
        if self._sequencer is None:
            raise RpcError(errors.SERVER_ERROR, "sequencer is not enabled")
        return self._sequencer
