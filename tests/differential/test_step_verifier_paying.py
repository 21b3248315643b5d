"""Payment, access lists, authorizations and messages on L1 against the step machine.

Blocks of several forks give the states; from them others are made by changing what the step reads,
so that what no block does is compared as well.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cache

import pytest
import step_blocks
from execution import KEYS, STRANGER, USERS
from step_runs import Step, steps_from
from step_verifier import Judge, StepVerifier
from stepped_chain import LOGGER, STORE, Stepper, every_kind_of

from chain.account import EMPTY_CODE_HASH
from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import CURVE_ORDER, HALF_CURVE_ORDER
from chain.transaction import SetCodeTransaction, sign_authorization, sign_transaction
from chain.types import Address
from evm.step.accounts import DELEGATION_PREFIX, access, change_account, put_code
from evm.step.block_records import Job, Prices, Rule, Stage
from evm.step.block_work import read_job
from evm.step.data_fees import da_footprint, data_fee, operator_fee
from evm.step.loading import ensure_account, ensure_slot
from evm.step.machine import Machine
from evm.step.names import NOTHING, Raw, is_nothing
from evm.step.slots import place_of_slot
from evm.step.state import Phase
from evm.step.stepping import advance
from evm.step.structures.code import code_tree
from evm.step.structures.words import data_tree
from evm.step.structures.world import Code, Slot
from genesis.addresses import L1_BLOCK
from rollup.settlement.step_verifier import ForkRules, fork_rules

FORKS = ("ecotone", "fjord", "isthmus", "jovian", "karst")
WHOLE, SHARE = "jovian", 8
"""A fork of which all steps are taken but those of lists; of the others a share."""
STAGES = (Stage.PAY, Stage.WARM, Stage.AUTHORIZE, Stage.START)
KINDS = {
    "transaction begin, pay": "PayStep",
    "transaction begin, warm": "WarmStep",
    "transaction begin, authorize": "WarmStep",
    "transaction begin, start": "StartStep",
}
MOST_GAS = 1_000_000
MOST = 2**256 - 1
CODE = b"\x60\x00"


@dataclass
class Begun:
    """States of one block in which a transaction is paid for, warms accounts or starts."""

    block: step_blocks.SteppedBlock
    states: list
    complete_states: list
    """Those from which the step is no load."""

    def job(self, state) -> Job:
        return self.block.opener.open(state.pending, Job)

    def step(self, state) -> Step:
        rules, opener = self.block.rules, self.block.opener
        return next(steps_from(state, opener, rules, lambda _: False))

    def machine(self, state) -> Machine:
        return Machine(state, self.block.opener, self.block.rules)

    def complete(self, stage, kind=None, which=0):
        """A state of a stage, of a type of transaction, from which the step is no load."""
        found = []
        for state in self.complete_states:
            job = self.job(state)
            if job.stage == stage and kind in (None, job.type):
                found.append(state)
        return found[which]


@cache
def begun(fork) -> Begun:
    stepper = Stepper(fork)
    return states_of(stepper.prepared(*every_kind_of(fork, stepper.config.chain_id)))


def states_of(block) -> Begun:
    found = Begun(block, [], [])
    machine = found.machine(block.first)
    while machine.phase not in (Phase.BLOCK_END, Phase.VALID, Phase.INVALID):
        state = None
        if machine.phase == Phase.TRANSACTION_BEGIN and not is_nothing(machine.pending):
            state = machine.state()
        advance(machine)
        if state is not None and found.job(state).stage in STAGES:
            found.states.append(state)
            if machine.phase != Phase.LOAD:
                found.complete_states.append(state)
    return found


@cache
def verifier(rules: ForkRules) -> StepVerifier:
    return StepVerifier(rules)


def judge_of(found: Begun) -> Judge:
    return Judge(verifier(fork_rules(found.block.rules)))


def agree(found: Begun, *states):
    """All steps from these states are answered as the machine does; the last one's phase."""
    judge, after = judge_of(found), None
    for state in states:
        judge.step(found.step(state))
        machine = found.machine(state)
        advance(machine)
        after = machine.phase
    assert judge.found.wrong == []
    assert not judge.found.unsupported
    return after


