"""Random cases on EELS, the execution specification in Python, which nobody here wrote.

It joins where `ethereum-execution` can be imported, or where `make bench-tools` has put it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from evm_engines import CHAIN_ID, GAS_LIMIT, NUMBER, TIME, Case, Ending, prepare, view
from evm_programs import COINBASE, CONTRACTS, ORIGIN

from chain.types import Address

TOOLS = Path(__file__).resolve().parents[2] / "build" / "benchmarks"
MISSING = "EELS (ethereum-execution) is not installed: make bench-tools"


@dataclass(frozen=True)
class Specification:
    """The modules of one fork."""

    fork: ModuleType
    state: ModuleType
    transactions: ModuleType
    exceptions: ModuleType
    vm: ModuleType
    interpreter: ModuleType
    precompiles: frozenset[bytes]


@cache
def is_there() -> bool:
    """Whether EELS can be imported."""
    if TOOLS.is_dir() and str(TOOLS) not in sys.path:
        sys.path.append(str(TOOLS))
    return importlib.util.find_spec("ethereum_types") is not None


@cache
def specification(name: str) -> Specification:
    """EELS's modules of a fork, by its name in lower case."""
    assert is_there(), MISSING
    base = f"ethereum.forks.{name}"
    load = importlib.import_module
    mapping = load(f"{base}.vm.precompiled_contracts.mapping")
    return Specification(
        load(f"{base}.fork"),
        load(f"{base}.state"),
        load(f"{base}.transactions"),
        load("ethereum.exceptions"),
        load(f"{base}.vm"),
        load(f"{base}.vm.interpreter"),
        frozenset(mapping.PRE_COMPILED_CONTRACTS),
    )


class World:
    """A state of EELS that is asked and prepared as ours is."""

    def __init__(self, eels: Specification) -> None:
        from ethereum_types.bytes import Bytes20, Bytes32
        from ethereum_types.numeric import U256, Uint

        self._bytes20, self._bytes32, self._u256, self._uint = Bytes20, Bytes32, U256, Uint
        self._module = eels.state
        self.inner = eels.state.State()

    def _account(self, address: Address) -> Any:
        return self._module.get_account(self.inner, self._bytes20(address))

    def _change(self, address: Address, **fields: Any) -> None:
        old = self._account(address)
        known = {"nonce": old.nonce, "balance": old.balance, "code": old.code} | fields
        account = self._module.Account(**known)
        self._module.set_account(self.inner, self._bytes20(address), account)

    def set_balance(self, address: Address, wei: int) -> None:
        self._change(address, balance=self._u256(wei))

    def set_nonce(self, address: Address, nonce: int) -> None:
        self._change(address, nonce=self._uint(nonce))

    def set_code(self, address: Address, code: bytes) -> None:
        self._change(address, code=code)

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        key, word = self._bytes32(slot.to_bytes(32, "big")), self._u256(value)
        self._module.set_storage(self.inner, self._bytes20(address), key, word)

    def get_balance(self, address: Address) -> int:
        return int(self._account(address).balance)

    def get_nonce(self, address: Address) -> int:
        return int(self._account(address).nonce)

    def get_code(self, address: Address) -> bytes:
        return bytes(self._account(address).code)

    def get_storage(self, address: Address, slot: int) -> int:
        key = self._bytes32(slot.to_bytes(32, "big"))
        return int(self._module.get_storage(self.inner, self._bytes20(address), key))

    def delete_account(self, address: Address) -> None:
        self._module.destroy_account(self.inner, address)

    def compute_root(self) -> bytes:
        return bytes(self._module.state_root(self.inner))


def block_of(eels: Specification, world: World, base_fee: int = 0) -> Any:
    """The block around every case."""
    from ethereum_types.bytes import Bytes20, Bytes32
    from ethereum_types.numeric import U64, U256, Uint

    return eels.vm.BlockEnvironment(
        chain_id=U64(CHAIN_ID),
        state=world.inner,
        block_gas_limit=Uint(GAS_LIMIT),
        block_hashes=[Bytes32(bytes(32))] * NUMBER,
        coinbase=Bytes20(COINBASE),
        number=Uint(NUMBER),
        base_fee_per_gas=Uint(base_fee),
        time=U256(TIME),
        prev_randao=Bytes32(b"\x0d" * 32),
        excess_blob_gas=U64(0),
        parent_beacon_block_root=Bytes32(bytes(32)),
    )


def eels(case: Case, fork: str) -> Ending:
    """One case under the rules of a fork."""
    spec = specification(fork)
    world = World(spec)
    prepare(world, case)
    output = spec.interpreter.process_message_call(_message(spec, world, case))
    for address in output.accounts_to_delete:
        world.delete_account(address)
    succeeded = output.error is None
    return Ending(
        succeeded,
        int(output.gas_left),
        bytes(output.return_data),
        int(output.refund_counter) if succeeded else 0,
        logs_of(output.logs),
        view(world),
        world.compute_root(),
    )


def _message(spec: Specification, world: World, case: Case) -> Any:
    from ethereum_types.bytes import Bytes, Bytes20
    from ethereum_types.numeric import U256, Uint

    origin, target = Bytes20(ORIGIN), Bytes20(CONTRACTS[0])
    transaction = spec.vm.TransactionEnvironment(
        origin=origin,
        gas_price=Uint(0),
        gas=Uint(case.gas),
        access_list_addresses=set(),
        access_list_storage_keys=set(),
        transient_storage=spec.state.TransientStorage(),
        blob_versioned_hashes=(),
        authorizations=(),
        index_in_block=Uint(0),
        tx_hash=None,
    )
    return spec.vm.Message(
        block_env=block_of(spec, world),
        tx_env=transaction,
        caller=origin,
        target=target,
        current_target=target,
        gas=Uint(case.gas),
        value=U256(case.value),
        data=Bytes(case.data),
        code_address=target,
        code=case.codes[0],
        depth=Uint(0),
        should_transfer_value=True,
        is_static=False,
        accessed_addresses={origin, target, Bytes20(COINBASE), *spec.precompiles},
        accessed_storage_keys=set(),
        disable_precompiles=False,
        parent_evm=None,
    )


def logs_of(logs: Any) -> tuple[tuple[bytes, tuple[int, ...], bytes], ...]:
    """EELS's logs as an Ending has them."""
    return tuple(
        (
            bytes(log.address),
            tuple(int.from_bytes(topic, "big") for topic in log.topics),
            bytes(log.data),
        )
        for log in logs
    )
