"""The steps that begin and end a block, on L1 and on the step machine; and wrong witnesses."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import step_blocks
from execution import STRANGER, USERS, attributes, deposit, engine, send
from step_runs import Step, kind_of
from step_verifier import Judge, StepVerifier
from stepped_chain import EXTRA, Stepper, every_kind_of, steps_of_block
from witness_blocks import HASH, STORE

from chain.crypto.keccak import keccak256
from chain.trie import EMPTY_ROOT, Trie
from chain.types import Hash32
from evm.forks import HOLOCENE, KARST
from evm.step.block_records import (
    NO_PROGRESS,
    Attributes,
    BlockRest,
    Claim,
    Data,
    Progress,
    Recount,
    Rule,
    Sealing,
    SealStage,
)
from evm.step.names import NOTHING, Link, Name, Raw
from evm.step.opener import LiveOpener, encode_witness, witness_items
from evm.step.ordered_trie import EMPTY_ROOT as NO_LIST
from evm.step.state import NO_EFFECTS, Block, Context, Phase, State, Transaction
from evm.step.stepping import record
from evm.step.structures.words import data_tree
from evm.step.structures.world import Account, Slot, account_key, find, slot_key
from evm.step_blocks import block_inputs, inputs_tree
from evm.step_rules import step_rules_of
from genesis.addresses import (
    BEACON_ROOTS,
    HISTORY_STORAGE,
    L2_TO_L1_MESSAGE_PASSER,
)
from genesis.allocation import GenesisAccount
from rollup.settlement.step_verifier import ForkRules, fork_rules

MINE = frozenset({Phase.BLOCK_BEGIN, Phase.SYSTEM_CALL, Phase.BLOCK_END})
MOST_GAS = 1 << 24
OF_KARST = step_rules_of(KARST)
_VERIFIERS: dict[ForkRules, StepVerifier] = {}


def judge_of(rules) -> Judge:
    """A judge over the verifier of a fork's rules, which is deployed once."""
    told = fork_rules(rules)
    if told not in _VERIFIERS:
        _VERIFIERS[told] = StepVerifier(told)
    return Judge(_VERIFIERS[told])


def is_mine(step: Step) -> bool:
    """Is it of a phase of blocks, or about the hash of an older one?"""
    return step.phase in MINE or step.kind in ("load, ancestor", "BLOCKHASH")


def step_from(state: State, live: LiveOpener, rules=OF_KARST) -> tuple[Step, State]:
    """One step, and the state behind it."""
    after, witness = record(state, live, rules)
    first, *items = witness_items(witness)
    kind = kind_of(state, 0, live)
    return Step(state.phase, 0, first, encode_witness(items), after.commitment, kind), after


def agrees(state: State, live: LiveOpener, rules=OF_KARST) -> State:
    """L1 takes the step as the machine does, and no wrong witness for it; the state behind it."""
    step, after = step_from(state, live, rules)
    judge = judge_of(rules)
    judge.step(step)
    judge.mutants(step, random.Random(len(step.proof)), 4)
    assert judge.found.wrong == []
    assert not judge.found.unsupported
    assert max(judge.found.gas()) < MOST_GAS
    return after


def stepper_with(fork, accounts) -> Stepper:
    """A chain that begins with these accounts, too."""
    stepper = Stepper(fork)
    stepper.chain = engine(stepper.config, {**EXTRA, **accounts})
    stepper.headers = [stepper.chain.header(stepper.chain.heads.unsafe.hash)]
    return stepper


def block_with(stepper: Stepper, *txs) -> step_blocks.SteppedBlock:
    """A block of these inputs, whether it can be executed or not."""
    asked = attributes(stepper.chain, *txs)
    inputs = step_blocks.inputs_with(stepper.config, stepper.headers[-1], asked)
    block = stepper.prepared()
    return replace(
        block, first=replace(block.first, pending=replace(block.first.pending, inputs=inputs))
    )


