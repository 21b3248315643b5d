"""The payable-AI loop, told in order: contributions, training, paid answers, claims.

Each act is done through public interfaces alone: transactions, events and HTTP, with keys of its
own. Nothing here could not be done by a stranger's program. Knows nothing of processes or printing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ai.audit.report import ether
from ai.gateway.client import Answer, GatewayClient
from ai.worker.client import Account, ChainClient, TransactionFailed
from ai.worker.datanets import Version, contribute, create_datanet, publish, upload
from chain.types import Address, Hash32
from genesis.addresses import PLATFORM_ACCOUNT
from genesis.interfaces import MODEL_REGISTRY, PROOF_OF_ATTRIBUTION, WORKER_REGISTRY

from .sources import PlannedDatanet

ETHER: Final = 10**18
FUNDS_WEI: Final = 10 * ETHER
TRAINING_FEE_WEI: Final = ETHER // 100
INPUT_PRICE_WEI: Final = 10**12
OUTPUT_PRICE_WEI: Final = 3 * 10**12
ROYALTY_BP: Final = 500
TRAINING_DEADLINE_S: Final = 3600
ANSWER_TOKENS: Final = 40
TRAINING_POLL_S: Final = 0.5

Tell = Callable[[str], None]


@dataclass(slots=True)
class Cast:
    """The accounts of the story; contributors and the others have fresh keys."""

    funder: Account
    curator: Account
    caller: Account
    contributors: dict[str, Account]

    def everyone(self) -> list[Account]:
        """All accounts with fresh keys."""
        return [self.curator, self.caller, *self.contributors.values()]


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """An adapter that a training job of the story made."""

    plan: PlannedDatanet
    version: Version
    contributors: int
    adapter_id: Hash32
    base_model: Hash32
    steps: int
    loss_first: float
    loss_last: float
    statement_tx: str


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer that was paid for, and the adapter that gave it."""

    adapter: TrainedAdapter
    prompt: str
    answer: Answer


def fresh_account(client: ChainClient) -> Account:
    """An account with a new random key."""
    return Account(client, secrets.token_bytes(32))


async def gather_cast(
    client: ChainClient, funder_key: bytes, plans: Sequence[PlannedDatanet], tell: Tell
) -> Cast:
    """Make the accounts and give each some ether for gas, by plain L2 transfers."""
    names = [each.contributor for plan in plans for each in plan.contributions]
    cast = Cast(
        funder=Account(client, funder_key),
        curator=fresh_account(client),
        caller=fresh_account(client),
        contributors={name: fresh_account(client) for name in dict.fromkeys(names)},
    )
    sent = [await cast.funder.submit(each.address, b"", FUNDS_WEI) for each in cast.everyone()]
    await asyncio.gather(*(client.wait_for_receipt(each) for each in sent))
    tell(f"{len(cast.contributors)} contributors, a curator and a caller have keys of their own")
    return cast


async def contribute_all(cast: Cast, plan: PlannedDatanet, gateway_url: str, tell: Tell) -> Version:
    """Create one Datanet, let every contributor give rows at once, publish a version."""
    datanet_id = await create_datanet(cast.curator, plan.title, plan.licence)

    async def give(contributor: str, source: str, rows: Sequence[Any]) -> int:
        account = cast.contributors[contributor]
        contribution_id = await contribute(account, datanet_id, rows, plan.licence)
        await upload(gateway_url, datanet_id, contribution_id, rows)
        tell(f"{contributor} gave {len(rows)} rows ({source}) to Datanet {datanet_id}")
        return contribution_id

    ids = await asyncio.gather(
        *(give(each.contributor, each.source, each.rows) for each in plan.contributions)
    )
    version = await publish(cast.curator, datanet_id, ids)
    tell(
        f"Datanet {datanet_id} version {version.number}: {version.row_count} rows, "
        f"snapshot 0x{version.snapshot_root.hex()[:16]}…"
    )
    return version


