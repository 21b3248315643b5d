"""The demo from its first process to its verdict: acts of the story in order, then the proof.

Joins processes, story, audit and report. Knows nothing of command lines or printing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ai.audit.audit import audit
from ai.audit.gather import chain_record, fetch_documents
from ai.audit.record import Audit
from ai.datasets.store import ContentStore
from ai.gateway.client import GatewayClient
from ai.worker.client import ChainClient, TransactionFailed
from genesis.addresses import NATIVE_PRECOMPILES, PLATFORM_ACCOUNT, WORKER_REGISTRY

from .conservation import conservation
from .network import Network
from .report import ChainEnd, DemoReport
from .sources import PlannedDatanet
from .story import (
    Cast,
    GivenAnswer,
    Tell,
    TrainedAdapter,
    ask,
    claim_everything,
    contribute_all,
    gather_cast,
    train,
)

FUNDER: Final = "account0"
SAFE_TIMEOUT_S: Final = 120.0
POLL_S: Final = 0.25


@dataclass(slots=True)
class Stopwatch:
    """Seconds by act."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def act(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began


async def run_demo(
    directory: Path,
    plans: Sequence[PlannedDatanet],
    tell: Tell,
    *,
    l1_url: str | None = None,
    base_model: Path | None = None,
) -> DemoReport:
    """Run everything and report; all processes are stopped at the end, whatever happened."""
    watch = Stopwatch()
    network = Network(directory)
    try:
        with watch.act("total"):
            report = await _run(network, plans, tell, watch, l1_url, base_model)
    finally:
        await network.stop()
    return report


async def _run(
    network: Network,
    plans: Sequence[PlannedDatanet],
    tell: Tell,
    watch: Stopwatch,
    l1_url: str | None,
    base_model: Path | None,
) -> DemoReport:
    with watch.act("start"):
        if l1_url is not None and await network.keep_l1_going(l1_url):
            tell(f"{l1_url} makes blocks only for transactions: mining one a second while we run")
        run = await network.start_dev(l1_url, base_model)
        verifier_run = await network.start_verifier(run)
        tell(f"L1 {run['l1']['rpc']}, L2 {run['l2']['rpc']}, gateway {run['gateway']}")
        tell(f"verifier {verifier_run['l2']['rpc']}: it reads the L1 and nothing else")
    async with AsyncExitStack() as stack:
        sequencer = await stack.enter_async_context(ChainClient(run["l2"]["rpc"]))
        verifier = await stack.enter_async_context(ChainClient(verifier_run["l2"]["rpc"]))
        l1 = await stack.enter_async_context(ChainClient(run["l1"]["rpc"]))
        gateway = await stack.enter_async_context(GatewayClient(run["gateway"]))
        cast, trained, answers = await _acts(run, plans, sequencer, gateway, tell, watch)
        with watch.act("claims"):
            claimed = await claim_everything(cast, answers, tell)
        with watch.act("derivation"):
            ends = await _both_ends(sequencer, verifier, tell)
        with watch.act("audits"):
            audits = await _audit_all(verifier, gateway, answers, network.directory, tell)
        return DemoReport(
            l1_client=await l1.rpc("web3_clientVersion"),
            l1_blocks=await l1.block_number(),
            sequencer=ends[0],
            verifier=ends[1],
            trained=trained,
            answers=answers,
            claimed_wei=claimed,
            conservation=await conservation(verifier),
            audits=audits,
            seconds=watch.seconds,
            names=_names(cast, run),
        )


async def _acts(
    run: dict[str, Any],
    plans: Sequence[PlannedDatanet],
    client: ChainClient,
    gateway: GatewayClient,
    tell: Tell,
    watch: Stopwatch,
) -> tuple[Cast, list[TrainedAdapter], list[GivenAnswer]]:
    keys = {each["name"]: bytes.fromhex(each["private_key"][2:]) for each in run["accounts"]}
    with watch.act("contributions"):
        cast = await gather_cast(client, keys[FUNDER], plans, tell)
        versions = [await contribute_all(cast, plan, run["gateway"], tell) for plan in plans]
    with watch.act("training"):
        trained = [
            await train(cast, plan, version, gateway, tell)
            for plan, version in zip(plans, versions, strict=True)
        ]
    with watch.act("answers"):
        answers = [
            await ask(cast, adapter, question, gateway, tell)
            for adapter in trained
            for question in adapter.plan.questions
        ]
    return cast, trained, answers


async def _both_ends(
    sequencer: ChainClient, verifier: ChainClient, tell: Tell
) -> tuple[ChainEnd, ChainEnd]:
    """Wait until the verifier has derived the sequencer's present head; both nodes' view of it."""
    number = await sequencer.block_number()
    tell(f"waiting for the verifier to derive block {number} from L1")
    deadline = time.monotonic() + SAFE_TIMEOUT_S
    while (safe := await _safe_number(verifier)) < number:
        if time.monotonic() > deadline:
            raise TransactionFailed(
                f"the verifier's safe head is {safe} after {SAFE_TIMEOUT_S:g} s, expected {number}"
            )
        await asyncio.sleep(POLL_S)
    return await _end(sequencer, safe), await _end(verifier, safe)


async def _safe_number(client: ChainClient) -> int:
    block = await client.rpc("eth_getBlockByNumber", "safe", False)
    return int(block["number"], 16)


async def _end(client: ChainClient, number: int) -> ChainEnd:
    block = await client.rpc("eth_getBlockByNumber", hex(number), False)
    return ChainEnd(number, block["hash"], block["stateRoot"])


async def _audit_all(
    client: ChainClient,
    gateway: GatewayClient,
    answers: Sequence[GivenAnswer],
    directory: Path,
    tell: Tell,
) -> list[Audit]:
    """Audit each answer by what the verifier derived and by documents checked against hashes."""
    audits = []
    contents = ContentStore(directory / "audit")
    for each in answers:
        record = await chain_record(client, each.answer.request_id)
        problems = await fetch_documents(gateway, record, contents)
        result = audit(record, contents, problems=problems)
        tell(f"audit of 0x{result.request_id.hex()[:16]}…: {result.verdict}")
        audits.append(result)
    return audits


def _names(cast: Cast, run: dict[str, Any]) -> dict[str, str]:
    names = {each["address"].lower(): each["name"] for each in run["accounts"]}
    names |= {"0x" + account.address.hex(): name for name, account in cast.contributors.items()}
    names["0x" + cast.curator.address.hex()] = "curator"
    names["0x" + cast.caller.address.hex()] = "caller"
    names |= {"0x" + address.hex(): name for name, address in NATIVE_PRECOMPILES.items()}
    names["0x" + PLATFORM_ACCOUNT.hex()] = "platform"
    names["0x" + WORKER_REGISTRY.hex()] = "stakers' pool"
    return names
