"""stemma_: Datanets, models, requests and receipts, read from the native precompiles' own state.

Everything here can also be had with eth_call and eth_getLogs and the published ABI; this is the
short way. Integers are QUANTITY strings, bytes and addresses are DATA strings, as everywhere in
JSON-RPC.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from chain.block import Header
from chain.types import Hash32
from evm.call import BlockOverride
from genesis.interfaces import (
    DATANET_REGISTRY,
    INFERENCE_ESCROW,
    MODEL_REGISTRY,
    PROOF_OF_ATTRIBUTION,
    WORKER_REGISTRY,
    Interface,
    decode_event,
)
from rollup.dispute.refused_batches import refused_of

from ..snapshot.note import NOTE
from . import errors, parameters
from .backend import Backend
from .calls import raise_if_failed
from .errors import RpcError
from .eth_filters import bloom_may_match
from .hexadecimal import data, quantity
from .jsonrpc import Parameter, rpc
from .parameters import LATEST, BlockId, LogFilter, TransactionArguments
from .serialise import Json, logs_of

_ID = Parameter("datanetId", parameters.number)
_HASH = Parameter("id", parameters.hash32)
_BLOCK = Parameter("block", parameters.block_id, LATEST)
_PAGE = 100

_STATUS_NAMES = {
    "contribution": {0: "pending", 1: "approved", 2: "rejected", 3: "revoked"},
    "worker": {0: "none", 1: "active", 2: "exiting"},
    "job": {0: "none", 1: "open", 2: "claimed", 3: "done", 4: "refunded"},
    "request": {0: "none", 1: "open", 2: "settled", 3: "refunded"},
}
_ROLE_NAMES = {
    1: "platform",
    2: "host",
    3: "stakers",
    4: "contributor",
    5: "adapter_owner",
    6: "base_owner",
}


def to_json(value: object) -> object:
    """A decoded ABI value as JSON-RPC writes it."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return quantity(value)
    if isinstance(value, (bytes, bytearray)):
        return data(bytes(value))
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def fields_to_json(fields: Mapping[str, Any], status: str | None = None) -> Json:
    """Named ABI values as a JSON object; `status` names what the status number means."""
    body: Json = {name: to_json(value) for name, value in fields.items()}
    if status is not None:
        number = int(fields["status"])
        body["status"] = _STATUS_NAMES[status].get(number, quantity(number))
    return body


