"""The script behind the embedded base model: its text, tokenizer, rows and schedule reproduce."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the script trains with torch")

ROOT = Path(__file__).resolve().parents[3]
BASE = ROOT / "ai" / "models" / "base"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location(
        "train_base_model", ROOT / "scripts" / "train_base_model.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def receipt():
    return json.loads((BASE / "receipt.json").read_text())


def test_the_text_and_the_tokenizer_are_those_of_the_receipt(script, receipt, tmp_path) -> None:
    here, there = platform.python_version(), receipt["versions"]["python"]
    if here != there:
        pytest.skip(f"the model was trained on the text of Python {there}, this is {here}")
    plain, chats = script.build_texts()
    corpus = [*plain, *(f"{question}\n{answer}" for question, answer in chats)]
    assert hashlib.sha256("\0".join(corpus).encode()).hexdigest() == receipt["text"]["sha256"]
    tokenizer = script.train_tokenizer(corpus)
    script.write_tokenizer(tokenizer, tmp_path, receipt["settings"]["row_tokens"])
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / name).read_bytes() == (BASE / name).read_bytes()


def test_a_run_resumed_with_more_steps_is_the_longer_run(script) -> None:
    short, long = script.Settings(1600, 8, 512), script.Settings(2100, 8, 512)
    undecayed = int(1600 * (1 - short.decay_fraction))
    for step in (0, 30, 59, 60, 700, undecayed):
        assert script.learning_rate(step, short) == script.learning_rate(step, long)
    assert script.learning_rate(1599, short) < script.learning_rate(1200, short)
    assert script.learning_rate(1599, long) > script.learning_rate(1599, short)


def test_rows_are_whole_documents_in_an_order_that_the_seed_decides(script) -> None:
    documents = [[1, 10 + n, 11 + n, 2] for n in range(20)]
    settings = script.Settings(4, 2, 10)
    ids, positions, labels = script.Rows(documents, settings).batch(0)
    assert ids.shape == (2, 10)
    assert ids[0, :8].tolist() != ids[1, :8].tolist()
    assert positions[0, :8].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert labels[0].tolist().count(-100) == 4  # two document starts and the padding of the row
    again = script.Rows(documents, settings)
    assert torch.equal(again.batch(0)[0], ids)
    seen = {tuple(d) for n in range(10) for d in script.Rows(documents, settings).row(n)}
    assert len(seen) == 20  # one epoch holds every document once


def test_the_card_follows_from_the_receipt(script, receipt) -> None:
    assert script.card(receipt) == (BASE / "README.md").read_text()
