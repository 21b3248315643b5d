"""GasPriceOracle (Vyper), the execution layer's FastLZ (Python) and Solady's (Solidity) agree."""

from __future__ import annotations

import json
import random

import pytest
from contract_bench import ContractBench, call_data
from vectors import vectors_root

from chain import abi
from chain.crypto.keccak import keccak256
from chain.types import Address
from evm.fastlz import fastlz_size
from evm.fees import L1FeeParameters
from genesis.addresses import GAS_PRICE_ORACLE, L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK
from genesis.predeploys import runtime_code
from rollup.bridge.l1_attributes import L1Attributes

# With this price each FastLZ byte above the minimum changes the fee.
PRICES = L1FeeParameters(
    base_fee=10**9,
    blob_base_fee=7,
    base_fee_scalar=1_000_000,
    blob_base_fee_scalar=3,
    operator_fee_scalar=0,
    operator_fee_constant=0,
)
SIGNATURE_SIZE = 68


@pytest.fixture(scope="module")
def bench():
    bench = ContractBench()
    bench.place(L1_BLOCK, runtime_code("L1Block"))
    bench.place(GAS_PRICE_ORACLE, runtime_code("GasPriceOracle"))
    attributes = L1Attributes(
        number=1,
        timestamp=1,
        base_fee=PRICES.base_fee,
        hash=keccak256(b""),
        sequence_number=0,
        batcher_address=Address(b"\x01" * 20),
        blob_base_fee=PRICES.blob_base_fee,
        base_fee_scalar=PRICES.base_fee_scalar,
        blob_base_fee_scalar=PRICES.blob_base_fee_scalar,
        operator_fee_scalar=0,
        operator_fee_constant=0,
    )
    assert bench.send(L1_BLOCK, attributes.encode(), sender=L1_ATTRIBUTES_DEPOSITOR).succeeded
    return bench


def _cases() -> list[bytes]:
    choose = random.Random(20261121)
    cases = [bytes(n) for n in (0, 1, 12, 13, 14, 15, 16, 17, 31, 32, 33, 300, 2000)]
    cases += [choose.randbytes(n) for n in (13, 14, 100, 1000)]
    # Repetitive in the ways transactions are: words with zero padding, periods, long runs.
    for alphabet in (2, 3, 16):
        cases += [bytes(choose.choices(range(alphabet), k=n)) for n in (15, 16, 17, 200, 900)]
    for period in (3, 7, 31, 32, 33, 263, 300):
        cases.append((choose.randbytes(period) * 40)[:1500])
    cases.append(choose.randbytes(60) + bytes(8192) + choose.randbytes(3))
    words = [bytes(12) + choose.randbytes(20) for _ in range(4)]
    cases += [b"".join(choose.choices(words, k=20)) for _ in range(4)]
    return cases


@pytest.mark.parametrize("data", _cases(), ids=lambda data: f"{len(data)}-{data[:4].hex()}")
def test_oracle_charges_what_the_execution_layer_charges(bench, data):
    fee = bench.view(GAS_PRICE_ORACLE, "getL1Fee(bytes)", ["uint256"], data)
    assert fee == PRICES.data_fee(fastlz_size(data) + SIGNATURE_SIZE)
    size = max(100_000_000, 836_500 * (fastlz_size(data) + SIGNATURE_SIZE) - 42_585_600)
    gas = bench.view(GAS_PRICE_ORACLE, "getL1GasUsed(bytes)", ["uint256"], data)
    assert gas == size * 16 // 10**6


@pytest.mark.parametrize("data", _cases()[-8:], ids=lambda data: f"{len(data)}-{data[:4].hex()}")
def test_upper_bound_is_never_below_the_fee(bench, data):
    fee = bench.view(GAS_PRICE_ORACLE, "getL1Fee(bytes)", ["uint256"], data)
    bound = bench.view(GAS_PRICE_ORACLE, "getL1FeeUpperBound(uint256)", ["uint256"], len(data))
    assert bound >= fee


def test_oracle_agrees_with_the_reference_compiled_from_solidity(bench):
    document = json.loads((vectors_root() / "op_stack/fees/fastlz_oracle.json").read_text())
    reference = Address(b"\x0f" * 20)
    bench.place(reference, bytes.fromhex(document["creation_bytecode"][2:]))
    inputs = [bytes.fromhex(seed["input"][2:]) for seed in document["seeds"]]
    for data in [*inputs, *_cases()]:
        outcome = bench.send(reference, call_data("fastLz(bytes)", data))
        size = abi.decode(["uint256"], outcome.output)[0]
        fee = bench.view(GAS_PRICE_ORACLE, "getL1Fee(bytes)", ["uint256"], data)
        assert fee == PRICES.data_fee(size + SIGNATURE_SIZE), data[:40].hex()
