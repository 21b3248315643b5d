"""The transaction pool: what waits to be put into a block.

Each account has its transactions by nonce; those that follow the account's state without a gap are
pending, the rest are queued. A full pool gives up the transaction that pays least, counted from the
accounts' last ones, so that nothing is cut out of the middle of a run. Error texts are geth's, on
which wallets match. Knows nothing of state (nonce and balance are arguments), gas schedules (a
function is handed in) or the network.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from .crypto.keccak import keccak256
from .errors import Recovery, StemmaError
from .transaction import (
    ACCESS_LIST_TYPE,
    DYNAMIC_FEE_TYPE,
    LEGACY_TYPE,
    SET_CODE_TYPE,
    BlobTransaction,
    DepositTransaction,
    SetCodeTransaction,
    SignedTransaction,
    Transaction,
    effective_tip_wei,
    fee_cap_wei,
    known_sender,
    remember_sender,
    tip_cap_wei,
)
from .types import MAX_UINT64

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .types import Address, Hash32

BLOB_GAS: Final = 131_072
MAX_INIT_CODE_BYTES: Final = 49_152
USER_TYPES: Final = frozenset((LEGACY_TYPE, ACCESS_LIST_TYPE, DYNAMIC_FEE_TYPE, SET_CODE_TYPE))
"""What an L2 takes from users: everything that is signed, except blobs."""

AccountView: TypeAlias = "Callable[[Address], tuple[int, int]]"
"""Gives an account's nonce and its balance in wei, at the head."""


# ---------------------------------------------------------------------------------------- errors


class PoolError(StemmaError):
    """A transaction was not taken; the pool is as it was before."""


class AlreadyKnown(PoolError):
    """The very same transaction is in the pool."""


class TypeNotSupported(PoolError):
    """This chain takes no transactions of this type from users."""


class OversizedData(PoolError):
    """The encoded transaction is larger than the pool takes."""


class InitCodeTooLarge(PoolError):
    """The code of a contract creation is larger than EIP-3860 allows."""


class GasLimitExceeded(PoolError):
    """The gas limit is above that of a block."""


class IntrinsicGasTooLow(PoolError):
    """The gas limit does not cover what the transaction costs before it runs."""


class TipAboveFeeCap(PoolError):
    """The tip cap is above the fee cap that it has to fit in."""


class MissingAuthorizations(PoolError):
    """A set-code transaction without any authorization (EIP-7702)."""


class InvalidChainId(PoolError):
    """Signed for another chain."""


class NonceTooLow(PoolError):
    """The account has used this nonce already."""


class NonceHasMaxValue(PoolError):
    """The nonce cannot be increased any more (EIP-2681)."""


class InsufficientFunds(PoolError):
    """The balance does not cover this transaction with those before it."""


class Underpriced(PoolError):
    """The tip is below the pool's minimum, or the pool is full of better ones."""


class ReplacementUnderpriced(PoolError):
    """Both fee caps must rise by the price bump to replace a transaction."""


class PoolFull(PoolError):
    """There is no room and nothing that may be given up for it."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class AccountLimitExceeded(PoolError):
    """The account has as many transactions in the pool as it may have."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


# ---------------------------------------------------------------------------------------- values


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """How much the pool holds. Counts are of transactions; queued ones count in every limit."""

    transactions: int = 20_000
    queued_transactions: int = 2_048
    account_transactions: int = 4_096
    account_queued_transactions: int = 64
    total_bytes: int = 64 * 1024 * 1024
    transaction_bytes: int = 128 * 1024
    price_bump_percent: int = 10
    min_tip_wei: int = 0


@dataclass(frozen=True, slots=True)
class PooledTransaction:
    """A transaction with its recovered sender, the most it can cost, and its turn of arrival."""

    tx: SignedTransaction
    sender: Address
    cost_wei: int = 0
    arrival: int = 0

    @property
    def hash(self) -> Hash32:
        """The transaction's hash."""
        return self.tx.hash


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """How many transactions wait: pending ones can run now, queued ones wait for a nonce."""

    pending: int
    queued: int


@dataclass(frozen=True, slots=True)
class PoolContent:
    """The whole pool by sender and nonce."""

    pending: Mapping[Address, Mapping[int, PooledTransaction]]
    queued: Mapping[Address, Mapping[int, PooledTransaction]]


# Order of giving up, least first: queued before pending, then by caps, then the latest arrival.
_Rank: TypeAlias = tuple[bool, int, int, int]


