"""Transactions: legacy, 2930, 1559, 4844, 7702 and the OP Stack's deposit; decode, sign, recover.

Every kind is a frozen value with its EIP-2718 bytes. Decoding is strict, so that decoded bytes are
kept as the encoding. Knows nothing of gas rules, balances or which kinds a chain accepts. Format:
docs/protocol/transactions.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias, TypeVar

from . import rlp
from .crypto.keccak import keccak256
from .crypto.secp256k1 import InvalidSignature, Signature, recover, sign
from .encodable import Encodable
from .errors import DecodeError
from .types import ADDRESS_BYTES, HASH_BYTES, Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

AccessList: TypeAlias = tuple[tuple[Address, tuple[int, ...]], ...]
"""Accounts and the storage slots of each that a transaction announces (EIP-2930)."""

LEGACY_TYPE: Final = 0
ACCESS_LIST_TYPE: Final = 1
DYNAMIC_FEE_TYPE: Final = 2
BLOB_TYPE: Final = 3
SET_CODE_TYPE: Final = 4
DEPOSIT_TYPE: Final = 0x7E

_SET_CODE_MAGIC: Final = b"\x05"
_LEGACY_V: Final = (27, 28)
_EIP155_OFFSET: Final = 35
_FIRST_LIST_PREFIX: Final = 0xC0
_LONG_LIST_PREFIX: Final = 0xF7
"""Behind a prefix up to this one the payload begins at once, behind a later one after its size."""


# ---------------------------------------------------------------------------------- field codecs


def _encode_access_list(access_list: AccessList) -> list[rlp.RLPItem]:
    return [
        [address, [slot.to_bytes(HASH_BYTES, "big") for slot in slots]]
        for address, slots in access_list
    ]


def _decode_access_list(item: rlp.DecodedItem) -> AccessList:
    entries: list[tuple[Address, tuple[int, ...]]] = []
    for entry in rlp.decode_list(item, "access_list"):
        address, slots = rlp.decode_list(entry, "access_list entry", length=2)
        entries.append(
            (
                Address(rlp.decode_bytes(address, "access_list address", size=ADDRESS_BYTES)),
                tuple(
                    int.from_bytes(rlp.decode_bytes(slot, "access_list slot", size=HASH_BYTES))
                    for slot in rlp.decode_list(slots, "access_list slots")
                ),
            )
        )
    return tuple(entries)


def _decode_to(item: rlp.DecodedItem) -> Address | None:
    data = rlp.decode_bytes(item, "to")
    if not data:
        return None
    if len(data) != ADDRESS_BYTES:
        raise DecodeError(f"to: expected 0 or {ADDRESS_BYTES} bytes, got {len(data)}")
    return Address(data)


def _decode_recipient(item: rlp.DecodedItem) -> Address:
    """Read the `to` of the kinds that cannot create a contract."""
    return Address(rlp.decode_bytes(item, "to", size=ADDRESS_BYTES))


def _decode_uint64(item: rlp.DecodedItem, what: str) -> int:
    return rlp.decode_int(item, what, max_bytes=8)


def _decode_y_parity(item: rlp.DecodedItem) -> int:
    y_parity = rlp.decode_int(item, "y_parity", max_bytes=1)
    if y_parity > 1:
        raise DecodeError(f"y_parity: expected 0 or 1, got {y_parity}")
    return y_parity


def _int_size(value: int) -> int:
    """Bytes that an integer takes in RLP."""
    return 1 if value < 0x80 else 1 + (value.bit_length() + 7) // 8


# ----------------------------------------------------------------------------------------- kinds


class _Signed(Encodable):
    """A transaction that somebody signs; keeps the recovered sender beside hash and encoding."""

    __slots__ = ("_sender",)

    _sender: Address
    type: ClassVar[int]

    def _unsigned_fields(self) -> list[rlp.RLPItem]:
        """List what the signature covers, after the type byte."""
        raise NotImplementedError

    def _hash_of_fields(self) -> Hash32:
        return keccak256(bytes((self.type,)) + rlp.encode(self._unsigned_fields()))

    @property
    def signing_hash(self) -> Hash32:
        """The digest that the sender signs."""
        return self._hash_of_fields()


@dataclass(frozen=True, slots=True)
class LegacyTransaction(_Signed):
    """A transaction from before EIP-2718; chain_id is None without EIP-155 replay protection.

    `v` follows from chain_id and the parity of the signature; it is 0 while unsigned.
    """

    type: ClassVar[int] = LEGACY_TYPE

    chain_id: int | None
    nonce: int
    gas_price: int
    gas_limit: int
    to: Address | None
    value: int
    data: bytes
    v: int = 0
    r: int = 0
    s: int = 0

    def _common_fields(self) -> list[rlp.RLPItem]:
        return [
            rlp.encode_int(self.nonce),
            rlp.encode_int(self.gas_price),
            rlp.encode_int(self.gas_limit),
            self.to or b"",
            rlp.encode_int(self.value),
            self.data,
        ]

    def _unsigned_fields(self) -> list[rlp.RLPItem]:
        fields = self._common_fields()
        if self.chain_id is not None:
            fields += (rlp.encode_int(self.chain_id), b"", b"")
        return fields

    def _build(self) -> bytes:
        signature = (rlp.encode_int(self.v), rlp.encode_int(self.r), rlp.encode_int(self.s))
        return rlp.encode((*self._common_fields(), *signature))

    @property
    def signing_hash(self) -> Hash32:
        """The digest that the sender signs: with the chain id if there is one (EIP-155)."""
        return keccak256(rlp.encode(self._unsigned_fields()))

    @property
    def y_parity(self) -> int:
        """Parity of the signature's nonce point, taken out of v."""
        return (self.v - (27 if self.chain_id is None else _EIP155_OFFSET)) & 1


