"""The `stemma` command: exit codes, refusals, keys. Nothing here starts a node."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from chain.crypto.keystore import decrypt_key
from genesis.dev_accounts import dev_account
from node.application import run_dev
from node.cli.exit_codes import UNREACHABLE, exit_code_of
from node.config import load
from node.l1.json_rpc import L1Unreachable
from node.provisioning import (
    PUBLIC_CHAIN_IDS,
    DevKeysRefused,
    refuse_public_development_key,
)
from node.run_file import forget_run_file, remove_run_file, write_run_file

ROOT = Path(__file__).resolve().parents[3]


def stemma(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_help_names_every_command() -> None:
    shown = stemma("--help")
    assert shown.returncode == 0
    for name in ("dev", "node", "init", "spec", "keys", "config", "version"):
        assert name in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("dve",), 2, "dve"),
        (("dev", "--no-such-flag"), 2, "--no-such-flag"),
        (("dev", "--port", "99999"), 2, "rpc.port: expected 0 to 65535"),
        (("node",), 2, "l1.url is not set"),
        (("node", "--role", "prover"), 2, "unknown 'prover'"),
        (("config", "check", "nothing.toml"), 2, "nothing.toml: No such file"),
        (("dev", "--no-ai", "--host", "0.0.0.0"), 1, "keys that everybody knows"),
    ],
)
def test_wrong_use_has_its_exit_code_and_one_line(
    arguments: tuple[str, ...], code: int, words: str, tmp_path: Path
) -> None:
    ended = stemma(*arguments, XDG_DATA_HOME=str(tmp_path))
    assert ended.returncode == code, ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_unreachable_l1_is_exit_code_4(tmp_path: Path) -> None:
    ended = stemma(
        "dev",
        "--no-ai",
        "--datadir",
        str(tmp_path),
        "--port",
        "0",
        "--l1-url",
        "http://127.0.0.1:9",
    )
    assert ended.returncode == UNREACHABLE == exit_code_of(L1Unreachable("x"))
    assert "127.0.0.1:9" in ended.stderr


def test_configuration_is_shown_and_checked(tmp_path: Path) -> None:
    shown = stemma("config", "dump", STEMMA_RPC__PORT="7")
    assert "port = 7" in shown.stdout
    file = tmp_path / "stemma.toml"
    file.write_text(shown.stdout)
    assert stemma("config", "check", str(file)).stdout == f"{file}: ok\n"


def test_keys_are_made_listed_and_exported(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    store = tmp_path / "keystore"
    where = ("--keystore", str(store), "--password-file", str(password))
    made = stemma("keys", "new", *where)
    assert made.returncode == 0, made.stderr
    address = made.stdout.split()[0]
    (path,) = store.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stemma("keys", "list", "--keystore", str(store)).stdout.startswith(address)
    exported = tmp_path / "key"
    assert stemma("keys", "export", address, *where, "--output", str(exported)).returncode == 0
    key = bytes.fromhex(exported.read_text().strip()[2:])
    assert decrypt_key(json.loads(path.read_text()), "correct horse") == key
    exported.chmod(0o644)
    refused = stemma("keys", "import", str(exported), *where)
    assert refused.returncode == 2
    assert "others can read it" in refused.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_development_keys_are_refused_on_a_public_address(host: str, tmp_path: Path) -> None:
    config = load(flags={"rpc.host": host, "node.datadir": str(tmp_path)})

    async def never(*_: object) -> None:
        raise AssertionError

    with pytest.raises(DevKeysRefused, match="everybody knows"):
        asyncio.run(run_dev(config, never, never))


@pytest.mark.parametrize(
    ("l1_chain_id", "host", "where"),
    [
        (1, "127.0.0.1", "the L1 is chain 1, a public one"),
        (11155111, "::1", "the L1 is chain 11155111, a public one"),
        (900, "0.0.0.0", "rpc.host is 0.0.0.0"),
        (31337, "node.example", "rpc.host is node.example"),
    ],
)
def test_a_batcher_does_not_pay_with_a_key_that_everybody_knows(
    l1_chain_id: int, host: str, where: str
) -> None:
    key = dev_account("batcher").private_key
    with pytest.raises(DevKeysRefused, match=f"development key 'batcher'.*{where}"):
        refuse_public_development_key(key, l1_chain_id, host)
    refuse_public_development_key(b"\x07" * 32, l1_chain_id, host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_development_keys_work_at_home(host: str) -> None:
    refuse_public_development_key(dev_account("batcher").private_key, 900, host)


def test_public_chains_are_known() -> None:
    assert {1, 11155111, 10, 8453} <= PUBLIC_CHAIN_IDS
    assert not {900, 31337, 1337} & PUBLIC_CHAIN_IDS


def test_run_file_is_removed_by_its_writer_only(tmp_path: Path) -> None:
    write_run_file(tmp_path, {"pid": os.getpid()})
    remove_run_file(tmp_path)
    assert not (tmp_path / "run.json").exists()
    write_run_file(tmp_path, {"pid": os.getpid() + 1})
    remove_run_file(tmp_path)
    assert (tmp_path / "run.json").exists()
    forget_run_file(tmp_path)
    assert not (tmp_path / "run.json").exists()


def test_help_says_what_the_commands_of_the_other_tower_do() -> None:
    shown = " ".join(stemma("--help").stdout.split())
    assert "demo The whole loop in one command, with a page at its end." in shown
    assert "audit An answer recomputed from chain data and content store" in shown


def test_init_begins_a_chain_that_spec_knows_again(tmp_path: Path) -> None:
    first = stemma("init", "--preset", "minimal", "--timestamp", "1700000000",
                   "--datadir", str(tmp_path / "node"))  # fmt: skip
    assert first.returncode == 0, first.stderr
    genesis_hash = first.stdout.split()[-1]
    again = stemma("init", "--genesis", str(tmp_path / "node" / "genesis.json"),
                   "--datadir", str(tmp_path / "node"))  # fmt: skip
    assert again.stdout == first.stdout
    shown = stemma("spec", "show", str(tmp_path / "node"))
    assert genesis_hash in shown.stdout
    assert "isthmus" in shown.stdout
    other = stemma("init", "--preset", "minimal", "--timestamp", "1700000001",
                   "--datadir", str(tmp_path / "node"))  # fmt: skip
    assert other.returncode == 1
    assert "the configuration gives" in other.stderr


def test_spec_diff_ends_with_3_where_chains_differ() -> None:
    assert stemma("spec", "diff", "minimal", "minimal").stdout == "no difference\n"
    found = stemma("spec", "diff", "minimal", "devnet")
    assert found.returncode == 3
    assert "genesis.config.chainId" in found.stdout


def test_spec_hash_of_what_is_not_there_names_the_presets() -> None:
    found = stemma("spec", "hash", "nothing.json")
    assert found.returncode == 1
    assert "nothing.json: no such file, nor a preset (minimal, devnet, mainnet)" in found.stderr
