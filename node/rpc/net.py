"""net_ and web3_: who this node is."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from chain.crypto.keccak import keccak256

from . import parameters
from .backend import Backend
from .hexadecimal import data, quantity
from .jsonrpc import Parameter, rpc


def client_version() -> str:
    """`stemma/v0.1.0/linux-x86_64/python3.11.7`, in the form of geth's."""
    try:
        number = version("stemma-node")
    except PackageNotFoundError:
        number = "0"
    system = f"{platform.system().lower()}-{platform.machine()}"
    return f"stemma/v{number}/{system}/python{platform.python_version()}"


class NetNamespace:
    """net_version, net_listening, net_peerCount, web3_clientVersion, web3_sha3, rpc_modules."""

    def __init__(self, backend: Backend) -> None:
        """The backend knows the chain id."""
        self._backend = backend

    @rpc("net_version")
    def version(self) -> str:
        """The chain id in decimal."""
        return str(self._backend.chain_id)

    @rpc("net_listening")
    def listening(self) -> bool:
        """True: this server listens."""
        return True

    @rpc("net_peerCount")
    def peer_count(self) -> str:
        """How many nodes this one talks to; zero where blocks come from L1 alone."""
        return quantity(self._backend.peer_count())

    @rpc("web3_clientVersion")
    def client_version(self) -> str:
        """Name and version."""
        return client_version()

    @rpc("web3_sha3", Parameter("data", parameters.hex_bytes))
    def sha3(self, payload: bytes) -> str:
        """Keccak-256."""
        return data(keccak256(payload))

    @rpc("rpc_modules")
    def modules(self) -> dict[str, str]:
        """The namespaces that answer here."""
        return dict.fromkeys(self._backend.namespaces, "1.0")
