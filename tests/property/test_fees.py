"""Fees: the shortcut for short transactions agrees with compressing, and base fees stay sane."""

from __future__ import annotations

from dataclasses import replace

from execution import L1_CONFIG, L1_PRICES, L2_CONFIG, genesis
from hypothesis import given, settings
from hypothesis import strategies as st

from evm.fastlz import fastlz_size, longest_size
from evm.fees import (
    blob_base_fee,
    decode_eip1559_params,
    encode_eip1559_params,
    l1_attributes,
    l1_fee,
    next_base_fee,
)

PRICES = l1_attributes(lambda _account, slot: L1_PRICES[slot])
uint32 = st.integers(1, 2**32 - 1)
repetitive = st.lists(st.sampled_from((b"\x00" * 7, b"ab", b"\xff" * 40, b"stemma")), max_size=60)
runs_of_zeros = st.lists(st.one_of(st.integers(1, 700).map(bytes), st.binary(max_size=20)))
data = st.one_of(st.binary(max_size=400), repetitive.map(b"".join), runs_of_zeros.map(b"".join))


@given(data)
def test_compression_never_adds_more_than_a_byte_for_each_32(raw):
    assert fastlz_size(raw) <= len(raw) + len(raw) // 32 + 1


@given(data)
def test_bound_that_counts_zeros_is_never_below_the_length(raw):
    assert fastlz_size(raw) <= longest_size(raw)


def test_call_data_that_is_mostly_zeros_needs_no_compressing():
    transfer = bytes.fromhex("a9059cbb") + bytes(12) + bytes(range(1, 21)) + bytes(31) + b"\x01"
    raw = bytes(range(1, 46)) + transfer + bytes(range(100, 165))
    assert len(raw) == 178
    assert fastlz_size(raw) <= longest_size(raw) <= 170


@given(data)
def test_shortcut_gives_the_fee_that_compressing_gives(raw):
    assert l1_fee(PRICES, raw) == PRICES.data_fee(fastlz_size(raw))


@given(uint32, uint32)
def test_fee_parameters_survive_extra_data(denominator, elasticity):
    encoded = encode_eip1559_params(denominator, elasticity)
    assert decode_eip1559_params(encoded) == (denominator, elasticity)


@settings(deadline=None)
@given(st.sampled_from((L1_CONFIG, L2_CONFIG)), st.integers(0, 2**80), st.integers(0, 30_000_000))
def test_base_fee_moves_towards_the_target_and_by_a_bounded_step(config, base_fee, used):
    header = genesis(config)[0].header
    parent = replace(header, base_fee_per_gas=base_fee, gas_used=used)
    target = parent.gas_limit // config.eip1559_elasticity
    following = next_base_fee(config, parent)
    step = (config.eip1559_elasticity - 1) * base_fee // config.eip1559_denominator + 1
    assert base_fee - base_fee // config.eip1559_denominator <= following <= base_fee + step
    assert (following > base_fee) == (used > target)


@given(st.integers(0, 10**8))
def test_blob_base_fee_is_at_least_one_wei_and_rises(excess):
    assert 1 <= blob_base_fee(excess) <= blob_base_fee(excess + 131_072)