class _Account:
    """One sender's transactions by nonce, and where the run that starts at its nonce ends."""

    __slots__ = ("cost_wei", "highest_nonce", "nonce", "rank", "run_end", "transactions")

    def __init__(self, nonce: int) -> None:
        self.nonce = nonce
        self.run_end = nonce  # first nonce that is not pending
        self.highest_nonce = -1  # of a transaction; -1 without any
        self.transactions: dict[int, PooledTransaction] = {}
        self.cost_wei = 0
        self.rank: _Rank | None = None  # of the last transaction, as it stands in the heap

    @property
    def queued(self) -> int:
        return len(self.transactions) - (self.run_end - self.nonce)

    def last(self) -> PooledTransaction:
        return self.transactions[self.highest_nonce]

    def put(self, pooled: PooledTransaction) -> None:
        self.transactions[pooled.tx.nonce] = pooled
        self.cost_wei += pooled.cost_wei
        self.highest_nonce = max(self.highest_nonce, pooled.tx.nonce)

    def take(self, pooled: PooledTransaction) -> None:
        nonce = pooled.tx.nonce
        del self.transactions[nonce]
        self.cost_wei -= pooled.cost_wei
        if nonce == self.highest_nonce:
            # Looking one below first spares the search in the common case of a dense run.
            below = nonce - 1
            self.highest_nonce = (
                below if below in self.transactions else max(self.transactions, default=-1)
            )


def maximum_cost_wei(tx: SignedTransaction) -> int:
    """Most that a transaction can take from its sender, in wei: gas, blobs and value."""
    cost = tx.gas_limit * fee_cap_wei(tx) + tx.value
    if isinstance(tx, BlobTransaction):
        cost += len(tx.blob_versioned_hashes) * BLOB_GAS * tx.max_fee_per_blob_gas
    return cost


class Candidates:
    """Pending transactions, best tip first and each sender's in nonce order; made by `pending`.

    Looks at the pool as it goes, so a transaction that leaves meanwhile is not given out.
    """

    def __init__(self, accounts: Mapping[Address, _Account], base_fee_wei: int) -> None:
        self._accounts = accounts
        self._base_fee_wei = base_fee_wei
        self._last: PooledTransaction | None = None
        firsts = (account.transactions.get(account.nonce) for account in list(accounts.values()))
        entries = (self._entry(first) for first in firsts if first is not None)
        self._heap = [entry for entry in entries if entry is not None]
        heapq.heapify(self._heap)

    def _entry(self, pooled: PooledTransaction) -> tuple[int, int, PooledTransaction] | None:
        tip_wei = effective_tip_wei(pooled.tx, self._base_fee_wei)
        # Below zero the sender waits for a lower base fee, and so does all that follows.
        return None if tip_wei < 0 else (-tip_wei, pooled.arrival, pooled)

    def __iter__(self) -> Iterator[PooledTransaction]:
        return self

    def __next__(self) -> PooledTransaction:
        if self._last is not None:
            self._push_successor(self._last)
            self._last = None
        if not self._heap:
            raise StopIteration
        self._last = heapq.heappop(self._heap)[2]
        return self._last

    def _push_successor(self, done: PooledTransaction) -> None:
        account = self._accounts.get(done.sender)
        successor = None if account is None else account.transactions.get(done.tx.nonce + 1)
        entry = None if successor is None else self._entry(successor)
        if entry is not None:
            heapq.heappush(self._heap, entry)

    def skip_sender(self) -> None:
        """Give out no more from the sender of the last transaction: it did not fit or failed."""
        self._last = None


# ------------------------------------------------------------------------------------------ pool


