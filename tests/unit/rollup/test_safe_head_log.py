"""Which L1 block gave which safe head: recording, rewinding, finality, restarts."""

from __future__ import annotations

import pytest
from l1_blocks import l1_chain

from chain.errors import DecodeError, Recovery
from chain.heads import BlockId
from rollup.derivation.errors import CorruptDerivation
from rollup.driver.safe_head_log import SafeHeadEntry, SafeHeadLog
from rollup.l1.provider import L1DataMissing, MemoryL1Provider

CHAIN = l1_chain(12)
GENESIS = SafeHeadEntry(CHAIN[0].ref.id, BlockId(0, bytes(32)))


class Meta:
    def __init__(self):
        self.values = {}

    def meta(self, name):
        return self.values.get(name)

    def put_meta(self, name, value):
        self.values[name] = value


def l2(number):
    return BlockId(number, number.to_bytes(32, "big"))


def l1(number):
    return CHAIN[number].ref.id


def log_with(*pairs, store=None):
    log = SafeHeadLog(store or Meta(), GENESIS)
    for l1_number, l2_number in pairs:
        log.record(l1(l1_number), l2(l2_number))
    return log


def provider_of(blocks):
    provider = MemoryL1Provider()
    for block in blocks:
        provider.set_head(block)
    return provider


def test_only_progress_is_recorded():
    log = log_with((1, 3), (2, 3), (2, 4), (4, 9))
    assert [(e.l1.number, e.l2.number) for e in log.entries] == [(0, 0), (1, 3), (2, 4), (4, 9)]


def test_what_l1_gave_up_to_a_block():
    log = log_with((2, 3), (5, 9))
    assert log.at_l1(1) == GENESIS
    assert log.at_l1(4).l2 == l2(3)
    assert log.at_l1(99).l2 == l2(9)


def test_log_is_kept_through_a_restart():
    store = Meta()
    entries = log_with((2, 3), (5, 9), store=store).entries
    assert SafeHeadLog(store, GENESIS).entries == entries


def test_rewind_stops_at_the_newest_canonical_entry():
    log = log_with((2, 3), (5, 9), (8, 12))
    fork = l1_chain(6, salt=1, parent=CHAIN[6])
    assert log.rewind(provider_of(CHAIN[:7] + fork)).l2 == l2(9)
    assert log.newest.l2 == l2(9)


def test_entries_above_a_shorter_l1_are_not_canonical():
    log = log_with((2, 3), (5, 9))
    assert log.rewind(provider_of(CHAIN[:4])).l2 == l2(3)


def test_rewind_waits_for_l1():
    log = log_with((2, 3))
    with pytest.raises(L1DataMissing):
        log.rewind(MemoryL1Provider())
    with pytest.raises(L1DataMissing) as caught:
        log.rewind(provider_of(CHAIN[9:]))
    assert caught.value.number == 2
    assert log.newest.l2 == l2(3)


def test_l1_without_the_oldest_entry_is_the_wrong_l1():
    with pytest.raises(CorruptDerivation, match="is not canonical") as caught:
        log_with((2, 3)).rewind(provider_of(l1_chain(5, salt=1)))
    assert caught.value.recovery is Recovery.STOP


def test_finality_keeps_the_entry_it_stands_on():
    store = Meta()
    log = log_with((2, 3), (5, 9), (8, 12), store=store)
    log.forget_before(6)
    assert [e.l2.number for e in log.entries] == [9, 12]
    assert log.at_l1(4) is None
    assert SafeHeadLog(store, GENESIS).entries == log.entries


def test_log_is_bounded():
    log = SafeHeadLog(Meta(), GENESIS, most_entries=3)
    for number in range(1, 10):
        log.record(l1(number), l2(number))
    assert [e.l2.number for e in log.entries] == [7, 8, 9]


def test_an_entry_that_stands_on_a_later_block_falls_with_it():
    store = Meta()
    log = log_with((2, 3), store=store)
    log.record(l1(4), l2(9), 1, l1(8))
    log.record(l1(5), l2(12), None, l1(8))
    assert SafeHeadLog(store, GENESIS).entries == log.entries
    assert log.rewind(provider_of(CHAIN)).l2 == l2(12)
    assert log.rewind(provider_of(CHAIN[:8])).l2 == l2(3)


def test_what_an_l1_block_gave_can_be_forgotten_unless_it_is_final():
    log = log_with((2, 3), (5, 9), (8, 12))
    log.forget_from(5)
    assert [e.l2.number for e in log.entries] == [0, 3]
    with pytest.raises(CorruptDerivation, match="lost data that count as final"):
        log.forget_from(0)


@pytest.mark.parametrize("stored", [b"", b"\xc0", b"\xc1\x80", b"\x83abc"])
def test_damaged_log_is_refused(stored):
    store = Meta()
    log_with((2, 3), store=store)
    (name,) = store.values
    store.values[name] = stored
    with pytest.raises(DecodeError):
        SafeHeadLog(store, GENESIS)


def test_where_to_read_from_is_kept_through_a_restart():
    store = Meta()
    log = log_with((2, 3), store=store)
    log.record(l1(5), l2(9), 1)
    assert [e.reread_from for e in SafeHeadLog(store, GENESIS).entries] == [None, None, 1]
