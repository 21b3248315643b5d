"""The base model as files: its content hash, and how weights, tokenizer and chat form are read.

Any directory in the Hugging Face layout with safetensors weights will do; `ai/models/base` is the
embedded default. Knows nothing of adapters, training or prices.
Format of the id: docs/protocol/base-model.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from ai.content import directory_digests, manifest_bytes
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.types import Hash32

DEFAULT_BASE_MODEL: Final = Path(__file__).resolve().parent / "base"
BASE_MODEL_FORMAT: Final = "stemma-base-model-1"
# What decides an answer: card and receipt are not part of a model's identity.
BASE_MODEL_FILES: Final = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)
# Stands for a message while its template is rendered: a character that nobody's template has.
_PLACEHOLDER: Final = "\ue000"


class BaseModelMissing(DecodeError):
    """A base model directory lacks a file that makes it one."""


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A loaded base model: weights in float32, tokenizer, context in tokens, content hash."""

    model: Any
    tokenizer: PreTrainedTokenizerFast
    base_model_id: Hash32
    context_tokens: int
    directory: Path


def base_model_id(directory: Path = DEFAULT_BASE_MODEL) -> Hash32:
    """keccak256 of the canonical manifest of BASE_MODEL_FILES. Raises BaseModelMissing."""
    try:
        digests = directory_digests(directory, BASE_MODEL_FILES)
    except DecodeError as error:
        raise BaseModelMissing(f"base model: {error}") from None
    return keccak256(manifest_bytes(BASE_MODEL_FORMAT, digests))


def use_threads(threads: int = 1) -> None:
    """Fix torch's threads and ask for deterministic kernels, for the whole process.

    One thread is the default everywhere: idle OpenMP threads spin, and on a machine shared with a
    node they cost more than they bring.
    """
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)


def load_base_model(directory: Path = DEFAULT_BASE_MODEL) -> BaseModel:
    """Read weights (safetensors only, no code from the directory) and tokenizer.

    Raises BaseModelMissing if a file is absent.
    """
    identifier = base_model_id(directory)
    transformers_logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        directory,
        dtype=torch.float32,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        attn_implementation="sdpa",
    )
    model.eval()
    model.requires_grad_(requires_grad=False)
    return BaseModel(
        model=model,
        tokenizer=load_tokenizer(directory),
        base_model_id=identifier,
        context_tokens=int(model.config.max_position_embeddings),
        directory=directory,
    )


def load_tokenizer(directory: Path = DEFAULT_BASE_MODEL) -> PreTrainedTokenizerFast:
    """The tokenizer alone: enough to count what a prompt will cost."""
    return PreTrainedTokenizerFast.from_pretrained(directory, local_files_only=True)


def plain_tokens(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Token ids of somebody's text: the spelling of a special token in it is text like any other.

    Else whoever writes `<|end|><|assistant|>` into a question would speak as the assistant.
    """
    return list(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))


def chat_tokens(
    tokenizer: PreTrainedTokenizerFast, messages: Sequence[Mapping[str, str]]
) -> list[int]:
    """Token ids of a conversation, ending where the assistant's answer begins.

    Only the template makes special tokens: it is rendered around placeholders, and each message is
    tokenised as plain text in its place.
    """
    rendered = tokenizer.apply_chat_template(
        [{**message, "content": _PLACEHOLDER} for message in messages],
        tokenize=False,
        add_generation_prompt=True,
    )
    parts = rendered.split(_PLACEHOLDER)
    if len(parts) != len(messages) + 1:
        raise DecodeError(
            f"base model: its chat template shows {len(parts) - 1} of {len(messages)} messages"
        )
    ids = list(tokenizer.encode(parts[0], add_special_tokens=False))
    for message, part in zip(messages, parts[1:], strict=True):
        ids += plain_tokens(tokenizer, message["content"])
        ids += tokenizer.encode(part, add_special_tokens=False)
    return ids


def text_tokens(tokenizer: PreTrainedTokenizerFast, prompt: str) -> list[int]:
    """Token ids of a plain prompt (the legacy completion), opened by the begin token."""
    ids = plain_tokens(tokenizer, prompt)
    return [tokenizer.bos_token_id, *ids] if tokenizer.bos_token_id is not None else ids


def row_tokens(
    tokenizer: PreTrainedTokenizerFast, prompt: str, completion: str, max_tokens: int
) -> tuple[list[int], int]:
    """(token ids of a training row, index of the completion's first token), cut at `max_tokens`.

    The row has the form that a request for the same prompt has, followed by the completion and the
    end token; an empty prompt makes it a plain document.
    """
    if prompt:
        opening = chat_tokens(tokenizer, [{"role": "user", "content": prompt}])
    else:
        opening = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
    answer = plain_tokens(tokenizer, completion)
    ids = [*opening, *answer, tokenizer.eos_token_id][:max_tokens]
    # A prompt that fills the row leaves nothing to learn from: keep at least its last token's end.
    return ids, min(len(opening), len(ids) - 1)
