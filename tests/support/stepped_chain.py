"""Chains of every fork whose blocks are also stepped through, and blocks with all kinds of
transactions in them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import step_blocks
from execution import (
    JOVIAN_PRICES,
    KEYS,
    L1_CONFIG,
    STRANGER,
    USERS,
    attributes,
    deploying,
    deposit,
    engine,
    optimism_config,
    send,
)
from step_runs import Step, steps_from
from witness_blocks import ALLOCATION, CODES, HASH, LOOK, STORE, transactions

from chain.crypto.keccak import keccak256
from chain.transaction import (
    AccessListTransaction,
    BlobTransaction,
    DepositTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    recover_sender,
    sign_authorization,
    sign_transaction,
)
from chain.types import Address, Hash32
from evm.step.state import Phase
from genesis import addresses
from genesis.allocation import GenesisAccount
from genesis.config import ForkTimes

OP_FORKS = ("ecotone", "fjord", "granite", "holocene", "isthmus", "jovian", "karst")
L1_FORKS = ("cancun", "prague", "osaka")
# LOG2 of the first calldata word bytes of memory, topics 7 and 8
LOG_CODE = bytes.fromhex("600860075f355fa200")
LOGGER = Address(b"\x61" * 20)
EXTRA = {**ALLOCATION, LOGGER: GenesisAccount(nonce=1, code=LOG_CODE)}


def l1_config(fork):
    names = L1_FORKS[: L1_FORKS.index(fork) + 1]
    return replace(L1_CONFIG, forks=ForkTimes(shanghai=0, **dict.fromkeys(names, 0)))


def config_of(fork):
    return l1_config(fork) if fork in L1_FORKS else optimism_config(fork)


def chain_of(fork):
    extra = dict(EXTRA)
    if fork in ("jovian", "karst"):
        extra[addresses.L1_BLOCK] = GenesisAccount(nonce=1, code=b"\x00", storage=JOVIAN_PRICES)
    return engine(config_of(fork), extra)


class Stepper:
    """A chain of which every block is also stepped through."""

    def __init__(self, fork):
        self.config, self.chain = config_of(fork), chain_of(fork)
        self.headers = [self.chain.header(self.chain.heads.unsafe.hash)]

    def prepared(self, *txs, **changes):
        parent = self.headers[-1]
        asked = attributes(self.chain, *txs, **changes)
        by_number = {header.number: header.hash for header in self.headers}
        return step_blocks.prepare(
            self.config, parent, asked, self.chain.store, by_number.get, self.headers
        )

    def agrees(self, *txs, **changes):
        block = self.prepared(*txs, **changes)
        last, counts, header_hash = step_blocks.run(block)
        assert header_hash == block.result.header.hash
        assert last.phase == Phase.VALID
        assert last.pending == block.output_root
        self.chain.commit(block.result)
        self.headers.append(block.result.header)
        return block, counts


def every_kind(chain_id):
    """Transactions of all kinds that both layers have, with lists that take several steps."""
    listed = tuple((Address(bytes((n,)) * 20), tuple(range(n % 4))) for n in range(1, 40))
    noise = b"".join(keccak256(bytes((n,))) for n in range(100))
    return [
        send(0, 0, STORE, data=bytes(31) + b"\x01" + bytes(31) + b"\x09", chain_id=chain_id),
        sign_transaction(
            LegacyTransaction(chain_id, 1, 3 * 10**9, 60_000, STRANGER, 3, b"hello"), KEYS[0]
        ),
        sign_transaction(LegacyTransaction(None, 2, 3 * 10**9, 60_000, STRANGER, 3, b""), KEYS[0]),
        sign_transaction(
            AccessListTransaction(
                chain_id, 3, 3 * 10**9, 900_000, STORE, 0, bytes(64), ((STORE, (0, 5)), *listed)
            ),
            KEYS[0],
        ),
        send(1, 0, LOGGER, data=(5000).to_bytes(32, "big"), gas=200_000, chain_id=chain_id),
        send(1, 1, LOGGER, data=(1).to_bytes(32, "big"), gas=200_000, chain_id=chain_id),
        send(1, 2, STRANGER, data=noise + bytes(3000) + noise, gas=900_000, chain_id=chain_id),
        send(1, 3, None, data=deploying(LOG_CODE), gas=200_000, chain_id=chain_id),
    ]


def set_code(chain_id):
    consents = [
        sign_authorization(KEYS[3], chain_id=chain_id, address=STORE, nonce=0),
        sign_authorization(KEYS[4], chain_id=0, address=LOGGER, nonce=0),
        sign_authorization(KEYS[4], chain_id=chain_id, address=STORE, nonce=9),
        sign_authorization(KEYS[5], chain_id=77, address=STORE, nonce=0),
    ]
    consents.append(replace(consents[0], y_parity=5))
    consents += [replace(consents[2], nonce=20 + n) for n in range(9)]
    first = SetCodeTransaction(
        chain_id, 0, 10**8, 3 * 10**9, 900_000, USERS[3], 0, bytes(64), tuple(consents)
    )
    clearing = sign_authorization(KEYS[3], chain_id=0, address=Address(bytes(20)), nonce=1)
    second = SetCodeTransaction(
        chain_id, 1, 10**8, 3 * 10**9, 900_000, USERS[4], 0, bytes(64), (clearing,)
    )
    return [sign_transaction(tx, KEYS[2]) for tx in (first, second)]


def every_kind_of(fork, chain_id):
    """A block's transactions: of each kind that the fork has, deposits first."""
    txs = every_kind(chain_id)
    if fork in ("isthmus", "jovian", "karst", "prague", "osaka"):
        txs += set_code(chain_id)
    if fork in L1_FORKS:
        hashes = (Hash32(b"\x01" * 32), Hash32(b"\x01" + bytes(31)))
        blob = BlobTransaction(chain_id, 3, 10**8, 3 * 10**9, 100_000, STRANGER, 0, b"", 9, hashes)
        return [*txs, sign_transaction(replace(blob, nonce=0), KEYS[5])]
    return [
        deposit(USERS[1], STRANGER, mint=7, value=3, salt=1),
        deposit(STRANGER, USERS[2], mint=0, value=10**30, salt=2),
        deposit(STRANGER, None, data=deploying(LOG_CODE), gas=300_000, salt=3),
        deposit(STRANGER, STORE, data=bytes(64), gas=21_001, salt=4),
        deposit(STRANGER, STORE, is_system=True, salt=5),
        *[replace_nonce(tx) for tx in txs],
    ]


