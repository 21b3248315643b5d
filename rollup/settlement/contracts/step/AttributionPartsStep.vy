# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title AttributionPartsStep
@notice The last part of a settlement: the fee is divided, paid and recorded.
@dev The twin of `_pay_parts`, `_record` and `_pay_contributors` in
     evm/precompiles/proof_of_attribution.py, of `get_royalties` in model_registry.py, and of `total_bond` and `deposit_rewards` in worker_registry.py, which they call.
     It has the parts before from AttributionFeeStep. A fee has been paid: like all the wei there are,
     less than 128 bits, and so its products with shares fit in a word.
"""

import rollup.settlement.contracts.step.modules.Attribution as Attribution
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Splits as Splits
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

# genesis/addresses.py.
PLATFORM_ACCOUNT: constant(uint256) = 918756735253610709936507276127632253845124912928
# Of model_registry: mappings.
BASE_MODELS: constant(uint256) = 1
ADAPTERS: constant(uint256) = 3
# Of worker_registry.
TOTAL_BOND: constant(uint256) = 0
REWARD_PER_BOND: constant(uint256) = 1
REWARD_REMAINDER: constant(uint256) = 2
REWARD_SCALE: constant(uint256) = 10**27

feeStep: immutable(address)


@deploy
def __init__(forkRules: uint256, before: address):
    feeStep = before


struct Royalties:
    owner: uint256
    points: uint256
    baseOwner: uint256
    basePoints: uint256


@internal
@view
def _royalties(given: NativeFrame.Frame, adapter: uint256) -> (NativeFrame.Frame, Royalties):
    """
    @notice getRoyalties of model_registry, called below, of an adapter that is there.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(
        NativeFrame.below(given, 1, Attribution.MODEL_REGISTRY, 36), ADAPTERS, adapter
    )
    place: uint256 = frame.found
    frame = NativeFrame.sload(NativeFrame.sload(frame, place), unsafe_add(place, 1))
    frame = NativeFrame.mapped(frame, BASE_MODELS, frame.found)
    frame = NativeFrame.sload(frame, frame.found)
    found: Royalties = empty(Royalties)
    found.baseOwner = frame.found & State.U160
    # Owner, royalty and that of the base model.
    for _: uint256 in range(3):
        frame = NativeFrame.sload(frame, place)
    found.owner = frame.found & State.U160
    found.points = (frame.found >> 160) & 65535
    found.basePoints = (frame.found >> 176) & 65535
    return NativeFrame.above(frame, given, 4), found


