"""Which batch may follow the safe head: each rule for singular and span batches, over the forks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from derivation_stages import (
    L2Blocks,
    batch_after,
    config_at,
    context_of,
    forks_up_to,
    l2_ref,
    span_after,
)
from l1_blocks import L1_GENESIS_TIME, l1_block, l1_chain

from chain.block import Block, Header
from chain.receipt import EMPTY_BLOOM
from chain.transaction import (
    Authorization,
    DynamicFeeTransaction,
    SetCodeTransaction,
    sign_transaction,
)
from chain.types import ZERO_ADDRESS, ZERO_HASH
from genesis.config import SystemConfig
from rollup.bridge.l1_attributes import l1_attributes_deposit
from rollup.derivation.batch_checks import Verdict, check_singular, check_span, check_span_prefix
from rollup.derivation.l2_block import l2_block_ref

WINDOW = 10
CHAIN = l1_chain(40)


def config_of(fork="isthmus", **later):
    return config_at(fork, later=later, l1_genesis=CHAIN[0], window=WINDOW)


CONFIG = config_of()
BEFORE = config_of("granite")


def judge(parent, batch, *, config=CONFIG, **context):
    found = check_singular(context_of(config, CHAIN, parent, **context), batch)
    return found.verdict.name, found.rule.name


def after(parent, origin=None, *, config=CONFIG, **changes):
    return batch_after(config, CHAIN, parent, origin, **changes)


class TestSingular:
    def test_fitting_batch_is_accepted(self):
        parent = l2_ref(CHAIN, 5)
        assert judge(parent, after(parent)) == ("ACCEPT", "BATCH_ACCEPTED")

    def test_batch_of_the_next_epoch_is_accepted_once_its_time_has_come(self):
        parent = l2_ref(CHAIN, 5, timestamp=CHAIN[6].timestamp - 2)
        assert judge(parent, after(parent, 6)) == ("ACCEPT", "BATCH_ACCEPTED")

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"parent_hash": bytes(32)}, "PARENT"),
            ({"epoch_hash": bytes(32)}, "EPOCH_HASH"),
            ({"epoch_number": 4}, "EPOCH_OLD"),
            ({"epoch_number": 7}, "EPOCH_AHEAD"),
            ({"transactions": (b"\x02tx", b"")}, "EMPTY_TRANSACTION"),
            ({"transactions": (b"\x7edeposit",)}, "DEPOSIT_IN_BATCH"),
        ],
    )
    @pytest.mark.parametrize("config", [BEFORE, CONFIG], ids=["granite", "isthmus"])
    def test_batch_that_does_not_fit_is_dropped(self, config, changes, rule):
        parent = l2_ref(CHAIN, 5)
        assert judge(parent, after(parent, **changes), config=config) == ("DROP", rule)

    @pytest.mark.parametrize(
        ("step", "before", "since"),
        [
            (-2, ("DROP", "BATCH_OLD"), ("PAST", "BATCH_PAST")),
            (2, ("FUTURE", "BATCH_FUTURE"), ("DROP", "BATCH_GAP")),
        ],
    )
    def test_batch_of_another_time_waits_before_holocene_only(self, step, before, since):
        parent = l2_ref(CHAIN, 5)
        batch = after(parent, timestamp=parent.timestamp + 2 + step, parent_hash=bytes(32))
        assert judge(parent, batch, config=BEFORE) == before
        assert judge(parent, batch) == since

    def test_the_clock_of_these_rules_is_the_including_l1_block(self):
        config = config_of("granite", holocene=CHAIN[8].timestamp)
        parent = l2_ref(CHAIN, 5)
        batch = after(parent, timestamp=parent.timestamp + 4)
        assert judge(parent, batch, config=config, inclusion=7)[0] == "FUTURE"
        assert judge(parent, batch, config=config, inclusion=8)[0] == "DROP"

    def test_batch_of_the_next_epoch_before_its_time_is_dropped(self):
        parent = l2_ref(CHAIN, 5)
        assert judge(parent, after(parent, 6)) == ("DROP", "BEFORE_ORIGIN")

    def test_batch_whose_origin_is_not_known_yet_is_undecided(self):
        parent = l2_ref(CHAIN, 5, timestamp=CHAIN[6].timestamp - 2)
        found = judge(parent, after(parent, 6), config=BEFORE, inclusion=5)
        assert found == ("UNDECIDED", "BATCH_UNDECIDED")

    def test_last_l1_block_of_the_sequencing_window_counts(self):
        parent = l2_ref(CHAIN, 5)
        assert judge(parent, after(parent), inclusion=5 + WINDOW)[0] == "ACCEPT"
        found = judge(parent, after(parent), inclusion=6 + WINDOW)
        assert found == ("DROP", "WINDOW_PASSED")

    def test_set_code_transactions_count_since_isthmus(self):
        parent = l2_ref(CHAIN, 5)
        batch = after(parent, transactions=(b"\x02", b"\x04"))
        assert judge(parent, batch, config=config_of("holocene")) == ("DROP", "SET_CODE_EARLY")
        assert judge(parent, batch)[0] == "ACCEPT"
        later = config_of("holocene", isthmus=batch.timestamp)
        assert judge(parent, batch, config=later)[0] == "ACCEPT"
        assert judge(parent, batch, config=config_of("holocene", isthmus=batch.timestamp + 1))[
            0
        ] == ("DROP")

    @pytest.mark.parametrize("fork", ["jovian", "karst"])
    def test_block_that_activates_jovian_or_karst_has_no_transactions(self, fork):
        parent = l2_ref(CHAIN, 5)
        batch = after(parent)
        before = {"jovian": "isthmus", "karst": "jovian"}[fork]
        at_activation = config_of(before, **{fork: batch.timestamp})
        assert judge(parent, batch, config=at_activation) == ("DROP", "ACTIVATION_NOT_EMPTY")
        empty = replace(batch, transactions=())
        assert judge(parent, empty, config=at_activation)[0] == "ACCEPT"
        one_later = config_of(before, **{fork: batch.timestamp - 2})
        assert judge(parent, batch, config=one_later)[0] == "ACCEPT"

    def test_block_that_activates_isthmus_may_have_transactions(self):
        parent = l2_ref(CHAIN, 5)
        config = config_of("holocene", isthmus=parent.timestamp + 2)
        assert judge(parent, after(parent), config=config)[0] == "ACCEPT"


class TestDrift:
    """Times around L1 origin 0's drift limit, with a next origin that may come late."""

    @pytest.fixture(params=["ecotone", "fjord", "isthmus"])
    def config(self, request):
        return config_of(request.param)

    def limit(self, config):
        return L1_GENESIS_TIME + (600 if config.forks.fjord is None else 1_800)

    def judge(self, config, timestamp, *, next_origin_time, transactions=(), origin=0):
        following = l1_block(1, CHAIN[0].hash, time=next_origin_time).ref
        parent = l2_ref(CHAIN, 0, timestamp=timestamp - config.block_time)
        origins = [CHAIN[0].ref, following]
        epoch = origins[origin]
        batch = after(
            parent,
            config=config,
            epoch_number=epoch.number,
            epoch_hash=epoch.hash,
            transactions=transactions,
        )
        context = context_of(config, CHAIN, parent, origins=origins)
        return check_singular(context, batch).rule.name

    def test_transactions_are_allowed_up_to_the_limit(self, config):
        limit = self.limit(config)
        late = limit + 100
        accept = self.judge(config, limit, next_origin_time=late, transactions=(b"\x02",))
        drop = self.judge(config, limit + 2, next_origin_time=late, transactions=(b"\x02",))
        assert (accept, drop) == ("BATCH_ACCEPTED", "PAST_DRIFT")

    def test_empty_batch_past_the_limit_is_allowed_while_the_next_origin_is_not_due(self, config):
        past = self.limit(config) + 2
        assert self.judge(config, past, next_origin_time=past + 1) == "BATCH_ACCEPTED"
        assert self.judge(config, past, next_origin_time=past) == "PAST_DRIFT_NEXT_DUE"

    def test_moving_on_to_the_next_origin_ends_the_drift(self, config):
        past = self.limit(config) + 2
        rule = self.judge(config, past, next_origin_time=past, transactions=(b"\x02",), origin=1)
        assert rule == "BATCH_ACCEPTED"

    def test_empty_batch_past_the_limit_is_undecided_without_a_next_origin(self):
        config = config_of("ecotone")
        past = self.limit(config) + 2
        parent = l2_ref(CHAIN, 0, timestamp=past - 2)
        context = context_of(config, CHAIN, parent, origins=[CHAIN[0].ref])
        batch = after(parent, config=config, transactions=())
        assert check_singular(context, batch).verdict is Verdict.UNDECIDED


