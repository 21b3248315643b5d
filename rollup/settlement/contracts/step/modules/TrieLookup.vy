# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TrieLookup
@notice The value of a key in a Merkle-Patricia trie, or that there is none, from the nodes on the
        way to it in the witness.
@dev The twin of evm/step/trie.py. Ethereum's secure tries: keys are 32 bytes. Nodes shorter than 32
     bytes lie inside their parents and are not opened by themselves.
"""

import rollup.settlement.contracts.modules.MerkleTrie as MerkleTrie
import rollup.settlement.contracts.step.modules.Tape as Tape

EMPTY_ROOT: constant(bytes32) = keccak256(x"80")
MAX_NODE: constant(uint256) = MerkleTrie.MAX_NODE
MAX_VALUE: constant(uint256) = MerkleTrie.MAX_VALUE


struct Found:
    value: Bytes[MAX_VALUE]
    isFound: bool
    cursor: uint256


@internal
@view
def _open(cursor: uint256, wanted: bytes32) -> Bytes[MAX_NODE]:
    """
    @notice The next preimage, of whatever length up to MAX_NODE.
    """
    size: uint256 = Tape.size(cursor)
    assert size <= MAX_NODE, "TrieLookup: a node has more than 640 bytes"
    at: uint256 = cursor + Tape.HEAD
    # A slice of msg.data has a constant length: take one that ends with the call, if need be.
    skipped: uint256 = 0
    if at + MAX_NODE > len(msg.data):
        skipped = at + MAX_NODE - len(msg.data)
    taken: Bytes[MAX_NODE] = slice(msg.data, at - skipped, MAX_NODE)
    node: Bytes[MAX_NODE] = slice(taken, skipped, size)
    Tape.expect(keccak256(node) == wanted)
    return node


@internal
@pure
def number(node: Bytes[MAX_NODE], start: uint256, size: uint256) -> uint256:
    """
    @notice Up to 32 bytes of a node, however short it is, as a big-endian number.
    """
    if size == 0:
        return 0
    assert start + size <= len(node) and size <= 32, "TrieLookup: node is cut short"
    padding: bytes32 = empty(bytes32)
    padded: Bytes[MAX_NODE + 32] = concat(node, padding)
    return convert(extract32(padded, start), uint256) >> (8 * (32 - size))


@internal
@pure
def _path(node: Bytes[MAX_NODE], item: MerkleTrie.Item) -> (bool, uint256, uint256):
    """
    @notice A hex-prefix encoded path: whether it is a leaf's, its nibbles, and how many.
    """
    head: uint256 = MerkleTrie._byte(node, item.start)
    nibbles: uint256 = self.number(node, item.start + 1, item.size - 1)
    count: uint256 = 2 * (item.size - 1)
    if head & 16 != 0:
        nibbles |= (head & 15) << (4 * count)
        count += 1
    return head & 32 != 0, nibbles, count


@internal
@pure
def _child(
    node: Bytes[MAX_NODE], start: uint256, key: uint256, position: uint256
) -> MerkleTrie.Item:
    # The branch's item for the next nibble of the key.
    at: uint256 = start
    for _: uint256 in range((key >> (252 - 4 * position)) & 15, bound=16):
        at = MerkleTrie._item(node, at).end
    return MerkleTrie._item(node, at)


@internal
@view
def find(cursor: uint256, root: bytes32, path: bytes32) -> Found:
    """
    @notice The value of a key; `path` is the hash of the key.
    """
    found: Found = Found(value=b"", isFound=False, cursor=cursor)
    if root == EMPTY_ROOT:
        return found
    key: uint256 = convert(path, uint256)
    node: Bytes[MAX_NODE] = self._open(cursor, root)
    found.cursor += Tape.HEAD + len(node)
    position: uint256 = 0
    for _: uint256 in range(65):
        start: uint256 = MerkleTrie._listStart(node)
        item: MerkleTrie.Item = MerkleTrie._item(node, start)
        second: MerkleTrie.Item = MerkleTrie._item(node, item.end)
        if second.end == len(node):
            isLeaf: bool = False
            nibbles: uint256 = 0
            count: uint256 = 0
            isLeaf, nibbles, count = self._path(node, item)
            assert position + count <= 64, "TrieLookup: the path is longer than the key"
            ahead: uint256 = 0
            if count > 0:
                ahead = (key << (4 * position)) >> (256 - 4 * count)
            if ahead != nibbles:
                return found
            item = second
            position += count
            if isLeaf:
                found.isFound = position == 64
                found.value = convert(slice(node, item.start, item.size), Bytes[MAX_VALUE])
                return found
        else:
            item = self._child(node, start, key, position)
            position += 1
        if item.size == 0:
            return found
        if item.size == 32:
            wanted: bytes32 = extract32(node, item.start)
            node = self._open(found.cursor, wanted)
            found.cursor += Tape.HEAD + len(node)
        else:
            node = slice(node, item.start, item.size)
    raise "TrieLookup: the path is longer than the key"
