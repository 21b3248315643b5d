"""Steps of random programs, as the step machine takes them: the state before, the witness, the
commitment after. The world is small and its tries are real, so that loads open real proofs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from evm_engines import STORED, Case
from evm_fuzz import random_case
from evm_programs import COINBASE, CONTRACTS, EDGES, ORIGIN, SMALL, push

from chain import rlp
from chain.account import encode_account
from chain.crypto.keccak import keccak256
from chain.trie import EMPTY_ROOT, Trie
from chain.types import Address
from evm.step.block_records import Job, Progress, Sealing, SealStage, Stage
from evm.step.instructions import OPCODES
from evm.step.machine import Machine
from evm.step.names import NOTHING, is_nothing
from evm.step.opener import LiveOpener, encode_witness, witness_items
from evm.step.rules import StepRules
from evm.step.running import opcode_at
from evm.step.state import (
    Block,
    Call,
    Context,
    Effects,
    Ending,
    Flag,
    Load,
    LoadKind,
    Message,
    Outcome,
    Phase,
    State,
    Transaction,
)
from evm.step.stepping import record
from evm.step.structures.words import data_tree
from evm.step.trace import is_over

TRANSACTION = 3
SHARE, LONGEST, ALONE = 15, 1_000, 4


@dataclass(frozen=True)
class Step:
    """One step: what a verifier is given, and what it has to answer."""

    phase: int
    opcode: int
    """In phase RUN; else 0."""
    state: bytes
    proof: bytes
    after: bytes

    kind: str
    """The opcode's name, or the phase's and what it is about."""


CREATION, DEPOSIT, LOADED_CODE = "enter, creation", "leave, deposit of code", "load, code"
WHOLE_CODES = frozenset({CREATION, DEPOSIT, LOADED_CODE})


def kind_of(state: State, opcode: int, live: LiveOpener) -> str:
    """What a step from a state is about."""
    phase = Phase(state.phase)
    if phase == Phase.RUN:
        return OPCODES[opcode].name if opcode in OPCODES else "undefined opcode"
    if phase == Phase.ENTER:
        message = live.open(state.pending, Message)
        return CREATION if message.flags & Flag.CREATION else "enter, call"
    if phase == Phase.LOAD:
        kind = live.open(state.pending, Load).kind
        return {
            LoadKind.ACCOUNT: "load, account",
            LoadKind.SLOT: "load, slot",
            LoadKind.ANCESTOR: "load, ancestor",
        }.get(LoadKind(kind), LOADED_CODE)
    if phase == Phase.LEAVE:
        outcome = live.open(state.pending, Outcome)
        is_creation = live.open(outcome.call, Call).flags & Flag.CREATION
        if is_creation and outcome.ending == Ending.SUCCEEDED and outcome.output_length:
            return DEPOSIT
        return "leave, parent"
    return _block_kind(state, live) or phase.name.lower()


def _block_kind(state: State, live: LiveOpener) -> str:
    """Of the phases of blocks and transactions that have stages: phase and stage."""
    phase, stage = Phase(state.phase), 0
    if phase == Phase.TRANSACTION_BEGIN:
        stage = 0 if is_nothing(state.pending) else live.open(state.pending, Job).stage
        name = Stage(stage).name if stage else "TAKE_UP"
    elif phase == Phase.TRANSACTION_END:
        surroundings = live.open(state.context, Context)
        progress = live.open(live.open(surroundings.transaction, Transaction).rest, Progress)
        name = Stage(live.open(progress.job, Job).stage).name
    elif phase == Phase.BLOCK_END:
        stage = 0 if is_nothing(state.pending) else live.open(state.pending, Sealing).stage
        name = SealStage(stage).name
    else:
        return ""
    return f"{phase.name}, {name}".lower().replace("_", " ")


_STAGES = {stage.name: int(stage) for stage in (*Stage, *SealStage)}


def stage_of(kind: str) -> int:
    """The stage that a kind of step of transactions and block ends names; 0 for others."""
    return _STAGES.get(kind.partition(", ")[2].upper().replace(" ", "_"), 0)


class World:
    """Accounts in a state trie, and whatever hashes to a node of it or to a code."""

    def __init__(self) -> None:
        self._found: dict[bytes, bytes] = {}
        self._accounts = Trie({})
        self.live = LiveOpener(self._found.get)

    def put(
        self, address: Address, nonce: int, balance: int, code: bytes, slots: dict[int, int]
    ) -> None:
        """Write one account."""
        storage_root = EMPTY_ROOT
        if any(slots.values()):
            storage = Trie({})
            for slot, value in slots.items():
                if value:
                    word = value.to_bytes((value.bit_length() + 7) // 8, "big")
                    storage.set(keccak256(slot.to_bytes(32, "big")), rlp.encode(word))
            storage_root, nodes = storage.commit()
            self._found |= nodes
        self._found[keccak256(code)] = code
        encoded = encode_account(nonce, balance, storage_root, keccak256(code))
        self._accounts.set(keccak256(address), encoded)

    def state_root(self) -> bytes:
        """The state root, after which its nodes can be found."""
        root, nodes = self._accounts.commit()
        self._found |= nodes
        return root


def world_of(case: Case, rnd: random.Random) -> World:
    """The world in which a case begins, with enough others to make the trie deep."""
    world = World()
    world.put(ORIGIN, 1, 10**18, b"", {})
    for index, (address, code) in enumerate(zip(CONTRACTS, case.codes, strict=True)):
        slots = dict(STORED) if case.has_storage and not index else {}
        world.put(address, 1, 100, code, slots)
    for prior in case.priors:
        slots = {0: prior.slot} if prior.slot else {}
        world.put(prior.address, prior.nonce, prior.balance, prior.code, slots)
    for _ in range(rnd.choice((0, 20, 200))):
        world.put(Address(rnd.randbytes(20)), rnd.getrandbits(16), rnd.getrandbits(60), b"", {})
    return world


def first_state(case: Case, world: World, rnd: random.Random, fork: int) -> State:
    """The state in which the outermost frame of a case is entered."""
    ancestors = data_tree(b"".join(keccak256(bytes([n])) for n in range(256)))
    block = Block(
        number=rnd.choice((3, 256, 10**6)), timestamp=1_700_000_000, coinbase=COINBASE,
        prev_randao=rnd.getrandbits(256), gas_limit=30_000_000, base_fee=7, blob_base_fee=1,
        chain_id=901, fork=fork, state_root=world.state_root(), ancestors=ancestors, rest=NOTHING,
    )  # fmt: skip
    blobs = rnd.choice((0, 1, 3))
    hashes = data_tree(b"".join(b"\x01" + rnd.randbytes(31) for _ in range(blobs)))
    transaction = Transaction(TRANSACTION, ORIGIN, 9, hashes, blobs, NOTHING)
    message = Message(
        gas=case.gas, flags=0, depth=0, address=CONTRACTS[0], caller=ORIGIN, value=case.value,
        code_address=CONTRACTS[0], calldata=data_tree(case.data), calldata_length=len(case.data),
        output_offset=0, output_size=0, salt=0,
    )  # fmt: skip
    effects = Effects(NOTHING, NOTHING, NOTHING, NOTHING, 0, TRANSACTION)
    return State(Phase.ENTER, message, Context(block, transaction), effects, NOTHING)


def steps_of(case: Case, rnd: random.Random, rules: StepRules) -> Iterator[Step]:
    """All steps of a case, until its outermost frame has ended."""
    world = world_of(case, rnd)
    return steps_from(
        first_state(case, world, rnd, rules.fork),
        world.live,
        rules,
        lambda state: is_over(Machine(state, world.live, rules)),
    )


def steps_from(
    state: State, live: LiveOpener, rules: StepRules, is_last: Callable[[State], bool]
) -> Iterator[Step]:
    """The steps from a state until a last one."""
    while not is_last(state):
        opcode = 0
        if state.phase == Phase.RUN:
            machine = Machine(state, live, rules)
            machine.open_frame()
            opcode = opcode_at(machine)
        after, witness = record(state, live, rules)
        first, *items = witness_items(witness)
        kind = kind_of(state, opcode, live)
        yield Step(state.phase, opcode, first, encode_witness(items), after.commitment, kind)
        state = after


def opcode_case(opcode: int, rnd: random.Random) -> Case:
    """One opcode on operands of every size, now and then with too few of them or too little gas."""
    code = b""
    for _ in range(rnd.choice((17, 17, 17, 17, 7, 3, 1, 0))):
        code += push(rnd.choice((*SMALL, *EDGES, rnd.getrandbits(256))))
    code += bytes((opcode,)) + rnd.randbytes(rnd.choice((0, 40)))
    gas = rnd.choice((100_000, 100_000, 100_000, 3 * 17 + rnd.randrange(200)))
    return Case((code, b"", b"", b""), b"", gas, 0, has_storage=rnd.random() < 0.5)


def random_steps(rnd: random.Random, rules: StepRules) -> Iterator[Step]:
    """Steps without end: of random programs by turns with each opcode by itself.

    A run gives its first steps and some of the next thousand, so that loops do not fill the share.
    """
    opcodes = list(range(256))
    while True:
        rnd.shuffle(opcodes)
        for opcode in opcodes:
            run = islice(steps_of(random_case(rnd), rnd, rules), LONGEST)
            for index, step in enumerate(run):
                if index < SHARE or rnd.random() < 1 / SHARE:
                    yield step
            for _ in range(ALONE):
                run = islice(steps_of(opcode_case(opcode, rnd), rnd, rules), LONGEST)
                yield from (
                    step for step in run if step.phase == Phase.RUN and step.opcode == opcode
                )
