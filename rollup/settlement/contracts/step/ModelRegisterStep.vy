# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title ModelRegisterStep
@notice Steps of phase `precompile` of the native model_registry: calls of its function
        `registerBaseModel`.
@dev The twin of `register_base_model` in evm/precompiles/model_registry.py. ModelRegistryStep asks it.
"""

import rollup.settlement.contracts.step.modules.Models as Models
import rollup.settlement.contracts.step.modules.NativeData as NativeData
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Texts as Texts

SELECTOR: constant(uint256) = 561904232
PLACE: constant(Bytes[32]) = b"model_registry.registerBaseModel"

# Prices; evm/precompiles/gas.py.
KECCAK: constant(uint256) = 30
KECCAK_WORD: constant(uint256) = 6

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _registerBaseModel(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice Claim a base model's content hash for the caller.
    """
    frame: NativeFrame.Frame = given
    reader: NativeData.Reader = NativeData.word(
        NativeData.start(frame), frame, PLACE, b"bytes32", 0
    )
    baseModel: uint256 = reader.found
    reader = NativeData.unsigned(reader, frame, PLACE, b"uint16", 1, 65535)
    royalty: uint256 = reader.found
    reader = NativeData.text(reader, frame, PLACE, 2)
    size: uint256 = reader.length
    if size > NativeData.MAX_TEXT:
        Models.refuse(
            frame, concat(b"metadata of ", Texts.decimal(size), b" bytes, at most 1024")
        )
    if baseModel == 0:
        Models.refuse(frame, b"the hash of a base model cannot be zero")
    Models.requireRoyalty(frame, royalty)
    frame = NativeFrame.mapped(frame, Models.BASE_MODELS, baseModel)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, 0, Models.ADDRESS)
    if frame.found != 0:
        Models.refuse(
            frame,
            concat(
                b"base model ", Texts.hexOf(baseModel, 32), b" is owned by ",
                Texts.hexOf(frame.found, 20),
            ),
        )
    frame = NativeFrame.storePart(frame, place, 0, Models.ADDRESS, frame.caller)
    frame = NativeFrame.storePart(frame, place, Models.ROYALTY_AT, Models.ROYALTY, royalty)
    count: uint256 = (size + 31) >> 5
    frame = NativeFrame.charge(frame, KECCAK + KECCAK_WORD * count)
    hashed: uint256 = convert(NativeData.hashOf(reader.found, size), uint256)
    frame = NativeFrame.sstore(frame, unsafe_add(place, Models.METADATA_HASH), hashed)
    row: bytes32[NativeData.MAX_WORDS] = empty(bytes32[NativeData.MAX_WORDS])
    row[0] = convert(royalty, bytes32)
    # The text's offset, its length, the text.
    row[1] = convert(64, bytes32)
    row[2] = convert(size, bytes32)
    row = NativeData.withWords(row, 3, reader.found, count)
    topic: bytes32 = keccak256("BaseModelRegistered(bytes32,address,uint16,string)")
    topics: uint256[4] = [convert(topic, uint256), baseModel, frame.caller, 0]
    return NativeData.emit(frame, 5 + count, topics, 3, row, 96 + 32 * count)


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Models.NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert (
        NativeFrame.selector(frame) == SELECTOR
    ), "ModelRegisterStep: another function"
    frame = self._registerBaseModel(NativeFrame.called(frame, PLACE, False, False))
    return NativeFrame.succeed(frame, b"")


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
