"""JSON parameters → values. Every parser raises with the form it expected and what it was given."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from chain.block import Withdrawal
from chain.types import Address, Hash32

from .errors import InvalidParameter

_HEX = re.compile(r"0x([0-9a-fA-F]*)\Z")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}\Z")
_SHOWN_CHARACTERS = 80
TAGS = ("latest", "pending", "earliest", "safe", "finalized")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def hex_bytes(value: object) -> bytes:
    """DATA of any length."""
    match = _HEX.match(value) if isinstance(value, str) else None
    if match is None or len(match[1]) % 2:
        raise InvalidParameter(f"expected 0x and an even number of hex digits, got {_shown(value)}")
    return bytes.fromhex(match[1])


def _fixed(value: object, size: int) -> bytes:
    match = _HEX.match(value) if isinstance(value, str) else None
    if match is None or len(match[1]) != 2 * size:
        raise InvalidParameter(f"expected 0x and {2 * size} hex digits, got {_shown(value)}")
    return bytes.fromhex(match[1])


def address(value: object) -> Address:
    """A 20-byte address in any letter case."""
    return Address(_fixed(value, 20))


def hash32(value: object) -> Hash32:
    """A 32-byte hash."""
    return Hash32(_fixed(value, 32))


def quantity(value: object) -> int:
    """A QUANTITY; leading zeros are tolerated, as most tools have sent them."""
    if not isinstance(value, str) or _QUANTITY.match(value) is None:
        raise InvalidParameter(f"expected a hex quantity such as 0x1a, got {_shown(value)}")
    return int(value, 16)


def number(value: object) -> int:
    """A QUANTITY or a plain JSON integer (development methods take both)."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value.isdigit() and len(value) <= 78:
        return int(value)
    return quantity(value)


def storage_slot(value: object) -> int:
    """A storage key: QUANTITY or 32 bytes of DATA, with or without leading zeros."""
    match = _HEX.match(value) if isinstance(value, str) else None
    if match is None or not 1 <= len(match[1]) <= 64:
        raise InvalidParameter(f"expected at most 32 bytes of hex, got {_shown(value)}")
    return int(match[1], 16)


def boolean(value: object) -> bool:
    """A JSON boolean."""
    if not isinstance(value, bool):
        raise InvalidParameter(f"expected true or false, got {_shown(value)}")
    return value


def text(value: object) -> str:
    """A JSON string."""
    if not isinstance(value, str):
        raise InvalidParameter(f"expected a string, got {_shown(value)}")
    return value


def json_object(value: object) -> dict[str, object]:
    """A JSON object, as it is."""
    if not isinstance(value, dict):
        raise InvalidParameter(f"expected an object, got {_shown(value)}")
    return value


@dataclass(frozen=True, slots=True)
class BlockId:
    """A block by tag, by number or by hash (EIP-1898); exactly one is set."""

    tag: str | None = None
    number: int | None = None
    hash: Hash32 | None = None
    require_canonical: bool = False

    def __str__(self) -> str:
        """The form in which the caller wrote it."""
        if self.hash is not None:
            return "0x" + self.hash.hex()
        return self.tag if self.tag is not None else hex(self.number or 0)


LATEST = BlockId(tag="latest")


def block_number_or_tag(value: object) -> BlockId:
    """A tag or a block number."""
    if isinstance(value, str) and value in TAGS:
        return BlockId(tag=value)
    try:
        found = quantity(value)
    except InvalidParameter:
        raise InvalidParameter(
            f"expected a hex block number or one of {', '.join(TAGS)}, got {_shown(value)}"
        ) from None
    if found >= 1 << 64:
        raise InvalidParameter(f"hex number > 64 bits: {_shown(value)}")
    return BlockId(number=found)


def block_id(value: object) -> BlockId:
    """A tag, a number, a 32-byte hash, or an EIP-1898 object."""
    if isinstance(value, dict):
        if "blockHash" in value:
            canonical = boolean(value.get("requireCanonical", False))
            return BlockId(hash=hash32(value["blockHash"]), require_canonical=canonical)
        return block_number_or_tag(value.get("blockNumber"))
    if isinstance(value, str) and len(value) == 66:
        return BlockId(hash=hash32(value))
    return block_number_or_tag(value)


