"""Natives as steps keep the frame's protocol, and each step is proven by its witness."""

from __future__ import annotations

import pytest
from conformance_frame import FRAME_CHECKS
from step_host import HastyStepHost, StepHost

COUNTING = {
    "check_frame_knows_its_call",
    "check_nested_call_has_a_frame_of_its_own",
    "check_nested_calls_have_a_deepest_frame",
}
"""Their natives write down each run; a proof runs them again."""


@pytest.mark.parametrize("check", FRAME_CHECKS, ids=lambda check: check.__name__)
def test_frame_over_the_step_machine(check):
    check(HastyStepHost if check.__name__ in COUNTING else StepHost)
