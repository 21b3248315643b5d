"""Proofs in the tries of lists, as the contracts follow them, beside the tries that we make."""

from __future__ import annotations

import random
from functools import cache

import pytest
from contract_bench import call_data
from hypothesis import given, settings
from hypothesis import strategies as st
from step_contracts import StepModule

from chain import abi, rlp
from chain.trie import Trie, ordered_trie_root
from rollup.dispute.input_proof import ListTrie

NODE, VALUE, ABSENT = range(3)
READ = "read(bytes32,uint256,bytes)"
EDGES = (0, 1, 15, 16, 17, 126, 127, 128, 129, 143, 144, 255, 256, 257, 271, 272, 299, 300, 65_535)


@cache
def module():
    return StepModule("list_proof_harness.vy")


def ask(root, index, proof):
    """(kind, value), or None where the contract refuses the proof."""
    bench = module()._bench
    outcome = bench.send(module()._at, call_data(READ, root, index, proof) + bytes(32))
    return tuple(abi.decode(["uint256", "bytes"], outcome.output)) if outcome.succeeded else None


def items_of(rnd, count):
    """Items no shorter than a receipt or an L1-attributes transaction, and some much longer."""
    return [rnd.randbytes(rnd.choice((33, 60, 256, 300, 700))) for _ in range(count)]


class Nodes(dict):
    """Nodes by hash."""


def sparse(values):
    """A trie in which only some indices stand, which no block has; and proofs in it."""
    made = Trie(Nodes())
    for index, value in values.items():
        made.set(rlp.encode(rlp.encode_int(index)), value)
    root, nodes = made.commit()
    trie = Trie(Nodes(nodes), root)

    def proof(index):
        nodes = trie.prove(rlp.encode(rlp.encode_int(index)))
        return bytes((len(nodes),)) + b"".join(len(n).to_bytes(3, "big") + n for n in nodes)

    return root, proof


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 126, 127, 128, 129, 130, 255, 256, 257, 300])
def test_each_item_is_found_and_each_index_behind_the_last_is_shown_absent(count):
    rnd = random.Random(count)
    items = items_of(rnd, count)
    trie = ListTrie(items)
    assert trie.root == ordered_trie_root(items)
    indices = {*EDGES, count - 1, count, count + 1, *(rnd.randrange(count) for _ in range(30))}
    for index in indices:
        expected = (VALUE, items[index]) if index < count else (ABSENT, b"")
        assert ask(trie.root, index, trie.proof(index)) == expected, index


def test_every_index_of_a_list_of_300():
    items = items_of(random.Random(300), 300)
    trie = ListTrie(items)
    for index in range(330):
        expected = (VALUE, items[index]) if index < 300 else (ABSENT, b"")
        assert ask(trie.root, index, trie.proof(index)) == expected, index


def test_indices_of_more_than_two_bytes_are_refused():
    trie = ListTrie([bytes(40)])
    assert ask(trie.root, 65_536, trie.proof(65_536)) is None
    assert ask(trie.root, 2**256 - 1, trie.proof(1)) is None


@settings(max_examples=60, deadline=None)
@given(
    indices=st.sets(st.one_of(st.integers(0, 400), st.sampled_from(EDGES)), min_size=1),
    asked=st.one_of(st.integers(0, 400), st.sampled_from(EDGES)),
    size=st.integers(32, 200),
)
def test_tries_with_gaps_are_read_as_they_are(indices, asked, size):
    root, proof = sparse({index: bytes((index % 255 + 1,)) * size for index in indices})
    expected = (VALUE, bytes((asked % 255 + 1,)) * size) if asked in indices else (ABSENT, b"")
    assert ask(root, asked, proof(asked)) == expected


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=150), asked=st.integers(0, 160))
def test_nodes_inside_nodes_are_refused_or_read_right_and_never_wrong(sizes, asked):
    items = [bytes((index % 255 + 1,)) * size for index, size in enumerate(sizes)]
    trie = ListTrie(items)
    expected = (VALUE, items[asked]) if asked < len(items) else (ABSENT, b"")
    assert ask(trie.root, asked, trie.proof(asked)) in (expected, None)


@pytest.mark.parametrize("count", [1, 2, 20, 129, 300])
def test_a_proof_with_any_byte_changed_says_nothing(count):
    rnd = random.Random(count)
    trie = ListTrie(items_of(rnd, count))
    for index in (0, count // 2, count - 1, count):
        proof = trie.proof(index)
        # The number of nodes and the sizes each time, and some bytes of the nodes.
        places = {0, 1, 2, 3, 4, len(proof) - 1, *(rnd.randrange(len(proof)) for _ in range(25))}
        for at in places:
            wrong = bytearray(proof)
            wrong[at] ^= 1 << rnd.randrange(8)
            assert ask(trie.root, index, bytes(wrong)) in (None, (NODE, b"")), (index, at)


@pytest.mark.parametrize("count", [1, 2, 20, 129, 300])
def test_a_proof_for_one_index_never_tells_falsely_of_another(count):
    rnd = random.Random(count)
    items = items_of(rnd, count)
    trie = ListTrie(items)
    indices = (0, 1, count // 2, count - 1, count, count + 1, 128, 256)
    for index in indices:
        for other in indices:
            found = ask(trie.root, index, trie.proof(other))
            expected = (VALUE, items[index]) if index < count else (ABSENT, b"")
            assert found in (expected, None, (NODE, b"")), (index, other)


def test_proofs_cut_short_drawn_out_or_of_another_root_are_refused():
    rnd = random.Random(7)
    trie = ListTrie(items_of(rnd, 200))
    proof = trie.proof(130)
    assert ask(trie.root, 130, proof)[0] == VALUE
    assert ask(trie.root, 130, proof + b"\x00") is None
    assert ask(trie.root, 130, proof[:-1]) is None
    assert ask(ListTrie(items_of(rnd, 200)).root, 130, proof) is None
    first = int.from_bytes(proof[1:4], "big")
    # One node only leads on to a node; the last one twice stands behind the end.
    assert ask(trie.root, 130, b"\x01" + proof[1 : 4 + first]) == (NODE, b"")
    assert ask(trie.root, 130, bytes((proof[0] + 1,)) + proof[1:] + proof[1 : 4 + first]) is None
    assert ask(trie.root, 130, b"\x08" + proof[1:]) is None