class _Typed(_Signed):
    """The kinds that carry y_parity, r and s after their other fields (EIP-2930 and later)."""

    __slots__ = ()

    y_parity: int
    r: int
    s: int

    def _build(self) -> bytes:
        fields = self._unsigned_fields()
        fields += (rlp.encode_int(self.y_parity), rlp.encode_int(self.r), rlp.encode_int(self.s))
        return bytes((self.type,)) + rlp.encode(fields)

    @property
    def signing_hash(self) -> Hash32:
        """The digest that the sender signs: the encoding without its last three fields."""
        try:
            encoded = self._encoded
        except AttributeError:
            return self._hash_of_fields()
        signature = _int_size(self.y_parity) + _int_size(self.r) + _int_size(self.s)
        start = 2 if encoded[1] <= _LONG_LIST_PREFIX else encoded[1] - _LONG_LIST_PREFIX + 2
        return keccak256(encoded[:1] + rlp.encode_list((encoded[start:-signature],)))


@dataclass(frozen=True, slots=True)
class AccessListTransaction(_Typed):
    """EIP-2930: a gas price and a list of what will be touched."""

    type: ClassVar[int] = ACCESS_LIST_TYPE

    chain_id: int
    nonce: int
    gas_price: int
    gas_limit: int
    to: Address | None
    value: int
    data: bytes
    access_list: AccessList = ()
    y_parity: int = 0
    r: int = 0
    s: int = 0

    def _unsigned_fields(self) -> list[rlp.RLPItem]:
        return [
            rlp.encode_int(self.chain_id),
            rlp.encode_int(self.nonce),
            rlp.encode_int(self.gas_price),
            rlp.encode_int(self.gas_limit),
            self.to or b"",
            rlp.encode_int(self.value),
            self.data,
            _encode_access_list(self.access_list),
        ]


@dataclass(frozen=True, slots=True)
class DynamicFeeTransaction(_Typed):
    """EIP-1559: a cap on the whole price of gas and a cap on the tip within it, in wei."""

    type: ClassVar[int] = DYNAMIC_FEE_TYPE

    chain_id: int
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas_limit: int
    to: Address | None
    value: int
    data: bytes
    access_list: AccessList = ()
    y_parity: int = 0
    r: int = 0
    s: int = 0

    def _unsigned_fields(self) -> list[rlp.RLPItem]:
        return _dynamic_fee_fields(self)


