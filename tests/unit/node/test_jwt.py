"""Tokens of the Engine API: who is let in, who is not, and that nothing secret is said."""

from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.engine_api.jwt import (
    BadSecret,
    TokenRefused,
    bearer_check,
    check_token,
    make_token,
    read_or_make_secret,
    read_secret,
)

SECRET = bytes(range(32))
NOW = 1_700_000_000.0


def test_token_of_the_worked_vector():
    """HS256 over `{"alg":"HS256","typ":"JWT"}.{"iat":1700000000}`, made with hmac and base64."""
    token = make_token(SECRET, NOW)
    assert token == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDB9"
        ".uAxdaUtr1_HpYPtNDLNlQ_sHMiP5eBV-ra8EjL3ScS8"
    )
    check_token(SECRET, token, NOW)


@pytest.mark.parametrize("seconds", [-60, 0, 60])
def test_token_is_good_for_a_minute_either_way(seconds):
    check_token(SECRET, make_token(SECRET, NOW), NOW + seconds)


@pytest.mark.parametrize("seconds", [-61, 61, 3600])
def test_token_of_another_time_is_refused(seconds):
    with pytest.raises(TokenRefused, match="issued"):
        check_token(SECRET, make_token(SECRET, NOW), NOW + seconds)


def test_token_of_another_secret_is_refused():
    with pytest.raises(TokenRefused, match="not by the shared secret"):
        check_token(SECRET, make_token(bytes(32), NOW), NOW)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "not a JSON web token"),
        ("a.b", "not a JSON web token"),
        ("!.!.!", "not base64url"),
        ("e30.e30.e30", "only HS256"),
        ("eyJhbGciOiJub25lIn0.eyJpYXQiOjE3MDAwMDAwMDB9.", "only HS256"),
        ("W10.W10.W10", "not an object"),
        ("x" * 9000 + "..", "not a JSON web token"),
    ],
)
def test_what_is_no_token_is_refused(token, words):
    with pytest.raises(TokenRefused, match=words):
        check_token(SECRET, token, NOW)


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer  "])
def test_request_without_a_token_is_refused(header):
    assert "missing token" in (bearer_check(SECRET, header, NOW) or "")


def test_good_request_passes():
    assert bearer_check(SECRET, f"Bearer {make_token(SECRET, NOW)}", NOW) is None
    assert bearer_check(SECRET, f"bearer {make_token(SECRET, NOW)}", NOW) is None


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_refused_and_nothing_else_happens(text):
    assert bearer_check(SECRET, f"Bearer {text}", NOW) is not None


def test_secret_file_is_made_once_and_private(tmp_path):
    path = tmp_path / "node" / "jwt.hex"
    secret = read_or_make_secret(path)
    assert read_or_make_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("0x" + secret.hex().upper() + "\n")
    assert read_secret(path) == secret


@pytest.mark.parametrize("text", ["", "0x12", "zz" * 32, "00" * 33])
def test_secret_file_that_holds_none_is_named(tmp_path, text):
    path = tmp_path / "jwt.hex"
    path.write_text(text)
    with pytest.raises(BadSecret, match=r"jwt\.hex: expected 64 hex digits"):
        read_secret(path)
