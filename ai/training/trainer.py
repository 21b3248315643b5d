"""The training loop: a base model, a proved snapshot and a recipe in, an adapter out.

One readable loop over PEFT's LoRA layers, in float32, with every choice made by the recipe: like
hardware gives the same bytes. The loss is over the completion's tokens only. Knows nothing of jobs,
fees or the chain.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save

from ai.adapters.manifest import CONFIG_FILE, WEIGHTS_FILE, check_adapter
from ai.content import content_hash
from ai.datasets.snapshot import Snapshot
from ai.models.base_model import BaseModel, row_tokens
from chain.errors import StemmaError
from chain.types import Hash32

from . import checkpoints as chain_of_steps
from .checkpoints import Checkpoint
from .recipe import TrainingRecipe

_IGNORED: Final = -100  # cross_entropy's mark for tokens that carry no loss

Progress = Callable[[Mapping[str, float]], None]


class TrainingFailed(StemmaError):
    """The run cannot start or has left the numbers (loss is not finite)."""


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """What a run leaves: the adapter's files and id, its chain of checkpoints, its metrics.

    `metrics` has one entry a step, in integers (micro = millionths), and no clock: its hash is the
    metricsHash of the training statement.
    """

    files: Mapping[str, bytes]
    adapter_id: Hash32
    checkpoints: tuple[Checkpoint, ...]
    metrics: tuple[Mapping[str, int], ...]
    steps: int

    @property
    def checkpoints_root(self) -> Hash32:
        """Root over the chain of checkpoints."""
        return chain_of_steps.checkpoints_root(self.checkpoints)

    @property
    def metrics_hash(self) -> Hash32:
        """keccak256 of the metrics' canonical JSON."""
        return content_hash([dict(entry) for entry in self.metrics])

    @property
    def loss_first(self) -> float:
        """Loss of the first step, in nats a token."""
        return self.metrics[0]["loss_micro"] / 1e6

    @property
    def loss_last(self) -> float:
        """Loss of the last step, in nats a token."""
        return self.metrics[-1]["loss_micro"] / 1e6


@dataclass(frozen=True, slots=True)
class _Example:
    ids: tuple[int, ...]
    answer_start: int


def train(
    base: BaseModel,
    snapshot: Snapshot,
    recipe: TrainingRecipe,
    progress: Progress = lambda _entry: None,
) -> TrainedAdapter:
    """Train a LoRA adapter. `base.model` is wrapped in place: give each run its own BaseModel.

    `progress` is called after each step with the names of Hugging Face's Trainer (loss, grad_norm,
    learning_rate, epoch, num_tokens) and step, steps, eta_s, train_runtime. Raises TrainingFailed.
    """
    # PROLOGUE: rows to tokens, base to LoRA
    examples = _tokenised(base, snapshot, recipe)
    model = get_peft_model(base.model, lora_config(recipe))
    draw_first_weights(model, recipe.seed)
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters,
        lr=recipe.learning_rate_ppm / 1e6,
        weight_decay=recipe.weight_decay_ppm / 1e6,
    )

    # LOOP
    link = chain_of_steps.first_link(base.base_model_id, snapshot.root, recipe.hash)
    links: list[Checkpoint] = []
    metrics: list[dict[str, int]] = []
    pending: list[list[int]] = []
    tokens, began = 0, time.monotonic()
    for step, batch in zip(
        range(1, recipe.steps + 1), batches(len(examples), recipe), strict=False
    ):
        rate = learning_rate(step, recipe)
        loss, grad_norm = _step(
            model,
            optimizer,
            [examples[n] for n in batch],
            rate,
            recipe,
            base.tokenizer.pad_token_id,
        )
        if not math.isfinite(loss):
            raise TrainingFailed(f"loss is {loss} at step {step} of {recipe.steps}")
        tokens += sum(len(examples[n].ids) for n in batch)
        pending.append(batch)
        metrics.append(
            {"step": step, "loss_micro": _micro(loss), "grad_norm_micro": _micro(grad_norm)}
        )
        if step % recipe.checkpoint_every == 0 or step == recipe.steps:
            checkpoint = _checkpoint(model, link, step, pending)
            link, pending = checkpoint.link, []
            links.append(checkpoint)
        seconds = time.monotonic() - began
        progress(
            {
                "step": step,
                "steps": recipe.steps,
                "loss": loss,
                "grad_norm": grad_norm,
                "learning_rate": rate,
                "epoch": step * recipe.batch_rows / len(examples),
                "num_tokens": tokens,
                "train_runtime": seconds,
                "eta_s": seconds / step * (recipe.steps - step),
            }
        )

    # EPILOGUE
    files = adapter_files(model, recipe, base.base_model_id)
    adapter_id = check_adapter(files).adapter_id
    return TrainedAdapter(files, adapter_id, tuple(links), tuple(metrics), recipe.steps)


