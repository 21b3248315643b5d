"""What a state between two steps consists of, and what each phase has to remember.

docs/protocol/one-step.md has the same records as a table. Knows how nothing of it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final

from chain.crypto.keccak import keccak256

from .names import (
    I64,
    NOTHING,
    U8,
    U16,
    U32,
    U64,
    AddressField,
    HashField,
    Name,
    Record,
    Ref,
    Word,
)


class Phase(IntEnum):
    """What the next step does."""

    BLOCK_BEGIN = 0
    SYSTEM_CALL = 1
    TRANSACTION_BEGIN = 2
    TRANSACTION_END = 3
    BLOCK_END = 4
    RUN = 5
    COPY = 6
    HASH = 7
    ENTER = 8
    PRECOMPILE = 9
    LEAVE = 10
    LOAD = 11
    VALID = 12
    INVALID = 13


class Flag(IntFlag):
    """What kind of call a frame is."""

    STATIC = 1
    CREATION = 2
    KEEPS_VALUE = 4
    """It does not move its value: DELEGATECALL, CALLCODE."""
    DELEGATED = 8
    """Its code is that of a delegate (EIP-7702), which is no precompile's."""
    SALTED = 16
    """A creation whose address is not known before its init code is hashed (CREATE2)."""
    SYSTEM = 32
    """The outermost frame of a system call: behind it comes phase SYSTEM_CALL."""


class Status(IntEnum):
    """The OP Stack's VM status."""

    VALID = 0
    INVALID = 1
    UNFINISHED = 3


_STATUS: Final = {Phase.VALID: Status.VALID, Phase.INVALID: Status.INVALID}


@dataclass(slots=True, eq=False)
class State(Record):
    """A state between two steps."""

    phase: U8
    pending: Ref
    context: Ref
    effects: Ref
    frame: Ref

    @property
    def status(self) -> int:
        """Whether steps are left, and if not, whether the disputed output root is right."""
        return status_of(self.phase)

    @property
    def commitment(self) -> bytes:
        """32 bytes: status ‖ H(state)[1:]."""
        return bytes((self.status,)) + self.name[1:]


def status_of(phase: int) -> int:
    """The status of a state in that phase."""
    return Status(_STATUS.get(phase, Status.UNFINISHED))  # type: ignore[call-overload]


def commitment_of(state: bytes) -> bytes:
    """The commitment to a state's bytes."""
    return bytes((status_of(state[0]),)) + keccak256(state)[1:]


@dataclass(slots=True, eq=False)
class Effects(Record):
    """What a failure undoes. `transaction` is the number of the current one, counted from 1."""

    world: Ref
    journal: Ref
    destroyed: Ref
    logs: Ref
    refund: I64
    transaction: U32


NO_EFFECTS: Final = Effects(NOTHING, NOTHING, NOTHING, NOTHING, 0, 0)


@dataclass(slots=True, eq=False)
class Frame(Record):
    """A call frame while it runs. `call` names what it was told when it began."""

    pc: U32
    gas: U64
    stack_size: U16
    stack: Ref
    memory_words: U32
    memory: Ref
    code: Ref
    code_length: U32
    return_data: Ref
    return_data_length: U32
    call: Ref


@dataclass(slots=True, eq=False)
class Call(Record):
    """What a frame was told: it stays the same while the frame lives."""

    depth: U16
    flags: U8
    address: AddressField
    caller: AddressField
    value: Word
    code_address: AddressField
    generation: U32
    calldata: Ref
    calldata_length: U32
    output_offset: U32
    output_size: U32
    entry_effects: Ref
    parent: Ref


# -- the context ----------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Context(Record):
    """What surrounds all frames of a transaction."""

    block: Ref
    transaction: Ref


@dataclass(slots=True, eq=False)
class Block(Record):
    """The block: gas, wei, seconds. `ancestors` is a tree of 256 words: block n at n mod 256.

    `state_root` is that of the block's beginning. `rest` is for the phases of the block.
    """

    number: U64
    timestamp: U64
    coinbase: AddressField
    prev_randao: Word
    gas_limit: U64
    base_fee: Word
    blob_base_fee: Word
    chain_id: Word
    fork: U8
    state_root: HashField
    ancestors: Ref
    rest: Ref


@dataclass(slots=True, eq=False)
class Transaction(Record):
    """The transaction, counted from 1. `rest` is for the phases of the transaction."""

    number: U32
    origin: AddressField
    gas_price: Word
    blob_hashes: Ref
    blob_count: U32
    rest: Ref


# -- what a phase has to remember -----------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Message(Record):
    """Phase ENTER: the call or creation that begins. The caller's frame is the state's frame."""

    gas: U64
    flags: U8
    depth: U16
    address: AddressField
    caller: AddressField
    value: Word
    code_address: AddressField
    calldata: Ref
    calldata_length: U32
    output_offset: U32
    output_size: U32
    salt: Word


class Ending(IntEnum):
    """How a frame has ended."""

    FAILED = 0
    SUCCEEDED = 1
    REVERTED = 2
    DEPOSITED = 3
    """A creation that has succeeded and whose code is in place."""


@dataclass(slots=True, eq=False)
class Outcome(Record):
    """Phases LEAVE and, below no frame, TRANSACTION_END or SYSTEM_CALL: how a frame has ended."""

    ending: U8
    gas: U64
    output: Ref
    output_length: U32
    call: Ref


class Source(IntEnum):
    """What a copy reads."""

    WORDS = 0
    CODE = 1


class Then(IntEnum):
    """What a copy is for."""

    MEMORY = 0
    """It becomes the frame's memory; the frame runs on."""
    MESSAGE = 1
    """The call data of the message `next`, which is entered."""
    OUTPUT = 2
    """The output of `next`, with which the frame is left."""
    LOG = 3
    """The data of the log `next`; the frame runs on."""


@dataclass(slots=True, eq=False)
class Copy(Record):
    """Phase COPY: `left` bytes are still to be copied; past the source's length there are zeros."""

    then: U8
    source_kind: U8
    source: Ref
    source_length: U32
    source_offset: U32
    target: Ref
    target_length: U32
    target_offset: U32
    left: U32
    next: Ref


@dataclass(slots=True, eq=False)
class Log(Record):
    """A log; topics that it does not have are zero. Its name is the item of the chain of logs."""

    address: AddressField
    topic_count: U8
    topic_0: Word
    topic_1: Word
    topic_2: Word
    topic_3: Word
    data: Ref
    data_length: U32


def log_of(address: bytes, topics: Sequence[int], data: Name, data_length: int) -> Log:
    """A log with up to four topics."""
    first, second, third, fourth = (*topics, 0, 0, 0, 0)[:4]
    return Log(address, len(topics), first, second, third, fourth, data, data_length)


@dataclass(slots=True, eq=False)
class Hashing(Record):
    """Phase HASH: a long Keccak-256 of memory. `sponge` names the 200 bytes of its state."""

    source: Ref
    source_length: U32
    offset: U32
    left: U32
    sponge: Ref


class LoadKind(IntEnum):
    """What a load puts into the world map."""

    ACCOUNT = 1
    SLOT = 2
    CODE = 4
    ANCESTOR = 8
    """Into the tree of ancestors rather: the hash of block `key`."""


@dataclass(slots=True, eq=False)
class Load(Record):
    """Phase LOAD: what is missing, and where to go back to. `key` is a slot or a code hash."""

    kind: U8
    address: AddressField
    key: Word
    back_phase: U8
    back_pending: Ref
