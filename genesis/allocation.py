"""From a genesis specification to the first state and the first block of a chain.

Reads and writes geth's genesis.json; builds the specifications of the L2 and of the embedded L1.
Knows what is placed where, nothing of how it runs.

Source: go-ethereum core/genesis.go (`ToBlock`) for the header, specs protocol/predeploys.md and
isthmus/exec-engine.md for the L2, EIP-2935 and EIP-4788 for the system contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from chain.block import EMPTY_REQUESTS_HASH, Block, Header
from chain.errors import DecodeError
from chain.heads import BlockId
from chain.receipt import EMPTY_BLOOM
from chain.state import MemoryStateStore, State, StateChanges
from chain.trie import EMPTY_ROOT
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, to_address

from . import addresses
from .config import ChainConfig, RollupConfig, RollupGenesis, default_batch_inbox
from .dev_accounts import DEV_BALANCE_WEI, dev_accounts
from .fields import ConfigError, Fields, parse_integer
from .predeploys import blueprint_code, runtime_code, storage_slot
from .presets import dev_l1_preset

if TYPE_CHECKING:
    from .presets import L2Preset

CREATE2_DEPLOYER: Final = to_address("0x4e59b44847b379578588920ca78fbf26c0b4956c")
"""Arachnid's deterministic deployment proxy: the address clients expect it at."""

MULTICALL3: Final = to_address("0xca11bde05977b3631167028862be2a173976ca11")
"""Where clients look for Multicall3."""