async def train(
    cast: Cast,
    plan: PlannedDatanet,
    version: Version,
    gateway: GatewayClient,
    tell: Tell,
) -> TrainedAdapter:
    """Ask for training on a version, follow it live, return the registered adapter."""
    client = cast.curator.client
    offer = await gateway.get("/v1/training/offer")
    base_model, recipe_hash = _hash(offer["base_model"]), _hash(offer["recipe_hash"])
    block = await client.rpc("eth_getBlockByNumber", "latest", False)
    receipt = await cast.curator.send(
        MODEL_REGISTRY,
        "requestTraining",
        version.datanet_id,
        version.snapshot_root,
        base_model,
        recipe_hash,
        int(block["timestamp"], 16) + TRAINING_DEADLINE_S,
        INPUT_PRICE_WEI,
        OUTPUT_PRICE_WEI,
        ROYALTY_BP,
        value_wei=TRAINING_FEE_WEI,
    )
    job_id = int(receipt.event("TrainingRequested").arguments["jobId"])
    job = await _follow_job(gateway, job_id, tell)
    adapter_id = _hash(job["adapter"])
    registered = await client.view(MODEL_REGISTRY, "getAdapter", adapter_id)
    if registered["jobId"] != job_id:
        raise TransactionFailed(f"adapter {job['adapter']} is registered for another job")
    adapter = TrainedAdapter(
        plan=plan,
        version=version,
        contributors=len(plan.contributions),
        adapter_id=adapter_id,
        base_model=base_model,
        steps=job["steps"],
        loss_first=job["loss_first"],
        loss_last=job["loss_last"],
        statement_tx=job["statement_tx"],
    )
    tell(
        f"adapter 0x{adapter_id.hex()[:16]}… registered: {adapter.steps} steps, "
        f"loss {adapter.loss_first:.2f} → {adapter.loss_last:.2f}"
    )
    return adapter


async def _follow_job(gateway: GatewayClient, job_id: int, tell: Tell) -> dict[str, Any]:
    told = -1
    while True:
        job: dict[str, Any] = await gateway.get(f"/v1/training/jobs/{job_id}")
        if job["status"] == "failed":
            raise TransactionFailed(f"training job {job_id}: {job['error']}")
        if job["status"] == "registered":
            return job
        step = job["step"]
        if step > told and step % 10 == 0 and job["loss"] is not None:
            tell(f"job {job_id}: step {step}/{job['steps']} loss {job['loss']:.3f}")
            told = step
        await asyncio.sleep(TRAINING_POLL_S)


async def ask(
    cast: Cast, adapter: TrainedAdapter, prompt: str, gateway: GatewayClient, tell: Tell
) -> GivenAnswer:
    """Ask one question of an adapter, paid from the caller's wallet."""
    body = {
        "model": "0x" + adapter.adapter_id.hex(),
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": ANSWER_TOKENS,
    }
    answer = await gateway.ask(cast.caller, body, lambda _: None)
    fee = ether(int(answer.receipt["fee_wei"]))
    tell(f"“{prompt}” → “{' '.join(answer.text.split())}” for {fee}")
    return GivenAnswer(adapter, prompt, answer)


async def claim_everything(
    cast: Cast, answers: Sequence[GivenAnswer], tell: Tell
) -> dict[str, int]:
    """Let each contributor and the curator claim what they earned; wei by account.

    `claimFor` pays whoever is owed, so the platform's and the hosts' parts need no key of theirs.
    """
    owed = {_address(account) for each in answers for account in each.answer.receipt["payouts_wei"]}
    owed |= {PLATFORM_ACCOUNT}
    owed -= {WORKER_REGISTRY.address}
    claimed: dict[str, int] = {}
    for account in sorted(owed):
        view = await cast.caller.client.view(PROOF_OF_ATTRIBUTION, "balanceOf", account)
        amount = int(next(iter(view.values())))
        if amount:
            await cast.caller.send(PROOF_OF_ATTRIBUTION, "claimFor", account)
            claimed["0x" + account.hex()] = amount
    tell(f"{len(claimed)} accounts claimed {ether(sum(claimed.values()))}")
    return claimed


def _hash(text: str) -> Hash32:
    return Hash32(bytes.fromhex(text[2:]))


def _address(text: str) -> Address:
    return Address(bytes.fromhex(text[2:]))
