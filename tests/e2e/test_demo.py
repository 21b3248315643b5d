"""`stemma demo` from one command to its verdict: alone, on anvil, with own data, interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")

from anvil import anvil_path, free_port
from node_process import ROOT, call, wait_for
from tiny_model import write_tiny_base_model

from ai.models.base_model import DEFAULT_BASE_MODEL

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PROGRAM = "from node.cli import main; main()"


def demo(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "demo", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str], within_s: float = 240.0) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=within_s)
    return process.returncode, output, errors


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_base_model(tmp_path_factory.mktemp("tiny") / "base")


@pytest.fixture(scope="module")
def base_model(tiny: Path) -> Path:
    """The embedded base model, or the tiny one in a checkout without weights."""
    return DEFAULT_BASE_MODEL if (DEFAULT_BASE_MODEL / "model.safetensors").exists() else tiny


def verify(report: dict[str, Any], datanets: int = 2) -> None:
    """Everything that the object of a demo must say, and that its figures fit together."""
    assert report["sequencer"]["hash"] == report["verifier"]["safe_hash"]
    assert report["sequencer"]["state_root"] == report["verifier"]["state_root"]
    assert report["sequencer"]["number"] == report["verifier"]["safe_number"] > 0
    assert report["l1"]["blocks"] > 0
    assert len(report["datanets"]) == len(report["training"]) == datanets
    assert len({each["snapshot_root"] for each in report["datanets"]}) == datanets
    assert sum(each["contributors"] for each in report["datanets"]) >= 6
    for trained in report["training"]:
        assert trained["steps"] > 0
        assert trained["loss_last"] < trained["loss_first"]
        assert trained["statement_tx"].startswith("0x")
    adapters = {each["adapter"] for each in report["training"]}
    assert len(adapters) == datanets
    for answer in report["answers"]:
        assert answer["adapter"] in adapters
        assert sum(answer["shares_ppm"].values()) == 1_000_000
        assert sum(answer["payouts_wei"].values()) == answer["fee_wei"] > 0
        assert answer["usage"]["completion_tokens"] > 0
    assert [each["request"] for each in report["audits"]] == [
        each["request"] for each in report["answers"]
    ]
    assert {each["verdict"] for each in report["audits"]} == {"ok"}
    held = report["conservation"]
    assert held["in_wei"] == held["out_wei"] + held["held_wei"]
    acts = sum(seconds for name, seconds in report["seconds"].items() if name != "total")
    assert abs(acts - report["seconds"]["total"]) < 5


@pytest.fixture(scope="module")
def finished(base_model: Path) -> tuple[int, str, str]:
    return finish(demo("--json", "--base-model", str(base_model)))


def test_the_demo_ends_in_success_with_one_object(finished: tuple[int, str, str]) -> None:
    code, output, errors = finished
    assert code == 0, errors
    report = json.loads(output)
    verify(report)
    assert report["l1"]["client"]
    assert len(report["answers"]) >= 4


def test_progress_goes_to_stderr_and_its_scratch_directory_goes(
    finished: tuple[int, str, str],
) -> None:
    _, _, errors = finished
    assert "contributors" in errors
    assert "audit of 0x" in errors
    assert all(len(line) <= 100 for line in errors.splitlines() if line.startswith("["))


@pytest.fixture
def idle_anvil() -> Iterator[str]:
    """An anvil as it comes: it makes a block for each transaction and no other."""
    port = free_port()
    process = subprocess.Popen([anvil_path(), "--port", str(port), "--silent"])
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for("anvil", lambda: call(url, "eth_chainId"))
        yield url
    finally:
        process.terminate()
        process.wait()


def test_the_demo_with_a_users_data_ends_in_the_same_success_on_anvil(
    idle_anvil: str, tiny: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("prompt,completion\nWhat do cows do?,Cows chew.\nWhat do owls do?,Owls look.\n")
    code, output, errors = finish(
        demo("--json", "--l1-url", idle_anvil, "--base-model", str(tiny), "--data", str(mine))
    )
    assert code == 0, errors
    report = json.loads(output)
    verify(report, datanets=3)
    assert report["l1"]["client"].startswith("anvil/")
    assert report["datanets"][2]["rows"] == 2
    assert {each["prompt"] for each in report["answers"]} >= {
        "What do cows do?",
        "What do owls do?",
    }


def running_under(directory: Path) -> list[int]:
    """Processes that were started with this directory among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(directory).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc to see processes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(
    number: int, tiny: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    process = demo("--directory", str(scratch), "--base-model", str(tiny))
    wait_for("the worker's start", lambda: (scratch / "worker.log").exists(), 60)
    process.send_signal(number)
    code, output, errors = finish(process, 30)
    assert code == 130, errors
    assert output == ""
    assert "every process of the demo was stopped" in errors
    wait_for("the processes' end", lambda: not running_under(scratch), 10)


def test_an_l1_that_is_not_there_is_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    code, output, errors = finish(
        demo("--json", "--directory", str(scratch), "--l1-url", "http://127.0.0.1:1"), 60
    )
    assert code == 1
    assert output == ""
    assert "http://127.0.0.1:1" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("name", "text"), [("rows.jsonl", '{"prompt": "a"}\n'), ("rows.bin", "x"), ("rows.csv", "")]
)
def test_data_that_cannot_be_trained_on_is_a_usage_error(
    tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    code, output, errors = finish(demo("--json", "--data", str(path)), 60)
    assert code == 2, errors
    assert output == ""
    assert name in errors
    assert "Traceback" not in errors
