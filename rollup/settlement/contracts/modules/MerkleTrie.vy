# pragma version 0.4.3
# pragma evm-version cancun
"""
@title MerkleTrie
@notice One node of a Merkle-Patricia proof at a time: is it the one that was promised, and where
        does it lead for this key?
@dev Ethereum's secure trie: keys are 32 bytes, so 64 nibbles (Yellow Paper, appendix D). A node
     shorter than 32 bytes stands inside its parent; a proof lists it again after its parent, as
     the OP Stack's tools write it. Every refusal says what is wrong.
"""

# A branch of 16 hashes and an empty value takes 532 bytes; a leaf with an account fewer.
MAX_NODE: constant(uint256) = 640
MAX_VALUE: constant(uint256) = 128
PATH_NIBBLES: constant(uint256) = 64
# First bytes of RLP (Yellow Paper, appendix B).
STRING: constant(uint256) = 128  # 0x80 + length
HASH: constant(uint256) = 160  # 0xa0: a string of 32 bytes
LONG_STRING: constant(uint256) = 184  # 0xb8: one byte of length follows
LIST: constant(uint256) = 192  # 0xc0 + length
LONG_LIST: constant(uint256) = 248  # 0xf8: one byte of length follows


struct Step:
    # Hash of the next node, or the node itself where that is shorter than 32 bytes.
    reference: Bytes[32]
    # How many nibbles of the key are used up.
    nibbles: uint256
    isLeaf: bool
    value: Bytes[MAX_VALUE]


struct Item:
    start: uint256
    size: uint256
    end: uint256


@internal
@pure
def _byte(node: Bytes[MAX_NODE], position: uint256) -> uint256:
    assert position < len(node), "MerkleTrie: node is cut short"
    return convert(slice(node, position, 1), uint256)


@internal
@pure
def _number(node: Bytes[MAX_NODE], start: uint256, size: uint256) -> uint256:
    # Up to 32 bytes, big-endian.
    if size == 0:
        return 0
    assert start + size <= len(node), "MerkleTrie: node is cut short"
    if start + 32 <= len(node):
        return convert(extract32(node, start), uint256) >> (8 * (32 - size))
    assert len(node) >= 32, "MerkleTrie: node is cut short"
    # The last bytes of a node: take the word that ends with it.
    word: uint256 = convert(extract32(node, len(node) - 32), uint256)
    word = word >> (8 * (len(node) - start - size))
    if size == 32:
        return word
    return word & ((1 << (8 * size)) - 1)


@internal
@pure
def _item(node: Bytes[MAX_NODE], position: uint256) -> Item:
    # A string without its RLP header; an inner list (a node inside a node) with it.
    first: uint256 = self._byte(node, position)
    item: Item = Item(start=position, size=1, end=0)
    if first >= LONG_LIST:
        raise "MerkleTrie: a node inside a node has more than 55 bytes"
    elif first >= LIST:
        item.size = first - LIST + 1
    elif first >= LONG_STRING:
        assert first == LONG_STRING, "MerkleTrie: an item has more than 255 bytes"
        item.start = position + 2
        item.size = self._byte(node, position + 1)
    elif first >= STRING:
        item.start = position + 1
        item.size = first - STRING
    item.end = item.start + item.size
    assert item.end <= len(node), "MerkleTrie: node is cut short"
    return item


@internal
@pure
def _listStart(node: Bytes[MAX_NODE]) -> uint256:
    first: uint256 = self._byte(node, 0)
    start: uint256 = 1
    size: uint256 = first - LIST if first >= LIST else max_value(uint256)
    if first >= LONG_LIST:
        start = 2 + first - LONG_LIST
        assert start <= 3, "MerkleTrie: node is too long"
        size = self._byte(node, 1)
        if start == 3:
            size = (size << 8) | self._byte(node, 2)
    assert size == len(node) - start, "MerkleTrie: node is not one list"
    return start


@internal
@pure
def _reference(node: Bytes[MAX_NODE], item: Item) -> Bytes[32]:
    assert item.size > 0, "MerkleTrie: the key is not in the trie"
    assert item.size <= 32, "MerkleTrie: a reference has more than 32 bytes"
    return convert(slice(node, item.start, item.size), Bytes[32])


@internal
@pure
def _branch(node: Bytes[MAX_NODE], listStart: uint256, key: uint256, nibbles: uint256) -> Step:
    assert nibbles < PATH_NIBBLES, "MerkleTrie: the path is longer than the key"
    wanted: uint256 = (key >> (252 - 4 * nibbles)) & 15
    position: uint256 = listStart
    for _: uint256 in range(16):
        if wanted == 0:
            break
        # Hashes, the usual case, without the call.
        if self._byte(node, position) == HASH:
            position += 33
        else:
            position = self._item(node, position).end
        wanted -= 1
    return Step(
        reference=self._reference(node, self._item(node, position)),
        nibbles=nibbles + 1,
        isLeaf=False,
        value=b"",
    )


@internal
@pure
def _shortNode(
    node: Bytes[MAX_NODE], path: Item, content: Item, key: uint256, nibbles: uint256
) -> Step:
    # Leaf or extension: the path is hex-prefix encoded, flags in its first nibble.
    assert path.size > 0 and path.size <= 33, "MerkleTrie: malformed path"
    head: uint256 = self._byte(node, path.start)
    flags: uint256 = head >> 4
    assert flags < 4, "MerkleTrie: malformed path"
    own: uint256 = self._number(node, path.start + 1, path.size - 1)
    count: uint256 = 2 * (path.size - 1)
    if flags & 1 == 1:
        assert path.size < 33, "MerkleTrie: the path is longer than the key"
        own |= (head & 15) << (4 * count)
        count += 1
    assert nibbles + count <= PATH_NIBBLES, "MerkleTrie: the path is longer than the key"
    if count > 0:
        ahead: uint256 = (key << (4 * nibbles)) >> (256 - 4 * count)
        assert own == ahead, "MerkleTrie: the key is not in the trie"
    if flags < 2:
        return Step(
            reference=self._reference(node, content),
            nibbles=nibbles + count,
            isLeaf=False,
            value=b"",
        )
    assert nibbles + count == PATH_NIBBLES, "MerkleTrie: the path is shorter than the key"
    assert content.size <= MAX_VALUE, "MerkleTrie: the value is too long"
    value: Bytes[MAX_VALUE] = convert(
        slice(node, content.start, content.size), Bytes[MAX_VALUE]
    )
    return Step(reference=b"", nibbles=PATH_NIBBLES, isLeaf=True, value=value)


@internal
@pure
def follow(node: Bytes[MAX_NODE], key: bytes32, before: Step) -> Step:
    """
    @notice Where `node`, which has to be the one that `before` refers to, leads for the key.
    """
    assert not before.isLeaf, "MerkleTrie: nodes after the leaf"
    if len(before.reference) == 32:
        assert keccak256(node) == convert(
            before.reference, bytes32
        ), "MerkleTrie: a node does not have the hash that its parent names"
    else:
        assert keccak256(node) == keccak256(
            before.reference
        ), "MerkleTrie: a node is not the one inside its parent"
    number: uint256 = convert(key, uint256)
    start: uint256 = self._listStart(node)
    first: Item = self._item(node, start)
    second: Item = self._item(node, first.end)
    if second.end == len(node):
        return self._shortNode(node, first, second, number, before.nibbles)
    return self._branch(node, start, number, before.nibbles)


@internal
@pure
def begin(root: bytes32) -> Step:
    """
    @notice The beginning of a walk from a root.
    """
    return Step(reference=concat(root, b""), nibbles=0, isLeaf=False, value=b"")
