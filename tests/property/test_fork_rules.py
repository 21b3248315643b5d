"""Forks as data, for any numbers: mining keeps its sums, fees their order, a config its JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.block import EMPTY_OMMERS_HASH, Header
from chain.receipt import EMPTY_BLOOM
from chain.types import ZERO_HASH, Address, Hash32
from evm.fees import FeeParameters, InvalidExtraData, L1FeeParameters, l1_fee, l1_gas
from evm.forks import MINED, DataFee, mined_rules
from evm.proof_of_work import MIN_DIFFICULTY
from genesis.config import ChainConfig, ForkTimes

U32 = st.integers(1, 2**32 - 1)
WEI = st.integers(0, 10**12)
RULES = st.sampled_from([rules.work for _, rules in MINED])


def header(
    number: int, difficulty: int, time: int = 0, ommers: bytes = EMPTY_OMMERS_HASH
) -> Header:
    return Header(
        parent_hash=ZERO_HASH,
        beneficiary=Address(bytes(20)),
        state_root=ZERO_HASH,
        transactions_root=ZERO_HASH,
        receipts_root=ZERO_HASH,
        logs_bloom=EMPTY_BLOOM,
        number=number,
        gas_limit=5_000,
        gas_used=0,
        timestamp=time,
        extra_data=b"",
        prev_randao=ZERO_HASH,
        difficulty=difficulty,
        ommers_hash=Hash32(ommers),
    )


@given(RULES, st.integers(MIN_DIFFICULTY, 2**60), st.integers(1, 10**6), st.booleans())
def test_difficulty_moves_by_a_bounded_part_and_never_below_the_least(
    work, difficulty, seconds, has_ommers
):
    ommers = b"\x01" * 32 if has_ommers else EMPTY_OMMERS_HASH
    found = work.difficulty(header(0, difficulty, 100, ommers), 100 + seconds)
    assert found >= MIN_DIFFICULTY
    assert difficulty - 99 * (difficulty // 2048) <= max(found, difficulty)
    assert found <= max(difficulty + 2 * (difficulty // 2048), MIN_DIFFICULTY)
    later = work.difficulty(header(0, difficulty, 100, ommers), 101 + seconds)
    assert later <= found


@given(RULES, st.integers(20, 10**7), st.lists(st.integers(1, 6), max_size=2))
def test_rewards_are_whole_and_no_ommer_gets_more_than_the_miner(work, number, depths):
    ommers = [header(number - depth, 0) for depth in depths]
    paid = work.rewards(number, Address(b"\x01" * 20), ommers)
    shares = [work.reward * (8 - depth) for depth in depths]
    assert all(8 * wei == share for (_, wei), share in zip(paid, shares, strict=False))
    assert paid[-1][1] * 32 == work.reward * (32 + len(depths))
    assert all(wei < paid[-1][1] for _, wei in paid[:-1])


@given(U32, U32, st.none() | st.integers(0, 2**64 - 1))
def test_fee_parameters_round_trip(denominator, elasticity, least):
    parameters = FeeParameters(denominator, elasticity, least)
    encoded = parameters.encode()
    assert len(encoded) == (9 if least is None else 17)
    assert FeeParameters.decode(encoded, has_min_base_fee=least is not None) == parameters
    with pytest.raises(InvalidExtraData):
        FeeParameters.decode(encoded, has_min_base_fee=least is None)


@given(st.binary(min_size=1, max_size=600), WEI, WEI, U32, U32, st.integers(0, 2**16 - 1))
def test_fees_of_one_transaction_by_every_formula(
    data, base_fee, blob_base_fee, base_scalar, blob_scalar, footprint_scalar
):
    prices = L1FeeParameters(
        base_fee=base_fee,
        blob_base_fee=blob_base_fee,
        base_fee_scalar=base_scalar,
        blob_base_fee_scalar=blob_scalar,
        operator_fee_scalar=0,
        operator_fee_constant=0,
        overhead=188,
        bedrock_scalar=base_scalar,
        da_footprint_gas_scalar=footprint_scalar,
    )
    fees = {rule: l1_fee(replace(prices, rule=rule), data) for rule in DataFee}
    gas = {rule: l1_gas(replace(prices, rule=rule), data) for rule in DataFee}
    assert gas[DataFee.BEDROCK] - gas[DataFee.REGOLITH] == 68 * 16
    assert fees[DataFee.BEDROCK] >= fees[DataFee.REGOLITH]
    assert gas[DataFee.REGOLITH] - gas[DataFee.ECOTONE] == 188
    assert gas[DataFee.FJORD] >= 1_600
    assert prices.da_footprint(data) >= 100 * footprint_scalar
    assert prices.da_footprint(data) <= footprint_scalar * max(100, 2 * len(data))


@given(st.lists(st.integers(0, 50), min_size=len(MINED), max_size=len(MINED)), st.integers(0, 50))
def test_forks_by_number_survive_the_genesis_file(steps, number):
    forks, at = [], 0
    for (name, _), step in zip(reversed(MINED), steps, strict=True):
        at += step
        forks.append((name, at))
    numbers = dict(forks) | {"eip155Block": dict(forks)["eip158Block"]}
    written = {"chainId": 1, "terminalTotalDifficulty": 10**6, **numbers}
    config = ChainConfig.from_json(written)
    assert config.forks == ForkTimes()
    assert ChainConfig.from_json(config.to_json()) == config
    last = [rules.name for name, rules in reversed(MINED) if numbers[name] <= number]
    assert mined_rules(config, number).name == (last[-1] if last else "frontier")
