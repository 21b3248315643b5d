"""The reference frame keeps the protocol."""

from __future__ import annotations

import pytest
from conformance_frame import FRAME_CHECKS
from frames import World


@pytest.mark.parametrize("check", FRAME_CHECKS, ids=lambda check: check.__name__)
def test_reference_frame(check):
    check(World)
