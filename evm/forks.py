"""The rule sets, one for each fork: data that the machine, the transition and the executor read.

Each fork is its predecessor with the fields that it changes; Ethereum's and the OP Stack's are two
lines of deltas on one base. Nothing else asks for the name of a fork. Which of them a block is
under is read off the chain's configuration (`rules_of`).

Sources: the EIPs named at each field and fork; OP Stack specs below protocol/, named likewise.
docs/protocol/forks.md has both lines as tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Final

from chain.block import Header
from chain.errors import StemmaError
from chain.types import Address
from genesis.config import BlobSchedule, ChainConfig

from .precompiles import NATIVE_PRECOMPILES
from .precompiles.frame import Native
from .proof_of_work import ProofOfWork, byzantium_steps, frontier_steps, homestead_steps
from .pyevm import opcodes, precompiles

NO_LIMIT: Final = 2**256
GAS_PER_BLOB: Final = 2**17
LEGACY, ACCESS_LIST, DYNAMIC_FEE, BLOB, SET_CODE = range(5)
DEPOSIT: Final = 0x7E


class UnsupportedFork(StemmaError):
    """A block under rules that this node does not have."""


@dataclass(frozen=True, slots=True, eq=False)
class MachineRules:
    """What the machine reads: tables and amounts of gas.

    `opcodes` holds what a fork defines, `precompiles` what runs at an address without code, and
    `natives` those of the latter that are ours.
    """

    name: str
    opcodes: Mapping[int, Any]
    precompiles: Mapping[Address, Callable[[Any], Any]]
    natives: Mapping[Address, Native] = field(default_factory=dict)
    storage_clears_refund: int = 4_800
    """EIP-3529; 15,000 before (EIP-2200)."""
    self_destruct_refund: int = 0
    """EIP-3529; 24,000 before."""
    reserved_code_prefix: bytes = b"\xef"
    """Code that begins so cannot be deployed (EIP-3541); empty where all code can."""
    max_init_code_size: int = NO_LIMIT
    """EIP-3860."""
    init_code_word_gas: int = 0
    """EIP-3860."""
    warms_coinbase: bool = False
    """EIP-3651."""
    has_delegations: bool = False
    """EIP-7702."""
    destroys_old_accounts: bool = True
    """SELFDESTRUCT ends any account; from EIP-6780 on only one of the same transaction."""
    max_code_size: int = 24_576
    """EIP-170."""
    clears_empty_accounts: bool = True
    """EIP-161: an empty account that is touched is gone, and a contract begins with nonce 1."""
    keeps_unpaid_creations: bool = False
    """The Frontier: a creation that cannot pay for its code succeeds without any (EIP-2)."""
    runs_stock_opcodes: bool = False
    """py-evm's own opcodes run the code, at the prices in `opcodes`; else our loop at Berlin's."""


class DataFee(Enum):
    """How an L2 transaction pays for its data on L1 (exec-engine.md, L1-Cost fees)."""

    BEDROCK = "zero and other bytes, and 68 more, at overhead and scalar"
    REGOLITH = "zero and other bytes at overhead and scalar"
    ECOTONE = "zero and other bytes at two scalars"
    FJORD = "FastLZ size at two scalars"


@dataclass(frozen=True, slots=True, eq=False)
class OptimismRules:
    """What the OP Stack lays on top of Ethereum's rules; as it stands, Bedrock's."""

    data_fee: DataFee = DataFee.BEDROCK
    has_system_transactions: bool = True
    """Deposits take all their gas, system transactions none (deposits.md, Execution)."""
    has_deposit_nonce: bool = False
    """A deposit's receipt knows its nonce (deposits.md, Deposit Receipt)."""
    deposit_receipt_version: int | None = None
    """And commits to it (deposits.md, Deposit Receipt)."""
    has_fee_parameters: bool = False
    """The base fee's denominator and elasticity are in the parent's extraData."""
    has_min_base_fee: bool = False
    """And the least base fee."""
    has_message_passer_root: bool = False
    """The header's withdrawalsRoot is the storage root of L2ToL1MessagePasser."""
    has_operator_fee: bool = False
    operator_fee_factor: int = 1
    operator_fee_divisor: int = 10**6
    has_da_footprint: bool = False
    """The header's blobGasUsed is what the block's transactions take of L1, in gas."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """The rules of a fork. Gas in gas units, sizes in bytes."""

    name: str
    machine: MachineRules
    transaction_types: frozenset[int]
    max_refund_quotient: int = 5
    """At most 1/5 of the gas used comes back (EIP-3529); half before."""
    floor_per_token: int = 0
    """EIP-7623; 0 where there is no floor."""
    max_transaction_gas: int = NO_LIMIT
    """EIP-7825."""
    max_blobs_per_transaction: int = NO_LIMIT
    """EIP-7594."""
    blobs: BlobSchedule | None = None
    """EIP-4844, 7691, 7892; None where the header has no blob gas."""
    blob_base_cost: int = 0
    """EIP-7918: execution gas whose price a blob's is held against; 0 where it is not."""
    max_block_bytes: int = NO_LIMIT
    """EIP-7934."""
    has_withdrawals: bool = False
    """EIP-4895."""
    has_beacon_root: bool = False
    """EIP-4788."""
    has_parent_hashes: bool = False
    """EIP-2935."""
    has_requests: bool = False
    """EIP-7685."""
    work: ProofOfWork | None = None
    """Difficulty and rewards; None from the merge on (EIP-3675)."""
    has_base_fee: bool = True
    """EIP-1559."""
    has_status_receipts: bool = True
    """EIP-658: a receipt says whether it went well; before it the state root behind it."""
    has_replay_protection: bool = True
    """EIP-155: a signature may name its chain."""
    has_low_s: bool = True
    """EIP-2: of two signatures that say the same, the one with the high s does not count."""
    create_gas: int = 32_000
    """EIP-2: what a creation owes on top."""
    nonzero_byte_tokens: int = 4
    """EIP-2028: a byte of data that is not zero costs this many times 4 gas; 17 before."""
    optimism: OptimismRules | None = None

    @property
    def init_code_word_gas(self) -> int:
        """EIP-3860."""
        return self.machine.init_code_word_gas

    @property
    def max_blob_gas(self) -> int:
        """Blob gas of a full block."""
        return 0 if self.blobs is None else self.blobs.max * GAS_PER_BLOB


