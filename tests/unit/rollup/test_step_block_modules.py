"""What a block's begin and end compute on L1, against the same in Python."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from step_contracts import StepModule

from chain import abi, rlp
from chain.account import encode_account
from chain.block import Header, decode_header
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.types import Address, Hash32
from evm.step.block_records import Attributes, ChainRules, Rule
from evm.step.header_rules import extra_data, next_base_fee
from evm.step.ordered_trie import add_leaf, at_place, leaf_head, leaf_reference
from evm.step.refusal import NotInOrder

DECODE = "decode(bytes)"
BASE_FEE = "nextBaseFee(uint256,uint256,uint256,bytes)"
EXTRA_DATA = "extraData(uint256,uint256,uint256,uint256[3])"
ADD_LEAF = "addLeaf(bytes,uint256,uint256,bytes)"
HOLOCENE = Rule.OPTIMISM | Rule.FEE_PARAMETERS | Rule.PARENT_FEE_PARAMETERS
JOVIAN = HOLOCENE | Rule.MIN_BASE_FEE | Rule.PARENT_MIN_BASE_FEE | Rule.PARENT_DA_FOOTPRINT
PRAGUE = Header(
    parent_hash=Hash32(b"\x01" * 32),
    beneficiary=Address(b"\x02" * 20),
    state_root=Hash32(b"\x03" * 32),
    transactions_root=Hash32(b"\x04" * 32),
    receipts_root=Hash32(b"\x05" * 32),
    logs_bloom=b"\x06" * 256,
    number=7,
    gas_limit=30_000_000,
    gas_used=21_000,
    timestamp=1_700_000_000,
    extra_data=bytes((0, 0, 0, 0, 250, 0, 0, 0, 6)),
    prev_randao=Hash32(b"\x08" * 32),
    base_fee_per_gas=10**9,
    withdrawals_root=Hash32(b"\x09" * 32),
    blob_gas_used=0,
    excess_blob_gas=0,
    parent_beacon_block_root=Hash32(b"\x0a" * 32),
    requests_hash=Hash32(b"\x0b" * 32),
)
CANCUN = replace(PRAGUE, requests_hash=None)
SHANGHAI = replace(CANCUN, blob_gas_used=None, excess_blob_gas=None, parent_beacon_block_root=None)
LONDON = replace(SHANGHAI, withdrawals_root=None)
FRONTIER = replace(LONDON, base_fee_per_gas=None, difficulty=2**256 - 1)
U64 = 2**64 - 1


@pytest.fixture(scope="module")
def contract() -> StepModule:
    return StepModule("block_parts_harness.vy")


# -- headers --------------------------------------------------------------------------------------


def decoded(contract, data):
    """What L1 reads, or None where it refuses."""
    outcome = contract.call(DECODE, data)
    if not outcome.succeeded:
        return None
    return abi.decode(["bytes32", "uint256[8]"], outcome.output)


def agrees(contract, data):
    """Both read the same, or both refuse."""
    found = decoded(contract, data)
    try:
        header = decode_header(data)
    except DecodeError:
        assert found is None, data.hex()
        return False
    assert found is not None, data.hex()
    assert found[0] == header.parent_hash
    assert list(found[1]) == [
        header.number,
        header.gas_limit,
        header.gas_used,
        header.timestamp,
        int.from_bytes(header.extra_data[:32].ljust(32, b"\x00"), "big"),
        len(header.extra_data),
        header.base_fee_per_gas or 0,
        header.blob_gas_used or 0,
    ]
    return True


@pytest.mark.parametrize("header", [PRAGUE, CANCUN, SHANGHAI, LONDON, FRONTIER])
def test_headers_of_all_forks_are_read(contract, header):
    for changed in (
        header,
        replace(header, number=0, gas_limit=0, gas_used=0, timestamp=0, extra_data=b""),
        replace(header, number=U64, gas_limit=U64, gas_used=U64, timestamp=U64),
        replace(header, number=127, gas_limit=128, gas_used=255, timestamp=256),
    ):
        for extra in (b"", b"\x00", b"\x7f", b"\x80", b"e" * 17, b"e" * 33, b"e" * 55, b"e" * 56):
            assert agrees(contract, replace(changed, extra_data=extra).encode())


def test_the_longest_header_is_read_and_a_cut_one_is_not(contract):
    room = 1024 - len(replace(PRAGUE, extra_data=b"e" * 256).encode()) + 256
    data = replace(PRAGUE, extra_data=b"e" * room).encode()
    assert len(data) == 1024
    assert agrees(contract, data)
    short = PRAGUE.encode()
    for size in (0, 1, 2, 3, 4, 31, 300, 500, len(short) - 33, len(short) - 1):
        assert not agrees(contract, short[:size])
    assert not agrees(contract, short + b"\x00")


def fields_of(header):
    return rlp.decode(header.encode())


def test_fields_out_of_their_bounds_are_refused(contract):
    fields = fields_of(PRAGUE)
    refused = 0
    for place, field in enumerate(fields):
        for wrong in (b"", b"\x00", b"\x00\x01", field + b"\x00", field[1:], b"\x01" * 9, [field]):
            data = rlp.encode([*fields[:place], wrong, *fields[place + 1 :]])
            if len(data) <= 1024:
                refused += not agrees(contract, data)
    assert refused > 90


def test_another_number_of_fields_is_refused(contract):
    fields = [*fields_of(PRAGUE), b"\x0c" * 32, b"\x0d" * 32]
    allowed = [count for count in range(24) if agrees(contract, rlp.encode(fields[:count]))]
    assert allowed == [15, 16, 17, 20, 21]


def with_head(item, head):
    """An item behind a header of our own making, in a header that is otherwise right."""
    pieces = [rlp.encode(field) for field in fields_of(PRAGUE)]
    pieces[12] = head + item
    return rlp.encode_list(pieces)


@pytest.mark.parametrize(
    ("head", "item"),
    [
        (b"\x81", b"\x05"),
        (b"\xb8\x05", b"e" * 5),
        (b"\xb8\x37", b"e" * 55),
        (b"\xb8\x38", b"e" * 56),
        (b"\xb9\x00\x38", b"e" * 56),
        (b"\xb9\x00\xff", b"e" * 255),
        (b"\xb9\x01\x00", b"e" * 256),
        (b"\xba\x00\x01\x00", b"e" * 256),
        (b"\xb8", b""),
        (b"\xbf", b"\xff" * 8),
        (b"\xc0", b""),
        (b"\xf8\x38", b"\x01" * 56),
        (b"\xff", b"\xff" * 8),
    ],
)
def test_only_the_canonical_form_is_read(contract, head, item):
    data = with_head(item, head)
    assert agrees(contract, data) == (
        (head, len(item)) in ((b"\xb8\x38", 56), (b"\xb9\x01\x00", 256))
    )


@pytest.mark.parametrize(
    "head", [b"\xf8\xff", b"\xfa\x00\x02\x61", b"\xf9\x00\xff", b"\xb9\x02\x61", b"\xc1", b"\x80"]
)
def test_only_one_list_of_its_length_is_a_header(contract, head):
    assert not agrees(contract, head + PRAGUE.encode()[3:])


def test_headers_with_a_few_bytes_changed_are_read_as_in_python(contract):
    rnd, accepted = random.Random(7), 0
    for _ in range(120):
        data = bytearray(rnd.choice((PRAGUE, CANCUN, LONDON)).encode())
        for _ in range(rnd.choice((1, 1, 2))):
            # mostly where the headers of items stand
            place = rnd.choice((rnd.randrange(len(data)), rnd.randrange(430, len(data))))
            data[place] = rnd.choice((0, 1, 0x7F, 0x80, 0x81, 0x88, 0xA0, 0xB8, 0xC0, 0xF9))
        if rnd.random() < 0.3:
            start = rnd.randrange(430, len(data))
            del data[start : start + rnd.choice((1, 2, 33))]
            data[1:3] = (len(data) - 3).to_bytes(2, "big")
        accepted += agrees(contract, bytes(data))
    assert 10 < accepted < 110


# -- base fee and extra data ----------------------------------------------------------------------


def rules_with(has, denominator=250, elasticity=6):
    return ChainRules(
        1, 901, has, 31, 10, U64, denominator, elasticity, 0, 0, 0, 1, 0, bytes(20), 0, 0
    )


def fee_agrees(contract, rules, parent):
    """Both give the same base fee, or both say that the parent is out of order."""
    outcome = contract.call(
        BASE_FEE, int(rules.has), rules.denominator, rules.elasticity, parent.encode()
    )
    try:
        expected = (next_base_fee(rules, parent), True)
    except NotInOrder:
        expected = (0, False)
    except ZeroDivisionError:
        assert not outcome.succeeded
        return None
    if expected[0] >= 2**256:  # which no block can hold
        assert not outcome.succeeded
        return None
    assert outcome.succeeded, outcome.output
    assert abi.decode(["uint256", "bool"], outcome.output) == expected
    return expected[1]


GAS = (0, 1, 5, 6, 7, 21_000, 4_999_999, 5_000_000, 5_000_001, 30_000_000, 2**63, U64)
FEES = (0, 1, 7, 250, 10**9, 2**64, 2**191, 2**192, 2**250, 2**256 - 1)


def parameters(version, denominator, elasticity, least=None):
    data = bytes((version,)) + denominator.to_bytes(4, "big") + elasticity.to_bytes(4, "big")
    return data if least is None else data + least.to_bytes(8, "big")


def test_the_base_fee_is_that_of_python(contract):
    rnd, seen = random.Random(3), set()
    extras = (
        parameters(0, 250, 6), parameters(0, 1, 1), parameters(0, 2**32 - 1, 2**32 - 1),
        parameters(1, 250, 6, 0), parameters(1, 250, 6, 10**9), parameters(1, 8, 2, U64),
        parameters(1, 0, 6, 1), parameters(1, 250, 0, 1), parameters(0, 0, 6),
        parameters(0, 250, 0), parameters(2, 250, 6), parameters(1, 250, 6), b"", b"\x00",
        parameters(0, 250, 6, 7), parameters(1, 250, 6, 7) + b"\x00", b"e" * 32, b"e" * 60,
    )  # fmt: skip
    for _ in range(120):
        parent = replace(
            PRAGUE,
            number=rnd.choice((0, 1, 7)),
            gas_limit=rnd.choice(GAS),
            gas_used=rnd.choice(GAS),
            blob_gas_used=rnd.choice(GAS),
            base_fee_per_gas=rnd.choice(FEES),
            extra_data=rnd.choice(extras),
        )
        has = rnd.choice((Rule.OPTIMISM, HOLOCENE, JOVIAN))
        rules = rules_with(has, rnd.choice((1, 8, 50, 250)), rnd.choice((1, 2, 6, 10)))
        seen.add(fee_agrees(contract, rules, parent))
    assert seen == {True, False, None}


def test_a_parent_without_a_base_fee_has_none(contract):
    assert fee_agrees(contract, rules_with(Rule.OPTIMISM), FRONTIER)
    assert fee_agrees(contract, rules_with(JOVIAN), replace(LONDON, number=0, extra_data=b""))


@pytest.mark.parametrize("has", [Rule.OPTIMISM, HOLOCENE, JOVIAN])
def test_extra_data_is_that_of_python(contract, has):
    for own in ((0, 0, 0), (0, 9, U64), (1, 0, 1), (8, 2, 10**9), (2**32 - 1, 2**32 - 1, U64)):
        rules = rules_with(has, 250, 6)
        attributes = Attributes(
            0, 0, bytes(20), 0, bytes(32), *own, bytes(32), 0, bytes(32), bytes(32)
        )
        found = contract.result(EXTRA_DATA, "bytes", int(has), 250, 6, list(own))
        assert found == extra_data(rules, attributes)


# -- accounts and lists ---------------------------------------------------------------------------


def test_accounts_are_encoded_as_in_python(contract):
    numbers = (0, 1, 127, 128, 255, 256, 2**63, U64)
    roots = (b"\x01" * 32, b"\x02" * 32)
    for nonce in numbers:
        for balance in (*numbers, 2**64, 2**247, 2**248, 2**256 - 1):
            signature = "account(uint256,uint256,bytes32,bytes32)"
            found = contract.result(signature, "bytes", nonce, balance, *roots)
            assert found == encode_account(nonce, balance, *roots)


def reference_of(rnd, index, count):
    value = rnd.randbytes(rnd.choice((1, 1, 2, 5, 20, 60)))
    node = leaf_head(index, count, len(value), value[:1]) + value
    return leaf_reference(node)


@pytest.mark.parametrize(
    ("count", "places", "share"),
    [
        (1, 1, 1), (2, 2, 1), (3, 3, 1), (16, 16, 2), (17, 17, 2), (127, 127, 20), (128, 128, 20),
        (129, 129, 20), (130, 130, 20), (255, 255, 40), (256, 256, 40), (257, 257, 40),
        (4_353, 4_353, 400), (65_536, 4_400, 400),
    ],
)  # fmt: skip
def test_a_builder_grows_as_in_python(contract, count, places, share):
    rnd, builder = random.Random(count), b""
    for place in range(places):
        reference = reference_of(rnd, at_place(place, count), count)
        grown = add_leaf(builder, place, count, reference)
        is_edge = min(place, places - 1 - place, abs(place - (count - 128))) < 3
        if is_edge or rnd.randrange(share) == 0:
            found = contract.result(ADD_LEAF, "bytes", builder, place, count, reference)
            assert found == grown, (place, count)
        builder = grown


def full_builder(index, depths):
    """Branches on the way to an index of a list of 65,536, their children behind it all hashes."""
    key, builder = b"\x82" + index.to_bytes(2, "big"), b""
    path = [nibble for byte in key for nibble in (byte >> 4, byte & 15)]
    for depth in depths:
        children = [
            b"\xa0" + keccak256(bytes((depth, nibble))) if nibble > path[depth] else b"\x80"
            for nibble in range(16)
        ]
        builder += bytes((depth,)) + b"".join(bytes((len(child),)) + child for child in children)
    return builder


@pytest.mark.parametrize("index", [0x1111, 0x1110, 0x1001, 0x1000, 0x0200, 0x0101, 0x0100])
@pytest.mark.parametrize("depths", [range(2, 6), range(6)])
def test_the_longest_builders_grow_as_in_python(contract, index, depths):
    builder, hashed = full_builder(index, depths), b"\xa0" + keccak256(b"leaf")
    grown = add_leaf(builder, 65_535 - index, 65_536, hashed)
    found = contract.result(ADD_LEAF, "bytes", builder, 65_535 - index, 65_536, hashed)
    assert found == grown
