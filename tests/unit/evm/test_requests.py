"""Requests to the beacon chain: out of deposit events and system calls, into the header."""

from __future__ import annotations

import pytest
from execution import L1_CONFIG, STRANGER, engine, run, send

from chain.block import EMPTY_REQUESTS_HASH
from chain.receipt import Log, Receipt
from evm.environment import Outcome
from evm.requests import (
    _DEPOSIT_EVENT,
    DEPOSIT_CONTRACT,
    InvalidRequests,
    block_requests,
    requests_hash,
)
from genesis.addresses import WITHDRAWAL_REQUESTS
from genesis.allocation import GenesisAccount

PARTS = (b"\x01" * 48, b"\x02" * 32, b"\x03" * 8, b"\x04" * 96, b"\x05" * 8)
OFFSETS = (160, 256, 320, 384, 512)


def event(offsets=OFFSETS, sizes=(48, 32, 8, 96, 8)):
    data = b"".join(offset.to_bytes(32, "big") for offset in offsets)
    for part, size in zip(PARTS, sizes, strict=True):
        data += size.to_bytes(32, "big") + part.ljust(-(-len(part) // 32) * 32, b"\x00")
    return data


def receipts(data, address=DEPOSIT_CONTRACT):
    return [Receipt(2, True, 21_000, (Log(address, (_DEPOSIT_EVENT,), data),))]


def nothing_asked(_contract):
    return Outcome(b"", 0, 0, (), (), None)


def test_no_requests_hash_to_sha256_of_nothing():
    assert requests_hash([]) == EMPTY_REQUESTS_HASH


def test_deposit_event_becomes_a_request():
    assert block_requests(receipts(event()), nothing_asked) == [b"\x00" + b"".join(PARTS)]


def test_the_same_event_of_another_contract_is_nothing():
    assert block_requests(receipts(event(), STRANGER), nothing_asked) == []


@pytest.mark.parametrize(
    "data",
    [event()[:-1], event(offsets=(160, 256, 320, 384, 511)), event(sizes=(48, 32, 9, 96, 8))],
    ids=["short", "offset", "size"],
)
def test_malformed_deposit_event_is_named(data):
    with pytest.raises(InvalidRequests, match="deposit event"):
        block_requests(receipts(data), nothing_asked)


def test_missing_system_contract_is_named():
    with pytest.raises(InvalidRequests, match="no system contract at 0x00000961ef48"):
        block_requests([], lambda _contract: None)


def test_failed_system_call_is_named():
    failed = Outcome(b"", 0, 0, (), (), "out of gas")
    with pytest.raises(InvalidRequests, match="system call to 0x.*out of gas"):
        block_requests([], lambda _contract: failed)


def test_what_a_system_contract_returns_is_in_the_header():
    # Returns one byte 0xab.
    code = bytes.fromhex("60ab5f5360015ff3")
    chain = engine(L1_CONFIG, {WITHDRAWAL_REQUESTS: GenesisAccount(nonce=1, code=code)})
    header = run(chain, send(0, 0, chain_id=900)).header
    assert header.requests_hash == requests_hash([b"\x01\xab"]) != EMPTY_REQUESTS_HASH
