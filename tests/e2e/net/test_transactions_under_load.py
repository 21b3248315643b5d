"""A share of the load that benchmarks/gossip_load.py puts on four nodes: none of it is lost."""

from __future__ import annotations

import pytest
from transaction_load import line_of_four, run_load

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

COUNT = 1200


def test_what_any_of_four_nodes_takes_is_in_a_block_of_the_sequencer(tmp_path) -> None:
    with line_of_four(tmp_path) as nodes:
        outcome = run_load(nodes, COUNT, None, senders_a_node=2, idle_s=60)
    assert outcome.sent == COUNT
    assert outcome.per_node == [COUNT // 4] * 4
    assert outcome.lost == 0
