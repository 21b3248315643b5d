"""The world of one moment: accounts and their storage, changed freely and undone exactly.

What was read or written lies in flat dictionaries over the tries of one root. Every change leaves
an undo entry, so a checkpoint is a number and a revert walks back. Tries are written when a root is
asked for, and only where a value differs from what they hold. Knows nothing of gas, of transactions
or of disks; nodes and code come from a `StateReader`.

A State belongs to one thread. Any number of them may stand on one reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias

from .account import EMPTY_CODE_HASH, Account, decode_account, encode_account
from .account_storage import AccountStorage, slot_key
from .crypto.keccak import keccak256
from .errors import StemmaError
from .trie import EMPTY_ROOT, Fetch, MissingNode, Trie
from .turnover import Turnover
from .types import MAX_UINT64, MAX_UINT256, Address, Hash32, Wei

__all__ = [
    "EMPTY_CODE_HASH",
    "Account",
    "MemoryStateStore",
    "MissingCode",
    "State",
    "StateChanges",
    "StateError",
    "StateReader",
]


class StateError(StemmaError):
    """A value that no state can hold, or a checkpoint that is not open."""


class MissingCode(StemmaError):
    """An account names a code hash under which the reader has no code."""

    def __init__(self, address: bytes, code_hash: bytes) -> None:
        super().__init__(f"code 0x{code_hash.hex()} of account 0x{address.hex()} is missing")
        self.address = address
        self.code_hash = code_hash


class StateReader(Protocol):
    """Where the nodes of tries and the code of contracts come from."""

    def node(self, node_hash: bytes, /) -> bytes | None:
        """Return the RLP of a trie node by its hash, or None."""

    def code(self, code_hash: bytes, /) -> bytes | None:
        """Return contract code by its hash, or None."""


@dataclass(frozen=True, slots=True)
class StateChanges:
    """What has to be stored so that `root` can be opened again; everything by its hash."""

    root: Hash32
    nodes: Mapping[Hash32, bytes]
    codes: Mapping[Hash32, bytes]
    turnover: Turnover = field(default_factory=Turnover)


class MemoryStateStore:
    """A StateReader in memory: for a genesis in the making, for witnesses and for tests."""

    def __init__(self) -> None:
        self._nodes: dict[Hash32, bytes] = {}
        self._codes: dict[Hash32, bytes] = {}

    def node(self, node_hash: bytes, /) -> bytes | None:
        """Return a node by its hash, or None."""
        return self._nodes.get(Hash32(node_hash))

    def code(self, code_hash: bytes, /) -> bytes | None:
        """Return code by its hash, or None."""
        return self._codes.get(Hash32(code_hash))

    def add(self, changes: StateChanges) -> None:
        """Keep the nodes and codes of a state."""
        self._nodes.update(changes.nodes)
        self._codes.update(changes.codes)


# Nonce, balance in wei, code hash. The storage root lives apart, since storage changes do not go
# through the account.
_Fields: TypeAlias = tuple[int, int, Hash32]
_NEW_ACCOUNT: Final[_Fields] = (0, 0, EMPTY_CODE_HASH)

# How to put one thing back: a method, what it is about, and what was there before.
_Undo: TypeAlias = tuple[Callable[[Any, Any], None], Any, Any]


@lru_cache(maxsize=1 << 16)
def _address_key(address: bytes) -> Hash32:
    return keccak256(address)


class _Nodes:
    """A StateReader as the trie wants to see it."""

    __slots__ = ("get",)

    def __init__(self, reader: StateReader) -> None:
        self.get: Callable[[bytes], bytes | None] = reader.node


class State:
    """Accounts and storage at a root of the state trie, and every change since.

    The methods on accounts take canonical 20-byte addresses and slots as integers below 2**256.
    All may raise MissingNode (a node of the tries is not in the reader) and DecodeError (it is
    there and malformed); an account that does not exist reads as empty (EIP-161).
    """

    def __init__(self, reader: StateReader, root: bytes = EMPTY_ROOT) -> None:
        self._reader = reader
        self._nodes = _Nodes(reader)
        self._trie = Trie(self._nodes, root)
        self._root = Hash32(root)
        self._accounts: dict[Address, _Fields | None] = {}
        self._changed: dict[
            Address, _Fields | None
        ] = {}  # what the trie holds, where it may differ
        self._roots: dict[Address, Hash32] = {}  # storage roots that the state trie holds
        self._storages: dict[Address, AccountStorage] = {}
        self._dirty: set[Address] = set()
        self._codes: dict[bytes, bytes] = {}
        self._unsaved_codes: dict[Hash32, bytes] = {}
        self._code_uses: dict[Hash32, int] = {}  # by how many accounts more each code is had
        # From here on: what lives as long as one transaction.
        self._journal: list[_Undo] = []
        self._touched: list[AccountStorage] = []  # those with something to forget in the end
        self._warm_addresses: set[Address] = set()
        self._warm_slots: set[tuple[Address, int]] = set()
        self._transient: dict[tuple[Address, int], int] = {}

    @classmethod
    def at(cls, reader: StateReader, root: bytes) -> State:
        """Open the state of a root. Raises MissingNode at once if the reader does not have it."""
        if root != EMPTY_ROOT and reader.node(root) is None:
            raise MissingNode(root, "")
        return cls(reader, root)

    # -- transactions and checkpoints

    def begin_transaction(self) -> None:
        """Make everything so far final and forget warm sets, transient storage and originals.

        Checkpoints taken before are no longer open.
        """
        for storage in self._touched:
            storage.begin_transaction()
        self._touched.clear()
        self._journal.clear()
        self._warm_addresses.clear()
        self._warm_slots.clear()
        self._transient.clear()

    def checkpoint(self) -> int:
        """Mark this moment, so that revert can return to it. Checkpoints nest."""
        return len(self._journal)

    def revert(self, checkpoint: int) -> None:
        """Undo every change since a checkpoint of the running transaction.

        Raises StateError if the checkpoint is not open: behind one that was reverted to, or taken
        before begin_transaction.
        """
        journal = self._journal
        if not 0 <= checkpoint <= len(journal):
            raise StateError(f"checkpoint {checkpoint} is not open: {len(journal)} changes are")
        while len(journal) > checkpoint:
            undo, subject, before = journal.pop()
            undo(subject, before)

    def commit(self, checkpoint: int) -> None:
        """Keep the changes since a checkpoint; an earlier one can still undo them.

        Raises StateError if the checkpoint is not open.
        """
        if not 0 <= checkpoint <= len(self._journal):
            raise StateError(
                f"checkpoint {checkpoint} is not open: {len(self._journal)} changes are"
            )

    @property
    def size(self) -> int:
        """How many accounts and slots are held in memory, to know when to begin a fresh State."""
        slots = sum(len(storage.values) for storage in self._storages.values())
        return len(self._accounts) + slots

    # -- accounts

    def _fields(self, address: Address) -> _Fields | None:
        try:
            return self._accounts[address]
        except KeyError:
            return self._load(address)

    def _load(self, address: Address) -> _Fields | None:
        data = self._trie.get(_address_key(address))
        fields = None
        if data is not None:
            account = decode_account(data)
            fields = (account.nonce, account.balance, account.code_hash)
            self._roots[address] = account.storage_root
        self._accounts[address] = fields
        return fields

    def _put(self, address: Address, fields: _Fields | None, before: _Fields | None) -> None:
        self._journal.append((self._restore_account, address, before))
        self._changed.setdefault(address, before)
        self._accounts[address] = fields

    def _restore_account(self, address: Address, fields: _Fields | None) -> None:
        self._changed.setdefault(address, self._accounts[address])
        self._accounts[address] = fields

    def get_account(self, address: Address) -> Account | None:
        """Return the whole account, storage root included, or None if it does not exist."""
        fields = self._fields(address)
        if fields is None:
            return None
        return Account(fields[0], Wei(fields[1]), self.storage_root(address), fields[2])

    def read_ahead(self, addresses: Iterable[Address], fetch: Fetch) -> None:
        """Read the trie's nodes for accounts that will be asked for, many in one look-up.

        Nothing else changes; a node that cannot be read is an error only when it is needed.
        """
        unknown = {_address_key(each) for each in addresses if each not in self._accounts}
        self._trie.read_ahead(unknown, fetch)

    def account_exists(self, address: Address) -> bool:
        """Is the account part of the state, be it empty?"""
        return self._fields(address) is not None

    def is_empty(self, address: Address) -> bool:
        """Has the account nonce 0, balance 0 and no code (EIP-161), or does it not exist?"""
        fields = self._fields(address)
        return fields is None or fields == _NEW_ACCOUNT

    def touch(self, address: Address) -> None:
        """Bring an empty account into existence if there is none."""
        if self._fields(address) is None:
            self._put(address, _NEW_ACCOUNT, None)

    def delete_account(self, address: Address) -> None:
        """Remove an account with its storage."""
        fields = self._fields(address)
        self.clear_storage(address)
        if fields is not None:
            self._put(address, None, fields)

    def get_balance(self, address: Address) -> int:
        """Balance in wei."""
        fields = self._fields(address)
        return 0 if fields is None else fields[1]

    def set_balance(self, address: Address, balance_wei: int) -> None:
        """Set the balance; creates the account. Raises StateError outside 0 .. 2**256-1."""
        if not 0 <= balance_wei <= MAX_UINT256:
            raise StateError(f"balance of 0x{address.hex()}: {balance_wei} is not in 0 to 2**256-1")
        before = self._fields(address)
        nonce, _, code_hash = before or _NEW_ACCOUNT
        self._put(address, (nonce, balance_wei, code_hash), before)

    def add_balance(self, address: Address, wei: int) -> None:
        """Add wei, which may be negative, modulo 2**256 as geth counts; creates the account."""
        before = self._fields(address)
        nonce, balance_wei, code_hash = before or _NEW_ACCOUNT
        self._put(address, (nonce, (balance_wei + wei) & MAX_UINT256, code_hash), before)

    def spend(self, address: Address, wei: int, nonce: int) -> None:
        """Take wei and set the nonce, as the sender of a transaction is charged.

        Raises StateError where the balance is less, or the nonce outside 0 .. 2**64-1.
        """
        before = self._fields(address)
        _, balance_wei, code_hash = before or _NEW_ACCOUNT
        if not (wei <= balance_wei and 0 <= nonce <= MAX_UINT64):
            raise StateError(
                f"0x{address.hex()} has {balance_wei} wei to pay {wei}, its nonce to be {nonce}"
            )
        self._put(address, (nonce, balance_wei - wei, code_hash), before)

    def get_nonce(self, address: Address) -> int:
        """Number of transactions sent, or of contracts created, from this account."""
        fields = self._fields(address)
        return 0 if fields is None else fields[0]

    def set_nonce(self, address: Address, nonce: int) -> None:
        """Set the nonce; creates the account. Raises StateError outside 0 .. 2**64-1."""
        if not 0 <= nonce <= MAX_UINT64:
            raise StateError(f"nonce of 0x{address.hex()}: {nonce} is not in 0 to 2**64-1")
        before = self._fields(address)
        _, balance_wei, code_hash = before or _NEW_ACCOUNT
        self._put(address, (nonce, balance_wei, code_hash), before)

    # -- code

    def get_code_hash(self, address: Address) -> Hash32:
        """Keccak-256 of the code; that of no bytes also where there is no account."""
        fields = self._fields(address)
        return EMPTY_CODE_HASH if fields is None else fields[2]

    def get_code(self, address: Address) -> bytes:
        """Code of the account. Raises MissingCode if the reader lacks it."""
        fields = self._fields(address)
        if fields is None or fields[2] == EMPTY_CODE_HASH:
            return b""
        code = self._codes.get(fields[2])
        if code is None:
            code = self._reader.code(fields[2])
            if code is None:
                raise MissingCode(address, fields[2])
            self._codes[fields[2]] = code
        return code

    def set_code(self, address: Address, code: bytes) -> None:
        """Set the code; creates the account."""
        code_hash = keccak256(code) if code else EMPTY_CODE_HASH
        before = self._fields(address)
        nonce, balance_wei, old_hash = before or _NEW_ACCOUNT
        if code_hash not in (EMPTY_CODE_HASH, old_hash):
            self._codes[code_hash] = self._unsaved_codes[code_hash] = code
        self._put(address, (nonce, balance_wei, code_hash), before)

    # -- storage

    def storage_of(self, address: Address) -> AccountStorage:
        """The slots of an account, for machines: good until the account is deleted."""
        storage = self._storages.get(address)
        if storage is None:
            self._fields(address)  # the state trie knows the storage root
            root = self._roots.get(address, EMPTY_ROOT)
            storage = AccountStorage(address, self._nodes, root, self._dirty)
            self._storages[address] = storage
        return storage

    def get_storage(self, address: Address, slot: int) -> int:
        """Value of a slot, 0 where nothing is stored."""
        return (self._storages.get(address) or self.storage_of(address)).read(slot)

    def set_storage(self, address: Address, slot: int, value: int) -> None:
        """Set a slot; 0 clears it. An account that gets its first slot this way comes to exist.

        Raises StateError if slot or value is outside 0 .. 2**256-1.
        """
        if not (0 <= value <= MAX_UINT256 and 0 <= slot <= MAX_UINT256):
            raise StateError(
                f"storage of 0x{address.hex()}: {slot:#x} = {value:#x} is out of range"
            )
        storage = self._storages.get(address) or self.storage_of(address)
        old = storage.read(slot)
        if old == value:
            return
        self.write_slot(storage, slot, value, old)

    def write_slot(self, storage: AccountStorage, slot: int, value: int, old: int) -> None:
        """The same for a slot that holds `old`, which is not `value`; both are words."""
        originals = storage.originals
        if not originals:
            self._touched.append(storage)
        if self._accounts.get(storage.address) is None:  # a revert may have taken it back
            self.touch(storage.address)
        if slot not in originals:
            originals[slot] = old
        storage.restore(slot, value)
        self._journal.append((storage.restore, slot, old))

    def get_original_storage(self, address: Address, slot: int) -> int:
        """Value of a slot when the running transaction began (EIP-2200's original value)."""
        return (self._storages.get(address) or self.storage_of(address)).original(slot)

    def clear_storage(self, address: Address) -> None:
        """Wipe all slots of an account; a revert brings them back."""
        old = self._storages.get(address)
        if old is None:
            self._fields(address)
            if self._roots.get(address, EMPTY_ROOT) == EMPTY_ROOT:
                return
            old = self.storage_of(address)
        new = AccountStorage(address, self._nodes, EMPTY_ROOT, self._dirty)
        self._storages[address] = new
        self._touched.append(new)
        new.base = old.base or old
        new.wiped = old.stored_root if old.wiped == EMPTY_ROOT else old.wiped
        self._dirty.add(address)
        self._journal.append((self._restore_storage, address, old))

    def _restore_storage(self, address: Address, storage: AccountStorage) -> None:
        self._storages[address] = storage
        self._dirty.add(address)

    # -- what a transaction has accessed (EIP-2929) and transient storage (EIP-1153)

    def is_address_warm(self, address: Address) -> bool:
        """Has the running transaction accessed this account?"""
        return address in self._warm_addresses

    def warm_address(self, address: Address) -> None:
        """Mark an account as accessed; a revert takes it back."""
        if address not in self._warm_addresses:
            self._warm_addresses.add(address)
            self._journal.append((self._cool_address, address, None))

    def begin_warm(self, addresses: Iterable[Address]) -> None:
        """Mark accounts as accessed from the start, which no revert takes back."""
        self._warm_addresses.update(addresses)

    def _cool_address(self, address: Address, _before: None) -> None:
        self._warm_addresses.discard(address)

    def is_slot_warm(self, address: Address, slot: int) -> bool:
        """Has the running transaction accessed this storage slot?"""
        return (address, slot) in self._warm_slots

    def warm_slot(self, address: Address, slot: int) -> None:
        """Mark a slot as accessed; a revert takes it back."""
        key = (address, slot)
        if key not in self._warm_slots:
            self._warm_slots.add(key)
            self._journal.append((self._cool_slot, key, None))

    def access_slot(self, storage: AccountStorage, slot: int) -> bool:
        """Read a slot into `storage.hot`; was it cold? A revert takes it back."""
        if not storage.hot:
            self._touched.append(storage)
        storage.hot[slot] = storage.read(slot)
        key = (storage.address, slot)
        if key in self._warm_slots:
            return False
        self._warm_slots.add(key)
        self._journal.append((self._cool_slot, key, None))
        return True

    def _cool_slot(self, key: tuple[Address, int], _before: None) -> None:
        self._warm_slots.discard(key)
        storage = self._storages.get(key[0])
        if storage is not None:
            storage.hot.pop(key[1], None)

    def get_transient(self, address: Address, slot: int) -> int:
        """Value of a transient slot, 0 where none was set in this transaction."""
        return self._transient.get((address, slot), 0)

    def set_transient(self, address: Address, slot: int, value: int) -> None:
        """Set a transient slot; a revert takes it back, the end of the transaction clears it."""
        key = (address, slot)
        self._journal.append((self._restore_transient, key, self._transient.get(key, 0)))
        self._transient[key] = value

    def _restore_transient(self, key: tuple[Address, int], value: int) -> None:
        self._transient[key] = value

    # -- roots, proofs, storing

    @property
    def root(self) -> Hash32:
        """The root last computed, or opened with."""
        return self._root

    def compute_root(self) -> Hash32:
        """Bring the tries up to date and return the state root.

        Costs time in proportion to what changed since the last call, so it may follow every
        transaction. Open checkpoints stay open.
        """
        for address in list(self._dirty):
            self._flush_storage(address)
        # Deletions last, as in a storage: the order in which accounts changed does not show.
        for address in sorted(self._changed, key=lambda changed: self._accounts[changed] is None):
            self._flush_account(address)
        self._root = self._trie.root_hash()
        return self._root

    def _flush_storage(self, address: Address) -> None:
        self._storages[address].flush()
        self._changed.setdefault(address, self._fields(address))
        self._dirty.discard(address)

    def _flush_account(self, address: Address) -> None:
        fields = self._accounts[address]
        stored_root = self._roots.get(address, EMPTY_ROOT)
        storage = self._storages.get(address)
        root = stored_root if storage is None else storage.root
        if fields != self._changed[address] or root != stored_root:
            if fields is None:
                self._trie.delete(_address_key(address))
            else:
                nonce, balance_wei, code_hash = fields
                data = encode_account(nonce, balance_wei, root, code_hash)
                self._trie.set(_address_key(address), data)
            self._roots[address] = root
        self._count_code(self._changed.pop(address), -1)
        self._count_code(fields, 1)

    def _count_code(self, fields: _Fields | None, change: int) -> None:
        if fields is not None and fields[2] != EMPTY_CODE_HASH:
            self._code_uses[fields[2]] = self._code_uses.get(fields[2], 0) + change

    def storage_root(self, address: Address) -> Hash32:
        """Root of the account's storage trie as it is now."""
        if address in self._dirty:
            self._flush_storage(address)
        storage = self._storages.get(address)
        if storage is not None:
            return storage.root
        self._fields(address)
        return self._roots.get(address, EMPTY_ROOT)

    def take_changes(self) -> StateChanges:
        """Return every node and code made since the last call that the present root needs.

        They are handed out once: the caller stores them.
        """
        root = self.compute_root()
        nodes = self._trie.commit()[1]
        retired = self._trie.take_retired()
        repeated: list[Hash32] = []
        wiped: list[Hash32] = []
        for storage in self._storages.values():
            made = storage.trie.commit()[1]
            if made:
                repeated.extend(made.keys() & nodes.keys())
                nodes.update(made)
            retired += storage.trie.take_retired()
            if storage.wiped != EMPTY_ROOT:
                wiped.append(storage.wiped)
                storage.wiped = EMPTY_ROOT
            storage.stored_root = storage.root
        used = {fields[2] for fields in self._accounts.values() if fields is not None}
        codes = {key: code for key, code in self._unsaved_codes.items() if key in used}
        self._unsaved_codes.clear()
        uses = {key: change for key, change in self._code_uses.items() if change}
        self._code_uses.clear()
        turnover = Turnover(tuple(repeated), tuple(map(Hash32, retired)), tuple(wiped), uses)
        return StateChanges(root, nodes, codes, turnover)

    def accessed(self) -> dict[Address, tuple[int, ...]]:
        """Every account that was looked at, be it absent, with the slots looked at, both sorted.

        Slots that only a wiped storage held are not among them.
        """
        return {
            address: tuple(sorted(self._storages[address].values))
            if address in self._storages
            else ()
            for address in sorted(self._accounts)
        }

    def prove_account(self, address: Address) -> list[bytes]:
        """Nodes that show the account, or its absence, under the present root (EIP-1186)."""
        self.compute_root()
        return self._trie.prove(_address_key(address))

    def prove_storage(self, address: Address, slots: Iterable[int]) -> list[list[bytes]]:
        """Nodes that show each slot, or its absence, under the account's storage root."""
        self.compute_root()
        trie = self.storage_of(address).trie
        return [trie.prove(slot_key(slot)) for slot in slots]