class TransactionPool:
    """Transactions that wait for a block. One thread adds and removes; see the module's text.

    `minimum_gas` gives the gas that a transaction costs before it runs; `chain_id` and
    `block_gas_limit` refuse what can never run. Each check is left out where its argument is None.
    """

    def __init__(
        self,
        limits: PoolLimits | None = None,
        *,
        chain_id: int | None = None,
        block_gas_limit: int | None = None,
        minimum_gas: Callable[[SignedTransaction], int] | None = None,
        accepted_types: frozenset[int] = USER_TYPES,
    ) -> None:
        self.limits = limits or PoolLimits()
        self.block_gas_limit = block_gas_limit
        self._chain_id = chain_id
        self._minimum_gas = minimum_gas
        self._accepted_types = accepted_types
        self._accounts: dict[Address, _Account] = {}
        self._by_hash: dict[Hash32, PooledTransaction] = {}
        self._pending_count = 0
        self._total_bytes = 0
        self._arrivals = count()
        # Nonces that the last two resets found. A transaction may be handed in with a nonce read
        # just before a block: taken at its word it would wait for a transaction that is included.
        self._settled: tuple[dict[Address, int], dict[Address, int]] = ({}, {})
        # Accounts' last transactions by rank. An entry counts only while the account still has
        # that rank; the others are dropped as they come up.
        self._ranks: list[tuple[_Rank, Address]] = []

    # -- adding

    def add(
        self,
        tx: Transaction,
        sender: Address,
        account_nonce: int,
        balance_wei: int,
        *,
        extra_cost_wei: int = 0,
    ) -> None:
        """Take a transaction whose sender has this nonce and balance at the head.

        `extra_cost_wei` is what the chain charges beyond gas and value, such as an L2's L1 fee. A
        nonce below one that a reset has found is taken for stale; only `reset` goes back.
        Raises a PoolError with geth's text, and then changes nothing. A fee cap below the base fee
        is no error: the transaction waits.
        """
        if isinstance(tx, DepositTransaction):
            raise TypeNotSupported("transaction type not supported")
        if tx.hash in self._by_hash:
            raise AlreadyKnown("already known")
        self._check_form(tx)
        account_nonce = self._latest_nonce(sender, account_nonce)
        if tx.nonce < account_nonce:
            raise NonceTooLow(f"nonce too low: next nonce {account_nonce}, tx nonce {tx.nonce}")
        account = self._account_at(sender, account_nonce)
        replaced = account.transactions.get(tx.nonce)
        if replaced is not None:
            self._check_replacement(tx, replaced.tx)
        cost_wei = maximum_cost_wei(tx) + extra_cost_wei
        _check_funds(account, replaced, cost_wei, balance_wei)
        pooled = PooledTransaction(tx, sender, cost_wei, next(self._arrivals))
        if replaced is None:
            self._check_account_limits(account, tx.nonce)
        self._make_room(pooled, account, replaced)
        if replaced is not None:
            self._unlink(account, replaced)
        self._link(account, pooled)

    def _check_form(self, tx: SignedTransaction) -> None:
        """Check what needs no account, in geth's order."""
        if tx.type not in self._accepted_types:
            raise TypeNotSupported("transaction type not supported")
        size = len(tx.encode())
        if size > self.limits.transaction_bytes:
            raise OversizedData(
                f"oversized data: transaction size {size}, limit {self.limits.transaction_bytes}"
            )
        if tx.to is None and len(tx.data) > MAX_INIT_CODE_BYTES:
            raise InitCodeTooLarge(
                f"max initcode size exceeded: code size {len(tx.data)}, limit {MAX_INIT_CODE_BYTES}"
            )
        if self.block_gas_limit is not None and tx.gas_limit > self.block_gas_limit:
            raise GasLimitExceeded("exceeds block gas limit")
        self._check_fees(tx)
        self._check_chain(tx)

    def _check_fees(self, tx: SignedTransaction) -> None:
        tip_wei = tip_cap_wei(tx)
        if tip_wei > fee_cap_wei(tx):
            raise TipAboveFeeCap("max priority fee per gas higher than max fee per gas")
        if self._minimum_gas is not None:
            needed = self._minimum_gas(tx)
            if tx.gas_limit < needed:
                raise IntrinsicGasTooLow(
                    f"intrinsic gas too low: gas {tx.gas_limit}, minimum needed {needed}"
                )
        if tip_wei < self.limits.min_tip_wei:
            raise Underpriced(
                f"transaction underpriced: gas tip cap {tip_wei}, "
                f"minimum needed {self.limits.min_tip_wei}"
            )

    def _check_chain(self, tx: SignedTransaction) -> None:
        if self._chain_id is not None and tx.chain_id not in (None, self._chain_id):
            raise InvalidChainId(
                f"invalid chain id for signer: have {tx.chain_id} want {self._chain_id}"
            )
        if tx.nonce == MAX_UINT64:
            raise NonceHasMaxValue("nonce has max value")
        if isinstance(tx, SetCodeTransaction) and not tx.authorization_list:
            raise MissingAuthorizations("set code tx must have at least one authorization tuple")

    def _check_replacement(self, tx: SignedTransaction, old: SignedTransaction) -> None:
        factor = 100 + self.limits.price_bump_percent
        for new_wei, old_wei in (
            (fee_cap_wei(tx), fee_cap_wei(old)),
            (tip_cap_wei(tx), tip_cap_wei(old)),
        ):
            if new_wei <= old_wei or new_wei * 100 < old_wei * factor:
                raise ReplacementUnderpriced("replacement transaction underpriced")

    def _check_account_limits(self, account: _Account, nonce: int) -> None:
        limits = self.limits
        if len(account.transactions) >= limits.account_transactions or (
            nonce > account.run_end and account.queued >= limits.account_queued_transactions
        ):
            raise AccountLimitExceeded("account limit exceeded")

    # -- room

    def _make_room(
        self, newcomer: PooledTransaction, account: _Account, replaced: PooledTransaction | None
    ) -> None:
        """Give up the worst until the newcomer fits; if it cannot be made to, give up none."""
        given_up: list[tuple[_Account, PooledTransaction]] = []
        try:
            while self._lacks_room(newcomer, account, replaced):
                worst = self._worst()
                if worst is None or worst.sender == newcomer.sender:
                    raise PoolFull("txpool is full")
                worst_account = self._accounts[worst.sender]
                if _rank(newcomer, account) <= _rank(worst, worst_account):
                    raise Underpriced("transaction underpriced")
                self._drop(worst)
                given_up.append((worst_account, worst))
        except PoolError:
            for owner, pooled in reversed(given_up):
                self._link(owner, pooled)
            raise

    def _lacks_room(
        self, newcomer: PooledTransaction, account: _Account, replaced: PooledTransaction | None
    ) -> bool:
        limits = self.limits
        size = len(newcomer.tx.encode())
        if replaced is not None:
            return self._total_bytes + size - len(replaced.tx.encode()) > limits.total_bytes
        if newcomer.tx.nonce > account.run_end:
            queued = len(self._by_hash) - self._pending_count
            if queued >= limits.queued_transactions:
                return True
        return (
            len(self._by_hash) >= limits.transactions
            or self._total_bytes + size > limits.total_bytes
        )

    def _worst(self) -> PooledTransaction | None:
        while self._ranks:
            rank, sender = self._ranks[0]
            account = self._accounts.get(sender)
            if account is not None and account.rank == rank:
                return account.last()
            heapq.heappop(self._ranks)
        return None

    # -- links

    def _latest_nonce(self, sender: Address, nonce: int) -> int:
        account = self._accounts.get(sender)
        if account is not None:
            return max(nonce, account.nonce)
        newer, older = self._settled
        return max(nonce, newer.get(sender, older.get(sender, 0)))

    def _account_at(self, sender: Address, nonce: int) -> _Account:
        """Return the sender's account brought up to the nonce; a new one is not yet kept."""
        account = self._accounts.get(sender)
        if account is None:
            return _Account(nonce)
        if account.nonce != nonce:
            self._renumber(sender, account, nonce)
            if sender not in self._accounts:
                return _Account(nonce)
        return account

    def _link(self, account: _Account, pooled: PooledTransaction) -> None:
        self._accounts.setdefault(pooled.sender, account)
        account.put(pooled)
        self._by_hash[pooled.hash] = pooled
        self._total_bytes += len(pooled.tx.encode())
        self._extend_run(account)
        self._update_rank(pooled.sender, account)

    def _unlink(self, account: _Account, pooled: PooledTransaction) -> None:
        """Take a transaction out and cut the run there; the caller then puts the account right."""
        nonce = pooled.tx.nonce
        account.take(pooled)
        del self._by_hash[pooled.hash]
        self._total_bytes -= len(pooled.tx.encode())
        if nonce < account.run_end:
            self._pending_count -= account.run_end - nonce
            account.run_end = nonce

    def _extend_run(self, account: _Account) -> None:
        start = account.run_end
        while account.run_end in account.transactions:
            account.run_end += 1
        self._pending_count += account.run_end - start

    def _update_rank(self, sender: Address, account: _Account) -> None:
        if not account.transactions:
            account.rank = None
            self._accounts.pop(sender, None)
            return
        rank = _rank(account.last(), account)
        if rank != account.rank:
            account.rank = rank
            heapq.heappush(self._ranks, (rank, sender))
            # Entries that no longer count pile up where nothing is ever given up.
            if len(self._ranks) > 64 + 4 * len(self._accounts):
                self._ranks = [
                    (a.rank, who) for who, a in self._accounts.items() if a.rank is not None
                ]
                heapq.heapify(self._ranks)

    def _drop(self, pooled: PooledTransaction) -> None:
        account = self._accounts[pooled.sender]
        self._unlink(account, pooled)
        self._update_rank(pooled.sender, account)

    def _renumber(self, sender: Address, account: _Account, nonce: int) -> None:
        """Follow the account to a new nonce: forward after a block, back after a reorg."""
        self._pending_count -= account.run_end - account.nonce
        account.run_end = account.nonce
        for stale in [n for n in account.transactions if n < nonce]:
            self._unlink(account, account.transactions[stale])
        account.nonce = account.run_end = nonce
        self._extend_run(account)
        self._update_rank(sender, account)

    # -- leaving

    def remove(self, hashes: Iterable[Hash32]) -> None:
        """Take transactions out, as when the builder found one invalid; unknown ones are ignored.

        What follows one in its sender's nonces becomes queued.
        """
        for tx_hash in hashes:
            pooled = self._by_hash.get(tx_hash)
            if pooled is not None:
                self._drop(pooled)

    def reset(self, view: AccountView, senders: Iterable[Address] | None = None) -> None:
        """Follow the state to a new head: drop what was included or can no longer be paid.

        After a block its `senders` are enough. Without them every account is looked at, as it must
        be where the head went back.
        """
        settled: dict[Address, int] = {}
        self._settled = (settled, {} if senders is None else self._settled[0])
        for sender in list(self._accounts) if senders is None else senders:
            nonce, balance_wei = view(sender)
            settled[sender] = nonce
            account = self._accounts.get(sender)
            if account is None:
                continue
            unpayable = [p for p in account.transactions.values() if p.cost_wei > balance_wei]
            for pooled in unpayable:
                self._unlink(account, pooled)
            self._renumber(sender, account, nonce)

    # -- looking

    def pending(self, base_fee_wei: int) -> Candidates:
        """Iterate over what can run at a base fee: best tip first, per sender in nonce order."""
        return Candidates(self._accounts, base_fee_wei)

    def get(self, tx_hash: Hash32) -> PooledTransaction | None:
        """Return a waiting transaction by its hash."""
        return self._by_hash.get(tx_hash)

    def decoded(self, raw: bytes) -> SignedTransaction | None:
        """The waiting transaction of just these bytes: who meets it again need not decode it."""
        pooled = self._by_hash.get(keccak256(raw))
        return None if pooled is None else pooled.tx

    def recall_senders(self, transactions: Iterable[Transaction]) -> None:
        """Tell transactions that wait here who sent them: a block brings them as new objects."""
        for tx in transactions:
            if isinstance(tx, DepositTransaction) or known_sender(tx) is not None:
                continue
            pooled = self._by_hash.get(tx.hash)
            if pooled is not None:
                remember_sender(tx, pooled.sender)

    def __contains__(self, tx_hash: object) -> bool:
        return tx_hash in self._by_hash

    def __len__(self) -> int:
        return len(self._by_hash)

    def pending_nonce(self, sender: Address) -> int | None:
        """Nonce after the sender's pending transactions; None if the pool knows none of its."""
        account = self._accounts.get(sender)
        return None if account is None else account.run_end

    def status(self) -> PoolStatus:
        """Count pending and queued transactions."""
        return PoolStatus(self._pending_count, len(self._by_hash) - self._pending_count)

    def content(self) -> PoolContent:
        """List the pool by sender and nonce, in nonce order."""
        pending: dict[Address, dict[int, PooledTransaction]] = {}
        queued: dict[Address, dict[int, PooledTransaction]] = {}
        for sender, account in self._accounts.items():
            for nonce, pooled in sorted(account.transactions.items()):
                side = pending if nonce < account.run_end else queued
                side.setdefault(sender, {})[nonce] = pooled
        return PoolContent(pending, queued)


def _rank(pooled: PooledTransaction, account: _Account) -> _Rank:
    tx = pooled.tx
    is_pending = tx.nonce <= account.run_end
    return is_pending, tip_cap_wei(tx), fee_cap_wei(tx), -pooled.arrival


def _check_funds(
    account: _Account, replaced: PooledTransaction | None, cost_wei: int, balance_wei: int
) -> None:
    if cost_wei > balance_wei:
        raise InsufficientFunds(
            f"insufficient funds for gas * price + value: balance {balance_wei}, "
            f"tx cost {cost_wei}, overshot {cost_wei - balance_wei}"
        )
    others_wei = account.cost_wei - (replaced.cost_wei if replaced else 0)
    if others_wei + cost_wei > balance_wei:
        raise InsufficientFunds(
            f"insufficient funds for gas * price + value: balance {balance_wei}, "
            f"queued cost {others_wei}, tx cost {cost_wei}, "
            f"overshot {others_wei + cost_wei - balance_wei}"
        )
