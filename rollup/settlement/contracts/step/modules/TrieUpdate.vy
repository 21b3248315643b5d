# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TrieUpdate
@notice The root of a Merkle-Patricia trie after one key was given a value or deleted, from the
        nodes on its way in the witness.
@dev The twin of evm/step/trie_update.py, which opens the same nodes in the same order: from the
     root down, and last the child that stays where a branch is left with one. Keys are 32 bytes, so
     a branch holds no value. A node shorter than 32 bytes lies in its parent and is not opened.
"""

import rollup.settlement.contracts.modules.MerkleTrie as MerkleTrie
import rollup.settlement.contracts.step.modules.Preimages as Preimages
import rollup.settlement.contracts.step.modules.Tape as Tape

EMPTY_ROOT: constant(bytes32) = keccak256(x"80")
MAX_NODE: constant(uint256) = Preimages.MAX_NODE
MAX_PAYLOAD: constant(uint256) = 529
MAX_VALUE: constant(uint256) = 128
# With its RLP header.
MAX_ITEM: constant(uint256) = 130
MAX_SHORT: constant(uint256) = 167
PATH: constant(uint256) = 64


# A node on the way: its bytes, how many nibbles lie above it, and the child that the way takes.
struct Level:
    node: Bytes[MAX_NODE]
    isBranch: bool
    # Of an extension: its path.
    nibbles: uint256
    count: uint256
    # The child's item, with its header.
    start: uint256
    end: uint256


# A leaf or an extension (a stretch of path and an item), or a branch's bytes.
struct Node:
    isShort: bool
    isLeaf: bool
    nibbles: uint256
    count: uint256
    item: Bytes[MAX_ITEM]
    branch: Bytes[MAX_NODE]


struct Walk:
    levels: DynArray[Level, PATH]
    # Where the way ends: a leaf, an extension that goes elsewhere, or nothing.
    isThere: bool
    last: Node
    # Nibbles of the key that are used up, and the cursor behind the nodes.
    position: uint256
    cursor: uint256


# -- bytes


@internal
@pure
def _expect(isSound: bool):
    # One reason for whatever no trie holds: each would take room.
    assert isSound, "TrieUpdate: a node is malformed"


@internal
@pure
def _string(data: Bytes[MAX_VALUE]) -> Bytes[MAX_ITEM]:
    size: uint256 = len(data)
    if size == 1 and convert(slice(data, 0, 1), uint256) < 128:
        return data
    if size < 56:
        return concat(convert(convert(128 + size, uint8), bytes1), data)
    return concat(x"b8", convert(convert(size, uint8), bytes1), data)


@internal
@pure
def _payload(item: Bytes[MAX_ITEM]) -> Bytes[MAX_VALUE]:
    # A string without its header.
    first: uint256 = convert(slice(item, 0, 1), uint256)
    start: uint256 = 0
    if first >= 184:
        start = 2
    elif first >= 128:
        start = 1
    return convert(slice(item, start, len(item) - start), Bytes[MAX_VALUE])


@internal
@pure
def _list(payload: Bytes[MAX_PAYLOAD]) -> Bytes[MAX_NODE]:
    size: uint256 = len(payload)
    if size < 56:
        return concat(convert(convert(192 + size, uint8), bytes1), payload)
    if size < 256:
        return concat(x"f8", convert(convert(size, uint8), bytes1), payload)
    return concat(x"f9", convert(convert(size, uint16), bytes2), payload)


@internal
@pure
def _encode(node: Node) -> Bytes[MAX_NODE]:
    if not node.isShort:
        return node.branch
    # Hex prefix: flags in the first nibble, then a zero one where the path is even.
    flags: uint256 = 2 if node.isLeaf else 0
    nibbles: uint256 = node.nibbles
    size: uint256 = node.count // 2
    head: uint256 = flags << 4
    if node.count % 2 == 1:
        head = ((flags + 1) << 4) | (nibbles >> (8 * size))
    first: bytes1 = convert(convert(head, uint8), bytes1)
    if size == 0:
        # A single byte below 0x80 stands for itself.
        return self._list(concat(first, node.item))
    rest: bytes32 = convert(nibbles << (256 - 8 * size), bytes32)
    header: bytes1 = convert(convert(129 + size, uint8), bytes1)
    return self._list(concat(header, first, slice(rest, 0, size), node.item))


@internal
@pure
def _reference(node: Node) -> Bytes[33]:
    encoded: Bytes[MAX_NODE] = self._encode(node)
    if len(encoded) < 32:
        return convert(slice(encoded, 0, len(encoded)), Bytes[33])
    return concat(x"a0", keccak256(encoded))


@internal
@pure
def _raw(node: Bytes[MAX_NODE], start: uint256, end: uint256) -> Bytes[MAX_ITEM]:
    self._expect(end - start <= MAX_ITEM)  # else an item is too long
    return convert(slice(node, start, end - start), Bytes[MAX_ITEM])


@internal
@pure
def _short(isLeaf: bool, nibbles: uint256, count: uint256, item: Bytes[MAX_ITEM]) -> Node:
    return Node(
        isShort=True, isLeaf=isLeaf, nibbles=nibbles, count=count, item=item, branch=b""
    )


@internal
@pure
def _branch(encoded: Bytes[MAX_NODE]) -> Node:
    return Node(isShort=False, isLeaf=False, nibbles=0, count=0, item=b"", branch=encoded)


@internal
@pure
def _withChild(
    node: Bytes[MAX_NODE], start: uint256, end: uint256, item: Bytes[33]
) -> Bytes[MAX_NODE]:
    # A branch with another child in the place of one.
    first: uint256 = MerkleTrie._listStart(node)
    payload: Bytes[MAX_NODE * 2 + 33] = concat(
        slice(node, first, start - first), item, slice(node, end, len(node) - end)
    )
    self._expect(len(payload) <= MAX_PAYLOAD)  # else a branch is too long
    return self._list(convert(slice(payload, 0, len(payload)), Bytes[MAX_PAYLOAD]))


@internal
@pure
def _ahead(key: uint256, position: uint256, count: uint256) -> uint256:
    # `count` nibbles of the key behind the first `position`.
    if count == 0:
        return 0
    return (key << (4 * position)) >> (256 - 4 * count)


# -- on the way down


@internal
@pure
def _decodeShort(node: Bytes[MAX_NODE], path: MerkleTrie.Item, end: uint256) -> Node:
    self._expect(path.size > 0 and path.size <= 33)  # else a malformed path
    head: uint256 = MerkleTrie._byte(node, path.start)
    flags: uint256 = head >> 4
    self._expect(flags < 4 and (flags & 1 == 1 or head & 15 == 0))  # else a malformed path
    nibbles: uint256 = 0
    if path.size > 1:
        # Not MerkleTrie's way, which needs a node of 32 bytes.
        rest: Bytes[32] = convert(slice(node, path.start + 1, path.size - 1), Bytes[32])
        nibbles = convert(rest, uint256)
    count: uint256 = 2 * (path.size - 1)
    if flags & 1 == 1:
        self._expect(path.size < 33)  # else the path is longer than the key
        nibbles |= (head & 15) << (4 * count)
        count += 1
    self._expect(flags > 1 or count > 0)  # else an extension without a path
    return self._short(flags > 1, nibbles, count, self._raw(node, path.end, end))


@internal
@pure
def _decode(node: Bytes[MAX_NODE]) -> Node:
    first: MerkleTrie.Item = MerkleTrie._item(node, MerkleTrie._listStart(node))
    second: MerkleTrie.Item = MerkleTrie._item(node, first.end)
    if second.end == len(node):
        return self._decodeShort(node, first, second.end)
    return self._branch(node)


@internal
@pure
def _childOf(node: Bytes[MAX_NODE], nibble: uint256) -> (uint256, uint256):
    # The item of a branch's child, with its header.
    start: uint256 = MerkleTrie._listStart(node)
    end: uint256 = start
    for _: uint256 in range(nibble + 1, bound=16):
        start = end
        first: uint256 = MerkleTrie._byte(node, start)
        # Hashes and nothing, the usual cases, without the call.
        if first == 160:
            end = start + 33
        elif first == 128:
            end = start + 1
        else:
            end = MerkleTrie._item(node, start).end
    self._expect(end < len(node))  # else a branch is cut short
    return start, end


@internal
@view
def _walk(cursor: uint256, root: bytes32, key: uint256) -> Walk:
    walk: Walk = Walk(
        levels=[], isThere=False, last=self._branch(b""), position=0, cursor=cursor
    )
    if root == EMPTY_ROOT:
        return walk
    node: Bytes[MAX_NODE] = b""
    wanted: bytes32 = root
    for _: uint256 in range(PATH + 1):
        if len(node) == 0:
            # Not one that lies in its parent.
            node = Preimages.node(walk.cursor, wanted)
            walk.cursor += Tape.HEAD + len(node)
        found: Node = self._decode(node)
        level: Level = Level(
            node=node, isBranch=False, nibbles=found.nibbles, count=found.count, start=0, end=0
        )
        if found.isShort:
            left: uint256 = PATH - walk.position
            self._expect(found.count <= left)  # else the path is longer than the key
            self._expect(not found.isLeaf or found.count == left)  # else a leaf is too short
            ahead: uint256 = self._ahead(key, walk.position, found.count)
            if found.isLeaf or ahead != found.nibbles:
                walk.isThere = True
                walk.last = found
                return walk
            walk.position += found.count
            level.start = len(node) - len(found.item)
            level.end = len(node)
        else:
            self._expect(walk.position < PATH)  # else a branch below 64 nibbles
            level.isBranch = True
            level.start, level.end = self._childOf(node, self._ahead(key, walk.position, 1))
            walk.position += 1
        walk.levels.append(level)
        size: uint256 = level.end - level.start
        if level.isBranch and size == 1:
            return walk
        if size == 33:
            wanted = extract32(node, level.start + 1)
            node = b""
        else:
            self._expect(size < 32)  # else a reference has more than 32 bytes
            node = slice(node, level.start, size)
    raise "TrieUpdate: the path is longer than the key"


# -- on the way up


@internal
@pure
def _rootAbove(walk: Walk, levels: uint256, standing: Node) -> bytes32:
    # The root when `standing` is what the first `levels` nodes lead to.
    node: Node = standing
    at: uint256 = levels
    for _: uint256 in range(levels, bound=64):
        at -= 1
        if walk.levels[at].isBranch:
            node = self._branch(
                self._withChild(
                    walk.levels[at].node,
                    walk.levels[at].start,
                    walk.levels[at].end,
                    self._reference(node),
                )
            )
        elif node.isShort:
            node.nibbles |= walk.levels[at].nibbles << (4 * node.count)
            node.count += walk.levels[at].count
        else:
            node = self._short(
                False, walk.levels[at].nibbles, walk.levels[at].count, self._reference(node)
            )
    return keccak256(self._encode(node))


@internal
@pure
def _rest(node: Node, start: uint256) -> Bytes[33]:
    # The reference to a node of which only the path from `start` on is left.
    if start == node.count and not node.isLeaf:
        return convert(slice(node.item, 0, len(node.item)), Bytes[33])
    count: uint256 = node.count - start
    nibbles: uint256 = 0
    if count > 0:
        nibbles = node.nibbles & ((1 << (4 * count)) - 1)
    return self._reference(self._short(node.isLeaf, nibbles, count, node.item))


@internal
@pure
def _placed(node: Node, leaf: Node) -> Node:
    # The leaf in place of one with the same path, or a branch where both part.
    if node.isLeaf and node.nibbles == leaf.nibbles:
        return leaf
    shared: uint256 = 0
    theirs: uint256 = 0
    ours: uint256 = 0
    for _: uint256 in range(PATH):
        theirs = (node.nibbles >> (4 * (node.count - 1 - shared))) & 15
        ours = (leaf.nibbles >> (4 * (leaf.count - 1 - shared))) & 15
        if theirs != ours:
            break
        shared += 1
    payload: Bytes[MAX_PAYLOAD] = b""
    for nibble: uint256 in range(17):
        item: Bytes[33] = x"80"
        if nibble == theirs:
            item = self._rest(node, shared + 1)
        elif nibble == ours:
            item = self._rest(leaf, shared + 1)
        # At most two hashes and fifteen empty items.
        payload = concat(convert(slice(payload, 0, len(payload)), Bytes[MAX_PAYLOAD - 33]), item)
    branch: Node = self._branch(self._list(payload))
    if shared == 0:
        return branch
    above: uint256 = leaf.nibbles >> (4 * (leaf.count - shared))
    return self._short(False, above, shared, self._reference(branch))


@internal
@view
def _without(above: Level, cursor: uint256) -> (Node, uint256):
    # What stands in the place of a branch when the leaf below it is gone, and the cursor: a child
    # that is left alone is opened, too.
    self._expect(above.isBranch)  # else an extension to a leaf
    node: Bytes[MAX_NODE] = self._withChild(above.node, above.start, above.end, x"80")
    alive: uint256 = 0
    lone: uint256 = 0
    start: uint256 = MerkleTrie._listStart(node)
    item: Bytes[MAX_ITEM] = b""
    for nibble: uint256 in range(16):
        first: uint256 = MerkleTrie._byte(node, start)
        end: uint256 = start + 1
        if first == 160:
            end = start + 33
        elif first != 128:
            end = MerkleTrie._item(node, start).end
        if end > start + 1:
            alive += 1
            lone = nibble
            item = self._raw(node, start, end)
        start = end
    self._expect(alive > 0)  # else a branch with one child
    if alive > 1:
        return self._branch(node), cursor
    following: uint256 = cursor
    child: Bytes[MAX_NODE] = item
    if len(item) == 33:
        child = Preimages.node(cursor, extract32(item, 1))
        following += Tape.HEAD + len(child)
    merged: Node = self._decode(child)
    if merged.isShort:
        merged.nibbles |= lone << (4 * merged.count)
        merged.count += 1
    else:
        merged = self._short(False, lone, 1, item)
    return merged, following


@internal
@view
def update(
    start: uint256, root: bytes32, path: bytes32, newValue: Bytes[MAX_VALUE]
) -> (bytes32, uint256):
    """
    @notice The root after a key has been given a value, and the cursor behind the nodes.
    @param start The cursor before the nodes.
    @param path The Keccak-256 of the key.
    @param newValue An empty one deletes the key.
    """
    key: uint256 = convert(path, uint256)
    walk: Walk = self._walk(start, root, key)
    count: uint256 = PATH - walk.position
    left: uint256 = self._ahead(key, walk.position, count)
    levels: uint256 = len(walk.levels)
    cursor: uint256 = walk.cursor
    node: Node = empty(Node)
    if len(newValue) == 0:
        if not (walk.isThere and walk.last.isLeaf and walk.last.nibbles == left):
            return root, cursor
        if levels == 0:
            return EMPTY_ROOT, cursor
        levels -= 1
        node, cursor = self._without(walk.levels[levels], cursor)
    else:
        node = self._short(True, left, count, self._string(newValue))
        if walk.isThere:
            node = self._placed(walk.last, node)
    return self._rootAbove(walk, levels, node), cursor


@internal
@view
def lookUp(start: uint256, root: bytes32, path: bytes32) -> (Bytes[MAX_VALUE], uint256):
    """
    @notice The value of a key, empty where there is none, and the cursor behind the nodes.
    """
    key: uint256 = convert(path, uint256)
    walk: Walk = self._walk(start, root, key)
    left: uint256 = self._ahead(key, walk.position, PATH - walk.position)
    if walk.isThere and walk.last.isLeaf and walk.last.nibbles == left:
        return self._payload(walk.last.item), walk.cursor
    return b"", walk.cursor
