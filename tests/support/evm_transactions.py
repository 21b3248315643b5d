"""Random signed transactions of all types in one block, on our transition and on EELS.

Many of them are wrong in some way, and both have to refuse the same ones. The others delegate
accounts to code (EIP-7702), create where somebody is (EIP-7610), pay floors, tips and blob fees.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from evm_eels import World, block_of, specification
from evm_engines import CHAIN_ID, GAS_LIMIT, NUMBER, TIME, Case, Prior, prepare
from evm_programs import COINBASE, CONTRACTS, INIT_CODES, ORIGIN, PRECOMPILES, STRANGER, program

from chain.crypto.secp256k1 import CURVE_ORDER, address_of
from chain.receipt import Receipt
from chain.state import MemoryStateStore, State
from chain.transaction import (
    AccessListTransaction,
    Authorization,
    BlobTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    SignedTransaction,
    recover_sender,
    sign_authorization,
    sign_transaction,
)
from chain.trie import ordered_trie_root
from chain.types import ZERO_ADDRESS, Address, Hash32
from evm.environment import BlockEnvironment
from evm.errors import InvalidTransaction
from evm.forks import OSAKA, PRAGUE
from evm.intrinsic_gas import gas_of
from evm.transition import Transition, create_address

KEYS = tuple(bytes(31) + bytes((number,)) for number in range(1, 5))
USERS = tuple(address_of(key) for key in KEYS)
"""The last of them is poor."""
BASE_FEE = 7
RULES = {"prague": PRAGUE, "osaka": OSAKA}
GAS = (20_000, *(100_000,) * 5, *(300_000,) * 5, 800_000)
MOST_GAS = (2**24, 2**24 + 1)
"""Around EIP-7825's cap, and only for transfers: a program would loop for minutes."""
PLACES = (*CONTRACTS, *CONTRACTS, *USERS, STRANGER, PRECOMPILES[1], ZERO_ADDRESS)


@dataclass(frozen=True)
class Block:
    """A world and signed transactions for it."""

    fork: str
    world: Case
    transactions: tuple[SignedTransaction, ...]


@dataclass(frozen=True)
class BlockEnding:
    """Which transactions were taken, and the roots behind the last one."""

    taken: tuple[bool, ...]
    gas_used: int
    receipts_root: bytes
    state_root: bytes


