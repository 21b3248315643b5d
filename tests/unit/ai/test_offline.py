"""From rows to shares no socket is opened, not even one whose failure a library hides."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("torch", reason="the AI side needs torch")

from tiny_model import tiny_snapshot, write_tiny_base_model

from ai.adapters.store import AdapterStore
from ai.attribution.attributor import Attributor
from ai.inference.engine import GenerationRequest
from ai.inference.transformers_engine import TransformersEngine
from ai.models.base_model import load_base_model
from ai.training.recipe import TrainingRecipe
from ai.training.trainer import train
from chain.types import Hash32


def test_the_whole_way_from_rows_to_shares_stays_on_the_machine(tmp_path, monkeypatch) -> None:
    tried: list[object] = []

    def refuse(*arguments: object, **_named: object) -> None:
        tried.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    directory = write_tiny_base_model(tmp_path / "base")
    snapshot = tiny_snapshot(tmp_path / "content")
    result = train(load_base_model(directory), snapshot, TrainingRecipe(steps=2))
    store = AdapterStore(tmp_path / "adapters")
    stored = store.stored(store.add(result.files).adapter_id)
    engine = TransformersEngine(load_base_model(directory))
    try:
        answer = engine.complete(GenerationRequest((1, 2, 3), 4, stored))
    finally:
        engine.close()
    zero = Hash32(bytes(32))
    Attributor(directory, stored, snapshot).attribute((1, 2, 3), answer.text, zero, zero)
    assert tried == []
