"""Adapters as files from strangers: manifest, checks, store."""

from __future__ import annotations

import json
import pickle

import pytest

from ai.adapters.manifest import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    MalformedAdapter,
    UnsafeWeights,
    check_adapter,
)
from ai.adapters.store import AdapterStore, CorruptAdapter, UnknownAdapter
from chain.types import Hash32

BASE = Hash32(b"\x11" * 32)
A_NAME = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
B_NAME = A_NAME.replace("lora_A", "lora_B")


def safetensors(tensors: dict, payload: bytes | None = None) -> bytes:
    header, body = {}, b""
    for name, shape in tensors.items():
        size = shape[0] * shape[1] * 4
        header[name] = {
            "dtype": "F32",
            "shape": list(shape),
            "data_offsets": [len(body), len(body) + size],
        }
        body += bytes(size)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + (body if payload is None else payload)


def adapter(**config) -> dict[str, bytes]:
    settings = {
        "peft_type": "LORA",
        "r": 2,
        "target_modules": ["q_proj"],
        "base_model_name_or_path": "0x" + BASE.hex(),
        **config,
    }
    return {
        CONFIG_FILE: json.dumps(settings).encode(),
        WEIGHTS_FILE: safetensors({A_NAME: (2, 8), B_NAME: (8, 2)}),
    }


def test_the_id_names_the_content() -> None:
    first, second = check_adapter(adapter()), check_adapter(adapter(lora_alpha=3))
    assert first.adapter_id == check_adapter(adapter()).adapter_id
    assert first.adapter_id != second.adapter_id
    assert (first.base_model, first.rank, first.target_modules) == (BASE, 2, ("q_proj",))


@pytest.mark.parametrize("name", ["adapter_model.bin", "weights.PKL", "x.pt", "../model.ckpt"])
def test_pickles_are_refused_by_name(name) -> None:
    with pytest.raises(UnsafeWeights, match="pickle"):
        check_adapter({**adapter(), name: b""})


@pytest.mark.parametrize("data", [pickle.dumps([1]), b"PK\x03\x04rest"])
def test_pickles_are_refused_by_content(data) -> None:
    with pytest.raises(UnsafeWeights, match="pickle"):
        check_adapter({**adapter(), WEIGHTS_FILE: data})


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "tokenizer.json", ""])
def test_other_files_and_escapes_are_refused(name) -> None:
    with pytest.raises(MalformedAdapter, match="unexpected file"):
        check_adapter({**adapter(), name: b""})


@pytest.mark.parametrize(
    "config",
    [
        {"peft_type": "IA3"},
        {"r": 0},
        {"r": 1000},
        {"r": True},
        {"r": "8"},
        {"target_modules": "all-linear"},
        {"target_modules": []},
        {"target_modules": [1]},
        {"auto_mapping": {"base_model_class": "X"}},
        {"modules_to_save": ["lm_head"]},
        {"use_dora": True},
        {"rank_pattern": {"a": 1}},
        {"base_model_name_or_path": "/tmp/base"},
        {"base_model_name_or_path": None},
    ],
)
def test_settings_that_cannot_be_served_are_refused(config) -> None:
    with pytest.raises(MalformedAdapter, match=CONFIG_FILE):
        check_adapter(adapter(**config))


@pytest.mark.parametrize(
    "weights",
    [
        b"",
        b"\xff" * 8,
        (1 << 40).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"{}",
        (4).to_bytes(8, "little") + b"oops",
        safetensors({A_NAME: (3, 8)}),
        safetensors({B_NAME: (2, 8)}),
        safetensors({"base_model.model.lm_head.weight": (2, 8)}),
        safetensors({A_NAME: (2, 8)}, payload=b""),
    ],
)
def test_odd_weights_are_refused_before_anything_reads_them(weights) -> None:
    with pytest.raises(MalformedAdapter, match=WEIGHTS_FILE):
        check_adapter({**adapter(), WEIGHTS_FILE: weights})


def test_store_gives_back_what_was_added(tmp_path) -> None:
    store = AdapterStore(tmp_path)
    manifest = store.add(adapter())
    assert store.add(adapter()) == manifest
    assert store.files(manifest.adapter_id) == adapter()
    assert store.ids() == [manifest.adapter_id]
    assert store.add_directory(store.path(manifest.adapter_id)) == manifest


def test_an_altered_file_on_disk_is_corrupt(tmp_path) -> None:
    store = AdapterStore(tmp_path)
    found = store.add(adapter())
    path = store.path(found.adapter_id) / WEIGHTS_FILE
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptAdapter, match=found.adapter_id.hex()):
        store.open(found.adapter_id)


def test_links_and_pickles_in_a_directory_are_refused(tmp_path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name, data in adapter().items():
        (source / name).write_bytes(data)
    (source / "README.md").write_text("a card")
    store = AdapterStore(tmp_path / "store")
    store.add_directory(source)
    (source / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(UnsafeWeights):
        store.add_directory(source)
    (source / "adapter_model.bin").unlink()
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (source / "extra.json").symlink_to(secret)
    with pytest.raises(MalformedAdapter, match="link"):
        store.add_directory(source)


def test_an_unknown_adapter_is_named(tmp_path) -> None:
    with pytest.raises(UnknownAdapter, match="0x0101"):
        AdapterStore(tmp_path).open(Hash32(b"\x01" * 32))