# -- whole blocks ---------------------------------------------------------------------------------


def some_of(steps: list[Step], rnd: random.Random, most: int) -> list[Step]:
    """Of each kind the first, the last and a few others."""
    chosen = []
    for kind in dict.fromkeys(step.kind for step in steps):
        own = [step for step in steps if step.kind == kind]
        chosen += own if len(own) <= most else [own[0], *rnd.sample(own[1:-1], most - 2), own[-1]]
    return chosen


def judged(block, most=9, mutants=1) -> Judge:
    """Some of the block's steps that are ours, each with wrong witnesses."""
    rnd, judge = random.Random(most), judge_of(block.rules)
    for step in some_of([step for step in steps_of_block(block) if is_mine(step)], rnd, most):
        judge.step(step)
        judge.mutants(step, rnd, mutants)
    assert judge.found.wrong == []
    assert not judge.found.unsupported
    assert max(judge.found.gas()) < MOST_GAS
    return judge


@pytest.mark.parametrize("fork", ["ecotone", "fjord", "holocene", "isthmus", "karst"])
def test_blocks_begin_and_end_as_on_the_step_machine(fork):
    stepper = Stepper(fork)
    stepper.agrees()
    block, _ = stepper.agrees(*every_kind_of(fork, stepper.config.chain_id))
    kinds = judged(block).found.kinds
    assert len(kinds) == 7


def test_a_block_without_transactions_ends_as_on_the_step_machine():
    block, _ = Stepper("karst").agrees()
    judged(block, most=4)


def test_an_output_root_that_is_not_the_blocks_is_invalid():
    block = Stepper("karst").prepared(send(0, 0))
    claim = replace(block.first.pending, disputed=Hash32(b"\x01" * 32))
    *_, last = steps_of_block(replace(block, first=replace(block.first, pending=claim)))
    judge = judge_of(block.rules)
    judge.step(last)
    assert judge.found.wrong == []
    assert last.after[0] == 1


def test_slots_and_accounts_that_are_gone_are_written_back():
    """A slot becomes zero, an account ends with slots of its own, another is empty and touched."""
    stepper = Stepper("isthmus")
    ending = bytes.fromhex("60016001556002600255" + "33ff")
    block, _ = stepper.agrees(
        send(0, 0, STORE, data=bytes(31) + b"\x03" + bytes(32)),
        send(0, 1, STORE, data=(77).to_bytes(32, "big") + b"\xff" * 32),
        send(0, 2, None, data=ending, gas=300_000),
        send(1, 0, STRANGER),
    )
    judged(block, most=60, mutants=0)


def test_the_message_passers_storage_root_is_in_header_and_output():
    code = bytes.fromhex("60203560003555")
    passer = GenesisAccount(nonce=1, code=code, storage={n: n for n in range(1, 30)})
    stepper = stepper_with("jovian", {L2_TO_L1_MESSAGE_PASSER: passer})
    sent = send(0, 0, L2_TO_L1_MESSAGE_PASSER, data=b"\x01" * 64)
    block, _ = stepper.agrees(sent)
    assert block.result.header.withdrawals_root != EMPTY_ROOT
    judged(block)


