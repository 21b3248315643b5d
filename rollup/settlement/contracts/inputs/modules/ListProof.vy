# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ListProof
@notice A step of a proof in the trie of a block's transactions or receipts, whose keys are the RLP of
        the index: where does a node lead, to a value, to another node, or to nothing?
@dev Nodes are read in calldata; whoever calls has compared their hash with the one that the node
     before named, so their form is what consensus made it. A node shorter than 32 bytes would stand
     inside its parent: a receipt has 256 bytes of bloom alone, and the leaf of an L1-attributes
     transaction has as many, so none of theirs does; where one does, the proof is refused.
"""

import rollup.settlement.contracts.inputs.modules.Calldata as Calldata

MAX_PROOF: constant(uint256) = 8_192
# Nodes from the root to a value: six nibbles at most, hence seven.
MAX_NODES: constant(uint256) = 7
# Keys of this many bytes at most: indices below 65,536.
MAX_INDEX: constant(uint256) = 65_536
NODE: constant(uint256) = 0
VALUE: constant(uint256) = 1
ABSENT: constant(uint256) = 2


struct Key:
    # The nibbles from the highest on, and how many there are.
    nibbles: uint256
    count: uint256


struct Step:
    # NODE, VALUE or ABSENT.
    kind: uint256
    # Hash of the next node.
    reference: bytes32
    # How many nibbles are used up.
    used: uint256
    # Where the value lies.
    start: uint256
    end: uint256


@internal
@pure
def keyOf(index: uint256) -> Key:
    """
    @notice The key of an index.
    """
    assert index < MAX_INDEX, "ListProof: index"
    if index == 0:
        return Key(nibbles=128 << 248, count=2)
    if index < 128:
        return Key(nibbles=index << 248, count=2)
    if index < 256:
        return Key(nibbles=((129 << 8) | index) << 240, count=4)
    return Key(nibbles=((130 << 16) | index) << 232, count=6)


@internal
@view
def _child(item: Calldata.Item, used: uint256) -> Step:
    size: uint256 = item.end - item.start
    found: Step = empty(Step)
    found.kind = ABSENT
    if item.isList:
        raise "ListProof: a node inside a node"
    if size == 0:
        return found
    assert size == 32, "ListProof: no reference"
    found.kind = NODE
    found.reference = convert(Calldata.word(item.start), bytes32)
    found.used = used
    return found


@internal
@view
def follow(position: uint256, size: uint256, key: Key, used: uint256) -> Step:
    """
    @notice Where the node at a position leads for a key of which some nibbles are used up.
    """
    limit: uint256 = position + size
    whole: Calldata.Item = Calldata.known(position, limit)
    assert whole.isList and whole.end == limit, "ListProof: no node"
    first: Calldata.Item = Calldata.known(whole.start, limit)
    second: Calldata.Item = Calldata.known(first.end, limit)
    if second.end != limit:
        return self._branch(whole.start, limit, key, used)
    # Leaf or extension: the path is hex-prefix encoded, flags in its first nibble.
    pathSize: uint256 = first.end - first.start
    assert pathSize > 0 and pathSize < 33, "ListProof: no path"
    packed: uint256 = Calldata.word(first.start)
    flags: uint256 = packed >> 252
    count: uint256 = 2 * pathSize - 2
    path: uint256 = packed << 8
    if flags & 1 == 1:
        count += 1
        path = packed << 4
    found: Step = empty(Step)
    found.kind = ABSENT
    if used + count > key.count:
        return found
    if count > 0 and (path >> (256 - 4 * count)) != (key.nibbles << (4 * used)) >> (256 - 4 * count):
        return found
    if flags < 2:
        return self._child(second, used + count)
    if used + count != key.count:
        return found
    found.kind = VALUE
    found.used = key.count
    found.start = second.start
    found.end = second.end
    return found


@internal
@view
def walk(proof: Bytes[MAX_PROOF], base: uint256, root: bytes32, key: Key) -> Step:
    """
    @notice Where a whole proof leads: a byte with the number of its nodes, and the nodes from the root
            on, each behind its length in three bytes. `base` is where it stands in the calldata.
    """
    found: Step = Step(kind=NODE, reference=root, used=0, start=0, end=0)
    at: uint256 = 1
    for _: uint256 in range(Calldata.octet(base), bound=MAX_NODES):
        size: uint256 = Calldata.word(base + at) >> 232
        at += 3
        assert found.kind == NODE, "ListProof: nodes behind the end of the proof"
        assert (
            keccak256(slice(proof, at, size)) == found.reference
        ), "ListProof: not the node that its parent names"
        found = self.follow(base + at, size, key, found.used)
        at += size
    assert at == len(proof), "ListProof: bytes behind the proof"
    return found


@internal
@view
def _branch(start: uint256, limit: uint256, key: Key, used: uint256) -> Step:
    if used == key.count:
        # No key of a list begins another one.
        absent: Step = empty(Step)
        absent.kind = ABSENT
        return absent
    wanted: uint256 = (key.nibbles << (4 * used)) >> 252
    item: Calldata.Item = Calldata.known(start, limit)
    for i: uint256 in range(16):
        if i == wanted:
            break
        item = Calldata.known(item.end, limit)
    return self._child(item, used + 1)
