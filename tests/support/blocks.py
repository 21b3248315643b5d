"""Chains of small blocks with a real state and real roots, made without a virtual machine."""

from __future__ import annotations

from chain.block import Block, Header, receipts_root, transactions_root
from chain.heads import BlockId, Heads
from chain.receipt import Log, Receipt
from chain.state import State
from chain.transaction import DepositTransaction
from chain.types import Address, Hash32

COUNTER = Address(b"\x0c" * 20)


def identity(block: Block) -> BlockId:
    return BlockId(block.number, block.hash)


def next_block(store, parent: Block | None, salt: int = 0, transactions: int = 2):
    """A child whose deposits add to slots of COUNTER; different salts give different forks.

    Returns what ChainStore.commit takes, less the heads.
    """
    number = parent.number + 1 if parent else 0
    state = State.at(store, parent.header.state_root) if parent else State(store)
    deposits = tuple(
        _deposit(number, index, salt) for index in range(transactions if parent else 0)
    )
    state.set_balance(COUNTER, number * 1000 + salt)
    state.set_code(COUNTER, bytes((0x60, salt, number % 256)))
    for index, _ in enumerate(deposits):
        state.set_storage(COUNTER, number * 10 + index, salt + 1)
    changes = state.take_changes()
    logs = (Log(COUNTER, (Hash32(bytes(32)),), bytes((salt,))),)
    receipts = tuple(
        Receipt(0x7E, True, 21000 * (index + 1), logs, index, 1) for index in range(len(deposits))
    )
    header = Header(
        parent_hash=parent.hash if parent else Hash32(bytes(32)),
        beneficiary=COUNTER,
        state_root=changes.root,
        transactions_root=transactions_root([tx.encode() for tx in deposits]),
        receipts_root=receipts_root(receipts),
        logs_bloom=bytes(256),
        number=number,
        gas_limit=30_000_000,
        gas_used=21000 * len(deposits),
        timestamp=2 * number,
        extra_data=bytes((salt,)),
        prev_randao=Hash32(bytes(32)),
        base_fee_per_gas=7,
    )
    block = Block(header, deposits)
    return block, receipts, tuple(tx.sender for tx in deposits), changes


def _deposit(number: int, index: int, salt: int) -> DepositTransaction:
    # Index 0 is the same transaction on every fork, as a user's deposit is after a reorg.
    unique = (number, index, salt if index else 0)
    return DepositTransaction(
        source_hash=Hash32(b"".join(part.to_bytes(8, "big") for part in unique).rjust(32, b"\0")),
        sender=Address(bytes((index + 1,)) * 20),
        to=COUNTER,
        mint=1,
        value=1,
        gas_limit=100_000,
        is_system_transaction=False,
        data=b"",
    )


def grow(store, parent: Block | None, count: int, salt: int = 0) -> list[Block]:
    """Commit that many blocks on parent, each as the new unsafe head; safe and finalized stay."""
    blocks = []
    for _ in range(count):
        block, *rest = next_block(store, parent, salt)
        heads = store.heads()
        if heads is None:
            heads = Heads.at_genesis(identity(block))
        else:
            heads = Heads(identity(block), heads.safe, heads.finalized)
        store.commit(block, *rest, heads)
        blocks.append(block)
        parent = block
    return blocks


def assert_consistent(store) -> None:
    """Everything that the heads promise is there: index, bodies, receipts, look-ups, all state."""
    heads = store.heads()
    if heads is None:
        assert store.canonical_hash(0) is None
        return
    assert store.canonical_hash(heads.unsafe.number + 1) is None
    for head in (heads.unsafe, heads.safe, heads.finalized):
        assert store.is_canonical(head)
    parent_hash = bytes(32)
    for number in range(heads.unsafe.number + 1):
        block_hash = store.canonical_hash(number)
        block = store.block(block_hash)
        assert block.hash == block_hash
        assert block.header.parent_hash == parent_hash
        parent_hash = block_hash
        receipts = store.receipts(block_hash)
        assert receipts_root(receipts) == block.header.receipts_root
        assert store.senders(block_hash) == tuple(tx.sender for tx in block.transactions)
        for index, transaction in enumerate(block.transactions):
            location = store.transaction_location(transaction.hash)
            assert (location.block_hash, location.index) == (block_hash, index)
        state = State.at(store, block.header.state_root)
        assert state.get_code(COUNTER)[2] == number % 256
        for slot in range(number * 10 + 2):
            state.get_storage(COUNTER, slot)
