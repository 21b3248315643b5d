# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title AttributionFeeStep
@notice The second part of a settlement: its shares are what they have to be, the fee comes from escrow.
@dev The twin of `_require_shares` and of `settle` up to its event in
     evm/precompiles/proof_of_attribution.py, and of `settle` in inference_escrow.py, which it calls. It
     has the first part from AttributionRequestStep and answers with the frame behind it, for
     AttributionPartsStep.
"""

import rollup.settlement.contracts.step.modules.Attribution as Attribution
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Texts as Texts

MAX_ACCOUNTS: constant(uint256) = 256
# Of the escrow: the mapping of requests, where a status lies, and that of a settled one.
REQUESTS: constant(uint256) = 0
STATUS_AT: constant(uint256) = 28
SETTLED: constant(uint256) = 2

request: immutable(address)


@deploy
def __init__(forkRules: uint256, requestStep: address):
    request = requestStep


@internal
@view
def _root(settling: Attribution.Settling) -> bytes32:
    """
    @notice The Merkle root over the shares; a last odd node moves up unchanged.
    """
    level: bytes32[MAX_ACCOUNTS] = empty(bytes32[MAX_ACCOUNTS])
    for i: uint256 in range(settling.accounts, bound=MAX_ACCOUNTS):
        level[i] = Attribution.leaf(
            i,
            Tape.word(settling.accountsAt + 32 * i),
            Tape.word(settling.sharesAt + 32 * i),
        )
    count: uint256 = settling.accounts
    for _: uint256 in range(8):
        if count == 1:
            break
        for i: uint256 in range(count // 2, bound=MAX_ACCOUNTS // 2):
            level[i] = Attribution.node(level[2 * i], level[2 * i + 1])
        if count & 1 == 1:
            level[count // 2] = level[count - 1]
        count = (count + 1) // 2
    return level[0]


@internal
@view
def _requireShares(
    given: NativeFrame.Frame, settling: Attribution.Settling
) -> NativeFrame.Frame:
    """
    @notice The list is what the root commits to: ascending accounts, shares that sum to a million.
    """
    count: uint256 = settling.accounts
    if count != settling.shares:
        Attribution.refuse(
            given,
            concat(
                Texts.decimal(count), b" accounts and ", Texts.decimal(settling.shares),
                b" shares",
            ),
        )
    if count == 0:
        return given
    if count > MAX_ACCOUNTS:
        Attribution.refuse(
            given,
            concat(Texts.decimal(count), b" accounts, at most 256; leave the list to claimShare"),
        )
    frame: NativeFrame.Frame = NativeFrame.charge(given, Attribution.LOOP_ITEM * count)
    previous: uint256 = 0
    # The sum has more than a word: 256 of them make eight bits more.
    total: uint256 = 0
    high: uint256 = 0
    for i: uint256 in range(count, bound=MAX_ACCOUNTS):
        account: uint256 = Tape.word(settling.accountsAt + 32 * i)
        ppm: uint256 = Tape.word(settling.sharesAt + 32 * i)
        if account <= previous:
            Attribution.refuse(
                frame,
                concat(
                    b"accounts must ascend: ", Texts.hexOf(account, 20), b" after ",
                    Texts.hexOf(previous, 20),
                ),
            )
        if ppm == 0:
            Attribution.refuse(frame, concat(b"share of ", Texts.hexOf(account, 20), b" is 0"))
        previous = account
        total = unsafe_add(total, ppm)
        if total < ppm:
            high += 1
    if high > 0 or total != Attribution.TOTAL_PPM:
        Attribution.refuse(
            frame,
            concat(b"shares sum to ", Texts.wideDecimal(high, total), b", not to 1000000"),
        )
    frame = NativeFrame.charge(
        frame, (Attribution.LEAF_GAS + Attribution.NODE_GAS) * count
    )
    root: uint256 = convert(self._root(settling), uint256)
    said: uint256 = Attribution.stated(frame, Attribution.SHARES_ROOT)
    if root != said:
        Attribution.refuse(
            frame,
            concat(
                b"shares have root ", Texts.hexOf(root, 32), b", stated ", Texts.hexOf(said, 32)
            ),
        )
    return frame


@internal
@view
def _fromEscrow(given: NativeFrame.Frame, identity: uint256, fee: uint256) -> NativeFrame.Frame:
    """
    @notice settle of inference_escrow, called below: the fee comes here and the rest goes back. That
            the request is there, is open and allows the fee has been found before.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(
        NativeFrame.below(given, 2, Attribution.INFERENCE_ESCROW, 68), REQUESTS, identity
    )
    place: uint256 = frame.found
    # Caller, status, deadline.
    for _: uint256 in range(3):
        frame = NativeFrame.sload(frame, place)
    caller: uint256 = frame.found & State.U160
    deadline: uint256 = (frame.found >> 160) & State.U64
    frame = NativeFrame.sload(frame, unsafe_add(place, 5))
    refund: uint256 = (frame.found & (2**192 - 1)) - fee
    if frame.timestamp > deadline:
        NativeFrame.refuse(
            frame,
            concat(
                b"inference_escrow: request ", Texts.hexOf(identity, 32), b" ended at ",
                Texts.decimal(deadline), b", now is ", Texts.decimal(frame.timestamp),
            ),
        )
    frame = NativeFrame.storePart(frame, place, STATUS_AT, 1, SETTLED)
    topics: uint256[4] = [
        convert(keccak256("RequestSettled(bytes32,uint256,uint256)"), uint256), identity, 0, 0
    ]
    frame = NativeFrame.emit(frame, 3, topics, 2, abi_encode(fee, refund))
    frame = NativeFrame.transfer(frame, frame.caller, fee)
    if refund > 0:
        frame = NativeFrame.transfer(NativeFrame.sload(frame, place), caller, refund)
    return NativeFrame.above(frame, given, 0)


