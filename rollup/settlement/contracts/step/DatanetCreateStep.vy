# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title DatanetCreateStep
@notice Steps of phase `precompile` of the native datanet_registry: calls of its function
        `createDatanet`.
@dev The twin of `create_datanet` in evm/precompiles/datanet_registry.py. DatanetRegistryStep asks it.
"""

import rollup.settlement.contracts.step.modules.Datanets as Datanets
import rollup.settlement.contracts.step.modules.NativeData as NativeData
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Texts as Texts

PLACE: constant(Bytes[30]) = b"datanet_registry.createDatanet"

# Prices; evm/precompiles/gas.py.
KECCAK: constant(uint256) = 30
KECCAK_WORD: constant(uint256) = 6

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _create(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice Create a Datanet of the caller; `found` is its id.
    """
    frame: NativeFrame.Frame = given
    reader: NativeData.Reader = NativeData.text(NativeData.start(frame), frame, PLACE, 0)
    at: uint256 = reader.found
    size: uint256 = reader.length
    # Schema, licence, is it open to all.
    contents: uint256[3] = empty(uint256[3])
    for i: uint256 in range(3):
        type_: Bytes[7] = b"bytes32"
        if i == 2:
            type_ = b"bool"
        reader = NativeData.word(reader, frame, PLACE, type_, 32 * (i + 1))
        contents[i] = reader.found
    if contents[2] > 1:
        NativeFrame.refuse(
            frame,
            concat(PLACE, b": abi bool: expected 0 or 1, got ", Texts.hexNumber(contents[2])),
        )
    if size > NativeData.MAX_TEXT:
        Datanets.refuse(
            frame, concat(b"metadata of ", Texts.decimal(size), b" bytes, at most 1024")
        )
    frame = NativeFrame.sload(frame, Datanets.DATANET_COUNT)
    identity: uint256 = frame.found + 1
    frame = NativeFrame.sstore(frame, Datanets.DATANET_COUNT, identity)
    frame = NativeFrame.mapped(frame, Datanets.DATANETS, identity)
    place: uint256 = frame.found
    frame = NativeFrame.storePart(frame, place, 0, Datanets.ADDRESS, frame.caller)
    frame = NativeFrame.storePart(frame, place, Datanets.OPEN_AT, 1, contents[2])
    frame = NativeFrame.sstore(frame, unsafe_add(place, Datanets.SCHEMA_HASH), contents[0])
    frame = NativeFrame.sstore(frame, unsafe_add(place, Datanets.LICENCE), contents[1])
    count: uint256 = (size + 31) >> 5
    frame = NativeFrame.charge(frame, KECCAK + KECCAK_WORD * count)
    hashed: uint256 = convert(NativeData.hashOf(at, size), uint256)
    frame = NativeFrame.sstore(frame, unsafe_add(place, Datanets.METADATA_HASH), hashed)
    row: bytes32[NativeData.MAX_WORDS] = empty(bytes32[NativeData.MAX_WORDS])
    row = NativeData.withWords(row, 0, frame.start + 36, 3)
    # The text's offset, its length, the text.
    row[3] = convert(128, bytes32)
    row[4] = convert(size, bytes32)
    row = NativeData.withWords(row, 5, at, count)
    topic: bytes32 = keccak256("DatanetCreated(uint256,address,bytes32,bytes32,bool,string)")
    topics: uint256[4] = [convert(topic, uint256), identity, frame.caller, 0]
    frame = NativeData.emit(frame, 7 + count, topics, 3, row, 160 + 32 * count)
    frame.found = identity
    return frame


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Datanets.NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert NativeFrame.selector(frame) == convert(
        method_id("createDatanet(string,bytes32,bytes32,bool)", output_type=bytes4), uint256
    ), "DatanetCreateStep: another function"
    frame = self._create(NativeFrame.called(frame, PLACE, False, False))
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
