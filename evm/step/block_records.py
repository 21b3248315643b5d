"""What the phases of a block and its transactions remember, and what a block is made from.

docs/protocol/one-step.md has the same records as a table. Knows how nothing of it changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from .names import NOTHING, U8, U16, U32, U64, AddressField, HashField, Raw, Record, Ref, Word

INPUTS_DEPTH: Final = 16
"""Of the inputs tree: block n is leaf n mod 65,536."""
NO_LIMIT: Final = 2**64 - 1


class Rule(IntFlag):
    """What a block's rules have. Those of the parent say how its header is read."""

    OPTIMISM = 1
    FEE_PARAMETERS = 2
    MIN_BASE_FEE = 4
    MESSAGE_PASSER_ROOT = 8
    OPERATOR_FEE = 16
    DA_FOOTPRINT = 32
    PARENT_HASHES = 64
    REQUESTS = 128
    FASTLZ = 256
    """The data fee is Fjord's; else Ecotone's."""
    PARENT_FEE_PARAMETERS = 512
    PARENT_MIN_BASE_FEE = 1024
    PARENT_DA_FOOTPRINT = 2048


@dataclass(slots=True, eq=False)
class ChainRules(Record):
    """The rules of one block of one chain, Cancun's or Ecotone's and later.

    `types` has the bit of each transaction type below 8. `fork` chooses the machine's own.
    """

    fork: U8
    chain_id: Word
    has: U32
    types: U8
    floor_per_token: U8
    max_transaction_gas: U64
    denominator: U32
    elasticity: U32
    max_blobs: U16
    blob_target: U16
    blob_max: U16
    blob_update_fraction: U64
    blob_base_cost: U64
    deposit_contract: AddressField
    operator_fee_factor: U32
    operator_fee_divisor: U32


@dataclass(slots=True, eq=False)
class Claim(Record):
    """What a dispute about one block is about: the first state's `pending`."""

    agreed: Ref
    disputed: HashField
    number: U64
    l1_head: HashField
    inputs: Ref


@dataclass(slots=True, eq=False)
class Attributes(Record):
    """What a block is made from. `transactions` is a chain whose newest link is the first one.

    `extra_data` is that of an L1's header; an L2's is made of the fee parameters.
    """

    timestamp: U64
    prev_randao: Word
    fee_recipient: AddressField
    gas_limit: U64
    beacon_root: HashField
    denominator: U32
    elasticity: U32
    min_base_fee: U64
    extra_data: Ref
    transaction_count: U32
    transactions: Ref
    rules: Ref


@dataclass(slots=True, eq=False)
class Data(Record):
    """Bytes as a word tree."""

    root: Ref
    length: U32


@dataclass(slots=True, eq=False)
class BlockRest(Record):
    """What the block's phases know besides the machine's `Block`."""

    claim: Ref
    attributes: Ref
    rules: Ref
    parent_hash: HashField
    excess_blob_gas: U64
    transaction_count: U32
    deposits_only: U8


@dataclass(slots=True, eq=False)
class Recount(Record):
    """Phase BLOCK_BEGIN of a block that is begun again: how many deposits it begins with."""

    left: Ref
    count: U32


@dataclass(slots=True, eq=False)
class Progress(Record):
    """How far a block has come.

    The first reference of each list stands by itself: the tries take it between the 127th and the
    128th. `requests` are the SHA-256 of those that an L1 block makes (EIP-7685).
    """

    system_calls: U8
    done: U32
    left: Ref
    gas_used: U64
    blob_gas_used: U64
    da_footprint: U64
    bloom: Ref
    prices: Ref
    first_transaction: Ref
    transactions: Ref
    first_receipt: Ref
    receipts: Ref
    deposit_requests: Ref
    requests: Ref
    job: Ref


NO_PROGRESS: Final = Progress(
    system_calls=0,
    done=0,
    left=NOTHING,
    gas_used=0,
    blob_gas_used=0,
    da_footprint=0,
    bloom=NOTHING,
    prices=NOTHING,
    first_transaction=NOTHING,
    transactions=NOTHING,
    first_receipt=NOTHING,
    receipts=NOTHING,
    deposit_requests=Raw(b""),
    requests=Raw(b""),
    job=NOTHING,
)


class Stage(IntEnum):
    """What the next step does for the transaction at hand."""

    ACCESS_LIST = 1
    BLOBS = 2
    AUTHORIZATIONS = 3
    SIGNATURE = 4
    SCAN = 5
    COMPRESS = 6
    PAY = 7
    WARM = 8
    AUTHORIZE = 9
    START = 10
    SETTLE = 11
    DESTROY = 12
    MEASURE = 13
    WRITE = 14


@dataclass(slots=True, eq=False)
class Job(Record):
    """The transaction at hand: its fields as they are read, and what it pays.

    Positions are bytes of its encoding. Wei, wei per gas and gas by their names.
    """

    stage: U8
    data: Ref
    length: U32
    type: U8
    chain_id: Word
    nonce: U64
    tip_cap: Word
    fee_cap: Word
    gas_limit: U64
    is_creation: U8
    to: AddressField
    value: Word
    payload_start: U32
    data_start: U32
    data_length: U32
    cursor: U32
    list_start: U32
    list_end: U32
    entry_end: U32
    entry_address: AddressField
    addresses: U32
    slots: U32
    blob_fee_cap: Word
    blob_hashes: Ref
    blob_count: U32
    authorizations_start: U32
    authorizations_end: U32
    authorizations: U32
    signature_start: U32
    y_parity: U8
    is_protected: U8
    r: Word
    s: Word
    scanned: U32
    zeros: U32
    data_zeros: U32
    leaf: Ref
    signing: Ref
    compression: Ref
    charged_size: U32
    sender: AddressField
    mint: Word
    is_system: U8
    floor: U64
    gas_price: Word
    tip: Word
    gas: U64
    data_fee: Word
    refund: U64
    deposit_nonce: U64
    succeeded: U8
    gas_used: U64
    receipt: Ref


@dataclass(slots=True, eq=False)
class Compression(Record):
    """Where FastLZ stands; `table` names its 8,192 places."""

    position: U32
    anchor: U32
    size: U32
    reference: U32
    matched: U32
    table: Ref


@dataclass(slots=True, eq=False)
class Prices(Record):
    """What L1Block says of prices, as the first transaction that pays has found it."""

    base_fee: Word
    blob_base_fee: Word
    base_fee_scalar: U32
    blob_base_fee_scalar: U32
    overhead: Word
    bedrock_scalar: Word
    is_bedrock: U8
    operator_fee_scalar: U32
    operator_fee_constant: U64
    da_footprint_scalar: U16


@dataclass(slots=True, eq=False)
class ReceiptWork(Record):
    """A receipt that is being written. `logs` are left, oldest first once they are measured."""

    logs: Ref
    logs_bytes: U32
    bloom: Ref
    carry: Ref
    log: Ref
    position: U32


class SealStage(IntEnum):
    """What the next step does for the block's header."""

    JOURNAL = 0
    TRANSACTIONS = 1
    RECEIPTS = 2
    HEADER = 3
    OUTPUT = 4


@dataclass(slots=True, eq=False)
class Sealing(Record):
    """Phase BLOCK_END: what has become of the roots."""

    stage: U8
    state_root: HashField
    transactions_root: HashField
    receipts_root: HashField
    place: U32
    builder: Ref
    chain: Ref
    header_hash: HashField
