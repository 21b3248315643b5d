"""The node's configuration: file < environment < flags → one frozen NodeConfig.

Sections and keys are the fields of the dataclasses below; nothing else lists them. An unknown key
is an error that suggests the nearest known one. Secrets are files: no key is ever a value here.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from chain.errors import DecodeError, StemmaError

from . import logging as node_logging
from .p2p.identity import parse_endpoint

ROLES = (
    "sequencer", "batcher", "proposer", "challenger", "verifier", "execution", "da", "light",
)  # fmt: skip
API_NAMESPACES = (
    "eth", "net", "web3", "debug", "txpool", "optimism", "stemma", "testing", "dev", "admin",
)  # fmt: skip
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
DATA_TYPES = ("calldata", "blobs", "auto", "da")
INBOXES = ("address", "contract")
BATCH_TYPES = ("singular", "span")
COMPRESSIONS = ("zlib", "brotli", "brotli-6")
STATE_MODES = ("archive", "pruned")
SYNC_MODES = ("derive", "snapshot")
ENVIRONMENT_PREFIX = "STEMMA_"
# Set for tools of this project, not configuration of the node.
_OTHER_VARIABLES = frozenset({"STEMMA_VECTORS"})


class ConfigurationError(StemmaError):
    """A setting is unknown, has the wrong type, or contradicts another."""


def _setting(default: Any, about: str) -> Any:  # noqa: ANN401 - a field of any type
    metadata = {"about": about}
    if isinstance(default, tuple):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class NodeSection:
    """Which roles run, and where their data lies."""

    roles: tuple[str, ...] = _setting(
        ("verifier",),
        "any of sequencer, batcher, proposer, challenger, verifier; or execution, da, light alone",
    )
    datadir: str = _setting("", "directory of chain data; empty: under XDG_DATA_HOME")
    sender_processes: int = _setting(
        -1, "processes that recover senders of batches and blocks; -1: by the cores to spare"
    )


@dataclass(frozen=True, slots=True)
class StateSection:
    """Which states stay readable. A store is one or the other from its first block on."""

    mode: str = _setting("", "archive or pruned; empty: as the store is, a new one an archive")
    retained_blocks: int = _setting(1024, "pruned: blocks below the head that keep their state")
    open_tables: int = _setting(100, "tables of 2 MB that LevelDB keeps mapped, at least 64")


@dataclass(frozen=True, slots=True)
class SyncSection:
    """How a node without a chain comes to one."""

    mode: str = _setting("derive", "derive all from L1, or begin with a snapshot from peers")
    root: str = _setting(
        "anchor", "snapshot: output root to begin with: anchor or proposed on L1, or NUMBER:0xROOT"
    )
    patience_s: float = _setting(
        120.0,
        "snapshot: seconds after which another root is looked for, once a peer has said it is gone",
    )


@dataclass(frozen=True, slots=True)
class RollupSection:
    """What the L2 is."""

    rollup_config: str = _setting("", "rollup.json in op-node's form")
    genesis: str = _setting("", "genesis.json of the L2 in geth's form")
    block_time_s: int = _setting(1, "seconds between L2 blocks (dev only; else from rollup.json)")
    inbox: str = _setting(
        "address", "batches go to an address or a contract (dev only; else from rollup.json)"
    )
    sequencer_confirmations: int = _setting(0, "L1 blocks the sequencer's origin stays behind")
    verifier_confirmations: int = _setting(0, "L1 blocks derivation stays behind")


@dataclass(frozen=True, slots=True)
class L1Section:
    """The L1 this rollup stands on."""

    url: str = _setting("", "JSON-RPC of the L1; empty in dev: an embedded L1")
    beacon_url: str = _setting("", "beacon API for blobs; empty: the same server as url")
    trust_rpc: bool = _setting(False, "do not check that L1 blocks are complete")
    block_time_s: float = _setting(2.0, "seconds between blocks of the embedded L1")
    port: int = _setting(8545, "JSON-RPC port of the embedded L1; 0: any free port")
    poll_s: float = _setting(0.5, "seconds between two looks at the L1 head")
    finality_blocks: int = _setting(
        64, "depth at which an L1 block counts as final when the L1 has no finalized tag"
    )


@dataclass(frozen=True, slots=True)
class SequencerSection:
    """Block production."""

    stopped: bool = _setting(False, "wait for admin_startSequencer before the first block")


@dataclass(frozen=True, slots=True)
class BatcherSection:
    """How L2 blocks reach the L1."""

    key_file: str = _setting("", "file that holds the batcher's private key, mode 0600")
    data_type: str = _setting(
        "calldata", "calldata, blobs, auto (the cheaper for each channel), or da"
    )
    batch_type: str = _setting("span", "span or singular")
    compression: str = _setting(
        "brotli-6", "zlib, brotli-6, or brotli: up to 3 % less for forty times the time"
    )
    max_channel_l1_blocks: int = _setting(1, "L1 blocks that a channel stays open at most")
    target_channel_bytes: int = _setting(100_000, "compressed bytes at which a channel is closed")
    poll_s: float = _setting(1.0, "seconds between two looks for new blocks")


@dataclass(frozen=True, slots=True)
class ProposerSection:
    """How L2 output roots are claimed on L1."""

    key_file: str = _setting("", "file that holds the proposer's private key, mode 0600")
    interval_s: int = _setting(3600, "seconds of L1 time between two proposals")
    allow_non_finalized: bool = _setting(False, "propose the safe head, not the finalized one")
    poll_s: float = _setting(12.0, "seconds between two looks at L1")


@dataclass(frozen=True, slots=True)
class ChallengerSection:
    """How dispute games on L1 are watched and played."""

    key_file: str = _setting("", "file that holds the challenger's private key, mode 0600")
    poll_s: float = _setting(12.0, "seconds between two looks at L1")


@dataclass(frozen=True, slots=True)
class DaSection:
    """Data availability: role da keeps cells, role light samples, the others disperse and fetch."""

    host: str = _setting("127.0.0.1", "roles da and light: address to listen on")
    port: int = _setting(9650, "roles da and light: their port; 0: any free port")
    peers: tuple[str, ...] = _setting((), "URLs of the committee's DA nodes")
    url: str = _setting("", "batcher.data_type da: the DA node that disperses")
    identity_file: str = _setting("", "role da: file with the Ed25519 seed, mode 0600")
    signer_file: str = _setting("", "role da: file with the key that signs for L1, mode 0600")
    retention_s: int = _setting(1_814_400, "role da: seconds that cells are kept")
    capacity_mb: int = _setting(10_000, "role da: megabytes of cells at most")
    repair_s: float = _setting(60.0, "role da: seconds between two looks for lost cells")
    processes: int = _setting(0, "processes for KZG work; 0: one a core")
    samples: int = _setting(8, "role light: cells to sample where all have to be there")
    tolerated: int = _setting(0, "role light: failures to tolerate, for which more is sampled")
    attempts: int = _setting(3, "role light: how often a cell is asked for in a round")
    timeout_s: float = _setting(5.0, "seconds that a peer has for an answer")
    poll_s: float = _setting(1.0, "role light: seconds between two looks at L1")


@dataclass(frozen=True, slots=True)
class P2PSection:
    """The network of nodes: unsafe blocks and transactions ahead of L1."""

    listen: str = _setting("", "HOST:PORT to listen on, port 0: any free one; empty: no network")
    bootnodes: tuple[str, ...] = _setting((), "nodes to begin with: [NODEID@]HOST:PORT")
    max_outbound: int = _setting(10, "sessions that this node opens at most")
    max_inbound: int = _setting(40, "sessions that others open at most")
    max_inbound_per_group: int = _setting(
        4, "of these from one address group: IPv4 /16, IPv6 /32, loopback one address"
    )
    max_outbound_per_group: int = _setting(1, "sessions opened into one address group at most")
    signer_key_file: str = _setting(
        "", "role sequencer: file with the key that signs gossiped blocks, mode 0600"
    )


@dataclass(frozen=True, slots=True)
class EngineSection:
    """The Engine API: who drives our execution, or whose execution we drive."""

    host: str = _setting("127.0.0.1", "role execution: address to listen on")
    port: int = _setting(8551, "role execution: port of engine_ methods; 0: any free port")
    jwt_secret: str = _setting("", "file with the shared secret; empty: jwt.hex in the datadir")
    url: str = _setting("", "drive this execution client instead of our own")


@dataclass(frozen=True, slots=True)
class RpcSection:
    """Whom the JSON-RPC server answers."""

    host: str = _setting("127.0.0.1", "address to listen on")
    port: int = _setting(9545, "port for HTTP and WebSocket; 0: any free port")
    api: tuple[str, ...] = _setting(
        ("eth", "net", "web3", "debug", "txpool", "optimism", "stemma"), "namespaces served"
    )
    cors: tuple[str, ...] = _setting((), "origins allowed, or *")
    vhosts: tuple[str, ...] = _setting(("localhost",), "Host names allowed besides IP addresses")


@dataclass(frozen=True, slots=True)
class LimitsSection:
    """Bounds of one request; each is named in the error that reports it."""

    body_mb: int = _setting(5, "request body")
    batch: int = _setting(1000, "requests in a batch")
    response_mb: int = _setting(25, "response body")
    log_blocks: int = _setting(10_000, "blocks in one eth_getLogs")
    log_results: int = _setting(20_000, "logs in one answer")
    call_gas: int = _setting(50_000_000, "gas of eth_call, eth_estimateGas, a traced block")


@dataclass(frozen=True, slots=True)
class LogSection:
    """What is logged and how; always to standard error."""

    format: str = _setting("console", "console, logfmt or json")
    level: str = _setting("info", "info, or per room: rpc=debug,info")


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """The whole configuration."""

    node: NodeSection = field(default_factory=NodeSection)
    state: StateSection = field(default_factory=StateSection)
    sync: SyncSection = field(default_factory=SyncSection)
    rollup: RollupSection = field(default_factory=RollupSection)
    l1: L1Section = field(default_factory=L1Section)
    sequencer: SequencerSection = field(default_factory=SequencerSection)
    batcher: BatcherSection = field(default_factory=BatcherSection)
    proposer: ProposerSection = field(default_factory=ProposerSection)
    challenger: ChallengerSection = field(default_factory=ChallengerSection)
    da: DaSection = field(default_factory=DaSection)
    p2p: P2PSection = field(default_factory=P2PSection)
    engine: EngineSection = field(default_factory=EngineSection)
    rpc: RpcSection = field(default_factory=RpcSection)
    limits: LimitsSection = field(default_factory=LimitsSection)
    log: LogSection = field(default_factory=LogSection)

    def __post_init__(self) -> None:
        self._check_roles()
        _check_choices("rpc.api", self.rpc.api, API_NAMESPACES)
        if "admin" in self.rpc.api and self.rpc.host not in LOOPBACK_HOSTS:
            raise ConfigurationError(
                f"rpc.api: admin is served on {' or '.join(LOOPBACK_HOSTS)} only, "
                f"rpc.host is {self.rpc.host}"
            )
        _check_choices("batcher.data_type", (self.batcher.data_type,), DATA_TYPES)
        _check_choices("batcher.batch_type", (self.batcher.batch_type,), BATCH_TYPES)
        _check_choices("batcher.compression", (self.batcher.compression,), COMPRESSIONS)
        _check_choices("rollup.inbox", (self.rollup.inbox,), INBOXES)
        _check_choices("state.mode", (self.state.mode,), (*STATE_MODES, ""))
        _check_choices("sync.mode", (self.sync.mode,), SYNC_MODES)
        if self.sync.mode == "snapshot" and not (self.p2p.listen and self.p2p.bootnodes):
            raise ConfigurationError(
                "sync.mode snapshot: the state comes from peers, set p2p.listen and p2p.bootnodes"
            )
        if self.state.retained_blocks < 1:
            raise ConfigurationError(
                f"state.retained_blocks: expected at least 1, got {self.state.retained_blocks}"
            )
        if self.state.open_tables < 64:
            raise ConfigurationError(
                f"state.open_tables: expected at least 64, got {self.state.open_tables}"
            )
        self._check_p2p()
        _check_choices("log.format", (self.log.format,), node_logging.FORMATS)
        try:
            node_logging.check_level(self.log.level)
        except ValueError as error:
            raise ConfigurationError(f"log.level: {error}") from error
        for name, port in (
            ("rpc.port", self.rpc.port),
            ("l1.port", self.l1.port),
            ("engine.port", self.engine.port),
            ("da.port", self.da.port),
        ):
            if not 0 <= port < 65536:
                raise ConfigurationError(f"{name}: expected 0 to 65535, got {port}")
        for name, seconds in (
            ("sync.patience_s", self.sync.patience_s),
            ("rollup.block_time_s", self.rollup.block_time_s),
            ("l1.block_time_s", self.l1.block_time_s),
            ("l1.poll_s", self.l1.poll_s),
            ("batcher.poll_s", self.batcher.poll_s),
            ("proposer.interval_s", self.proposer.interval_s),
            ("proposer.poll_s", self.proposer.poll_s),
            ("challenger.poll_s", self.challenger.poll_s),
            ("da.retention_s", self.da.retention_s),
            ("da.capacity_mb", self.da.capacity_mb),
            ("da.repair_s", self.da.repair_s),
            ("da.timeout_s", self.da.timeout_s),
            ("da.poll_s", self.da.poll_s),
        ):
            if seconds <= 0:
                raise ConfigurationError(f"{name}: expected more than 0, got {seconds}")

    def _check_p2p(self) -> None:
        for name, texts in (
            ("p2p.listen", (self.p2p.listen,) if self.p2p.listen else ()),
            ("p2p.bootnodes", self.p2p.bootnodes),
        ):
            for text in texts:
                try:
                    parse_endpoint(text)
                except DecodeError as error:
                    raise ConfigurationError(f"{name}: {error}") from error
        if self.p2p.bootnodes and not self.p2p.listen:
            raise ConfigurationError("p2p.bootnodes: set p2p.listen as well, 127.0.0.1:0 will do")
        for name, count in (
            ("max_outbound", self.p2p.max_outbound),
            ("max_inbound", self.p2p.max_inbound),
            ("max_inbound_per_group", self.p2p.max_inbound_per_group),
            ("max_outbound_per_group", self.p2p.max_outbound_per_group),
        ):
            if count < 0:
                raise ConfigurationError(f"p2p.{name}: expected at least 0, got {count}")

    def _check_roles(self) -> None:
        roles = self.node.roles
        _check_choices("node.roles", roles, ROLES)
        if "batcher" in roles and "sequencer" not in roles:
            raise ConfigurationError(
                "node.roles: batcher without sequencer: there would be no blocks to post"
            )
        if "execution" in roles and len(roles) > 1:
            raise ConfigurationError(
                "node.roles: execution stands alone: another process decides what is executed"
            )
        for alone in ("da", "light"):
            if alone in roles and len(roles) > 1:
                raise ConfigurationError(f"node.roles: {alone} stands alone: it has no chain")
        without = {"proposer", "challenger", "execution"} & set(roles)
        if self.engine.url and without:
            raise ConfigurationError(
                f"engine.url: role {', '.join(sorted(without))} needs an execution of its own"
            )

    @property
    def datadir(self) -> Path:
        """The data directory, with the default filled in."""
        if self.node.datadir:
            return Path(self.node.datadir).expanduser().resolve()
        base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
        return (Path(base) / "stemma").expanduser().resolve()


def _check_choices(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    for item in given:
        if item not in known:
            raise ConfigurationError(f"{name}: {_unknown(item, known)}")


def _unknown(given: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(given, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
    return f"unknown {given!r}{hint}"


def sections() -> dict[str, type]:
    """Section name → its dataclass."""
    return get_type_hints(NodeConfig)


def settings_of(section: type) -> dict[str, Any]:
    """Key → type of one section."""
    return get_type_hints(section)


def _converted(name: str, value: object, wanted: Any) -> object:  # noqa: ANN401 - a type
    """Check or convert a value; text from the environment is parsed, TOML values are only
    checked.
    """
    if get_origin(wanted) is tuple:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)) or not all(isinstance(i, str) for i in items):
            raise ConfigurationError(f"{name}: expected a list of strings, got {value!r}")
        return tuple(item.strip() for item in items if item.strip())
    if get_origin(wanted) in (Union, UnionType):
        wanted = next(kind for kind in get_args(wanted) if kind is not type(None))
    if isinstance(value, bool) and wanted is not bool:
        raise ConfigurationError(f"{name}: expected {wanted.__name__}, got {value!r}")
    if isinstance(value, wanted):
        return value
    if wanted is float and isinstance(value, int):
        return float(value)
    if wanted is bool and value in ("true", "false"):
        return value == "true"
    if isinstance(value, str) and wanted in (int, float):
        try:
            return wanted(value)
        except ValueError:
            pass
    raise ConfigurationError(f"{name}: expected {wanted.__name__}, got {value!r}")


def _merge(target: dict[str, dict[str, object]], dotted: str, value: object, source: str) -> None:
    section_name, _, key = dotted.partition(".")
    known = sections()
    if section_name not in known:
        raise ConfigurationError(f"{source}: section {_unknown(section_name, tuple(known))}")
    kinds = settings_of(known[section_name])
    if key not in kinds:
        raise ConfigurationError(
            f"{source}: [{section_name}] setting {_unknown(key, tuple(kinds))}"
        )
    converted = _converted(f"{source}: {dotted}", value, kinds[key])
    target.setdefault(section_name, {})[key] = converted


def _file_settings(path: Path) -> dict[str, object]:
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from error
    found: dict[str, object] = {}
    for name, section in table.items():
        if not isinstance(section, dict):
            raise ConfigurationError(f"{path}: {name!r} stands outside of a [section]")
        found.update({f"{name}.{key}": value for key, value in section.items()})
    return found


def _environment_settings(environment: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX) and "__" in name and name not in _OTHER_VARIABLES:
            section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
            found[f"{section}.{key}"] = value
    return found


def load(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> NodeConfig:
    """Read the configuration; `flags` are dotted keys, None values are not set.

    Raises ConfigurationError that names the source and the setting.
    """
    values: dict[str, dict[str, object]] = {}
    if file is not None:
        for dotted, value in _file_settings(file).items():
            _merge(values, dotted, value, str(file))
    for dotted, value in _environment_settings(environment or {}).items():
        _merge(values, dotted, value, "environment")
    for dotted, value in (flags or {}).items():
        if value is not None:
            _merge(values, dotted, value, "flags")
    known = sections()
    return NodeConfig(**{name: known[name](**section) for name, section in values.items()})


def with_settings(config: NodeConfig, settings: Mapping[str, object]) -> NodeConfig:
    """A copy with other values for some dotted keys."""
    values: dict[str, dict[str, object]] = {}
    for dotted, value in settings.items():
        _merge(values, dotted, value, "flags")
    changed = {
        name: dataclasses.replace(getattr(config, name), **section)
        for name, section in values.items()
    }
    return dataclasses.replace(config, **changed)


def _toml(value: object) -> str:
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def dump(config: NodeConfig) -> str:
    """The configuration as commented TOML; `load` reads it back to an equal value."""
    lines: list[str] = []
    for section in dataclasses.fields(config):
        lines.append(f"[{section.name}]")
        value = getattr(config, section.name)
        for entry in dataclasses.fields(value):
            shown = f"{entry.name} = {_toml(getattr(value, entry.name))}"
            lines.append(f"{shown:<44}# {entry.metadata['about']}")
        lines.append("")
    return "\n".join(lines)