# -- states that are changed ----------------------------------------------------------------------


def with_job(found, state, **fields):
    return replace(state, pending=replace(found.job(state), **fields))


def with_progress(found, state, **fields):
    machine = found.machine(state)
    progress = replace(machine.transaction.rest, **fields)
    machine.set_transaction(replace(machine.transaction, rest=progress))
    return machine.state()


def with_block(found, state, **fields):
    machine = found.machine(state)
    machine.set_block(replace(machine.block, **fields))
    return machine.state()


def with_rest(found, state, **fields):
    return with_block(found, state, rest=replace(found.machine(state).block.rest, **fields))


def with_rules(found, state, **fields):
    rules = replace(found.machine(state).block.rest.rules, **fields)
    return with_rest(found, state, rules=rules)


def with_account(found, state, address, **fields):
    machine = found.machine(state)
    ensure_account(machine, address)
    change_account(machine, address, **fields)
    return machine.state()


def with_code(found, state, address, code):
    machine = found.machine(state)
    put_code(machine, keccak256(code), Code(code_tree(code), len(code)))
    return with_account(found, machine.state(), address, code_hash=keccak256(code))


def with_l1_block(found, state, slots):
    machine = found.machine(with_progress(found, state, prices=NOTHING))
    generation = ensure_account(machine, L1_BLOCK).generation
    for slot, value in slots.items():
        ensure_slot(machine, L1_BLOCK, slot)
        place = place_of_slot(machine, L1_BLOCK, generation, slot)
        machine.set_world(place.put(Slot(value, 0, 0, 0)))
    return machine.state()


# -- blocks as they are ---------------------------------------------------------------------------


@pytest.mark.parametrize("fork", FORKS)
def test_every_kind_of_transaction_is_paid_for_and_begins_on_l1(fork):
    found = begun(fork)
    judge, rnd = judge_of(found), random.Random(fork)
    states = [state for state in found.states if found.job(state).stage != Stage.WARM]
    listed = [state for state in found.states if found.job(state).stage == Stage.WARM]
    if fork != WHOLE:
        states = rnd.sample(states, SHARE)
    for state in [*states, *rnd.sample(listed, SHARE)]:
        judge.step(found.step(state))
    assert judge.found.wrong == []
    assert not judge.found.unsupported
    assert max(judge.found.gas()) < MOST_GAS
    assert set(judge.found.kinds) == set(KINDS) or fork != WHOLE


def test_no_wrong_witness_is_accepted():
    found, rnd = begun("jovian"), random.Random(1973)
    judge = judge_of(found)
    for state in rnd.sample(found.states, 20):
        judge.mutants(found.step(state), rnd, 4)
    assert judge.found.mutants == 80
    assert judge.found.wrong == []


def test_a_state_of_another_stage_or_phase_is_not_taken():
    found = begun("isthmus")
    judge = judge_of(found)
    addresses = {}
    for name in set(KINDS.values()):
        addresses[name] = next(a for a, n in judge.verifier._names.items() if n == name)
    for stage in STAGES:
        step = found.step(found.complete(stage))
        data = judge.verifier.data(step.state, step.proof)
        other = judge.verifier.data(bytes((Phase.TRANSACTION_END,)) + step.state[1:], step.proof)
        for name, address in addresses.items():
            outcome = judge.verifier.bench.send(address, data)
            assert outcome.succeeded == (name == KINDS[step.kind])
            assert not judge.verifier.bench.send(address, other).succeeded


# -- payment --------------------------------------------------------------------------------------


