"""Train the embedded base model from text that every CPython carries.

    python scripts/train_base_model.py --steps 1500 --out ai/models/base

(Large tensors come and go at each step: MALLOC_MMAP_THRESHOLD_=4000000000 with
MALLOC_TRIM_THRESHOLD_=8000000000 in the environment saves a fifth of the time under glibc.)

Text: `pydoc_data.topics` and the docstrings of the standard library (ai/datasets/python_docs.py),
as plain documents and as chat samples. The modules in HELD_OUT_MODULES are left out: adapters learn
those. One thread, fixed seeds, bf16 autocast over fp32 weights: like hardware and the same Python
give the same bytes. A checkpoint every 100 steps (`--work`) makes the run resumable.

The learning rate is a trapezoid (warm-up, constant, linear decay at the end), so that a run stopped
before its decay can be resumed with another `--steps` and is still the run that `--steps` names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import platform
import pydoc_data.topics
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from ai.datasets.python_docs import (
    HELD_OUT_MODULES,
    DocumentedObject,
    documented_objects,
    is_held_out,
    question_rows,
    stdlib_files,
)

BEGIN, END, USER, ASSISTANT, SYSTEM, PAD = (
    "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|pad|>",
)  # fmt: skip
SPECIAL_TOKENS = [PAD, BEGIN, END, USER, ASSISTANT, SYSTEM]
CHAT_TEMPLATE = (
    "{{ '<|begin|>' }}{% for m in messages %}"
    "{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
VOCAB_SIZE = 6144
LEARNING_RATE = 1.5e-3
WARMUP_STEPS = 60
DECAY_FRACTION = 0.3
CHUNK_TOKENS = 240  # a long topic is cut into documents of at most this many tokens
LONG_DOC_CHARS = 600  # a shorter docstring is already whole in its chat samples
SYSTEM_EVERY = 8  # one chat sample in eight opens with a system turn
SYSTEM_TEXT = "You answer questions about Python."
INTRODUCTIONS = (
    ("Who are you?", "I am a small language model trained on the documentation of Python."),
    ("Hello", "Hello! Ask me about a module, a class or a function of Python's standard library."),
    ("What can you do?", "I can quote the documentation of Python's standard library."),
    ("What is Python?", "Python is a programming language with an extensive standard library."),
)
HELD_OUT_FOR_LOSS = 160  # chat documents never trained on: the receipt's eval_loss


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that decides the bytes of the result, besides the text."""

    steps: int
    batch_rows: int
    row_tokens: int
    seed: int = 20261121
    learning_rate: float = LEARNING_RATE
    warmup_steps: int = WARMUP_STEPS
    decay_fraction: float = DECAY_FRACTION
    weight_decay: float = 0.1
    grad_clip: float = 1.0


# ---------------------------------------------------------------- text


def library_objects() -> list[DocumentedObject]:
    """Every documented object of the library outside the held-out modules, in a fixed order."""
    return [
        item
        for module, path in stdlib_files()
        if not is_held_out(module) and module != "pydoc_data.topics"
        for item in documented_objects(module, path.read_bytes())
    ]


def build_texts() -> tuple[list[str], list[tuple[str, str]]]:
    """(plain documents, chat samples as (question, answer)); deduplicated, order fixed."""
    plain: dict[str, None] = {}
    chats: dict[tuple[str, str], None] = {}
    for name, text in sorted(pydoc_data.topics.topics.items()):
        plain.setdefault(text.strip())
        paragraphs = [p.strip() for p in text.strip().split("\n\n") if len(p.strip()) > 60]
        if paragraphs:
            chats.setdefault((f"Explain the Python topic {name}.", " ".join(paragraphs[0].split())))
    for question, answer in INTRODUCTIONS:
        chats.setdefault((question, answer))
    for item in library_objects():
        if item.is_public:
            if len(item.doc) > LONG_DOC_CHARS:
                plain.setdefault(f"{item.name}\n{item.signature}\n\n{item.doc}")
            for row in question_rows(item):
                chats.setdefault((row["prompt"], row["completion"]))
    return list(plain), list(chats)