_CREATE2_DEPLOYER_CODE: Final = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234"
    "f58015156039578182fd5b8082525050506014600cf3"
)
_HISTORY_STORAGE_CODE: Final = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff"
    "81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
)
_BEACON_ROOTS_CODE: Final = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f35801560495762001f"
    "ff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f359062001fff"
    "015500"
)
_WITHDRAWAL_REQUESTS_CODE: Final = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe1460cb5760115f54807fffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffff146101f457600182026001905f5b5f82111560685781019083028483"
    "029004916001019190604d565b909390049250505036603814608857366101f457346101f4575f5260205ff35b34"
    "106101f457600154600101600155600354806003026004013381556001015f35815560010160203590553360601b"
    "5f5260385f601437604c5fa0600101600355005b6003546002548082038060101160df575060105b5f5b81811461"
    "01835782810160030260040181604c02815460601b8152601401816001015481526020019060020154807fffffff"
    "ffffffffffffffffffffffffff00000000000000000000000000000000168252906010019060401c908160381c81"
    "600701538160301c81600601538160281c81600501538160201c81600401538160181c81600301538160101c8160"
    "0201538160081c81600101535360010160e1565b910180921461019557906002556101a0565b90505f6002555f60"
    "03555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff14156101cd5750"
    "5f5b6001546002828201116101e25750505f6101e8565b01600290035b5f555f600155604c025ff35b5f5ffd"
)
_CONSOLIDATION_REQUESTS_CODE: Final = bytes.fromhex(
    "3373fffffffffffffffffffffffffffffffffffffffe1460d35760115f54807fffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffff1461019a57600182026001905f5b5f82111560685781019083028483"
    "029004916001019190604d565b9093900492505050366060146088573661019a573461019a575f5260205ff35b34"
    "1061019a57600154600101600155600354806004026004013381556001015f358155600101602035815560010160"
    "403590553360601b5f5260605f60143760745fa0600101600355005b6003546002548082038060021160e7575060"
    "025b5f5b8181146101295782810160040260040181607402815460601b8152601401816001015481526020018160"
    "02015481526020019060030154905260010160e9565b910180921461013b5790600255610146565b90505f600255"
    "5f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff1415610173"
    "57505f5b6001546001828201116101885750505f61018e565b01600190035b5f555f6001556074025ff35b5f5ffd"
)
_FEE_VAULTS: Final = (
    addresses.SEQUENCER_FEE_VAULT,
    addresses.BASE_FEE_VAULT,
    addresses.L1_FEE_VAULT,
    addresses.OPERATOR_FEE_VAULT,
)
# Storage of FeeVault.vy; the least withdrawal, in slot 1, stays 0.
_VAULT_RECIPIENT_SLOT: Final = 2
# A chain id drawn from a hash has 40 bits above this, far from every registered chain and well
# inside the 53 bits of JavaScript numbers.
_DRAWN_CHAIN_ID_BASE: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class GenesisAccount:
    """What one address holds at the beginning; the balance is in wei."""

    balance: int = 0
    nonce: int = 0
    code: bytes = b""
    storage: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class GenesisSpec:
    """Everything that decides a chain's first block: geth's genesis.json.

    `state_root` is set where the state was carried over from an older chain, as OP Mainnet's was:
    then `alloc` is empty, the block is of before London, and nothing can be executed on it.
    """

    config: ChainConfig
    alloc: Mapping[Address, GenesisAccount]
    timestamp: int
    gas_limit: int
    base_fee_per_gas: int
    extra_data: bytes = b""
    coinbase: Address = ZERO_ADDRESS
    prev_randao: Hash32 = ZERO_HASH
    nonce: int = 0
    difficulty: int = 0
    number: int = 0
    gas_used: int = 0
    parent_hash: Hash32 = ZERO_HASH
    excess_blob_gas: int = 0
    blob_gas_used: int = 0
    state_root: Hash32 | None = None

    @staticmethod
    def from_json(value: object, config: ChainConfig | None = None) -> GenesisSpec:
        """Read a genesis.json; `config` replaces the file's own where that is null.

        Raises ConfigError naming the field.
        """
        fields = Fields(value, "genesis.json")
        gas_limit = fields.integer("gasLimit")
        if config is None:
            config = ChainConfig.from_json(fields.raw("config"), gas_limit=gas_limit)
        alloc = fields.child("alloc")
        state_root = fields.hash32("stateHash") if "stateHash" in fields else None
        if state_root is not None and alloc.names():
            raise ConfigError(f"{fields.where}: both alloc and stateHash are given")
        return GenesisSpec(
            config=config,
            alloc={
                _key_address(alloc, key): _read_account(alloc.child(key)) for key in alloc.names()
            },
            timestamp=fields.integer("timestamp"),
            gas_limit=gas_limit,
            base_fee_per_gas=fields.integer("baseFeePerGas", bits=256, default=1_000_000_000),
            extra_data=fields.data("extraData", default=b""),
            coinbase=fields.address("coinbase", default=ZERO_ADDRESS),
            prev_randao=fields.hash32("mixHash", default=ZERO_HASH),
            nonce=fields.integer("nonce", default=0),
            difficulty=fields.integer("difficulty", bits=256, default=0),
            number=fields.integer("number", default=0),
            gas_used=fields.integer("gasUsed", default=0),
            parent_hash=fields.hash32("parentHash", default=ZERO_HASH),
            excess_blob_gas=fields.integer("excessBlobGas", default=0),
            blob_gas_used=fields.integer("blobGasUsed", default=0),
            state_root=state_root,
        )

    def to_json(self) -> dict[str, Any]:
        """The genesis.json that geth and op-geth read."""
        value: dict[str, Any] = {
            "config": self.config.to_json(),
            "nonce": hex(self.nonce),
            "timestamp": hex(self.timestamp),
            "extraData": _hex(self.extra_data),
            "gasLimit": hex(self.gas_limit),
            "difficulty": hex(self.difficulty),
            "mixHash": _hex(self.prev_randao),
            "coinbase": _hex(self.coinbase),
            "alloc": {
                _hex(address): _write_account(account)
                for address, account in sorted(self.alloc.items())
            },
            "number": hex(self.number),
            "gasUsed": hex(self.gas_used),
            "parentHash": _hex(self.parent_hash),
            "baseFeePerGas": hex(self.base_fee_per_gas),
            "excessBlobGas": hex(self.excess_blob_gas),
            "blobGasUsed": hex(self.blob_gas_used),
        }
        if self.state_root is not None:
            value["stateHash"] = _hex(self.state_root)
        return value