def _with_precompiles(
    machine: MachineRules, name: str, changes: Mapping[Address, Callable[[Any], Any]]
) -> MachineRules:
    return replace(machine, name=name, precompiles={**machine.precompiles, **changes})


def _with_natives(machine: MachineRules) -> MachineRules:
    natives = precompiles.native_precompiles(NATIVE_PRECOMPILES)
    return replace(_with_precompiles(machine, machine.name, natives), natives=NATIVE_PRECOMPILES)


def _op(rules: RuleSet) -> OptimismRules:
    """The OP Stack's part of its rules."""
    return rules.optimism or OptimismRules()


# -- Ethereum, proof of work ----------------------------------------------------------------------

ETHER: Final = 10**18

FRONTIER: Final = RuleSet(
    name="frontier",
    machine=MachineRules(
        name="frontier",
        opcodes=opcodes.FRONTIER,
        precompiles=precompiles.FRONTIER,
        storage_clears_refund=15_000,
        self_destruct_refund=24_000,
        reserved_code_prefix=b"",
        max_code_size=NO_LIMIT,
        clears_empty_accounts=False,
        keeps_unpaid_creations=True,
        runs_stock_opcodes=True,
    ),
    transaction_types=frozenset({LEGACY}),
    max_refund_quotient=2,
    work=ProofOfWork(reward=5 * ETHER, steps=frontier_steps),
    has_base_fee=False,
    has_status_receipts=False,
    has_replay_protection=False,
    has_low_s=False,
    create_gas=0,
    nonzero_byte_tokens=17,
)
HOMESTEAD: Final = replace(  # EIP-606
    FRONTIER,
    name="homestead",
    machine=replace(
        FRONTIER.machine,
        name="homestead",
        opcodes=opcodes.HOMESTEAD,
        keeps_unpaid_creations=False,
    ),
    work=ProofOfWork(reward=5 * ETHER, steps=homestead_steps),
    has_low_s=True,
    create_gas=32_000,
)
TANGERINE_WHISTLE: Final = replace(  # EIP-608
    HOMESTEAD,
    name="tangerine_whistle",
    machine=replace(HOMESTEAD.machine, name="tangerine_whistle", opcodes=opcodes.TANGERINE_WHISTLE),
)
SPURIOUS_DRAGON: Final = replace(  # EIP-607
    TANGERINE_WHISTLE,
    name="spurious_dragon",
    machine=replace(
        TANGERINE_WHISTLE.machine,
        name="spurious_dragon",
        opcodes=opcodes.SPURIOUS_DRAGON,
        max_code_size=24_576,
        clears_empty_accounts=True,
    ),
    has_replay_protection=True,
)
BYZANTIUM: Final = replace(  # EIP-609, 649
    SPURIOUS_DRAGON,
    name="byzantium",
    machine=replace(
        SPURIOUS_DRAGON.machine,
        name="byzantium",
        opcodes=opcodes.BYZANTIUM,
        precompiles=precompiles.BYZANTIUM,
    ),
    work=ProofOfWork(reward=3 * ETHER, steps=byzantium_steps, bomb_delay=3_000_000),
    has_status_receipts=True,
)
CONSTANTINOPLE: Final = replace(  # EIP-1013, 1234
    BYZANTIUM,
    name="constantinople",
    machine=replace(BYZANTIUM.machine, name="constantinople", opcodes=opcodes.CONSTANTINOPLE),
    work=ProofOfWork(reward=2 * ETHER, steps=byzantium_steps, bomb_delay=5_000_000),
)
PETERSBURG: Final = replace(  # EIP-1716: Constantinople without EIP-1283
    CONSTANTINOPLE,
    name="petersburg",
    machine=replace(CONSTANTINOPLE.machine, name="petersburg", opcodes=opcodes.PETERSBURG),
)
ISTANBUL: Final = replace(  # EIP-1679
    PETERSBURG,
    name="istanbul",
    machine=replace(
        PETERSBURG.machine,
        name="istanbul",
        opcodes=opcodes.ISTANBUL,
        precompiles=precompiles.ISTANBUL,
    ),
    nonzero_byte_tokens=4,
)
MUIR_GLACIER: Final = replace(  # EIP-2384
    ISTANBUL,
    name="muir_glacier",
    work=ProofOfWork(reward=2 * ETHER, steps=byzantium_steps, bomb_delay=9_000_000),
)
BERLIN: Final = replace(
    MUIR_GLACIER,
    name="berlin",
    machine=replace(
        ISTANBUL.machine,
        name="berlin",
        opcodes=opcodes.BERLIN,
        precompiles=precompiles.BERLIN,
        runs_stock_opcodes=False,
    ),
    transaction_types=frozenset({LEGACY, ACCESS_LIST}),
)
LONDON: Final = replace(  # EIP-3554
    BERLIN,
    name="london",
    machine=replace(
        BERLIN.machine,
        name="london",
        opcodes=opcodes.LONDON,
        storage_clears_refund=4_800,
        self_destruct_refund=0,
        reserved_code_prefix=b"\xef",
    ),
    transaction_types=BERLIN.transaction_types | {DYNAMIC_FEE},
    max_refund_quotient=5,
    work=ProofOfWork(reward=2 * ETHER, steps=byzantium_steps, bomb_delay=9_700_000),
    has_base_fee=True,
)
ARROW_GLACIER: Final = replace(  # EIP-4345
    LONDON,
    name="arrow_glacier",
    work=ProofOfWork(reward=2 * ETHER, steps=byzantium_steps, bomb_delay=10_700_000),
)
GRAY_GLACIER: Final = replace(  # EIP-5133
    ARROW_GLACIER,
    name="gray_glacier",
    work=ProofOfWork(reward=2 * ETHER, steps=byzantium_steps, bomb_delay=11_400_000),
)

