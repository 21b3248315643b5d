"""Natives as steps keep the frame's protocol, and each step is proven by its witness."""

from __future__ import annotations

import pytest
from conformance_frame import FRAME_CHECKS
from step_host import HastyStepHost, StepHost

COUNTING = {"check_frame_knows_its_call", "check_nested_calls_have_a_deepest_frame"}
"""Their natives write down each run; a proof runs them again."""
LOADING = "check_nested_call_has_a_frame_of_its_own"
"""The same, and it reads a slot: once that is loaded, the native is run again in any case."""
CHECKS = [check for check in FRAME_CHECKS if check.__name__ != LOADING]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_frame_over_the_step_machine(check):
    check(HastyStepHost if check.__name__ in COUNTING else StepHost)
