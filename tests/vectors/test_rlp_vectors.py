"""RLP against ethereum/tests RLPTests: good forms round-trip, each bad form is refused."""

from __future__ import annotations

import json

import pytest
from vectors import vectors_root

from chain import rlp
from chain.errors import DecodeError


def _cases():
    folder = vectors_root() / "ethereum_tests" / "RLPTests"
    for file in sorted(folder.rglob("*.json")):
        for name, case in json.loads(file.read_text()).items():
            yield pytest.param(case, id=f"{file.stem}-{name}")


def _item(value):
    if isinstance(value, list):
        return [_item(inner) for inner in value]
    if isinstance(value, int):
        return rlp.encode_int(value)
    return rlp.encode_int(int(value[1:])) if value.startswith("#") else value.encode()


@pytest.mark.parametrize("case", list(_cases()))
def test_rlp_vector(case):
    encoded = bytes.fromhex(case["out"].removeprefix("0x"))
    if case["in"] == "INVALID":
        with pytest.raises(DecodeError):
            rlp.decode(encoded)
    elif case["in"] == "VALID":
        assert rlp.encode(rlp.decode(encoded)) == encoded
    else:
        assert rlp.encode(_item(case["in"])) == encoded
        assert rlp.decode(encoded) == _item(case["in"])
