"""How transactions end, on L1 and on the step machine: fees, accounts that have ended, receipts.

Blocks with every kind of transaction, and states that no block here comes to: the largest sums,
each length of a log's data at which its tree or its encoding changes, each shape of a leaf.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from step_runs import kind_of, steps_from
from step_verifier import Judge, StepVerifier
from stepped_chain import LOGGER, Stepper, every_kind_of, send, steps_of_block
from witness_blocks import CREATE, DESTROY

from chain.account import EMPTY_CODE_HASH
from chain.crypto.keccak import keccak256
from evm.forks import JOVIAN
from evm.step.block_records import (
    NO_PROGRESS,
    BlockRest,
    ChainRules,
    Job,
    Prices,
    ReceiptWork,
    Rule,
    Stage,
)
from evm.step.names import NOTHING, Link, Raw, layout
from evm.step.opener import LiveOpener
from evm.step.state import (
    Block,
    Context,
    Effects,
    Ending,
    Load,
    LoadKind,
    Log,
    Outcome,
    Phase,
    State,
    Transaction,
)
from evm.step.stepping import record
from evm.step.streams import FRESH_CARRY, absorbed
from evm.step.structures.words import data_tree
from evm.step.structures.world import NO_ACCOUNT, Account, account_key, find
from evm.step_rules import step_rules_of
from genesis.addresses import BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT
from rollup.settlement.step_verifier import fork_rules

RULES = step_rules_of(JOVIAN)
MOST_GAS = 1_000_000
SENDER, COINBASE = b"\x71" * 20, b"\x72" * 20
VAULTS = (BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT)
TAKERS = (SENDER, COINBASE, *VAULTS)
LEGACY, DEPOSIT = 0, 0x7E
LIVE = LiveOpener(lambda name: None)


@pytest.fixture(scope="module")
def verifier():
    return StepVerifier(fork_rules(RULES))


# -- blocks ---------------------------------------------------------------------------------------


def logging(chain_id):
    """Logs whose data have lengths at which their trees and their encodings change."""
    sizes = (0, 1, 56, 1025)
    return [
        send(2, nonce, LOGGER, data=size.to_bytes(32, "big"), gas=100_000, chain_id=chain_id)
        for nonce, size in enumerate(sizes)
    ]


def blocks_of(fork):
    """Of Ecotone a block with everything; of Jovian one with logs and ends, one that is empty."""
    stepper = Stepper(fork)
    chain_id = stepper.config.chain_id
    if fork == "ecotone":
        yield stepper.agrees(*every_kind_of(fork, chain_id))[0]
        return
    ends = [
        send(3, nonce, to, data=b"", gas=200_000, chain_id=chain_id)
        for nonce, to in enumerate((CREATE, DESTROY))
    ]
    yield stepper.agrees(*ends, *logging(chain_id))[0]
    yield stepper.agrees()[0]


@pytest.mark.parametrize("fork", ["ecotone", "jovian"])
def test_transactions_end_as_on_the_step_machine(fork):
    judge, rnd = None, random.Random(fork)
    for block in blocks_of(fork):
        judge = judge or Judge(StepVerifier(fork_rules(block.rules)))
        for step in steps_of_block(block):
            if step.phase == Phase.TRANSACTION_END:
                judge.step(step)
                judge.mutants(step, rnd, rnd.randrange(2))
    found = judge.found
    assert found.wrong == []
    assert not found.unsupported
    stages = ("settle", "destroy", "measure", "write")
    assert set(found.kinds) == {f"transaction end, {stage}" for stage in stages}
    assert max(found.gas()) < MOST_GAS


# -- states of all sorts --------------------------------------------------------------------------


def zero(kind, **fields):
    """A record whose other fields are zero."""
    values = {
        name: 0 if what == "unsigned" else bytes(size) for name, size, what in layout(kind).fields
    }
    return kind(**{**values, **fields})


def world_of(accounts):
    """A map of these accounts among others."""
    world = NOTHING
    others = {keccak256(bytes((n,)))[:20]: NO_ACCOUNT for n in range(20)}
    for address, account in {**others, **accounts}.items():
        world = find(LIVE, world, account_key(address), Account).put(account)
    return world


def state_of(job, *, progress=NO_PROGRESS, has=Rule.OPTIMISM, pending=NOTHING, count=1, **more):
    """The state in which a job ends."""
    fees = {"operator_fee_factor": more.get("factor", 1), "operator_fee_divisor": 10**6}
    rules = zero(ChainRules, fork=RULES.fork, chain_id=901, has=has, **fees)
    rest = zero(BlockRest, rules=rules, transaction_count=count)
    block = zero(
        Block, coinbase=more.get("coinbase", COINBASE), base_fee=more.get("base_fee", 7),
        fork=RULES.fork, rest=rest,
    )  # fmt: skip
    transaction = zero(Transaction, number=3, origin=job.sender, rest=replace(progress, job=job))
    effects = Effects(
        more.get("world", NOTHING), NOTHING, more.get("destroyed", NOTHING),
        more.get("logs", NOTHING), more.get("refund", 0), 3,
    )  # fmt: skip
    return State(Phase.TRANSACTION_END, pending, Context(block, transaction), effects, NOTHING)


def progress_of(**fields):
    return zero(type(NO_PROGRESS), **fields)


def next_step(state):
    """The step from a state, and the state behind it."""
    after, _ = record(state, LIVE, RULES)
    steps = steps_from(state, LIVE, RULES, lambda _: False)
    return next(steps), after


def judged(verifier, state, mutants=0):
    """The state behind a step that the verifier decides as the machine does."""
    judge = Judge(verifier)
    step, after = next_step(state)
    judge.step(step)
    judge.mutants(step, random.Random(7), mutants)
    assert judge.found.wrong == []
    assert judge.found.kinds, judge.found.unsupported
    return after


def random_account(rnd):
    empty = rnd.random() < 0.3
    return Account(
        0 if empty else rnd.choice((0, 1, 2**64 - 2)),
        0 if empty else rnd.choice((0, 5, 2**200, 2**256 - 1)),
        EMPTY_CODE_HASH if empty or rnd.random() < 0.6 else b"\x66" * 32,
        rnd.randbytes(32), rnd.choice((0, 3)), rnd.choice((0, 1)), rnd.choice((0, 3)),
        rnd.choice((0, 3)), rnd.choice((0, 3)),
    )  # fmt: skip


def settling(rnd):
    """A transaction that has run; sums as large as a payment lets them be."""
    limit = rnd.choice((21_000, 10**6, 2**40, 2**64 - 1))
    left = rnd.choice((0, 1, limit // 2, limit - 21_000))
    price = rnd.choice((0, 1, 10**9, (2**256 - 1) // limit - 2**130))
    tip = rnd.choice((0, price, price // 3))
    has = Rule.OPTIMISM | rnd.choice((0, Rule.OPERATOR_FEE))
    kind = rnd.choice((LEGACY, 2, 4, DEPOSIT))
    prices = zero(
        Prices,
        operator_fee_scalar=rnd.choice((0, 250_000, 2**32 - 1)),
        operator_fee_constant=rnd.choice((0, 77, 2**64 - 1)),
    )
    job = zero(
        Job, stage=Stage.SETTLE, type=kind, gas_limit=limit, floor=rnd.choice((0, limit // 3)),
        gas_price=price, tip=tip, data_fee=rnd.choice((0, 12_345, 2**128)), sender=SENDER,
        refund=rnd.choice((0, 12_500, 125_000)),
    )  # fmt: skip
    ending = rnd.choice((Ending.FAILED, Ending.SUCCEEDED, Ending.REVERTED, Ending.DEPOSITED))
    lacking = rnd.choice((None, None, None, *TAKERS))
    accounts = {address: random_account(rnd) for address in TAKERS if address != lacking}
    used = 0 if limit > 2**63 else rnd.choice((0, 10**7, 2**63))
    coinbase = rnd.choice((COINBASE, COINBASE, SENDER, BASE_FEE_VAULT))
    return state_of(
        job, progress=progress_of(gas_used=used, prices=prices, done=rnd.choice((0, 1))), has=has,
        pending=Outcome(ending, left, NOTHING, 0, NOTHING), world=world_of(accounts),
        coinbase=coinbase, base_fee=price - tip, refund=rnd.choice((0, 4_800, -4_800, 2**40)),
        factor=rnd.choice((1, 100, 2**32 - 1)),
    )  # fmt: skip


def test_any_transaction_settles_as_on_the_step_machine(verifier):
    rnd, loads, settled = random.Random(1559), 0, 0
    for _ in range(60):
        state = settling(rnd)
        try:
            record(state, LIVE, RULES)
            judged_state = judged(verifier, state, mutants=1)
        except OverflowError:  # more gas than there is, in a job that was never paid for
            continue
        loads += judged_state.phase == Phase.LOAD
        settled += judged_state.phase == Phase.TRANSACTION_END
    assert loads > 3
    assert settled > 35


@pytest.mark.parametrize("lacking", TAKERS)
def test_who_is_not_in_the_map_is_loaded(verifier, lacking):
    accounts = {address: NO_ACCOUNT for address in TAKERS if address != lacking}
    prices = zero(Prices, operator_fee_constant=9)
    job = zero(Job, stage=Stage.SETTLE, gas_limit=30_000, gas_price=9, tip=2, sender=SENDER)
    outcome = Outcome(Ending.SUCCEEDED, 9_000, NOTHING, 0, NOTHING)
    state = state_of(
        job, progress=progress_of(prices=prices), has=Rule.OPTIMISM | Rule.OPERATOR_FEE,
        pending=outcome, world=world_of(accounts),
    )  # fmt: skip
    after = judged(verifier, state, mutants=4)
    assert after.phase == Phase.LOAD
    wanted = Load(LoadKind.ACCOUNT, lacking, 0, Phase.TRANSACTION_END, outcome)
    assert after.pending.name == wanted.name


def test_an_operator_fee_vault_is_not_looked_at_before_isthmus(verifier):
    accounts = dict.fromkeys(TAKERS[:-1], NO_ACCOUNT)
    job = zero(Job, stage=Stage.SETTLE, gas_limit=30_000, gas_price=9, tip=2, sender=SENDER)
    outcome = Outcome(Ending.SUCCEEDED, 9_000, NOTHING, 0, NOTHING)
    after = judged(verifier, state_of(job, pending=outcome, world=world_of(accounts)))
    assert after.phase == Phase.TRANSACTION_END


def test_accounts_that_have_ended_begin_another_life(verifier):
    rnd = random.Random(6780)
    for count in (0, 1, 3):
        addresses = [rnd.randbytes(20) for _ in range(count)]
        destroyed = NOTHING
        for address in addresses:
            destroyed = Link(destroyed, account_key(address))
        world = world_of({address: random_account(rnd) for address in addresses})
        job = zero(Job, stage=Stage.DESTROY, sender=SENDER)
        state = state_of(job, world=world, destroyed=destroyed)
        for _ in range(count + 1):
            state = judged(verifier, state, mutants=6)
        assert kind_of(state, 0, LIVE) == "transaction end, measure"


# -- receipts -------------------------------------------------------------------------------------

SIZES = (0, 1, 2, 31, 32, 33, 54, 55, 56, 64, 65, 127, 128, 255, 256, 512, 1023, 1024, 1025, 2049)


def random_log(rnd, size):
    data = rnd.randbytes(size)
    if size == 1:
        data = rnd.choice((b"\x00", b"\x7f", b"\x80", b"\xff"))
    count = rnd.randrange(5)
    topics = [rnd.choice((0, 1, rnd.getrandbits(256))) if n < count else 0 for n in range(4)]
    return Log(rnd.randbytes(20), count, *topics, data_tree(data), size)


def chain(items):
    links = NOTHING
    for item in items:
        links = Link(links, item)
    return links


def receipt_of(rnd, logs, index, count):
    """The state in which a transaction's receipt begins."""
    kind = rnd.choice((LEGACY, 1, 2, 4, DEPOSIT))
    work = ReceiptWork(NOTHING, 0, Raw(bytes(256)), NOTHING, NOTHING, 0)
    job = zero(
        Job, stage=Stage.MEASURE, type=kind, sender=SENDER, succeeded=rnd.choice((0, 1)),
        deposit_nonce=rnd.choice((0, 1, 127, 128, 2**64 - 1)), receipt=work,
    )  # fmt: skip
    progress = progress_of(
        gas_used=rnd.choice((0, 21_000, 2**64 - 1)), done=index,
        bloom=rnd.choice((NOTHING, Raw(rnd.randbytes(256)))), receipts=rnd.randbytes(32),
    )  # fmt: skip
    return state_of(job, progress=progress, count=count, logs=chain(logs))


