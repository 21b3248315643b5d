"""Load on a chain: signed transfers between development accounts, sent in batches."""

from __future__ import annotations

from collections.abc import Sequence

from node_process import call, post

from chain.transaction import DynamicFeeTransaction, sign_transaction
from chain.types import Address
from genesis.dev_accounts import DevAccount

RECIPIENT = Address(bytes.fromhex("00000000000000000000000000000000000beef1"))


def transfer(
    chain_id: int,
    account: DevAccount,
    nonce: int,
    *,
    value: int = 1,
    to: Address = RECIPIENT,
    data: bytes = b"",
    gas_limit: int = 30_000,
) -> bytes:
    """One signed transfer in raw form."""
    return sign_transaction(
        DynamicFeeTransaction(
            chain_id=chain_id,
            nonce=nonce,
            max_priority_fee_per_gas=10**6,
            max_fee_per_gas=10**11,
            gas_limit=gas_limit,
            to=to,
            value=value,
            data=data,
        ),
        account.private_key,
    ).encode()


def send_transfers(
    url: str, chain_id: int, accounts: Sequence[DevAccount], count: int
) -> list[str]:
    """Send `count` transfers from each account, nonces from the pool on; the hashes taken."""
    requests = []
    for account in accounts:
        first = int(
            call(url, "eth_getTransactionCount", "0x" + account.address.hex(), "pending"), 16
        )
        for nonce in range(first, first + count):
            raw = transfer(chain_id, account, nonce)
            requests.append(
                {
                    "jsonrpc": "2.0",
                    "id": len(requests),
                    "method": "eth_sendRawTransaction",
                    "params": ["0x" + raw.hex()],
                }
            )
    answers = post(url, requests)
    return [answer["result"] for answer in answers if "result" in answer]
