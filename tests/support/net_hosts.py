"""Hosts on one machine: network namespaces with veth links, where this process may make them.

`why_no_namespaces` says why not. Loopback belongs to each namespace alone, so relays carry RPC and
L1 between them, as an operator's management network would; the nodes' own sessions go over the
links. A link can be cut and mended, slowed where the kernel has netem, and made to lose packets
where it has netem or runs packet filters.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_WITHIN_S = 10.0
_RANDOM_OF_FILTERS = 2**32 - 0x1000 + 56
"""SKF_AD_OFF + SKF_AD_RANDOM: where a classic packet filter reads a random word."""


def _ip(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("ip") or "ip", *arguments],
        check=check,
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
    )


@cache
def why_no_namespaces() -> str | None:
    """None where namespaces and veth can be made; else the reason."""
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    name = f"st{os.getpid()}p"
    try:
        made = _ip("netns", "add", name, check=False)
        if made.returncode:
            return f"ip netns add: {made.stderr.strip()}"
        link = _ip(
            "link",
            "add",
            f"{name}a",
            "netns",
            name,
            "type",
            "veth",
            "peer",
            f"{name}b",
            check=False,
        )
        return f"veth: {link.stderr.strip()}" if link.returncode else None
    finally:
        _ip("netns", "del", name, check=False)
        _ip("link", "del", f"{name}b", check=False)


def _tc(prefix: tuple[str, ...], *arguments: str) -> str | None:
    """Run tc; None where it worked, else what it said."""
    done = subprocess.run(
        [*prefix, shutil.which("tc") or "tc", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
    )
    return (done.stderr or done.stdout).strip() or "tc failed" if done.returncode else None


def lose(prefix: tuple[str, ...], link: str, percent: int) -> str | None:
    """Lose so many packets that leave by a link, each by itself; the reason where it cannot be.

    By netem, with 20 ms of delay; where the kernel lacks it by a filter of four instructions: a
    random word, a comparison, keep or drop (TC_ACT_OK, TC_ACT_SHOT).
    """
    lacks = _tc(
        prefix, "qdisc", "add", "dev", link, "root", "netem", "delay", "20ms", "loss",
        f"{percent}%",
    )  # fmt: skip
    if lacks is None:
        return None
    below = 2**32 * percent // 100
    code = f"4,32 0 0 {_RANDOM_OF_FILTERS},53 0 1 {below},6 0 0 0,6 0 0 2"
    return _tc(prefix, "qdisc", "add", "dev", link, "clsact") or _tc(
        prefix, "filter", "add", "dev", link, "egress", "bpf", "da", "bytecode", code
    )


class Hosts:
    """A line of hosts; host n and n + 1 share a link, 10.77.n.1 and 10.77.n.2."""

    def __init__(self, count: int) -> None:
        self.names = [f"st{os.getpid()}h{number}" for number in range(count)]
        self.netem: str | None = None

    def __enter__(self) -> Hosts:
        for name in self.names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        for number in range(len(self.names) - 1):
            left, right = self.names[number : number + 2]
            _ip(
                "-n", left, "link", "add", f"right{number}", "type", "veth",
                "peer", "name", f"left{number}", "netns", right,
            )  # fmt: skip
            for name, link, host in ((left, f"right{number}", 1), (right, f"left{number}", 2)):
                _ip("-n", name, "address", "add", f"10.77.{number}.{host}/24", "dev", link)
                _ip("-n", name, "link", "set", link, "up")
        return self

    def __exit__(self, *exc: object) -> None:
        for name in self.names:
            _ip("netns", "del", name, check=False)

    def prefix(self, number: int) -> tuple[str, ...]:
        """What starts a command on a host."""
        return (shutil.which("ip") or "ip", "netns", "exec", self.names[number])

    def set_link(self, number: int, state: str) -> None:
        """Cut (`down`) or mend (`up`) the link between host number and the next."""
        _ip("-n", self.names[number], "link", "set", f"right{number}", state)

    def slow(self, number: int, *rule: str) -> str | None:
        """Delay or lose packets of a link by netem; the reason where the kernel has none."""
        return _tc(
            self.prefix(number), "qdisc", "add", "dev", f"right{number}", "root", "netem", *rule
        )


def _enter(namespace: str | None) -> None:
    """Move the calling thread into a namespace; without a name into the process's own, since a
    thread begins where the one that started it is.
    """
    place = Path("/var/run/netns") / namespace if namespace else Path("/proc/self/ns/net")
    with place.open() as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")


class Star:
    """Hosts around a hub that forwards; host n is 10.(80 + n).0.2, each an address group alone.

    A host is cut off by taking down the hub's end of its link.
    """

    def __init__(self, count: int) -> None:
        self._hub = f"st{os.getpid()}hub"
        self.names = [f"st{os.getpid()}s{number}" for number in range(count)]
        self.addresses = [f"10.{80 + number}.0.2" for number in range(count)]

    def __enter__(self) -> Star:
        _ip("netns", "add", self._hub)
        _ip("netns", "exec", self._hub, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for number, name in enumerate(self.names):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
            _ip(
                "-n", self._hub, "link", "add", f"spoke{number}", "type", "veth",
                "peer", "name", "eth0", "netns", name,
            )  # fmt: skip
            self._address(self._hub, f"spoke{number}", f"10.{80 + number}.0.1/24")
            self._address(name, "eth0", f"{self.addresses[number]}/24")
            _ip("-n", name, "route", "add", "default", "via", f"10.{80 + number}.0.1")
        return self

    @staticmethod
    def _address(name: str, link: str, address: str) -> None:
        _ip("-n", name, "address", "add", address, "dev", link)
        _ip("-n", name, "link", "set", link, "up")

    def __exit__(self, *exc: object) -> None:
        for name in (*self.names, self._hub):
            _ip("netns", "del", name, check=False)

    def prefix(self, number: int) -> tuple[str, ...]:
        """What starts a command on a host."""
        return (shutil.which("ip") or "ip", "netns", "exec", self.names[number])

    def set_link(self, number: int, state: str) -> None:
        """Cut a host off (`down`), or mend its link (`up`)."""
        _ip("-n", self._hub, "link", "set", f"spoke{number}", state)

    def lose(self, number: int, percent: int) -> str | None:
        """Lose so many packets to a host; the reason where it cannot be."""
        hub = (shutil.which("ip") or "ip", "netns", "exec", self._hub)
        return lose(hub, f"spoke{number}", percent)


class Relay:
    """Listens on loopback in one namespace and connects to an address in another."""

    def __init__(
        self,
        listen_in: str | None,
        target_in: str | None,
        target_port: int,
        target_host: str = "127.0.0.1",
    ) -> None:
        self._target = target_in, target_host, target_port
        ready = threading.Event()
        self.port = 0
        self._listener: socket.socket | None = None

        def serve() -> None:
            _enter(listen_in)
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port = self._listener.getsockname()[1]
            ready.set()
            with contextlib.suppress(OSError):
                while True:
                    client, _ = self._listener.accept()
                    threading.Thread(target=self._carry, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        assert ready.wait(_WITHIN_S)

    def _carry(self, client: socket.socket) -> None:
        namespace, host, port = self._target
        with client, contextlib.suppress(OSError):
            _enter(namespace)
            with socket.create_connection((host, port)) as server:
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()

    def close(self) -> None:
        """Take no more connections."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relays() -> Iterator[list[Relay]]:
    """A list of relays that are closed in the end."""
    made: list[Relay] = []
    try:
        yield made
    finally:
        for relay in made:
            relay.close()
