"""Recipes, the chain of checkpoints and the training loop on a tiny model."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from ai.training.checkpoints import (
    BrokenCheckpointChain,
    check_chain,
    decode_checkpoints,
    encode_checkpoints,
    first_link,
)
from ai.training.recipe import MalformedRecipe, TrainingRecipe, parse_recipe
from chain.errors import DecodeError

# docs/protocol/recipe.md carries the same vector.
DEFAULT_RECIPE_JSON = TrainingRecipe().to_json()


def test_a_recipe_round_trips_and_its_hash_names_it() -> None:
    recipe = TrainingRecipe(rank=4, seed=9)
    assert parse_recipe(recipe.to_json()) == recipe
    assert parse_recipe(recipe.to_json()).hash == recipe.hash
    assert recipe.hash != replace(recipe, seed=10).hash


@pytest.mark.parametrize(
    "change",
    [
        {"rank": 0},
        {"rank": 65},
        {"steps": 10**9},
        {"batch_rows": -1},
        {"seed": True},
        {"schedule": "triangle"},
        {"target_modules": ()},
        {"target_modules": ("v_proj", "q_proj")},
    ],
)
def test_values_out_of_bounds_are_refused(change) -> None:
    with pytest.raises(MalformedRecipe, match=next(iter(change))):
        TrainingRecipe(**change)


@pytest.mark.parametrize(
    "alter",
    [
        lambda value: value.pop("rank"),
        lambda value: value.update(extra=1),
        lambda value: value.update(format="other"),
        lambda value: value.update(learning_rate_ppm="4000"),
        lambda value: value.update(target_modules="q_proj"),
    ],
)
def test_a_recipe_from_outside_is_checked(alter) -> None:
    value = json.loads(DEFAULT_RECIPE_JSON)
    alter(value)
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(DecodeError, match="recipe"):
        parse_recipe(data)


def test_a_run_leaves_an_adapter_that_peft_loads(trained) -> None:
    from peft import PeftModel

    from ai.models.base_model import load_base_model

    result = trained.results[0]
    base = load_base_model(trained.base_directory)
    model = PeftModel.from_pretrained(base.model, trained.store.path(result.adapter_id))
    assert model.peft_config["default"].r == trained.recipe.rank
    assert result.loss_last < result.loss_first / 2


def test_a_run_is_reproducible_to_the_byte(trained) -> None:
    from ai.models.base_model import load_base_model
    from ai.training.trainer import train

    again = train(load_base_model(trained.base_directory), trained.snapshot, trained.recipe)
    before = trained.results[1]
    assert again.files == before.files
    assert again.adapter_id == before.adapter_id
    assert again.checkpoints_root == before.checkpoints_root
    assert again.metrics_hash == before.metrics_hash


def test_a_run_does_not_touch_the_global_random_state(trained) -> None:
    """A worker serves and trains at once: other threads draw from torch's global generator."""
    import torch

    from ai.models.base_model import load_base_model
    from ai.training.trainer import train

    recipe = replace(trained.recipe, steps=2)
    ids = set()
    for seed in (1, 2):
        torch.manual_seed(seed)
        result = train(load_base_model(trained.base_directory), trained.snapshot, recipe)
        ids.add(result.adapter_id)
    assert len(ids) == 1


def test_another_seed_is_another_adapter(trained) -> None:
    first, second = trained.results
    assert first.adapter_id != second.adapter_id
    assert first.checkpoints_root != second.checkpoints_root


def test_the_chain_of_checkpoints_holds_and_breaks(trained) -> None:
    from ai.models.base_model import base_model_id

    result = trained.results[1]
    start = first_link(
        base_model_id(trained.base_directory), trained.snapshot.root, trained.recipe.hash
    )
    links = decode_checkpoints(encode_checkpoints(result.checkpoints))
    assert links == result.checkpoints
    assert [link.step for link in links] == [10, 20, 30]
    check_chain(links, start)
    altered = (links[0], replace(links[1], weights_hash=links[0].weights_hash), links[2])
    for broken in (links[1:], links[::-1], altered):
        with pytest.raises(BrokenCheckpointChain, match="checkpoint at step"):
            check_chain(broken, start)


@pytest.mark.parametrize("data", [b"{}", b"[[1]]", b'[[0,"","",""]]', b'[[1,"00","00","00"]]'])
def test_malformed_checkpoints_are_refused(data) -> None:
    with pytest.raises(DecodeError):
        decode_checkpoints(data)


def test_progress_speaks_the_trainers_names(trained) -> None:
    from ai.models.base_model import load_base_model
    from ai.training.trainer import train

    seen: list[dict] = []
    recipe = replace(trained.recipe, steps=3)
    train(load_base_model(trained.base_directory), trained.snapshot, recipe, seen.append)
    assert [entry["step"] for entry in seen] == [1, 2, 3]
    names = {"loss", "grad_norm", "learning_rate", "epoch", "num_tokens", "train_runtime", "eta_s"}
    assert names <= set(seen[0])


def test_batches_use_every_row_once_an_epoch() -> None:
    pytest.importorskip("torch", reason="the trainer needs torch")
    from ai.training.trainer import batches

    recipe = TrainingRecipe(batch_rows=3, seed=5)
    epoch = list(itertools.islice(batches(9, recipe), 3))
    assert sorted(n for batch in epoch for n in batch) == list(range(9))
    assert epoch == list(itertools.islice(batches(9, recipe), 3))
    assert all(len(batch) == 2 for batch in itertools.islice(batches(2, recipe), 4))


def test_the_learning_rate_warms_up_and_falls() -> None:
    pytest.importorskip("torch", reason="the trainer needs torch")
    from ai.training.trainer import learning_rate

    recipe = TrainingRecipe(steps=20, warmup_steps=4, learning_rate_ppm=1000)
    rates = [learning_rate(step, recipe) for step in range(1, 21)]
    assert rates[:4] == pytest.approx([0.00025, 0.0005, 0.00075, 0.001])
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[-1] == pytest.approx(0.0001)
