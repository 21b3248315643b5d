"""What a receipt says of L1 fees in each fork of the OP Stack, kept state or not."""

from __future__ import annotations

import pytest
from execution import (
    BEDROCK_PRICES,
    JOVIAN_PRICES,
    L1_PRICES,
    deposit,
    engine,
    optimism_config,
    run,
    send,
)

from chain.txpool import USER_TYPES
from evm.fees import calldata_gas
from evm.intrinsic_gas import minimum_gas
from genesis.addresses import L1_BLOCK, L1_FEE_VAULT
from genesis.allocation import GenesisAccount
from node.rpc.backend import Backend, QueryLimits
from node.rpc.parameters import LATEST
from node.shared_pool import SharedPool

TX = send(0, 0, cap=10**13)
PACKED = {"l1BlobBaseFee", "l1BaseFeeScalar", "l1BlobBaseFeeScalar"}
OPERATOR = {"operatorFeeScalar", "operatorFeeConstant"}
FOOTPRINT = {"daFootprintGasScalar", "blobGasUsed"}
EVERYWHERE = {"l1GasPrice", "l1GasUsed", "l1Fee"}
CASES = {
    "bedrock": (BEDROCK_PRICES, {"l1FeeScalar"}, calldata_gas(TX.encode()) + 68 * 16 + 188),
    "regolith": (BEDROCK_PRICES, {"l1FeeScalar"}, calldata_gas(TX.encode()) + 188),
    "ecotone": (L1_PRICES, PACKED, calldata_gas(TX.encode())),
    "fjord": (L1_PRICES, PACKED, 1_600),
    "isthmus": (L1_PRICES, PACKED | OPERATOR, 1_600),
    "jovian": (JOVIAN_PRICES, PACKED | OPERATOR | FOOTPRINT, 1_600),
}


def receipts_of(fork: str):
    prices = CASES[fork][0]
    extra = {L1_BLOCK: GenesisAccount(nonce=1, code=b"\x00", storage=prices)}
    chain = engine(optimism_config(fork), extra)
    done = run(chain, deposit(b"\xde" * 20, gas=21_000), TX)
    pool = SharedPool(
        chain_id=901,
        block_gas_limit=30_000_000,
        minimum_gas=minimum_gas,
        accepted_types=USER_TYPES,
    )
    backend = Backend(chain, pool, QueryLimits())
    return done, backend.receipts_json(done.header.hash), backend


@pytest.mark.parametrize("fork", CASES)
def test_a_receipt_has_the_fee_fields_of_its_fork(fork):
    _, fields, gas = CASES[fork]
    done, (of_deposit, receipt), _ = receipts_of(fork)
    assert receipt.keys() & (PACKED | OPERATOR | FOOTPRINT | {"l1FeeScalar"}) == fields
    assert receipt.keys() > EVERYWHERE
    assert int(receipt["l1GasUsed"], 16) == gas
    assert int(receipt["l1Fee"], 16) == done.state.get_balance(L1_FEE_VAULT)
    assert (of_deposit["l1Fee"], of_deposit["l1GasUsed"]) == ("0x0", "0x0")
    if "l1FeeScalar" in fields:
        assert receipt["l1FeeScalar"] == "0.684"
    if fork == "jovian":
        assert (receipt["daFootprintGasScalar"], receipt["blobGasUsed"]) == ("0x190", "0x9c40")
        assert done.header.blob_gas_used == 40_000


def test_blob_gas_ratio_of_an_l2_is_that_of_the_footprint():
    done, _, backend = receipts_of("jovian")
    history = backend.fee_history(1, LATEST, ())
    assert history["blobGasUsedRatio"] == [40_000 / done.header.gas_limit]
    assert history["baseFeePerBlobGas"][0] == "0x1"
