"""What an inference engine is asked and what it answers.

Knows adapters and tokens; knows nothing of fees, requests on chain or HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ai.adapters.store import StoredAdapter
from chain.errors import StemmaError


class GenerationRefused(StemmaError, ValueError):
    """The request cannot be served by this model: the message says which limit, and both sides."""


class EngineStopped(StemmaError):
    """The engine was closed, or failed, before the answer was complete."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One answer to generate. `adapter` None means the bare base model.

    `temperature` 0 is greedy. `seed` fixes sampling; `stop` texts end the answer and are left out.
    """

    prompt_tokens: tuple[int, ...]
    max_tokens: int
    adapter: StoredAdapter | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens counted by the engine: what is billed. The end token counts as output."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def total_tokens(self) -> int:
        """Input plus output."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class GenerationEvent:
    """A piece of an answer. The last one has `finish_reason` ("stop" | "length" | "cancelled").

    `text` may be empty while bytes of a character, or a possible stop text, are held back.
    """

    text: str
    usage: Usage
    finish_reason: str | None = None
    error: StemmaError | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer: its text, the tokens behind it, and why it ended."""

    text: str
    tokens: tuple[int, ...]
    finish_reason: str
    usage: Usage
    logprobs: tuple[float, ...] = field(default=())


Listener = Callable[[GenerationEvent], None]


class Generation(Protocol):
    """A running answer."""

    def cancel(self) -> None:
        """Stop at the next token; what was produced is still counted."""

    def result(self, timeout_s: float | None = None) -> Completion:
        """Wait for the whole answer. Raises EngineStopped, TimeoutError."""


class InferenceEngine(Protocol):
    """Generates answers; any number of requests at once, from any thread."""

    def submit(self, request: GenerationRequest, listener: Listener | None = None) -> Generation:
        """Start an answer. Raises GenerationRefused.

        `listener` is called from the engine's thread, must return soon and must not raise.
        """

    def close(self) -> None:
        """Stop all answers and free the model."""