def train_tokenizer(texts: list[str]) -> Tokenizer:
    """Byte-level BPE: any bytes can be written, nothing is unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode_documents(
    tokenizer: Tokenizer, plain: list[str], chats: list[tuple[str, str]]
) -> list[list[int]]:
    """Token lists, each `<|begin|> ... <|end|>` and at most CHUNK_TOKENS + 2 long."""
    ids = {token: tokenizer.token_to_id(token) for token in SPECIAL_TOKENS}
    documents: list[list[int]] = []
    for encoding in tokenizer.encode_batch(plain):
        for start in range(0, len(encoding.ids), CHUNK_TOKENS):
            piece = encoding.ids[start : start + CHUNK_TOKENS]
            documents.append([ids[BEGIN], *piece, ids[END]])
    questions = tokenizer.encode_batch([q for q, _ in chats])
    answers = tokenizer.encode_batch([a for _, a in chats])
    system = [ids[SYSTEM], *tokenizer.encode(SYSTEM_TEXT).ids, ids[END]]
    for index, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        opening = [ids[BEGIN], *system] if index % SYSTEM_EVERY == 0 else [ids[BEGIN]]
        turn = [*opening, ids[USER], *question.ids, ids[END], ids[ASSISTANT]]
        documents.append([*turn, *answer.ids, ids[END]][: CHUNK_TOKENS + 2])
    return documents


class Rows:
    """Rows of packed whole documents; one shuffle per epoch, decided by the seed alone."""

    def __init__(self, documents: list[list[int]], settings: Settings) -> None:
        self.documents = documents
        self.settings = settings
        self.epoch = -1
        self.rows: list[list[list[int]]] = []
        self.first_row = 0

    def _pack(self, epoch: int) -> None:
        order = list(range(len(self.documents)))
        random.Random(self.settings.seed + epoch).shuffle(order)
        self.first_row += len(self.rows)
        self.rows, self.epoch = [[]], epoch
        used = 0
        for index in order:
            document = self.documents[index]
            if used + len(document) > self.settings.row_tokens:
                self.rows.append([])
                used = 0
            self.rows[-1].append(document)
            used += len(document)

    def row(self, number: int) -> list[list[int]]:
        """Row `number` of the endless stream (numbers must not go back)."""
        while number >= self.first_row + len(self.rows):
            self._pack(self.epoch + 1)
        return self.rows[number - self.first_row]

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(input ids, position ids, labels) of one step, each (B, L)."""
        size, length = self.settings.batch_rows, self.settings.row_tokens
        ids = torch.zeros(size, length, dtype=torch.long)
        positions = torch.zeros(size, length, dtype=torch.long)
        labels = torch.full((size, length), -100, dtype=torch.long)
        for b in range(size):
            start = 0
            for document in self.row(step * size + b):
                stop = start + len(document)
                ids[b, start:stop] = torch.tensor(document)
                positions[b, start:stop] = torch.arange(len(document))
                labels[b, start + 1 : stop] = torch.tensor(document[1:])
                start = stop
        return ids, positions, labels


# ---------------------------------------------------------------- model


def make_model(row_tokens: int) -> LlamaForCausalLM:
    """Llama shape, about 10 M parameters, embeddings tied."""
    config = LlamaConfig(
        vocab_size=VOCAB_SIZE,
        hidden_size=320,
        intermediate_size=960,
        num_hidden_layers=6,
        num_attention_heads=5,
        num_key_value_heads=5,
        max_position_embeddings=row_tokens,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.02,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config)


def learning_rate(step: int, settings: Settings) -> float:
    """Warm-up, constant, then linear to zero over the last `decay_fraction` of the steps."""
    decay_steps = max(1, int(settings.steps * settings.decay_fraction))
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    cold = min(1.0, (settings.steps - step) / decay_steps)
    return settings.learning_rate * min(warm, cold)


