"""Training, serving and attribution on the families whose LoRA batches are exact, each one tiny."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the families need torch")

import transformers
from tiny_model import tiny_snapshot, write_tiny_base_model

from ai.adapters.store import AdapterStore
from ai.attribution.attributor import Attributor
from ai.inference.engine import GenerationRequest
from ai.inference.transformers_engine import TransformersEngine
from ai.models.base_model import chat_tokens, load_base_model
from ai.training.recipe import TrainingRecipe
from ai.training.trainer import train
from chain.types import Hash32

COMMON = {
    "vocab_size": 320,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.2,
}
GATED = {
    **COMMON,
    "intermediate_size": 64,
    "num_key_value_heads": 1,
    "max_position_embeddings": 128,
}
QKVO = ("k_proj", "o_proj", "q_proj", "v_proj")
FAMILIES = {
    "llama": (lambda: transformers.LlamaConfig(**GATED), QKVO),
    "mistral": (lambda: transformers.MistralConfig(**GATED, sliding_window=None), QKVO),
    "qwen2": (lambda: transformers.Qwen2Config(**GATED), QKVO),
    "qwen3": (lambda: transformers.Qwen3Config(**GATED, head_dim=16), QKVO),
    "glm": (lambda: transformers.GlmConfig(**GATED, head_dim=16), QKVO),
    "gemma": (lambda: transformers.GemmaConfig(**GATED, head_dim=16), QKVO),
    "falcon": (lambda: transformers.FalconConfig(**COMMON), ("dense", "query_key_value")),
    "gpt2": (
        lambda: transformers.GPT2Config(
            vocab_size=320, n_embd=32, n_layer=2, n_head=2, n_positions=128, initializer_range=0.2,
            pad_token_id=0, bos_token_id=1, eos_token_id=2,
        ),
        ("c_attn",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_family_trains_serves_in_a_mixed_batch_and_is_attributed(family, tmp_path) -> None:
    make_config, targets = FAMILIES[family]
    directory = write_tiny_base_model(tmp_path / "base", config=make_config())
    snapshot = tiny_snapshot(tmp_path / "content")
    recipe = TrainingRecipe(
        rank=4, target_modules=targets, steps=12, batch_rows=4, learning_rate_ppm=20_000
    )
    result = train(load_base_model(directory), snapshot, recipe)
    assert result.loss_last < result.loss_first
    store = AdapterStore(tmp_path / "adapters")
    stored = store.stored(store.add(result.files).adapter_id)

    base = load_base_model(directory)
    prompt = tuple(chat_tokens(base.tokenizer, [{"role": "user", "content": "What do ships do?"}]))
    requests = [
        GenerationRequest(prompt, 8, adapter) for adapter in (None, stored, None, stored)
    ] + [GenerationRequest(prompt[:5], 8, stored)]
    engine = TransformersEngine(base)
    try:
        alone = [engine.complete(request).tokens for request in requests]
        together = [engine.submit(request) for request in requests]
        assert [generation.result(60).tokens for generation in together] == alone
    finally:
        engine.close()
    assert alone[0] != alone[1]

    zero = Hash32(bytes(32))
    row = snapshot.rows[2]
    evidence = Attributor(directory, stored, snapshot).attribute(prompt, row.completion, zero, zero)
    assert dict(evidence.shares)[row.contributor] >= 500_000
