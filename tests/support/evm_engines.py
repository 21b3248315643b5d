"""One message run by different machines, told in the same words, so that they can be compared."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague.state import PragueState
from eth.vm.forks.spurious_dragon._utils import collect_touched_accounts
from eth.vm.message import Message as StockMessage
from evm_coverage import Coverage, Stock
from evm_programs import COINBASE, CONTRACTS, ORIGIN, STRANGER

from chain.state import MemoryStateStore, State
from chain.types import Address, Hash32
from evm.environment import BlockEnvironment, Message
from evm.forks import PRAGUE, RuleSet
from evm.pyevm import interpreter
from evm.pyevm.machine import Machine
from evm.pyevm.transpiler.hot import HotCodes, Policy

GAS_LIMIT = 2**40
CHAIN_ID, NUMBER, TIME = 901, 100, 1_700_000_000
SLOTS = (0, 1, 2, 3, 4, 0x20, 2**256 - 1)
NEVER = Policy(visits=1 << 60)
EARLY = Policy(visits=2, visits_per_opcode=0)
"""Regions from the second visit on, of visited places only: runs change hands in the middle."""
ACCOUNTS = (*CONTRACTS, STRANGER)
STORED = {0: 0, 1: 7, 2: 2**255}
Shown = dict[Address, tuple[int, ...]]
View = tuple[tuple[int, int, bytes, tuple[int, ...]], ...]
SHOWN: Shown = dict.fromkeys(ACCOUNTS, SLOTS)


@dataclass(frozen=True)
class Prior:
    """An account that is there before: a delegation, or one where a creation will want to be."""

    address: Address
    nonce: int = 0
    balance: int = 0
    code: bytes = b""
    slot: int = 0
    """What its slot 0 holds."""


@dataclass(frozen=True)
class Case:
    """Four contracts and a call to the first; gas is what is left after intrinsic gas."""

    codes: tuple[bytes, ...]
    data: bytes
    gas: int
    value: int
    has_storage: bool = False
    """Whether the first contract begins with the slots of STORED."""
    priors: tuple[Prior, ...] = ()


@dataclass(frozen=True)
class Ending:
    """What came of a case. `refund` is 0 and `logs` are empty where it failed."""

    succeeded: bool
    gas_left: int
    output: bytes
    refund: int
    logs: tuple[tuple[bytes, tuple[int, ...], bytes], ...]
    accounts: View
    root: bytes
    """Of the state after the transaction, with what destroyed itself and what is empty gone."""
    shown: Shown = field(default_factory=dict, compare=False)
    """The accounts and slots that `accounts` tells of, in its order."""
    destroyed: tuple[Address, ...] = field(default=(), compare=False)
    block_hashes: int = field(default=0, compare=False)
    """How often an ancestor's hash was asked for; no engine has any here, but revm invents them."""


def view(state: Any, shown: Shown = SHOWN) -> View:
    return tuple(
        (
            state.get_balance(account),
            state.get_nonce(account),
            bytes(state.get_code(account)),
            tuple(state.get_storage(account, slot) for slot in slots),
        )
        for account, slots in shown.items()
    )


def prepare(state: Any, case: Case) -> None:
    state.set_balance(ORIGIN, 10**18)
    for address, code in zip(CONTRACTS, case.codes, strict=True):
        state.set_nonce(address, 1)
        state.set_balance(address, 100)
        state.set_code(address, code)
    for slot, value in STORED.items() if case.has_storage else ():
        state.set_storage(CONTRACTS[0], slot, value)
    for prior in case.priors:
        state.set_nonce(prior.address, prior.nonce)
        state.set_balance(prior.address, prior.balance)
        state.set_code(prior.address, prior.code)
        if prior.slot:
            state.set_storage(prior.address, 0, prior.slot)


@contextmanager
def policy(chosen: Policy | HotCodes):
    """Run the machine with this policy and an empty cache of hot code, or with such a cache."""
    before = interpreter.HOT_CODES
    cached = chosen if isinstance(chosen, HotCodes) else HotCodes(policy=chosen)
    interpreter.HOT_CODES = cached  # type: ignore[misc]
    try:
        yield interpreter.HOT_CODES
    finally:
        interpreter.HOT_CODES = before  # type: ignore[misc]


