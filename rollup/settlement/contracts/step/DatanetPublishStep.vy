# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title DatanetPublishStep
@notice Steps of phase `precompile` of the native datanet_registry: calls of its function
        `publishVersion`.
@dev The twin of `publish_version` in evm/precompiles/datanet_registry.py. DatanetRegistryStep asks it. A
     version of more than MOST contributions is too much for a transaction on L1, unless one of the
     first ends the call.
"""

import rollup.settlement.contracts.step.modules.Datanets as Datanets
import rollup.settlement.contracts.step.modules.NativeData as NativeData
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Texts as Texts

PUBLISH: constant(Bytes[31]) = b"datanet_registry.publishVersion"
MAX_CONTRIBUTIONS: constant(uint256) = 1024
# What the log has room for beside four words.
MOST: constant(uint256) = NativeData.MAX_WORDS - 4

# Prices; evm/precompiles/gas.py: keccak of a leaf's 193 bytes and of a node's 65.
LOOP_ITEM: constant(uint256) = 50
KECCAK: constant(uint256) = 30
KECCAK_WORD: constant(uint256) = 6
LEAF: constant(uint256) = KECCAK + 7 * KECCAK_WORD
NODE: constant(uint256) = KECCAK + 3 * KECCAK_WORD

# Fields of a version that share a slot, and where they lie in it.
VERSION_COUNTS: constant(uint256) = 1
BLOCK_NUMBER_AT: constant(uint256) = 8
CONTRIBUTION_COUNT_AT: constant(uint256) = 16

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


struct Snapshot:
    # Leaves in the order of the ids, and the sum of their rows.
    leaves: bytes32[MOST]
    rows: uint256


@internal
@view
def _leaf(
    given: NativeFrame.Frame, datanet: uint256, ids: uint256[2]
) -> (NativeFrame.Frame, uint256):
    """
    @notice The leaf of an approved contribution, as `found`, and its rows.
    """
    frame: NativeFrame.Frame = Datanets.contribution(given, datanet, ids[0], ids[1])
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, Datanets.STATUS_AT, 1)
    if frame.found != Datanets.APPROVED:
        Datanets.refuse(
            frame,
            concat(
                Datanets.ofDatanet(ids[1], ids[0]), b" is ", Datanets.statusName(frame.found)
            ),
        )
    frame = NativeFrame.loadPart(frame, place, Datanets.ROW_COUNT_AT, Datanets.COUNT)
    rows: uint256 = frame.found
    frame = NativeFrame.charge(frame, LEAF)
    frame = NativeFrame.loadPart(frame, place, 0, Datanets.ADDRESS)
    contributor: uint256 = frame.found
    frame = NativeFrame.sload(frame, unsafe_add(place, Datanets.CONTENT_ROOT))
    root: uint256 = frame.found
    frame = NativeFrame.sload(frame, unsafe_add(place, Datanets.CONTRIBUTION_LICENCE))
    frame.found = convert(
        keccak256(
            concat(0x00, abi_encode(ids[0], ids[1], contributor, root, rows, frame.found))
        ),
        uint256,
    )
    return frame, rows


@internal
@view
def _snapshot(
    given: NativeFrame.Frame, datanet: uint256, identity: uint256, at: uint256, count: uint256
) -> (NativeFrame.Frame, Snapshot):
    """
    @notice Read contributions, the ids of which ascend strictly.
    """
    frame: NativeFrame.Frame = given
    made: Snapshot = empty(Snapshot)
    previous: uint256 = 0
    for i: uint256 in range(count, bound=MAX_CONTRIBUTIONS):
        if i == MOST:
            NativeFrame.unsupported(Datanets.NATIVE)
        contribution: uint256 = Tape.word(at + 32 * i)
        frame = NativeFrame.charge(frame, LOOP_ITEM)
        if contribution <= previous:
            Datanets.refuse(
                frame,
                concat(
                    b"contribution ids must ascend: ", Texts.decimal(contribution),
                    b" comes after ", Texts.decimal(previous),
                ),
            )
        previous = contribution
        rows: uint256 = 0
        frame, rows = self._leaf(frame, datanet, [identity, contribution])
        made.leaves[i] = convert(frame.found, bytes32)
        made.rows += rows
    return frame, made


@internal
@pure
def _root(given: bytes32[MOST], count: uint256) -> bytes32:
    """
    @notice The Merkle root of leaves, not none: a last odd node moves up unchanged.
    """
    level: bytes32[MOST] = given
    left: uint256 = count
    for _: uint256 in range(NativeData.MAX_LEVELS):
        for i: uint256 in range(left >> 1, bound=MOST):
            level[i] = keccak256(concat(0x01, level[2 * i], level[2 * i + 1]))
        if left & 1 == 1:
            level[left >> 1] = level[left - 1]
        left = (left + 1) >> 1
    return level[0]


@internal
@view
def _publish(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice Fix approved contributions under a snapshot root; `found` is the version's number.
    """
    frame: NativeFrame.Frame = given
    reader: NativeData.Reader = NativeData.word(
        NativeData.start(frame), frame, PUBLISH, b"uint256", 0
    )
    identity: uint256 = reader.found
    reader = NativeData.list(reader, frame, PUBLISH, b"uint256[]", b"uint256", 1)
    count: uint256 = reader.length
    frame = Datanets.owned(frame, identity)
    datanet: uint256 = frame.found
    if count == 0 or count > MAX_CONTRIBUTIONS:
        Datanets.refuse(
            frame, concat(Texts.decimal(count), b" contributions in a version, 1 to 1024")
        )
    snapshot: Snapshot = empty(Snapshot)
    frame, snapshot = self._snapshot(frame, datanet, identity, reader.found, count)
    frame = NativeFrame.charge(frame, NODE * count)
    root: bytes32 = self._root(snapshot.leaves, count)
    counts: uint256 = unsafe_add(datanet, Datanets.COUNTS)
    frame = NativeFrame.loadPart(frame, counts, Datanets.VERSION_COUNT_AT, Datanets.COUNT)
    number: uint256 = frame.found + 1
    frame = NativeFrame.mapped(
        NativeFrame.storePart(
            frame, counts, Datanets.VERSION_COUNT_AT, Datanets.COUNT, number
        ),
        unsafe_add(datanet, Datanets.VERSIONS),
        number,
    )
    version: uint256 = frame.found
    frame = NativeFrame.sstore(frame, version, convert(root, uint256))
    if snapshot.rows >= 2**64:
        NativeFrame.refuse(
            frame,
            concat(
                b"Version.row_count: ", Texts.decimal(snapshot.rows),
                b" does not fit in 64 bits",
            ),
        )
    version = unsafe_add(version, VERSION_COUNTS)
    frame = NativeFrame.withBlock(
        NativeFrame.storePart(frame, version, 0, Datanets.COUNT, snapshot.rows)
    )
    frame = NativeFrame.storePart(
        frame, version, BLOCK_NUMBER_AT, Datanets.COUNT, frame.number
    )
    frame = NativeFrame.storePart(
        frame, version, CONTRIBUTION_COUNT_AT, Datanets.COUNT, count
    )
    frame = NativeFrame.mapped(
        frame, unsafe_add(datanet, Datanets.ROOT_MARKS), convert(root, uint256)
    )
    mark: uint256 = frame.found
    frame = NativeFrame.sload(frame, mark)
    if frame.found == 0:
        frame = NativeFrame.sstore(frame, mark, number)
    row: bytes32[NativeData.MAX_WORDS] = empty(bytes32[NativeData.MAX_WORDS])
    row[0] = root
    row[1] = convert(snapshot.rows, bytes32)
    # The list's offset, its length, the list.
    row[2] = convert(96, bytes32)
    row[3] = convert(count, bytes32)
    row = NativeData.withWords(row, 4, reader.found, count)
    topic: bytes32 = keccak256("VersionPublished(uint256,uint256,bytes32,uint64,uint256[])")
    topics: uint256[4] = [convert(topic, uint256), identity, number, 0]
    frame = NativeData.emit(frame, 6 + count, topics, 3, row, 128 + 32 * count)
    frame.found = number
    return frame


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Datanets.NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert NativeFrame.selector(frame) == convert(
        method_id("publishVersion(uint256,uint256[])", output_type=bytes4), uint256
    ), "DatanetPublishStep: another function"
    frame = self._publish(NativeFrame.called(frame, PUBLISH, False, False))
    return NativeFrame.succeed(NativeFrame.chargeWords(frame, 1), abi_encode(frame.found))


@external
@view
@raw_return
def __default__() -> Bytes[32]:
    """
    @notice The commitment after the step, asked for as `step(bytes,bytes,bytes32)`.
    """
    if msg.sender == self:
        return slice(self._step(), 0, 32)
    hasEnded: bool = False
    answer: Bytes[NativeFrame.MAX_SIGNAL] = b""
    hasEnded, answer = raw_call(
        self,
        msg.data,
        max_outsize=NativeFrame.MAX_SIGNAL,
        is_static_call=True,
        revert_on_failure=False,
    )
    if hasEnded:
        return slice(extract32(answer, 0), 0, 32)
    return slice(NativeFrame.signalled(answer), 0, 32)
