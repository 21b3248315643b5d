"""EIP-7702: reading a delegation from an account's code, and applying authorizations.

An authorization that does not fit is skipped, as the EIP asks; the transaction goes on. Fees and
execution are elsewhere.
"""

from __future__ import annotations

from typing import Final

from chain.crypto.secp256k1 import InvalidSignature
from chain.state import State
from chain.transaction import Authorization, recover_authority
from chain.types import ZERO_ADDRESS, Address

DELEGATION_PREFIX: Final = b"\xef\x01\x00"
DELEGATION_SIZE: Final = 23
REFUND_EXISTING_ACCOUNT: Final = 25_000 - 12_500
MAX_NONCE: Final = 2**64 - 1


def delegation_of(code: bytes) -> Address | None:
    """Where an account's code delegates to, or None where it is not a delegation."""
    if len(code) == DELEGATION_SIZE and code.startswith(DELEGATION_PREFIX):
        return Address(code[3:])
    return None


def apply_authorizations(
    state: State, authorizations: tuple[Authorization, ...], chain_id: int
) -> int:
    """Set the delegations of each authorization that fits; the gas refund for existing accounts."""
    return sum(_apply(state, authorization, chain_id) for authorization in authorizations)


def _apply(state: State, authorization: Authorization, chain_id: int) -> int:
    if authorization.chain_id not in (0, chain_id) or authorization.nonce >= MAX_NONCE:
        return 0
    try:
        authority = recover_authority(authorization)
    except InvalidSignature:
        return 0
    state.warm_address(authority)
    code = state.get_code(authority)
    if code and delegation_of(code) is None:
        return 0
    if state.get_nonce(authority) != authorization.nonce:
        return 0
    refund = REFUND_EXISTING_ACCOUNT if state.account_exists(authority) else 0
    target = authorization.address
    state.set_code(authority, b"" if target == ZERO_ADDRESS else DELEGATION_PREFIX + target)
    state.set_nonce(authority, authorization.nonce + 1)
    return refund
