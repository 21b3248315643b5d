"""Three hosts in a line, each a network namespace of its own; a link is cut and mended."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from net_hosts import Hosts, Relay, relays, why_no_namespaces
from node_process import NodeProcess, block_hash, call, dev, head_number, verifier, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@dataclass
class Host:
    node: NodeProcess
    url: str


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


@pytest.fixture
def line(tmp_path, capsys):
    """A sequencer, a verifier beside it and one behind that; and the links between them."""
    reason = why_no_namespaces()
    if reason is not None:
        pytest.skip(f"no network namespaces here ({reason}); nodes on loopback are tested anyway")
    started: list[NodeProcess] = []
    with Hosts(3) as hosts, relays() as carried:

        def start(number: int, node: NodeProcess) -> Host:
            node.prefix = hosts.prefix(number)
            started.append(node.start())
            relay = Relay(None, hosts.names[number], port_of(node.l2))
            carried.append(relay)
            return Host(node, f"http://127.0.0.1:{relay.port}")

        def l1_for(number: int) -> str:
            relay = Relay(hosts.names[number], hosts.names[0], port_of(sequencer.node.l1))
            carried.append(relay)
            return f"http://127.0.0.1:{relay.port}"

        try:
            sequencer = start(
                0,
                dev(tmp_path / "0", "--p2p-listen", "10.77.0.1:9546", "--l1-block-time", "30"),
            )
            founded = tmp_path / "0"
            near = start(
                1,
                verifier(
                    tmp_path / "1", l1_for(1), founded,
                    "--p2p-listen", "0.0.0.0:9546",
                    "--p2p-peers", sequencer.node.run["l2"]["p2p"],
                ),
            )  # fmt: skip
            near_id = call(near.url, "opp2p_self")["nodeID"]
            far = start(
                2,
                verifier(
                    tmp_path / "2", l1_for(2), founded,
                    "--p2p-listen", "10.77.1.2:9546",
                    "--p2p-peers", f"{near_id}@10.77.1.1:9546",
                ),
            )  # fmt: skip
            with capsys.disabled():
                for number in range(2):
                    lacks = hosts.slow(number, "delay", "40ms", "loss", "5%")
                    if lacks:
                        print(f"\nlink {number} is neither slow nor lossy: {lacks}")
            yield hosts, sequencer, near, far
        finally:
            for node in reversed(started):
                node.stop()


def test_a_partition_stops_the_far_side_and_healing_brings_it_back(line) -> None:
    hosts, sequencer, near, far = line
    target = head_number(sequencer.url) + 3
    wait_for("the far host follows", lambda: head_number(far.url) >= target)
    hosts.set_link(1, "down")
    cut_at = head_number(near.url)
    # What was on its way or waits to be executed still comes.
    wait_for("the near host goes on", lambda: head_number(near.url) >= cut_at + 3)
    apart = head_number(far.url)
    wait_for("the near host goes on", lambda: head_number(near.url) >= cut_at + 11)
    # L1 is no part of the cut: what is safe comes by derivation.
    assert head_number(far.url) <= max(apart, head_number(far.url, "safe"))
    hosts.set_link(1, "up")
    goal = head_number(sequencer.url)
    wait_for("the far host catches up", lambda: head_number(far.url) >= goal, within_s=120)
    assert block_hash(far.url, goal) == block_hash(sequencer.url, goal)
    assert head_number(far.url) > head_number(far.url, "safe")