def ours(case: Case, rules: RuleSet = PRAGUE, *, shows_all: bool = False) -> Ending:
    """Our machine, with whatever policy is in force; `shows_all` of what it has looked at."""
    state = State(MemoryStateStore())
    prepare(state, case)
    state.compute_root()
    state.begin_transaction()
    asked: list[int] = []
    block = BlockEnvironment(
        chain_id=CHAIN_ID,
        number=NUMBER,
        timestamp=TIME,
        coinbase=COINBASE,
        prev_randao=Hash32(b"\x0d" * 32),
        gas_limit=GAS_LIMIT,
        base_fee=0,
        blob_base_fee=1,
        block_hash=asked.append,  # and none is known
        rules=rules,
    )
    machine = Machine(state, block)
    outcome = machine.run(Message(ORIGIN, CONTRACTS[0], case.value, case.data, case.gas, 0))
    shown = SHOWN | state.accessed() if shows_all else SHOWN
    for address in outcome.destroyed:
        state.delete_account(address)
    logs = tuple(
        (log.address, tuple(int.from_bytes(topic, "big") for topic in log.topics), log.data)
        for log in outcome.logs
    )
    return Ending(
        outcome.succeeded,
        outcome.gas_left,
        outcome.output,
        outcome.refund,
        logs,
        view(state, shown),
        state.compute_root(),
        shown,
        outcome.destroyed,
        len(asked),
    )


def transpiled(case: Case, chosen: Policy | HotCodes) -> Ending:
    """Our machine with a policy of its own."""
    with policy(chosen):
        return ours(case)


def interpreted(case: Case) -> Ending:
    """Our machine without a single region."""
    return transpiled(case, NEVER)


def stock(case: Case, coverage: Coverage | None = None) -> Ending:
    """py-evm's own state, computation and opcodes; what the case has run goes into `coverage`."""
    context = ExecutionContext(
        COINBASE, TIME, NUMBER, 0, b"\x0d" * 32, GAS_LIMIT, [], CHAIN_ID, 0, 0
    )
    state = PragueState(AtomicDB(), context, BLANK_ROOT_HASH)
    prepare(state, case)
    state.persist()
    state.lock_changes()
    for address in (ORIGIN, CONTRACTS[0], COINBASE):
        state.mark_address_warm(address)
    code = state.get_code(CONTRACTS[0])
    message = StockMessage(case.gas, CONTRACTS[0], ORIGIN, case.value, case.data, code)
    facts = state.get_transaction_context_class()(gas_price=0, origin=ORIGIN)
    kind = Stock if coverage is None else coverage.computation_class
    done = kind.apply_message(state, message, facts)
    if coverage is not None:
        coverage.count(done)
    _end_transaction(state, done)
    return Ending(
        done.is_success,
        done.get_gas_remaining(),
        bytes(done.output),
        done.get_gas_refund() if done.is_success else 0,
        tuple((a, tuple(t), bytes(d)) for a, t, d in done.get_log_entries()),
        view(state),
        bytes(state.state_root),
    )


def _end_transaction(state: Any, done: Any) -> None:
    """What py-evm's transaction executors do behind the last opcode: EIP-6780 and EIP-161."""
    for address in done.get_accounts_for_deletion():
        state.delete_account(address)
    for address in collect_touched_accounts(done):
        if state.account_exists(address) and state.account_is_empty(address):
            state.delete_account(address)
    state.persist()


def intrinsic(case: Case) -> int:
    return 21_000 + sum([16 if byte else 4 for byte in case.data])


