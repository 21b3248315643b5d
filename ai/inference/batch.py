"""The rows that are being generated together: one key/value cache, left-padded, rows come and go.

A new row is prefilled alone, so its first token does not depend on its neighbours, and is then
joined to the batch. Knows tensors; knows nothing of requests, sampling or text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

Layers = list[tuple[torch.Tensor, torch.Tensor]]


class Batch:
    """Rows of one forward pass; row i of cache, mask and adapters belong together."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - transformers and peft share no type
        self._model = model
        self._layers: Layers = []
        self._mask = torch.zeros(0, 0, dtype=torch.long)  # (B, T), 0 where a row is padded
        self._adapters: list[str | None] = []

    def __len__(self) -> int:
        return len(self._adapters)

    def use_model(self, model: Any) -> None:  # noqa: ANN401 - as above
        """Go on with `model`: PEFT wraps the base model when the first adapter is loaded."""
        self._model = model

    def join(self, tokens: Sequence[int], adapter: str | None) -> torch.Tensor:
        """Prefill a prompt alone and add it as the last row; returns its next-token logits (V,)."""
        ids = torch.tensor([list(tokens)])
        mask = torch.ones_like(ids)
        logits, layers = self._forward(ids, mask, torch.arange(len(tokens))[None], [], [adapter])
        width = max(self._mask.shape[1], mask.shape[1])
        self._mask = torch.cat([_pad_left(self._mask, width, 1), _pad_left(mask, width, 1)])
        if self._layers:
            self._layers = [
                (_join(old_key, key, width), _join(old_value, value, width))
                for (old_key, old_value), (key, value) in zip(self._layers, layers, strict=True)
            ]
        else:
            self._layers = layers
        self._adapters.append(adapter)
        return logits[0]

    def step(self, last_tokens: Sequence[int]) -> torch.Tensor:
        """Feed each row its last token; returns the next-token logits (B, V)."""
        ids = torch.tensor(list(last_tokens))[:, None]
        positions = self._mask.sum(dim=1, keepdim=True)
        self._mask = torch.cat([self._mask, torch.ones(len(self), 1, dtype=torch.long)], dim=1)
        logits, self._layers = self._forward(
            ids, self._mask, positions, self._layers, self._adapters
        )
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these, and the padding that none of them needs."""
        self._adapters = [self._adapters[row] for row in rows]
        if not rows:
            self._layers, self._mask = [], torch.zeros(0, 0, dtype=torch.long)
            return
        chosen = torch.tensor(list(rows))
        mask = self._mask[chosen]
        start = mask.shape[1] - int(mask.sum(dim=1).max())
        self._mask = mask[:, start:]
        self._layers = [
            (key[chosen][:, :, start:], value[chosen][:, :, start:]) for key, value in self._layers
        ]

    def _forward(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        positions: torch.Tensor,
        layers: Layers,
        adapters: Sequence[str | None],
    ) -> tuple[torch.Tensor, Layers]:
        cache = DynamicCache(layers or None)
        extra: dict[str, Any] = {}
        if hasattr(self._model, "peft_config"):
            extra["adapter_names"] = [name or "__base__" for name in adapters]
        with torch.inference_mode():
            output = self._model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
                **extra,
            )
        return output.logits[:, -1], [(layer.keys, layer.values) for layer in cache.layers]


def _pad_left(tensor: torch.Tensor, width: int, dim: int) -> torch.Tensor:
    """Zeros in front along `dim`, up to `width`."""
    missing = width - tensor.shape[dim]
    if missing == 0:
        return tensor
    shape = list(tensor.shape)
    shape[dim] = missing
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dim)


def _join(old: torch.Tensor, new: torch.Tensor, width: int) -> torch.Tensor:
    return torch.cat([_pad_left(old, width, 2), _pad_left(new, width, 2)])
