"""Gradient influence of each training row on an answer, in DataInf's closed form.

For every LoRA matrix l with row gradients g_i and the answer's gradient v (Kwon et al., DataInf,
ICLR 2024, eq. 5):

    lambda_l  = mean_i mean(g_i^2) / 10
    hvp_l     = (1/lambda_l) * (v - (1/n) sum_i <v, g_i> / (lambda_l + |g_i|^2) * g_i)
    score(k)  = sum_l <hvp_l, g_k>          positive: training on k made this answer likelier

divided by k's own root influence sqrt(score_k(k)) (RelatIF, Barshan et al., AISTATS 2020). Without
the division a row that the adapter knows by heart, whose gradient has nearly vanished, would lose
to any row that it still gets wrong, although the answer quotes the first.

Cost: one backward pass a row, once an adapter; one for each answer, and two products with the
n x D matrix. It misses what the base model knew already, and rows that only changed the course of
training early on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from ai.adapters.store import StoredAdapter
from ai.datasets.snapshot import Snapshot
from ai.models.base_model import BaseModel, row_tokens
from chain.errors import StemmaError

from .method import FLOOR_PPM, Answer, quantise

STEP_PPM: Final = 1_000
_BATCH_ROWS: Final = 8
_DAMPING_PARTS: Final = 10  # lambda is a tenth of the mean square, as the paper has it
_TINY: Final = 1e-30
_FLOAT_BYTES: Final = 4
# Row gradients are kept in memory between answers. Beyond this the first layers are left out: the
# last ones, nearest to the words, decide most.
MAX_GRADIENT_BYTES: Final = 1 << 30


class SnapshotTooLarge(StemmaError):
    """The rows are too many for gradients to be kept."""


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Tokens, and the index from which on they count (the prompt before carries no loss)."""

    ids: tuple[int, ...]
    start: int


@dataclass(slots=True)
class _Block:
    """Row gradients of one LoRA matrix, and what DataInf needs of them."""

    rows: torch.Tensor  # (n, D)
    squares: torch.Tensor = field(init=False)  # (n,)
    damping: torch.Tensor = field(init=False)  # scalar

    def __post_init__(self) -> None:
        self.squares = self.rows.square().sum(dim=1)
        size = self.rows.shape[1] * _DAMPING_PARTS
        self.damping = torch.clamp(self.squares.mean() / size, min=_TINY)

    def influence(self, query: torch.Tensor) -> torch.Tensor:
        """<hvp(query), g_k> for each row k; query has shape (D,)."""
        inner = self.rows @ query
        weights = inner / (self.damping + self.squares) / len(self.rows)
        return (self.rows @ (query - weights @ self.rows)) / self.damping

    def self_influence(self) -> torch.Tensor:
        """<hvp(g_k), g_k> for each row k, by the Gram matrix."""
        gram = self.rows @ self.rows.T
        weights = gram.square() / (self.damping + self.squares) / len(self.rows)
        return (self.squares - weights.sum(dim=1)) / self.damping


class PerRowGradients:
    """Gradients of each row's own loss with respect to each LoRA matrix, one backward a batch.

    A LoRA matrix is a linear layer y = W x: row b's gradient is sum_t grad_y[b,t] x[b,t]^T. Both
    factors are seen by hooks, so no gradient has to be taken apart afterwards.
    """

    def __init__(self, model: PeftModel, pad_token: int, row_count: int) -> None:
        self._model = model
        self._pad_token = pad_token
        self._seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        for name, linear in chosen_matrices(model, row_count):
            linear.register_forward_hook(self._remember(name))

    def _remember(self, name: str) -> Any:  # noqa: ANN401 - torch names no type for a hook
        def on_forward(_module: Any, inputs: Any, output: torch.Tensor) -> None:  # noqa: ANN401
            values = inputs[0].detach()
            output.register_hook(lambda gradient: self._seen.update({name: (values, gradient)}))

        return on_forward

    def of(self, sequences: Sequence[_Sequence]) -> dict[str, torch.Tensor]:
        """{matrix: (rows, D)} for a batch; each row's loss is its mean over counted tokens."""
        length = max(len(sequence.ids) for sequence in sequences)
        ids = torch.full((len(sequences), length), self._pad_token)
        mask = torch.zeros_like(ids)
        weights = torch.zeros(len(sequences), length - 1)
        for b, sequence in enumerate(sequences):
            tokens = torch.tensor(sequence.ids)
            ids[b, : len(tokens)] = tokens
            mask[b, : len(tokens)] = 1
            counted = slice(max(sequence.start, 1) - 1, len(tokens) - 1)
            weights[b, counted] = 1.0 / max(1, counted.stop - counted.start)
        logits = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none"
        )
        (losses * weights).sum().backward()
        self._model.zero_grad(set_to_none=True)
        gradients = {
            name: torch.einsum("bto,bti->boi", gradient, values).flatten(1)
            for name, (values, gradient) in sorted(self._seen.items())
        }
        self._seen.clear()
        return gradients


