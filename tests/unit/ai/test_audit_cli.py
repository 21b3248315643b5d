"""`stemma audit` as it is called: usage and unreachable servers have their exit codes."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")

from ai.audit.cli import app
from ai.audit.report import ether


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


def test_an_auditor_needs_no_model_library() -> None:
    modules = "ai.audit.cli, ai.audit.audit, ai.audit.gather, ai.audit.report, ai.demo.run"
    program = (
        f"import sys, {modules}; print({{'torch', 'numpy', 'transformers'}} & {{*sys.modules}})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"


@given(st.integers(min_value=-(2**128), max_value=2**128))
def test_an_amount_in_ether_is_the_amount_in_wei(wei: int) -> None:
    text = ether(wei)
    assert text.endswith(" ETH")
    whole, _, fraction = text.removesuffix(" ETH").partition(".")
    assert int(whole + fraction.ljust(18, "0")) == wei or Decimal(text[:-4]) * 10**18 == wei
