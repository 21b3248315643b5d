"""engine_: the methods by which a consensus client drives our execution.

    version           1       2           3        4         5
    newPayload        Paris   + Shanghai  Cancun   Prague+
    forkchoiceUpdated Paris   + Shanghai  Cancun+
    getPayload        Paris   + Shanghai  Cancun   Prague    Osaka+

A method of the wrong version for a payload's time answers -38005, a field of the wrong version
-32602 (in attributes -38003). On an L2 the eras are those of the OP fork that brings them along:
Canyon, Ecotone, Isthmus, Karst.

Source: execution-apis src/engine; OP Stack specs, protocol/exec-engine.md, "Engine API".
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from chain.block import Header
from chain.errors import DecodeError, StemmaError
from chain.transaction import BlobTransaction
from chain.types import Hash32
from evm.executor import PayloadAttributes
from genesis.config import ForkTimes

from ..rpc import parameters
from ..rpc.backend import Backend
from ..rpc.errors import InvalidParameter
from ..rpc.hexadecimal import data
from ..rpc.jsonrpc import Parameter, methods_of, rpc
from ..rpc.net import client_version
from ..rpc.serialise import Json
from ..writer import Writer
from . import errors, payloads
from .errors import EngineApiError
from .execution import PAYLOAD_ID_BYTES, Execution, PayloadId, PayloadStatus, block_value_wei
from .payloads import AttributesJson, BlockExtras, ForkchoiceState

logger = logging.getLogger("stemma.engine")

PARIS, SHANGHAI, CANCUN, PRAGUE, OSAKA = range(5)
MAX_BODIES: Final = 1_024
CLIENT_CODE: Final = "ST"
_ERA_FORKS: Final = (
    (OSAKA, "osaka"),
    (PRAGUE, "prague"),
    (CANCUN, "cancun"),
    (SHANGHAI, "shanghai"),
)
_ERA_NAMES: Final = ("Paris", "Shanghai", "Cancun", "Prague", "Osaka")
_NEW_PAYLOAD_ERAS: Final = {1: (PARIS,), 2: (PARIS, SHANGHAI), 3: (CANCUN,), 4: (PRAGUE, OSAKA)}
_FORKCHOICE_ERAS: Final = {1: (PARIS,), 2: (PARIS, SHANGHAI), 3: (CANCUN, PRAGUE, OSAKA)}
_GET_PAYLOAD_ERAS: Final = {
    1: (PARIS,), 2: (PARIS, SHANGHAI), 3: (CANCUN,), 4: (PRAGUE,), 5: (OSAKA,),
}  # fmt: skip
_Result = TypeVar("_Result")

_PAYLOAD = Parameter("payload", parameters.json_object)
_VERSIONED_HASHES = Parameter("expectedBlobVersionedHashes", payloads.hashes)
_BEACON_ROOT = Parameter("parentBeaconBlockRoot", parameters.hash32)
_REQUESTS = Parameter("executionRequests", payloads.byte_strings)
_STATE = Parameter("forkchoiceState", payloads.read_forkchoice)
_ATTRIBUTES = Parameter("payloadAttributes", parameters.json_object, None)


def _payload_id(value: object) -> PayloadId:
    raw = parameters.hex_bytes(value)
    if len(raw) != PAYLOAD_ID_BYTES:
        raise InvalidParameter(f"expected {PAYLOAD_ID_BYTES} bytes, got {len(raw)}")
    return raw


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidParameter("expected a list of method names")
    return tuple(parameters.text(item) for item in value)


_PAYLOAD_ID = Parameter("payloadId", _payload_id)


def era_at(forks: ForkTimes, timestamp: int) -> int:
    """The era of Ethereum that a block of that time belongs to, on an L2 as well."""
    if forks.is_active("karst", timestamp):
        return OSAKA
    return next((era for era, fork in _ERA_FORKS if forks.is_active(fork, timestamp)), PARIS)


class EngineNamespace:
    """engine_newPayload, forkchoiceUpdated, getPayload, getPayloadBodies, and who we are."""

    def __init__(self, backend: Backend, execution: Execution, writer: Writer) -> None:
        """Everything that touches the chain runs in its writer's thread."""
        self._backend = backend
        self._config = backend.engine.config
        self._execution = execution
        self._writer = writer

    # -- newPayload

    @rpc("engine_newPayloadV1", _PAYLOAD)
    async def new_payload_v1(self, payload: Json) -> Json:
        """A block of Paris."""
        return await self._new_payload(1, payload, BlockExtras())

    @rpc("engine_newPayloadV2", _PAYLOAD)
    async def new_payload_v2(self, payload: Json) -> Json:
        """A block of Paris or Shanghai."""
        return await self._new_payload(2, payload, BlockExtras())

    @rpc("engine_newPayloadV3", _PAYLOAD, _VERSIONED_HASHES, _BEACON_ROOT)
    async def new_payload_v3(
        self, payload: Json, blob_hashes: tuple[Hash32, ...], beacon_root: Hash32
    ) -> Json:
        """A block of Cancun."""
        return await self._new_payload(3, payload, BlockExtras(beacon_root), blob_hashes)

    @rpc("engine_newPayloadV4", _PAYLOAD, _VERSIONED_HASHES, _BEACON_ROOT, _REQUESTS)
    async def new_payload_v4(
        self,
        payload: Json,
        blob_hashes: tuple[Hash32, ...],
        beacon_root: Hash32,
        requests: tuple[bytes, ...],
    ) -> Json:
        """A block of Prague or later."""
        extras = BlockExtras(beacon_root, requests)
        return await self._new_payload(4, payload, extras, blob_hashes)

    async def _new_payload(
        self,
        version: int,
        item: Json,
        extras: BlockExtras,
        blob_hashes: tuple[Hash32, ...] | None = None,
    ) -> Json:
        time = _checked(lambda: payloads.uint64(item.get("timestamp")), "timestamp")
        era = era_at(self._config.forks, time)
        _require_shape(item, version, era)
        self._require_era("engine_newPayload", version, _NEW_PAYLOAD_ERAS, time)
        try:
            payload = payloads.read_payload(item, extras)
        except InvalidParameter:
            raise
        except DecodeError as error:
            parent = parameters.hash32(item["parentHash"])
            return _status_json(self._execution.refuse_payload(parent, str(error)))
        if blob_hashes is not None and blob_hashes != _blob_hashes(payload.block.transactions):
            reason = "expectedBlobVersionedHashes are not those of the payload"
            return _status_json(PayloadStatus("INVALID", error=reason))
        return _status_json(await self._run(lambda: self._execution.new_payload(payload)))

    # -- forkchoiceUpdated

    @rpc("engine_forkchoiceUpdatedV1", _STATE, _ATTRIBUTES)
    async def forkchoice_updated_v1(self, state: ForkchoiceState, attributes: Json | None) -> Json:
        """Move the heads; begin a block of Paris where attributes are given."""
        return await self._forkchoice_updated(1, state, attributes)

    @rpc("engine_forkchoiceUpdatedV2", _STATE, _ATTRIBUTES)
    async def forkchoice_updated_v2(self, state: ForkchoiceState, attributes: Json | None) -> Json:
        """Move the heads; begin a block of Paris or Shanghai where attributes are given."""
        return await self._forkchoice_updated(2, state, attributes)

    @rpc("engine_forkchoiceUpdatedV3", _STATE, _ATTRIBUTES)
    async def forkchoice_updated_v3(self, state: ForkchoiceState, attributes: Json | None) -> Json:
        """Move the heads; begin a block of Cancun or later where attributes are given."""
        return await self._forkchoice_updated(3, state, attributes)

    async def _forkchoice_updated(
        self, version: int, state: ForkchoiceState, attributes: Json | None
    ) -> Json:
        """The heads move first, and stay where they are when the attributes are refused."""

        def act() -> tuple[PayloadStatus, PayloadId | None]:
            status = self._execution.forkchoice(state)
            if attributes is None or status.status != "VALID":
                return status, None
            return status, self._begin(version, state.head, attributes)

        status, payload_id = await self._run(act)
        return {
            "payloadStatus": _status_json(status),
            "payloadId": None if payload_id is None else data(payload_id),
        }

    def _begin(self, version: int, head_hash: Hash32, item: Json) -> PayloadId:
        head = self._backend.header_by_hash(head_hash)
        assert head is not None  # noqa: S101 - the fork choice has just found it
        try:
            read = payloads.read_attributes(item)
            _require_attributes(read, version)
        except InvalidParameter as error:
            raise EngineApiError(errors.INVALID_PAYLOAD_ATTRIBUTES, str(error)) from error
        self._require_era("engine_forkchoiceUpdated", version, _FORKCHOICE_ERAS, read.timestamp)
        if read.timestamp <= head.timestamp:
            raise EngineApiError(
                errors.INVALID_PAYLOAD_ATTRIBUTES,
                f"timestamp {read.timestamp} is not after the head's {head.timestamp}",
            )
        attributes = build_attributes(self._backend, head, read)
        return self._execution.begin(attributes, version, uses_pool=not read.no_tx_pool)

    # -- getPayload

    @rpc("engine_getPayloadV1", _PAYLOAD_ID)
    async def get_payload_v1(self, payload_id: PayloadId) -> Json:
        """A block of Paris that was begun here."""
        envelope = await self._get_payload(1, payload_id)
        return parameters.json_object(envelope["executionPayload"])

    @rpc("engine_getPayloadV2", _PAYLOAD_ID)
    async def get_payload_v2(self, payload_id: PayloadId) -> Json:
        """A block of Paris or Shanghai, and its value."""
        return await self._get_payload(2, payload_id)

    @rpc("engine_getPayloadV3", _PAYLOAD_ID)
    async def get_payload_v3(self, payload_id: PayloadId) -> Json:
        """A block of Cancun, its value and its blobs."""
        return await self._get_payload(3, payload_id)

    @rpc("engine_getPayloadV4", _PAYLOAD_ID)
    async def get_payload_v4(self, payload_id: PayloadId) -> Json:
        """A block of Prague, with its requests of the beacon chain."""
        return await self._get_payload(4, payload_id)

    @rpc("engine_getPayloadV5", _PAYLOAD_ID)
    async def get_payload_v5(self, payload_id: PayloadId) -> Json:
        """A block of Osaka."""
        return await self._get_payload(5, payload_id)

    async def _get_payload(self, version: int, payload_id: PayloadId) -> Json:
        def act() -> Json:
            time = self._execution.timestamp_of(payload_id)
            if time is not None:
                self._require_era("engine_getPayload", version, _GET_PAYLOAD_ERAS, time)
            result = self._execution.payload(payload_id)
            return payloads.envelope_json(
                result.block,
                block_value_wei(result),
                result.requests,
                version,
                is_optimism=self._config.is_optimism,
            )

        return await self._run(act)

    # -- bodies

    @rpc("engine_getPayloadBodiesByHashV1", Parameter("hashes", payloads.hashes), heavy=True)
    def bodies_by_hash(self, wanted: tuple[Hash32, ...]) -> list[Json | None]:
        """The bodies of blocks, null for those that are not here."""
        _require_few(len(wanted))
        blocks = [self._backend.block(block_hash) for block_hash in wanted]
        return [None if block is None else payloads.body_json(block) for block in blocks]

    @rpc("engine_getPayloadBodiesByRangeV1", Parameter("start", payloads.uint64),
         Parameter("count", payloads.uint64), heavy=True)  # fmt: skip
    def bodies_by_range(self, start: int, count: int) -> list[Json | None]:
        """The bodies of canonical blocks from a height on, as far as the chain goes."""
        if start < 1 or count < 1:
            raise InvalidParameter(f"start {start} and count {count} have to be at least 1")
        _require_few(count)
        last = min(start + count - 1, self._backend.head().number)
        blocks = [self._backend.engine.block_by_number(n) for n in range(start, last + 1)]
        return [None if block is None else payloads.body_json(block) for block in blocks]

    # -- who we are

    @rpc("engine_exchangeCapabilities", Parameter("capabilities", _texts, ()))
    def exchange_capabilities(self, theirs: tuple[str, ...]) -> list[str]:
        """The methods that are answered here; both sides compare."""
        ours = capabilities(self)
        missing = sorted(set(theirs) - set(ours) - {"engine_exchangeCapabilities"})
        if missing:
            logger.info("the consensus client also speaks %s", ", ".join(missing))
        return ours

    @rpc("engine_getClientVersionV1", Parameter("clientVersion", parameters.json_object, None))
    def get_client_version(self, theirs: Json | None) -> list[Json]:
        """Name and version of this client."""
        if theirs is not None:
            logger.info("consensus client: %s", str(theirs.get("name"))[:60])
        name, number = client_version().split("/")[:2]
        return [{"code": CLIENT_CODE, "name": name, "version": number, "commit": "0x00000000"}]

    # -- inside

    def _require_era(
        self, method: str, version: int, eras: dict[int, tuple[int, ...]], timestamp: int
    ) -> None:
        era = era_at(self._config.forks, timestamp)
        if era not in eras[version]:
            raise EngineApiError(
                errors.UNSUPPORTED_FORK,
                f"{method}V{version} is not for {_ERA_NAMES[era]}, in force at {timestamp}",
            )

    def _run(self, action: Callable[[], _Result]) -> Awaitable[_Result]:
        return self._writer.run(action)


