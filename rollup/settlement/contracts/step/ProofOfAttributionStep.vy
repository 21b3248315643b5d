# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title ProofOfAttributionStep
@notice Steps of phase `precompile` of the native proof_of_attribution.
@dev The twin of evm/precompiles/proof_of_attribution.py, function by function and reason by reason. What
     is called `settle` is decided by AttributionRequestStep, AttributionFeeStep and AttributionPartsStep,
     what is called `claimShare` by AttributionShareStep: all together are too long for one contract.
     How they end by a signal is read here. What is held is less than 128 bits of wei: its products
     with shares fit in a word. Each account that a settlement pays adds some 3 KB to its witness: a
     list of more than about 85 is refused by name, since no transaction on L1 could take it.
"""

import rollup.settlement.contracts.step.modules.Attribution as Attribution
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Texts as Texts

# A settlement costs up to 43 gas for each byte of its witness, and a transaction has 2^24.
MAX_WITNESS: constant(uint256) = 380000

# Functions in the order of their numbers: those that write, views.
SETTLE: constant(uint256) = 0
CLAIM_SHARE: constant(uint256) = 1
CLAIM: constant(uint256) = 2
CLAIM_FOR: constant(uint256) = 3
BALANCE_OF: constant(uint256) = 4
HELD_OF: constant(uint256) = 5
IS_SHARE_CLAIMED: constant(uint256) = 6
GET_SETTLEMENT: constant(uint256) = 7
FUNCTIONS: constant(uint256) = 8
# Their selectors and names, and where each name begins, a byte each.
SELECTORS: constant(uint256[FUNCTIONS]) = [
    3974750679, 2227897366, 1316084013, 3723157555,
    1889567281, 3356279264, 1367683103, 3286674656,
]
NAMES: constant(Bytes[71]) = b"settleclaimShareclaimclaimForbalanceOfheldOfisShareClaimedgetSettlement"
STARTS: constant(uint256) = 436872378793605703

rules: immutable(uint256)
parts: immutable(address)
share: immutable(address)


@deploy
def __init__(forkRules: uint256, partsStep: address, shareStep: address):
    rules = forkRules
    parts = partsStep
    share = shareStep


@internal
@view
def _function(frame: NativeFrame.Frame) -> (uint256, Bytes[35]):
    """
    @notice The function that the calldata names, and where its refusals say that they come from.
    """
    selector: uint256 = NativeFrame.selector(frame)
    end: uint256 = 8 * FUNCTIONS
    for known: uint256 in SELECTORS:
        end = unsafe_sub(end, 8)
        if known == selector:
            start: uint256 = (STARTS >> unsafe_add(end, 8)) & 255
            name: Bytes[14] = convert(
                slice(NAMES, start, unsafe_sub((STARTS >> end) & 255, start)), Bytes[14]
            )
            return FUNCTIONS - 1 - end // 8, concat(Attribution.NAME, b".", name)
    NativeFrame.noFunction(frame, Attribution.NAME)
    return 0, b""


@internal
@view
def _claimFor(given: NativeFrame.Frame, account: uint256) -> NativeFrame.Frame:
    """
    @notice Pay out an account's balance to that account; `found` is how many wei.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(given, Attribution.BALANCES, account)
    place: uint256 = frame.found
    frame = NativeFrame.sload(frame, place)
    amount: uint256 = frame.found
    if amount == 0:
        Attribution.refuse(frame, concat(b"nothing to claim for ", Texts.hexOf(account, 20)))
    frame = NativeFrame.sstore(frame, place, 0)
    topics: uint256[4] = [
        convert(keccak256("Claimed(address,uint256)"), uint256), account, 0, 0
    ]
    frame = NativeFrame.emit(frame, 2, topics, 2, abi_encode(amount))
    frame = NativeFrame.transfer(frame, account, amount)
    frame.found = amount
    return frame