BAD_JOBS = {
    "block gas": {"gas_limit": 30_000_000},
    "most gas": {"gas_limit": 2**64 - 1},
    "chain": {"chain_id": 902},
    "chain, huge": {"chain_id": MOST},
    "tip above the cap": {"tip_cap": 2**255},
    "cap below the base fee": {"fee_cap": 7, "tip_cap": 7},
    "nothing paid": {"fee_cap": 0, "tip_cap": 0},
    "gas below the intrinsic": {"gas_limit": 20_999},
    "no gas": {"gas_limit": 0},
    "floor": {"data_length": 40_000, "gas_limit": 199_000},
    "long list": {"addresses": 2**32 - 1, "slots": 2**32 - 1},
    "many authorizations": {"authorizations": 2**32 - 1},
    "long init code": {"is_creation": 1, "data_length": 49_153, "data_zeros": 49_153},
    "parity": {"y_parity": 2},
    "parity 27": {"y_parity": 27},
    "r zero": {"r": 0},
    "r of the order": {"r": CURVE_ORDER},
    "r huge": {"r": MOST},
    "r of no point": {"r": 5},
    "s zero": {"s": 0},
    "s high": {"s": HALF_CURVE_ORDER + 1},
    "s of the order": {"s": CURVE_ORDER},
    "nonce below": {"nonce": 0},
    "nonce above": {"nonce": 9},
    "last nonce": {"nonce": 2**64 - 1},
    "value": {"value": 10**20},
    "value, huge": {"value": MOST},
    "cap, huge": {"fee_cap": MOST},
    "cap and tip, huge": {"fee_cap": MOST, "tip_cap": MOST},
    "cap and value, huge": {"fee_cap": MOST, "value": MOST},
}


@pytest.mark.parametrize("name", BAD_JOBS)
def test_a_transaction_that_may_not_go_in_is_refused(name):
    found = begun("jovian")
    state = found.complete(Stage.PAY, 2, 1)
    assert found.job(state).nonce == 1
    refused = with_job(found, state, **BAD_JOBS[name])
    assert agree(found, refused) == Phase.BLOCK_BEGIN
    if name in ("block gas", "chain", "s high", "nonce above", "value"):
        assert agree(found, with_rest(found, refused, deposits_only=1)) == Phase.INVALID


def test_a_transaction_that_just_fits_goes_in():
    found = begun("jovian")
    state = found.complete(Stage.PAY, 2, 1)
    job, rules = found.job(state), found.machine(state).block.rest.rules
    assert job.is_protected
    for fields in (
        {"is_protected": 0, "chain_id": 0},
        {"is_creation": 1, "data_length": 49_152, "data_zeros": 49_152, "gas_limit": 10**7},
        {"tip_cap": job.fee_cap},
        {"tip_cap": 0, "fee_cap": 10**9},
        {"signing": Raw(bytes(32))},
        {"y_parity": 1 - job.y_parity},
    ):
        agree(found, with_job(found, state, **fields))
    other = {"s": CURVE_ORDER - job.s, "y_parity": 1 - job.y_parity}
    assert agree(found, with_job(found, state, **other)) == Phase.BLOCK_BEGIN
    assert rules.max_transaction_gas > job.gas_limit
    most = with_rules(found, state, max_transaction_gas=job.gas_limit)
    assert agree(found, most) == Phase.TRANSACTION_BEGIN
    below = with_rules(found, state, max_transaction_gas=job.gas_limit - 1)
    assert agree(found, below) == Phase.BLOCK_BEGIN
    limit = found.machine(state).block.gas_limit
    room = with_progress(found, state, gas_used=limit - job.gas_limit)
    assert agree(found, room) == Phase.TRANSACTION_BEGIN
    room = with_progress(found, state, gas_used=limit - job.gas_limit + 1)
    assert agree(found, room) == Phase.BLOCK_BEGIN
    assert agree(found, with_progress(found, state, gas_used=2**64 - 1)) == Phase.BLOCK_BEGIN


