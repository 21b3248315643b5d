"""What all tests share: how hard the property tests look."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No timed assertions: a busy machine is no finding, so neither deadlines nor the "too slow" check.
PATIENT = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=25, **PATIENT)
settings.register_profile("ci", max_examples=50, derandomize=True, print_blob=True, **PATIENT)
settings.register_profile("nightly", max_examples=5_000, **PATIENT)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
