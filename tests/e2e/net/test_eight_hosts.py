"""Eight hosts for two minutes; scripts/eight_hosts.py runs the same for as long as one likes."""

from __future__ import annotations

import pytest
from eight_hosts import run_eight_hosts

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

SECONDS = 120.0


def test_eight_hosts_keep_one_chain_and_its_data_and_catch_the_liar(tmp_path, capsys) -> None:
    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end="")

    found = run_eight_hosts(tmp_path, SECONDS, say)
    assert found["batches"]
    assert found["transactions"]
    assert found["faults of the liar"]