class StemmaNamespace:
    """stemma_getDatanet, listDatanets, getContribution, getVersion, getAdapter, listModels, …"""

    def __init__(self, backend: Backend) -> None:
        """Read through the backend."""
        self._backend = backend
        self._scanned: Header | None = None
        self._models: dict[Hash32, Json] = {}

    @rpc("stemma_snapshot")
    def snapshot(self) -> Json | None:
        """Where the chain of this node begins, if it was joined by a snapshot; null if not."""
        note = self._backend.engine.store.meta(NOTE)
        return None if note is None else cast("Json", json.loads(note))

    @rpc("stemma_getRefusedTransactions", _BLOCK)
    def refused_transactions(self, block: BlockId) -> list[str]:
        """Of a block that fell back to deposits alone on a chain with a batch inbox: the raw
        transactions of its batch, one of which was invalid. Of any other block none.
        """
        header = self._backend.resolve(block)
        return [data(raw) for raw in refused_of(self._backend.engine.store, header.hash)]

    def _view(
        self, interface: Interface, name: str, block: BlockId, *arguments: object
    ) -> dict[str, Any]:
        """Call a view of a precompile. Raises RpcError with the precompile's own reason."""
        request = TransactionArguments(
            to=interface.address, data=interface.encode_call(name, *arguments)
        )
        header = self._backend.resolve(block)
        result = self._backend.calls.call(request, header, {}, BlockOverride())
        raise_if_failed(result)
        return interface.decode_result(name, result.output)

    # Datanets

    @rpc("stemma_getDatanet", _ID, _BLOCK, heavy=True)
    def get_datanet(self, datanet_id: int, block: BlockId) -> Json:
        """Owner, access, licence and counts of a Datanet."""
        found = self._view(DATANET_REGISTRY, "getDatanet", block, datanet_id)
        return {"datanetId": quantity(datanet_id), **fields_to_json(found)}

    @rpc("stemma_listDatanets", Parameter("first", parameters.number, 1),
         Parameter("count", parameters.number, _PAGE), _BLOCK, heavy=True)  # fmt: skip
    def list_datanets(self, first: int, count: int, block: BlockId) -> Json:
        """Datanets from an id on, at most 100 at a time, and how many there are."""
        total = self._view(DATANET_REGISTRY, "datanetCount", block)["count"]
        last = min(first + min(count, _PAGE) - 1, total)
        listed = [self.get_datanet(number, block) for number in range(max(first, 1), last + 1)]
        return {"total": quantity(total), "datanets": listed}

    @rpc("stemma_getContribution", _ID, Parameter("contributionId", parameters.number), _BLOCK,
         heavy=True)  # fmt: skip
    def get_contribution(self, datanet_id: int, contribution_id: int, block: BlockId) -> Json:
        """Contributor, content root, rows and status of a contribution."""
        found = self._view(DATANET_REGISTRY, "getContribution", block, datanet_id, contribution_id)
        return fields_to_json(found, "contribution")

    @rpc("stemma_getVersion", _ID, Parameter("version", parameters.number), _BLOCK, heavy=True)
    def get_version(self, datanet_id: int, version: int, block: BlockId) -> Json:
        """Snapshot root, rows and block of a published version."""
        found = self._view(DATANET_REGISTRY, "getVersion", block, datanet_id, version)
        return fields_to_json(found)

    # Models

    @rpc("stemma_getAdapter", _HASH, _BLOCK, heavy=True)
    def get_adapter(self, adapter_id: Hash32, block: BlockId) -> Json:
        """Owner, base model, data and prices of an adapter."""
        found = self._view(MODEL_REGISTRY, "getAdapter", block, adapter_id)
        return {"adapterId": data(adapter_id), **fields_to_json(found)}

    @rpc("stemma_getJob", Parameter("jobId", parameters.number), _BLOCK, heavy=True)
    def get_job(self, job_id: int, block: BlockId) -> Json:
        """A training job."""
        found = self._view(MODEL_REGISTRY, "getJob", block, job_id)
        return {"jobId": quantity(job_id), **fields_to_json(found, "job")}

    @rpc("stemma_listModels", heavy=True)
    def list_models(self) -> list[Json]:
        """Every adapter registered so far, in order, with its current prices."""
        self._scan_models()
        return [self.get_adapter(adapter_id, LATEST) for adapter_id in list(self._models)]

    def _scan_models(self) -> None:
        """Read AdapterRegistered events of blocks not looked at yet; anew after a reorg."""
        head = self._backend.head()
        done = self._scanned
        if done is not None:
            canonical = self._backend.header_by_number(done.number)
            if canonical is None or canonical.hash != done.hash:
                done, self._models = None, {}
        first = 0 if done is None else done.number + 1
        for arguments in self._events(first, head.number, MODEL_REGISTRY, "AdapterRegistered"):
            self._models.setdefault(Hash32(arguments["adapterId"]), fields_to_json(arguments))
        self._scanned = head

    def _events(
        self, first: int, last: int, interface: Interface, name: str
    ) -> Iterator[Mapping[str, Any]]:
        topic = interface.event(name).topic
        wanted = LogFilter(addresses=frozenset((interface.address,)), topics=(frozenset((topic,)),))
        for number in range(first, last + 1):
            header = self._backend.header_by_number(number)
            if header is None or not bloom_may_match(header.logs_bloom, wanted):
                continue
            found = self._backend.block_with_receipts(header.hash)
            for receipt in found[1] if found is not None else ():
                for log in receipt.logs:
                    event = decode_event(log)
                    if event is not None and event.name == name:
                        yield event.arguments

    # Workers

    @rpc("stemma_getWorker", Parameter("address", parameters.address), _BLOCK, heavy=True)
    def get_worker(self, worker: bytes, block: BlockId) -> Json:
        """Bond, capability and status of a worker."""
        found = self._view(WORKER_REGISTRY, "getWorker", block, "0x" + worker.hex())
        return fields_to_json(found, "worker")

    # Requests and receipts

    @rpc("stemma_getRequest", _HASH, _BLOCK, heavy=True)
    def get_request(self, request_id: Hash32, block: BlockId) -> Json:
        """A paid request as the escrow has it."""
        found = self._view(INFERENCE_ESCROW, "getRequest", block, request_id)
        return {"requestId": data(request_id), **fields_to_json(found, "request")}

    @rpc("stemma_getSettlement", _HASH, _BLOCK, heavy=True)
    def get_settlement(self, request_id: Hash32, block: BlockId) -> Json:
        """What was settled for a request."""
        found = self._view(PROOF_OF_ATTRIBUTION, "getSettlement", block, request_id)
        return {"requestId": data(request_id), **fields_to_json(found)}

    @rpc("stemma_getReceipt", _HASH, heavy=True)
    def get_receipt(self, request_id: Hash32) -> Json | None:
        """Request, settlement and every payout of one answer; null until it is settled."""
        request = self.get_request(request_id, LATEST)
        if request["status"] != "settled":
            return None
        settlement = self._view(PROOF_OF_ATTRIBUTION, "getSettlement", LATEST, request_id)
        header = self._backend.header_by_number(int(settlement["blockNumber"]))
        found = None if header is None else self._backend.block_with_receipts(header.hash)
        if found is None:
            raise RpcError(errors.RESOURCE_NOT_FOUND, "the settlement's block is not here")
        payouts: list[Json] = []
        transaction_hash: object = None
        for log, body in logs_of(*found):
            event = decode_event(log)
            if event is None or bytes(event.arguments.get("requestId", b"")) != request_id:
                continue
            transaction_hash = body["transactionHash"]
            if event.name == "Paid":
                role = int(event.arguments["role"])
                payouts.append(
                    {
                        "account": to_json(event.arguments["account"]),
                        "role": _ROLE_NAMES.get(role, quantity(role)),
                        "amountWei": quantity(event.arguments["amountWei"]),
                    }
                )
        return {
            "request": request,
            "settlement": {"requestId": data(request_id), **fields_to_json(settlement)},
            "payouts": payouts,
            "transactionHash": transaction_hash,
        }
