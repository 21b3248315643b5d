"""Custody groups by node id, as the consensus specs define them."""

from __future__ import annotations

import hashlib
import random

import pytest

from rollup.da.custody import custody_cells, custody_groups
from rollup.da.errors import MalformedInput


def by_the_specification(node_id, count):
    """get_custody_groups, line by line, over plain integers."""
    current_id = int.from_bytes(node_id, "big")
    groups = []
    while len(groups) < count:
        digest = hashlib.sha256(current_id.to_bytes(32, "little")).digest()
        group = int.from_bytes(digest[0:8], "little") % 128
        if group not in groups:
            groups.append(group)
        current_id = 0 if current_id == 2**256 - 1 else current_id + 1
    return sorted(groups)


@pytest.mark.parametrize("count", [0, 1, 4, 8, 64, 127, 128])
def test_groups_are_those_of_the_specification(count):
    for seed in range(5):
        node_id = random.Random(seed).randbytes(32)
        assert list(custody_groups(node_id, count)) == by_the_specification(node_id, count)


def test_the_last_id_wraps_around():
    assert list(custody_groups(b"\xff" * 32, 8)) == by_the_specification(b"\xff" * 32, 8)


def test_a_larger_custody_contains_the_smaller():
    node_id = bytes(range(32))
    assert set(custody_cells(node_id, 4)) < set(custody_cells(node_id, 64))


def test_all_groups_are_all_cells():
    assert custody_cells(bytes(32), 128) == tuple(range(128))


@pytest.mark.parametrize(("node_id", "count"), [(bytes(31), 4), (bytes(32), 129), (bytes(32), -1)])
def test_what_is_no_node_or_no_count(node_id, count):
    with pytest.raises(MalformedInput):
        custody_groups(node_id, count)