def replace_nonce(tx):
    """The first deposit is user 1's, who has sent one transaction more."""
    if recover_sender(tx) != USERS[1]:
        return tx
    return sign_transaction(replace(tx, nonce=tx.nonce + 1), KEYS[1])


def steps_of_block(block: step_blocks.SteppedBlock) -> Iterator[Step]:
    """All steps of a block, from the claim to the last state."""
    return steps_from(
        block.first,
        block.opener,
        block.rules,
        lambda state: state.phase in (Phase.VALID, Phase.INVALID),
    )


def random_block_steps(rnd: random.Random, fork: str) -> Iterator[Step]:
    """Steps of blocks without end: one with each kind of transaction, then random ones. Now and
    then the inputs name a transaction that may not go in.
    """
    while True:
        stepper, nonces = Stepper(fork), dict[int, int]()
        yield from steps_of_block(stepper.prepared(*every_kind_of(fork, stepper.config.chain_id)))
        for _ in range(8):
            # Deposits come first in a block, and count their senders' nonces up.
            plan = sorted(_random_plan(rnd), key=lambda step: step[0] != "deposit")
            txs = transactions(plan, stepper.config, nonces)
            deposits = [tx for tx in txs if isinstance(tx, DepositTransaction)]
            if deposits and rnd.random() < 0.2:
                yield from steps_of_block(_refused(stepper, deposits))
            block, _ = stepper.agrees(*txs)
            yield from steps_of_block(block)


def _refused(stepper: Stepper, deposits: list) -> step_blocks.SteppedBlock:
    """A block whose inputs name a transaction too many: it is made of its deposits alone."""
    block, parent = stepper.prepared(*deposits), stepper.headers[-1]
    named = attributes(stepper.chain, *deposits, send(4, 7, STRANGER))
    inputs = step_blocks.inputs_with(stepper.config, parent, named)
    claim = replace(block.first.pending, inputs=inputs)
    return replace(block, first=replace(block.first, pending=claim))


def _random_plan(rnd: random.Random) -> list[tuple]:
    """As `witness_blocks.plans`, from a seed."""

    def number(high: int) -> bytes:
        return rnd.randrange(high).to_bytes(32, "big")

    def one() -> tuple:
        user = rnd.randrange(4)
        account = rnd.choice((STRANGER, *USERS, *ALLOCATION))
        value = rnd.choice((0, 1, 999, 10**18))
        return rnd.choice(
            (
                ("send", user, STORE, 0, number(46) + number(3)),
                ("send", user, HASH, 0, number(10)),
                ("send", user, LOOK, 0, bytes(12) + account),
                ("send", user, LOGGER, 0, number(3_000)),
                ("send", user, account, value, rnd.randbytes(rnd.choice((0, 40, 1_500)))),
                ("deploy", user, None, value, rnd.choice(CODES)),
                ("deposit", user, rnd.choice((account, None)), value, rnd.choice((0, 10**18))),
            )
        )

    return [one() for _ in range(rnd.randrange(8))]
