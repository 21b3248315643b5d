"""What a chain and a rollup are configured to be: frozen values and their JSON forms.

ChainConfig is the part the execution layer reads (geth's genesis.json `config`), RollupConfig the
part derivation reads (op-node's rollup.json), SystemConfig the part L1 can change while the chain
runs. No state, no files: allocation.py makes the first block, presets/ hold the defaults.

Source: specs protocol/configurability.md, protocol/system-config.md, holocene and isthmus
exec-engine.md; op-node/rollup/types.go and op-service/eth/types.go for the JSON keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from chain.crypto.keccak import keccak256
from chain.heads import BlockId
from chain.types import ZERO_ADDRESS, Address

from .alt_da import AltDaConfig
from .da_committee import DaCommittee
from .fields import ConfigError, Fields
from .fork_schedule import (
    BLOCK_FORKS,
    DAO_FORK,
    ETHEREUM_FORKS,
    OPTIMISM_FORKS,
    BlobSchedule,
    ForkTimes,
    ScheduledBlobs,
    read_blob_schedules,
    read_fork_blocks,
    read_terminal_difficulty,
)

__all__ = [
    "BlobSchedule",
    "ChainConfig",
    "ConfigError",
    "ForkTimes",
    "RollupConfig",
    "RollupGenesis",
    "ScheduledBlobs",
    "SystemConfig",
    "default_batch_inbox",
    "unpack_fee_scalar",
]

Rules = Literal["ethereum", "optimism"]

GAS_LIMIT_MIN: Final = 5_000
# Fixed by the protocol once the fork is active, whatever rollup.json says (specs: fjord and
# granite derivation.md).
FJORD_MAX_SEQUENCER_DRIFT_S: Final = 1_800
GRANITE_CHANNEL_TIMEOUT: Final = 50


@dataclass(frozen=True, slots=True)
class ChainConfig:
    """The rules of one execution layer.

    `eip1559_denominator` is the one in force from Canyon on (250 on OP Mainnet), which Holocene
    keeps as the meaning of "parameters 0" in payload attributes; `bedrock_eip1559_denominator` that
    of before (50 there), None for the same. `gas_limit` is the block gas limit
    where payload attributes name none. `blob_schedules` are those that the chain itself names, in
    the order in which they come into force (EIP-7840, 7892); without any a fork brings its own
    along. `fork_blocks` are the forks by number that came after block 0, or never (None), and the
    DAO fork where there is one; they are part of the fork id too (EIP-2124).
    `terminal_total_difficulty` is where proof of work ends (EIP-3675): 0 with the first block, None
    never. `deposit_contract` of the beacon chain is None where it is the mainnet's. Raises
    ConfigError.
    """

    chain_id: int
    rules: Rules
    eip1559_elasticity: int
    eip1559_denominator: int
    gas_limit: int
    forks: ForkTimes
    blob_schedules: tuple[ScheduledBlobs, ...] = ()
    fork_blocks: tuple[tuple[str, int | None], ...] = ()
    terminal_total_difficulty: int | None = 0
    deposit_contract: Address | None = None
    bedrock_eip1559_denominator: int | None = None

    def __post_init__(self) -> None:
        # EIP-2294: v = 2 * chain_id + 36 has to fit the integers of wallets.
        _check_range("chain_id", self.chain_id, 1, (1 << 63) - 19)
        _check_range("eip1559_elasticity", self.eip1559_elasticity, 1, (1 << 32) - 1)
        _check_range("eip1559_denominator", self.eip1559_denominator, 1, (1 << 32) - 1)
        _check_range("gas_limit", self.gas_limit, GAS_LIMIT_MIN, (1 << 63) - 1)
        if self.rules not in ("ethereum", "optimism"):
            raise ConfigError(f"rules: expected ethereum or optimism, got {self.rules!r}")

    @property
    def is_optimism(self) -> bool:
        """Whether OP Stack rules (deposits, L1 fee, vaults) apply."""
        return self.rules == "optimism"

    def fork_block(self, fork: str) -> int | None:
        """The first block of a fork by number ("londonBlock", ...), None where there is none."""
        for name, number in self.fork_blocks:
            if name == fork:
                return number
        return None if fork == DAO_FORK else 0

    def is_fork_block_reached(self, fork: str, number: int) -> bool:
        """Whether block `number` is under a fork by number."""
        first = self.fork_block(fork)
        return first is not None and first <= number

    def denominator_at(self, timestamp: int) -> int:
        """The configured EIP-1559 denominator of a block of that timestamp, in seconds."""
        early = self.bedrock_eip1559_denominator
        if early is None or self.forks.is_active("canyon", timestamp):
            return self.eip1559_denominator
        return early

    def eip1559_params(self, denominator: int, elasticity: int) -> tuple[int, int]:
        """The parameters that payload attributes mean: (0, 0) stands for the chain's own.

        Source: specs protocol/holocene/exec-engine.md, "eip1559Params encoding".
        """
        if denominator == 0:
            return self.eip1559_denominator, self.eip1559_elasticity
        return denominator, elasticity

    @staticmethod
    def ethereum(chain_id: int, gas_limit: int = 30_000_000) -> ChainConfig:
        """Plain Ethereum on Prague rules (EIP-1559 constants 2 and 8)."""
        return ChainConfig(
            chain_id=chain_id,
            rules="ethereum",
            eip1559_elasticity=2,
            eip1559_denominator=8,
            gas_limit=gas_limit,
            forks=ForkTimes.ethereum_from_genesis(),
        )

    @staticmethod
    def optimism(
        chain_id: int,
        gas_limit: int = 30_000_000,
        *,
        eip1559_elasticity: int = 6,
        eip1559_denominator: int = 250,
    ) -> ChainConfig:
        """An OP Stack L2 on Isthmus rules from its first block."""
        return ChainConfig(
            chain_id=chain_id,
            rules="optimism",
            eip1559_elasticity=eip1559_elasticity,
            eip1559_denominator=eip1559_denominator,
            gas_limit=gas_limit,
            forks=ForkTimes.optimism_from_genesis(),
        )

    @staticmethod
    def from_json(value: object, *, gas_limit: int = 30_000_000) -> ChainConfig:
        """Read the `config` object of a geth genesis.json. Raises ConfigError."""
        fields = Fields(value, "genesis.json config")
        forks = ForkTimes.from_fields(fields, "Time")
        if "optimism" not in fields:
            return ChainConfig(
                chain_id=fields.integer("chainId"),
                rules="ethereum",
                eip1559_elasticity=2,
                eip1559_denominator=8,
                gas_limit=gas_limit,
                forks=forks,
                blob_schedules=read_blob_schedules(fields),
                fork_blocks=read_fork_blocks(fields),
                terminal_total_difficulty=read_terminal_difficulty(fields),
                deposit_contract=fields.optional_address("depositContractAddress"),
            )
        optimism = fields.child("optimism")
        base_denominator = optimism.integer("eip1559Denominator", bits=32)
        return ChainConfig(
            chain_id=fields.integer("chainId"),
            rules="optimism",
            eip1559_elasticity=optimism.integer("eip1559Elasticity", bits=32),
            eip1559_denominator=optimism.integer(
                "eip1559DenominatorCanyon", bits=32, default=base_denominator
            ),
            gas_limit=gas_limit,
            forks=forks,
            bedrock_eip1559_denominator=_other_denominator(optimism),
        )

    def to_json(self) -> dict[str, Any]:
        """The `config` object of a geth genesis.json."""
        config: dict[str, Any] = {"chainId": self.chain_id}
        for fork in BLOCK_FORKS:
            number = self.fork_block(fork)
            if number is not None:
                config[fork] = number
        if DAO_FORK in config:
            config["daoForkSupport"] = True
        if self.deposit_contract is not None:
            config["depositContractAddress"] = f"0x{self.deposit_contract.hex()}"
        if self.terminal_total_difficulty is not None:
            config["terminalTotalDifficulty"] = self.terminal_total_difficulty
            config["terminalTotalDifficultyPassed"] = self.terminal_total_difficulty == 0
        names = [*ETHEREUM_FORKS]
        if self.is_optimism:
            config["bedrockBlock"] = 0
            names += OPTIMISM_FORKS
            config["optimism"] = {
                "eip1559Elasticity": self.eip1559_elasticity,
                "eip1559Denominator": (
                    self.bedrock_eip1559_denominator or self.eip1559_denominator
                ),
                "eip1559DenominatorCanyon": self.eip1559_denominator,
            }
        for name in names:
            time: int | None = getattr(self.forks, name)
            if time is not None:
                config[name + "Time"] = time
        for scheduled in self.blob_schedules:
            config[scheduled.fork + "Time"] = scheduled.time
            config.setdefault("blobSchedule", {})[scheduled.fork] = {
                "target": scheduled.schedule.target,
                "max": scheduled.schedule.max,
                "baseFeeUpdateFraction": scheduled.schedule.base_fee_update_fraction,
            }
        return config


def _other_denominator(optimism: Fields) -> int | None:
    """The EIP-1559 denominator before Canyon, where it is not that of Canyon."""
    early = optimism.optional_integer("eip1559Denominator", bits=32)
    later = optimism.optional_integer("eip1559DenominatorCanyon", bits=32)
    return None if later is None or early == later else early


@dataclass(frozen=True, slots=True)
class SystemConfig:
    """What the SystemConfig contract on L1 sets for the L2, as of one L1 block.

    Fee scalars are in millionths; `operator_fee_constant` is in wei; gas limit in gas.
    `eip1559_denominator == 0` means the chain's own parameters (Holocene). `overhead` (gas) and
    `bedrock_scalar` are what Bedrock charged by, without meaning since Ecotone. `min_base_fee` is
    in wei per gas, `da_footprint_gas_scalar` in gas per byte, 0 for the default (Jovian). Raises
    ConfigError.
    """

    batcher_address: Address
    gas_limit: int
    base_fee_scalar: int
    blob_base_fee_scalar: int
    operator_fee_scalar: int = 0
    operator_fee_constant: int = 0
    eip1559_denominator: int = 0
    eip1559_elasticity: int = 0
    overhead: int = 0
    bedrock_scalar: int = 0
    min_base_fee: int = 0
    da_footprint_gas_scalar: int = 0

    def __post_init__(self) -> None:
        for name in ("overhead", "bedrock_scalar"):
            _check_range(name, getattr(self, name), 0, (1 << 256) - 1)
        _check_range("min_base_fee", self.min_base_fee, 0, (1 << 64) - 1)
        _check_range("da_footprint_gas_scalar", self.da_footprint_gas_scalar, 0, (1 << 16) - 1)
        for name in (
            "base_fee_scalar",
            "blob_base_fee_scalar",
            "operator_fee_scalar",
            "eip1559_denominator",
            "eip1559_elasticity",
        ):
            _check_range(name, getattr(self, name), 0, (1 << 32) - 1)
        _check_range("gas_limit", self.gas_limit, 0, (1 << 64) - 1)
        _check_range("operator_fee_constant", self.operator_fee_constant, 0, (1 << 64) - 1)
        if self.eip1559_denominator != 0 and self.eip1559_elasticity == 0:
            raise ConfigError("eip1559_elasticity is 0 while eip1559_denominator is not")

    @property
    def scalar(self) -> bytes:
        """The scalar word: Bedrock's own, or Ecotone's of version 1, blob scalar, base scalar."""
        if self.bedrock_scalar and not self.blob_base_fee_scalar:
            return self.bedrock_scalar.to_bytes(32, "big")
        return b"\x01" + bytes(23) + _u32(self.blob_base_fee_scalar) + _u32(self.base_fee_scalar)

    @staticmethod
    def from_json(value: object, where: str = "system_config") -> SystemConfig:
        """Read `genesis.system_config` of rollup.json (or of a superchain TOML).

        `batcherAddress` is the registry's spelling of op-node's `batcherAddr`. Raises ConfigError.
        """
        fields = Fields(value, where)
        word = fields.word("scalar")
        base_fee_scalar, blob_base_fee_scalar = unpack_fee_scalar(word)
        params = fields.data("eip1559Params", size=8, default=bytes(8))
        operator = fields.data("operatorFeeParams", size=32, default=bytes(32))
        batcher_key = "batcherAddr" if "batcherAddr" in fields else "batcherAddress"
        return SystemConfig(
            batcher_address=fields.address(batcher_key),
            gas_limit=fields.integer("gasLimit"),
            base_fee_scalar=base_fee_scalar,
            blob_base_fee_scalar=blob_base_fee_scalar,
            operator_fee_scalar=int.from_bytes(operator[20:24], "big"),
            operator_fee_constant=int.from_bytes(operator[24:], "big"),
            eip1559_denominator=int.from_bytes(params[:4], "big"),
            eip1559_elasticity=int.from_bytes(params[4:], "big"),
            overhead=int.from_bytes(fields.word("overhead"), "big") if "overhead" in fields else 0,
            bedrock_scalar=0 if word[0] else int.from_bytes(word, "big"),
            min_base_fee=fields.integer("minBaseFee", default=0),
            da_footprint_gas_scalar=fields.integer("daFootprintGasScalar", default=0),
        )

    def to_json(self) -> dict[str, Any]:
        """The object as op-node writes it in rollup.json."""
        params = _u32(self.eip1559_denominator) + _u32(self.eip1559_elasticity)
        operator = _u32(self.operator_fee_scalar) + self.operator_fee_constant.to_bytes(8, "big")
        value: dict[str, Any] = {
            "batcherAddr": _hex(self.batcher_address),
            "overhead": _hex(self.overhead.to_bytes(32, "big")),
            "scalar": _hex(self.scalar),
            "gasLimit": self.gas_limit,
            "eip1559Params": _hex(params),
            "operatorFeeParams": _hex(bytes(20) + operator),
        }
        if self.min_base_fee:
            value["minBaseFee"] = self.min_base_fee
        if self.da_footprint_gas_scalar:
            value["daFootprintGasScalar"] = self.da_footprint_gas_scalar
        return value


def unpack_fee_scalar(word: bytes) -> tuple[int, int]:
    """(base fee scalar, blob base fee scalar) of a SystemConfig `scalar` word.

    Version 0 is the Bedrock scalar, which becomes the base fee scalar; version 1 is Ecotone's pair.
    Raises ConfigError for another version or for bytes that must be zero.
    """
    if len(word) != 32 or any(word[1:24]):
        raise ConfigError(f"fee scalar: padding is not zero: 0x{word.hex()}")
    if word[0] == 0 and not any(word[24:28]):
        return int.from_bytes(word[28:], "big"), 0
    if word[0] == 1:
        return int.from_bytes(word[28:], "big"), int.from_bytes(word[24:28], "big")
    raise ConfigError(f"fee scalar: unknown form 0x{word.hex()}")


@dataclass(frozen=True, slots=True)
class RollupGenesis:
    """Where the rollup begins: the L1 block it is anchored to and its own first block."""

    l1: BlockId
    l2: BlockId
    l2_time: int
    system_config: SystemConfig


@dataclass(frozen=True, slots=True)
class RollupConfig:
    """Everything derivation needs besides L1 itself; fields carry op-node's rollup.json names.

    `block_time` and `max_sequencer_drift` are in seconds, `seq_window_size` and `channel_timeout`
    in L1 blocks. `da_committee`, in rollup.json `stemma_da`, and `alt_da` are None where all data
    is on L1; a chain has one of them at most. With `has_inbox_contract`, in rollup.json
    `stemma_inbox`, batches go through a BatchInbox, so that L1 can prove what L2 blocks are made
    of. Raises ConfigError.
    """

    genesis: RollupGenesis
    block_time: int
    max_sequencer_drift: int
    seq_window_size: int
    channel_timeout: int
    l1_chain_id: int
    l2_chain_id: int
    batch_inbox_address: Address
    deposit_contract_address: Address
    l1_system_config_address: Address
    protocol_versions_address: Address = ZERO_ADDRESS
    forks: ForkTimes = field(default_factory=ForkTimes.optimism_from_genesis)
    eip1559_elasticity: int = 6
    eip1559_denominator: int = 250
    bedrock_eip1559_denominator: int | None = None
    da_committee: DaCommittee | None = None
    alt_da: AltDaConfig | None = None
    has_inbox_contract: bool = False

    def __post_init__(self) -> None:
        for name in ("block_time", "max_sequencer_drift", "seq_window_size", "channel_timeout"):
            _check_range(name, getattr(self, name), 1, (1 << 63) - 1)
        for name in ("l1_chain_id", "l2_chain_id"):
            _check_range(name, getattr(self, name), 1, (1 << 63) - 19)
        for name in ("eip1559_elasticity", "eip1559_denominator"):
            _check_range(name, getattr(self, name), 1, (1 << 32) - 1)
        if self.l1_chain_id == self.l2_chain_id:
            raise ConfigError(f"l1_chain_id and l2_chain_id are both {self.l1_chain_id}")
        for name in ("batch_inbox_address", "deposit_contract_address", "l1_system_config_address"):
            if getattr(self, name) == ZERO_ADDRESS:
                raise ConfigError(f"{name} is the zero address")
        if self.da_committee is not None and self.alt_da is not None:
            raise ConfigError("alt_da and stemma_da are both set: data lies in one place")
        if self.has_inbox_contract:
            self._require_provable_inputs()
        if self.genesis.l1.hash == self.genesis.l2.hash:
            raise ConfigError(f"genesis l1 and l2 have one hash 0x{self.genesis.l1.hash.hex()}")

    def _require_provable_inputs(self) -> None:
        """What contracts on L1 read: data that are on L1 itself, and the rules of one fork."""
        if self.da_committee is not None or self.alt_da is not None:
            raise ConfigError("stemma_inbox: its data are on L1; alt_da or stemma_da is set too")
        # Each of them: what L1 computes has what Ecotone, Fjord and Holocene changed, too.
        for name in OPTIMISM_FORKS[: OPTIMISM_FORKS.index("isthmus") + 1]:
            if not self.forks.is_active(name, self.genesis.l2_time):
                raise ConfigError(
                    f"stemma_inbox: {name}_time is not set or after the first block: Isthmus and "
                    "all before it have to be active"
                )
        later = [
            name
            for name in OPTIMISM_FORKS
            if (getattr(self.forks, name) or 0) > self.genesis.l2_time
        ]
        if later:
            raise ConfigError(
                f"stemma_inbox: {later[0]}_time is after the first block: what L1 proves is of one "
                "fork"
            )

    def timestamp_of(self, l2_number: int) -> int:
        """The timestamp every L2 block of that number has, in seconds."""
        return self.genesis.l2_time + (l2_number - self.genesis.l2.number) * self.block_time

    def number_by(self, timestamp: int) -> int:
        """The last L2 block of that time in seconds or an earlier one."""
        return self.genesis.l2.number + (timestamp - self.genesis.l2_time) // self.block_time

    def max_sequencer_drift_at(self, l1_origin_timestamp: int) -> int:
        """Seconds an L2 block may run ahead of its origin; a constant since Fjord."""
        if self.forks.is_active("fjord", l1_origin_timestamp):
            return FJORD_MAX_SEQUENCER_DRIFT_S
        return self.max_sequencer_drift

    def channel_timeout_at(self, l1_timestamp: int) -> int:
        """L1 blocks a channel may stay open; a constant since Granite."""
        if self.forks.is_active("granite", l1_timestamp):
            return GRANITE_CHANNEL_TIMEOUT
        return self.channel_timeout

    def require_supported(self) -> None:
        """Refuse a chain whose rules this node does not have.

        That is one with Interop, or one that activates Karst after its first block, by upgrade
        transactions that are not known here. Raises ConfigError naming the fork.
        """
        if self.forks.interop is not None:
            raise ConfigError("interop_time is set: the interop rules are not implemented")
        karst = self.forks.karst
        if karst is not None and karst > self.genesis.l2_time:
            raise ConfigError(
                f"karst_time {karst} is after genesis time {self.genesis.l2_time}: the upgrade "
                "transactions of karst are not known to this program"
            )

    @staticmethod
    def from_json(value: object) -> RollupConfig:
        """Read op-node's rollup.json. Raises ConfigError."""
        fields = Fields(value, "rollup.json")
        genesis = fields.child("genesis")
        chain_op = fields.child("chain_op_config") if "chain_op_config" in fields else None
        return RollupConfig(
            genesis=RollupGenesis(
                l1=_block_id(genesis.child("l1")),
                l2=_block_id(genesis.child("l2")),
                l2_time=genesis.integer("l2_time"),
                system_config=SystemConfig.from_json(
                    genesis.raw("system_config"), f"{genesis.where}.system_config"
                ),
            ),
            block_time=fields.integer("block_time"),
            max_sequencer_drift=fields.integer("max_sequencer_drift"),
            seq_window_size=fields.integer("seq_window_size"),
            channel_timeout=fields.integer("channel_timeout"),
            l1_chain_id=fields.integer("l1_chain_id"),
            l2_chain_id=fields.integer("l2_chain_id"),
            batch_inbox_address=fields.address("batch_inbox_address"),
            deposit_contract_address=fields.address("deposit_contract_address"),
            l1_system_config_address=fields.address("l1_system_config_address"),
            protocol_versions_address=fields.address(
                "protocol_versions_address", default=ZERO_ADDRESS
            ),
            forks=ForkTimes.from_fields(fields, "_time"),
            eip1559_elasticity=(
                6 if chain_op is None else chain_op.integer("eip1559Elasticity", bits=32)
            ),
            eip1559_denominator=(
                250 if chain_op is None else chain_op.integer("eip1559DenominatorCanyon", bits=32)
            ),
            bedrock_eip1559_denominator=(
                None if chain_op is None else _other_denominator(chain_op)
            ),
            da_committee=(
                DaCommittee.from_fields(fields.child("stemma_da"))
                if "stemma_da" in fields
                else None
            ),
            alt_da=AltDaConfig.from_fields(fields.child("alt_da")) if "alt_da" in fields else None,
            has_inbox_contract="stemma_inbox" in fields and fields.boolean("stemma_inbox"),
        )

    def to_json(self) -> dict[str, Any]:
        """The object as op-node writes it."""
        value: dict[str, Any] = {
            "genesis": {
                "l1": _block_id_json(self.genesis.l1),
                "l2": _block_id_json(self.genesis.l2),
                "l2_time": self.genesis.l2_time,
                "system_config": self.genesis.system_config.to_json(),
            },
            "block_time": self.block_time,
            "max_sequencer_drift": self.max_sequencer_drift,
            "seq_window_size": self.seq_window_size,
            "channel_timeout": self.channel_timeout,
            "l1_chain_id": self.l1_chain_id,
            "l2_chain_id": self.l2_chain_id,
        }
        for name in OPTIMISM_FORKS:
            time: int | None = getattr(self.forks, name)
            if time is not None:
                value[name + "_time"] = time
        value["batch_inbox_address"] = _hex(self.batch_inbox_address)
        value["deposit_contract_address"] = _hex(self.deposit_contract_address)
        value["l1_system_config_address"] = _hex(self.l1_system_config_address)
        value["protocol_versions_address"] = _hex(self.protocol_versions_address)
        value["chain_op_config"] = {
            "eip1559Elasticity": self.eip1559_elasticity,
            "eip1559Denominator": self.bedrock_eip1559_denominator or self.eip1559_denominator,
            "eip1559DenominatorCanyon": self.eip1559_denominator,
        }
        if self.da_committee is not None:
            value["stemma_da"] = self.da_committee.to_json()
        if self.alt_da is not None:
            value["alt_da"] = self.alt_da.to_json()
        if self.has_inbox_contract:
            value["stemma_inbox"] = True
        return value


def default_batch_inbox(l2_chain_id: int) -> Address:
    """The batch inbox of a chain: 0x00 and 19 bytes of keccak(chain id as a 32-byte word).

    Source: specs protocol/configurability.md, "Batch Inbox Address".
    """
    return Address(b"\x00" + keccak256(l2_chain_id.to_bytes(32, "big"))[:19])


def _block_id(fields: Fields) -> BlockId:
    return BlockId(fields.integer("number"), fields.hash32("hash"))


def _block_id_json(block: BlockId) -> dict[str, Any]:
    return {"hash": _hex(block.hash), "number": block.number}


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{name}: {value} is outside {low}..{high}")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