def deepest(key: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Root and nodes of a trie in which 64 branches of sixteen children lead to the key."""
    trie, path = Trie({}), int.from_bytes(key, "big")
    for depth in range(64):
        for nibble in range(16):
            trie.set((path ^ nibble << 252 - 4 * depth).to_bytes(32, "big"), b"z" * 100)
    return trie.commit()


def sealing(world, journal, root=EMPTY_ROOT) -> State:
    """A block's end that is to write the newest key of a journal."""
    work = Sealing(SealStage.JOURNAL, root, NO_LIST, NO_LIST, 0, NOTHING, NOTHING, NOTHING)
    effects = replace(NO_EFFECTS, world=world, journal=Link(NOTHING, journal))
    return State(Phase.BLOCK_END, work, b"\x0c" * 32, effects, NOTHING)


@pytest.mark.parametrize("exists", [0, 1])
def test_the_deepest_trie_of_accounts_fits_a_transaction(exists):
    root, nodes = deepest(keccak256(STRANGER))
    live, key = LiveOpener(nodes.get), account_key(STRANGER)
    account = Account(2**64 - 1, 2**256 - 1, b"c" * 32, EMPTY_ROOT, 0, exists, 0, 0, 0)
    world = find(live, NOTHING, key, Account).put(account)
    after = agrees(sealing(world, key, root), live)
    assert after.pending.state_root != root


@pytest.mark.parametrize("value", [0, 1, 2**256 - 1])
def test_the_deepest_trie_of_slots_fits_a_transaction(value):
    root, nodes = deepest(keccak256((5).to_bytes(32, "big")))
    live, key = LiveOpener(nodes.get), slot_key(STRANGER, 3, 5)
    account = Account(1, 0, b"c" * 32, root, 3, 1, 0, 0, 0)
    world = find(live, NOTHING, account_key(STRANGER), Account).put(account)
    world = find(live, world, key, Slot).put(Slot(value, 0, 0, 0))
    agrees(sealing(world, key), live)


@pytest.mark.parametrize(("exists", "generation"), [(0, 3), (1, 4)])
def test_a_slot_of_a_life_that_has_ended_is_left_out(exists, generation):
    live, key = LiveOpener({}.get), slot_key(STRANGER, 3, 5)
    account = Account(1, 0, b"c" * 32, EMPTY_ROOT, generation, exists, 0, 0, 0)
    world = find(live, NOTHING, account_key(STRANGER), Account).put(account)
    assert agrees(sealing(world, key), live).effects.world is world


@pytest.mark.parametrize("key", [account_key(STRANGER), slot_key(STRANGER, 0, 1)])
def test_an_account_that_the_map_lacks_is_loaded_first(key):
    assert agrees(sealing(NOTHING, key), LiveOpener({}.get)).phase == Phase.LOAD


# -- older hashes ---------------------------------------------------------------------------------


def test_hashes_of_older_blocks_are_loaded_from_the_headers_above():
    stepper = Stepper("karst")
    for _ in range(4):
        stepper.agrees()
    backs = [1, 4, 4, 5, 6, 300]
    block, _ = stepper.agrees(
        *[send(0, at, HASH, data=back.to_bytes(32, "big")) for at, back in enumerate(backs)]
    )
    judge = judge_of(block.rules)
    for step in steps_of_block(block):
        if step.kind in ("load, ancestor", "BLOCKHASH"):
            judge.step(step)
            judge.mutants(step, random.Random(3), 3)
    assert judge.found.wrong == []
    # Block 1 from 2 from 3, each load first meeting what lacks above it; then block 0 at once.
    assert len(judge.found.kinds["load, ancestor"].gas) == 6
    assert max(judge.found.gas()) < MOST_GAS


# -- the first step -------------------------------------------------------------------------------


class Beginning:
    """The first state of a block behind a parent of our own making."""

    def __init__(self, fork="karst", has=None, **parent) -> None:
        self.stepper = Stepper(fork)
        above = replace(self.stepper.headers[-1], **{"number": 7, **parent})
        self.parent = above
        asked = attributes(self.stepper.chain)
        inputs = block_inputs(self.stepper.config, above, asked)
        rules = inputs.rules if has is None else replace(inputs.rules, has=has)
        self.inputs: Attributes = replace(inputs, rules=rules)
        self.live = LiveOpener({above.hash: above.encode()}.get)
        self.output = bytes(32) + EMPTY_ROOT + EMPTY_ROOT + above.hash

    def state(self, number=None, **inputs) -> State:
        """It, with other attributes or another number."""
        number = self.parent.number + 1 if number is None else number
        tree = inputs_tree(number, [replace(self.inputs, **inputs)])
        claim = Claim(Raw(self.output), bytes(32), number, bytes(32), tree)
        return State(Phase.BLOCK_BEGIN, claim, NOTHING, NOTHING, NOTHING)


@pytest.mark.parametrize("is_true", [True, False])
def test_a_claim_of_the_block_that_is_agreed_on_ends_at_once(is_true):
    begin = Beginning()
    claim = begin.state(number=7).pending
    disputed = keccak256(begin.output) if is_true else bytes(32)
    state = State(Phase.BLOCK_BEGIN, replace(claim, disputed=disputed), NOTHING, NOTHING, NOTHING)
    last = agrees(state, begin.live)
    assert last.phase == (Phase.VALID if is_true else Phase.INVALID)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": 9},
        {"number": 6},
        {"number": 7 + 65_536},
        {"timestamp": 1_700_000_000},
        {"timestamp": 0},
        {"transaction_count": 65_537},
        {"transaction_count": 2**32 - 1},
    ],
)
def test_a_block_that_cannot_be_behind_its_parent_is_invalid(changes):
    begin = Beginning()
    last = agrees(begin.state(**changes), begin.live)
    assert (last.phase, last.pending) == (Phase.INVALID, NOTHING)