@dataclass(frozen=True, slots=True)
class BlobTransaction(_Typed):
    """EIP-4844: a 1559 transaction that pays for blobs named by their versioned hashes."""

    type: ClassVar[int] = BLOB_TYPE

    chain_id: int
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas_limit: int
    to: Address
    value: int
    data: bytes
    max_fee_per_blob_gas: int
    blob_versioned_hashes: tuple[Hash32, ...]
    access_list: AccessList = ()
    y_parity: int = 0
    r: int = 0
    s: int = 0

    def _unsigned_fields(self) -> list[rlp.RLPItem]:
        fields = _dynamic_fee_fields(self)
        fields += (rlp.encode_int(self.max_fee_per_blob_gas), self.blob_versioned_hashes)
        return fields


@dataclass(frozen=True, slots=True)
class Authorization:
    """EIP-7702: an account's consent to run the code at `address`; chain_id 0 is every chain."""

    chain_id: int
    address: Address
    nonce: int
    y_parity: int = 0
    r: int = 0
    s: int = 0

    @property
    def signing_hash(self) -> Hash32:
        """The digest that the account signs."""
        fields = (rlp.encode_int(self.chain_id), self.address, rlp.encode_int(self.nonce))
        return keccak256(_SET_CODE_MAGIC + rlp.encode(fields))


@dataclass(frozen=True, slots=True)
class SetCodeTransaction(_Typed):
    """EIP-7702: a 1559 transaction that also sets accounts' delegations."""

    type: ClassVar[int] = SET_CODE_TYPE

    chain_id: int
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas_limit: int
    to: Address
    value: int
    data: bytes
    authorization_list: tuple[Authorization, ...]
    access_list: AccessList = ()
    y_parity: int = 0
    r: int = 0
    s: int = 0

    def _unsigned_fields(self) -> list[rlp.RLPItem]:
        fields = _dynamic_fee_fields(self)
        fields.append(
            [
                (
                    rlp.encode_int(consent.chain_id),
                    consent.address,
                    rlp.encode_int(consent.nonce),
                    rlp.encode_int(consent.y_parity),
                    rlp.encode_int(consent.r),
                    rlp.encode_int(consent.s),
                )
                for consent in self.authorization_list
            ]
        )
        return fields


@dataclass(frozen=True, slots=True)
class DepositTransaction(Encodable):
    """The OP Stack's 0x7E: put in by the chain itself for something that happened on L1.

    Nobody signs it and it has no nonce; `mint` wei are created on L2 for `sender` whatever happens
    next (specs: protocol/deposits.md).
    """

    type: ClassVar[int] = DEPOSIT_TYPE

    source_hash: Hash32
    sender: Address
    to: Address | None
    mint: int
    value: int
    gas_limit: int
    is_system_transaction: bool
    data: bytes

    def _build(self) -> bytes:
        fields = (
            self.source_hash,
            self.sender,
            self.to or b"",
            rlp.encode_int(self.mint),
            rlp.encode_int(self.value),
            rlp.encode_int(self.gas_limit),
            b"\x01" if self.is_system_transaction else b"",
            self.data,
        )
        return b"\x7e" + rlp.encode(fields)


def _dynamic_fee_fields(
    tx: DynamicFeeTransaction | BlobTransaction | SetCodeTransaction,
) -> list[rlp.RLPItem]:
    return [
        rlp.encode_int(tx.chain_id),
        rlp.encode_int(tx.nonce),
        rlp.encode_int(tx.max_priority_fee_per_gas),
        rlp.encode_int(tx.max_fee_per_gas),
        rlp.encode_int(tx.gas_limit),
        tx.to or b"",
        rlp.encode_int(tx.value),
        tx.data,
        _encode_access_list(tx.access_list),
    ]


SignedTransaction: TypeAlias = (
    LegacyTransaction
    | AccessListTransaction
    | DynamicFeeTransaction
    | BlobTransaction
    | SetCodeTransaction
)
"""The kinds that an account signs and pays for."""

Transaction: TypeAlias = SignedTransaction | DepositTransaction
"""Any transaction that a block can hold."""

_S = TypeVar(
    "_S",
    LegacyTransaction,
    AccessListTransaction,
    DynamicFeeTransaction,
    BlobTransaction,
    SetCodeTransaction,
)


# -------------------------------------------------------------------------------------- decoding