@internal
@view
def _step() -> (NativeFrame.Frame, Attribution.Settling):
    before: Bytes[Attribution.ANSWER] = raw_call(
        request, msg.data, max_outsize=Attribution.ANSWER, is_static_call=True
    )
    frame: NativeFrame.Frame = empty(NativeFrame.Frame)
    settling: Attribution.Settling = empty(Attribution.Settling)
    frame, settling = abi_decode(before, (NativeFrame.Frame, Attribution.Settling))
    frame = self._requireShares(frame, settling)
    identity: uint256 = Attribution.stated(frame, Attribution.REQUEST_ID)
    if settling.accounts == 0 and frame.caller != settling.worker:
        Attribution.refuse(
            frame,
            concat(
                b"without its shares request ", Texts.hexOf(identity, 32), b" is settled by ",
                Texts.hexOf(settling.worker, 20), b" only, caller is ",
                Texts.hexOf(frame.caller, 20),
            ),
        )
    frame = self._fromEscrow(frame, identity, settling.fee)
    topic: bytes32 = keccak256(
        "Settled(bytes32,bytes32,address,bytes32,bytes32,uint64,uint64,bytes32,bytes32,uint256)"
    )
    topics: uint256[4] = [
        convert(topic, uint256), identity,
        Attribution.stated(frame, Attribution.ADAPTER_ID), settling.worker,
    ]
    # The statement's words from the prompt on, and the fee.
    said: Bytes[192] = slice(msg.data, frame.start + 4 + 32 * Attribution.PROMPT_HASH, 192)
    frame = NativeFrame.emit(
        frame, 10, topics, 4, concat(said, convert(settling.fee, bytes32))
    )
    return frame, settling


@external
@view
@raw_return
def __default__() -> Bytes[Attribution.ANSWER]:
    """
    @notice Frame and settlement behind this part, asked for as `step(bytes,bytes,bytes32)`.
    """
    frame: NativeFrame.Frame = empty(NativeFrame.Frame)
    settling: Attribution.Settling = empty(Attribution.Settling)
    frame, settling = self._step()
    return abi_encode(frame, settling)