def capabilities(namespace: EngineNamespace) -> list[str]:
    """Every engine_ method but the one that asks for them."""
    return sorted(set(methods_of(namespace)) - {"engine_exchangeCapabilities"})


def build_attributes(backend: Backend, head: Header, read: AttributesJson) -> PayloadAttributes:
    """What the executor is told. Raises EngineApiError for what the head's chain does not take."""
    config = backend.engine.config
    try:
        transactions = payloads.decode_all(read.transactions or ())
        if config.is_optimism:
            _require_optimism_attributes(config.forks, read)
    except StemmaError as error:
        raise EngineApiError(errors.INVALID_PAYLOAD_ATTRIBUTES, str(error)) from error
    attributes = PayloadAttributes(
        parent_hash=head.hash,
        timestamp=read.timestamp,
        prev_randao=read.prev_randao,
        fee_recipient=read.fee_recipient,
        gas_limit=read.gas_limit or head.gas_limit,
        transactions=transactions,
        eip1559_params=read.eip1559_params,
        min_base_fee=read.min_base_fee,
        withdrawals=read.withdrawals or (),
    )
    if read.parent_beacon_block_root is not None:
        attributes = dataclasses.replace(
            attributes, parent_beacon_block_root=read.parent_beacon_block_root
        )
    return attributes


