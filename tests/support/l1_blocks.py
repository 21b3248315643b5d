"""Bare L1 blocks: real headers linked by hash, with transactions and receipts put in by hand."""

from __future__ import annotations

from chain.block import Header, transactions_root
from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import address_of
from chain.heads import BlockId
from chain.receipt import EMPTY_BLOOM
from chain.transaction import BlobTransaction, DynamicFeeTransaction, sign_transaction
from chain.types import ZERO_ADDRESS, ZERO_HASH
from genesis.config import (
    RollupConfig,
    RollupGenesis,
    SystemConfig,
    default_batch_inbox,
)
from rollup.l1.block import L1Block, make_l1_block

BATCHER_KEY = b"\x0b" * 32
BATCHER = address_of(BATCHER_KEY)
STRANGER_KEY = b"\x57" * 32
PORTAL = b"\xd0" * 20
SYSTEM_CONFIG_ADDRESS = b"\xc0" * 20
L1_CHAIN_ID = 900
L2_CHAIN_ID = 901
INBOX = default_batch_inbox(L2_CHAIN_ID)
L1_GENESIS_TIME = 10_000


def l1_block(number, parent_hash=ZERO_HASH, *, transactions=(), receipts=(), salt=0, time=None):
    """An L1 block; blocks with different salts are on different forks."""
    header = Header(
        parent_hash=parent_hash,
        beneficiary=ZERO_ADDRESS,
        state_root=keccak256(salt.to_bytes(4, "big")),
        transactions_root=transactions_root([tx.encode() for tx in transactions]),
        receipts_root=ZERO_HASH,
        logs_bloom=EMPTY_BLOOM,
        number=number,
        gas_limit=30_000_000,
        gas_used=0,
        timestamp=L1_GENESIS_TIME + 12 * number if time is None else time,
        extra_data=b"",
        prev_randao=keccak256(number.to_bytes(8, "big")),
        base_fee_per_gas=7,
        withdrawals_root=ZERO_HASH,
        blob_gas_used=0,
        excess_blob_gas=0,
        parent_beacon_block_root=keccak256(b"beacon" + number.to_bytes(8, "big")),
        requests_hash=ZERO_HASH,
    )
    return make_l1_block(header, tuple(transactions), tuple(receipts))


def l1_chain(count, *, contents=None, salt=0, parent: L1Block | None = None):
    """`count` linked blocks; `contents` maps numbers to transactions."""
    blocks = [] if parent is None else [parent]
    start = 0 if parent is None else parent.number + 1
    for number in range(start, start + count):
        parent_hash = blocks[-1].hash if blocks else ZERO_HASH
        transactions = (contents or {}).get(number, ())
        blocks.append(l1_block(number, parent_hash, transactions=transactions, salt=salt))
    return blocks if parent is None else blocks[1:]


def batcher_tx(data, *, key=BATCHER_KEY, to=INBOX, nonce=0):
    """A calldata transaction to the batch inbox."""
    return sign_transaction(
        DynamicFeeTransaction(
            chain_id=L1_CHAIN_ID,
            nonce=nonce,
            max_priority_fee_per_gas=1,
            max_fee_per_gas=100,
            gas_limit=1_000_000,
            to=to,
            value=0,
            data=data,
        ),
        key,
    )


def blob_tx(versioned_hashes, *, data=b"", key=BATCHER_KEY, to=INBOX, nonce=0):
    """A blob transaction to the batch inbox."""
    return sign_transaction(
        BlobTransaction(
            chain_id=L1_CHAIN_ID,
            nonce=nonce,
            max_priority_fee_per_gas=1,
            max_fee_per_gas=100,
            gas_limit=1_000_000,
            to=to,
            value=0,
            data=data,
            max_fee_per_blob_gas=1,
            blob_versioned_hashes=tuple(versioned_hashes),
        ),
        key,
    )


def bare_rollup_config(*, l1_genesis=None, l2_hash=b"\x02" * 32, block_time=2, window=10):
    """A rollup config over bare L1 blocks."""
    genesis = l1_genesis or l1_block(0)
    return RollupConfig(
        genesis=RollupGenesis(
            l1=BlockId(number=genesis.number, hash=genesis.hash),
            l2=BlockId(number=0, hash=l2_hash),
            l2_time=genesis.timestamp,
            system_config=SystemConfig(BATCHER, 30_000_000, 1_000, 2_000),
        ),
        block_time=block_time,
        max_sequencer_drift=600,
        seq_window_size=window,
        channel_timeout=300,
        l1_chain_id=L1_CHAIN_ID,
        l2_chain_id=L2_CHAIN_ID,
        batch_inbox_address=INBOX,
        deposit_contract_address=PORTAL,
        l1_system_config_address=SYSTEM_CONFIG_ADDRESS,
    )
