"""Eight hosts for a minute; scripts/eight_hosts.py runs the same for as long as one likes.

The tests are steps of one story and follow one another: what is looked at in the end comes of the
run before.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from eight_hosts import HOSTS, Scenario, made_hosts

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]

SECONDS = 60.0
LOSS_PERCENT = 10
"""Half of what scripts/eight_hosts.py has: a minute is short for what twenty make of it."""
LIGHT_MEMORY_MB = 150


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """The hosts, running; why they are not namespaces, or lose nothing, is in the output."""
    said: list[str] = []
    with ExitStack() as stack:
        hosts = stack.enter_context(made_hosts(said.append, loss_percent=LOSS_PERCENT))
        made = Scenario(tmp_path_factory.mktemp("hosts"), hosts, said.append)
        made.start(stack)
        made.said = said
        yield made


def test_all_of_them_start(scenario, capsys) -> None:
    assert len(scenario.nodes) == HOSTS
    reasons = [line for line in scenario.said if "loses no" in line or "loopback" in line]
    with capsys.disabled():
        print("".join(f"\n{reason}" for reason in reasons), end="")


def test_they_live_through_two_cuts(scenario) -> None:
    scenario.run(SECONDS)
    assert all(scenario.sent.values())


def test_every_transaction_is_in_a_block(scenario) -> None:
    assert scenario.check_transactions() == sum(scenario.sent.values())


def test_there_is_one_chain_and_one_safe_head(scenario) -> None:
    assert scenario.check_chain() > SECONDS / 4


def test_every_batch_can_be_put_together_without_the_liar(scenario) -> None:
    assert scenario.check_batches() > 0


def test_light_nodes_follow_the_sequencers_heads_without_much_memory(scenario) -> None:
    assert min(scenario.check_light_heads()) > 0
    assert scenario.light_memory_mb() < LIGHT_MEMORY_MB


def test_the_liar_is_banned_and_its_receipt_is_shown(scenario) -> None:
    assert scenario.check_liar() > 0