@dataclass(frozen=True, slots=True)
class TransactionArguments:
    """The transaction object of eth_call, eth_estimateGas and eth_sendTransaction."""

    sender: Address | None = None
    to: Address | None = None
    gas: int | None = None
    gas_price: int | None = None
    max_fee_per_gas: int | None = None
    max_priority_fee_per_gas: int | None = None
    value: int = 0
    nonce: int | None = None
    data: bytes = b""
    access_list: tuple[tuple[Address, tuple[int, ...]], ...] = ()
    authorization_list: tuple[dict[str, object], ...] = ()
    chain_id: int | None = None
    max_fee_per_blob_gas: int | None = None
    blob_versioned_hashes: tuple[Hash32, ...] = ()
    type: int | None = None


def access_list(value: object) -> tuple[tuple[Address, tuple[int, ...]], ...]:
    """An EIP-2930 access list."""
    if not isinstance(value, list):
        raise InvalidParameter(f"expected a list of {{address, storageKeys}}, got {_shown(value)}")
    entries = []
    for entry in value:
        item = json_object(entry)
        keys = item.get("storageKeys") or []
        if not isinstance(keys, list):
            raise InvalidParameter(f"storageKeys: expected a list, got {_shown(keys)}")
        slots = tuple(storage_slot(key) for key in keys)
        entries.append((address(item.get("address")), slots))
    return tuple(entries)


def _authorizations(value: object) -> tuple[dict[str, object], ...]:
    if not isinstance(value, list):
        raise InvalidParameter(f"expected a list of authorizations, got {_shown(value)}")
    return tuple(json_object(item) for item in value)


def _hashes(value: object) -> tuple[Hash32, ...]:
    if not isinstance(value, list):
        raise InvalidParameter(f"expected a list of 32-byte hashes, got {_shown(value)}")
    return tuple(hash32(item) for item in value)


_FIELDS = {
    "from": ("sender", address),
    "to": ("to", address),
    "gas": ("gas", quantity),
    "gasPrice": ("gas_price", quantity),
    "maxFeePerGas": ("max_fee_per_gas", quantity),
    "maxPriorityFeePerGas": ("max_priority_fee_per_gas", quantity),
    "value": ("value", quantity),
    "nonce": ("nonce", quantity),
    "accessList": ("access_list", access_list),
    "authorizationList": ("authorization_list", _authorizations),
    "chainId": ("chain_id", quantity),
    "maxFeePerBlobGas": ("max_fee_per_blob_gas", quantity),
    "blobVersionedHashes": ("blob_versioned_hashes", _hashes),
    "type": ("type", quantity),
}


def transaction_arguments(value: object) -> TransactionArguments:
    """Parse a transaction object; `input` wins over `data`, and the two may not differ."""
    item = json_object(value)
    fields: dict[str, object] = {}
    for key, (name, parse) in _FIELDS.items():
        given = item.get(key)
        if given is None:
            continue
        try:
            fields[name] = parse(given)
        except InvalidParameter as error:
            raise InvalidParameter(f"{key}: {error}") from error
    payload = {key: hex_bytes(item[key]) for key in ("input", "data") if item.get(key) is not None}
    if len(set(payload.values())) > 1:
        raise InvalidParameter(
            'both "data" and "input" are set and not equal. '
            'Please use "input" to pass transaction call data'
        )
    if payload:
        fields["data"] = next(iter(payload.values()))
    return replace(TransactionArguments(), **fields)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class AccountOverride:
    """State override of one account in eth_call; None leaves a field as it is."""

    balance: int | None = None
    nonce: int | None = None
    code: bytes | None = None
    state: dict[int, int] | None = None
    state_diff: dict[int, int] | None = None


def _storage_map(value: object) -> dict[int, int]:
    return {storage_slot(key): storage_slot(item) for key, item in json_object(value).items()}


def state_overrides(value: object) -> dict[Address, AccountOverride]:
    """Parse the state override set of eth_call, which moves no precompiles."""
    for account, raw in json_object(value).items():
        if json_object(raw).get("movePrecompileToAddress") is not None:
            raise InvalidParameter(f"{account}: only eth_simulateV1 moves precompiles")
    return account_overrides(value)


