"""What /readyz says of a node that works, and of one that only runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node import health
from node.health import HealthProbe

PROBE = HealthProbe(
    datadir=Path(),
    now=lambda: 1_000.0,
    head_timestamp=lambda: 998,
    block_time_s=2,
    is_sequencing=True,
    l1_silent_s=lambda: 0.4,
    l1_lag_blocks=lambda: 3,
    max_lag_blocks=20,
)


def failing(probe: HealthProbe) -> list[tuple[str, str]]:
    return [(name, detail) for name, ok, detail in probe.look().checks if not ok]


def test_a_node_that_works_is_ready() -> None:
    assert PROBE.look().ready
    assert [name for name, _, _ in PROBE.look().checks] == ["head", "l1", "derivation", "disk"]


@pytest.mark.parametrize(
    ("check", "detail", "change"),
    [
        ("head", "100 s old, limit 16 s", {"head_timestamp": lambda: 900}),
        ("l1", "silent for 11 s", {"l1_silent_s": lambda: 11.0}),
        ("derivation", "21 L1 blocks behind", {"l1_lag_blocks": lambda: 21}),
    ],
)
def test_what_fails_is_named_with_what_was_seen(check, detail, change) -> None:
    assert failing(replace(PROBE, **change)) == [(check, detail)]


def test_a_full_disk_is_named(monkeypatch) -> None:
    monkeypatch.setattr(health, "_MIN_FREE_BYTES", 1 << 80)
    assert [name for name, _ in failing(PROBE)] == ["disk"]


def test_a_verifier_may_have_an_old_head_for_it_follows_the_batcher() -> None:
    assert replace(PROBE, is_sequencing=False, head_timestamp=lambda: 0).look().ready
