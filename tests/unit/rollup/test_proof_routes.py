"""docs/protocol/proof-routes.md names each phase, opcode and precompile, and the router agrees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from step_verifier import UNSUPPORTED_PRECOMPILE, UNSUPPORTED_STEP, StepVerifier

from chain.types import Address
from evm.forks import CANCUN, ISTHMUS, JOVIAN, KARST, OSAKA, PRAGUE
from evm.step.block_records import SealStage, Stage
from evm.step.instructions import OPCODES
from evm.step.names import NOTHING
from evm.step.opener import encode_witness
from evm.step.state import NO_EFFECTS, Call, Context, Frame, Phase, State
from rollup.settlement.step_verifier import ForkRules

PAGE = Path(__file__).resolve().parents[3] / "docs" / "protocol" / "proof-routes.md"
STAGED = {
    Phase.TRANSACTION_BEGIN: (0, *(stage for stage in Stage if stage <= Stage.START)),
    Phase.TRANSACTION_END: [stage for stage in Stage if stage > Stage.START],
    Phase.BLOCK_END: list(SealStage),
}
ALL = ForkRules.CLZ | ForkRules.BLS | ForkRules.DELEGATIONS | ForkRules.P256 | ForkRules.NATIVES


@pytest.fixture(scope="module")
def verifier() -> StepVerifier:
    return StepVerifier()


def _rows(heading: str) -> list[list[str]]:
    [part] = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    rows = [line.strip("| ").split("|") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_each_phase_has_the_contract_that_the_router_knows(verifier):
    listed = {int(row[0].split()[0]): row[1].split(";")[0] for row in _rows("Phases")}
    assert set(listed) == set(Phase)
    for phase in set(Phase) - {Phase.RUN, *STAGED}:
        assert (verifier.kind_of(phase, 0) or "none") == listed[phase]
    for phase in range(max(Phase) + 1, 256):
        assert verifier.kind_of(phase, 0) is None


def test_each_stage_has_the_contract_that_the_router_knows(verifier):
    listed = {(int(row[0]), int(row[1].split()[0])): row[2] for row in _rows("Stages")}
    assert listed == {
        (phase, stage): verifier.kind_of(phase, stage) or "none"
        for phase, stages in STAGED.items()
        for stage in stages
    }


def test_each_opcode_has_the_contract_that_the_router_knows(verifier):
    listed = {name: row[0] for row in _rows("Opcodes") for name in row[1].split(", ")}
    assert listed == {
        opcode.name: verifier.kind_of(Phase.RUN, value) for value, opcode in OPCODES.items()
    }
    for value in set(range(256)) - set(OPCODES):
        assert verifier.kind_of(Phase.RUN, value) == "ArithmeticStep"


def test_each_precompile_of_each_fork_is_listed():
    listed = {int(row[0], 16) for row in _rows("Precompiles")}
    forks = (CANCUN, PRAGUE, OSAKA, ISTHMUS, JOVIAN, KARST)
    known = {int.from_bytes(at, "big") for fork in forks for at in fork.machine.precompiles}
    assert listed == known


@pytest.mark.parametrize("row", _rows("Precompiles"), ids=lambda row: row[0])
def test_a_precompile_is_refused_by_name_where_it_has_no_route(row):
    """Asked with no input and no gas: it fails, or it is refused before."""
    verifier = StepVerifier(ALL & ~ForkRules.CLZ)
    address = Address(int(row[0], 16).to_bytes(20, "big"))
    call = Call(1, 0, address, address, 0, address, 0, NOTHING, 0, 0, 0, NOTHING, NOTHING)
    frame = Frame(0, 0, 0, NOTHING, 0, NOTHING, NOTHING, 0, NOTHING, 0, call)
    state = State(Phase.PRECOMPILE, NOTHING, Context(NOTHING, NOTHING), NO_EFFECTS, frame)
    outcome = verifier.step(state.encode(), encode_witness([frame.encode(), call.encode()]))
    if row[1] == "native":
        assert (verifier.kind_of(Phase.PRECOMPILE, address[-1]) or "none") == row[2]
        assert outcome.refused_with(UNSUPPORTED_STEP) == (row[2] == "none")
    elif row[2] == "none":
        assert outcome.refused_with(UNSUPPORTED_PRECOMPILE)
    else:
        assert outcome.succeeded
