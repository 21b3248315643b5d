# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title DatanetRegistryStep
@notice Steps of phase `precompile` of the native datanet_registry.
@dev The twin of evm/precompiles/datanet_registry.py, function by function and reason by reason. What is
     called `createDatanet`, `contribute` or `publishVersion` is another contract's: all together
     are too long for one.
"""

import rollup.settlement.contracts.step.modules.Datanets as Datanets
import rollup.settlement.contracts.step.modules.NativeData as NativeData
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Texts as Texts

CREATE_DATANET: constant(uint256) = 2119198657
CONTRIBUTE: constant(uint256) = 2982847224
PUBLISH_VERSION: constant(uint256) = 1043989705
# Functions in the order of their numbers: those that write, views.
APPROVE: constant(uint256) = 0
REJECT: constant(uint256) = 1
REVOKE: constant(uint256) = 2
FREEZE: constant(uint256) = 3
GET_DATANET: constant(uint256) = 4
GET_CONTRIBUTION: constant(uint256) = 5
GET_VERSION: constant(uint256) = 6
IS_VERSION: constant(uint256) = 7
DATANET_COUNT: constant(uint256) = 8
FUNCTIONS: constant(uint256) = 9
# Their selectors and names, and where each name begins, a byte each.
SELECTORS: constant(uint256[FUNCTIONS]) = [
    1563796441, 2259826524, 3189469126, 3618082232, 1792890094,
    1076179905, 1770500213, 773622880, 1240869620,
]
NAMES: constant(Bytes[81]) = b"approverejectrevokefreezegetDatanetgetContributiongetVersionisVersiondatanetCount"
STARTS: constant(uint256) = 130069332901974787409

rules: immutable(uint256)
creating: immutable(address)
contributing: immutable(address)
publishing: immutable(address)


@deploy
def __init__(
    forkRules: uint256, createStep: address, contributeStep: address, publishStep: address
):
    rules = forkRules
    creating = createStep
    contributing = contributeStep
    publishing = publishStep


@internal
@view
def _function(frame: NativeFrame.Frame) -> (uint256, Bytes[32]):
    """
    @notice The function that the calldata names, and where its refusals say that they come from.
    """
    selector: uint256 = NativeFrame.selector(frame)
    end: uint256 = 8 * FUNCTIONS
    for known: uint256 in SELECTORS:
        end = unsafe_sub(end, 8)
        if known == selector:
            start: uint256 = (STARTS >> unsafe_add(end, 8)) & 255
            name: Bytes[15] = convert(
                slice(NAMES, start, unsafe_sub((STARTS >> end) & 255, start)), Bytes[15]
            )
            return FUNCTIONS - 1 - end // 8, concat(Datanets.NAME, b".", name)
    NativeFrame.noFunction(frame, Datanets.NAME)
    return 0, b""


@internal
@view
def _decide(
    given: NativeFrame.Frame, ids: uint256[2], verdict: uint256
) -> NativeFrame.Frame:
    """
    @notice Approve or reject a pending contribution.
    """
    frame: NativeFrame.Frame = Datanets.owned(given, ids[0])
    frame = Datanets.contribution(frame, frame.found, ids[0], ids[1])
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, Datanets.STATUS_AT, 1)
    if frame.found != Datanets.PENDING:
        Datanets.refuse(
            frame,
            concat(
                Datanets.ofDatanet(ids[1], ids[0]), b" is ",
                Datanets.statusName(frame.found), b", not pending",
            ),
        )
    return Datanets.setStatus(frame, place, ids, verdict)


@internal
@view
def _revoke(given: NativeFrame.Frame, ids: uint256[2]) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = Datanets.datanet(given, ids[0])
    datanet: uint256 = frame.found
    frame = Datanets.contribution(frame, datanet, ids[0], ids[1])
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, 0, Datanets.ADDRESS)
    contributor: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, datanet, 0, Datanets.ADDRESS)
    if frame.caller != contributor and frame.caller != frame.found:
        Datanets.refuse(
            frame,
            concat(
                Datanets.ofDatanet(ids[1], ids[0]), b" is of ", Texts.hexOf(contributor, 20),
                b" and under ", Texts.hexOf(frame.found, 20), b", caller is ",
                Texts.hexOf(frame.caller, 20),
            ),
        )
    frame = NativeFrame.loadPart(frame, place, Datanets.STATUS_AT, 1)
    if frame.found >= Datanets.REJECTED:
        Datanets.refuse(
            frame,
            concat(
                Datanets.ofDatanet(ids[1], ids[0]), b" is ", Datanets.statusName(frame.found)
            ),
        )
    return Datanets.setStatus(frame, place, ids, Datanets.REVOKED)


@internal
@view
def _freeze(given: NativeFrame.Frame, identity: uint256) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = Datanets.owned(given, identity)
    frame = NativeFrame.storePart(frame, frame.found, Datanets.FROZEN_AT, 1, 1)
    topic: uint256 = convert(keccak256("DatanetFrozen(uint256)"), uint256)
    return NativeFrame.emit(frame, 1, [topic, identity, 0, 0], 2, b"")


@internal
@view
def _version(
    given: NativeFrame.Frame, identity: uint256, number: uint256
) -> NativeFrame.Frame:
    """
    @notice The place of a version that is there, as `found`.
    """
    frame: NativeFrame.Frame = Datanets.datanet(given, identity)
    datanet: uint256 = frame.found
    frame = NativeFrame.loadPart(
        frame,
        unsafe_add(datanet, Datanets.COUNTS),
        Datanets.VERSION_COUNT_AT,
        Datanets.COUNT,
    )
    if number == 0 or number > frame.found:
        Datanets.refuse(
            frame,
            concat(
                b"no version ", Texts.decimal(number), b" of datanet ",
                Texts.decimal(identity), b", there are ", Texts.decimal(frame.found),
            ),
        )
    return NativeFrame.mapped(frame, unsafe_add(datanet, Datanets.VERSIONS), number)


@internal
@view
def _isVersion(
    given: NativeFrame.Frame, identity: uint256, root: uint256
) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = NativeFrame.mapped(given, Datanets.DATANETS, identity)
    frame = NativeFrame.mapped(frame, unsafe_add(frame.found, Datanets.ROOT_MARKS), root)
    frame = NativeFrame.sload(frame, frame.found)
    frame.found = 1 if frame.found != 0 else 0
    return frame


@internal
@view
def _read(
    given: NativeFrame.Frame, function: uint256, arguments: uint256[2]
) -> (NativeFrame.Frame, uint256[9], uint256):
    """
    @notice Views; their results, static types of a word each, and how many there are.
    """
    frame: NativeFrame.Frame = given
    results: uint256[9] = empty(uint256[9])
    if function == IS_VERSION or function == DATANET_COUNT:
        if function == IS_VERSION:
            frame = self._isVersion(frame, arguments[0], arguments[1])
        else:
            frame = NativeFrame.sload(frame, Datanets.DATANET_COUNT)
        results[0] = frame.found
        return frame, results, 1
    # Of a version: root, rows, contributions, block.
    fields: uint256 = 9024826136597000
    count: uint256 = 4
    if function == GET_VERSION:
        frame = self._version(frame, arguments[0], arguments[1])
    else:
        frame = Datanets.datanet(frame, arguments[0])
        # Owner, is it open, is it frozen, schema, licence, contributions, versions.
        fields = 1586111909072245835009771454984
        count = 7
        if function == GET_CONTRIBUTION:
            frame = Datanets.contribution(frame, frame.found, arguments[0], arguments[1])
            # Contributor, root, rows, licence, status.
            fields = 370096815710509467393
            count = 5
    frame, results = NativeData.fields(frame, frame.found, fields, count)
    return frame, results, count


@internal
@view
def _write(
    given: NativeFrame.Frame, function: uint256, arguments: uint256[2]
) -> NativeFrame.Frame:
    if function == REVOKE:
        return self._revoke(given, arguments)
    if function == FREEZE:
        return self._freeze(given, arguments[0])
    return self._decide(
        given, arguments, Datanets.APPROVED if function == APPROVE else Datanets.REJECTED
    )


@internal
@view
def _arguments(
    frame: NativeFrame.Frame, place: Bytes[32], function: uint256
) -> uint256[2]:
    arguments: uint256[2] = empty(uint256[2])
    if function == DATANET_COUNT:
        return arguments
    arguments[0] = NativeFrame.argument(frame, place, 0, b"uint256")
    if function != FREEZE and function != GET_DATANET:
        type_: Bytes[7] = b"uint256"
        if function == IS_VERSION:
            type_ = b"bytes32"
        arguments[1] = NativeFrame.argument(frame, place, 1, type_)
    return arguments


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Datanets.NATIVE, rules), NativeFrame.CALL_BASE
    )
    function: uint256 = 0
    place: Bytes[32] = b""
    function, place = self._function(frame)
    frame = NativeFrame.called(frame, place, False, function >= GET_DATANET)
    arguments: uint256[2] = self._arguments(frame, place, function)
    results: uint256[9] = empty(uint256[9])
    count: uint256 = 0
    if function >= GET_DATANET:
        frame, results, count = self._read(frame, function, arguments)
    else:
        frame = self._write(frame, function, arguments)
    return NativeFrame.succeed(
        NativeFrame.chargeWords(frame, count), slice(abi_encode(results), 0, 32 * count)
    )


@external
@view
@raw_return
def __default__() -> Bytes[32]:
    """
    @notice The commitment after the step, asked for as `step(bytes,bytes,bytes32)`.
    """
    if msg.sender == self:
        return slice(self._step(), 0, 32)
    selector: uint256 = NativeFrame.shownSelector()
    part: address = empty(address)
    if selector == CREATE_DATANET:
        part = creating
    elif selector == CONTRIBUTE:
        part = contributing
    elif selector == PUBLISH_VERSION:
        part = publishing
    if part != empty(address):
        return raw_call(part, msg.data, max_outsize=32, is_static_call=True)
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
