"""Eight hosts for some minutes: a sequencer, two verifiers, three DA nodes, two light nodes.

Where this process may make network namespaces, each host has one of its own that loses packets on
their way to it, and links are cut; elsewhere the hosts are addresses of loopback and a cut is a
process that stands still (SIGSTOP). One DA node signs for its cells and gives none to other nodes,
another is killed (SIGKILL) and started again. `Scenario.run` says what it does; `Scenario.check`
what has to hold in the end:

    one chain               sequencer and verifiers have the same blocks
    equal safe heads        the same block is safe on all three
    every batch is there    each certified blob can be put together without the liar
    the liar                is banned by who samples, and its own receipt is shown for it
    transactions            what verifiers took is in blocks
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from da_network import InlinePool
from l1_thread import L1Thread
from load import transfer
from net_hosts import Relay, Star, relays, why_no_namespaces
from node_process import ROOT, NodeProcess, RpcFailure, block_hash, call, head_number, wait_for

from genesis.da_committee import DaCommittee
from genesis.dev_accounts import dev_account
from node.da.dispersal import Peers, Retriever
from node.da.evidence import NOT_SERVED, receipt_holds
from node.da.peer import HttpPeer
from node.specification_files import read_rollup_config

SEQUENCER, VERIFIERS, DA_NODES, LIGHT_NODES = 0, (1, 2), (3, 4, 5), (6, 7)
LIAR = 5
HOSTS = 8
P2P_PORT, DA_PORT = 9546, 9650
L1_BLOCK_S, L2_BLOCK_S = 6.0, 2
SETTLE_S = 120.0
LOSS_PERCENT = 20
_PUBLIC_VERIFIER = "0x" + "da" * 20


class Namespaces:
    """Hosts that are namespaces."""

    def __init__(
        self, star: Star, carried: list[Relay], say: Callable[[str], None], loss_percent: int
    ) -> None:
        self._star = star
        self._carried = carried
        self.addresses = star.addresses
        self.why_not: str | None = None
        for number in range(HOSTS if loss_percent else 0):
            lacks = star.lose(number, loss_percent)
            if lacks is not None:
                say(f"host {number} loses no packets: {lacks}")

    def prefix(self, number: int) -> tuple[str, ...]:
        return self._star.prefix(number)

    def reach(self, number: int, url: str) -> str:
        """A URL on a host, as this process reaches it."""
        place = urlsplit(url)
        assert place.port is not None
        relay = Relay(None, self._star.names[number], place.port, place.hostname or "127.0.0.1")
        self._carried.append(relay)
        return f"http://127.0.0.1:{relay.port}"

    def l1_for(self, number: int, url: str) -> str:
        """The L1 of this process, as a host reaches it."""
        port = urlsplit(url).port
        assert port is not None
        relay = Relay(self._star.names[number], None, port)
        self._carried.append(relay)
        return f"http://127.0.0.1:{relay.port}"

    def cut(self, number: int, node: NodeProcess) -> None:
        self._star.set_link(number, "down")

    def mend(self, number: int, node: NodeProcess) -> None:
        self._star.set_link(number, "up")


class Aliases:
    """Hosts that are addresses of loopback."""

    def __init__(self, why_not: str) -> None:
        self.why_not: str | None = why_not
        self.addresses = [f"127.0.1.{10 + number}" for number in range(HOSTS)]

    def prefix(self, number: int) -> tuple[str, ...]:
        return ()

    def reach(self, number: int, url: str) -> str:
        return url

    def l1_for(self, number: int, url: str) -> str:
        return url

    def cut(self, number: int, node: NodeProcess) -> None:
        os.kill(node.pid, signal.SIGSTOP)

    def mend(self, number: int, node: NodeProcess) -> None:
        os.kill(node.pid, signal.SIGCONT)


@contextmanager
def made_hosts(
    say: Callable[[str], None], *, are_aliases: bool = False, loss_percent: int = LOSS_PERCENT
) -> Iterator[Namespaces | Aliases]:
    """Namespaces if they can be made and are not unwanted; else aliases, and the reason is said."""
    reason = "so it was asked for" if are_aliases else why_no_namespaces()
    if reason is not None:
        say(f"hosts are addresses of loopback, without loss; a cut is SIGSTOP: {reason}")
        yield Aliases(reason)
        return
    with Star(HOSTS) as star, relays() as carried:
        yield Namespaces(star, carried, say, loss_percent)


class Scenario:
    """The running hosts."""

    def __init__(self, root: Path, hosts: Namespaces | Aliases, say: Callable[[str], None]) -> None:
        self.root = root
        self.hosts = hosts
        self.say = say
        self.nodes: dict[int, NodeProcess] = {}
        self.urls: dict[int, str] = {}
        self.sent = dict.fromkeys(VERIFIERS, 0)
        self._l1: L1Thread | None = None

    # -- starting

    def start(self, stack: ExitStack) -> None:
        """Found the chain, start the hosts; the stack stops them."""
        self._l1 = stack.enter_context(L1Thread(self.root / "l1", L1_BLOCK_S, L2_BLOCK_S))
        self._make_keys()
        stack.callback(self._stop)
        for number in DA_NODES:
            self._start_da_node(number)
        self._start_chain(
            SEQUENCER,
            "--role", "sequencer", "--role", "batcher",
            "--batcher-key", str(self._key_file("batcher")),
            "--p2p-signer-key", str(self._key_file("sequencer")),
            "--batcher-data-type", "da",
            "--da-url", self._da_url(DA_NODES[0]),
        )  # fmt: skip
        for number in VERIFIERS:
            self._start_chain(number)
        for number in LIGHT_NODES:
            self._start_light_node(number)

    def _stop(self) -> None:
        for number, node in self.nodes.items():
            if isinstance(self.hosts, Aliases):
                self.hosts.mend(number, node)
        for node in reversed(self.nodes.values()):
            node.stop()

    def _key_file(self, name: str) -> Path:
        path = self.root / f"{name}.key"
        path.write_text("0x" + dev_account(name).private_key.hex())
        path.chmod(0o600)
        return path

    def _make_keys(self) -> None:
        """Keys of the operators, and a rollup.json that has their committee."""
        entries = []
        for number in DA_NODES:
            made = subprocess.run(
                [sys.executable, "-m", "node.cli", "da", "keygen", str(self._keys(number))],
                cwd=ROOT, check=True, capture_output=True, timeout=60,
            )  # fmt: skip
            entries.append(json.loads(made.stdout))
        self.identities = {
            number: entry["identity"] for number, entry in zip(DA_NODES, entries, strict=True)
        }
        path = self.root / "l1" / "rollup.json"
        rollup = json.loads(path.read_text())
        rollup["stemma_da"] = {"verifier": _PUBLIC_VERIFIER, "operators": entries}
        path.write_text(json.dumps(rollup))

    def _keys(self, number: int) -> Path:
        return self.root / f"keys{number}"

    def _da_url(self, number: int) -> str:
        return f"http://{self.hosts.addresses[number]}:{DA_PORT}"

    def _common(self, number: int) -> list[str]:
        assert self._l1 is not None
        peers = [
            part
            for other, node in self.nodes.items()
            for part in ("--p2p-peers", self._p2p(other, node))
        ]
        founded = self.root / "l1"
        return [
            "node",
            "--l1-url", self.hosts.l1_for(number, self._l1.url),
            "--rollup-config", str(founded / "rollup.json"),
            "--p2p-listen", f"{self.hosts.addresses[number]}:{P2P_PORT}",
            *peers,
        ]  # fmt: skip

    @staticmethod
    def _p2p(number: int, node: NodeProcess) -> str:
        return str(node.run["l2"]["p2p"] if "l2" in node.run else node.run["p2p"])

    def _da_peers(self, but: int = -1) -> list[str]:
        return [
            part
            for number in DA_NODES
            if number != but
            for part in ("--da-peer", self._da_url(number))
        ]

    def _start(self, number: int, *arguments: str, module: str = "node.cli") -> None:
        settings = {
            "STEMMA_DA__HOST": self.hosts.addresses[number],
            "STEMMA_DA__PROCESSES": "1",
            "STEMMA_DA__REPAIR_S": "5",
            "STEMMA_BATCHER__MAX_CHANNEL_L1_BLOCKS": "2",
            "PYTHONPATH": str(ROOT / "tests" / "support"),
        }
        prefix = (
            *self.hosts.prefix(number),
            "/usr/bin/env",
            *(f"{name}={value}" for name, value in settings.items()),
        )
        node = NodeProcess(self.root / f"host{number}", *arguments, prefix=prefix, module=module)
        self.nodes[number] = node
        node.start()
        url = node.l2 if "l2" in node.run else node.run["da"]
        self.urls[number] = self.hosts.reach(number, url)
        self.say(f"host {number} runs: {' '.join(node.run['roles'])}")

    def _start_da_node(self, number: int) -> None:
        keys = self._keys(number)
        self._start(
            number,
            *self._common(number), "--role", "da", "--da-port", str(DA_PORT),
            "--da-identity", str(keys / "identity.key"), "--da-signer", str(keys / "signer.key"),
            *self._da_peers(but=number),
            module="withholding_da_node" if number == LIAR else "node.cli",
        )  # fmt: skip

    def _start_chain(self, number: int, *arguments: str) -> None:
        genesis = str(self.root / "l1" / "genesis.json")
        self._start(
            number,
            *self._common(number), "--genesis", genesis, "--port", "0",
            *self._da_peers(), *arguments,
        )  # fmt: skip

    def _start_light_node(self, number: int) -> None:
        self._start(number, *self._common(number), "--role", "light", "--da-port", "0")

    # -- running

    def run(self, seconds: float) -> None:
        """Send transactions to the verifiers; cut off a verifier, then a DA node, for a while; in
        between kill a DA node and start it again.
        """
        stopping = threading.Event()
        senders = [
            threading.Thread(target=self._send, args=(number, stopping)) for number in VERIFIERS
        ]
        for sender in senders:
            sender.start()
        try:
            began = time.monotonic()
            for share, number, length in ((0.25, VERIFIERS[1], 0.15), (0.6, DA_NODES[1], 0.15)):
                self._sleep_until(began + share * seconds)
                self.say(f"host {number} is cut off")
                self.hosts.cut(number, self.nodes[number])
                self._sleep_until(began + (share + length) * seconds)
                self.hosts.mend(number, self.nodes[number])
                self.say(f"host {number} is back")
            self.kill_for(DA_NODES[1], began + 0.8 * seconds, began + 0.85 * seconds)
            self._sleep_until(began + seconds)
        finally:
            stopping.set()
            for sender in senders:
                sender.join(60)

    def kill_for(self, number: int, at: float, until: float) -> None:
        """Kill a host's node and start it again with what is on its disk; times are monotonic."""
        self._sleep_until(at)
        self.nodes[number].kill()
        self.say(f"the node of host {number} is killed")
        self._sleep_until(until)
        self.nodes[number].start()
        self.say(f"the node of host {number} runs again")

    @staticmethod
    def _sleep_until(at: float) -> None:
        time.sleep(max(0.0, at - time.monotonic()))

    def _send(self, number: int, stopping: threading.Event) -> None:
        """A transfer a second from an account of this verifier's; refused ones are sent again."""
        account = dev_account(f"account{number}")
        chain_id = int(call(self.urls[number], "eth_chainId"), 16)
        while not stopping.wait(1.0):
            raw = transfer(chain_id, account, self.sent[number])
            try:
                call(self.urls[number], "eth_sendRawTransaction", "0x" + raw.hex())
            except RpcFailure as error:
                if "already known" not in error.message:
                    continue
            except OSError:
                continue
            self.sent[number] += 1

    # -- what has to hold

    def check(self) -> dict[str, object]:
        """Raises AssertionError; else what was found, in figures."""
        found: dict[str, object] = {}
        found["transactions"] = self.check_transactions()
        found["safe block"] = self.check_chain()
        found["batches"] = self.check_batches()
        found["faults of the liar"] = self.check_liar()
        found["unsafe heads of light nodes"] = self.check_light_heads()
        found["most memory of a light node, MB"] = round(self.light_memory_mb())
        return found

    def check_transactions(self) -> int:
        """What verifiers took is in blocks; how many that were."""
        for number in VERIFIERS:
            account = "0x" + dev_account(f"account{number}").address.hex()
            wait_for(
                f"{self.sent[number]} transactions of host {number} in blocks",
                lambda a=account, n=number: self._is_taken(a, self.sent[n]),
                SETTLE_S,
            )
        return sum(self.sent.values())

    def _is_taken(self, account: str, sent: int) -> bool:
        """Whether so many transactions of an account are in blocks; raises what is missing."""
        taken = int(call(self.urls[SEQUENCER], "eth_getTransactionCount", account, "latest"), 16)
        if taken >= sent:
            return True
        pools = {
            number: call(self.urls[number], "txpool_status") for number in (SEQUENCER, *VERIFIERS)
        }
        raise OSError(f"{taken} of {sent} are in blocks; pools: {pools}")

    def check_chain(self) -> int:
        """Three nodes have the same blocks, and the same one is safe on all; its number."""
        chains = (SEQUENCER, *VERIFIERS)
        goal = head_number(self.urls[SEQUENCER], "latest")
        for number in chains:
            wait_for(
                f"block {goal} safe on host {number}",
                lambda n=number: head_number(self.urls[n], "safe") >= goal,
                SETTLE_S,
            )
        for height in range(0, goal + 1, max(1, goal // 50)):
            hashes = {block_hash(self.urls[number], height) for number in chains}
            assert len(hashes) == 1, f"block {height}: {hashes}"
        hashes = {block_hash(self.urls[number], goal) for number in chains}
        assert len(hashes) == 1, f"block {goal}: {hashes}"
        return goal

    def _status(self, number: int) -> dict:
        return asyncio.run(_ask(self.urls[number], "status"))

    def check_batches(self) -> int:
        """Light nodes refuse nothing; and each batch they name can be put together, without the
        liar.
        """
        for number in LIGHT_NODES:
            status = wait_for(
                f"host {number} accepts all batches",
                lambda n=number: _settled(self._status(n)),
                SETTLE_S,
            )
        commitments = {bytes.fromhex(b["commitment"][2:]) for b in status["newest"]}
        assert commitments
        committee = read_rollup_config(self.root / "l1" / "rollup.json").da_committee
        assert committee is not None
        urls = [self.urls[number] for number in DA_NODES if number != LIAR]
        asyncio.run(_reconstruct(committee, urls, sorted(commitments)))
        return int(status["batches"])

    def check_liar(self) -> int:
        """At least one sampler has caught it; none has accused another."""
        liar = self.identities[LIAR]

        def caught() -> list[dict]:
            faults = [
                fault
                for number in LIGHT_NODES
                for fault in asyncio.run(_ask(self.urls[number], "faults"))
            ]
            assert all(fault["identity"] == liar for fault in faults), faults
            return faults

        faults = wait_for("the liar is caught", caught, SETTLE_S)
        assert all(fault["fault"] == NOT_SERVED for fault in faults), faults
        assert any(receipt_holds(fault) for fault in faults), faults
        logs = "".join(self.nodes[number].log_tail(100_000) for number in LIGHT_NODES)
        assert "banned: signed for a cell and did not serve it" in logs
        return len(faults)

    def check_light_heads(self) -> list[int]:
        """Each light node accepts an unsafe head that the sequencer has, linked to ones before."""
        found = []
        for number in LIGHT_NODES:
            head = wait_for(
                f"host {number} accepts a head",
                lambda n=number: self._accepted_head(n),
                SETTLE_S,
            )
            ours = block_hash(self.urls[SEQUENCER], head["l2_block"])
            assert head["hash"] == ours, (number, head, ours)
            found.append(head["l2_block"])
        return found

    def _accepted_head(self, number: int) -> dict | None:
        """Raises what is said of a head that is refused, or not linked."""
        head = self._status(number)["unsafe"]["head"]
        if head is None or not head["accepted"] or head["linked_from"] == head["l2_block"]:
            raise OSError(f"the head is {head}")
        assert head["data"]["not_available"] == 0, head
        return head

    def light_memory_mb(self) -> float:
        """The most that a light node has had resident."""
        return max(_peak_mb(self.nodes[number].pid) for number in LIGHT_NODES)


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1000


def _settled(status: dict) -> dict | None:
    is_caught_up = status["l1_read"] >= status["l1_head"] - 1
    return status if status["batches"] and not status["refuses"] and is_caught_up else None


async def _ask(url: str, what: str):
    async with aiohttp.ClientSession() as session:
        return await getattr(HttpPeer(url, session, 20.0), what)()


async def _reconstruct(committee: DaCommittee, urls: list[str], commitments: list[bytes]) -> None:
    async with aiohttp.ClientSession() as session:
        peers = Peers(committee, [HttpPeer(url, session, 20.0) for url in urls])
        retriever = Retriever(peers, InlinePool())
        for commitment in commitments:
            assert (await retriever.blob(commitment)).commitment == commitment


def run_eight_hosts(
    root: Path,
    seconds: float,
    say: Callable[[str], None],
    *,
    are_aliases: bool = False,
    loss_percent: int = LOSS_PERCENT,
) -> dict[str, object]:
    """Start, run for so long, check, stop; the figures. Raises AssertionError."""
    with ExitStack() as stack:
        hosts = stack.enter_context(
            made_hosts(say, are_aliases=are_aliases, loss_percent=loss_percent)
        )
        scenario = Scenario(root, hosts, say)
        scenario.start(stack)
        scenario.run(seconds)
        return scenario.check()