MINED: Final = (
    ("grayGlacierBlock", GRAY_GLACIER), ("arrowGlacierBlock", ARROW_GLACIER),
    ("londonBlock", LONDON), ("berlinBlock", BERLIN), ("muirGlacierBlock", MUIR_GLACIER),
    ("istanbulBlock", ISTANBUL), ("petersburgBlock", PETERSBURG),
    ("constantinopleBlock", CONSTANTINOPLE), ("byzantiumBlock", BYZANTIUM),
    ("eip158Block", SPURIOUS_DRAGON), ("eip150Block", TANGERINE_WHISTLE),
    ("homesteadBlock", HOMESTEAD),
)  # fmt: skip
"""By the fork whose block number switches it on, latest first; the Frontier before any of them."""

# -- Ethereum, proof of stake ---------------------------------------------------------------------

PARIS: Final = replace(  # EIP-3675, 4399
    GRAY_GLACIER,
    name="paris",
    machine=replace(LONDON.machine, name="paris", opcodes=opcodes.PARIS),
    work=None,
)
SHANGHAI: Final = replace(
    PARIS,
    name="shanghai",
    machine=replace(
        PARIS.machine,
        name="shanghai",
        opcodes=opcodes.SHANGHAI,
        max_init_code_size=49_152,
        init_code_word_gas=2,
        warms_coinbase=True,
    ),
    has_withdrawals=True,
)
CANCUN: Final = replace(
    SHANGHAI,
    name="cancun",
    machine=replace(
        SHANGHAI.machine,
        name="cancun",
        opcodes=opcodes.CANCUN,
        destroys_old_accounts=False,
        precompiles=precompiles.CANCUN,
    ),
    transaction_types=SHANGHAI.transaction_types | {BLOB},
    blobs=BlobSchedule(target=3, max=6, base_fee_update_fraction=3_338_477),
    has_beacon_root=True,
)
PRAGUE: Final = replace(
    CANCUN,
    name="prague",
    machine=replace(
        CANCUN.machine,
        name="prague",
        opcodes=opcodes.PRAGUE,
        precompiles=precompiles.PRAGUE,
        has_delegations=True,
    ),
    transaction_types=CANCUN.transaction_types | {SET_CODE},
    floor_per_token=10,
    blobs=BlobSchedule(target=6, max=9, base_fee_update_fraction=5_007_716),
    has_parent_hashes=True,
    has_requests=True,
)
OSAKA: Final = replace(
    PRAGUE,
    name="osaka",
    machine=replace(
        PRAGUE.machine, name="osaka", opcodes=opcodes.OSAKA, precompiles=precompiles.OSAKA
    ),
    max_transaction_gas=2**24,
    max_blobs_per_transaction=6,
    blob_base_cost=2**13,
    max_block_bytes=10 * 2**20 - 2 * 2**20,
)

