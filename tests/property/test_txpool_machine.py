"""The pool under any sequence of calls: its counts, order, limits and money always hold."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chain.transaction import DynamicFeeTransaction, effective_tip_wei
from chain.txpool import PoolError, PoolLimits, TransactionPool

_SENDERS = [bytes((number,)) * 20 for number in range(1, 5)]
_LIMITS = PoolLimits(
    transactions=12,
    queued_transactions=5,
    account_transactions=6,
    account_queued_transactions=3,
    total_bytes=600,
)
_senders = st.sampled_from(_SENDERS)
_fees = st.integers(1, 40)


class PoolMachine(RuleBasedStateMachine):
    """Drives a small pool and keeps the accounts that it is told about."""

    def __init__(self):
        super().__init__()
        self.pool = TransactionPool(_LIMITS)
        self.nonces = dict.fromkeys(_SENDERS, 0)
        self.balances = dict.fromkeys(_SENDERS, 10**9)

    @rule(sender=_senders, ahead=st.integers(-1, 5), tip=_fees, fee=_fees, size=st.integers(0, 40))
    def add(self, sender, ahead, tip, fee, size):
        tx = DynamicFeeTransaction(
            chain_id=1,
            nonce=max(0, self.nonces[sender] + ahead),
            max_priority_fee_per_gas=min(tip, fee),
            max_fee_per_gas=fee,
            gas_limit=21_000 + size,
            to=sender,
            value=0,
            data=bytes(size),
            r=int.from_bytes(sender, "big"),  # makes the hash the sender's own
        )
        before = self._hashes()
        old = self.pool.content().pending.get(sender, {}).get(tx.nonce)
        try:
            self.pool.add(tx, sender, self.nonces[sender], self.balances[sender])
        except PoolError:
            assert self._hashes() == before, "a refusal changes nothing"
            return
        assert tx.hash in self.pool
        if old is not None:
            assert old.hash not in self.pool
            assert tx.max_fee_per_gas * 10 >= old.tx.max_fee_per_gas * 11

    @rule(sender=_senders, count=st.integers(0, 3))
    def include_in_a_block(self, sender, count):
        self.nonces[sender] += count
        self.pool.reset(self._view)

    @rule(sender=_senders, count=st.integers(0, 2))
    def go_back_in_a_reorg(self, sender, count):
        self.nonces[sender] = max(0, self.nonces[sender] - count)
        self.pool.reset(self._view, [sender])

    @rule(sender=_senders, balance=st.integers(0, 3_000_000))
    def change_balance(self, sender, balance):
        self.balances[sender] = balance
        self.pool.reset(self._view)

    @rule(data=st.data())
    def remove(self, data):
        hashes = sorted(self._hashes())
        if hashes:
            self.pool.remove([data.draw(st.sampled_from(hashes)), bytes(32)])

    def _view(self, sender):
        return self.nonces[sender], self.balances[sender]

    def _sides(self):
        content = self.pool.content()
        return [p for side in (content.pending, content.queued) for a in side.values()
                for p in a.values()]  # fmt: skip

    def _hashes(self):
        return {pooled.hash for pooled in self._sides()}

    @invariant()
    def counts_agree(self):
        content = self.pool.content()
        pending = sum(len(by_nonce) for by_nonce in content.pending.values())
        queued = sum(len(by_nonce) for by_nonce in content.queued.values())
        status = self.pool.status()
        assert (status.pending, status.queued) == (pending, queued)
        assert len(self.pool) == pending + queued == len(self._hashes())
        assert all(self.pool.get(h).hash == h for h in self._hashes())

    @invariant()
    def pending_runs_have_no_gap(self):
        content = self.pool.content()
        for sender in _SENDERS:
            pending = list(content.pending.get(sender, {}))
            queued = list(content.queued.get(sender, {}))
            start = self.nonces[sender]
            assert pending == list(range(start, start + len(pending)))
            assert all(nonce > start + len(pending) for nonce in queued)
            if pending or queued:
                assert self.pool.pending_nonce(sender) == start + len(pending)
            else:
                assert self.pool.pending_nonce(sender) is None

    @invariant()
    def limits_hold(self):
        everything = self._sides()
        assert len(everything) <= _LIMITS.transactions
        assert sum(len(p.tx.encode()) for p in everything) <= _LIMITS.total_bytes
        for sender in _SENDERS:
            own = sum(p.sender == sender for p in everything)
            assert own <= _LIMITS.account_transactions

    @invariant()
    def candidates_are_all_that_pays_in_nonce_order(self):
        base_fee = 10
        given = list(self.pool.pending(base_fee))
        for sender in _SENDERS:
            pending = self.pool.content().pending.get(sender, {})
            payable = []
            for pooled in pending.values():
                if pooled.tx.max_fee_per_gas < base_fee:
                    break
                payable.append(pooled.hash)
            assert [p.hash for p in given if p.sender == sender] == payable
        if given:
            firsts = [p for p in given if p.tx.nonce == self.nonces[p.sender]]
            best = max(effective_tip_wei(p.tx, base_fee) for p in firsts)
            assert effective_tip_wei(given[0].tx, base_fee) == best


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(stateful_step_count=30)
