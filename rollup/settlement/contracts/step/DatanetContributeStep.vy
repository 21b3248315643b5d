# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title DatanetContributeStep
@notice Steps of phase `precompile` of the native datanet_registry: calls of its function
        `contribute`.
@dev The twin of `contribute` in evm/precompiles/datanet_registry.py. DatanetRegistryStep asks it.
"""

import rollup.settlement.contracts.step.modules.Datanets as Datanets
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Texts as Texts

PLACE: constant(Bytes[27]) = b"datanet_registry.contribute"

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _contribute(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice Offer content to a Datanet; `found` is the contribution's id.
    """
    identity: uint256 = NativeFrame.argument(given, PLACE, 0, b"uint256")
    # Root, rows, licence.
    contents: uint256[3] = empty(uint256[3])
    contents[0] = NativeFrame.argument(given, PLACE, 1, b"bytes32")
    contents[1] = NativeFrame.unsigned(given, PLACE, 2, b"uint64", State.U64)
    contents[2] = NativeFrame.argument(given, PLACE, 3, b"bytes32")
    frame: NativeFrame.Frame = Datanets.datanet(given, identity)
    datanet: uint256 = frame.found
    frame = Datanets.notFrozen(frame, datanet, identity)
    if contents[0] == 0 or contents[1] == 0:
        Datanets.refuse(
            frame,
            concat(
                b"an empty contribution: root ", Texts.hexOf(contents[0], 32), b", ",
                Texts.decimal(contents[1]), b" rows",
            ),
        )
    counts: uint256 = unsafe_add(datanet, Datanets.COUNTS)
    frame = NativeFrame.loadPart(frame, counts, 0, Datanets.COUNT)
    ids: uint256[2] = [identity, frame.found + 1]
    frame = NativeFrame.mapped(
        NativeFrame.storePart(frame, counts, 0, Datanets.COUNT, ids[1]),
        unsafe_add(datanet, Datanets.CONTRIBUTIONS),
        ids[1],
    )
    place: uint256 = frame.found
    frame = NativeFrame.storePart(frame, place, 0, Datanets.ADDRESS, frame.caller)
    frame = NativeFrame.storePart(
        frame, place, Datanets.ROW_COUNT_AT, Datanets.COUNT, contents[1]
    )
    frame = NativeFrame.sstore(frame, unsafe_add(place, Datanets.CONTENT_ROOT), contents[0])
    frame = NativeFrame.sstore(
        frame, unsafe_add(place, Datanets.CONTRIBUTION_LICENCE), contents[2]
    )
    topic: bytes32 = keccak256(
        "ContributionSubmitted(uint256,uint256,address,bytes32,uint64,bytes32)"
    )
    frame = Datanets.emit(frame, topic, 6, ids, abi_encode(contents))
    frame = NativeFrame.loadPart(frame, datanet, Datanets.OPEN_AT, 1)
    if frame.found != 0:
        frame = Datanets.setStatus(frame, place, ids, Datanets.APPROVED)
    frame.found = ids[1]
    return frame


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Datanets.NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert NativeFrame.selector(frame) == convert(
        method_id("contribute(uint256,bytes32,uint64,bytes32)", output_type=bytes4), uint256
    ), "DatanetContributeStep: another function"
    frame = self._contribute(NativeFrame.called(frame, PLACE, False, False))
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
