"""Withdrawals: what the L2's message passer records, under which hash, and how L1 is shown it.

Knows the message, its event and its storage slot; who proves it and when is somebody else's.

Source: specs protocol/withdrawals.md; the hash is Hashing.hashWithdrawal of the OP Stack.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chain import abi
from chain.abi import event_topic
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.types import Address, Hash32
from genesis.addresses import L2_TO_L1_MESSAGE_PASSER

if TYPE_CHECKING:
    from chain.receipt import Log

MESSAGE_PASSED: Final = event_topic(
    "MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)"
)
_HASHED: Final = ("uint256", "address", "address", "uint256", "uint256", "bytes")
_EVENT_DATA: Final = ("uint256", "uint256", "bytes", "bytes32")
_SENT_MESSAGES_SLOT: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A message from L2 to L1. `value` in wei; the nonce's upper 16 bits are its version."""

    nonce: int
    sender: Address
    target: Address
    value: int
    gas_limit: int
    data: bytes

    def as_tuple(self) -> tuple[int, Address, Address, int, int, bytes]:
        """The struct that the portal takes."""
        return (self.nonce, self.sender, self.target, self.value, self.gas_limit, self.data)

    @property
    def hash(self) -> Hash32:
        """The name of the withdrawal on both layers."""
        return keccak256(abi.encode(_HASHED, self.as_tuple()))

    @property
    def storage_slot(self) -> Hash32:
        """Where the message passer records it: sentMessages[hash], a mapping in slot 0."""
        return keccak256(self.hash + _SENT_MESSAGES_SLOT)


def decode_withdrawal(logs: Iterable[Log]) -> Withdrawal:
    """The first withdrawal among the logs of an L2 transaction.

    Raises DecodeError where there is none, or where its event does not belong to its hash.
    """
    for log in logs:
        if log.address == L2_TO_L1_MESSAGE_PASSER and log.topics[:1] == (MESSAGE_PASSED,):
            return _withdrawal(log)
    raise DecodeError("withdrawal: no MessagePassed event of the message passer")


def _withdrawal(log: Log) -> Withdrawal:
    if len(log.topics) != 4:
        raise DecodeError(f"withdrawal: {len(log.topics)} topics, expected 4 of MessagePassed")
    value, gas_limit, data, named = abi.decode(_EVENT_DATA, log.data)
    _, nonce, sender, target = log.topics
    withdrawal = Withdrawal(
        nonce=int.from_bytes(nonce, "big"),
        sender=Address(sender[12:]),
        target=Address(target[12:]),
        value=value,
        gas_limit=gas_limit,
        data=data,
    )
    if withdrawal.hash != named:
        raise DecodeError(
            f"withdrawal: the event names 0x{named.hex()}, its fields give "
            f"0x{withdrawal.hash.hex()}"
        )
    return withdrawal
