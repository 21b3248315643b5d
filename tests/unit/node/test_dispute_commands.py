"""`stemma dispute list|show|play|export|verify` and `stemma trace` on a game that was played."""

from __future__ import annotations

import json

import pytest
from dispute_bench import end
from dispute_games import HONEST, LIAR
from dispute_rpc import BenchClient, NodeOnBench
from planted_lies import BLOCKS, FAULT, SLOT, lying, whole_chain
from real_dispute import RealDispute, play
from typer.testing import CliRunner

from chain.heads import BlockId
from chain.types import Hash32, checksum_address
from genesis.allocation import L1Anchor, l2_genesis, rollup_config
from genesis.presets import l2_preset
from node.cli import app
from node.cli.dispute import NoSuchGame
from node.config import ConfigurationError
from node.l1.json_rpc import L1CallFailed, L1Unreachable
from rollup.dispute.faults import FaultKind
from rollup.dispute.outputs import ChainOutputs
from rollup.dispute.trace import SplitTrace

L1, L2 = "http://l1", "http://l2"


@pytest.fixture(scope="module")
def dispute():
    """A wrong storage write, beaten by a step; the verdict has fallen."""
    outputs, liar = ChainOutputs(whole_chain()), lying(FaultKind.STORAGE_WRITE)
    inputs = outputs.inputs_root(1, BLOCKS)
    dispute = RealDispute.about(whole_chain(), liar.output_root(BLOCKS), LIAR, inputs)
    play(dispute, SplitTrace(outputs), SplitTrace(liar))
    end(dispute.game)
    return dispute


@pytest.fixture
def rollup(dispute, tmp_path):
    """rollup.json, whose portal is the bench's."""
    anchor = L1Anchor(
        chain_id=900, block=BlockId(number=0, hash=Hash32(bytes(32))), timestamp=1_700_000_000,
        portal=dispute.game.rollup.at.portal, system_config=dispute.game.rollup.at.system_config,
    )  # fmt: skip
    preset = l2_preset("minimal")
    config = rollup_config(preset, anchor, HONEST, l2_genesis(preset, anchor.timestamp))
    path = tmp_path / "rollup.json"
    path.write_text(json.dumps(config.to_json()))
    return str(path)


@pytest.fixture
def run(dispute, rollup, monkeypatch):
    """Run a command whose requests go to the bench and to a node over it."""
    silent = []

    class Client:
        def __init__(self, url, timeout_s=0):
            self._to = {L1: BenchClient(dispute.game)}.get(url)
            if url == L2:
                self._to = NodeOnBench(dispute.game, whole_chain())

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            pass

        async def call(self, method, *params):
            if silent:
                raise L1Unreachable("nobody answers")
            if method == "optimism_rollupConfig":
                return json.loads(open(rollup).read())
            return await self._to.call(method, *params)

        async def batch(self, calls):
            return [await self.call(method, *params) for method, params in calls]

    monkeypatch.setattr("node.l1.json_rpc.JsonRpcClient", Client)

    def command(*arguments):
        return CliRunner().invoke(app, list(arguments))

    command.silent = silent
    return command


def lines(result):
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output.splitlines()


def test_list_says_how_each_game_stands(run, dispute, rollup):
    (line,) = lines(run("dispute", "list", "--l1-url", L1, "--rollup-config", rollup))
    assert "0x" + dispute.game.game.hex() in line
    assert f"L2 block {BLOCKS}  challenger wins  59 claims" in line
    (item,) = lines(run("dispute", "list", "--l1-url", L1, "--l2-url", L2, "--json"))
    assert json.loads(item)["status"] == "CHALLENGER_WINS"


