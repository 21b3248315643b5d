"""Transactions sent to every node of a network at a rate, and a count of those that get lost.

Four real processes on loopback: a sequencer and three verifiers in a line, the last two of which
reach the sequencer only over others. Each account sends to one node, in order of its nonces. A
transaction that a node has refused is sent again; one that it took and that is in no block in the
end is lost.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from load import transfer
from node_process import NodeProcess, call, dev, post, verifier, wait_for

from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import address_of
from genesis.dev_accounts import DevAccount, dev_account

LOOPBACK = "127.0.0.1:0"
FUNDS_WEI = 50 * 10**18  # the pool sets aside the highest fee of whatever waits
BATCH = 50
PAUSE_S = 0.05


@contextmanager
def line_of_four(root: Path) -> Iterator[list[NodeProcess]]:
    """A sequencer, one beside it, and two behind that one in turn."""
    nodes: list[NodeProcess] = []
    try:
        nodes.append(dev(root / "0", "--p2p-listen", LOOPBACK, "--l1-block-time", "20").start())
        for number in (1, 2, 3):
            node = verifier(
                root / str(number), nodes[0].l1, root / "0",
                "--p2p-listen", LOOPBACK, "--p2p-peers", nodes[-1].run["l2"]["p2p"],
            )  # fmt: skip
            nodes.append(node.start())
        wait_for(
            "sessions",
            lambda: all(int(call(node.l2, "net_peerCount"), 16) for node in nodes),
        )
        yield nodes
    finally:
        for node in reversed(nodes):
            node.stop()


def accounts(count: int) -> list[DevAccount]:
    """Accounts with keys that follow from their number."""
    keys = [bytes(keccak256(b"load %d" % number)) for number in range(count)]
    return [DevAccount(f"load{i}", address_of(key), key) for i, key in enumerate(keys)]


def fund(url: str, chain_id: int, senders: list[DevAccount]) -> None:
    """Give each account enough for everything that it will send."""
    rich = dev_account("account0")
    first = nonce_of(url, rich, "pending")
    raws = [
        transfer(chain_id, rich, first + number, value=FUNDS_WEI, to=sender.address)
        for number, sender in enumerate(senders)
    ]
    refused = send(url, raws)
    assert not refused, refused[:1]
    wait_for("funds", lambda: nonce_of(url, rich, "latest") == first + len(senders), within_s=120)


def nonce_of(url: str, account: DevAccount, tag: str) -> int:
    return int(call(url, "eth_getTransactionCount", "0x" + account.address.hex(), tag), 16)


def send(url: str, raws: list[bytes]) -> list[int]:
    """Send in one batch; which of them were refused, by place."""
    requests = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "eth_sendRawTransaction",
            "params": ["0x" + raw.hex()],
        }
        for number, raw in enumerate(raws)
    ]
    answers = {answer["id"]: answer for answer in post(url, requests, timeout_s=120)}
    known = "already known"
    return [
        number
        for number in range(len(raws))
        if "result" not in answers[number] and known not in answers[number]["error"]["message"]
    ]


@dataclass
class Outcome:
    """What became of a load."""

    sent: int = 0
    refused: int = 0
    included: int = 0
    sending_s: float = 0.0
    until_included_s: float = 0.0
    per_node: list[int] = field(default_factory=list)
    statistics: list[dict] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return self.sent - self.included


def run_load(
    nodes: list[NodeProcess], count: int, rate: float | None, *, senders_a_node: int, idle_s: float
) -> Outcome:
    """Send `count` transactions over all nodes, `rate` a second or as fast as it goes.

    Afterwards waits until all are in blocks, or none has come in for `idle_s`.
    """
    chain_id = int(call(nodes[0].l2, "eth_chainId"), 16)
    everyone = accounts(senders_a_node * len(nodes))
    fund(nodes[0].l2, chain_id, everyone)
    for node in nodes[1:]:
        wait_for(
            "funds everywhere",
            lambda node=node: int(
                call(node.l2, "eth_getBalance", "0x" + everyone[-1].address.hex(), "latest"), 16
            ),
            within_s=120,
        )
    outcome = Outcome(per_node=[0] * len(nodes))
    each = count // len(everyone)
    work = [
        [
            transfer(chain_id, sender, nonce, to=sender.address)
            for nonce in range(each)
            for sender in everyone[number * senders_a_node : (number + 1) * senders_a_node]
        ]
        for number in range(len(nodes))
    ]
    lock = threading.Lock()
    started = time.monotonic()

    def feed(number: int) -> None:
        pace = 0.0 if rate is None else BATCH * len(nodes) / rate
        due = time.monotonic()
        for start in range(0, len(work[number]), BATCH):
            due += pace
            left = work[number][start : start + BATCH]
            taken = len(left)
            while left:
                refused = send(nodes[number].l2, left)
                left = [left[place] for place in refused]
                with lock:
                    outcome.refused += len(refused)
                if left:
                    time.sleep(PAUSE_S)
            with lock:
                outcome.sent += taken
                outcome.per_node[number] += taken
            time.sleep(max(0.0, due - time.monotonic()))

    threads = [threading.Thread(target=feed, args=(number,)) for number in range(len(nodes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome.sending_s = time.monotonic() - started
    _wait_for_blocks(nodes[0].l2, everyone, outcome, idle_s)
    outcome.until_included_s = time.monotonic() - started
    outcome.statistics = [call(node.l2, "opp2p_peerStats") for node in nodes]
    return outcome


def _wait_for_blocks(url: str, everyone: list[DevAccount], outcome: Outcome, idle_s: float) -> None:
    changed = time.monotonic()
    while outcome.included < outcome.sent and time.monotonic() - changed < idle_s:
        included = sum(nonces(url, everyone))
        if included > outcome.included:
            outcome.included, changed = included, time.monotonic()
        time.sleep(0.5)


def nonces(url: str, everyone: list[DevAccount]) -> list[int]:
    ids = itertools.count()
    requests = [
        {
            "jsonrpc": "2.0",
            "id": next(ids),
            "method": "eth_getTransactionCount",
            "params": ["0x" + account.address.hex(), "latest"],
        }
        for account in everyone
    ]
    return [int(answer["result"], 16) for answer in post(url, requests, timeout_s=120)]