@pytest.mark.parametrize(
    ("fork", "extra_data", "is_right"),
    [
        ("karst", bytes.fromhex("01000000fa00000006000000003b9aca00"), True),
        ("karst", bytes.fromhex("01000000fa00000006ffffffffffffffff"), True),
        ("karst", bytes.fromhex("00000000fa00000006000000003b9aca00"), False),
        ("karst", bytes.fromhex("010000000000000006000000003b9aca00"), False),
        ("karst", bytes.fromhex("01000000fa00000000000000003b9aca00"), False),
        ("karst", bytes.fromhex("00000000fa00000006"), False),
        ("karst", b"", False),
        ("karst", b"e" * 33, False),
        ("isthmus", bytes.fromhex("00000000fa00000006"), True),
        ("isthmus", bytes.fromhex("01000000fa00000006"), False),
        ("isthmus", bytes.fromhex("01000000fa00000006000000003b9aca00"), False),
        ("granite", b"", True),
        ("granite", b"whatever", True),
    ],
)
def test_a_parents_fee_parameters_are_read_as_on_the_step_machine(fork, extra_data, is_right):
    begin = Beginning(fork, extra_data=extra_data, gas_used=29_000_000)
    rules = Stepper(fork).prepared().rules
    last = agrees(begin.state(), begin.live, rules)
    assert last.phase == (Phase.SYSTEM_CALL if is_right else Phase.INVALID)


def test_the_first_block_behind_genesis_has_the_rules_parameters():
    begin = Beginning(number=0, extra_data=b"")
    assert agrees(begin.state(), begin.live).phase == Phase.SYSTEM_CALL


def test_most_transactions_that_a_block_can_have():
    begin = Beginning(extra_data=bytes.fromhex("01000000fa00000006000000003b9aca00"))
    assert agrees(begin.state(transaction_count=65_536), begin.live).phase == Phase.SYSTEM_CALL


def refused(state, live, rules, verifier=None):
    """Why L1 does not take a step that the machine takes."""
    step, _ = step_from(state, live, rules)
    verifier = verifier or judge_of(rules).verifier
    outcome = verifier.step(step.state, step.proof)
    assert not outcome.succeeded
    return outcome.reason


