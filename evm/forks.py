"""The rule sets, one for each fork: data that the machine, the transition and the executor read.

Each fork is its predecessor with the fields that it changes; Ethereum's and the OP Stack's are two
lines of deltas on one base. Nothing else asks for the name of a fork. Which of them a block is
under is read off the chain's configuration (`rules_at`).

Sources: the EIPs named at each field; specs protocol/{ecotone,fjord,granite,holocene,isthmus}/
exec-engine.md and protocol/precompiles.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from chain.errors import StemmaError
from chain.types import Address
from genesis.config import BlobSchedule, ChainConfig

from .precompiles import NATIVE_PRECOMPILES
from .precompiles.frame import Native
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
    warms_coinbase: bool = False
    """EIP-3651."""
    has_delegations: bool = False
    """EIP-7702."""


@dataclass(frozen=True, slots=True, eq=False)
class OptimismRules:
    """What the OP Stack lays on top of Ethereum's rules."""

    has_fastlz_fee: bool = False
    """Fjord's data fee, by FastLZ size; before it Ecotone's, by zero and other bytes."""
    has_fee_parameters: bool = False
    """Holocene: the base fee's denominator and elasticity are in the parent's extraData."""
    has_operator_fee: bool = False
    """Isthmus. With it the header's withdrawalsRoot is the root of L2ToL1MessagePasser."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleSet:
    """The rules of a fork. Gas in gas units, sizes in bytes."""

    name: str
    machine: MachineRules
    transaction_types: frozenset[int]
    max_refund_quotient: int = 5
    """At most 1/5 of the gas used comes back (EIP-3529); half before."""
    init_code_word_gas: int = 0
    """EIP-3860."""
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
    optimism: OptimismRules | None = None

    @property
    def max_blob_gas(self) -> int:
        """Blob gas of a full block."""
        return 0 if self.blobs is None else self.blobs.max * GAS_PER_BLOB


def _with_natives(machine: MachineRules) -> MachineRules:
    tables = {**machine.precompiles, **precompiles.native_precompiles(NATIVE_PRECOMPILES)}
    return replace(machine, precompiles=tables, natives=NATIVE_PRECOMPILES)


# -- Ethereum -------------------------------------------------------------------------------------

BERLIN: Final = RuleSet(
    name="berlin",
    machine=MachineRules(
        name="berlin",
        opcodes=opcodes.BERLIN,
        precompiles=precompiles.BERLIN,
        storage_clears_refund=15_000,
        self_destruct_refund=24_000,
        reserved_code_prefix=b"",
    ),
    transaction_types=frozenset({LEGACY, ACCESS_LIST}),
    max_refund_quotient=2,
)
LONDON: Final = replace(
    BERLIN,
    name="london",
    machine=MachineRules("london", opcodes.LONDON, precompiles.BERLIN),
    transaction_types=BERLIN.transaction_types | {DYNAMIC_FEE},
    max_refund_quotient=5,
)
PARIS: Final = replace(
    LONDON, name="paris", machine=replace(LONDON.machine, name="paris", opcodes=opcodes.PARIS)
)
SHANGHAI: Final = replace(
    PARIS,
    name="shanghai",
    machine=replace(
        PARIS.machine,
        name="shanghai",
        opcodes=opcodes.SHANGHAI,
        max_init_code_size=49_152,
        warms_coinbase=True,
    ),
    init_code_word_gas=2,
    has_withdrawals=True,
)
CANCUN: Final = replace(
    SHANGHAI,
    name="cancun",
    machine=replace(
        SHANGHAI.machine,
        name="cancun",
        opcodes=opcodes.CANCUN,
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

ECOTONE: Final = replace(
    CANCUN,
    name="ecotone",
    machine=replace(_with_natives(CANCUN.machine), name="ecotone"),
    transaction_types=SHANGHAI.transaction_types | {DEPOSIT},
    optimism=OptimismRules(),
)
FJORD: Final = replace(
    ECOTONE,
    name="fjord",
    machine=replace(
        ECOTONE.machine,
        name="fjord",
        precompiles={**ECOTONE.machine.precompiles, **precompiles.FJORD_DELTA},
    ),
    optimism=OptimismRules(has_fastlz_fee=True),
)
GRANITE: Final = replace(
    FJORD,
    name="granite",
    machine=replace(
        FJORD.machine,
        name="granite",
        precompiles={**FJORD.machine.precompiles, **precompiles.GRANITE_DELTA},
    ),
)
HOLOCENE: Final = replace(
    GRANITE,
    name="holocene",
    optimism=OptimismRules(has_fastlz_fee=True, has_fee_parameters=True),
)
ISTHMUS: Final = replace(
    PRAGUE,
    name="isthmus",
    machine=replace(
        _with_natives(PRAGUE.machine),
        name="isthmus",
        precompiles={
            **precompiles.PRAGUE,
            **GRANITE.machine.precompiles,
            **precompiles.ISTHMUS_DELTA,
        },
    ),
    transaction_types=HOLOCENE.transaction_types | {SET_CODE},
    optimism=OptimismRules(has_fastlz_fee=True, has_fee_parameters=True, has_operator_fee=True),
)
OPTIMISM: Final = (
    ("isthmus", ISTHMUS), ("holocene", HOLOCENE), ("granite", GRANITE), ("fjord", FJORD),
    ("ecotone", ECOTONE),
)  # fmt: skip
"""By the fork whose time switches it on, latest first."""

_NOT_YET: Final = ("jovian", "karst", "interop")


def rules_at(config: ChainConfig, timestamp: int) -> RuleSet:
    """The rules of a block of that timestamp, in seconds. Raises UnsupportedFork."""
    table = OPTIMISM if config.is_optimism else ETHEREUM
    for fork in _NOT_YET if config.is_optimism else ():
        if config.forks.is_active(fork, timestamp):
            raise UnsupportedFork(
                f"chain {config.chain_id}, block at {timestamp}: no rules for {fork}"
            )
    for fork, rules in table:
        if config.forks.is_active(fork, timestamp):
            return _with_schedule(rules, config, timestamp)
    if config.is_optimism:
        raise UnsupportedFork(
            f"chain {config.chain_id}, block at {timestamp}: before Ecotone, the first OP fork here"
        )
    return PARIS


def _with_schedule(rules: RuleSet, config: ChainConfig, timestamp: int) -> RuleSet:
    """The same rules with the blob schedule that the chain's configuration names, if any."""
    if rules.blobs is not None and not config.is_optimism:
        for scheduled in reversed(config.blob_schedules):
            if scheduled.time <= timestamp:
                return replace(rules, blobs=scheduled.schedule)
    return rules