def account_overrides(value: object) -> dict[Address, AccountOverride]:
    """Parse accounts to override; where precompiles move is not looked at."""
    overrides: dict[Address, AccountOverride] = {}
    for key, raw in json_object(value).items():
        item = json_object(raw)
        if item.get("state") is not None and item.get("stateDiff") is not None:
            raise InvalidParameter(f"account {key} has both 'state' and 'stateDiff'")
        overrides[address(key)] = AccountOverride(
            balance=quantity(item["balance"]) if item.get("balance") is not None else None,
            nonce=quantity(item["nonce"]) if item.get("nonce") is not None else None,
            code=hex_bytes(item["code"]) if item.get("code") is not None else None,
            state=_storage_map(item["state"]) if item.get("state") is not None else None,
            state_diff=_storage_map(item["stateDiff"])
            if item.get("stateDiff") is not None
            else None,
        )
    return overrides


@dataclass(frozen=True, slots=True)
class LogFilter:
    """A log query: one block by hash, or a range; addresses and topics as geth reads them."""

    from_block: BlockId | None = None
    to_block: BlockId | None = None
    block_hash: Hash32 | None = None
    addresses: frozenset[Address] = frozenset()
    topics: tuple[frozenset[Hash32] | None, ...] = field(default=())


def _topic(value: object) -> frozenset[Hash32] | None:
    if value is None:
        return None
    if isinstance(value, list):
        if any(item is None for item in value) or not value:
            return None
        return frozenset(hash32(item) for item in value)
    return frozenset((hash32(value),))


def log_filter(value: object) -> LogFilter:
    """Parse the filter object of eth_getLogs and eth_newFilter."""
    item = json_object(value)
    raw_address = item.get("address")
    listed = raw_address if isinstance(raw_address, list) else [raw_address]
    topics = item.get("topics") or []
    if not isinstance(topics, list) or len(topics) > 4:
        raise InvalidParameter(f"topics: expected a list of at most 4, got {_shown(topics)}")
    by_hash = item.get("blockHash")
    has_range = item.get("fromBlock") is not None or item.get("toBlock") is not None
    if by_hash is not None and has_range:
        raise InvalidParameter("cannot specify both BlockHash and FromBlock/ToBlock, choose one")
    return LogFilter(
        from_block=_optional_block(item.get("fromBlock")),
        to_block=_optional_block(item.get("toBlock")),
        block_hash=hash32(by_hash) if by_hash is not None else None,
        addresses=frozenset(address(entry) for entry in listed if entry is not None),
        topics=tuple(_topic(topic) for topic in topics),
    )


def _optional_block(value: object) -> BlockId | None:
    return None if value is None else block_number_or_tag(value)


def percentiles(value: object) -> tuple[float, ...]:
    """Reward percentiles of eth_feeHistory: ascending, 0 to 100, at most 100 of them."""
    if not isinstance(value, list) or len(value) > 100:
        raise InvalidParameter(f"expected a list of at most 100 percentiles, got {_shown(value)}")
    numbers = []
    for item in value:
        if not isinstance(item, (int, float)) or isinstance(item, bool) or not 0 <= item <= 100:
            raise InvalidParameter(f"invalid reward percentile: {_shown(item)}")
        numbers.append(float(item))
    if numbers != sorted(numbers):
        raise InvalidParameter("reward percentiles must be in ascending order")
    return tuple(numbers)


def storage_slots(value: object) -> tuple[tuple[int, str], ...]:
    """Storage keys of eth_getProof, each with the form to echo: what the caller wrote."""
    if not isinstance(value, list):
        raise InvalidParameter(f"expected a list of storage keys, got {_shown(value)}")
    return tuple((storage_slot(item), text(item)) for item in value)


def storage_request(value: object) -> dict[Address, tuple[int, ...]]:
    """Accounts with the storage keys that eth_getStorageValues is to read of each."""
    wanted: dict[Address, tuple[int, ...]] = {}
    for account, keys in json_object(value).items():
        if not isinstance(keys, list):
            raise InvalidParameter(f"{account}: expected a list of storage keys")
        wanted[address(account)] = tuple(storage_slot(key) for key in keys)
    if not any(wanted.values()):
        raise InvalidParameter("empty request")
    return wanted


def withdrawals(value: object) -> tuple[Withdrawal, ...]:
    """Withdrawals of the beacon chain (EIP-4895)."""
    if not isinstance(value, list):
        raise InvalidParameter("withdrawals: expected a list")
    items = [json_object(item) for item in value]
    return tuple(
        Withdrawal(
            index=quantity(item.get("index")),
            validator_index=quantity(item.get("validatorIndex")),
            address=address(item.get("address")),
            amount_gwei=quantity(item.get("amount")),
        )
        for item in items
    )