class Drafter:
    """Writes transactions that fit the state as it is, more or less."""

    def __init__(self, rnd: random.Random, state: State) -> None:
        self.rnd = rnd
        self.state = state

    def transaction(self) -> SignedTransaction:
        rnd = self.rnd
        key = rnd.randrange(len(KEYS))
        kind = rnd.choice(
            (self._legacy, self._with_list, self._dynamic, self._blob, self._set_code)
        )
        draft = kind(self._nonce(USERS[key], (*(0,) * 20, -1, 1)), key)
        if rnd.random() < 0.1:  # just enough gas, or not quite
            draft = replace(draft, gas_limit=max(gas_of(draft)) - rnd.choice((0, 0, 1)))
        return sign_transaction(draft, KEYS[key])

    def _nonce(self, account: Address, offsets: tuple[int, ...]) -> int:
        return max(0, self.state.get_nonce(account) + self.rnd.choice(offsets))

    def _body(self, nonce: int, *, creates: bool) -> dict[str, Any]:
        rnd = self.rnd
        to = None if creates and rnd.random() < 0.25 else rnd.choice(PLACES)
        data = rnd.randbytes(rnd.choice((0, 0, 4, 36, 400, 2_000)))
        if to is None:
            data = rnd.choice(
                (rnd.choice(INIT_CODES), program(rnd), bytes(rnd.choice((9, 9, 49_153))))
            )
        value = rnd.choice((0, 0, 0, 0, 0, 0, 1, 10**6, 10**17, 2**200))
        gas = rnd.choice(GAS)
        if rnd.random() < 0.1:
            gas, to, data = rnd.choice(MOST_GAS), ORIGIN, b""
        return {"nonce": nonce, "gas_limit": gas, "to": to, "value": value, "data": data}

    def _fees(self) -> dict[str, int]:
        tip, cap = (
            self.rnd.choice((0, 0, 1, 3, 30)),
            self.rnd.choice((6, 7, 7, 7, 8, 8, 20, 20, 20, 20, 100)),
        )
        return {
            "max_priority_fee_per_gas": min(tip, cap + int(self.rnd.random() < 0.1)),
            "max_fee_per_gas": cap,
        }

    def _list(self) -> tuple[tuple[Address, tuple[int, ...]], ...]:
        rnd = self.rnd
        return tuple(
            (
                rnd.choice(PLACES),
                tuple(rnd.choice((0, 1, 2, 2**255)) for _ in range(rnd.randrange(3))),
            )
            for _ in range(rnd.choice((0, 0, 1, 3)))
        )

    def _legacy(self, nonce: int, _key: int) -> SignedTransaction:
        chain_id = self.rnd.choice((None, CHAIN_ID, CHAIN_ID, CHAIN_ID))
        return LegacyTransaction(
            chain_id=chain_id,
            gas_price=self._fees()["max_fee_per_gas"],
            **self._body(nonce, creates=True),
        )

    def _with_list(self, nonce: int, _key: int) -> SignedTransaction:
        return AccessListTransaction(
            chain_id=CHAIN_ID,
            gas_price=self._fees()["max_fee_per_gas"],
            access_list=self._list(),
            **self._body(nonce, creates=True),
        )

    def _dynamic(self, nonce: int, _key: int) -> SignedTransaction:
        return DynamicFeeTransaction(
            chain_id=CHAIN_ID,
            access_list=self._list(),
            **self._fees(),
            **self._body(nonce, creates=True),
        )

    def _blob(self, nonce: int, _key: int) -> SignedTransaction:
        rnd = self.rnd
        versions = [
            rnd.choice((1,) * 15 + (2,)) for _ in range(rnd.choice((0, 1, 1, 1, 1, 2, 2, 7, 10)))
        ]
        return BlobTransaction(
            chain_id=CHAIN_ID,
            max_fee_per_blob_gas=rnd.choice((0, 1, 1, 1, 1, 5)),
            blob_versioned_hashes=tuple(Hash32(bytes((version,)) * 32) for version in versions),
            access_list=self._list(),
            **self._fees(),
            **self._body(nonce, creates=False),
        )

    def _set_code(self, nonce: int, key: int) -> SignedTransaction:
        return SetCodeTransaction(
            chain_id=CHAIN_ID,
            authorization_list=tuple(self._consents(key)),
            access_list=self._list(),
            **self._fees(),
            **self._body(nonce, creates=False),
        )

    def _consents(self, sender: int) -> Iterator[Authorization]:
        rnd = self.rnd
        for _ in range(rnd.choice((0, 1, 1, 1, 2, 2, 3))):
            key = rnd.randrange(len(KEYS))
            consent = sign_authorization(
                KEYS[key],
                chain_id=rnd.choice((0, CHAIN_ID, CHAIN_ID, 1)),
                address=rnd.choice(PLACES),
                nonce=self._nonce(USERS[key], (0, 0, 0, 1)) + int(key == sender),
            )
            yield rnd.choice((consent, consent, consent, consent, _spoilt(consent, rnd)))


def _spoilt(consent: Authorization, rnd: random.Random) -> Authorization:
    """A signature that is not one."""
    return rnd.choice(
        (
            replace(consent, y_parity=consent.y_parity ^ 1),
            replace(consent, y_parity=2),
            replace(consent, s=CURVE_ORDER - consent.s),
            replace(consent, r=0),
            replace(consent, r=CURVE_ORDER),
            replace(consent, nonce=2**64 - 1),
        )
    )


