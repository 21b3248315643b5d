"""What an audit needs, fetched: the chain's record of a request, and the documents it names.

Documents come from a worker's directory or a gateway's URL; either way they are checked against
their hash by the content store. Knows nothing of what must follow from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ai.datasets.rows import decode_contribution
from ai.datasets.snapshot import Contribution
from ai.datasets.store import ContentStore, CorruptContent
from ai.gateway.client import GatewayClient, GatewayRefused
from ai.worker.client import ChainClient
from ai.worker.datanets import contributions_of
from chain.crypto.keccak import keccak256
from chain.errors import StemmaError
from chain.types import ZERO_ADDRESS, Hash32
from genesis.interfaces import INFERENCE_ESCROW, MODEL_REGISTRY, PROOF_OF_ATTRIBUTION

from .audit import ChainRecord, Payment


class NotSettled(StemmaError):
    """The chain knows no settlement of this request."""


async def chain_record(client: ChainClient, request_id: Hash32) -> ChainRecord:
    """All that the chain says of a settled request. Raises NotSettled, RpcError."""
    found = await client.events(PROOF_OF_ATTRIBUTION, "Settled", request_id)
    if not found:
        raise NotSettled(f"request 0x{request_id.hex()}: no settlement on this chain")
    settled, raw = found[0]
    adapter_id = Hash32(settled.arguments["adapterId"])
    adapter = await client.view(MODEL_REGISTRY, "getAdapter", adapter_id)
    transaction = await client.rpc("eth_getTransactionByHash", raw["transactionHash"])
    paid = await client.events(PROOF_OF_ATTRIBUTION, "Paid", request_id)
    job = await client.view(MODEL_REGISTRY, "getJob", adapter["jobId"])
    return ChainRecord(
        chain_id=await client.chain_id(),
        request_id=request_id,
        request=await client.view(INFERENCE_ESCROW, "getRequest", request_id),
        prices=await client.view(INFERENCE_ESCROW, "pricesOf", request_id),
        settled=settled.arguments,
        payments=[_payment(event.arguments) for event, _ in paid],
        settle_calldata=bytes.fromhex(transaction["input"][2:]),
        adapter=adapter,
        royalties=await client.view(MODEL_REGISTRY, "getRoyalties", adapter_id),
        contributions=await contributions_of(
            client, adapter["datanetId"], Hash32(adapter["snapshotRoot"])
        ),
        training_worker=job.get("worker", ZERO_ADDRESS),
    )


def _payment(arguments: Mapping[str, Any]) -> Payment:
    return arguments["account"], arguments["role"], arguments["amountWei"]


async def fetch_documents(gateway: GatewayClient, record: ChainRecord, into: ContentStore) -> None:
    """Copy the documents an audit of this request needs from a gateway into a local store.

    Raises CorruptContent where the gateway sends bytes of another hash; what it does not have is
    left out, and the audit will say so.
    """
    for name in ("promptHash", "outputHash", "evidenceHash"):
        await _fetch_blob(gateway, Hash32(record.settled[name]), into)
    await _fetch_rows(gateway, record.contributions, into)


async def _fetch_blob(gateway: GatewayClient, name: Hash32, into: ContentStore) -> None:
    try:
        data = await gateway.content(name)
    except GatewayRefused:
        return
    if keccak256(data) != name:
        raise CorruptContent(
            f"content 0x{name.hex()}: {gateway.url} sent bytes that hash to "
            f"0x{keccak256(data).hex()}"
        )
    into.put(data)


async def _fetch_rows(
    gateway: GatewayClient, contributions: Sequence[Contribution], into: ContentStore
) -> None:
    for each in contributions:
        try:
            data = await gateway.contribution(each.datanet_id, each.contribution_id)
        except GatewayRefused:
            continue
        into.put_contribution(each.contributor, decode_contribution(data))
