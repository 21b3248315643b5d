"""`stemma-worker` as it is called: what it refuses before anything heavy is loaded, and how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")

from market import RECIPE
from typer.testing import CliRunner

from ai.worker.cli import app, read_key
from genesis.dev_accounts import dev_account


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["run", *arguments])
    return done.exit_code, " ".join(done.output.replace("│", " ").split())


def test_the_command_needs_a_chain(tmp_path: Path) -> None:
    code, output = invoke("--datadir", str(tmp_path))
    assert code == 2
    assert "--rpc or --dev-run-file" in output


@pytest.mark.parametrize("text", ["", "0x12", "zz" * 32, "0x" + "1" * 65])
def test_a_key_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    code, output = invoke("--datadir", str(tmp_path), "--rpc", "http://x", "--key-file", str(path))
    assert code == 2
    assert "64 hex digits" in output
    assert text == "" or text not in output


def test_a_key_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    code, output = invoke("--datadir", str(tmp_path), "--rpc", "http://x", "--key-file", missing)
    assert code == 2
    assert "cannot be read" in output


def test_a_key_is_read_with_and_without_its_prefix(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for text in ("0x" + "11" * 32 + "\n", "11" * 32):
        path.write_text(text)
        assert read_key(path) == b"\x11" * 32


def test_a_run_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"l2": {}}))
    code, output = invoke("--datadir", str(tmp_path), "--dev-run-file", str(path))
    assert code == 2
    assert "is not the run.json" in output


@pytest.mark.parametrize("text", ["{", "[]", '{"steps": 5}'])
def test_a_recipe_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    key, recipe = tmp_path / "key", tmp_path / "recipe.json"
    key.write_text("11" * 32)
    recipe.write_text(text)
    code, output = invoke(
        "--datadir", str(tmp_path), "--rpc", "http://127.0.0.1:1", "--key-file", str(key),
        "--recipe", str(recipe),
    )  # fmt: skip
    assert code == 2
    assert "is no recipe" in output


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_a_development_key_never_attests_for_the_outside(tmp_path: Path, host: str) -> None:
    key = tmp_path / "key"
    key.write_text(dev_account("worker").private_key.hex())
    code, output = invoke(
        "--datadir", str(tmp_path), "--rpc", "http://x", "--key-file", str(key), "--host", host
    )
    assert code == 2
    assert "public development key" in output


def test_a_worker_without_its_chain_ends_with_the_code_for_it(
    tmp_path: Path, tiny_base: Path
) -> None:
    key, recipe = tmp_path / "key", tmp_path / "recipe.json"
    key.write_text("11" * 32)
    recipe.write_text(json.dumps(json.loads(RECIPE.to_json()), indent=2))
    code, output = invoke(
        "--datadir", str(tmp_path), "--rpc", "http://127.0.0.1:1", "--key-file", str(key),
        "--recipe", str(recipe), "--base-model", str(tiny_base),
    )  # fmt: skip
    assert code == 4
    assert "http://127.0.0.1:1" in output