def test_show_ends_in_the_step_that_decides(run, dispute):
    for name in ("0", "0x" + dispute.game.game.hex()):
        said = lines(run("dispute", "show", name, "--l1-url", L1, "--l2-url", L2))
        assert said[0].endswith("challenger wins")
        assert f"they split on L2 block {FAULT}:" in said[2]
        begin = next(at for at, line in enumerate(said) if line.startswith("one step decides"))
        step = said[begin:]
        assert step[0].startswith("one step decides: SSTORE, step ")
        words = {line[:12].strip(): line[12:] for line in step[1:]}
        stored = f"slot {SLOT} of {checksum_address(bytes([0x50]) * 20)}"
        assert words["works on"] == f"slot {SLOT}, value 1001"
        assert words["before"].startswith(f"{stored} 1000; ")
        assert words["after"].startswith(f"{stored} 1001; ")
        assert words["claimed"] == f"{stored} is 1002 rather than 1001"
        assert words["rule"].startswith("SSTORE writes its second operand")
        assert words["hence"].endswith("is false")
        assert 8 <= len(step) <= 13


def test_show_without_a_node_of_the_l2_leaves_the_step_out(run, rollup):
    said = lines(run("dispute", "show", "0", "--l1-url", L1, "--rollup-config", rollup))
    assert not any(line.startswith("one step") for line in said)


def test_play_tells_each_claim(run):
    said = lines(run("dispute", "play", "0", "--l1-url", L1, "--l2-url", L2))
    assert len(said) == 59
    assert "claims: output root of L2 block 3 is" in said[0]
    assert all("agrees with" in line for line in said[1:])


def test_what_export_wrote_is_verified_with_no_node_and_a_changed_step_is_a_no(
    run, rollup, tmp_path
):
    out = tmp_path / "game.json"
    lines(run("dispute", "export", "0", "--l1-url", L1, "--l2-url", L2, "--out", str(out)))
    run.silent.append(True)
    said = lines(run("dispute", "verify", str(out)))
    assert said[0] == "yes: 59 claims follow the rules; verdict CHALLENGER_WINS"
    assert said[1] == "yes: a step of phase run counters claim 58"
    document = json.loads(out.read_text())
    (step,) = document["steps"]
    step["proof"] = step["proof"][:-1] + ("0" if step["proof"][-1] != "0" else "1")
    out.write_text(json.dumps(document))
    refused = run("dispute", "verify", str(out))
    assert refused.exit_code == 3
    assert refused.output.startswith("NO: the step against claim 58: ")
    document["steps"] = []
    out.write_text(json.dumps(document))
    assert "not checked: the single step that countered claim 58" in lines(
        run("dispute", "verify", str(out))
    )


def test_export_without_a_node_of_the_l2_has_no_steps(run, rollup):
    said = run("dispute", "export", "0", "--l1-url", L1, "--rollup-config", rollup)
    assert json.loads(said.output)["steps"] == []


def test_what_cannot_be_asked_is_refused_by_name(run, rollup):
    unknown = run("dispute", "show", "7", "--l1-url", L1, "--rollup-config", rollup)
    assert isinstance(unknown.exception, NoSuchGame)
    nowhere = run("dispute", "list", "--l1-url", L1)
    assert isinstance(nowhere.exception, ConfigurationError)
    run.silent.append(True)
    silent = run("dispute", "list", "--l1-url", L1, "--rollup-config", rollup)
    assert isinstance(silent.exception, L1Unreachable)


def test_trace_tells_a_step_of_a_transaction(run):
    said = lines(run("trace", str(FAULT), "6", "0", "--l2-url", L2))
    assert said[0].startswith("transaction begin, take up, step 0 of ")
    assert said[-1].endswith(" after")
    told = json.loads(lines(run("trace", str(FAULT), "end", "0", "--l2-url", L2, "--json"))[0])
    assert told["witnessBytes"] > 0


def test_trace_of_what_is_none_is_refused_by_name(run):
    none = run("trace", str(FAULT), "9", "0", "--l2-url", L2)
    assert isinstance(none.exception, L1CallFailed)
    assert "no transaction 9" in str(none.exception)
    wrong = run("trace", str(FAULT), "last", "0", "--l2-url", L2)
    assert isinstance(wrong.exception, ConfigurationError)
