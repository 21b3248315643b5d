"""The structures of the step machine against simple models, live and by their witnesses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evm.step.names import NOTHING, name_of
from evm.step.opener import LiveOpener, RecordingOpener, WitnessOpener
from evm.step.structures.code import chunk_list, code_tree
from evm.step.structures.words import (
    WINDOW_BYTES,
    change_word,
    data_depth,
    data_tree,
    depth_of,
    flatten,
    grown,
    read_range,
    read_window,
    read_word,
    words_in,
    write_window,
)
from evm.step.structures.world import (
    TransientSlot,
    find,
    transient_key,
)

LIVE = LiveOpener({}.get)


def proven(run, tree):
    """Run on a known tree; then from its name and what was opened, which must give the same."""
    recorder = RecordingOpener(LIVE)
    expected = run(recorder, tree)
    opener = WitnessOpener(recorder.witness)
    found = run(opener, name_of(tree))
    opener.finish()
    return expected, found


@given(st.binary(min_size=1, max_size=5_000), st.data())
def test_words_read_and_written_are_those_of_the_bytes(data, chosen):
    tree, depth = data_tree(data), data_depth(len(data))
    padded = bytearray(data.ljust(32 << depth, b"\x00"))
    assert flatten(tree, depth) == padded
    index = chosen.draw(st.integers(0, words_in(len(data)) - 1))
    expected, found = proven(lambda o, t: read_word(o, t, depth, index), tree)
    assert expected == found == padded[index * 32 : index * 32 + 32]
    word = chosen.draw(st.binary(min_size=32, max_size=32))
    changed, by_name = proven(lambda o, t: change_word(o, t, depth, index, lambda _: word), tree)
    padded[index * 32 : index * 32 + 32] = word
    assert flatten(changed, depth) == padded
    assert name_of(changed) == name_of(by_name)


@given(st.binary(min_size=1, max_size=5_000), st.data())
def test_windows_and_ranges_are_those_of_the_bytes(data, chosen):
    tree, depth = data_tree(data), data_depth(len(data))
    offset = chosen.draw(st.integers(0, len(data) - 1))
    size = chosen.draw(st.integers(1, min(WINDOW_BYTES, len(data) - offset)))
    expected, found = proven(lambda o, t: read_range(o, t, depth, offset, size), tree)
    assert expected == found == data[offset : offset + size]

    def clear(opener, root):
        index = offset // WINDOW_BYTES
        window, way = read_window(opener, root, depth, index)
        return write_window(bytes(len(window)), way, depth, index)

    cleared, by_name = proven(clear, tree)
    padded = bytearray(data.ljust(32 << depth, b"\x00"))
    start = offset // WINDOW_BYTES * WINDOW_BYTES
    padded[start : start + WINDOW_BYTES] = bytes(len(padded[start : start + WINDOW_BYTES]))
    assert flatten(cleared, depth) == padded
    assert name_of(cleared) == name_of(by_name)


@given(st.integers(0, 200), st.integers(0, 200))
def test_memory_that_grows_has_zeros_behind(before, more):
    data = bytes([index % 251 + 1 for index in range(32 * before)])
    after = before + more
    tree = grown(data_tree(data), before, after)
    if after:
        depth = depth_of(after)
        assert flatten(tree, depth) == data.ljust(32 << depth, b"\x00")
        assert name_of(tree) == name_of(data_tree(data.ljust(32 * after, b"\x00")))
    else:
        assert tree == NOTHING


@given(st.lists(st.sampled_from([0x00, 0x5B, 0x60, 0x61, 0x6F, 0x7E, 0x7F]), max_size=200))
def test_jump_targets_are_jumpdests_outside_of_pushes(ops):
    code = bytes(ops)
    targets, position = set(), 0
    while position < len(code):
        op = code[position]
        if op == 0x5B:
            targets.add(position)
        position += 1 + (op - 0x5F if 0x60 <= op <= 0x7F else 0)
    chunks = chunk_list(code_tree(code), depth_of(words_in(len(code)))) if code else []
    found = {
        32 * number + at
        for number, chunk in enumerate(chunks)
        for at in range(32)
        if chunk.is_jump_target(at)
    }
    assert found == targets
    assert b"".join(chunk.data for chunk in chunks)[: len(code)] == code


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2**256 - 1)), max_size=60))
def test_the_world_map_is_a_dictionary(writes):
    root, model = NOTHING, {}
    for slot, value in writes:
        key = transient_key(1, bytes(20), slot)

        def put(opener, tree, key=key, value=value):
            return find(opener, tree, key, TransientSlot).put(TransientSlot(value))

        changed, by_name = proven(put, root)
        assert name_of(changed) == name_of(by_name)
        root, model[slot] = changed, value
    for slot in range(41):
        entry = find(LIVE, root, transient_key(1, bytes(20), slot), TransientSlot).entry
        assert (None if entry is None else entry.value) == model.get(slot)


@given(st.dictionaries(st.integers(0, 50), st.integers(0, 9), max_size=40))
def test_the_world_map_does_not_depend_on_the_order_of_writes(entries):
    def built(order):
        root = NOTHING
        for slot in order:
            place = find(LIVE, root, transient_key(1, bytes(20), slot), TransientSlot)
            root = place.put(TransientSlot(entries[slot]))
        return name_of(root)

    assert built(sorted(entries)) == built(sorted(entries, reverse=True))
