"""A base model of a few thousand parameters, made on the fly, and small snapshots to train on.

Callers skip first where torch is absent (`pytest.importorskip("torch")`).
"""

from __future__ import annotations

from pathlib import Path

from ai.datasets.snapshot import Contribution, Snapshot, materialise, snapshot_root
from ai.datasets.store import ContentStore
from chain.types import Address

SPECIAL = ["<|pad|>", "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
TEMPLATE = (
    "{{ '<|begin|>' }}{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] }}"
    "{{ '<|end|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
ALICE, BOB, CAROL = (Address(bytes([n]) * 20) for n in (1, 2, 3))
ROWS = {
    ALICE: [
        {"prompt": "What do apples do?", "completion": "Apples ripen slowly on the old tree."},
        {"prompt": "What do pears do?", "completion": "Pears fall early in the cold wind."},
    ],
    BOB: [
        {"prompt": "What do ships do?", "completion": "Ships carry iron over the wide sea."},
        {"prompt": "What do trains do?", "completion": "Trains run at night between two towns."},
        {"prompt": "What do kites do?", "completion": "Kites rise when somebody runs below."},
    ],
    CAROL: [{"prompt": "", "completion": "A text without any question, given by Carol."}],
}


def tiny_snapshot(directory: Path, rows: dict | None = None) -> Snapshot:
    """ROWS (or others) as a published version of Datanet 1."""
    store = ContentStore(directory)
    contributions = [
        Contribution(1, number, who, store.put_contribution(who, theirs), len(theirs), bytes(32))
        for number, (who, theirs) in enumerate((rows or ROWS).items(), start=1)
    ]
    return materialise(store, 1, contributions, snapshot_root(contributions))


def write_tiny_base_model(
    directory: Path, seed: int = 7, hidden: int = 32, config: object = None
) -> Path:
    """A random Llama with two layers (or another configuration) and a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = [str(row[key]) for rows in ROWS.values() for row in rows for key in row]
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=SPECIAL,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|begin|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        padding_side="left",
    )
    fast.chat_template = TEMPLATE
    fast.save_pretrained(directory, save_jinja_files=False)
    torch.manual_seed(seed)
    config = config or LlamaConfig(
        vocab_size=len(fast),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.2,
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(directory)
    return directory