def transaction(ending: Ending, case: Case) -> tuple[Any, ...]:
    """An ending as a transaction of Cancun would show it, which is all that revm tells."""
    used = intrinsic(case) + case.gas - ending.gas_left
    used -= min(used // 5, ending.refund)
    return ending.succeeded, used, ending.output, ending.logs


@cache
def _revm_block() -> Any:
    import pyrevm

    return pyrevm.Env(
        cfg=pyrevm.CfgEnv(chain_id=CHAIN_ID),
        block=pyrevm.BlockEnv(
            number=NUMBER,
            coinbase=text(COINBASE),
            timestamp=TIME,
            prevrandao=b"\x0d" * 32,
            basefee=0,
            gas_limit=GAS_LIMIT,
            excess_blob_gas=0,
        ),
    )


def text(address: Address) -> str:
    return "0x" + address.hex()


def revm(case: Case, shown: Shown) -> tuple[tuple[Any, ...], View, frozenset[Address]]:
    """The same by revm with Cancun's rules, since pyrevm lacks precompiles of Prague.

    What a transaction shows, the accounts and slots `shown`, and which accounts are not empty, or
    were not before they destroyed themselves: pyrevm shows those as they were. The case must begin
    without storage: pyrevm's own way to insert it leaves the slots warm.
    """
    import pyrevm

    machine = pyrevm.EVM(env=_revm_block(), gas_limit=GAS_LIMIT, spec_id="CANCUN")
    account = pyrevm.AccountInfo
    machine.insert_account_info(text(ORIGIN), account(balance=10**18))
    for address, code in zip(CONTRACTS, case.codes, strict=True):
        machine.insert_account_info(text(address), account(balance=100, nonce=1, code=code))
    for prior in case.priors:
        known = account(balance=prior.balance, nonce=prior.nonce, code=prior.code)
        machine.insert_account_info(text(prior.address), known)
    call = {"calldata": case.data, "value": case.value, "gas": case.gas + intrinsic(case)}
    try:
        output = machine.message_call(text(ORIGIN), text(CONTRACTS[0]), gas_price=0, **call)
    except RuntimeError as error:
        if machine.result is None:
            raise
        output = _reverted_with(str(error))
    result = machine.result
    told = (result.is_success, result.gas_used, bytes(output), _logs(result))
    return told, _view(machine, shown), _alive(machine, shown)


def _reverted_with(error: str) -> bytes:
    """The output of `Revert { gas_used: 21004, output: 0x }`; none of other failures."""
    _, found, output = error.removesuffix(" }").partition("output: 0x")
    return bytes.fromhex(output) if found else b""


def _logs(result: Any) -> tuple[tuple[bytes, tuple[int, ...], bytes], ...]:
    return tuple(
        (
            bytes.fromhex(log.address.removeprefix("0x")),
            tuple(int(topic, 16) for topic in log.topics),
            bytes(log.data[1] if isinstance(log.data, tuple) else log.data),
        )
        for log in (result.logs if result.is_success else ())
    )


def _view(machine: Any, shown: Shown) -> View:
    return tuple(
        (
            machine.get_balance(text(account)),
            machine.basic(text(account)).nonce,
            (machine.get_code(text(account)) or b"").rstrip(b"\x00"),  # it comes back padded
            tuple(machine.storage(text(account), slot) for slot in slots),
        )
        for account, slots in shown.items()
    )


def _alive(machine: Any, shown: Shown) -> frozenset[Address]:
    """Accounts that are not empty in the end."""
    known = {Address(bytes.fromhex(name.removeprefix("0x"))) for name in machine.db_accounts}
    infos = {account: machine.basic(text(account)) for account in known.union(shown)}
    return frozenset(
        account
        for account, info in infos.items()
        if info.balance or info.nonce or machine.get_code(text(account))
    )


def unpadded(accounts: View) -> View:
    """The same accounts with their code as `revm` shows it."""
    return tuple((wei, nonce, code.rstrip(b"\x00"), slots) for wei, nonce, code, slots in accounts)


def alive(ending: Ending) -> frozenset[Address]:
    """The accounts that are not empty, of an ending that shows all."""
    return frozenset(
        account
        for account, (balance, nonce, code, _) in zip(ending.shown, ending.accounts, strict=True)
        if balance or nonce or code
    )
