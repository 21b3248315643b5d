"""Witnesses: what is in one, its form, and what a wrong one is refused for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from execution import L1_CONFIG, L2_CONFIG, STRANGER, USERS, attributes, engine, run, send
from witness_blocks import ALLOCATION, DESTROY_CODE, HASH, HASH_CODE, STORE

from chain import rlp
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.heads import BlockId
from chain.trie import MissingNode
from chain.types import Hash32
from evm.errors import InvalidBlock, UnknownBlock
from evm.witness import (
    MAX_HEADERS,
    ExecutionWitness,
    MissingHeader,
    block_witness,
    decode_witness,
    execute_block_from_witness,
    execute_from_witness,
)
from genesis import addresses

PAGE = Path(__file__).parents[3] / "docs/protocol/witness.md"


def word(value):
    return value.to_bytes(32, "big")


@pytest.fixture
def chain():
    made = engine(L2_CONFIG, ALLOCATION)
    for nonce in range(4):
        run(made, send(0, nonce))
    return made


def ask_for_hash(chain, back):
    return run(chain, send(1, 0, HASH, data=word(back)))


def test_witness_holds_the_headers_back_to_the_oldest_asked_for(chain):
    made = ask_for_hash(chain, 3)
    witness = block_witness(chain, made.header.hash)
    assert [header.number for header in witness.headers] == [2, 3, 4]
    assert made.state.get_storage(HASH, 0) == int.from_bytes(witness.headers[0].hash, "big")


def test_witness_of_a_block_that_asks_for_no_hash_holds_the_parent_only(chain):
    witness = block_witness(chain, run(chain, send(1, 0)).header.hash)
    assert witness.headers == (chain.header_by_number(4),)
    assert witness.parent.number == 4


def test_witness_holds_the_codes_that_ran_and_the_keys_that_were_looked_at(chain):
    made = ask_for_hash(chain, 2)
    witness = block_witness(chain, made.header.hash)
    assert HASH_CODE in witness.codes
    assert DESTROY_CODE not in witness.codes
    place = witness.keys.index(bytes(HASH))
    assert witness.keys[place + 1] == bytes(32)
    assert {USERS[1], addresses.SEQUENCER_FEE_VAULT} < set(witness.keys)
    assert STRANGER not in witness.keys


def test_clearing_a_slot_takes_the_sibling_along_that_is_left():
    chain = engine(L1_CONFIG, {HASH: replace(ALLOCATION[HASH], storage={0: 5})} | ALLOCATION)
    made = run(chain, send(0, 0, STORE, data=word(1) + bytes(32), chain_id=900))
    witness = block_witness(chain, made.header.hash)
    again = execute_block_from_witness(L1_CONFIG, witness.parent, made.block, witness)
    assert again.header.state_root == made.header.state_root


def test_attributes_execute_from_a_witness_too(chain):
    wanted = attributes(chain, send(1, 0, value=3))
    result = chain.build(wanted)
    chain.commit(result)
    witness = block_witness(chain, result.header.hash)
    again = execute_from_witness(L2_CONFIG, witness.parent, wanted, witness)
    assert again.header == result.header


def test_witness_of_a_block_that_left_the_chain(chain):
    made = ask_for_hash(chain, 2)
    parent = made.header.parent_hash
    chain.set_heads(unsafe=BlockId(4, parent))
    run(chain, send(1, 0))
    witness = block_witness(chain, made.header.hash)
    assert execute_block_from_witness(L2_CONFIG, witness.parent, made.block, witness)


def test_genesis_and_unknown_blocks_have_no_witness(chain):
    with pytest.raises(UnknownBlock, match="no execution made it"):
        block_witness(chain, chain.header_by_number(0).hash)
    with pytest.raises(UnknownBlock, match="is not known"):
        block_witness(chain, Hash32(b"\x99" * 32))


def test_witness_of_another_parent_is_refused(chain):
    made = run(chain, send(1, 0))
    witness = block_witness(chain, made.header.hash)
    with pytest.raises(InvalidBlock, match="the parent is"):
        execute_block_from_witness(L2_CONFIG, chain.header_by_number(1), made.block, witness)


def test_block_with_another_root_than_its_execution_is_refused(chain):
    made = run(chain, send(1, 0))
    witness = block_witness(chain, made.header.hash)
    wrong = replace(made.block, header=replace(made.header, state_root=Hash32(bytes(31) + b"\x01")))
    with pytest.raises(InvalidBlock, match="state_root"):
        execute_block_from_witness(L2_CONFIG, witness.parent, wrong, witness)


def test_empty_witness_names_the_state_root(chain):
    made = run(chain, send(1, 0))
    parent = chain.header(made.header.parent_hash)
    with pytest.raises(MissingNode, match=parent.state_root.hex()):
        execute_block_from_witness(L2_CONFIG, parent, made.block, ExecutionWitness((), (), ()))


def test_header_that_is_not_the_ancestor_is_as_good_as_none(chain):
    made = ask_for_hash(chain, 2)
    witness = block_witness(chain, made.header.hash)
    forged = replace(witness.headers[0], extra_data=b"forged")
    with pytest.raises(MissingHeader, match="header of block 3"):
        execute_block_from_witness(
            L2_CONFIG,
            witness.parent,
            made.block,
            replace(witness, headers=(forged, witness.parent)),
        )


def test_members_out_of_order_or_twice_are_refused(chain):
    witness = block_witness(chain, run(chain, send(1, 0)).header.hash)
    for nodes in (witness.nodes[::-1], (*witness.nodes, witness.nodes[-1])):
        with pytest.raises(DecodeError, match="order of their hashes"):
            decode_witness(replace(witness, nodes=nodes).encode())


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        pytest.param(b"", "version is 0x,", id="nothing"),
        pytest.param(b"\x02\xc3\xc0\xc0\xc0", "version is 0x02", id="another version"),
        pytest.param(b"\x01\xc2\xc0\xc0", "expected 3 items", id="two parts"),
        pytest.param(b"\x01\xc3\xc0\xc0\xc0", "0 headers", id="no header"),
        pytest.param(b"\x01\xc3\x80\xc0\xc0", "expected a list", id="headers are no list"),
    ],
)
def test_malformed_witness_is_refused(raw, message):
    with pytest.raises(DecodeError, match=message):
        decode_witness(raw)


def test_more_headers_than_blockhash_reaches_are_refused(chain):
    header = chain.header_by_number(1).encode()
    raw = b"\x01" + rlp.encode([[header] * (MAX_HEADERS + 1), [], []])
    with pytest.raises(DecodeError, match=f"{MAX_HEADERS + 1} headers, expected 1 to"):
        decode_witness(raw)


def test_witness_without_headers_has_no_parent():
    with pytest.raises(DecodeError, match="no headers"):
        _ = ExecutionWitness((), (), ()).parent


def test_worked_example_of_the_page():
    chain = engine(L1_CONFIG, ALLOCATION)
    made = run(chain, send(0, 0, HASH, data=word(1), chain_id=900))
    witness = block_witness(chain, made.header.hash)
    page = PAGE.read_text()
    assert made.header.hash.hex() in page
    assert keccak256(witness.encode()).hex() in page
    assert f"{len(witness.encode()):,} bytes" in page
    for part in (witness.headers, witness.nodes, witness.codes):
        assert f"| {len(part)} |" in page
    assert HASH_CODE in witness.codes
    assert HASH_CODE.hex() in page
