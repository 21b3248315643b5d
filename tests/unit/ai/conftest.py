"""Fixtures of the AI tests: a tiny base model and an adapter trained on it, made once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")
    from tiny_model import write_tiny_base_model

    from ai.models.base_model import use_threads

    use_threads(1)
    return write_tiny_base_model(tmp_path_factory.mktemp("tiny") / "base")


@dataclass(frozen=True)
class Trained:
    """Two adapters of one recipe but different seeds, over the snapshot of tiny_model.ROWS."""

    base_directory: Path
    snapshot: Any
    recipe: Any
    results: list[Any]
    store: Any


@pytest.fixture(scope="session")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    from tiny_model import tiny_snapshot

    from ai.adapters.store import AdapterStore
    from ai.models.base_model import load_base_model
    from ai.training.recipe import TrainingRecipe
    from ai.training.trainer import train

    work = tmp_path_factory.mktemp("trained")
    snapshot = tiny_snapshot(work / "content")
    store = AdapterStore(work / "adapters")
    results = []
    recipe = TrainingRecipe(steps=30, batch_rows=4, learning_rate_ppm=10_000, checkpoint_every=10)
    for seed in (0, 1):
        recipe = TrainingRecipe(
            steps=30, batch_rows=4, learning_rate_ppm=10_000, checkpoint_every=10, seed=seed
        )
        results.append(train(load_base_model(tiny_base), snapshot, recipe))
        store.add(results[-1].files)
    return Trained(tiny_base, snapshot, recipe, results, store)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def market(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    """A whole market for the tests of one file; see support/market.py. Leave it as it was."""
    from market import close_market, open_market

    opened = await open_market(tmp_path_factory.mktemp("market"), tiny_base)
    yield opened
    await close_market(opened)


@pytest_asyncio.fixture(loop_scope="module")
async def own_market(tiny_base: Path, tmp_path: Path) -> AsyncIterator[Any]:
    """A market for one test, which may break it."""
    from market import close_market, open_market

    opened = await open_market(tmp_path, tiny_base)
    yield opened
    await close_market(opened)
