"""The composition of one worker: chain client, stores, trainer, engine, gateway.

The only file of the right tower that joins concrete parts. Knows nothing of command lines.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from ai.adapters.store import AdapterStore, StoredAdapter, UnknownAdapter
from ai.content import parse_exact_json
from ai.datasets.store import ContentStore
from ai.gateway.answering import AnswerService
from ai.gateway.errors import UnknownModel
from ai.gateway.openai_schema import CompletionRequest
from ai.gateway.payment import Adapter
from ai.gateway.server import GatewayServer, TrainingOffer
from ai.inference.transformers_engine import TransformersEngine
from ai.models.base_model import (
    DEFAULT_BASE_MODEL,
    BaseModel,
    chat_tokens,
    load_base_model,
    text_tokens,
    use_threads,
)
from ai.training.recipe import TrainingRecipe
from chain.crypto.keccak import keccak256
from chain.types import Hash32

from .client import Account, ChainClient
from .jobs import JobBoard
from .row_attributor import RowAttributor
from .stores import Stores
from .training_worker import TrainingWorker, register_base_model, register_worker

CAPABILITY: Final = keccak256(b"stemma worker: train lora, serve lora, attribute")
SHUTDOWN_S: Final = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """What a worker needs to be told. It trains by any of `recipes` and offers the first."""

    rpc_url: str
    datadir: Path
    private_key: bytes
    host: str = "127.0.0.1"
    port: int = 0
    bond_wei: int = 10**18
    base_directory: Path = DEFAULT_BASE_MODEL
    recipes: tuple[TrainingRecipe, ...] = (TrainingRecipe(),)
    max_output_tokens: int = 256
    threads: int = 1


class RequestTokens:
    """Turns requests into prompt tokens with the base model's tokenizer and chat form."""

    def __init__(self, base: BaseModel) -> None:
        self._tokenizer = base.tokenizer
        self._context_tokens = base.context_tokens

    @property
    def context_tokens(self) -> int:
        """The most tokens that prompt and answer have together."""
        return self._context_tokens

    def prompt_tokens(self, request: CompletionRequest) -> list[int]:
        """Token ids exactly as the engine will see them."""
        if request.is_chat:
            return chat_tokens(self._tokenizer, request.messages)
        return text_tokens(self._tokenizer, request.prompt)


class LocalAdapters:
    """Finds an adapter's checked files in the worker's store."""

    def __init__(self, store: AdapterStore, base_model: Hash32) -> None:
        self._store = store
        self._base_model = base_model

    async def locate(self, adapter: Adapter) -> StoredAdapter:
        """The files of an adapter. Raises UnknownModel if they or their base are not here."""
        name = "0x" + adapter.adapter_id.hex()
        if adapter.base_model != self._base_model:
            raise UnknownModel(
                f"adapter {name} is for base model 0x{adapter.base_model.hex()}, "
                f"this worker serves 0x{self._base_model.hex()}",
                param="model",
            )
        try:
            return await asyncio.to_thread(self._store.stored, adapter.adapter_id)
        except UnknownAdapter as error:
            raise UnknownModel(str(error), param="model") from None


async def run_worker(config: WorkerConfig, ready: Callable[[str], None]) -> None:
    """Serve and train until cancelled; `ready` gets the gateway's URL. Leaves nothing running."""
    use_threads(config.threads)
    base = await asyncio.to_thread(load_base_model, config.base_directory)
    async with ChainClient(config.rpc_url) as client:
        account = Account(client, config.private_key)
        await register_base_model(account, base.base_model_id, config.base_directory.name)
        await register_worker(account, config.bond_wei, CAPABILITY, keccak256(account.address))
        stores = Stores(
            ContentStore(config.datadir / "content"), AdapterStore(config.datadir / "adapters")
        )
        board = JobBoard()
        engine = TransformersEngine(base)
        try:
            server = _gateway(config, client, account, base, stores, board, engine)
            recipes = {recipe.hash: recipe for recipe in config.recipes}
            trainer = TrainingWorker(account, stores, config.base_directory, recipes, board)
            await _serve(config, server, trainer, account, ready)
        finally:
            await asyncio.to_thread(engine.close)


def _gateway(
    config: WorkerConfig,
    client: ChainClient,
    account: Account,
    base: BaseModel,
    stores: Stores,
    board: JobBoard,
    engine: TransformersEngine,
) -> GatewayServer:
    offered = config.recipes[0]
    recipe: Any = parse_exact_json(offered.to_json(), "recipe")
    answers = AnswerService(
        account=account,
        engine=engine,
        tokens=RequestTokens(base),
        files=LocalAdapters(stores.adapters, base.base_model_id),
        attributor=RowAttributor(client, stores, config.base_directory),
        contents=stores.contents,
        receipts=config.datadir / "receipts",
    )
    return GatewayServer(
        answers=answers,
        contents=stores.contents,
        board=board,
        client=client,
        offer=TrainingOffer(base.base_model_id, offered.hash, recipe),
        max_output_tokens=config.max_output_tokens,
    )


async def _serve(
    config: WorkerConfig,
    server: GatewayServer,
    trainer: TrainingWorker,
    account: Account,
    ready: Callable[[str], None],
) -> None:
    runner = web.AppRunner(server.application(), shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    site = web.TCPSite(runner, config.host, config.port)
    try:
        await site.start()
        port = runner.addresses[0][1]
        url = f"http://{config.host}:{port}"
        _write_run_file(config.datadir / "worker.json", url, account)
        ready(url)
        await trainer.run()
    finally:
        await runner.cleanup()


def _write_run_file(path: Path, url: str, account: Account) -> None:
    """What others need to find this worker; replaced whole, so a reader never sees half of it."""
    document = {"gateway": url, "worker": "0x" + account.address.hex(), "pid": os.getpid()}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document, indent=2))
    partial.replace(path)
