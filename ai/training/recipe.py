"""A frozen recipe: every choice that decides a training run, besides base model and rows.

All quantities are integers in the unit that the name ends in, so the recipe has one canonical JSON
and one hash, in every language. Knows nothing of torch. Format: docs/protocol/recipe.md.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from ai.adapters.manifest import MAX_LORA_RANK
from ai.content import content_hash, exact_json, parse_exact_json
from chain.errors import DecodeError
from chain.types import Hash32

RECIPE_FORMAT: Final = "stemma-recipe-1"
ATTENTION_AND_MLP: Final = (
    "down_proj",
    "gate_proj",
    "k_proj",
    "o_proj",
    "q_proj",
    "up_proj",
    "v_proj",
)
# name: (least, most). The upper bounds keep a stranger's job from taking a worker for days.
_BOUNDS: Final = {
    "rank": (1, MAX_LORA_RANK),
    "alpha": (1, 1024),
    "learning_rate_ppm": (1, 100_000),
    "warmup_steps": (0, 10_000),
    "steps": (1, 100_000),
    "batch_rows": (1, 256),
    "row_tokens": (8, 8192),
    "weight_decay_ppm": (0, 1_000_000),
    "grad_clip_milli": (1, 1_000_000),
    "checkpoint_every": (1, 100_000),
    "seed": (0, 2**63 - 1),
}


class MalformedRecipe(DecodeError):
    """A recipe lacks a field, has one too many, or a value outside its bounds."""


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """How a LoRA adapter is trained. ppm are millionths, milli are thousandths."""

    rank: int = 8
    alpha: int = 16
    target_modules: tuple[str, ...] = ATTENTION_AND_MLP
    learning_rate_ppm: int = 8_000
    warmup_steps: int = 4
    schedule: str = "cosine"
    steps: int = 40
    batch_rows: int = 8
    row_tokens: int = 160
    weight_decay_ppm: int = 0
    grad_clip_milli: int = 1_000
    checkpoint_every: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise MalformedRecipe(f"recipe: {name} {value!r:.40} is not in {least} to {most}")
        if self.schedule not in {"cosine", "constant"}:
            raise MalformedRecipe(f"recipe: schedule {self.schedule!r:.40} is unknown")
        targets = self.target_modules
        if not 1 <= len(targets) <= 64 or list(targets) != sorted(set(targets)):
            raise MalformedRecipe("recipe: target_modules are not ascending and distinct")

    def to_json(self) -> bytes:
        """The canonical JSON whose keccak256 is the recipe's hash."""
        return exact_json(self._value())

    @property
    def hash(self) -> Hash32:
        """The hash under which a training job names this recipe."""
        return content_hash(self._value())

    def _value(self) -> dict[str, Any]:
        value = asdict(self)
        value["target_modules"] = list(self.target_modules)
        value["format"] = RECIPE_FORMAT
        return value


def parse_recipe(data: bytes) -> TrainingRecipe:
    """Read a recipe from its canonical JSON. Raises MalformedRecipe or DecodeError."""
    value = parse_exact_json(data, "recipe")
    if not isinstance(value, dict) or value.pop("format", None) != RECIPE_FORMAT:
        raise MalformedRecipe(f"recipe: format is not {RECIPE_FORMAT}")
    expected = {field.name for field in fields(TrainingRecipe)}
    if set(value) != expected:
        odd = sorted(set(value) ^ expected)
        raise MalformedRecipe(f"recipe: fields missing or unknown: {', '.join(odd)[:200]}")
    targets = value["target_modules"]
    if not isinstance(targets, list) or not all(isinstance(name, str) for name in targets):
        raise MalformedRecipe("recipe: target_modules is not a list of names")
    return TrainingRecipe(**{**value, "target_modules": tuple(targets)})
