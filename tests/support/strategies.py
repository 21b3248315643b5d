"""Hypothesis strategies for the values of a chain: transactions, receipts, headers, blocks.

`transactions()` draws signatures freely (most recover nobody); `signed_transactions()` signs with a
drawn key and gives (transaction, sender).
"""

from __future__ import annotations

from hypothesis import strategies as st

from chain.block import Block, Header, Withdrawal
from chain.crypto.secp256k1 import CURVE_ORDER, address_of
from chain.receipt import Log, Receipt
from chain.transaction import (
    AccessListTransaction,
    Authorization,
    BlobTransaction,
    DepositTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    sign_transaction,
)

uint8 = st.integers(0, 2**8 - 1)
uint64 = st.integers(0, 2**64 - 1)
uint256 = st.integers(0, 2**256 - 1)
wei = st.one_of(st.integers(0, 10**21), uint256)
addresses = st.binary(min_size=20, max_size=20)
hashes = st.binary(min_size=32, max_size=32)
data = st.binary(max_size=300)
recipients = st.one_of(st.none(), addresses)
private_keys = st.integers(1, CURVE_ORDER - 1).map(lambda key: key.to_bytes(32, "big"))
chain_ids = st.one_of(st.sampled_from((1, 10, 901, 31337)), st.integers(1, 2**64))

access_lists = st.lists(
    st.tuples(addresses, st.lists(uint256, max_size=3).map(tuple)), max_size=3
).map(tuple)
authorizations = st.builds(
    Authorization,
    chain_id=uint256,
    address=addresses,
    nonce=uint64,
    y_parity=uint8,
    r=uint256,
    s=uint256,
)

_UNSIGNED = {"nonce": uint64, "gas_limit": uint64, "value": wei, "data": data}
_TIPS = {"max_priority_fee_per_gas": wei, "max_fee_per_gas": wei}


def _unsigned_by_type() -> dict[int, st.SearchStrategy]:
    typed = {**_UNSIGNED, "chain_id": chain_ids, "access_list": access_lists}
    return {
        0: st.builds(
            LegacyTransaction,
            **_UNSIGNED,
            chain_id=st.one_of(st.none(), chain_ids),
            gas_price=wei,
            to=recipients,
        ),
        1: st.builds(AccessListTransaction, **typed, gas_price=wei, to=recipients),
        2: st.builds(DynamicFeeTransaction, **typed, **_TIPS, to=recipients),
        3: st.builds(
            BlobTransaction,
            **typed,
            **_TIPS,
            to=addresses,
            max_fee_per_blob_gas=wei,
            blob_versioned_hashes=st.lists(hashes, max_size=3).map(tuple),
        ),
        4: st.builds(
            SetCodeTransaction,
            **typed,
            **_TIPS,
            to=addresses,
            authorization_list=st.lists(authorizations, min_size=1, max_size=3).map(tuple),
        ),
    }


UNSIGNED_BY_TYPE = _unsigned_by_type()


def unsigned_transactions(types: tuple[int, ...] = (0, 1, 2, 3, 4)) -> st.SearchStrategy:
    """Transactions of the given types before anyone signs them."""
    return st.one_of([UNSIGNED_BY_TYPE[kind] for kind in types])


def signed_transactions(types: tuple[int, ...] = (0, 1, 2, 3, 4)) -> st.SearchStrategy:
    """Pairs of a properly signed transaction and its sender."""

    def sign(tx, key):
        return sign_transaction(tx, key), address_of(key)

    return st.builds(sign, unsigned_transactions(types), private_keys)


deposits = st.builds(
    DepositTransaction,
    source_hash=hashes,
    sender=addresses,
    to=recipients,
    mint=wei,
    value=wei,
    gas_limit=uint64,
    is_system_transaction=st.booleans(),
    data=data,
)


def transactions(types: tuple[int, ...] = (0, 1, 2, 3, 4, 0x7E)) -> st.SearchStrategy:
    """Transactions as a block may hold them, signed or deposited."""
    signable = tuple(kind for kind in types if kind != 0x7E)
    kinds = [deposits] if 0x7E in types else []
    if signable:
        kinds.append(signed_transactions(signable).map(lambda pair: pair[0]))
    return st.one_of(kinds)


logs = st.builds(Log, address=addresses, topics=st.lists(hashes, max_size=4).map(tuple), data=data)
user_receipts = st.builds(
    Receipt,
    type=st.integers(0, 4),
    succeeded=st.booleans(),
    cumulative_gas_used=uint64,
    logs=st.lists(logs, max_size=3).map(tuple),
)
deposit_receipts = st.builds(
    Receipt,
    type=st.just(0x7E),
    succeeded=st.booleans(),
    cumulative_gas_used=uint64,
    logs=st.lists(logs, max_size=3).map(tuple),
    deposit_nonce=uint64,
    deposit_receipt_version=st.one_of(st.none(), st.just(1)),
)
receipts = st.one_of(user_receipts, deposit_receipts)

withdrawals = st.builds(
    Withdrawal, index=uint64, validator_index=uint64, address=addresses, amount_gwei=uint64
)

_HEADER = {
    "parent_hash": hashes,
    "beneficiary": addresses,
    "state_root": hashes,
    "transactions_root": hashes,
    "receipts_root": hashes,
    "logs_bloom": st.binary(min_size=256, max_size=256),
    "number": uint64,
    "gas_limit": uint64,
    "gas_used": uint64,
    "timestamp": uint64,
    "extra_data": st.binary(max_size=32),
    "prev_randao": hashes,
    "difficulty": uint256,
    "ommers_hash": hashes,
    "nonce": st.binary(min_size=8, max_size=8),
}
_LONDON = {**_HEADER, "base_fee_per_gas": uint256}
_SHANGHAI = {**_LONDON, "withdrawals_root": hashes}
_CANCUN = {
    **_SHANGHAI,
    "blob_gas_used": uint64,
    "excess_blob_gas": uint64,
    "parent_beacon_block_root": hashes,
}
_PRAGUE = {**_CANCUN, "requests_hash": hashes}

prague_headers = st.builds(Header, **_PRAGUE)
headers = st.one_of(
    [st.builds(Header, **form) for form in (_HEADER, _LONDON, _SHANGHAI, _CANCUN, _PRAGUE)]
)
blocks = st.builds(
    Block,
    header=headers,
    transactions=st.lists(transactions(), max_size=4).map(tuple),
    withdrawals=st.one_of(st.none(), st.lists(withdrawals, max_size=2).map(tuple)),
    ommers=st.lists(headers, max_size=1).map(tuple),
)