@internal
@view
def _heldOf(given: NativeFrame.Frame, place: uint256) -> (NativeFrame.Frame, uint256[10]):
    """
    @notice What is still held in wei, and how many parts per million were claimed.
    """
    results: uint256[10] = empty(uint256[10])
    frame: NativeFrame.Frame = NativeFrame.loadPart(given, place, 28, 1)
    if frame.found == 0:
        results[1] = Attribution.TOTAL_PPM
        return frame, results
    frame = NativeFrame.sload(frame, unsafe_add(place, 7))
    held: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, unsafe_add(place, 5), 16, 4)
    results[0] = held - held * frame.found // Attribution.TOTAL_PPM
    results[1] = frame.found
    return frame, results


@internal
@view
def _getSettlement(given: NativeFrame.Frame, place: uint256) -> (NativeFrame.Frame, uint256[10]):
    frame: NativeFrame.Frame = given
    results: uint256[10] = empty(uint256[10])
    i: uint256 = 0
    # Adapter, output, shares, evidence, tokens, fee, held, worker, block number.
    for slot: uint256 in [1, 2, 3, 4, 5, 5, 6, 7, 0, 0]:
        frame = NativeFrame.sload(frame, unsafe_add(place, slot))
        results[i] = frame.found
        i += 1
    results[4] = results[4] & State.U64
    results[5] = (results[5] >> 64) & State.U64
    results[8] = results[8] & State.U160
    results[9] = (results[9] >> 160) & State.U64
    return frame, results


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Attribution.NATIVE, rules), NativeFrame.CALL_BASE
    )
    function: uint256 = 0
    place: Bytes[35] = b""
    function, place = self._function(frame)
    assert function > CLAIM_SHARE, "ProofOfAttributionStep: another contract's function"
    frame = NativeFrame.called(frame, place, False, function >= BALANCE_OF)
    # Results are static types, a word each.
    results: uint256[10] = empty(uint256[10])
    count: uint256 = 1
    if function < HELD_OF:
        account: uint256 = frame.caller
        if function != CLAIM:
            account = NativeFrame.account(frame, place, 0)
        if function == BALANCE_OF:
            frame = NativeFrame.mapped(frame, Attribution.BALANCES, account)
            frame = NativeFrame.sload(frame, frame.found)
        else:
            frame = self._claimFor(frame, account)
        results[0] = frame.found
    else:
        identity: uint256 = NativeFrame.argument(frame, place, 0, b"bytes32")
        index: uint256 = 0
        if function == IS_SHARE_CLAIMED:
            index = NativeFrame.argument(frame, place, 1, b"uint256")
        frame = Attribution.settlement(frame, identity)
        settlement: uint256 = frame.found
        if function == HELD_OF:
            count = 2
            frame, results = self._heldOf(frame, settlement)
        elif function == GET_SETTLEMENT:
            count = 10
            frame, results = self._getSettlement(frame, settlement)
        else:
            frame = Attribution.marks(frame, settlement, index)
            frame = NativeFrame.sload(frame, frame.found)
            results[0] = (frame.found >> (index & 255)) & 1
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
    decider: address = self
    selector: uint256 = NativeFrame.shownSelector()
    if selector == SELECTORS[SETTLE]:
        if Tape.word(Tape.PROOF_LENGTH) > MAX_WITNESS:
            NativeFrame.unsupported(Attribution.NATIVE)
        decider = parts
    elif selector == SELECTORS[CLAIM_SHARE]:
        decider = share
    hasEnded: bool = False
    answer: Bytes[NativeFrame.MAX_SIGNAL] = b""
    hasEnded, answer = raw_call(
        decider,
        msg.data,
        max_outsize=NativeFrame.MAX_SIGNAL,
        is_static_call=True,
        revert_on_failure=False,
    )
    if hasEnded:
        return slice(extract32(answer, 0), 0, 32)
    return slice(NativeFrame.signalled(answer), 0, 32)
