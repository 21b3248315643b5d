"""Whether an adapter fits the model that is served, decided before any of it is loaded.

PEFT passes over tensors that it cannot place, and an adapter that is half applied answers like a
worse one without a word. Here every target module must have both factors in the right shape, and
every factor must have its module. Reads the file's header only.
"""

from __future__ import annotations

import json
from typing import Any

from safetensors import safe_open

from ai.adapters.manifest import CONFIG_FILE, WEIGHTS_FILE
from ai.adapters.store import StoredAdapter

_PREFIX = "base_model.model."


def misfits(model: Any, adapter: StoredAdapter) -> list[str]:  # noqa: ANN401 - any torch module
    """What does not fit, one line each, sorted; empty if the adapter can be loaded.

    `model` is the base model before PEFT wrapped it, or after: wrapped linears are seen through.
    """
    config = json.loads((adapter.path / CONFIG_FILE).read_bytes())
    expected = _expected_shapes(model, set(config["target_modules"]), config["r"])
    with safe_open(adapter.path / WEIGHTS_FILE, framework="pt") as file:
        found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - not a dict
    return sorted(
        f"{name}: the file has {found.get(name)}, the model needs {expected.get(name)}"
        for name in expected.keys() | found.keys()
        if expected.get(name) != found.get(name)
    )


def _expected_shapes(
    model: Any,  # noqa: ANN401 - as above
    targets: set[str],
    rank: int,
) -> dict[str, tuple[int, int]]:
    shapes: dict[str, tuple[int, int]] = {}
    for name, module in model.named_modules():
        if not any(name == target or name.endswith(f".{target}") for target in targets):
            continue
        linear = getattr(module, "base_layer", module)
        rows, columns = linear.weight.shape
        if type(linear).__name__ == "Conv1D":  # GPT-2 keeps its matrices transposed
            rows, columns = columns, rows
        shapes[f"{_PREFIX}{name}.lora_A.weight"] = (rank, columns)
        shapes[f"{_PREFIX}{name}.lora_B.weight"] = (rows, rank)
    return shapes
