"""The worked examples at the end of docs/protocol/*.md of the AI side, recomputed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai.adapters.manifest import ADAPTER_FORMAT, adapter_id
from ai.attribution.evidence import Evidence
from ai.attribution.shares import contributor_shares, row_weights
from ai.attribution.spans import Span, covered_tokens, span_weights
from ai.content import manifest_bytes
from ai.datasets.rows import content_root, encode_contribution, row_leaf
from ai.datasets.snapshot import Contribution, snapshot_root
from ai.training.checkpoints import Checkpoint, checkpoints_root, first_link, next_link
from ai.training.recipe import TrainingRecipe
from chain.crypto.keccak import keccak256
from chain.types import Address, Hash32

DOCS = Path(__file__).resolve().parents[3] / "docs" / "protocol"
ALICE, BOB = Address(b"\x01" * 20), Address(b"\x02" * 20)
ROWS = [
    {"prompt": "What does heapq.heappush do?", "completion": "Push item onto heap."},
    {"prompt": "What is heapq?", "completion": "Heap queue algorithm.", "n": 2},
]


def filled(byte: int) -> Hash32:
    return Hash32(bytes([byte]) * 32)


def content_store() -> dict[str, str]:
    data = encode_contribution(ROWS)
    root = content_root(ALICE, ROWS)
    contributions = [
        Contribution(1, 1, ALICE, root, 2, filled(0xAA)),
        Contribution(1, 2, BOB, content_root(BOB, ROWS[:1]), 1, filled(0xAA)),
    ]
    return {
        "file": data.decode(),
        "blob": keccak256(data).hex(),
        "leaf 0": row_leaf(ALICE, 0, ROWS[0]).hex(),
        "root": root.hex(),
        "snapshot": snapshot_root(contributions).hex(),
    }


def adapter() -> dict[str, str]:
    digests = {"adapter_config.json": "11" * 32, "adapter_model.safetensors": "22" * 32}
    return {
        "manifest": manifest_bytes(ADAPTER_FORMAT, digests).decode(),
        "id": adapter_id(digests).hex(),
    }


def recipe() -> dict[str, str]:
    default = TrainingRecipe()
    start = first_link(filled(1), filled(2), default.hash)
    link = next_link(start, 5, filled(3), filled(4))
    return {
        "json": default.to_json().decode(),
        "hash": default.hash.hex(),
        "link zero": start.hex(),
        "link": link.hex(),
        "root": checkpoints_root([Checkpoint(5, filled(3), filled(4), link)]).hex(),
    }


def evidence() -> dict[str, str]:
    spans = (Span(0, 4, (0,)), Span(3, 5, (1, 2)))
    influence = ((0, 1_000_000), (2, 250_000))
    weights = row_weights(
        [1_000_000, 0, 250_000], span_weights(spans, 3), covered_tokens(spans), 10
    )
    value = Evidence(
        filled(1), filled(2), 1, filled(3), filled(4), filled(5), "datainf-relative-1",
        "suffix-array-1", 3, 10, influence, spans,
        tuple(contributor_shares([ALICE, ALICE, BOB], weights)),
    )  # fmt: skip
    return {
        "weights": ", ".join(map(str, weights)),
        "json": value.to_json().decode(),
        "hash": value.hash.hex(),
        "shares root": value.shares_root.hex(),
    }


@pytest.mark.parametrize(
    ("page", "vector"),
    [
        ("content-store.md", content_store),
        ("adapter.md", adapter),
        ("recipe.md", recipe),
        ("attribution-evidence.md", evidence),
    ],
)
def test_the_page_ends_in_what_the_code_computes(page, vector) -> None:
    text = (DOCS / page).read_text()
    for name, value in vector().items():
        assert value.strip() in text, f"{page}: {name} should be\n{value}"