def genesis_block(spec: GenesisSpec) -> tuple[Block, StateChanges]:
    """The first block and the state it commits to, ready to be stored.

    Of a chain whose state was carried over there is only the block; the state is empty.
    """
    state = State(MemoryStateStore())
    if spec.state_root is not None:
        header = replace(_header(spec, spec.state_root, EMPTY_ROOT), base_fee_per_gas=None)
        return Block(header, (), None), state.take_changes()
    for address, account in spec.alloc.items():
        if account.nonce:
            state.set_nonce(address, account.nonce)
        if account.balance:
            state.set_balance(address, account.balance)
        if account.code:
            state.set_code(address, account.code)
        for slot, value in account.storage.items():
            state.set_storage(address, slot, value)
        state.touch(address)
    state_root = state.compute_root()
    header = _header(spec, state_root, state.storage_root(addresses.L2_TO_L1_MESSAGE_PASSER))
    withdrawals = () if header.withdrawals_root is not None else None
    return Block(header, (), withdrawals), state.take_changes()


def _header(spec: GenesisSpec, state_root: Hash32, message_passer_root: Hash32) -> Header:
    forks, time = spec.config.forks, spec.timestamp
    has_base_fee = spec.config.is_optimism or spec.config.is_fork_block_reached(
        "londonBlock", spec.number
    )
    header = Header(
        parent_hash=spec.parent_hash,
        beneficiary=spec.coinbase,
        state_root=state_root,
        transactions_root=EMPTY_ROOT,
        receipts_root=EMPTY_ROOT,
        logs_bloom=EMPTY_BLOOM,
        number=spec.number,
        gas_limit=spec.gas_limit,
        gas_used=spec.gas_used,
        timestamp=time,
        extra_data=spec.extra_data,
        prev_randao=spec.prev_randao,
        difficulty=spec.difficulty,
        nonce=spec.nonce.to_bytes(8, "big"),
        base_fee_per_gas=spec.base_fee_per_gas if has_base_fee else None,
    )
    if forks.is_active("shanghai", time):
        header = replace(header, withdrawals_root=EMPTY_ROOT)
    if forks.is_active("cancun", time):
        header = replace(
            header,
            blob_gas_used=spec.blob_gas_used,
            excess_blob_gas=spec.excess_blob_gas,
            parent_beacon_block_root=ZERO_HASH,
        )
    if forks.is_active("prague", time):
        header = replace(header, requests_hash=EMPTY_REQUESTS_HASH)
    if spec.config.is_optimism and forks.is_active("isthmus", time):
        header = replace(header, withdrawals_root=message_passer_root)
    return header


def _holocene_extra_data(denominator: int, elasticity: int) -> bytes:
    """The 9 bytes by which a Holocene header carries its EIP-1559 parameters.

    Source: specs holocene/exec-engine.md, "Dynamic EIP-1559 Parameters".
    """
    return b"\x00" + denominator.to_bytes(4, "big") + elasticity.to_bytes(4, "big")


def system_contracts() -> dict[Address, GenesisAccount]:
    """What every chain of ours has: EIP-2935, EIP-4788, CREATE2 deployer and Multicall3."""
    return {
        addresses.HISTORY_STORAGE: GenesisAccount(nonce=1, code=_HISTORY_STORAGE_CODE),
        addresses.BEACON_ROOTS: GenesisAccount(nonce=1, code=_BEACON_ROOTS_CODE),
        CREATE2_DEPLOYER: GenesisAccount(nonce=1, code=_CREATE2_DEPLOYER_CODE),
        MULTICALL3: GenesisAccount(nonce=1, code=runtime_code("Multicall3")),
    }


def l1_contracts() -> dict[Address, GenesisAccount]:
    """System contracts of an L1: every chain's, and where validators ask (EIP-7002, 7251)."""
    return {
        **system_contracts(),
        addresses.WITHDRAWAL_REQUESTS: GenesisAccount(nonce=1, code=_WITHDRAWAL_REQUESTS_CODE),
        addresses.CONSOLIDATION_REQUESTS: GenesisAccount(
            nonce=1, code=_CONSOLIDATION_REQUESTS_CODE
        ),
    }


@dataclass(frozen=True, slots=True)
class L1Bridges:
    """The contracts of L1 to which the L2's messenger and bridge listen."""

    messenger: Address = ZERO_ADDRESS
    standard_bridge: Address = ZERO_ADDRESS


_NO_L1_BRIDGES: Final = L1Bridges()


