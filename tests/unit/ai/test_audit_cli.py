"""`stemma audit` as it is called: usage and unreachable servers have their exit codes."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")

from ai.audit.cli import app


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["0x12"], 2, "no request id"),
        (["0x" + "ab" * 32], 2, "give --rpc"),
        (["0x" + "ab" * 32, "--rpc", "http://127.0.0.1:1"], 2, "give --content or --gateway"),
        (["0x" + "ab" * 32, "--rpc", "http://127.0.0.1:1", "--content", "."], 4, "127.0.0.1:1"),
        (["0x" + "ab" * 32, "--datadir", "/nowhere"], 2, "not the run file"),
    ],
)
def test_the_command_says_what_is_missing(arguments: list[str], code: int, words: str) -> None:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code
    assert words in " ".join(done.output.replace("│", " ").split())