def test_the_last_wei_is_enough_and_one_less_is_not():
    found = begun("jovian")
    state = found.complete(Stage.PAY, 2, 1)
    job = found.job(state)
    machine = found.machine(state)
    prices, rules = machine.transaction.rest.prices, machine.block.rest.rules
    advance(machine)
    sender = found.job(machine.state()).sender
    most = job.gas_limit * job.fee_cap + job.value + data_fee(prices, rules, job)
    most += operator_fee(prices, rules, job.gas_limit)
    for missing, phase in ((0, Phase.TRANSACTION_BEGIN), (1, Phase.BLOCK_BEGIN)):
        tight = with_account(found, state, sender, balance=most - missing)
        assert agree(found, tight) == phase
    footprint = machine.block.gas_limit - da_footprint(prices, job)
    for more, phase in ((0, Phase.TRANSACTION_BEGIN), (1, Phase.BLOCK_BEGIN)):
        assert agree(found, with_progress(found, state, da_footprint=footprint + more)) == phase


def test_whoever_has_all_wei_pays_what_is_huge():
    found = begun("jovian")
    state = found.complete(Stage.PAY, 2, 1)
    machine = found.machine(state)
    advance(machine)
    rich = with_account(found, state, found.job(machine.state()).sender, balance=MOST)
    gas_limit = found.job(state).gas_limit
    for fields, phase in (
        ({"value": MOST}, Phase.BLOCK_BEGIN),
        ({"value": MOST - 10**18}, Phase.TRANSACTION_BEGIN),
        ({"fee_cap": MOST // gas_limit, "value": 0}, Phase.BLOCK_BEGIN),
        ({"fee_cap": (MOST - 10**18) // gas_limit, "value": 0}, Phase.TRANSACTION_BEGIN),
        ({"fee_cap": (MOST - 10**18) // gas_limit, "tip_cap": 2**200}, Phase.TRANSACTION_BEGIN),
        ({"fee_cap": MOST // gas_limit + 1}, Phase.BLOCK_BEGIN),
    ):
        assert agree(found, with_job(found, rich, **fields)) == phase


@pytest.mark.parametrize("fork", ["jovian", "fjord"])
def test_a_sender_with_code_may_not_send_unless_it_delegates(fork):
    found = begun(fork)
    state = found.complete(Stage.PAY, 2, 1)
    machine = found.machine(state)
    advance(machine)
    sender = found.job(machine.state()).sender
    delegates = Phase.TRANSACTION_BEGIN if fork == "jovian" else Phase.BLOCK_BEGIN
    refused = Phase.BLOCK_BEGIN if fork == "jovian" else Phase.INVALID
    delegates = delegates if fork == "jovian" else refused
    for code, phase in (
        (DELEGATION_PREFIX + STORE, delegates),
        (DELEGATION_PREFIX + bytes(20), delegates),
        (DELEGATION_PREFIX + bytes(21), refused),
        (b"\xef\x01\x01" + STORE, refused),
        (b"\x60" * 23, refused),
        (CODE, refused),
        (bytes(40), refused),
    ):
        assert agree(found, with_code(found, state, sender, code)) == phase
    unknown = with_account(found, state, sender, code_hash=keccak256(b"a code not loaded yet"))
    assert agree(found, unknown) == Phase.LOAD


def test_before_holocene_a_refusal_ends_the_dispute():
    found = begun("ecotone")
    state = found.complete(Stage.PAY, 2, 1)
    for fields in ({"gas_limit": 10**8}, {"nonce": 9}, {"s": 0}, {"value": MOST}):
        assert agree(found, with_job(found, state, **fields)) == Phase.INVALID


def test_prices_are_read_from_l1_block_slot_by_slot():
    """As often as something is missing the step is a load; what is there is opened before it."""
    found = begun("jovian")
    state = found.complete(Stage.PAY, 2, 1)
    for slots in (
        {},
        {3: 0},
        {3: 0, 1: 0},
        {3: 0, 1: 0, 7: 0},
        {3: 0, 1: 0, 7: 0, 8: 0},
        {3: 0, 1: 0, 7: 0, 8: 0, 5: 0},
        {3: 0, 1: 0, 7: 0, 8: 0, 5: 0, 6: 0},
        {3: 0, 1: 0, 7: 1, 8: MOST},
        {3: 1 << 96, 1: 1, 7: 0, 8: 1 << 64},
        {3: MOST, 1: MOST, 7: MOST, 8: MOST},
    ):
        agree(found, with_l1_block(found, state, slots))


@pytest.mark.parametrize("fork", ["ecotone", "fjord", "isthmus"])
def test_prices_that_are_not_there_are_loaded_one_by_one(fork):
    found = begun(fork)
    state = with_job(found, found.complete(Stage.PAY, 2, 1), nonce=0)
    state = with_progress(found, state, prices=NOTHING)
    machine = found.machine(replace(state, effects=replace(state.effects, world=NOTHING)))
    phases = []
    while machine.phase == Phase.LOAD or found.job(machine.state()).stage == Stage.PAY:
        agree(found, machine.state())
        phases.append(machine.phase)
        advance(machine)
    # L1Block, its slots, the sender
    assert phases.count(Phase.LOAD) == {"ecotone": 5, "fjord": 5, "isthmus": 6}[fork]
    for slots in ({3: 0, 1: 7, 7: 0, 5: 188, 6: 684_000}, {3: 0, 7: 0, 5: MOST, 6: MOST}):
        agree(found, with_l1_block(found, state, slots))


def random_word(rnd):
    bits = rnd.choice((0, 1, 20, 32, 64, 100, 236, 256))
    return rnd.choice(
        (rnd.getrandbits(bits), rnd.getrandbits(bits), 10**6, MOST - rnd.getrandbits(20))
    )


def random_prices(rnd):
    return Prices(
        base_fee=random_word(rnd),
        blob_base_fee=random_word(rnd),
        base_fee_scalar=rnd.choice((0, 1, rnd.getrandbits(32), 2**32 - 1)),
        blob_base_fee_scalar=rnd.choice((0, 1, rnd.getrandbits(32), 2**32 - 1)),
        overhead=random_word(rnd),
        bedrock_scalar=random_word(rnd),
        is_bedrock=rnd.getrandbits(1),
        operator_fee_scalar=rnd.choice((0, rnd.getrandbits(32), 2**32 - 1)),
        operator_fee_constant=rnd.choice((0, rnd.getrandbits(64), 2**64 - 1)),
        da_footprint_scalar=rnd.choice((0, 0, 400, 2**16 - 1)),
    )


def test_any_prices_make_the_same_fee():
    """The sender has all wei that a word can hold, so that most fees are paid, however large."""
    rnd, found = random.Random(1559), begun("jovian")
    state = found.complete(Stage.PAY, 2, 1)
    machine = found.machine(state)
    advance(machine)
    rich = with_account(found, state, found.job(machine.state()).sender, balance=MOST)
    has, phases = machine.block.rest.rules.has, set()
    for _ in range(50):
        length = rnd.choice((200, 2**17, 2**32 - 1))
        changed = with_job(
            found, rich, length=length, zeros=rnd.choice((0, length, rnd.randrange(length))),
            charged_size=rnd.choice((0, 51, 170, 5_000, 2**32 - 1)), value=0,
        )  # fmt: skip
        changed = with_progress(found, changed, prices=random_prices(rnd), da_footprint=0)
        factor, divisor = rnd.choice(((1, 10**6), (100, 1), (2**32 - 1, 1)))
        changed = with_rules(
            found, changed, has=has ^ rnd.choice((0, Rule.FASTLZ, Rule.OPERATOR_FEE)),
            operator_fee_factor=factor, operator_fee_divisor=divisor,
        )  # fmt: skip
        phases.add(agree(found, changed))
    assert phases == {Phase.BLOCK_BEGIN, Phase.TRANSACTION_BEGIN}


def test_too_little_gas_for_the_signature_is_no_refusal():
    """Whoever submits a step chooses its gas: there is one answer, or none."""
    found = begun("jovian")
    step = found.step(found.complete(Stage.PAY, 2, 1))
    judge = judge_of(found)
    data = judge.verifier.data(step.state, step.proof)
    needed = judge.verifier.step(step.state, step.proof).gas_used
    answers = 0
    for gas in range(needed // 3, needed * 11 // 10, needed // 25):
        outcome = judge.verifier.bench.send(judge.verifier.router, data, gas=gas)
        assert not outcome.succeeded or outcome.output == step.after
        answers += outcome.succeeded
    assert answers


# -- deposits -------------------------------------------------------------------------------------


def test_a_deposit_mints_and_begins_or_takes_all_its_gas():
    found = begun("karst")
    state = found.complete(Stage.PAY, 0x7E, 0)
    sender = found.job(state).sender
    begins, ends = Phase.TRANSACTION_BEGIN, Phase.TRANSACTION_END
    for fields, phase in (
        ({}, begins),
        ({"mint": MOST}, begins),
        ({"mint": MOST - 10**20, "value": MOST - 10**20}, begins),
        ({"mint": 0, "value": 0}, begins),
        ({"mint": 0, "value": 10**20 + 1}, ends),
        ({"mint": 1, "value": 10**20 + 1}, begins),
        ({"value": MOST}, ends),
        ({"is_system": 1}, ends),
        ({"gas_limit": 20_999}, ends),
        ({"gas_limit": 21_000}, begins),
        ({"is_creation": 1, "data_length": 49_153, "data_zeros": 49_153}, ends),
        ({"gas_limit": 30_000_001}, Phase.BLOCK_BEGIN),
    ):
        assert agree(found, with_job(found, state, **fields)) == phase, fields
    leaf = with_job(found, with_progress(found, state, done=0), leaf=Raw(b"a leaf"))
    agree(found, leaf, with_progress(found, leaf, done=1), with_progress(found, leaf, done=65_535))
    empty = with_account(found, state, sender, balance=0, nonce=0, code_hash=EMPTY_CODE_HASH)
    agree(found, with_job(found, empty, mint=0, value=0), with_job(found, empty, mint=0, value=1))
    unknown = replace(state, effects=replace(state.effects, world=NOTHING))
    assert agree(found, unknown) == Phase.LOAD


# -- access lists, authorizations, messages -------------------------------------------------------


def test_a_list_is_warmed_over_the_edges_of_windows():
    """Entries and slots that lie in two windows, and an item that its window's end cuts off."""
    found = begun("fjord")
    warm = [state for state in found.states if found.job(state).stage == Stage.WARM]
    crossing = [s for s in warm if found.job(s).cursor % 1024 > 1024 - 64]
    assert crossing
    agree(found, *crossing)
    state = found.complete(Stage.WARM, 1, 3)
    assert agree(found, replace(state, effects=replace(state.effects, world=NOTHING))) == Phase.LOAD


def with_body(found, state, change, **fields):
    """The transaction's bytes are others."""
    job = found.job(state)
    body = bytearray(read_job(found.machine(state), job, 0, job.length))
    body = bytes(change(body))
    return with_job(found, state, data=data_tree(body), length=len(body), **fields)


@pytest.mark.parametrize("stage", [Stage.WARM, Stage.AUTHORIZE])
def test_bytes_that_do_not_have_their_form_are_refused(stage):
    """No block brings them so far; the step still says what the machine does."""
    rnd, found = random.Random(7702), begun("isthmus")
    states = [s for s in found.complete_states if found.job(s).stage == stage]
    refused = 0
    for _ in range(25):
        state = rnd.choice(states)
        at = found.job(state).cursor

        def change(body, at=at):
            if rnd.random() < 0.3:
                return body[: at + rnd.choice((0, 1, 2, 22, 23, 40))]
            place = min(at + rnd.choice((0, 0, 1, 1, 2, 22, 23)), len(body) - 1)
            body[place] = rnd.choice((0, 1, 0x7F, 0x80, 0x81, 0xB8, 0xC0, 0xF8, 0xFF))
            return body

        end = {"entry_end": rnd.choice((at, at + 1))} if stage == Stage.WARM else {}
        refused += agree(found, with_body(found, state, change, **end)) == Phase.BLOCK_BEGIN
    assert refused > 5


def consents_of(chain_id):
    """Authorizations of every fate."""
    ours = [sign_authorization(KEYS[3], chain_id=n, address=STORE, nonce=0) for n in (chain_id, 0)]
    good = sign_authorization(KEYS[4], chain_id=chain_id, address=LOGGER, nonce=0)
    return (
        *ours,
        good,
        sign_authorization(KEYS[4], chain_id=chain_id, address=STORE, nonce=1),
        sign_authorization(KEYS[4], chain_id=0, address=Address(bytes(20)), nonce=2),
        sign_authorization(KEYS[5], chain_id=MOST, address=STORE, nonce=0),
        sign_authorization(KEYS[5], chain_id=0, address=STORE, nonce=2**64 - 1),
        sign_authorization(KEYS[5], chain_id=0, address=STORE, nonce=2**64 - 2),
        sign_authorization(b"\x07" * 32, chain_id=0, address=STORE, nonce=0),
        sign_authorization(b"\x07" * 32, chain_id=0, address=STORE, nonce=130),
        replace(good, y_parity=255),
        replace(good, r=0),
        replace(good, s=CURVE_ORDER - good.s, y_parity=1 - good.y_parity),
        replace(good, r=MOST, s=MOST),
        replace(good, r=5),
    )


def test_authorizations_of_every_fate():
    stepper = Stepper("jovian")
    consents = consents_of(stepper.config.chain_id)
    transaction = SetCodeTransaction(
        stepper.config.chain_id, 0, 10**8, 3 * 10**9, 900_000, USERS[3], 0, b"", consents
    )
    found = states_of(stepper.prepared(sign_transaction(transaction, KEYS[2])))
    states = [s for s in found.states if found.job(s).stage == Stage.AUTHORIZE]
    agree(found, *states)
    first = states[0]
    for code in (CODE, DELEGATION_PREFIX + STORE, b"\xef\x02\x00" + STORE, bytes(23)):
        agree(found, with_code(found, first, USERS[3], code))
    unknown = with_account(found, first, USERS[3], code_hash=keccak256(b"a code not loaded yet"))
    assert agree(found, unknown) == Phase.LOAD
    agree(found, with_account(found, first, USERS[3], nonce=1))


@pytest.mark.parametrize("fork", ["karst", "granite"])
def test_messages_of_every_kind_begin(fork):
    found = begun(fork)
    state = found.complete(Stage.START, 2, 1)
    job = found.job(state)
    coinbase = found.machine(state).block.coinbase
    body = data_tree(bytes(range(1, 251)) * 400)
    natives = sorted(found.block.rules.precompiles)[-1]
    for nonce in (0, 1, 127, 128, 256, 2**63, 2**64 - 1):
        agree(found, with_job(found, state, is_creation=1, to=bytes(20), nonce=nonce))
    for size in (0, 1, 32, 33, 50_000):
        agree(found, with_job(found, state, data=body, length=100_000, data_length=size))
    agree(found, with_job(found, state, data_length=2**32 - 1))
    others = (job.sender, coinbase, natives, Address(bytes(19) + b"\x01"), bytes(20))
    for to in (STORE, *(others if fork == "karst" else ())):
        machine = found.machine(with_job(found, state, to=to))
        for address in (to, STRANGER):
            ensure_account(machine, address)
        agree(found, machine.state())
        for code in (DELEGATION_PREFIX + STRANGER, DELEGATION_PREFIX + to, CODE, bytes(23)):
            agree(found, with_code(found, machine.state(), to, code))
        access(machine, to)
        agree(found, machine.state())
    far = Address(b"\x77" * 20)
    assert agree(found, with_job(found, state, to=far)) == Phase.LOAD
    unknown = with_account(found, state, STORE, code_hash=keccak256(b"a code not loaded yet"))
    agree(found, with_job(found, unknown, to=STORE))
    agree(found, with_code(found, with_job(found, state, to=STORE), STORE, DELEGATION_PREFIX + far))
    agree(found, replace(state, effects=replace(state.effects, world=NOTHING)))