def written(verifier, state, mutants):
    """The state behind a receipt; each step is judged."""
    while state.phase == Phase.TRANSACTION_END:
        state = judged(verifier, state, mutants)
    return state


def test_any_receipt_is_written_as_on_the_step_machine(verifier):
    rnd = random.Random(658)
    places = [(0, 1), (0, 2), (5, 16), (127, 128), (128, 129), (0, 300), (65_535, 65_536)]
    for index, (at, count) in enumerate(places):
        sizes = (SIZES[index], *rnd.sample(SIZES[:-3], rnd.randrange(3)))
        logs = [random_log(rnd, size) for size in (sizes if index else ())]
        after = written(verifier, receipt_of(rnd, logs, at, count), 1)
        assert after.phase == Phase.TRANSACTION_BEGIN


@pytest.mark.parametrize("size", SIZES)
def test_a_log_of_each_length(verifier, size):
    rnd = random.Random(size)
    log = random_log(rnd, size)
    written(verifier, receipt_of(rnd, [log], 3, 9), 1)


def test_a_receipt_with_a_long_log_takes_a_step_for_each_window(verifier):
    rnd = random.Random(3)
    carry = Raw(absorbed(FRESH_CARRY, rnd.randbytes(135)))
    log = random_log(rnd, 70_000)
    work = ReceiptWork(NOTHING, 0, Raw(bytes(256)), carry, log, 66 * 1024)
    job = zero(Job, stage=Stage.WRITE, type=2, sender=SENDER, receipt=work)
    state = state_of(job, progress=progress_of(done=1), count=2)
    for _ in range(4):
        state = judged(verifier, state, mutants=3)
    assert state.phase == Phase.TRANSACTION_BEGIN


def test_blocks_of_an_l1_are_not_decided(verifier):
    log = random_log(random.Random(1), 4)
    carry = Raw(absorbed(FRESH_CARRY, b"above"))
    work = ReceiptWork(Link(NOTHING, log), 4, Raw(bytes(256)), carry, NOTHING, 0)
    writing = zero(Job, stage=Stage.WRITE, sender=SENDER, receipt=work)
    settle = zero(Job, stage=Stage.SETTLE, gas_limit=30_000, sender=SENDER)
    outcome = Outcome(Ending.SUCCEEDED, 9_000, NOTHING, 0, NOTHING)
    world = world_of(dict.fromkeys(TAKERS, NO_ACCOUNT))
    for job, pending in ((writing, NOTHING), (settle, outcome)):
        step, _ = next_step(state_of(job, has=Rule.REQUESTS, pending=pending, world=world))
        refused = verifier.step(step.state, step.proof)
        assert "a block of an L1 is not decided" in refused.reason
