# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ListTrie
@notice The trie over a list (transactions, receipts) that is closed leaf by leaf, in descending
        order of keys, in the memory of one path.
@dev The twin of `add_leaf` in evm/step/ordered_trie.py. Each value stands under the RLP of its
     index. A builder is its open branches from the root down, each u8 depth and 16 references
     behind their lengths; behind the last leaf it is the root. Depths are counted from 1 here, so
     that 0 is above the root.
"""

import rollup.settlement.contracts.step.modules.TrieUpdate as TrieUpdate

MAX_BUILDER: constant(uint256) = 3372
# Indices take at most three bytes in RLP: six nibbles, so at most six branches on a way.
BRANCHES: constant(uint256) = 6
# Sixteen references of at most 33 bytes, each behind its length.
MAX_CHILDREN: constant(uint256) = 544
MAX_PAYLOAD: constant(uint256) = 529
HASH_BYTES: constant(uint256) = 33
# From here on an index takes two bytes.
TWO_BYTES: constant(uint256) = 128
EMPTY_ROOT: constant(bytes32) = keccak256(x"80")
# Sixteen times nothing: one byte, 0x80.
NOTHING: constant(Bytes[32]) = x"0180018001800180018001800180018001800180018001800180018001800180"


struct Branch:
    # How many nibbles of the key its children have behind them.
    depth: uint256
    children: Bytes[MAX_CHILDREN]


@internal
@pure
def at(place: uint256, count: uint256) -> uint256:
    """
    @notice Which index comes at a place in descending order of keys.
    """
    above: uint256 = count - TWO_BYTES if count > TWO_BYTES else 0
    if place < above:
        return count - 1 - place
    return 0 if place == above else count - place


@internal
@pure
def _key(index: uint256) -> uint256:
    # Six nibbles, with zeros behind; no key begins another.
    if index == 0:
        return 128 << 16
    if index < TWO_BYTES:
        return index << 16
    if index < 256:
        return (129 << 16) | (index << 8)
    return (130 << 16) | index


@internal
@pure
def _parting(left: uint256, right: uint256) -> uint256:
    # The depth of the branch where two keys part.
    depth: uint256 = 1
    for _: uint256 in range(BRANCHES):
        if (left ^ right) >> (24 - 4 * depth) != 0:
            break
        depth += 1
    return depth


@internal
@pure
def _byte(data: Bytes[MAX_BUILDER], position: uint256) -> uint256:
    return convert(slice(data, position, 1), uint256)


@internal
@pure
def _decode(builder: Bytes[MAX_BUILDER]) -> DynArray[Branch, BRANCHES]:
    branches: DynArray[Branch, BRANCHES] = []
    position: uint256 = 0
    for _: uint256 in range(BRANCHES):
        if position == len(builder):
            break
        depth: uint256 = self._byte(builder, position) + 1
        start: uint256 = position + 1
        position = start
        for _i: uint256 in range(16):
            position += 1 + self._byte(builder, position)
        branches.append(
            Branch(
                depth=depth,
                children=convert(slice(builder, start, position - start), Bytes[MAX_CHILDREN]),
            )
        )
    assert position == len(builder), "ListTrie: a builder has too many branches"
    return branches


@internal
@pure
def _encode(branches: DynArray[Branch, BRANCHES]) -> Bytes[MAX_BUILDER]:
    builder: Bytes[MAX_BUILDER] = b""
    for branch: Branch in branches:
        builder = convert(
            concat(builder, convert(convert(branch.depth - 1, uint8), bytes1), branch.children),
            Bytes[MAX_BUILDER],
        )
    return builder


@internal
@pure
def _withChild(
    children: Bytes[MAX_CHILDREN], nibble: uint256, reference: Bytes[HASH_BYTES]
) -> Bytes[MAX_CHILDREN]:
    start: uint256 = 0
    for _: uint256 in range(nibble, bound=15):
        start += 1 + convert(slice(children, start, 1), uint256)
    end: uint256 = start + 1 + convert(slice(children, start, 1), uint256)
    return convert(
        concat(
            slice(children, 0, start),
            convert(convert(len(reference), uint8), bytes1),
            reference,
            slice(children, end, len(children) - end),
        ),
        Bytes[MAX_CHILDREN],
    )


@internal
@pure
def _hang(
    given: DynArray[Branch, BRANCHES], key: uint256, depth: uint256, reference: Bytes[HASH_BYTES]
) -> DynArray[Branch, BRANCHES]:
    # Under the innermost branch, or under a new one where that stands higher.
    branches: DynArray[Branch, BRANCHES] = given
    if len(branches) == 0 or branches[len(branches) - 1].depth < depth:
        branches.append(Branch(depth=depth, children=NOTHING))
    last: uint256 = len(branches) - 1
    nibble: uint256 = (key >> (24 - 4 * depth)) & 15
    branches[last].children = self._withChild(branches[last].children, nibble, reference)
    return branches


@internal
@pure
def _node(children: Bytes[MAX_CHILDREN]) -> Bytes[TrieUpdate.MAX_NODE]:
    payload: Bytes[MAX_PAYLOAD] = b""
    position: uint256 = 0
    for _: uint256 in range(16):
        size: uint256 = convert(slice(children, position, 1), uint256)
        payload = convert(
            concat(payload, slice(children, position + 1, size)), Bytes[MAX_PAYLOAD]
        )
        position += 1 + size
    return TrieUpdate._list(convert(concat(payload, 0x80), Bytes[MAX_PAYLOAD]))


@internal
@pure
def _reference(node: Bytes[TrieUpdate.MAX_NODE]) -> Bytes[HASH_BYTES]:
    if len(node) < 32:
        return convert(node, Bytes[HASH_BYTES])
    return concat(0xa0, keccak256(node))


@internal
@pure
def _extended(
    node: Bytes[TrieUpdate.MAX_NODE], key: uint256, start: uint256, end: uint256
) -> Bytes[TrieUpdate.MAX_NODE]:
    # The node below a stretch of path, which has one nibble to five, in hex-prefix encoding.
    count: uint256 = end - start
    nibbles: uint256 = (key >> (24 - 4 * end)) & ((1 << (4 * count)) - 1)
    size: uint256 = count // 2
    first: uint256 = 0
    if count % 2 == 1:
        first = 16 | (nibbles >> (8 * size))
    path: bytes32 = convert(
        (first << 248) | ((nibbles & ((1 << (8 * size)) - 1)) << (248 - 8 * size)), bytes32
    )
    reference: Bytes[HASH_BYTES] = self._reference(node)
    if size == 0:
        # A single byte below 0x80 stands for itself.
        return TrieUpdate._list(concat(slice(path, 0, 1), reference))
    header: bytes1 = convert(convert(129 + size, uint8), bytes1)
    return TrieUpdate._list(concat(header, slice(path, 0, 1 + size), reference))


@internal
@pure
def _close(
    given: DynArray[Branch, BRANCHES], key: uint256, after: uint256
) -> Bytes[MAX_BUILDER]:
    # Close what lies below the branch where the next key parts; that of no next key is 0.
    branches: DynArray[Branch, BRANCHES] = given
    for _: uint256 in range(BRANCHES + 1):
        if len(branches) == 0 or branches[len(branches) - 1].depth <= after:
            break
        last: uint256 = len(branches) - 1
        depth: uint256 = branches[last].depth
        node: Bytes[TrieUpdate.MAX_NODE] = self._node(branches[last].children)
        branches.pop()
        above: uint256 = after
        if last > 0:
            above = max(branches[last - 1].depth, after)
        if depth > above + 1:
            node = self._extended(node, key, above, depth - 1)
        if above == 0:
            return concat(keccak256(node), b"")
        branches = self._hang(branches, key, above, self._reference(node))
    return self._encode(branches)


@internal
@pure
def add(
    builder: Bytes[MAX_BUILDER], place: uint256, count: uint256, reference: Bytes[HASH_BYTES]
) -> Bytes[MAX_BUILDER]:
    """
    @notice The builder behind one more leaf in descending order; behind the last one, the root.
    @param reference How the leaf's parent names it.
    """
    key: uint256 = self._key(self.at(place, count))
    before: uint256 = 0
    after: uint256 = 0
    if place > 0:
        before = self._parting(key, self._key(self.at(place - 1, count)))
    if place + 1 < count:
        after = self._parting(key, self._key(self.at(place + 1, count)))
    if before == 0 and after == 0:
        # The only leaf is the root.
        if len(reference) == HASH_BYTES:
            return slice(reference, 1, 32)
        return concat(keccak256(reference), b"")
    branches: DynArray[Branch, BRANCHES] = self._hang(
        self._decode(builder), key, max(before, after), reference
    )
    return self._close(branches, key, after)
