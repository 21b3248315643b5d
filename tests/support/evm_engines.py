"""One message run by different machines, told in the same words, so that they can be compared."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague.state import PragueState
from eth.vm.message import Message as StockMessage
from evm_programs import COINBASE, CONTRACTS, ORIGIN, STRANGER

from chain.state import MemoryStateStore, State
from chain.types import Hash32
from evm.environment import BlockEnvironment, Message
from evm.forks import PRAGUE, RuleSet
from evm.pyevm import interpreter
from evm.pyevm.machine import Machine
from evm.pyevm.transpiler.hot import HotCodes, Policy

GAS_LIMIT = 30_000_000
SLOTS = (0, 1, 2, 3, 4, 0x20, 2**256 - 1)
NEVER = Policy(visits=1 << 60)
EARLY = Policy(visits=2, visits_per_opcode=0)
"""Regions from the second visit on, of visited places only: runs change hands in the middle."""
ACCOUNTS = (*CONTRACTS, STRANGER)
STORED = {0: 0, 1: 7, 2: 2**255}


@dataclass(frozen=True)
class Case:
    """Four contracts and a call to the first; gas is what is left after intrinsic gas."""

    codes: tuple[bytes, ...]
    data: bytes
    gas: int
    value: int
    has_storage: bool = False
    """Whether the first contract begins with the slots of STORED."""


@dataclass(frozen=True)
class Ending:
    """What came of a case. `refund` is 0 and `logs` are empty where it failed."""

    succeeded: bool
    gas_left: int
    output: bytes
    refund: int
    logs: tuple[tuple[bytes, tuple[int, ...], bytes], ...]
    accounts: tuple[tuple[int, int, bytes, tuple[int, ...]], ...]
    block_hashes: int = field(default=0, compare=False)
    """How often an ancestor's hash was asked for; no engine has any here, but revm invents them."""


def view(state: Any) -> tuple[tuple[int, int, bytes, tuple[int, ...]], ...]:
    return tuple(
        (
            state.get_balance(account),
            state.get_nonce(account),
            bytes(state.get_code(account)),
            tuple(state.get_storage(account, slot) for slot in SLOTS),
        )
        for account in ACCOUNTS
    )


def prepare(state: Any, case: Case) -> None:
    state.set_balance(ORIGIN, 10**18)
    for address, code in zip(CONTRACTS, case.codes, strict=True):
        state.set_nonce(address, 1)
        state.set_balance(address, 100)
        state.set_code(address, code)
    for slot, value in STORED.items() if case.has_storage else ():
        state.set_storage(CONTRACTS[0], slot, value)


@contextmanager
def policy(chosen: Policy):
    """Run the machine with this policy and an empty cache of hot code."""
    before = interpreter.HOT_CODES
    interpreter.HOT_CODES = HotCodes(policy=chosen)  # type: ignore[misc]
    try:
        yield interpreter.HOT_CODES
    finally:
        interpreter.HOT_CODES = before  # type: ignore[misc]


def ours(case: Case, rules: RuleSet = PRAGUE) -> Ending:
    """Our machine, with whatever policy is in force."""
    state = State(MemoryStateStore())
    prepare(state, case)
    state.compute_root()
    state.begin_transaction()
    asked: list[int] = []
    block = BlockEnvironment(
        chain_id=901,
        number=100,
        timestamp=1_700_000_000,
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
        view(state),
        len(asked),
    )


def transpiled(case: Case, chosen: Policy) -> Ending:
    """Our machine with a policy of its own."""
    with policy(chosen):
        return ours(case)


def interpreted(case: Case) -> Ending:
    """Our machine without a single region."""
    return transpiled(case, NEVER)


def stock(case: Case) -> Ending:
    """py-evm's own state, computation and opcodes."""
    context = ExecutionContext(
        COINBASE, 1_700_000_000, 100, 0, b"\x0d" * 32, GAS_LIMIT, [], 901, 0, 0
    )
    state = PragueState(AtomicDB(), context, BLANK_ROOT_HASH)
    prepare(state, case)
    state.persist()
    state.lock_changes()
    for address in (ORIGIN, CONTRACTS[0], COINBASE):
        state.mark_address_warm(address)
    message = StockMessage(
        case.gas, CONTRACTS[0], ORIGIN, case.value, case.data, state.get_code(CONTRACTS[0])
    )
    facts = state.get_transaction_context_class()(gas_price=0, origin=ORIGIN)
    done = state.computation_class.apply_message(state, message, facts)
    for address in done.get_accounts_for_deletion():
        state.delete_account(address)
    return Ending(
        done.is_success,
        done.get_gas_remaining(),
        bytes(done.output),
        done.get_gas_refund() if done.is_success else 0,
        tuple((a, tuple(t), bytes(d)) for a, t, d in done.get_log_entries()),
        view(state),
    )


def intrinsic(case: Case) -> int:
    return 21_000 + sum([16 if byte else 4 for byte in case.data])


def transaction(ending: Ending, case: Case) -> tuple[Any, ...]:
    """An ending as a transaction of Cancun would show it, which is all that revm tells."""
    used = intrinsic(case) + case.gas - ending.gas_left
    used -= min(used // 5, ending.refund)
    return ending.succeeded, used, ending.logs, ending.accounts


def revm(case: Case) -> tuple[Any, ...]:
    """The same by revm with Cancun's rules, since pyrevm lacks precompiles of Prague.

    The case must begin without storage: pyrevm's own way to insert it leaves the slots warm.
    """
    import pyrevm

    text = {address: "0x" + address.hex() for address in (*ACCOUNTS, ORIGIN, COINBASE)}
    block = pyrevm.BlockEnv(
        number=100,
        coinbase=text[COINBASE],
        timestamp=1_700_000_000,
        prevrandao=b"\x0d" * 32,
        basefee=0,
        gas_limit=GAS_LIMIT,
        excess_blob_gas=0,
    )
    env = pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=901), block=block)
    machine = pyrevm.EVM(env=env, gas_limit=GAS_LIMIT, spec_id="CANCUN")
    account = pyrevm.AccountInfo
    machine.insert_account_info(text[ORIGIN], account(balance=10**18))
    for address, code in zip(CONTRACTS, case.codes, strict=True):
        machine.insert_account_info(text[address], account(balance=100, nonce=1, code=code))
    call = {"calldata": case.data, "value": case.value, "gas": case.gas + intrinsic(case)}
    try:
        machine.message_call(text[ORIGIN], text[CONTRACTS[0]], gas_price=0, **call)
    except RuntimeError:
        if machine.result is None:
            raise
    result = machine.result
    return result.is_success, result.gas_used, _logs(result), _view(machine, text)


def _logs(result: Any) -> tuple[tuple[bytes, tuple[int, ...], bytes], ...]:
    return tuple(
        (
            bytes.fromhex(log.address.removeprefix("0x")),
            tuple(int(topic, 16) for topic in log.topics),
            bytes(log.data[1] if isinstance(log.data, tuple) else log.data),
        )
        for log in (result.logs if result.is_success else ())
    )


def _view(machine: Any, text: dict[bytes, str]) -> tuple[Any, ...]:
    return tuple(
        (
            machine.get_balance(text[account]),
            machine.basic(text[account]).nonce,
            bytes(machine.get_code(text[account]) or b""),
            tuple(machine.storage(text[account], slot) for slot in SLOTS),
        )
        for account in ACCOUNTS
    )