ETHEREUM: Final = (
    ("osaka", OSAKA), ("prague", PRAGUE), ("cancun", CANCUN), ("shanghai", SHANGHAI),
)  # fmt: skip
"""By the fork whose time switches it on, latest first; Paris before any of them."""

# -- OP Stack -------------------------------------------------------------------------------------

BEDROCK: Final = replace(  # exec-engine.md, deposits.md
    PARIS,
    name="bedrock",
    machine=replace(_with_natives(PARIS.machine), name="bedrock"),
    transaction_types=PARIS.transaction_types | {DEPOSIT},
    optimism=OptimismRules(),
)
REGOLITH: Final = replace(  # regolith/overview.md
    BEDROCK,
    name="regolith",
    optimism=OptimismRules(
        data_fee=DataFee.REGOLITH, has_system_transactions=False, has_deposit_nonce=True
    ),
)
CANYON: Final = replace(  # canyon/overview.md; the denominator is the configuration's
    SHANGHAI,
    name="canyon",
    machine=replace(_with_natives(SHANGHAI.machine), name="canyon"),
    transaction_types=REGOLITH.transaction_types,
    optimism=replace(_op(REGOLITH), deposit_receipt_version=1),
)
DELTA: Final = replace(CANYON, name="delta")  # delta/overview.md: derivation only
ECOTONE: Final = replace(  # ecotone/overview.md; exec-engine.md, Ecotone L1-Cost fee changes
    CANCUN,
    name="ecotone",
    machine=replace(_with_natives(CANCUN.machine), name="ecotone"),
    transaction_types=DELTA.transaction_types,
    optimism=replace(_op(DELTA), data_fee=DataFee.ECOTONE),
)
FJORD: Final = replace(  # fjord/exec-engine.md; precompiles.md, P256VERIFY
    ECOTONE,
    name="fjord",
    machine=_with_precompiles(ECOTONE.machine, "fjord", precompiles.FJORD_DELTA),
    optimism=replace(_op(ECOTONE), data_fee=DataFee.FJORD),
)
GRANITE: Final = replace(  # granite/exec-engine.md, bn256Pairing precompile input restriction
    FJORD,
    name="granite",
    machine=_with_precompiles(FJORD.machine, "granite", precompiles.GRANITE_DELTA),
)
HOLOCENE: Final = replace(  # holocene/exec-engine.md, Dynamic EIP-1559 Parameters
    GRANITE,
    name="holocene",
    optimism=replace(_op(GRANITE), has_fee_parameters=True),
)
ISTHMUS: Final = replace(  # isthmus/exec-engine.md
    PRAGUE,
    name="isthmus",
    machine=_with_precompiles(
        _with_natives(PRAGUE.machine),
        "isthmus",
        {
            **precompiles.FJORD_DELTA,
            **precompiles.GRANITE_DELTA,
            **precompiles.ISTHMUS_DELTA,
        },
    ),
    transaction_types=HOLOCENE.transaction_types | {SET_CODE},
    optimism=replace(_op(HOLOCENE), has_message_passer_root=True, has_operator_fee=True),
)
JOVIAN: Final = replace(  # jovian/exec-engine.md
    ISTHMUS,
    name="jovian",
    machine=_with_precompiles(ISTHMUS.machine, "jovian", precompiles.JOVIAN_DELTA),
    optimism=replace(
        _op(ISTHMUS),
        has_min_base_fee=True,
        has_da_footprint=True,
        operator_fee_factor=100,
        operator_fee_divisor=1,
    ),
)
KARST: Final = replace(  # karst/overview.md, karst/exec-engine.md
    JOVIAN,
    name="karst",
    machine=replace(
        _with_precompiles(JOVIAN.machine, "karst", precompiles.KARST_DELTA),
        opcodes=opcodes.OSAKA,
    ),
    max_transaction_gas=OSAKA.max_transaction_gas,
)
OPTIMISM: Final = (
    ("karst", KARST), ("jovian", JOVIAN), ("isthmus", ISTHMUS), ("holocene", HOLOCENE),
    ("granite", GRANITE), ("fjord", FJORD), ("ecotone", ECOTONE), ("delta", DELTA),
    ("canyon", CANYON), ("regolith", REGOLITH),
)  # fmt: skip
"""By the fork whose time switches it on, latest first; Bedrock before any of them."""

