"""User deposits: the portal's TransactionDeposited events of an L1 block, as L2 transactions.

Knows the event and the deposit; aliasing of the sender has happened in the portal, on L1.

Source: specs protocol/deposits.md, "User-Deposited Transactions" and "Deposit Contract".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chain.abi import event_topic
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError, Recovery
from chain.transaction import DepositTransaction
from chain.types import Address, Hash32

if TYPE_CHECKING:
    from chain.receipt import Log
    from rollup.l1.provider import L1Block

TRANSACTION_DEPOSITED: Final = event_topic("TransactionDeposited(address,address,uint256,bytes)")
DEPOSIT_VERSION_0: Final = bytes(32)
_SOURCE_DOMAIN: Final = bytes(32)
_WORD: Final = 32
# mint, value: 32 bytes each; gas limit: 8; creation flag: 1
_OPAQUE_HEAD_SIZE: Final = 32 + 32 + 8 + 1


class MalformedDeposit(DecodeError):
    """The configured deposit contract emitted what a portal never emits.

    No deposit can be skipped without losing money, so derivation cannot go on: the address in the
    rollup config is not a portal.
    """

    recovery = Recovery.STOP


def user_deposit_source_hash(l1_hash: Hash32, log_index: int) -> Hash32:
    """The source hash of a user deposit (domain 0); `log_index` counts within the L1 block."""
    return keccak256(_SOURCE_DOMAIN + keccak256(l1_hash + log_index.to_bytes(32, "big")))


def encode_opaque_data(
    mint_wei: int, value_wei: int, gas_limit: int, is_creation: bool, data: bytes
) -> bytes:
    """The `opaqueData` of deposit version 0, packed as the portal packs it."""
    return (
        mint_wei.to_bytes(32, "big")
        + value_wei.to_bytes(32, "big")
        + gas_limit.to_bytes(8, "big")
        + (b"\x01" if is_creation else b"\x00")
        + data
    )


def decode_deposit(log: Log, source_hash: Hash32) -> DepositTransaction:
    """The deposit that one TransactionDeposited log asks for. Raises MalformedDeposit."""
    if len(log.topics) != 4 or log.topics[0] != TRANSACTION_DEPOSITED:
        raise MalformedDeposit(
            f"deposit log of 0x{log.address.hex()}: {len(log.topics)} topics, expected 4 of "
            "TransactionDeposited"
        )
    _, sender, target, version = log.topics
    if version != DEPOSIT_VERSION_0:
        raise MalformedDeposit(f"deposit log: version 0x{version.hex()}, expected 0")
    opaque = _event_bytes(log.data)
    if len(opaque) < _OPAQUE_HEAD_SIZE:
        raise MalformedDeposit(
            f"deposit log: opaque data has {len(opaque)} bytes, fewer than {_OPAQUE_HEAD_SIZE}"
        )
    is_creation = opaque[72] != 0
    return DepositTransaction(
        source_hash=source_hash,
        sender=Address(sender[12:]),
        to=None if is_creation else Address(target[12:]),
        mint=int.from_bytes(opaque[:32], "big"),
        value=int.from_bytes(opaque[32:64], "big"),
        gas_limit=int.from_bytes(opaque[64:72], "big"),
        is_system_transaction=False,
        data=opaque[_OPAQUE_HEAD_SIZE:],
    )


def user_deposits(l1_block: L1Block, portal: Address) -> tuple[DepositTransaction, ...]:
    """All user deposits of an L1 block, in log order. Raises MalformedDeposit.

    A reverted transaction leaves no logs, so every log here belongs to money that moved.
    """
    deposits = []
    log_index = 0
    for receipt in l1_block.receipts:
        for log in receipt.logs:
            if log.address == portal and log.topics[:1] == (TRANSACTION_DEPOSITED,):
                source_hash = user_deposit_source_hash(l1_block.hash, log_index)
                deposits.append(decode_deposit(log, source_hash))
            log_index += 1
    return tuple(deposits)


def _event_bytes(data: bytes) -> bytes:
    """The one `bytes` argument of an event, in the one layout that Solidity writes."""
    if len(data) < 2 * _WORD or int.from_bytes(data[:_WORD], "big") != _WORD:
        raise MalformedDeposit(f"deposit log: data of {len(data)} bytes is not one bytes value")
    length = int.from_bytes(data[_WORD : 2 * _WORD], "big")
    if len(data) != 2 * _WORD + length + -length % _WORD:
        raise MalformedDeposit(
            f"deposit log: opaque data of {length} bytes in {len(data)} bytes of event data"
        )
    return data[2 * _WORD : 2 * _WORD + length]