def _bridge_contracts(l1: L1Bridges) -> dict[Address, GenesisAccount]:
    """Messenger, bridge and token factory, with what a constructor would have written."""
    return {
        addresses.L2_CROSS_DOMAIN_MESSENGER: _with_addresses(
            "L2CrossDomainMessenger", {("CrossDomainMessenger", "otherMessenger"): l1.messenger}
        ),
        addresses.L2_STANDARD_BRIDGE: _with_addresses(
            "L2StandardBridge",
            {
                ("StandardBridge", "messenger"): addresses.L2_CROSS_DOMAIN_MESSENGER,
                ("StandardBridge", "otherBridge"): l1.standard_bridge,
            },
        ),
        addresses.OPTIMISM_MINTABLE_ERC20_FACTORY: _with_addresses(
            "OptimismMintableERC20Factory",
            {
                ("bridge",): addresses.L2_STANDARD_BRIDGE,
                ("blueprint",): addresses.MINTABLE_ERC20_BLUEPRINT,
            },
        ),
        addresses.MINTABLE_ERC20_BLUEPRINT: GenesisAccount(
            nonce=1, code=blueprint_code("OptimismMintableERC20")
        ),
    }


def _with_addresses(contract: str, variables: Mapping[tuple[str, ...], Address]) -> GenesisAccount:
    storage = {
        storage_slot(contract, *names): int.from_bytes(address, "big")
        for names, address in variables.items()
        if address != ZERO_ADDRESS
    }
    return GenesisAccount(nonce=1, code=runtime_code(contract), storage=storage)


def l2_contracts(
    fee_recipient: Address, l1_bridges: L1Bridges = _NO_L1_BRIDGES
) -> dict[Address, GenesisAccount]:
    """Predeploys, native precompiles and system contracts of the L2.

    `fee_recipient` is the account that the fee vaults pay. Without `l1_bridges` the L2's own
    messenger and bridge listen to nobody.
    """
    vault = GenesisAccount(
        nonce=1,
        code=runtime_code("FeeVault"),
        storage={_VAULT_RECIPIENT_SLOT: int.from_bytes(fee_recipient, "big")},
    )
    native = GenesisAccount(
        nonce=addresses.NATIVE_PRECOMPILE_NONCE, code=addresses.NATIVE_PRECOMPILE_CODE
    )
    return {
        **system_contracts(),
        addresses.L1_BLOCK: GenesisAccount(nonce=1, code=runtime_code("L1Block")),
        addresses.L2_TO_L1_MESSAGE_PASSER: GenesisAccount(
            nonce=1, code=runtime_code("L2ToL1MessagePasser")
        ),
        addresses.GAS_PRICE_ORACLE: GenesisAccount(nonce=1, code=runtime_code("GasPriceOracle")),
        **_bridge_contracts(l1_bridges),
        **dict.fromkeys(_FEE_VAULTS, vault),
        **dict.fromkeys(addresses.NATIVE_PRECOMPILES.values(), native),
    }


def dev_alloc() -> dict[Address, GenesisAccount]:
    """The development accounts with their ether."""
    return {account.address: GenesisAccount(balance=DEV_BALANCE_WEI) for account in dev_accounts()}


def dev_l1_genesis(timestamp: int, *, chain_id: int | None = None) -> GenesisSpec:
    """The embedded L1: plain Ethereum on Prague rules with funded development accounts."""
    preset = dev_l1_preset()
    return GenesisSpec(
        config=ChainConfig.ethereum(chain_id or preset.chain_id, preset.gas_limit),
        alloc={**l1_contracts(), **dev_alloc()},
        timestamp=timestamp,
        gas_limit=preset.gas_limit,
        base_fee_per_gas=preset.base_fee_wei,
        extra_data=b"stemma dev L1",
    )


