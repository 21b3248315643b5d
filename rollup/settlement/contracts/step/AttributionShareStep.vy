# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title AttributionShareStep
@notice Steps of phase `precompile` of the native proof_of_attribution: calls of its function
        `claimShare`.
@dev The twin of `claim_share` in evm/precompiles/proof_of_attribution.py and of `verify_merkle` in
     chain/crypto/merkle.py. ProofOfAttributionStep asks it. What is held is less than 128 bits of wei:
     its products with shares fit in a word.
"""

import rollup.settlement.contracts.step.modules.Attribution as Attribution
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.NativeLists as NativeLists
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Texts as Texts

PLACE: constant(Bytes[31]) = b"proof_of_attribution.claimShare"
SELECTOR: constant(uint256) = 2227897366
MAX_PROOF: constant(uint256) = 64
# Slots and fields of a settlement.
HELD_AT: constant(uint256) = 28
ROOT: constant(uint256) = 3
CLAIMED: constant(uint256) = 5
CLAIMED_AT: constant(uint256) = 16
CLAIMED_SIZE: constant(uint256) = 4
CONTRIBUTORS: constant(uint256) = 7

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


struct Share:
    identity: uint256
    index: uint256
    # Of how many it is one.
    count: uint256
    account: uint256
    ppm: uint256
    # Where the hashes of its proof stand in msg.data, and how many there are.
    proofAt: uint256
    hashes: uint256


@internal
@view
def _refuse(frame: NativeFrame.Frame, share: Share, message: Bytes[240]):
    Attribution.refuse(
        frame,
        concat(
            b"share ", Texts.decimal(share.index), b" of request ",
            Texts.hexOf(share.identity, 32), message,
        ),
    )


@internal
@view
def _isUnder(root: bytes32, share: Share) -> bool:
    """
    @notice Whether the share lies at its index in the tree of so many leaves.
    """
    node: bytes32 = Attribution.leaf(share.index, share.account, share.ppm)
    used: uint256 = 0
    index: uint256 = share.index
    count: uint256 = share.count
    for _: uint256 in range(MAX_PROOF):
        if count <= 1:
            break
        if (index ^ 1) < count:
            if used == share.hashes:
                return False
            other: bytes32 = Tape.name(share.proofAt + 32 * used)
            if index & 1 == 1:
                node = Attribution.node(other, node)
            else:
                node = Attribution.node(node, other)
            used += 1
        index = index // 2
        count = (count + 1) // 2
    return used == share.hashes and node == root


@internal
@view
def _requireLeaf(
    given: NativeFrame.Frame, place: uint256, share: Share
) -> NativeFrame.Frame:
    """
    @notice The share lies at its index under the settled root.
    """
    levels: uint256 = 0
    for _: uint256 in range(MAX_PROOF + 1):
        if share.count >> levels == 0:
            break
        levels += 1
    frame: NativeFrame.Frame = NativeFrame.charge(
        given,
        Attribution.LEAF_GAS
        + (Attribution.NODE_GAS + Attribution.LOOP_ITEM) * max(share.hashes, levels),
    )
    frame = NativeFrame.sload(frame, unsafe_add(place, ROOT))
    if not self._isUnder(convert(frame.found, bytes32), share):
        Attribution.refuse(
            frame,
            concat(
                b"share ", Texts.decimal(share.index), b" of ", Texts.decimal(share.count),
                b", ", Texts.decimal(share.ppm), b" parts for ",
                Texts.hexOf(share.account, 20), b", is not under root ",
                Texts.hexOf(frame.found, 32),
            ),
        )
    return frame


@internal
@view
def _claim(given: NativeFrame.Frame, share: Share) -> NativeFrame.Frame:
    """
    @notice Credit one share of a held part to its account, once; `found` is how many wei.
    """
    frame: NativeFrame.Frame = Attribution.settlement(given, share.identity)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, HELD_AT, 1)
    if frame.found == 0:
        self._refuse(frame, share, b" was paid at settlement")
    if share.hashes > MAX_PROOF or share.index >= share.count or share.count > 2**64:
        self._refuse(
            frame,
            share,
            concat(
                b": ", Texts.decimal(share.hashes), b" hashes of proof for ",
                Texts.decimal(share.count), b" shares",
            ),
        )
    frame = self._requireLeaf(frame, place, share)
    frame = Attribution.marks(frame, place, share.index)
    marks: uint256 = frame.found
    frame = NativeFrame.sload(frame, marks)
    bits: uint256 = frame.found
    bit: uint256 = 1 << (share.index & 255)
    if bits & bit != 0:
        self._refuse(frame, share, b" is claimed already")
    frame = NativeFrame.loadPart(
        frame, unsafe_add(place, CLAIMED), CLAIMED_AT, CLAIMED_SIZE
    )
    before: uint256 = frame.found
    if share.ppm > Attribution.TOTAL_PPM - before:
        self._refuse(
            frame,
            share,
            concat(
                b": ", Texts.decimal(before), b" + ", Texts.decimal(share.ppm),
                b" parts exceed 1000000",
            ),
        )
    behind: uint256 = before + share.ppm
    frame = NativeFrame.storePart(
        NativeFrame.sstore(frame, marks, bits | bit), unsafe_add(place, CLAIMED),
        CLAIMED_AT, CLAIMED_SIZE, behind,
    )
    frame = NativeFrame.sload(frame, unsafe_add(place, CONTRIBUTORS))
    amount: uint256 = (
        frame.found * behind // Attribution.TOTAL_PPM
        - frame.found * before // Attribution.TOTAL_PPM
    )
    frame = Attribution.pay(
        frame, share.identity, share.account, Attribution.CONTRIBUTOR, amount
    )
    frame.found = amount
    return frame


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Attribution.NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert NativeFrame.selector(frame) == SELECTOR, "AttributionShareStep: not claimShare"
    frame = NativeFrame.called(frame, PLACE, False, False)
    share: Share = empty(Share)
    share.identity = NativeFrame.argument(frame, PLACE, 0, b"bytes32")
    share.index = NativeFrame.argument(frame, PLACE, 1, b"uint256")
    share.count = NativeFrame.argument(frame, PLACE, 2, b"uint256")
    share.account = NativeFrame.account(frame, PLACE, 3)
    share.ppm = NativeFrame.argument(frame, PLACE, 4, b"uint256")
    proof: NativeLists.Item = NativeLists.listOf(
        frame, PLACE, frame.length - 4 - 32 * 5, 5, b"bytes32"
    )
    share.proofAt = proof.at
    share.hashes = proof.count
    frame = self._claim(frame, share)
    return NativeFrame.succeed(NativeFrame.chargeWords(frame, 1), abi_encode(frame.found))


@external
@view
@raw_return
def __default__() -> Bytes[32]:
    """
    @notice The commitment after the step, asked for as `step(bytes,bytes,bytes32)`, where it does not
            end by a signal.
    """
    return slice(self._step(), 0, 32)