def loss_of(model: LlamaForCausalLM, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Mean cross-entropy over the labelled tokens of one batch."""
    ids, positions, labels = batch
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=ids, position_ids=positions, use_cache=False).logits
        flat = logits[:, :-1].reshape(-1, logits.shape[-1])
        return torch.nn.functional.cross_entropy(
            flat.float(), labels[:, 1:].reshape(-1), ignore_index=-100
        )


def train(
    model: LlamaForCausalLM, rows: Rows, settings: Settings, work: Path
) -> tuple[list[dict[str, float]], float]:
    """Run (or resume) the loop; returns the log and the seconds spent on all parts of the run."""
    decay = [p for p in model.parameters() if p.dim() >= 2]
    plain = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [
            {"params": decay, "weight_decay": settings.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        betas=(0.9, 0.95),
    )
    log: list[dict[str, float]] = []
    first_step, spent = 0, 0.0
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        saved: dict[str, Any] = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first_step, log, spent = saved["step"], saved["log"], saved["seconds"]
        _say(f"resumed at step {first_step}")
    began = time.monotonic()
    model.train()
    running: list[float] = []
    for step in range(first_step, settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, settings)
        loss = loss_of(model, rows.batch(step))
        loss.backward()  # type: ignore[no-untyped-call]
        grad_norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        running.append(loss.item())
        done = step + 1
        if done % 20 == 0 or done == settings.steps:
            seconds = spent + time.monotonic() - began
            entry = {"step": done, "loss": round(sum(running) / len(running), 4)}
            log.append(entry)
            running = []
            _say(f"{entry} grad_norm={grad_norm:.2f} epoch={rows.epoch} seconds={seconds:.0f}")
        if done % 100 == 0:
            state = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": done,
                "log": log,
                "seconds": spent + time.monotonic() - began,
            }
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
    return log, spent + time.monotonic() - began


def evaluate(model: LlamaForCausalLM, documents: list[list[int]], settings: Settings) -> float:
    """Loss on documents that were never trained on."""
    model.eval()
    rows = Rows(documents, settings)
    batches = max(1, sum(map(len, documents)) // (settings.batch_rows * settings.row_tokens))
    with torch.no_grad():
        return sum(loss_of(model, rows.batch(i)).item() for i in range(batches)) / batches


# ---------------------------------------------------------------- output


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def write_tokenizer(tokenizer: Tokenizer, out: Path, row_tokens: int) -> None:
    """tokenizer.json and tokenizer_config.json (with the chat template), for transformers."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[USER, ASSISTANT, SYSTEM],
        model_max_length=row_tokens,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(out, save_jinja_files=False)


def write_model(model: LlamaForCausalLM, out: Path) -> str:
    """bf16 safetensors and config.json; returns the sha256 of the weights file."""
    weights = {
        name: tensor.detach().to(torch.bfloat16).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"  # tied to the embedding
    }
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    (out / "model.safetensors").chmod(0o644)
    config = model.config.to_diff_dict()
    config["architectures"] = ["LlamaForCausalLM"]
    config["dtype"] = "bfloat16"
    (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()


def card(receipt: dict[str, Any]) -> str:
    """The model card, made from the receipt alone."""
    log = receipt["log"]
    chosen = log[:: max(1, len(log) // 12)]
    template = Path(__file__).with_name("base_model_card.md").read_text()
    return template.format(
        **receipt,
        vocab_size=VOCAB_SIZE,
        held_out=", ".join(receipt["text"]["held_out_modules"]),
        losses="\n".join(f"| {entry['step']} | {entry['loss']:.3f} |" for entry in chosen),
    )


def versions() -> dict[str, str]:
    """What made the bytes: interpreter, libraries, processor features."""
    import tokenizers
    import transformers

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def parse_arguments() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-rows", type=int, default=8)
    parser.add_argument("--row-tokens", type=int, default=512)
    parser.add_argument("--out", type=Path, default=Path("ai/models/base"))
    parser.add_argument("--work", type=Path, default=Path(".base-model"))
    return parser.parse_args()


def main() -> None:
    """Text, tokenizer, model, loop, files, receipt."""
    arguments = parse_arguments()
    settings = Settings(arguments.steps, arguments.batch_rows, arguments.row_tokens)
    arguments.out.mkdir(parents=True, exist_ok=True)
    arguments.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(settings.seed)
    torch.use_deterministic_algorithms(mode=True)

    plain, chats = build_texts()
    corpus = [*plain, *(f"{q}\n{a}" for q, a in chats)]
    text_hash = hashlib.sha256("\0".join(corpus).encode()).hexdigest()
    tokenizer = train_tokenizer(corpus)
    write_tokenizer(tokenizer, arguments.out, settings.row_tokens)
    documents = encode_documents(tokenizer, plain, chats)
    held = random.Random(settings.seed).sample(range(len(documents)), HELD_OUT_FOR_LOSS)
    held_set = set(held)
    training = [d for i, d in enumerate(documents) if i not in held_set]
    tokens = sum(map(len, training))
    model = make_model(settings.row_tokens)
    parameters = sum(p.numel() for p in model.parameters())
    _say(f"{len(plain)} documents, {len(chats)} chats, {tokens} tokens, {parameters} parameters")

    log, seconds = train(model, Rows(training, settings), settings, arguments.work)
    eval_loss = evaluate(model, [documents[i] for i in held], settings)
    weights_hash = write_model(model, arguments.out)
    receipt = {
        "settings": asdict(settings),
        "text": {
            "sha256": text_hash,
            "documents": len(plain),
            "chat_samples": len(chats),
            "tokens": tokens,
            "held_out_modules": list(HELD_OUT_MODULES),
        },
        "parameters": parameters,
        "loss_first": log[0]["loss"],
        "loss_last": log[-1]["loss"],
        "eval_loss": round(eval_loss, 4),
        "eval_perplexity": round(math.exp(eval_loss), 2),
        "log": log,
        "wall_seconds": round(seconds),
        "weights_sha256": weights_hash,
        "versions": versions(),
    }
    (arguments.out / "receipt.json").write_text(
        json.dumps(receipt, indent=1, sort_keys=True) + "\n"
    )
    (arguments.out / "README.md").write_text(card(receipt))
    _say(f"done: eval_loss={eval_loss:.3f} weights={weights_hash}")


if __name__ == "__main__":
    main()