def _world(rnd: random.Random, *, is_osaka: bool) -> Case:
    funds = [Prior(user, 0, 10**18) for user in USERS[:-1]]
    funds.append(Prior(USERS[-1], rnd.choice((0, 5)), 30_000_000))
    if rnd.random() < 0.3:  # what only storage is in the way of (EIP-7610)
        place = create_address(rnd.choice((*USERS, CONTRACTS[0])), rnd.choice((0, 0, 1)))
        funds.append(Prior(place, 0, 5, b"", slot=9))
    if rnd.random() < 0.3:
        delegate = rnd.choice((*CONTRACTS, *USERS))
        funds.append(Prior(STRANGER, 1, 0, b"\xef\x01\x00" + delegate))
    codes = tuple(program(rnd, is_osaka=is_osaka) for _ in CONTRACTS)
    return Case(codes, b"", 0, 0, rnd.random() < 0.3, tuple(funds))


def random_block(rnd: random.Random, fork: str) -> tuple[Block, BlockEnding]:
    """A block that grows transaction by transaction on our machine, and how it ends there."""
    world = _world(rnd, is_osaka=fork == "osaka")
    state, block = _ours(world, fork)
    drafter, transition, taken = Drafter(rnd, state), Transition(state, block), []
    transactions, receipts = [], []
    used = blob_gas_used = 0
    for _ in range(rnd.randint(1, 6)):
        tx = drafter.transaction()
        transactions.append(tx)
        room = block.rules.max_blob_gas - blob_gas_used
        try:
            applied = transition.apply(tx, recover_sender(tx), GAS_LIMIT - used, room)
        except InvalidTransaction:
            taken.append(False)
            continue
        taken.append(True)
        used += applied.gas_used
        blob_gas_used += applied.blob_gas_used
        outcome = applied.outcome
        receipts.append(Receipt(tx.type, outcome.succeeded, used, outcome.logs).encode())
    ending = BlockEnding(
        tuple(taken), used, bytes(ordered_trie_root(receipts)), bytes(state.compute_root())
    )
    return Block(fork, world, tuple(transactions)), ending


def _ours(world: Case, fork: str) -> tuple[State, BlockEnvironment]:
    state = State(MemoryStateStore())
    prepare(state, world)
    state.compute_root()
    block = BlockEnvironment(
        chain_id=CHAIN_ID,
        number=NUMBER,
        timestamp=TIME,
        coinbase=COINBASE,
        prev_randao=Hash32(b"\x0d" * 32),
        gas_limit=GAS_LIMIT,
        base_fee=BASE_FEE,
        blob_base_fee=1,
        block_hash=lambda number: None,
        rules=RULES[fork],
    )
    return state, block


def on_eels(block: Block) -> BlockEnding:
    """The same by EELS, from the encoded transactions on."""
    from ethereum.exceptions import EthereumException
    from ethereum_types.numeric import Uint

    spec = specification(block.fork)
    world = World(spec)
    prepare(world, block.world)
    environment, output = block_of(spec, world, BASE_FEE), spec.vm.BlockOutput()
    taken: list[bool] = []
    for tx in block.transactions:
        try:
            decoded = _decoded(spec.transactions, tx)
            spec.fork.process_transaction(environment, output, decoded, Uint(sum(taken)))
        except EthereumException:
            taken.append(False)
        else:
            taken.append(True)
    trie = importlib.import_module(f"ethereum.forks.{block.fork}.trie")
    return BlockEnding(
        tuple(taken),
        int(output.block_gas_used),
        bytes(trie.root(output.receipts_trie)),
        world.compute_root(),
    )


def _decoded(transactions: Any, tx: SignedTransaction) -> Any:
    from ethereum_rlp import rlp

    raw = tx.encode()
    if tx.type:
        return transactions.decode_transaction(raw)
    return rlp.decode_to(transactions.LegacyTransaction, raw)
