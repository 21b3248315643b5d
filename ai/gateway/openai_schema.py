"""Bodies of the OpenAI API, read strictly: what a completion request asks for, checked and bounded.

Source: the OpenAI API reference (chat completions and legacy completions). A parameter that this
server does not know is ignored and named in a response header; one that it knows and cannot honour
is refused. Knows nothing of models, prices or HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ai.content import content_hash
from chain.errors import EncodeError
from chain.types import Hash32

from .errors import InvalidParameter, UnsupportedParameter

MAX_MESSAGES: Final = 128
MAX_PROMPT_CHARS: Final = 32_000
MAX_STOP_SEQUENCES: Final = 4
MAX_STOP_CHARS: Final = 64
DEFAULT_MAX_TOKENS: Final = 64
MILLI: Final = 1000
"""Temperature and top_p are kept to three digits: what is hashed holds integers only."""

ROLES: Final = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}

_KNOWN: Final = {
    "model", "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature", "top_p",
    "seed", "stop", "stream", "stream_options", "n", "user", "metadata",
}  # fmt: skip
# Known to clients, and they change the answer: silence would be a lie.
_UNSUPPORTED: Final = {
    "tools": [], "tool_choice": "none", "functions": [], "logprobs": False, "top_logprobs": 0,
    "response_format": {"type": "text"}, "logit_bias": {}, "suffix": "", "echo": False,
    "best_of": 1, "audio": None, "presence_penalty": 0, "frequency_penalty": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One request for an answer, every field checked.

    `messages` is empty for a legacy completion, `prompt` for a chat. `ignored` lists parameters
    that had no effect.
    """

    model: str
    messages: tuple[Mapping[str, str], ...]
    prompt: str
    max_tokens: int
    temperature: float
    top_p: float
    seed: int
    stop: tuple[str, ...]
    stream: bool
    include_usage: bool
    ignored: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_chat(self) -> bool:
        """Whether this came in through /v1/chat/completions."""
        return bool(self.messages)

    def document(self) -> dict[str, Any]:
        """All that decides the answer, as JSON; how it is delivered (streaming) is not in it."""
        asked: dict[str, Any] = (
            {"messages": [dict(message) for message in self.messages]}
            if self.is_chat
            else {"prompt": self.prompt}
        )
        return asked | {
            "model": self.model,
            "max_tokens": self.max_tokens,
            "temperature_milli": round(self.temperature * MILLI),
            "top_p_milli": round(self.top_p * MILLI),
            "seed": self.seed,
            "stop": list(self.stop),
        }

    @property
    def prompt_hash(self) -> Hash32:
        """What the escrow binds the payment to: the hash of the exact JSON of `document()`."""
        return content_hash(self.document())


def parse_completion_request(
    body: object, *, chat: bool, max_output_tokens: int
) -> CompletionRequest:
    """Read a request body. Raises InvalidParameter or UnsupportedParameter naming the parameter."""
    if not isinstance(body, dict):
        raise InvalidParameter("the body must be a JSON object")
    _refuse_unsupported(body)
    stream_options = body.get("stream_options") or {}
    if not isinstance(stream_options, dict):
        raise InvalidParameter("stream_options must be an object", param="stream_options")
    request = CompletionRequest(
        model=_text(body, "model", 200),
        messages=_messages(body.get("messages")) if chat else (),
        prompt="" if chat else _text(body, "prompt", MAX_PROMPT_CHARS),
        max_tokens=_max_tokens(body, max_output_tokens),
        temperature=_number(body, "temperature", 0.0, 0.0, 2.0),
        top_p=_number(body, "top_p", 1.0, 1 / MILLI, 1.0),
        seed=_integer(body, "seed", 0, 0, 2**63 - 1),
        stop=_stop(body.get("stop")),
        stream=_flag(body, "stream"),
        include_usage=_flag(stream_options, "include_usage"),
        ignored=tuple(sorted(set(body) - _KNOWN - set(_UNSUPPORTED))),
    )
    try:
        content_hash(request.document())
    except EncodeError as error:  # a lone surrogate is valid JSON text and no Unicode text
        raise InvalidParameter(str(error)) from None
    return request


def _refuse_unsupported(body: Mapping[str, Any]) -> None:
    for name, neutral in _UNSUPPORTED.items():
        if name in body and body[name] is not None and body[name] != neutral:
            raise UnsupportedParameter(f"{name} is not supported by this server", param=name)
    if body.get("n") not in (None, 1):
        raise UnsupportedParameter("n: one answer per request, since each is paid for", param="n")


def _max_tokens(body: Mapping[str, Any], limit: int) -> int:
    name = (
        "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    )
    return _integer(body, name, min(DEFAULT_MAX_TOKENS, limit), 1, limit)


def _messages(value: object) -> tuple[Mapping[str, str], ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_MESSAGES:
        raise InvalidParameter(f"messages: a list of 1 to {MAX_MESSAGES}", param="messages")
    messages, chars = [], 0
    for index, message in enumerate(value):
        where = f"messages[{index}]"
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise InvalidParameter(
                f"{where}: role must be one of {sorted(ROLES)}", param="messages"
            )
        content = _content(message.get("content"), where)
        chars += len(content)
        if chars > MAX_PROMPT_CHARS:
            raise InvalidParameter(
                f"messages: more than {MAX_PROMPT_CHARS} characters in all", param="messages"
            )
        messages.append({"role": ROLES[message["role"]], "content": content})
    return tuple(messages)


def _content(value: object, where: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = [
            part.get("text")
            for part in value
            if isinstance(part, dict) and part.get("type") == "text"
        ]
        if len(texts) == len(value) and all(isinstance(text, str) for text in texts):
            return "".join(text for text in texts if isinstance(text, str))
    raise InvalidParameter(f"{where}: content must be text or parts of text", param="messages")


def _text(body: Mapping[str, Any], name: str, limit: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= limit:
        raise InvalidParameter(f"{name}: a string of 1 to {limit} characters", param=name)
    return value


def _number(body: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidParameter(f"{name}: a number from {low:g} to {high:g}", param=name)
    return round(value * MILLI) / MILLI


def _integer(body: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidParameter(f"{name}: an integer from {low} to {high}", param=name)
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidParameter(f"{name}: true or false", param=name)
    return bool(value)


def _stop(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    stops = [value] if isinstance(value, str) else value
    if (
        not isinstance(stops, list)
        or len(stops) > MAX_STOP_SEQUENCES
        or not all(isinstance(stop, str) and 1 <= len(stop) <= MAX_STOP_CHARS for stop in stops)
    ):
        raise InvalidParameter(
            f"stop: up to {MAX_STOP_SEQUENCES} strings of 1 to {MAX_STOP_CHARS} characters",
            param="stop",
        )
    return tuple(stops)