@pytest.mark.parametrize(
    ("fork", "is_decided"),
    [
        ("ecotone", False),
        ("fjord", True),
        ("granite", True),
        ("holocene", True),
        ("isthmus", False),
    ],
)
def test_blocks_of_a_fork_that_the_verifier_is_not_made_for_are_refused(fork, is_decided):
    extra = bytes.fromhex("00000000fa00000006") if fork == "isthmus" else b""
    begin = Beginning(fork, extra_data=extra)
    rules = step_rules_of(HOLOCENE)
    if fork == "holocene":
        begin = Beginning(fork, extra_data=bytes.fromhex("00000000fa00000006"))
    if is_decided:
        assert agrees(begin.state(), begin.live, rules).phase == Phase.SYSTEM_CALL
    else:
        reason = refused(begin.state(), begin.live, rules)
        assert reason == "BlockBeginStep: the verifier is another fork's"


def test_a_block_of_an_l1_is_refused():
    begin = Beginning("karst", has=Rule.PARENT_HASHES | Rule.REQUESTS)
    reason = refused(begin.state(), begin.live, OF_KARST)
    assert reason == "BlockBeginStep: not a block of an L2"


def test_an_output_of_another_version_or_a_header_that_is_none_is_refused():
    begin = Beginning()
    right, _ = step_from(begin.state(number=7), begin.live)
    verifier = judge_of(OF_KARST).verifier
    assert verifier.step(right.state, right.proof).succeeded
    claim, output, header = witness_items(right.proof)
    for version, data in ((b"\x01" + bytes(31), header), (bytes(32), header[:-1])):
        named = version + output[32:96] + keccak256(data)
        other = keccak256(named) + claim[32:]
        state = State(Phase.BLOCK_BEGIN, keccak256(other), NOTHING, NOTHING, NOTHING)
        proof = encode_witness([other, named, data])
        assert not verifier.step(state.encode(), proof).succeeded


# -- system calls ---------------------------------------------------------------------------------


def test_system_contracts_that_are_not_there_are_passed_over():
    """Neither account is in the trie of the block's beginning, which is empty."""
    begin = Beginning(extra_data=bytes.fromhex("01000000fa00000006000000003b9aca00"))
    state, phases = begin.state(), []
    while state.phase != Phase.TRANSACTION_BEGIN:
        phases.append(state.phase)
        if state.phase in MINE:
            state = agrees(state, begin.live)
        else:
            _, state = step_from(state, begin.live)
    assert phases.count(Phase.LOAD) == 2
    assert phases.count(Phase.SYSTEM_CALL) == 5


def test_system_contracts_without_code_are_passed_over():
    empty = {BEACON_ROOTS: GenesisAccount(balance=1), HISTORY_STORAGE: GenesisAccount(balance=1)}
    block, _ = stepper_with("isthmus", empty).agrees()
    judged(block, most=20, mutants=0)


# -- deposits alone -------------------------------------------------------------------------------


@pytest.mark.parametrize("deposits", [0, 1, 2])
def test_a_block_is_begun_again_with_its_deposits_alone(deposits):
    stepper = Stepper("karst")
    first = [deposit(USERS[1], STRANGER, mint=7, value=3, salt=n) for n in range(deposits)]
    block = block_with(stepper, *first, send(0, 5, STRANGER))
    judge = judge_of(block.rules)
    steps = [step for step in steps_of_block(block) if step.phase == Phase.BLOCK_BEGIN]
    for step in steps:
        judge.step(step)
    assert judge.found.wrong == []
    assert len(steps) == 2 + deposits


def recounted(transactions, pending=NOTHING, count=None):
    """A block that is begun again with these transactions in its inputs."""
    chain: Name = NOTHING
    for data in reversed(transactions):
        chain = Link(chain, Data(data_tree(data), len(data)))
    begin = Beginning()
    count = len(transactions) if count is None else count
    inputs = replace(begin.inputs, transactions=chain, transaction_count=count)
    context = context_of(inputs, NO_PROGRESS)
    if isinstance(pending, int):
        for _ in range(pending):
            chain = chain.previous
        pending = Recount(chain, pending)
    return State(Phase.BLOCK_BEGIN, pending, context, NO_EFFECTS, NOTHING), begin.live