_NOT_YET: Final = ("interop",)


def rules_of(config: ChainConfig, header: Header) -> RuleSet:
    """The rules of a block, mined or not. Raises UnsupportedFork."""
    if header.difficulty and not config.is_optimism:
        return mined_rules(config, header.number)
    return rules_at(config, header.timestamp)


def mined_rules(config: ChainConfig, number: int) -> RuleSet:
    """The rules of a block of proof of work, by its number."""
    for fork, rules in MINED:
        if config.is_fork_block_reached(fork, number):
            return rules
    return FRONTIER


def rules_at(config: ChainConfig, timestamp: int) -> RuleSet:
    """The rules of a block of that timestamp, in seconds, after the merge.

    Raises UnsupportedFork.
    """
    table = OPTIMISM if config.is_optimism else ETHEREUM
    for fork in _NOT_YET if config.is_optimism else ():
        if config.forks.is_active(fork, timestamp):
            raise UnsupportedFork(
                f"chain {config.chain_id}, block at {timestamp}: no rules for {fork}"
            )
    for fork, rules in table:
        if config.forks.is_active(fork, timestamp):
            return _with_schedule(rules, config, timestamp)
    return BEDROCK if config.is_optimism else PARIS


def _with_schedule(rules: RuleSet, config: ChainConfig, timestamp: int) -> RuleSet:
    """The same rules with the blob schedule that the chain's configuration names, if any."""
    if rules.blobs is not None and not config.is_optimism:
        for scheduled in reversed(config.blob_schedules):
            if scheduled.time <= timestamp:
                return replace(rules, blobs=scheduled.schedule)
    return rules