def _decode_legacy(raw: bytes) -> LegacyTransaction:
    fields = rlp.decode_list(rlp.decode(raw), "legacy transaction", length=9)
    nonce, gas_price, gas_limit, to, value, data, v_item, r, s = fields
    v = rlp.decode_int(v_item, "v")
    if v in _LEGACY_V:
        chain_id = None
    elif v >= _EIP155_OFFSET:
        chain_id = (v - _EIP155_OFFSET) // 2
    else:
        raise DecodeError(f"v: expected 27, 28 or at least {_EIP155_OFFSET}, got {v}")
    return LegacyTransaction(
        chain_id=chain_id,
        nonce=_decode_uint64(nonce, "nonce"),
        gas_price=rlp.decode_int(gas_price, "gas_price"),
        gas_limit=_decode_uint64(gas_limit, "gas_limit"),
        to=_decode_to(to),
        value=rlp.decode_int(value, "value"),
        data=rlp.decode_bytes(data, "data"),
        v=v,
        r=rlp.decode_int(r, "r"),
        s=rlp.decode_int(s, "s"),
    )


def _typed_fields(raw: bytes, what: str, length: int) -> list[rlp.DecodedItem]:
    return rlp.decode_list(rlp.decode(raw[1:]), what, length=length)


def _decode_access_list_transaction(raw: bytes) -> AccessListTransaction:
    fields = _typed_fields(raw, "access list transaction", 11)
    chain_id, nonce, gas_price, gas_limit, to, value, data, access_list, y_parity, r, s = fields
    return AccessListTransaction(
        chain_id=rlp.decode_int(chain_id, "chain_id"),
        nonce=_decode_uint64(nonce, "nonce"),
        gas_price=rlp.decode_int(gas_price, "gas_price"),
        gas_limit=_decode_uint64(gas_limit, "gas_limit"),
        to=_decode_to(to),
        value=rlp.decode_int(value, "value"),
        data=rlp.decode_bytes(data, "data"),
        access_list=_decode_access_list(access_list),
        y_parity=_decode_y_parity(y_parity),
        r=rlp.decode_int(r, "r"),
        s=rlp.decode_int(s, "s"),
    )


def _decode_dynamic_fee(raw: bytes) -> DynamicFeeTransaction:
    fields = _typed_fields(raw, "dynamic fee transaction", 12)
    chain_id, nonce, tip, fee, gas_limit, to, value, data, access_list, y_parity, r, s = fields
    return DynamicFeeTransaction(
        chain_id=rlp.decode_int(chain_id, "chain_id"),
        nonce=_decode_uint64(nonce, "nonce"),
        max_priority_fee_per_gas=rlp.decode_int(tip, "max_priority_fee_per_gas"),
        max_fee_per_gas=rlp.decode_int(fee, "max_fee_per_gas"),
        gas_limit=_decode_uint64(gas_limit, "gas_limit"),
        to=_decode_to(to),
        value=rlp.decode_int(value, "value"),
        data=rlp.decode_bytes(data, "data"),
        access_list=_decode_access_list(access_list),
        y_parity=_decode_y_parity(y_parity),
        r=rlp.decode_int(r, "r"),
        s=rlp.decode_int(s, "s"),
    )


def _decode_blob(raw: bytes) -> BlobTransaction:
    fields = _typed_fields(raw, "blob transaction", 14)
    chain_id, nonce, tip, fee, gas_limit, to, value, data, access_list, *rest = fields
    blob_fee, blob_hashes, y_parity, r, s = rest
    return BlobTransaction(
        chain_id=rlp.decode_int(chain_id, "chain_id"),
        nonce=_decode_uint64(nonce, "nonce"),
        max_priority_fee_per_gas=rlp.decode_int(tip, "max_priority_fee_per_gas"),
        max_fee_per_gas=rlp.decode_int(fee, "max_fee_per_gas"),
        gas_limit=_decode_uint64(gas_limit, "gas_limit"),
        to=_decode_recipient(to),
        value=rlp.decode_int(value, "value"),
        data=rlp.decode_bytes(data, "data"),
        max_fee_per_blob_gas=rlp.decode_int(blob_fee, "max_fee_per_blob_gas"),
        blob_versioned_hashes=tuple(
            Hash32(rlp.decode_bytes(item, "blob_versioned_hashes entry", size=HASH_BYTES))
            for item in rlp.decode_list(blob_hashes, "blob_versioned_hashes")
        ),
        access_list=_decode_access_list(access_list),
        y_parity=_decode_y_parity(y_parity),
        r=rlp.decode_int(r, "r"),
        s=rlp.decode_int(s, "s"),
    )


