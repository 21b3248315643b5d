"""Bodies of the OpenAI API: what is read, what is refused and how that is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai.gateway.errors import GatewayError, InvalidParameter, UnsupportedParameter
from ai.gateway.openai_schema import parse_completion_request

CHAT = {"model": "0x" + "ab" * 32, "messages": [{"role": "user", "content": "What is textwrap?"}]}


def parse(body, chat=True):
    return parse_completion_request(body, chat=chat, max_output_tokens=256)


def test_a_chat_request_gets_the_defaults() -> None:
    request = parse(CHAT)
    assert request.is_chat
    assert (request.max_tokens, request.temperature, request.top_p) == (64, 0.0, 1.0)
    assert not request.stream


def test_max_completion_tokens_is_the_newer_name_and_wins() -> None:
    assert parse({**CHAT, "max_tokens": 5, "max_completion_tokens": 7}).max_tokens == 7


def test_content_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "csv?"}]
    request = parse({**CHAT, "messages": [{"role": "user", "content": parts}]})
    assert request.messages[0]["content"] == "What is csv?"


def test_a_developer_message_is_a_system_message() -> None:
    messages = [{"role": "developer", "content": "Be short."}, CHAT["messages"][0]]
    assert parse({**CHAT, "messages": messages}).messages[0]["role"] == "system"


def test_streaming_does_not_change_what_is_paid_for() -> None:
    streamed = parse({**CHAT, "stream": True, "stream_options": {"include_usage": True}})
    assert streamed.prompt_hash == parse(CHAT).prompt_hash
    assert streamed.include_usage


@pytest.mark.parametrize(
    "change",
    [{"max_tokens": 9}, {"temperature": 0.5}, {"seed": 3}, {"stop": "\n"}, {"top_p": 0.9}],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_the_answer_changes_the_prompt_hash(change) -> None:
    assert parse({**CHAT, **change}).prompt_hash != parse(CHAT).prompt_hash


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages"),
        ({"messages": [{"role": "user", "content": "x" * 40_000}]}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 257}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"model": None}, "model"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, None),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_bad_parameter_is_named(change, param) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse({**CHAT, **change})
    assert caught.value.param == param
    assert caught.value.body()["error"]["code"] == "invalid_value"


@pytest.mark.parametrize(
    "change", [{"n": 2}, {"tools": [{}]}, {"logprobs": True}, {"presence_penalty": 1}]
)
def test_what_would_change_the_answer_is_refused_not_dropped(change) -> None:
    with pytest.raises(UnsupportedParameter):
        parse({**CHAT, **change})


def test_numbers_are_kept_to_three_digits_so_that_the_hashed_document_has_no_floats() -> None:
    request = parse({**CHAT, "temperature": 0.33333})
    assert request.temperature == 0.333
    assert request.document()["temperature_milli"] == 333


def test_an_unknown_parameter_is_ignored_and_named() -> None:
    assert parse({**CHAT, "service_tier": "auto"}).ignored == ("service_tier",)


def test_a_legacy_completion_has_a_prompt_and_no_messages() -> None:
    request = parse({"model": "m", "prompt": "def "}, chat=False)
    assert not request.is_chat
    assert request.document()["prompt"] == "def "


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from([*CHAT, "stop", "n", "role", "content"]), children, max_size=4
        )
    ),
    max_leaves=12,
)


@given(body=json_values)
def test_any_json_is_either_read_or_refused_with_an_error_body(body) -> None:
    try:
        request = parse(body)
    except GatewayError as error:
        assert error.body()["error"]["message"]
    else:
        assert len(request.prompt_hash) == 32
