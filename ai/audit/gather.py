"""What an audit needs, fetched: the chain's record of a request, and the documents it names.

Documents come from a worker's directory or a gateway's URL; either way they are checked against
their hash by the content store. Knows nothing of what must follow from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ai.datasets.rows import content_root, decode_contribution
from ai.datasets.snapshot import Contribution
from ai.datasets.store import ContentStore
from ai.gateway.client import GatewayClient, GatewayRefused
from ai.worker.client import ChainClient, RpcError
from ai.worker.datanets import contributions_of
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError, StemmaError
from chain.types import Hash32
from genesis.interfaces import (
    INFERENCE_ESCROW,
    MODEL_REGISTRY,
    PROOF_OF_ATTRIBUTION,
    WORKER_REGISTRY,
)

from .record import ChainRecord, Payment, TrainingRecord


class NotSettled(StemmaError):
    """The chain knows no settlement of this request; the message says what it does know."""


_STATUS_WORDS = {1: "open: its answer is not settled yet", 3: "refunded: nobody was paid"}


async def chain_record(client: ChainClient, request_id: Hash32) -> ChainRecord:
    """All that the chain says of a settled request. Raises NotSettled, RpcError."""
    found = await client.events(PROOF_OF_ATTRIBUTION, "Settled", request_id)
    if not found:
        raise NotSettled(f"request 0x{request_id.hex()} {await _what_became(client, request_id)}")
    settled, raw = found[0]
    adapter_id = Hash32(settled.arguments["adapterId"])
    adapter = await client.view(MODEL_REGISTRY, "getAdapter", adapter_id)
    paid = await client.events(PROOF_OF_ATTRIBUTION, "Paid", request_id)
    bonded = await client.view(WORKER_REGISTRY, "totalBond", block=raw["blockNumber"])
    return ChainRecord(
        chain_id=await client.chain_id(),
        request_id=request_id,
        request=await client.view(INFERENCE_ESCROW, "getRequest", request_id),
        prices=await client.view(INFERENCE_ESCROW, "pricesOf", request_id),
        settled=settled.arguments,
        settle_tx=raw["transactionHash"],
        block_number=int(raw["blockNumber"], 16),
        # what contributors claim later by proof of a share is paid in transactions of their own
        payments=[
            _payment(event.arguments)
            for event, log in paid
            if log["transactionHash"] == raw["transactionHash"]
        ],
        settle_calldata=await _calldata(client, raw["transactionHash"]),
        adapter=adapter,
        royalties=await client.view(MODEL_REGISTRY, "getRoyalties", adapter_id),
        bonded_wei=int(next(iter(bonded.values()))),
        contributions=await contributions_of(
            client, adapter["datanetId"], Hash32(adapter["snapshotRoot"])
        ),
        training=await _training_record(client, adapter["jobId"], adapter_id),
    )


async def _what_became(client: ChainClient, request_id: Hash32) -> str:
    try:
        request = await client.view(INFERENCE_ESCROW, "getRequest", request_id)
    except RpcError:
        return "is unknown to this chain"
    return "is " + _STATUS_WORDS.get(request["status"], f"in state {request['status']}")


async def _training_record(client: ChainClient, job_id: int, adapter_id: Hash32) -> TrainingRecord:
    found = await client.events(MODEL_REGISTRY, "TrainingSubmitted", job_id, adapter_id)
    if not found:
        raise NotSettled(f"adapter 0x{adapter_id.hex()}: no submission of job {job_id} on chain")
    submitted, raw = found[0]
    return TrainingRecord(
        job_id=job_id,
        job=await client.view(MODEL_REGISTRY, "getJob", job_id),
        submitted=submitted.arguments,
        submit_calldata=await _calldata(client, raw["transactionHash"]),
        submit_tx=raw["transactionHash"],
    )


async def _calldata(client: ChainClient, transaction_hash: str) -> bytes:
    transaction = await client.rpc("eth_getTransactionByHash", transaction_hash)
    return bytes.fromhex(transaction["input"][2:])


def _payment(arguments: Mapping[str, Any]) -> Payment:
    return arguments["account"], arguments["role"], arguments["amountWei"]


async def fetch_documents(
    gateway: GatewayClient, record: ChainRecord, into: ContentStore
) -> list[str]:
    """Copy the documents an audit of this request needs from a gateway into a local store.

    Returns what is wrong with those that came altered. What the gateway does not have is left out:
    the check that needs it will say so. Raises GatewayUnreachable.
    """
    names = [record.settled[name] for name in ("promptHash", "outputHash", "evidenceHash")]
    names += [record.training.job["recipeHash"], record.training.submitted["metricsHash"]]
    problems = [await _fetch_blob(gateway, Hash32(name), into) for name in names]
    problems += [await _fetch_rows(gateway, each, into) for each in record.contributions]
    return [problem for problem in problems if problem]


async def _fetch_blob(gateway: GatewayClient, name: Hash32, into: ContentStore) -> str:
    try:
        data = await gateway.content(name)
    except GatewayRefused:
        return ""
    found = keccak256(data)
    if found != name:
        return f"content 0x{name.hex()}: {gateway.url} sent bytes that hash to 0x{found.hex()}"
    into.put(data)
    return ""


async def _fetch_rows(gateway: GatewayClient, each: Contribution, into: ContentStore) -> str:
    place = f"contribution {each.contribution_id} of datanet {each.datanet_id}"
    try:
        rows = decode_contribution(
            await gateway.contribution(each.datanet_id, each.contribution_id), place
        )
    except GatewayRefused:
        return ""
    except DecodeError as error:
        return f"{gateway.url} sent what cannot be read: {error}"
    found = content_root(each.contributor, rows)
    if found != each.content_root:
        return (
            f"{place}: content root on chain 0x{each.content_root.hex()}, root of the rows that "
            f"{gateway.url} sent 0x{found.hex()}"
        )
    into.put_contribution(each.contributor, rows)
    return ""
