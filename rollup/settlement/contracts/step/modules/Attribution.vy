# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Attribution
@notice What the contracts of the native proof_of_attribution share: its slots, a settlement that is
        under way, a payment, a share's leaf.
@dev A settlement is too long for one contract. Each part of it asks the one before, which answers with
     the native's frame and a `Settling`: so each has the same witness in its own call, and the
     last one alone tells the commitment.
"""

import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Texts as Texts

NATIVE: constant(uint256) = Rules.FIRST_NATIVE + 4
NAME: constant(Bytes[20]) = b"proof_of_attribution"
WORKER_REGISTRY: constant(uint256) = Rules.FIRST_NATIVE + 1
MODEL_REGISTRY: constant(uint256) = Rules.FIRST_NATIVE + 2
INFERENCE_ESCROW: constant(uint256) = Rules.FIRST_NATIVE + 3
SETTLE: constant(uint256) = 3974750679

# Slots of the mappings.
BALANCES: constant(uint256) = 0
SETTLEMENTS: constant(uint256) = 1

# Words of a statement, which stands first in the calldata of `settle`.
REQUEST_ID: constant(uint256) = 0
ADAPTER_ID: constant(uint256) = 1
PROMPT_HASH: constant(uint256) = 2
OUTPUT_HASH: constant(uint256) = 3
INPUT_TOKENS: constant(uint256) = 4
OUTPUT_TOKENS: constant(uint256) = 5
SHARES_ROOT: constant(uint256) = 6
EVIDENCE_HASH: constant(uint256) = 7
STATEMENT_WORDS: constant(uint256) = 8

TOTAL_PPM: constant(uint256) = 10**6
LOOP_ITEM: constant(uint256) = 50
# Encoding and hashing one share; one node of their tree.
LEAF_GAS: constant(uint256) = 144
NODE_GAS: constant(uint256) = 48

# Roles in the event Paid.
PLATFORM: constant(uint256) = 1
HOST: constant(uint256) = 2
STAKERS: constant(uint256) = 3
CONTRIBUTOR: constant(uint256) = 4
ADAPTER_OWNER: constant(uint256) = 5
BASE_OWNER: constant(uint256) = 6


struct Settling:
    worker: uint256
    fee: uint256
    # The contributors' part of it.
    held: uint256
    # Where accounts and shares stand in msg.data, and how many of each.
    accountsAt: uint256
    accounts: uint256
    sharesAt: uint256
    shares: uint256


# Bytes of the answer of a part: the words of NativeFrame.Frame with those of its effects, and of
# Settling.
ANSWER: constant(uint256) = 32 * 32


@internal
@view
def refuse(frame: NativeFrame.Frame, message: Bytes[NativeFrame.MAX_MESSAGE]):
    NativeFrame.refuse(frame, concat(NAME, b": ", message))


@internal
@view
def stated(frame: NativeFrame.Frame, index: uint256) -> uint256:
    """
    @notice A word of the statement.
    """
    return Tape.word(frame.start + 4 + 32 * index)


@internal
@pure
def leaf(index: uint256, account: uint256, ppm: uint256) -> bytes32:
    return keccak256(concat(0x00, abi_encode(index, account, ppm)))


@internal
@pure
def node(left: bytes32, right: bytes32) -> bytes32:
    return keccak256(concat(0x01, left, right))


@internal
@view
def told(
    given: NativeFrame.Frame, identity: uint256, account: uint256, role: uint256, amount: uint256
) -> NativeFrame.Frame:
    """
    @notice The event of a payment.
    """
    topics: uint256[4] = [
        convert(keccak256("Paid(bytes32,address,uint8,uint256)"), uint256), identity, account, 0
    ]
    return NativeFrame.emit(given, 4, topics, 3, abi_encode(role, amount))


@internal
@view
def pay(
    given: NativeFrame.Frame, identity: uint256, account: uint256, role: uint256, amount: uint256
) -> NativeFrame.Frame:
    """
    @notice Add to an account's balance; nothing happens for 0 wei.
    """
    if amount == 0:
        return given
    frame: NativeFrame.Frame = NativeFrame.mapped(given, BALANCES, account)
    place: uint256 = frame.found
    frame = NativeFrame.sload(frame, place)
    frame = NativeFrame.sstore(frame, place, frame.found + amount)
    return self.told(frame, identity, account, role, amount)


@internal
@view
def settlement(given: NativeFrame.Frame, identity: uint256) -> NativeFrame.Frame:
    """
    @notice Where the settlement of a request lies, as `found`; it has to be there.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(given, SETTLEMENTS, identity)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, 0, 20)
    if frame.found == 0:
        self.refuse(
            frame, concat(b"request ", Texts.hexOf(identity, 32), b" is not settled")
        )
    frame.found = place
    return frame


@internal
@view
def marks(given: NativeFrame.Frame, place: uint256, index: uint256) -> NativeFrame.Frame:
    """
    @notice Where 256 marks lie that say which shares of a settlement are claimed, as `found`.
    """
    return NativeFrame.mapped(given, unsafe_add(place, 8), index >> 8)