def _decode_authorization(item: rlp.DecodedItem) -> Authorization:
    fields = rlp.decode_list(item, "authorization", length=6)
    chain_id, address, nonce, y_parity, r, s = fields
    return Authorization(
        chain_id=rlp.decode_int(chain_id, "authorization chain_id"),
        address=Address(rlp.decode_bytes(address, "authorization address", size=ADDRESS_BYTES)),
        nonce=_decode_uint64(nonce, "authorization nonce"),
        # EIP-7702 skips an authorization whose parity is not 0 or 1; only a wider value than one
        # byte makes the whole transaction invalid.
        y_parity=rlp.decode_int(y_parity, "authorization y_parity", max_bytes=1),
        r=rlp.decode_int(r, "authorization r"),
        s=rlp.decode_int(s, "authorization s"),
    )


def _decode_set_code(raw: bytes) -> SetCodeTransaction:
    fields = _typed_fields(raw, "set code transaction", 13)
    chain_id, nonce, tip, fee, gas_limit, to, value, data, access_list, *rest = fields
    authorizations, y_parity, r, s = rest
    return SetCodeTransaction(
        chain_id=rlp.decode_int(chain_id, "chain_id"),
        nonce=_decode_uint64(nonce, "nonce"),
        max_priority_fee_per_gas=rlp.decode_int(tip, "max_priority_fee_per_gas"),
        max_fee_per_gas=rlp.decode_int(fee, "max_fee_per_gas"),
        gas_limit=_decode_uint64(gas_limit, "gas_limit"),
        to=_decode_recipient(to),
        value=rlp.decode_int(value, "value"),
        data=rlp.decode_bytes(data, "data"),
        authorization_list=tuple(
            _decode_authorization(item)
            for item in rlp.decode_list(authorizations, "authorization_list")
        ),
        access_list=_decode_access_list(access_list),
        y_parity=_decode_y_parity(y_parity),
        r=rlp.decode_int(r, "r"),
        s=rlp.decode_int(s, "s"),
    )


def _decode_deposit(raw: bytes) -> DepositTransaction:
    fields = _typed_fields(raw, "deposit transaction", 8)
    source_hash, sender, to, mint, value, gas_limit, is_system, data = fields
    if is_system not in (b"", b"\x01"):
        raise DecodeError(f"is_system_transaction: expected 0x80 or 0x01, got {is_system!r:.80}")
    return DepositTransaction(
        source_hash=Hash32(rlp.decode_bytes(source_hash, "source_hash", size=HASH_BYTES)),
        sender=Address(rlp.decode_bytes(sender, "sender", size=ADDRESS_BYTES)),
        to=_decode_to(to),
        mint=rlp.decode_int(mint, "mint"),
        value=rlp.decode_int(value, "value"),
        gas_limit=_decode_uint64(gas_limit, "gas_limit"),
        is_system_transaction=is_system == b"\x01",
        data=rlp.decode_bytes(data, "data"),
    )


_DECODERS: Final[dict[int, Callable[[bytes], Transaction]]] = {
    ACCESS_LIST_TYPE: _decode_access_list_transaction,
    DYNAMIC_FEE_TYPE: _decode_dynamic_fee,
    BLOB_TYPE: _decode_blob,
    SET_CODE_TYPE: _decode_set_code,
    DEPOSIT_TYPE: _decode_deposit,
}


def decode_transaction(raw: bytes) -> Transaction:
    """Decode the EIP-2718 bytes of one transaction, as blocks and raw submissions hold them.

    Takes only canonical bytes. Raises DecodeError naming the field; signatures are not checked.
    """
    if not raw:
        raise DecodeError("transaction: no bytes")
    first = raw[0]
    if first >= _FIRST_LIST_PREFIX:
        return _decode_legacy(raw)._with_encoding(raw)
    decoder = _DECODERS.get(first)
    if decoder is None:
        raise DecodeError(f"transaction type not supported: {first:#04x}")
    return decoder(raw)._with_encoding(raw)


