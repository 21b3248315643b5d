"""A whole payable-AI market on a LocalChain: Datanet, worker, trained adapter, gateway, caller.

All parts are the real ones, with the tiny base model. Built once a module; every test asks anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from local_chain import LocalChain
from tiny_model import ROWS

from ai.adapters.store import AdapterStore
from ai.content import parse_exact_json
from ai.datasets.store import ContentStore
from ai.gateway.answering import AnswerService
from ai.gateway.client import Answer, GatewayClient
from ai.gateway.payment import PAYMENT_HEADER
from ai.gateway.server import GatewayServer, TrainingOffer
from ai.inference.transformers_engine import TransformersEngine
from ai.models.base_model import load_base_model
from ai.training.recipe import TrainingRecipe
from ai.worker.client import Account
from ai.worker.datanets import Version, contribute, create_datanet, publish
from ai.worker.jobs import JobBoard
from ai.worker.row_attributor import RowAttributor
from ai.worker.service import LocalAdapters, RequestTokens
from ai.worker.stores import Stores
from ai.worker.training_worker import TrainingWorker, register_base_model, register_worker
from chain.crypto.keccak import keccak256
from chain.types import Hash32, to_address
from genesis.interfaces import INFERENCE_ESCROW, MODEL_REGISTRY

RECIPE = TrainingRecipe(steps=60, batch_rows=6, learning_rate_ppm=10_000, checkpoint_every=20)
INPUT_PRICE_WEI, OUTPUT_PRICE_WEI = 10**6, 3 * 10**6
TRAINING_FEE_WEI = 10**15
ROYALTY_BP = 500
WORKER, CURATOR, CALLER, *CONTRIBUTORS = range(6)
MAX_OUTPUT_TOKENS = 64


@dataclass
class Market:
    """Everything a test of a paid answer needs."""

    chain: LocalChain
    stores: Stores
    board: JobBoard
    trainer: TrainingWorker
    answers: AnswerService
    server: GatewayServer
    engine: TransformersEngine
    http: TestClient
    base_directory: Path
    version: Version
    adapter_id: Hash32

    @property
    def caller(self) -> Account:
        return self.chain.account(CALLER)

    def client(self) -> GatewayClient:
        """A caller's client of this gateway; use as an async context manager."""
        return GatewayClient(str(self.http.make_url("")).rstrip("/"))

    def body(self, text: str = "What do ships do?", **changes: Any) -> dict[str, Any]:
        """A chat request for the adapter."""
        asked = {
            "model": "0x" + self.adapter_id.hex(),
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 8,
        }
        return asked | changes

    async def open_escrow(self, body: dict[str, Any], **changes: Any) -> str:
        """Pay for a request as quoted, or with changed terms; its request id."""
        response = await self.http.post("/v1/estimate", json=body)
        quoted = await response.json()
        assert response.status == 200, quoted
        quote = quoted["quote"] | changes
        data = INFERENCE_ESCROW.encode_call(
            "open",
            bytes.fromhex(quote["model"][2:]),
            bytes.fromhex(quote["worker"][2:]),
            bytes.fromhex(quote["prompt_hash"][2:]),
            quote["max_input_tokens"],
            quote["max_output_tokens"],
            quote["deadline"],
        )
        to, value = to_address(quoted["escrow"]["to"]), int(quote["max_fee_wei"])
        sent = await self.caller.submit(to, data, value)
        receipt = await self.chain.wait_for_receipt(sent)
        return "0x" + receipt.event("RequestOpened").arguments["requestId"].hex()

    async def post(
        self, body: dict[str, Any], request: str | None, path: str = "/v1/chat/completions"
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON body of a request that names its escrow."""
        headers = {} if request is None else {PAYMENT_HEADER: request}
        async with self.http.post(path, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def ask(self, text: str = "What do ships do?", **changes: Any) -> Answer:
        """A paid, streamed answer."""
        async with self.client() as client:
            return await client.ask(self.caller, self.body(text, **changes), lambda _: None)


async def request_training(
    curator: Account, version: Version, base_model: bytes, recipe_hash: bytes, lifetime_s: int = 600
) -> int:
    """Put a job on chain; its id."""
    block = await curator.client.rpc("eth_getBlockByNumber", "latest", False)
    receipt = await curator.send(
        MODEL_REGISTRY,
        "requestTraining",
        version.datanet_id,
        version.snapshot_root,
        base_model,
        recipe_hash,
        int(block["timestamp"], 16) + lifetime_s,
        INPUT_PRICE_WEI,
        OUTPUT_PRICE_WEI,
        ROYALTY_BP,
        value_wei=TRAINING_FEE_WEI,
    )
    return int(receipt.event("TrainingRequested").arguments["jobId"])


async def publish_rows(
    chain: LocalChain, stores: Stores | None, rows: list[list[dict[str, str]]]
) -> Version:
    """A published Datanet of these rows, one list a contributor; stored where there are stores."""
    curator = chain.account(CURATOR)
    datanet = await create_datanet(curator, "tiny", "CC0-1.0")
    ids = []
    for number, theirs in zip(CONTRIBUTORS, rows, strict=False):
        account = chain.account(number)
        ids.append(await contribute(account, datanet, theirs, "CC0-1.0"))
        if stores is not None:
            stores.contents.put_contribution(account.address, theirs)
    return await publish(curator, datanet, ids)


async def open_market(directory: Path, base_directory: Path) -> Market:
    """Start everything and train one adapter. Close with `close_market`."""
    chain = LocalChain()
    worker = chain.account(WORKER)
    base = load_base_model(base_directory)
    stores = Stores(ContentStore(directory / "content"), AdapterStore(directory / "adapters"))
    await register_base_model(worker, base.base_model_id, "tiny")
    await register_worker(worker, 10**18, keccak256(b"tests"), keccak256(worker.address))
    board = JobBoard()
    trainer = TrainingWorker(worker, stores, base_directory, {RECIPE.hash: RECIPE}, board)
    version = await publish_rows(chain, stores, list(ROWS.values()))
    curator = chain.account(CURATOR)
    job = await request_training(curator, version, base.base_model_id, RECIPE.hash)
    await trainer.step()
    progress = board.find(job)
    assert progress is not None
    assert progress.status == "registered", progress.error
    engine = TransformersEngine(base)
    answers = AnswerService(
        account=worker,
        engine=engine,
        tokens=RequestTokens(base),
        files=LocalAdapters(stores.adapters, base.base_model_id),
        attributor=RowAttributor(chain, stores, base_directory),
        contents=stores.contents,
        receipts=directory / "receipts",
    )
    server = GatewayServer(
        answers=answers,
        contents=stores.contents,
        board=board,
        client=chain,
        offer=TrainingOffer(
            base.base_model_id, RECIPE.hash, parse_exact_json(RECIPE.to_json(), "recipe")
        ),
        max_output_tokens=MAX_OUTPUT_TOKENS,
    )
    http = TestClient(TestServer(server.application()))
    await http.start_server()
    adapter = Hash32(bytes.fromhex(str(progress.adapter)[2:]))
    return Market(
        chain, stores, board, trainer, answers, server, engine, http, base_directory, version,
        adapter,
    )  # fmt: skip


async def close_market(market: Market) -> None:
    """Stop the server and the engine."""
    await market.http.close()
    market.engine.close()
