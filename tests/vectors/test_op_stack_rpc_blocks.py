"""op-service's blocks as an RPC serves them: what was altered breaks a hash or a root."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from vectors import vectors_root

from chain.block import Withdrawal, transactions_root, withdrawals_root
from node.l1.decoding import L1DataInvalid, header_from_json, transaction_from_json

ROOT = vectors_root() / "op_stack" / "rpc_blocks"


def cases(kind: str) -> list[pytest.param]:
    files = sorted((ROOT / kind).glob("*_data.json"))
    return [pytest.param(path, id=path.name.removesuffix("_data.json")) for path in files]


def fails(path: Path) -> bool:
    verdict = path.with_name(path.name.replace("_data", "_metadata")).read_text()
    return json.loads(verdict).get("fail", False)


def check_body(block: dict) -> None:
    """Raise where the lists are not what the header commits to."""
    header = header_from_json(block)
    transactions = [transaction_from_json(item)[0].encode() for item in block["transactions"]]
    if transactions_root(transactions) != header.transactions_root:
        raise L1DataInvalid("transactions")
    if header.withdrawals_root is None:
        return
    try:
        paid = [
            Withdrawal(
                index=int(item["index"], 16),
                validator_index=int(item["validatorIndex"], 16),
                address=bytes.fromhex(item["address"][2:]),
                amount_gwei=int(item["amount"], 16),
            )
            for item in block["withdrawals"]
        ]
    except TypeError as error:
        raise L1DataInvalid("a withdrawal is null") from error
    if withdrawals_root(paid) != header.withdrawals_root:
        raise L1DataInvalid("withdrawals")


@pytest.mark.parametrize("path", cases("headers"))
def test_header(path):
    header = json.loads(path.read_text())
    if fails(path):
        with pytest.raises(L1DataInvalid):
            header_from_json(header)
    else:
        assert header_from_json(header).hash.hex() == header["hash"][2:]


@pytest.mark.parametrize("path", cases("blocks"))
def test_block(path):
    block = json.loads(path.read_text())
    if fails(path):
        with pytest.raises(L1DataInvalid):
            check_body(block)
    else:
        check_body(block)