def _require_optimism_attributes(forks: ForkTimes, read: AttributesJson) -> None:
    """The OP Stack's own fields, each from its fork on. Raises InvalidParameter."""
    if read.gas_limit is None:
        raise InvalidParameter("gasLimit is missing")
    for name, value, fork in (
        ("eip1559Params", read.eip1559_params, "holocene"),
        ("minBaseFee", read.min_base_fee, "jovian"),
    ):
        is_active = forks.is_active(fork, read.timestamp)
        if is_active != (value is not None):
            verb = "is missing since" if is_active else "is not known before"
            raise InvalidParameter(f"{name} {verb} {fork.capitalize()}")
    if read.eip1559_params is not None:
        denominator, elasticity = read.eip1559_params
        if (denominator == 0) != (elasticity == 0):
            raise InvalidParameter(
                f"eip1559Params: denominator {denominator}, elasticity {elasticity}: both or none"
            )


def _require_attributes(read: AttributesJson, version: int) -> None:
    """The fields of a version, no more and no fewer. Raises InvalidParameter."""
    for name, value, since in (
        ("withdrawals", read.withdrawals, 2),
        ("parentBeaconBlockRoot", read.parent_beacon_block_root, 3),
    ):
        if version < since and value is not None:
            raise InvalidParameter(f"{name} is not part of version {version}")
        if version >= 3 and value is None:
            raise InvalidParameter(f"{name} is missing")