def context_of(inputs: Attributes, progress: Progress, count=None) -> Context:
    """A block and how far it has come."""
    rest = BlockRest(
        Raw(bytes(136)), inputs, inputs.rules, b"\x07" * 32, 0,
        inputs.transaction_count if count is None else count, 0,
    )  # fmt: skip
    block = Block(
        number=8, timestamp=9, coinbase=STRANGER, prev_randao=2**255, gas_limit=30_000_000,
        base_fee=7, blob_base_fee=1, chain_id=901, fork=10, state_root=EMPTY_ROOT,
        ancestors=NOTHING, rest=rest,
    )  # fmt: skip
    return Context(block, Transaction(3, STRANGER, 0, NOTHING, 0, progress))


@pytest.mark.parametrize(
    ("transactions", "pending", "is_counted"),
    [
        ([], NOTHING, False),
        ([b""], NOTHING, False),
        ([b"\x7e"], NOTHING, True),
        ([b"\x02" + bytes(40)], NOTHING, False),
        ([b"\x7e" + bytes(31)], NOTHING, True),
        ([b"\x7e" + bytes(32)], NOTHING, True),
        ([b"\x7e" + bytes(1023)], NOTHING, True),
        ([b"\x7e" + bytes(1024)], NOTHING, True),
        ([b"\x7e" + bytes(5000)], NOTHING, True),
        ([b"\x01" + bytes(5000)], NOTHING, False),
        ([b"\x7e", b"\x7e", b"\x02"], 1, True),
        ([b"\x7e", b"\x7e", b"\x02"], 2, False),
        ([b"\x7e", b"\x7e"], 2, False),
    ],
)
def test_deposits_are_counted_as_on_the_step_machine(transactions, pending, is_counted):
    after = agrees(*recounted(transactions, pending))
    assert after.phase == (Phase.BLOCK_BEGIN if is_counted else Phase.SYSTEM_CALL)


# -- lists ----------------------------------------------------------------------------------------


def full_builder(index: int) -> bytes:
    """The branches on the way to an index of a list of 65,536, the children behind it hashes."""
    builder = b""
    for depth in range(2, 6):
        own = index >> (20 - 4 * depth) & 15
        children = [
            b"\xa0" + keccak256(bytes((depth, nibble))) if nibble > own else b"\x80"
            for nibble in range(16)
        ]
        builder += bytes((depth,)) + b"".join(bytes((len(child),)) + child for child in children)
    return builder


@pytest.mark.parametrize("stage", [SealStage.TRANSACTIONS, SealStage.RECEIPTS])
@pytest.mark.parametrize(
    ("place", "count", "builder"),
    [
        (0, 1, b""),
        (0, 2, b""),
        (0, 65_536, b""),
        (0x10000 - 1 - 0x1000, 65_536, full_builder(0x1000)),
        (0x10000 - 1 - 0x4444, 65_536, full_builder(0x4444)),
        (0x10000 - 1 - 0xAAAA, 65_536, full_builder(0xAAAA)),
        (1, 1, b"r" * 32),
        (0, 0, b""),
    ],
)
def test_lists_of_any_length_grow_as_on_the_step_machine(stage, place, count, builder):
    reference = Raw(b"\xa0" + keccak256(b"leaf"))
    chain = Link(b"\x01" * 32, reference)
    progress = replace(
        NO_PROGRESS, first_transaction=reference, first_receipt=Raw(b"\xc1\x80"), receipts=chain
    )
    context = context_of(Beginning().inputs, progress, count)
    work = Sealing(stage, EMPTY_ROOT, NO_LIST, NO_LIST, place, Raw(builder), chain, NOTHING)
    after = agrees(State(Phase.BLOCK_END, work, context, NO_EFFECTS, NOTHING), LiveOpener({}.get))
    assert isinstance(after.pending, Sealing)
    assert after.pending.stage == stage + (place == count)