@internal
@view
def _totalBond(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice totalBond of worker_registry, called below, as `found`.
    """
    frame: NativeFrame.Frame = NativeFrame.sload(
        NativeFrame.below(given, 0, Attribution.WORKER_REGISTRY, 4), TOTAL_BOND
    )
    return NativeFrame.above(frame, given, 1)


@internal
@view
def _depositRewards(given: NativeFrame.Frame, amount: uint256) -> NativeFrame.Frame:
    """
    @notice depositRewards of worker_registry, called below with wei; there are bonds.
    """
    frame: NativeFrame.Frame = NativeFrame.sload(
        NativeFrame.belowPaid(given, 0, Attribution.WORKER_REGISTRY, 4, amount), TOTAL_BOND
    )
    total: uint256 = frame.found
    frame = NativeFrame.sload(frame, REWARD_REMAINDER)
    scaled: uint256 = amount * REWARD_SCALE + frame.found
    frame = NativeFrame.sload(frame, REWARD_PER_BOND)
    frame = NativeFrame.sstore(
        NativeFrame.sstore(frame, REWARD_PER_BOND, frame.found + scaled // total),
        REWARD_REMAINDER,
        scaled % total,
    )
    topics: uint256[4] = empty(uint256[4])
    topics[0] = convert(keccak256("RewardsDeposited(uint256)"), uint256)
    frame = NativeFrame.emit(frame, 1, topics, 1, abi_encode(amount))
    return NativeFrame.above(frame, given, 0)


@internal
@view
def _payParts(
    given: NativeFrame.Frame, identity: uint256, settling: Attribution.Settling
) -> (NativeFrame.Frame, uint256):
    """
    @notice Pay all parts of the fee but the contributors', which is the second answer.
    """
    frame: NativeFrame.Frame = given
    royalties: Royalties = empty(Royalties)
    frame, royalties = self._royalties(
        frame, Attribution.stated(frame, Attribution.ADAPTER_ID)
    )
    frame = self._totalBond(frame)
    ownerPart: uint256 = settling.fee * royalties.points // Splits.BASIS_POINTS
    basePart: uint256 = 0
    if royalties.baseOwner != 0:
        basePart = settling.fee * royalties.basePoints // Splits.BASIS_POINTS
    parts: uint256[4] = Splits.divided(settling.fee - ownerPart - basePart)
    if frame.found == 0:
        parts[0] += parts[2]
        parts[2] = 0
    i: uint256 = 0
    for role: uint256 in [
        Attribution.ADAPTER_OWNER, Attribution.BASE_OWNER, Attribution.PLATFORM, Attribution.HOST
    ]:
        account: uint256 = [
            royalties.owner, royalties.baseOwner, PLATFORM_ACCOUNT, settling.worker
        ][i]
        amount: uint256 = [ownerPart, basePart, parts[0], parts[1]][i]
        frame = Attribution.pay(frame, identity, account, role, amount)
        i += 1
    if parts[2] > 0:
        frame = self._depositRewards(frame, parts[2])
        frame = Attribution.told(
            frame, identity, Attribution.WORKER_REGISTRY, Attribution.STAKERS, parts[2]
        )
    return frame, parts[3]


@internal
@view
def _record(
    given: NativeFrame.Frame, identity: uint256, settling: Attribution.Settling
) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = NativeFrame.mapped(given, Attribution.SETTLEMENTS, identity)
    place: uint256 = frame.found
    isHeld: uint256 = 1 if settling.accounts == 0 else 0
    # Worker, block number and whether the shares are held, in one slot.
    frame = NativeFrame.storePart(frame, place, 0, 20, settling.worker)
    frame = NativeFrame.storePart(frame, place, 20, 8, frame.number)
    frame = NativeFrame.storePart(frame, place, 28, 1, isHeld)
    slot: uint256 = place
    for index: uint256 in [
        Attribution.ADAPTER_ID, Attribution.OUTPUT_HASH, Attribution.SHARES_ROOT,
        Attribution.EVIDENCE_HASH,
    ]:
        slot = unsafe_add(slot, 1)
        frame = NativeFrame.sstore(frame, slot, Attribution.stated(frame, index))
    slot = unsafe_add(slot, 1)
    for i: uint256 in range(2):
        tokens: uint256 = Attribution.stated(frame, Attribution.INPUT_TOKENS + i)
        frame = NativeFrame.storePart(frame, slot, 8 * i, 8, tokens)
    frame = NativeFrame.sstore(frame, unsafe_add(slot, 1), settling.fee)
    return NativeFrame.sstore(frame, unsafe_add(slot, 2), settling.held)


@internal
@view
def _payContributors(
    given: NativeFrame.Frame, identity: uint256, settling: Attribution.Settling
) -> NativeFrame.Frame:
    """
    @notice Credit the shares; the accounts ascend, so ties go to the lower address.
    """
    frame: NativeFrame.Frame = NativeFrame.charge(
        given, Attribution.LOOP_ITEM * settling.accounts
    )
    mark: uint256 = 0
    equal: uint256 = 0
    mark, equal = Splits.served(settling.held, settling.sharesAt, settling.accounts)
    for i: uint256 in range(settling.accounts, bound=Splits.MAX_SHARES):
        amount: uint256 = 0
        amount, equal = Splits.part(
            settling.held, Tape.word(settling.sharesAt + 32 * i), mark, equal
        )
        frame = Attribution.pay(
            frame, identity, Tape.word(settling.accountsAt + 32 * i),
            Attribution.CONTRIBUTOR, amount,
        )
    return frame


@internal
@view
def _step() -> bytes32:
    before: Bytes[Attribution.ANSWER] = raw_call(
        feeStep, msg.data, max_outsize=Attribution.ANSWER, is_static_call=True
    )
    frame: NativeFrame.Frame = empty(NativeFrame.Frame)
    settling: Attribution.Settling = empty(Attribution.Settling)
    frame, settling = abi_decode(before, (NativeFrame.Frame, Attribution.Settling))
    identity: uint256 = Attribution.stated(frame, Attribution.REQUEST_ID)
    frame, settling.held = self._payParts(frame, identity, settling)
    frame = self._record(frame, identity, settling)
    if settling.accounts > 0:
        frame = self._payContributors(frame, identity, settling)
    else:
        topics: uint256[4] = [
            convert(keccak256("SharesHeld(bytes32,bytes32,uint256)"), uint256), identity, 0, 0
        ]
        root: uint256 = Attribution.stated(frame, Attribution.SHARES_ROOT)
        frame = NativeFrame.emit(frame, 3, topics, 2, abi_encode(root, settling.held))
    return NativeFrame.succeed(frame, b"")


@external
@view
@raw_return
def __default__() -> Bytes[32]:
    """
    @notice The commitment after the step, asked for as `step(bytes,bytes,bytes32)`, where it does not
            end by a signal.
    """
    return slice(self._step(), 0, 32)