def l2_genesis(
    preset: L2Preset,
    timestamp: int,
    *,
    fee_recipient: Address | None = None,
    chain_id: int | None = None,
    l1_bridges: L1Bridges = _NO_L1_BRIDGES,
    extra_alloc: Mapping[Address, GenesisAccount] | None = None,
) -> GenesisSpec:
    """The L2 of a preset whose first block has the timestamp of its L1 anchor, in seconds.

    On a development chain the fees go to the platform account if nobody else is named, and the
    chain id is drawn from the genesis hash if none is given, so that no two such chains accept each
    other's transactions. A preset without development accounts needs both; raises ConfigError.
    """
    if not preset.has_dev_accounts and (fee_recipient is None or chain_id is None):
        raise ConfigError(
            f"preset {preset.name}: fee_recipient and chain_id have to be given; their defaults "
            "are for development"
        )
    spec = GenesisSpec(
        config=ChainConfig.optimism(
            chain_id or 1,
            preset.gas_limit,
            eip1559_denominator=preset.eip1559_denominator,
            eip1559_elasticity=preset.eip1559_elasticity,
        ),
        alloc={
            **l2_contracts(fee_recipient or addresses.PLATFORM_ACCOUNT, l1_bridges),
            **(dev_alloc() if preset.has_dev_accounts else {}),
            **(extra_alloc or {}),
        },
        timestamp=timestamp,
        gas_limit=preset.gas_limit,
        base_fee_per_gas=preset.base_fee_wei,
        extra_data=_holocene_extra_data(preset.eip1559_denominator, preset.eip1559_elasticity),
        coinbase=addresses.SEQUENCER_FEE_VAULT,
    )
    if chain_id is not None:
        return spec
    block, _ = genesis_block(spec)
    return replace(spec, config=replace(spec.config, chain_id=drawn_chain_id(block.hash)))


def drawn_chain_id(genesis_hash: Hash32) -> int:
    """The chain id of a development chain: 2**40 and the first 40 bits of its genesis hash."""
    return _DRAWN_CHAIN_ID_BASE + int.from_bytes(genesis_hash[:5], "big")


@dataclass(frozen=True, slots=True)
class L1Anchor:
    """The L1 block on which a rollup is founded, and the contracts that stand there."""

    chain_id: int
    block: BlockId
    timestamp: int
    portal: Address
    system_config: Address


def rollup_config(
    preset: L2Preset, anchor: L1Anchor, batcher: Address, spec: GenesisSpec
) -> RollupConfig:
    """The rollup config of an L2 founded on `anchor` with the genesis `spec`.

    Raises ConfigError where the genesis was not made for that L1 block.
    """
    if spec.timestamp != anchor.timestamp:
        raise ConfigError(
            f"L2 genesis time {spec.timestamp} is not that of its L1 anchor {anchor.timestamp}"
        )
    block, _ = genesis_block(spec)
    return RollupConfig(
        genesis=RollupGenesis(
            l1=anchor.block,
            l2=BlockId(block.number, block.hash),
            l2_time=spec.timestamp,
            system_config=preset.system_config(batcher),
        ),
        block_time=preset.block_time,
        max_sequencer_drift=preset.max_sequencer_drift,
        seq_window_size=preset.seq_window_size,
        channel_timeout=preset.channel_timeout,
        l1_chain_id=anchor.chain_id,
        l2_chain_id=spec.config.chain_id,
        batch_inbox_address=default_batch_inbox(spec.config.chain_id),
        deposit_contract_address=anchor.portal,
        l1_system_config_address=anchor.system_config,
        eip1559_elasticity=preset.eip1559_elasticity,
        eip1559_denominator=preset.eip1559_denominator,
    )


def _key_address(alloc: Fields, key: str) -> Address:
    """The address that a key of `alloc` is, with or without 0x."""
    try:
        return to_address(key)
    except DecodeError as error:
        raise ConfigError(f"{alloc.where}: {error}") from None


def _read_account(fields: Fields) -> GenesisAccount:
    storage: dict[int, int] = {}
    if "storage" in fields:
        slots = fields.child("storage")
        for slot in slots.names():
            key = slot if slot.startswith("0x") else f"0x{slot}"
            where = f"{slots.where}: {slot}"
            value = parse_integer(slots.raw(slot), where, bits=256)
            storage[parse_integer(key, where, bits=256)] = value
    return GenesisAccount(
        balance=fields.integer("balance", bits=256, default=0),
        nonce=fields.integer("nonce", default=0),
        code=fields.data("code", default=b""),
        storage=storage,
    )


def _write_account(account: GenesisAccount) -> dict[str, Any]:
    value: dict[str, Any] = {"balance": hex(account.balance)}
    if account.nonce:
        value["nonce"] = hex(account.nonce)
    if account.code:
        value["code"] = _hex(account.code)
    if account.storage:
        value["storage"] = {
            f"0x{slot:064x}": f"0x{word:064x}" for slot, word in sorted(account.storage.items())
        }
    return value


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