def _tokenised(base: BaseModel, snapshot: Snapshot, recipe: TrainingRecipe) -> list[_Example]:
    limit = min(recipe.row_tokens, base.context_tokens)
    examples = [
        _Example(tuple(ids), start)
        for row in snapshot.rows
        for ids, start in [row_tokens(base.tokenizer, row.prompt, row.completion, limit)]
    ]
    if not examples:
        raise TrainingFailed(f"datanet {snapshot.datanet_id}: the snapshot has no rows")
    return examples


def lora_config(recipe: TrainingRecipe) -> LoraConfig:
    """PEFT's configuration for a recipe."""
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        target_modules=list(recipe.target_modules),
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
    )


def draw_first_weights(model: PeftModel, seed: int) -> None:
    """PEFT's own first weights (A uniform by Kaiming, B zero), drawn from the recipe's seed.

    PEFT draws from torch's global generator, which other threads of a worker draw from as well.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if ".lora_A." in name:
            torch.nn.init.kaiming_uniform_(parameter, a=math.sqrt(5), generator=generator)


def batches(row_count: int, recipe: TrainingRecipe) -> Iterator[list[int]]:
    """Row numbers of each batch, without end: one permutation an epoch, drawn from the seed."""
    size = min(recipe.batch_rows, row_count)
    waiting: list[int] = []
    epoch = 0
    while True:
        while len(waiting) < size:
            generator = torch.Generator().manual_seed((recipe.seed + 1_000_003 * epoch) % 2**63)
            waiting.extend(torch.randperm(row_count, generator=generator).tolist())
            epoch += 1
        yield waiting[:size]
        waiting = waiting[size:]


def learning_rate(step: int, recipe: TrainingRecipe) -> float:
    """Linear warm-up, then constant or half a cosine down to a tenth; steps count from 1."""
    peak = recipe.learning_rate_ppm / 1e6
    if step <= recipe.warmup_steps:
        return peak * step / recipe.warmup_steps
    if recipe.schedule == "constant":
        return peak
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return peak * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done)))


def pad_batch(
    examples: Sequence[_Example], pad_token: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(ids, attention mask, labels), each (B, T); labels stand where their token stands."""
    length = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), length), pad_token)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, _IGNORED)
    for b, example in enumerate(examples):
        tokens = torch.tensor(example.ids)
        ids[b, : len(tokens)] = tokens
        mask[b, : len(tokens)] = 1
        labels[b, example.answer_start : len(tokens)] = tokens[example.answer_start :]
    return ids, mask, labels


def _step(
    model: PeftModel,
    optimizer: torch.optim.Optimizer,
    examples: Sequence[_Example],
    rate: float,
    recipe: TrainingRecipe,
    pad_token: int,
) -> tuple[float, float]:
    for group in optimizer.param_groups:
        group["lr"] = rate
    ids, mask, labels = pad_batch(examples, pad_token)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits  # (B, T, V)
    loss = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=_IGNORED
    )
    loss.backward()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    grad_norm = torch.nn.utils.clip_grad_norm_(parameters, recipe.grad_clip_milli / 1e3)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item(), float(grad_norm)


def _checkpoint(
    model: PeftModel, previous: Hash32, step: int, pending: Sequence[Sequence[int]]
) -> Checkpoint:
    state = lora_tensors(model)
    weights = chain_of_steps.weights_hash(
        {name: tensor.detach().numpy().tobytes() for name, tensor in state.items()}
    )
    rows = chain_of_steps.rows_hash(pending)
    return Checkpoint(step, rows, weights, chain_of_steps.next_link(previous, step, rows, weights))


def lora_tensors(model: PeftModel) -> dict[str, torch.Tensor]:
    """The adapter's tensors under the names that PEFT saves them with.

    Left to itself PEFT asks the Hub whether the base model's vocabulary has changed.
    """
    return dict(get_peft_model_state_dict(model, save_embedding_layers=False))


def adapter_files(model: PeftModel, recipe: TrainingRecipe, base_model: Hash32) -> dict[str, bytes]:
    """The adapter as PEFT saves it, with one spelling: keys sorted, sets as sorted lists."""
    config = lora_config(recipe).to_dict()
    # Named by its hash: a path would be another on every machine, and the id with it.
    config.update(base_model_name_or_path=f"0x{base_model.hex()}", inference_mode=True)
    config = {k: sorted(v) if isinstance(v, set) else v for k, v in config.items()}
    state = {
        name: tensor.detach().to(torch.float32).contiguous()
        for name, tensor in sorted(lora_tensors(model).items())
    }
    return {
        CONFIG_FILE: (json.dumps(config, indent=2, sort_keys=True) + "\n").encode(),
        WEIGHTS_FILE: save(state, metadata={"format": "pt"}),
    }


def _micro(value: float) -> int:
    return round(value * 1_000_000)