def _require_shape(item: Json, version: int, era: int) -> None:
    """The fields of a payload's version, no more and no fewer. Raises InvalidParameter."""
    has_withdrawals = item.get("withdrawals") is not None
    if version == 1 and has_withdrawals:
        raise InvalidParameter("payload: withdrawals are not part of version 1")
    if version == 2 and era in (PARIS, SHANGHAI) and has_withdrawals != (era == SHANGHAI):
        raise InvalidParameter(
            f"payload: withdrawals {'before' if has_withdrawals else 'missing since'} Shanghai"
        )
    if version >= 3 and not has_withdrawals:
        raise InvalidParameter("payload: withdrawals is missing")
    for name in ("blobGasUsed", "excessBlobGas"):
        is_given = item.get(name) is not None
        if is_given != (version >= 3):
            verb = "is not part of" if is_given else "is missing in"
            raise InvalidParameter(f"payload: {name} {verb} version {version}")


def _checked(read: Callable[[], Any], name: str) -> Any:  # noqa: ANN401 - what `read` gives
    try:
        return read()
    except InvalidParameter as error:
        raise InvalidParameter(f"payload: {name}: {error}") from error


def _require_few(count: int) -> None:
    if count > MAX_BODIES:
        raise EngineApiError(errors.TOO_LARGE_REQUEST, f"{count} bodies, {MAX_BODIES} at most")


def _blob_hashes(transactions: Sequence[object]) -> tuple[Hash32, ...]:
    return tuple(
        versioned_hash
        for tx in transactions
        if isinstance(tx, BlobTransaction)
        for versioned_hash in tx.blob_versioned_hashes
    )


def _status_json(status: PayloadStatus) -> Json:
    return {
        "status": status.status,
        "latestValidHash": None if status.latest_valid is None else data(status.latest_valid),
        "validationError": status.error,
    }
