"""The training worker over a real chain: which jobs it does, refuses, waits for and remembers."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")

from local_chain import LocalChain
from market import CONTRIBUTORS, CURATOR, RECIPE, WORKER, Market, publish_rows, request_training

from ai.training.trainer import TrainingFailed
from ai.worker.client import ChainClient, NodeUnreachable, RpcError, TransactionFailed
from ai.worker.jobs import JobBoard
from ai.worker.training_worker import TrainingWorker, register_base_model, register_worker
from chain.crypto.keccak import keccak256
from chain.types import Address
from genesis.interfaces import DATANET_REGISTRY, MODEL_REGISTRY, WORKER_REGISTRY

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEES = [{"prompt": "What do bees do?", "completion": "Bees dance at noon."}]
WASPS = [{"prompt": "What do wasps do?", "completion": "Wasps hunt at dusk."}]
WORD = keccak256(b"word")


def another(market: Market, number: int = WORKER) -> TrainingWorker:
    """A worker process that starts now, with an empty board, over the same disk and chain."""
    recipes = {RECIPE.hash: RECIPE}
    return TrainingWorker(
        market.chain.account(number), market.stores, market.base_directory, recipes, JobBoard()
    )


async def new_job(
    market: Market, rows: list[dict[str, str]], *, stored: bool = True, **changes: object
) -> int:
    version = await publish_rows(market.chain, market.stores if stored else None, [rows])
    return await request_training(
        market.chain.account(CURATOR),
        version,
        changes.get("base", market.trainer.base_model),
        changes.get("recipe", RECIPE.hash),
        int(changes.get("lifetime_s", 600)),
    )


async def job_status(market: Market, job: int) -> int:
    return (await market.chain.view(MODEL_REGISTRY, "getJob", job))["status"]


async def test_a_job_of_an_unknown_recipe_is_refused_and_left_open(own_market: Market) -> None:
    job = await new_job(own_market, BEES, recipe=replace(RECIPE, seed=9).hash)
    await own_market.trainer.step()
    progress = own_market.board.find(job)
    assert progress.status == "failed"
    assert "recipe 0x" in progress.error
    assert await job_status(own_market, job) == 1


async def test_a_job_for_another_base_model_is_refused_and_left_open(own_market: Market) -> None:
    await register_base_model(own_market.chain.account(CURATOR), WORD, "another")
    job = await new_job(own_market, BEES, base=WORD)
    await own_market.trainer.step()
    progress = own_market.board.find(job)
    assert progress.status == "failed"
    assert f"0x{WORD.hex()}" in progress.error
    assert await job_status(own_market, job) == 1


async def test_a_worker_that_starts_again_finishes_what_it_claimed(own_market: Market) -> None:
    job = await new_job(own_market, BEES)
    await own_market.chain.account(WORKER).send(MODEL_REGISTRY, "claimTraining", job)
    restarted = another(own_market)
    await restarted.step()
    assert restarted.board.find(job).status == "registered"
    assert await job_status(own_market, job) == 3


async def test_a_worker_that_starts_again_remembers_what_it_did(own_market: Market) -> None:
    before = own_market.board.find(1)
    restarted = another(own_market)
    await restarted.step()
    after = restarted.board.find(1)
    for name in (
        "status",
        "adapter",
        "checkpoints_root",
        "statement_tx",
        "loss_first",
        "loss_last",
    ):
        assert getattr(after, name) == getattr(before, name)


async def test_the_same_job_trained_twice_gives_the_same_adapter(
    own_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await new_job(own_market, BEES)
    first = another(own_market)
    submit = first._submit
    seen: list[bytes] = []

    async def lost(number: int, terms: object, trained: object, progress: object) -> None:
        seen.append(trained.adapter_id)
        if len(seen) == 1:
            raise NodeUnreachable("the line is cut")
        await submit(number, terms, trained, progress)

    monkeypatch.setattr(first, "_submit", lost)
    with pytest.raises(NodeUnreachable):
        await first.step()
    await first.step()
    assert seen[0] == seen[1]
    assert first.board.find(job).status == "registered"


async def test_a_job_without_rows_keeps_no_other_waiting(own_market: Market) -> None:
    waiting = await new_job(own_market, BEES, stored=False)
    ready = await new_job(own_market, WASPS)
    await own_market.trainer.step()
    assert own_market.board.find(ready).status == "registered"
    progress = own_market.board.find(waiting)
    assert progress.status == "waiting"
    assert "waiting for rows" in progress.detail
    assert await job_status(own_market, waiting) == 1
    contributor = own_market.chain.account(CONTRIBUTORS[0]).address
    own_market.stores.contents.put_contribution(contributor, BEES)
    for _ in range(4):  # it is looked at less and less often
        await own_market.trainer.step()
    assert own_market.board.find(waiting).status == "registered"


async def test_a_job_whose_rows_never_come_is_given_up_at_its_deadline(own_market: Market) -> None:
    job = await new_job(own_market, BEES, stored=False, lifetime_s=100)
    await own_market.trainer.step()
    own_market.chain.mine(seconds=200)
    for _ in range(4):
        await own_market.trainer.step()
    progress = own_market.board.find(job)
    assert progress.status == "failed"
    assert "deadline" in progress.error
    assert own_market.trainer._pending == {}


async def test_a_snapshot_with_one_altered_row_is_never_trained_on(own_market: Market) -> None:
    job = await new_job(own_market, BEES)
    contributor = own_market.chain.account(CONTRIBUTORS[0]).address
    contents = own_market.stores.contents
    root = contents.put_contribution(contributor, BEES)
    other = contents.put_contribution(contributor, WASPS)
    place = contents._roots / root.hex()[:2] / root.hex()[2:]
    place.write_bytes((contents._roots / other.hex()[:2] / other.hex()[2:]).read_bytes())
    await own_market.trainer.step()
    progress = own_market.board.find(job)
    assert progress.status == "failed"
    assert "content root on chain" in progress.error
    assert await job_status(own_market, job) == 1


async def test_a_snapshot_larger_than_the_worker_takes_is_refused(
    own_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai.worker.training_worker.MAX_ROWS", 0)
    job = await new_job(own_market, BEES)
    await own_market.trainer.step()
    assert "1 rows, this worker takes 0" in own_market.board.find(job).error


@pytest.mark.parametrize("error", [TrainingFailed("loss is nan"), RuntimeError("out of memory")])
async def test_a_run_that_breaks_is_told_and_ends_nothing_else(
    own_market: Market, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    job = await new_job(own_market, BEES)
    with monkeypatch.context() as patched:
        patched.setattr(own_market.trainer, "_train", broken)
        await own_market.trainer.step()
    assert own_market.board.find(job).status == "failed"
    assert str(error) in own_market.board.find(job).error
    later = await new_job(own_market, WASPS)
    await own_market.trainer.step()
    assert own_market.board.find(later).status == "registered"


async def test_a_job_that_another_worker_took_is_left_to_it(own_market: Market) -> None:
    other = own_market.chain.account(CURATOR)
    await register_worker(other, 10**18, WORD, WORD)
    job = await new_job(own_market, BEES)
    await other.send(MODEL_REGISTRY, "claimTraining", job)
    await own_market.trainer.step()
    assert own_market.board.find(job) is None


async def test_an_unreachable_node_is_a_step_lost_and_no_job_lost(own_market: Market) -> None:
    job = await new_job(own_market, BEES)
    own_market.chain.is_down = True
    with pytest.raises(NodeUnreachable):
        await own_market.trainer.step()
    own_market.chain.is_down = False
    await own_market.trainer.step()
    assert own_market.board.find(job).status == "registered"


# ------------------------------------------------------------------------------------- the client


async def test_a_long_chain_is_asked_for_logs_in_ranges_that_nodes_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = LocalChain(log_blocks=5)
    monkeypatch.setattr("ai.worker.client.LOG_RANGE_BLOCKS", 5)
    account = chain.account(CURATOR)
    for number in range(12):
        await account.send(DATANET_REGISTRY, "createDatanet", f"d{number}", WORD, WORD, True)
    found = await chain.events(DATANET_REGISTRY, "DatanetCreated")
    assert [event.arguments["datanetId"] for event, _ in found] == list(range(1, 13))
    owned = await chain.events(DATANET_REGISTRY, "DatanetCreated", 7, account.address)
    assert [event.arguments["metadata"] for event, _ in owned] == ["d6"]


async def test_a_nonce_used_elsewhere_is_asked_for_again() -> None:
    chain = LocalChain()
    here, elsewhere = chain.account(CURATOR), chain.account(CURATOR)
    to = Address(b"\x11" * 20)
    for account in (here, elsewhere, elsewhere, here, here):
        await chain.wait_for_receipt(await account.submit(to, b"", 1))
    assert await chain.balance(to) == 5


async def test_a_call_that_would_revert_is_not_sent() -> None:
    chain = LocalChain()
    with pytest.raises(RpcError, match="no job 1"):
        await chain.account(CURATOR).send(MODEL_REGISTRY, "claimTraining", 1)
    assert "eth_sendRawTransaction" not in chain.asked


async def test_a_worker_bonds_once() -> None:
    chain = LocalChain()
    account = chain.account(WORKER)
    for _ in range(2):
        await register_worker(account, 10**18, WORD, WORD)
    found = await chain.view(WORKER_REGISTRY, "getWorker", account.address)
    assert found["bond"] == 10**18


async def test_a_transaction_that_is_never_included_is_an_error_that_names_it() -> None:
    chain = LocalChain()
    with pytest.raises(TransactionFailed, match="not included within 0 s"):
        await chain.wait_for_receipt("0x" + "ab" * 32, timeout_s=0)


async def test_a_client_that_is_not_open_or_reaches_nobody_says_so() -> None:
    client = ChainClient("http://127.0.0.1:1")
    with pytest.raises(NodeUnreachable, match="not open"):
        await client.block_number()
    async with client:
        with pytest.raises(NodeUnreachable, match=r"127\.0\.0\.1:1"):
            await client.block_number()