KEY = b"\x05" * 32


def transfer(nonce):
    tx = DynamicFeeTransaction(
        chain_id=CONFIG.l2_chain_id, nonce=nonce, max_priority_fee_per_gas=1, max_fee_per_gas=1,
        gas_limit=21_000, to=b"\x01" * 20, value=0, data=b"",
    )  # fmt: skip
    return sign_transaction(tx, KEY)


def l2_chain(config, count, *, transactions=None, start_origin=3):
    """Safe L2 blocks 1 to `count`, two for each L1 origin."""
    blocks = []
    parent_hash = b"\x11" * 32
    time = CHAIN[start_origin + 5].timestamp  # all origins are due
    for number in range(1, count + 1):
        origin = CHAIN[start_origin + (number - 1) // 2]
        opening = l1_attributes_deposit(
            config, SystemConfig(b"\x0b" * 20, 30_000_000, 1, 1), origin, (number - 1) % 2, time
        )
        header = Header(
            parent_hash=parent_hash, beneficiary=ZERO_ADDRESS, state_root=ZERO_HASH,
            transactions_root=ZERO_HASH, receipts_root=ZERO_HASH, logs_bloom=EMPTY_BLOOM,
            number=number, gas_limit=30_000_000, gas_used=0, timestamp=time,
            extra_data=b"\x00\x00\x00\x00\xfa\x00\x00\x00\x06", prev_randao=ZERO_HASH,
            base_fee_per_gas=1,
        )  # fmt: skip
        block = Block(header, (opening, *(transactions or {}).get(number, ())), ())
        blocks.append(block)
        parent_hash = block.hash
        time += config.block_time
    return blocks


class TestSpan:
    """The safe chain has six blocks with origins 3, 3, 4, 4, 5, 5; times two seconds apart."""

    def bench(self, config, *, transactions=None):
        blocks = l2_chain(config, 6, transactions=transactions)
        self.l2 = L2Blocks(*blocks)
        return [l2_block_ref(config, block) for block in blocks]

    def judge(self, config, parent, span, *, whole=None, **context):
        context = context_of(config, CHAIN, parent, l2=self.l2, **context)
        whole = config.forks.holocene is None if whole is None else whole
        found = (check_span if whole else check_span_prefix)(context, span)
        return found.verdict.name, found.rule.name

    def span(self, config, parent, epochs, **options):
        return span_after(config, CHAIN, parent, epochs, **options)

    @pytest.fixture(params=[BEFORE, CONFIG], ids=["granite", "isthmus"])
    def config(self, request):
        return request.param

    def test_span_after_the_safe_head_is_accepted(self, config):
        head = self.bench(config)[-1]
        span = self.span(config, head, [5, 5, 5])
        assert self.judge(config, head, span, inclusion=9) == ("ACCEPT", "SPAN_ACCEPTED")

    def test_span_over_safe_blocks_is_accepted_where_it_says_the_same(self, config):
        refs = self.bench(config)
        span = self.span(config, refs[1], [4, 4, 5, 5, 5])
        assert self.judge(config, refs[-1], span, inclusion=9) == ("ACCEPT", "SPAN_ACCEPTED")

    def test_other_transactions_in_a_safe_block_drop_the_span_before_holocene(self, config):
        refs = self.bench(config, transactions={4: [transfer(0)]})
        span = self.span(config, refs[1], [4, 4, 5, 5, 5])
        expected = ("DROP", "SPAN_OVERLAP") if config is BEFORE else ("ACCEPT", "SPAN_ACCEPTED")
        assert self.judge(config, refs[-1], span, inclusion=9) == expected
        raw = transfer(0).encode()
        same = self.span(config, refs[1], [4, 4, 5, 5, 5], transactions={1: (raw,)})
        assert self.judge(config, refs[-1], same, inclusion=9)[0] == "ACCEPT"

    def test_other_origin_of_a_safe_block_drops_the_span_before_holocene(self, config):
        refs = self.bench(config)
        span = self.span(config, refs[1], [4, 5, 5, 5, 5])
        expected = ("DROP", "SPAN_OVERLAP") if config is BEFORE else ("ACCEPT", "SPAN_ACCEPTED")
        assert self.judge(config, refs[-1], span, inclusion=9) == expected

    def test_span_with_nothing_new_is_past(self, config):
        refs = self.bench(config)
        span = self.span(config, refs[1], [4, 4, 5, 5])
        expected = ("DROP", "BATCH_OLD") if config is BEFORE else ("PAST", "BATCH_PAST")
        assert self.judge(config, refs[-1], span, inclusion=9) == expected

    def test_span_that_begins_later_waits_before_holocene_only(self, config):
        head = self.bench(config)[-1]
        span = self.span(config, head, [5, 5], first=1)
        expected = ("FUTURE", "BATCH_FUTURE") if config is BEFORE else ("DROP", "BATCH_GAP")
        assert self.judge(config, head, span, inclusion=9) == expected

    def test_span_between_two_block_times_is_dropped(self, config):
        refs = self.bench(config)
        for parent, epochs in ((refs[-1], [5, 5, 5]), (refs[1], [4, 4, 5, 5, 5, 5])):
            span = self.span(config, parent, epochs)
            shifted = replace(span, relative_timestamp=span.relative_timestamp - 1)
            assert self.judge(config, refs[-1], shifted, inclusion=9) == (
                "DROP",
                "SPAN_MISALIGNED",
            )

    def test_span_from_before_genesis_is_dropped(self, config):
        refs = self.bench(config)
        span = replace(self.span(config, refs[-1], [5] * 60), relative_timestamp=0)
        assert self.judge(config, refs[-1], span, inclusion=9) == ("DROP", "SPAN_MISALIGNED")

    @pytest.mark.parametrize(
        ("changes", "rule"),
        [
            ({"parent_check": bytes(20)}, "SPAN_PARENT_CHECK"),
            ({"l1_origin_check": bytes(20)}, "SPAN_ORIGIN_CHECK"),
            ({"l1_origin_number": 7}, "EPOCH_AHEAD"),
            ({"l1_origin_number": 3}, "SPAN_STALE_ORIGIN"),
        ],
    )
    def test_prefix_that_does_not_fit_drops_the_span(self, config, changes, rule):
        head = self.bench(config)[-1]
        span = replace(self.span(config, head, [5, 5, 5]), **changes)
        assert self.judge(config, head, span, inclusion=9) == ("DROP", rule)

    def test_overlapping_span_with_a_stale_last_origin_is_dropped_and_halts_nothing(self, config):
        refs = self.bench(config)
        span = self.span(config, refs[1], [4, 4, 4, 4, 4])
        assert self.judge(config, refs[-1], span, inclusion=9) == ("DROP", "SPAN_STALE_ORIGIN")

    def test_span_that_begins_in_an_older_epoch_than_the_block_before_it_is_dropped(self, config):
        refs = self.bench(config)
        stale = replace(self.span(config, refs[3], [5, 5, 5]), origin_bits=0b110)
        assert stale.start_epoch_number == 3
        assert self.judge(config, refs[3], stale, inclusion=9) == ("DROP", "EPOCH_OLD")

    def test_origin_that_l1_has_not_reached_waits_before_holocene_only(self, config):
        head = self.bench(config)[-1]
        span = self.span(config, head, [5, 6, 7, 8])
        expected = ("UNDECIDED", "BATCH_UNDECIDED")
        if config is CONFIG:
            expected = ("DROP", "SPAN_ORIGIN_CHECK")
        assert self.judge(config, head, span, inclusion=7) == expected

    def test_span_counts_from_the_window_of_its_first_epoch(self, config):
        head = self.bench(config)[-1]
        span = self.span(config, head, [5, 5, 5])
        assert self.judge(config, head, span, inclusion=5 + WINDOW)[0] == "ACCEPT"
        assert self.judge(config, head, span, inclusion=6 + WINDOW) == ("DROP", "WINDOW_PASSED")

    def test_bad_block_drops_the_whole_span_before_holocene_only(self):
        set_code = sign_transaction(
            SetCodeTransaction(
                chain_id=CONFIG.l2_chain_id, nonce=0, max_priority_fee_per_gas=1,
                max_fee_per_gas=1, gas_limit=21_000, to=b"\x01" * 20, value=0, data=b"",
                authorization_list=(Authorization(0, b"\x02" * 20, 0),),
            ),
            KEY,
        )  # fmt: skip
        for config, expected in (
            (BEFORE, ("DROP", "SET_CODE_EARLY")),
            (config_of("holocene"), ("ACCEPT", "SPAN_ACCEPTED")),
        ):
            head = self.bench(config)[-1]
            span = self.span(config, head, [5, 5], transactions={1: (set_code.encode(),)})
            assert self.judge(config, head, span, inclusion=9) == expected

    def test_span_before_delta_by_its_l1_origin_is_dropped(self):
        config = config_of("canyon", delta=CHAIN[6].timestamp)
        head = self.bench(config)[-1]
        span = self.span(config, head, [5, 5, 5])
        assert self.judge(config, head, span, inclusion=9) == ("DROP", "SPAN_BEFORE_DELTA")


def test_fork_times_of_the_bench_are_in_order():
    assert forks_up_to("granite").holocene is None
    assert forks_up_to("karst").jovian == 0