def chosen_matrices(model: PeftModel, row_count: int) -> list[tuple[str, Any]]:
    """The LoRA matrices whose gradients are kept: all, or the last that fit MAX_GRADIENT_BYTES.

    Raises SnapshotTooLarge if not even one fits.
    """
    matrices = [
        (f"{name}.{part}", linear)
        for name, module in model.named_modules()
        if isinstance(module, LoraLayer)
        for part in ("lora_A", "lora_B")
        for linear in getattr(module, part).values()
    ]
    room = MAX_GRADIENT_BYTES // (_FLOAT_BYTES * row_count)
    chosen: list[tuple[str, Any]] = []
    for name, linear in reversed(matrices):
        room -= linear.weight.numel()
        if room < 0:
            break
        chosen.append((name, linear))
    if not chosen:
        raise SnapshotTooLarge(
            f"gradients of {row_count} rows need more than {MAX_GRADIENT_BYTES} bytes a matrix"
        )
    return chosen


class DataInf:
    """An AttributionMethod; row gradients are computed at the first answer and kept."""

    name = "datainf-relative-1"

    def __init__(self, base: BaseModel, adapter: StoredAdapter, snapshot: Snapshot) -> None:
        """`base.model` is wrapped in place: give it a BaseModel that nothing else uses."""
        model = PeftModel.from_pretrained(base.model, adapter.path, is_trainable=True)
        model.eval()
        self._gradients = PerRowGradients(model, base.tokenizer.pad_token_id, len(snapshot.rows))
        self._base = base
        self._snapshot = snapshot
        self._blocks: dict[str, _Block] = {}
        self._norms: torch.Tensor | None = None

    def prepare(self) -> None:
        """Compute the row gradients now instead of at the first answer."""
        if self._blocks:
            return
        limit = self._base.context_tokens
        sequences = [
            _Sequence(tuple(ids), start)
            for row in self._snapshot.rows
            for ids, start in [row_tokens(self._base.tokenizer, row.prompt, row.completion, limit)]
        ]
        # Rows of like length share a batch: padding is work without result.
        order = sorted(range(len(sequences)), key=lambda n: len(sequences[n].ids))
        stored: dict[str, torch.Tensor] = {}
        for start in range(0, len(order), _BATCH_ROWS):
            numbers = order[start : start + _BATCH_ROWS]
            for name, rows in self._gradients.of([sequences[n] for n in numbers]).items():
                if name not in stored:
                    stored[name] = torch.zeros(len(sequences), rows.shape[1])
                stored[name][numbers] = rows
        self._blocks = {name: _Block(rows) for name, rows in stored.items()}
        total = torch.stack([block.self_influence() for block in self._blocks.values()]).sum(dim=0)
        self._norms = torch.sqrt(torch.clamp(total, min=_TINY))

    def raw_scores(self, answer: Answer) -> list[float]:
        """Relative influence of each row, signed, in no unit."""
        self.prepare()
        end = self._base.tokenizer.eos_token_id
        ids = (*answer.prompt_tokens, *answer.output_tokens, end)[: self._base.context_tokens]
        query = self._gradients.of([_Sequence(ids, len(answer.prompt_tokens))])
        influences = [block.influence(query[name][0]) for name, block in self._blocks.items()]
        return list((torch.stack(influences).sum(dim=0) / self._norms).tolist())

    def score(self, answer: Answer) -> tuple[int, ...]:
        """Quantised positive influence, in ppm of the most influential row."""
        return quantise(self.raw_scores(answer), FLOOR_PPM, STEP_PPM)
