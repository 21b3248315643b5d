"""Worlds for the L1 script: every scenario ends by showing that its rules were applied."""

from __future__ import annotations

import pytest
from l1_script import Rule, ScriptWorld


@pytest.fixture
def world_of(request):
    """Make worlds; when the scenario is over, derivation must have applied the rules it names."""
    worlds = []

    def make(**settings):
        worlds.append(ScriptWorld(**settings))
        return worlds[-1]

    yield make
    noted = set().union(*(world.rules for world in worlds))
    for rule in getattr(request.function, "shown_rules", ()):
        assert not isinstance(rule, Rule) or rule in noted, f"{rule.name} was not applied"
