"""From `TrainingRequested` to `AdapterRegistered`: one job at a time, each step checked.

Materialise the exact snapshot (every row proved) → claim → train by the frozen recipe → store the
adapter and the run's records under their hashes → sign a TrainingStatement → submit. All that must
survive a restart is on chain: a worker that starts again reads its jobs from there and, training
being deterministic, reaches the same adapter. Knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ai.content import exact_json, parse_exact_json
from ai.datasets.snapshot import Snapshot, materialise
from ai.datasets.store import MissingContent
from ai.models.base_model import base_model_id, load_base_model
from ai.training.checkpoints import encode_checkpoints
from ai.training.recipe import TrainingRecipe
from ai.training.trainer import Progress, TrainedAdapter, train
from chain.attestation import TrainingStatement, sign_statement, statement_values
from chain.errors import StemmaError
from chain.types import ZERO_ADDRESS, Hash32
from genesis.interfaces import MODEL_REGISTRY, WORKER_REGISTRY

from .client import Account, NodeUnreachable, RpcError
from .datanets import contributions_of
from .jobs import JobBoard, JobProgress
from .stores import Stores

POLL_INTERVAL_S: Final = 0.5
MAX_ROUNDS_BETWEEN_TRIES: Final = 64
"""A job without rows is looked at every 32 s at least."""

MAX_ROWS: Final = 20_000
"""Attribution reads every row's gradient before an adapter's first answer: 20 ms a row."""

STATUS_OPEN, STATUS_CLAIMED, STATUS_DONE = 1, 2, 3

log = logging.getLogger(__name__)


class JobRefused(StemmaError):
    """This worker cannot or may not do the job; the message says why."""


class TrainingWorker:
    """Watches model_registry and does the jobs that fit its base model and recipes."""

    def __init__(
        self,
        account: Account,
        stores: Stores,
        base_directory: Path,
        recipes: Mapping[Hash32, TrainingRecipe],
        board: JobBoard,
    ) -> None:
        self.account = account
        self.client = account.client
        self.stores = stores
        self.base_directory = base_directory
        self.base_model = base_model_id(base_directory)
        self.recipes = recipes
        self.board = board
        self._next_block = 0
        self._last_head = ""
        self._rounds = 0
        self._pending: dict[int, int] = {}

    async def run(self) -> None:
        """Do jobs for ever; an unreachable node is waited for."""
        while True:
            try:
                await self.step()
            except (NodeUnreachable, RpcError) as error:
                log.warning("the node did not answer, trying again: %s", error)
            await asyncio.sleep(POLL_INTERVAL_S)

    async def step(self) -> None:
        """Look once for new requests, and once at every job that is not done.

        A job whose rows nobody has handed over is looked at again later, less and less often, and
        keeps no other waiting.
        """
        await self._look_for_requests()
        self._rounds += 1
        for job_id, tries in list(self._pending.items()):
            if self._rounds % min(2**tries, MAX_ROUNDS_BETWEEN_TRIES):
                continue
            self._pending[job_id] = tries + 1
            if await self.do_job(job_id):
                del self._pending[job_id]

    async def _look_for_requests(self) -> None:
        head = await self.client.rpc("eth_getBlockByNumber", "latest", False)
        number = int(head["number"], 16)
        if number < self._next_block and head["hash"] == self._last_head:
            return
        if not await self._is_where_we_were():
            self._next_block = 0  # the chain was reorganised: jobs may have moved
        found = await self.client.events(
            MODEL_REGISTRY, "TrainingRequested", from_block=self._next_block, to_block=number
        )
        for event, _ in found:
            self._pending.setdefault(event.arguments["jobId"], 0)
        self._next_block, self._last_head = number + 1, head["hash"]

    async def _is_where_we_were(self) -> bool:
        """Whether the block we read up to is still a block of the chain."""
        if self._next_block == 0:
            return True
        seen = hex(self._next_block - 1)
        block = await self.client.rpc("eth_getBlockByNumber", seen, False)
        return block is not None and block["hash"] == self._last_head

    async def do_job(self, job_id: int) -> bool:
        """One job from the chain's word to the chain's word; False if it must wait for rows.

        A failure is told on the board. Raises NodeUnreachable: the job is then tried again.
        """
        job = await self.client.view(MODEL_REGISTRY, "getJob", job_id)
        mine = job["worker"] == self.account.address
        if mine and job["status"] == STATUS_DONE:
            await self._recall(job_id)
        if not (job["status"] == STATUS_OPEN or (job["status"] == STATUS_CLAIMED and mine)):
            return True
        progress = self.board.open(job_id)
        try:
            await self._do(job_id, job, progress)
        except MissingContent as error:
            progress.detail = f"waiting for rows: {error}"
            return await self._is_overdue(job, progress)
        except NodeUnreachable:
            raise
        except (StemmaError, OSError) as error:
            log.warning("job %d: %s", job_id, error)
            progress.fail(str(error))
        except Exception as error:
            log.exception("job %d", job_id)  # one broken job must not end the worker
            progress.fail(f"the training stopped: {type(error).__name__}: {error}")
        return True

    async def _recall(self, job_id: int) -> None:
        """Tell the board of a job that we did before we were started again."""
        progress = self.board.open(job_id)
        found = await self.client.events(MODEL_REGISTRY, "TrainingSubmitted", job_id)
        if progress.status == "registered" or not found:
            return
        event, raw = found[0]
        progress.steps = progress.step = event.arguments["steps"]
        progress.adapter = "0x" + event.arguments["adapterId"].hex()
        progress.checkpoints_root = "0x" + event.arguments["checkpointsRoot"].hex()
        progress.statement_tx = raw["transactionHash"]
        try:
            metrics: Any = parse_exact_json(
                self.stores.contents.get(Hash32(event.arguments["metricsHash"])), "metrics"
            )
            losses = [entry["loss_micro"] / 1e6 for entry in metrics]
            progress.loss_first, progress.loss_last = losses[0], losses[-1]
        except StemmaError as error:
            progress.detail = f"its metrics are not here: {error}"
        progress.status = "registered"

    async def _is_overdue(self, job: Mapping[str, Any], progress: JobProgress) -> bool:
        block = await self.client.rpc("eth_getBlockByNumber", "latest", False)
        if int(block["timestamp"], 16) < job["deadline"]:
            return False
        progress.fail(f"deadline {job['deadline']} passed {progress.detail}")
        return True

    async def _do(self, job_id: int, job: Mapping[str, Any], progress: JobProgress) -> None:
        recipe = self._check(job_id, job)
        progress.steps = recipe.steps
        snapshot = await self._materialise(job)
        if job["status"] == STATUS_OPEN:
            await self._claim(job_id)
        progress.status, progress.detail = "training", ""
        progress.log.clear()
        loop = asyncio.get_running_loop()
        trained = await asyncio.to_thread(
            self._train,
            snapshot,
            recipe,
            lambda entry: _post(loop, progress, entry),
        )
        progress.status = "submitting"
        await asyncio.to_thread(self._keep, trained, recipe)
        await self._submit(job_id, job, trained, progress)

    def _check(self, job_id: int, job: Mapping[str, Any]) -> TrainingRecipe:
        if Hash32(job["baseModel"]) != self.base_model:
            raise JobRefused(
                f"job {job_id} is for base model 0x{job['baseModel'].hex()}, "
                f"this worker has 0x{self.base_model.hex()}"
            )
        recipe = self.recipes.get(Hash32(job["recipeHash"]))
        if recipe is None:
            raise JobRefused(f"job {job_id}: recipe 0x{job['recipeHash'].hex()} is not known here")
        return recipe

    async def _materialise(self, job: Mapping[str, Any]) -> Snapshot:
        """The job's snapshot, every row proved. Raises MissingContent, SnapshotMismatch."""
        root, datanet_id = Hash32(job["snapshotRoot"]), job["datanetId"]
        contributions = await contributions_of(self.client, datanet_id, root)
        rows = sum(each.row_count for each in contributions)
        if rows > MAX_ROWS:
            raise JobRefused(f"datanet {datanet_id}: {rows} rows, this worker takes {MAX_ROWS}")
        return await asyncio.to_thread(
            materialise, self.stores.contents, datanet_id, contributions, root
        )

    async def _claim(self, job_id: int) -> None:
        try:
            await self.account.send(MODEL_REGISTRY, "claimTraining", job_id)
        except RpcError as error:
            raise JobRefused(f"job {job_id} could not be claimed: {error.message}") from None

    def _train(
        self, snapshot: Snapshot, recipe: TrainingRecipe, on_step: Progress
    ) -> TrainedAdapter:
        # A run wraps its base in place, so it gets a fresh one; loading takes well under 1 s.
        return train(load_base_model(self.base_directory), snapshot, recipe, on_step)

    def _keep(self, trained: TrainedAdapter, recipe: TrainingRecipe) -> None:
        self.stores.adapters.add(trained.files)
        self.stores.contents.put(recipe.to_json())
        self.stores.contents.put(encode_checkpoints(trained.checkpoints))
        self.stores.contents.put(exact_json([dict(entry) for entry in trained.metrics]))

    async def _submit(
        self,
        job_id: int,
        job: Mapping[str, Any],
        trained: TrainedAdapter,
        progress: JobProgress,
    ) -> None:
        statement = TrainingStatement(
            job_id=job_id,
            datanet_id=job["datanetId"],
            snapshot_root=Hash32(job["snapshotRoot"]),
            base_model=self.base_model,
            recipe_hash=Hash32(job["recipeHash"]),
            checkpoints_root=trained.checkpoints_root,
            adapter_id=trained.adapter_id,
            steps=trained.steps,
            metrics_hash=trained.metrics_hash,
        )
        signature = sign_statement(
            statement,
            self.account.private_key,
            chain_id=await self.client.chain_id(),
            verifying_contract=MODEL_REGISTRY.address,
        )
        receipt = await self.account.send(
            MODEL_REGISTRY, "submitTraining", statement_values(statement), signature
        )
        progress.adapter = "0x" + trained.adapter_id.hex()
        progress.checkpoints_root = "0x" + trained.checkpoints_root.hex()
        progress.loss_first, progress.loss_last = trained.loss_first, trained.loss_last
        progress.statement_tx = receipt.transaction_hash
        progress.status = "registered"
        log.info("job %d: adapter %s registered", job_id, progress.adapter)


def _post(
    loop: asyncio.AbstractEventLoop, progress: JobProgress, entry: Mapping[str, float]
) -> None:
    """Hand a training thread's progress to the event loop."""
    loop.call_soon_threadsafe(progress.on_step, entry)


async def register_worker(
    account: Account, bond_wei: int, capability: Hash32, endpoint_key: Hash32
) -> None:
    """Bond this account as a worker unless it is one already."""
    active = await account.client.view(WORKER_REGISTRY, "isActive", account.address)
    if not active["active"]:
        await account.send(
            WORKER_REGISTRY, "register", capability, endpoint_key, value_wei=bond_wei
        )


async def register_base_model(account: Account, base_model: Hash32, metadata: str) -> None:
    """Put the base model on chain unless somebody did so already. Royalty: none."""
    owner = ZERO_ADDRESS
    try:
        found = await account.client.view(MODEL_REGISTRY, "getBaseModel", base_model)
        owner = found["owner"]
    except RpcError:
        log.info("base model 0x%s is not registered yet", base_model.hex())
    if owner == ZERO_ADDRESS:
        await account.send(MODEL_REGISTRY, "registerBaseModel", base_model, 0, metadata)