# ----------------------------------------------------------------------------- signing, recovery


def sign_transaction(tx: _S, private_key: bytes) -> _S:
    """Return the transaction with the signature of the key over its signing hash.

    Raises InvalidSignature if the key is not valid.
    """
    signature = sign(tx.signing_hash, private_key)
    if isinstance(tx, LegacyTransaction):
        offset = 27 if tx.chain_id is None else _EIP155_OFFSET + 2 * tx.chain_id
        return replace(tx, v=offset + signature.y_parity, r=signature.r, s=signature.s)
    return replace(tx, y_parity=signature.y_parity, r=signature.r, s=signature.s)


def recover_sender(tx: Transaction, *, low_s: bool = True) -> Address:
    """Return the account that signed, or a deposit's sender; computed once for each value.

    `low_s` False is for the Frontier, which took a high s too. Raises InvalidSignature if nobody
    can have signed, or s is high (EIP-2).
    """
    if isinstance(tx, DepositTransaction):
        return tx.sender
    if not low_s:
        return recover(tx.signing_hash, Signature(tx.y_parity, tx.r, tx.s), low_s=False)
    try:
        return tx._sender
    except AttributeError:
        sender = recover(tx.signing_hash, Signature(tx.y_parity, tx.r, tx.s))
        object.__setattr__(tx, "_sender", sender)
        return sender


def known_sender(tx: SignedTransaction) -> Address | None:
    """Return the sender if it was recovered before."""
    return getattr(tx, "_sender", None)


def remember_sender(tx: SignedTransaction, sender: Address) -> None:
    """Keep what `recover_sender` gave for the same bytes elsewhere, so that it is not done again.

    Taken at its word: a wrong one would be charged for the transaction.
    """
    object.__setattr__(tx, "_sender", sender)


def sign_authorization(
    private_key: bytes, *, chain_id: int, address: Address, nonce: int
) -> Authorization:
    """Consent with the key to run the code at `address` (EIP-7702)."""
    unsigned = Authorization(chain_id=chain_id, address=address, nonce=nonce)
    signature = sign(unsigned.signing_hash, private_key)
    return replace(unsigned, y_parity=signature.y_parity, r=signature.r, s=signature.s)


def recover_authority(authorization: Authorization) -> Address:
    """Return the account that gave an authorization. Raises InvalidSignature."""
    signature = Signature(authorization.y_parity, authorization.r, authorization.s)
    return recover(authorization.signing_hash, signature)


# ------------------------------------------------------------------------------------------ fees


def fee_cap_wei(tx: SignedTransaction) -> int:
    """Most that the sender pays for one unit of gas, in wei."""
    if isinstance(tx, (LegacyTransaction, AccessListTransaction)):
        return tx.gas_price
    return tx.max_fee_per_gas


def tip_cap_wei(tx: SignedTransaction) -> int:
    """Most that the block's builder gets of that for one unit of gas, in wei."""
    if isinstance(tx, (LegacyTransaction, AccessListTransaction)):
        return tx.gas_price
    return tx.max_priority_fee_per_gas


def effective_tip_wei(tx: SignedTransaction, base_fee_wei: int) -> int:
    """What the builder gets for one unit of gas at a base fee; negative if it is not covered."""
    return min(tip_cap_wei(tx), fee_cap_wei(tx) - base_fee_wei)


__all__ = [
    "ACCESS_LIST_TYPE",
    "BLOB_TYPE",
    "DEPOSIT_TYPE",
    "DYNAMIC_FEE_TYPE",
    "LEGACY_TYPE",
    "SET_CODE_TYPE",
    "AccessList",
    "AccessListTransaction",
    "Authorization",
    "BlobTransaction",
    "DepositTransaction",
    "DynamicFeeTransaction",
    "InvalidSignature",
    "LegacyTransaction",
    "SetCodeTransaction",
    "SignedTransaction",
    "Transaction",
    "decode_transaction",
    "effective_tip_wei",
    "fee_cap_wei",
    "known_sender",
    "recover_authority",
    "recover_sender",
    "remember_sender",
    "sign_authorization",
    "sign_transaction",
    "tip_cap_wei",
]
