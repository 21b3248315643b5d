# pragma version 0.4.3
# pragma evm-version cancun
"""
@title FaultDisputeGame
@notice One dispute about one output root: claims that halve the disputed range, a chess clock for
        each side, a bond for each claim, and the verdict.
@dev Interface of the OP Stack's FaultDisputeGame (specs: fault-proof/stage-one/
     fault-dispute-game.md, bond-incentives.md). A claim's position is a generalised index, 2 **
     depth + index at depth; depths up to the split depth are output roots, below it a trace.

     The game runs behind a minimal proxy: parameters lie in the code of the implementation, what
     belongs to one game in the proxy's storage. The verifier of a single step is a contract of
     its own, `vm`; where none is set, `step` refuses by name, and a disagreement that is bisected
     to the bottom is decided by the clocks.

     A trace does not begin in one constant state: it begins in one that names the output roots
     it lies between, and the game makes it from its claims (docs/protocol/one-step.md). It names
     what the block is made of too: by the word of whoever makes the game, or, where there is a
     BlockInputs contract, by what that has computed from L1's own data.
"""

interface AnchorStateRegistry:
    def getAnchorRoot() -> (bytes32, uint256): view
    def respectedGameType() -> uint32: view
    def isGameFinalized(_game: address) -> bool: view
    def isGameProper(_game: address) -> bool: view
    def paused() -> bool: view
    def setAnchorState(_game: address): nonpayable

interface StepVerifier:
    def step(
        _stateData: Bytes[MAX_STATE], _proof: Bytes[MAX_PROOF], _localContext: bytes32
    ) -> bytes32: nonpayable

interface BlockInputs:
    def inputsRoot(_agreed: bytes32) -> bytes32: view

interface DelayedWETH:
    def deposit(): payable
    def unlock(_guy: address, _wad: uint256): nonpayable
    def withdraw(_guy: address, _wad: uint256): nonpayable

struct Parameters:
    gameType: uint32
    maxGameDepth: uint256
    splitDepth: uint256
    clockExtension: uint64
    maxClockDuration: uint64
    vm: address
    weth: address
    anchorStateRegistry: address
    factory: address
    l2ChainId: uint256
    # Bond of the root claim in wei, and by how much it grows with each depth, in 1e-18.
    baseBond: uint256
    bondGrowth: uint256
    # Who computes what blocks are made of; zero where the word of the proposer is taken.
    blockInputs: address
    # When the L2 block of number 0 was or would have been, and what lies between two, in seconds.
    l2Time: uint256
    l2BlockTime: uint256

struct Claim:
    # parent index (bits 0..31), position (32..159), bond in wei (160..255): one word, so that
    # a walk up the tree reads one word a claim
    link: uint256
    # who countered it (bits 0..159), seconds of the clock used (160..223)
    fate: uint256
    # claimant (bits 0..159), time of the claim in seconds (160..223)
    author: uint256
    claim: bytes32

struct Checkpoint:
    initialCheckpointComplete: bool
    subgameIndex: uint32
    leftmostPosition: uint128
    counteredBy: address

struct OutputRootProof:
    version: bytes32
    stateRoot: bytes32
    messagePasserStorageRoot: bytes32
    latestBlockhash: bytes32

IN_PROGRESS: constant(uint8) = 0
CHALLENGER_WINS: constant(uint8) = 1
DEFENDER_WINS: constant(uint8) = 2
UNDECIDED: constant(uint8) = 0
NORMAL: constant(uint8) = 1
REFUND: constant(uint8) = 2
ROOT_POSITION: constant(uint256) = 1
NO_PARENT: constant(uint256) = 2**32 - 1
MASK_32: constant(uint256) = 2**32 - 1
MASK_64: constant(uint256) = 2**64 - 1
MASK_128: constant(uint256) = 2**128 - 1
MASK_160: constant(uint256) = 2**160 - 1
MAX_EXTRA_DATA: constant(uint256) = 256
MAX_STATE: constant(uint256) = 1024
MAX_PROOF: constant(uint256) = 131072
# What a state has behind its phase and `pending`: three hashes.
STATE_REST: constant(Bytes[96]) = (
    x"000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
)
# First byte of a commitment.
VM_VALID: constant(uint256) = 0
VM_INVALID: constant(uint256) = 1
VM_PANIC: constant(uint256) = 2
# A commitment without its first byte.
COMMITMENT_MASK: constant(uint256) = 2**248 - 1
MAX_HEADER: constant(uint256) = 2048
# Where the block number stands among the items of a header.
HEADER_NUMBER_ITEM: constant(uint256) = 8
MAX_CHILDREN: constant(uint256) = 2**32
MAX_DEPTH: constant(uint256) = 126
WAD: constant(uint256) = 10**18
# First bytes of RLP (Yellow Paper, appendix B).
STRING: constant(uint256) = 128  # 0x80 + length
LONG_STRING: constant(uint256) = 184  # 0xb8: one byte of length follows, after 0xb9 two
LONG_LIST: constant(uint256) = 248  # 0xf8: one byte of length follows, after 0xf9 two

GAME_TYPE: immutable(uint32)
MAX_GAME_DEPTH: immutable(uint256)
SPLIT_DEPTH: immutable(uint256)
CLOCK_EXTENSION: immutable(uint256)
MAX_CLOCK_DURATION: immutable(uint256)
VM: immutable(address)
WETH: immutable(address)
REGISTRY: immutable(address)
FACTORY: immutable(address)
L2_CHAIN_ID: immutable(uint256)
BASE_BOND: immutable(uint256)
BOND_GROWTH: immutable(uint256)
BLOCK_INPUTS: immutable(address)
L2_TIME: immutable(uint256)
L2_BLOCK_TIME: immutable(uint256)

# created at (bits 0..63), resolved at (64..127), status (128..135), initialised (136),
# respected when created (137), block number challenged (138), bond distribution (144..151)
packed: uint256
l1Head: public(bytes32)
l2Number: uint256
inputsRoot: public(bytes32)
startingRoot: bytes32
startingNumber: uint256
l2BlockNumberChallenger: public(address)
claimList: HashMap[uint256, Claim]
claimDataLen: public(uint256)
claims: public(HashMap[bytes32, bool])
children: HashMap[uint256, HashMap[uint256, uint256]]
childCount: HashMap[uint256, uint256]
resolvedSubgames: public(HashMap[uint256, bool])
resolutionCheckpoints: public(HashMap[uint256, Checkpoint])
normalModeCredit: public(HashMap[address, uint256])
refundModeCredit: public(HashMap[address, uint256])
hasUnlockedCredit: public(HashMap[address, bool])

event Resolved:
    status: indexed(uint8)

event Move:
    parentIndex: indexed(uint256)
    claim: indexed(bytes32)
    claimant: indexed(address)

event GameClosed:
    bondDistributionMode: uint8


@deploy
def __init__(_parameters: Parameters):
    assert _parameters.maxGameDepth < MAX_DEPTH, "FaultDisputeGame: max depth too large"
    assert (
        _parameters.splitDepth >= 2 and _parameters.splitDepth + 1 < _parameters.maxGameDepth
    ), "FaultDisputeGame: invalid split depth"
    assert (
        2 * _parameters.clockExtension <= _parameters.maxClockDuration
    ), "FaultDisputeGame: invalid clock extension"
    GAME_TYPE = _parameters.gameType
    MAX_GAME_DEPTH = _parameters.maxGameDepth
    SPLIT_DEPTH = _parameters.splitDepth
    CLOCK_EXTENSION = convert(_parameters.clockExtension, uint256)
    MAX_CLOCK_DURATION = convert(_parameters.maxClockDuration, uint256)
    VM = _parameters.vm
    WETH = _parameters.weth
    REGISTRY = _parameters.anchorStateRegistry
    FACTORY = _parameters.factory
    L2_CHAIN_ID = _parameters.l2ChainId
    BASE_BOND = _parameters.baseBond
    BOND_GROWTH = _parameters.bondGrowth
    BLOCK_INPUTS = _parameters.blockInputs
    L2_TIME = _parameters.l2Time
    L2_BLOCK_TIME = _parameters.l2BlockTime


@external
@payable
def __default__():
    """
    @notice Takes ether from DelayedWETH and nobody else.
    """
    assert len(msg.data) == 0, "FaultDisputeGame: no such function"
    assert msg.sender == WETH, "FaultDisputeGame: ether comes from DelayedWETH only"


# ------------------------------------------------------------------------------------ small parts


@internal
@view
def _status() -> uint8:
    return convert((self.packed >> 128) & 255, uint8)


@internal
@view
def _requireInProgress():
    if self._status() != IN_PROGRESS:
        raw_revert(method_id("GameNotInProgress()"))


@internal
@view
def _mode() -> uint8:
    return convert((self.packed >> 144) & 255, uint8)


@internal
@view
def _isNumberChallenged() -> bool:
    return (self.packed >> 138) & 1 == 1


@internal
@pure
def _depth(position: uint256) -> uint256:
    # Index of the highest bit: positions have fewer than 128 bits.
    depth: uint256 = 0
    rest: uint256 = position
    for bits: uint256 in [64, 32, 16, 8, 4, 2, 1]:
        if rest >> bits != 0:
            depth += bits
            rest = rest >> bits
    return depth


@internal
@view
def _requiredBond(position: uint256) -> uint256:
    depth: uint256 = self._depth(position)
    if depth > MAX_GAME_DEPTH:
        raw_revert(method_id("GameDepthExceeded()"))
    bond: uint256 = BASE_BOND
    for _: uint256 in range(depth, bound=MAX_DEPTH):
        bond = bond * BOND_GROWTH // WAD
    return bond


@internal
@view
def _challengerDuration(claimIndex: uint256) -> uint256:
    # What the side that could answer this claim has used: its clock when it last moved (the
    # parent's), and the time since the claim was made.
    used: uint256 = 0
    parent: uint256 = self.claimList[claimIndex].link & MASK_32
    if parent != NO_PARENT:
        used = self.claimList[parent].fate >> 160
    madeAt: uint256 = self.claimList[claimIndex].author >> 160
    return min(used + block.timestamp - madeAt, MAX_CLOCK_DURATION)


@internal
def _append(
    parent: uint256, claimant: address, bond: uint256, claim: bytes32, position: uint256, used: uint256
):
    assert bond < 2**96, "FaultDisputeGame: bond too large"
    self.claimList[self.claimDataLen] = Claim(
        link=(bond << 160) | (position << 32) | parent,
        fate=used << 160,
        author=(block.timestamp << 160) | convert(claimant, uint256),
        claim=claim,
    )
    self.claimDataLen += 1
    self.refundModeCredit[claimant] += bond
    extcall DelayedWETH(WETH).deposit(value=bond)


# --------------------------------------------------------------------------------------- the game


@external
@payable
def initialize(
    _creator: address, _rootClaim: bytes32, _l1Head: bytes32, _extraData: Bytes[MAX_EXTRA_DATA]
):
    """
    @notice Begin the game; the factory calls it once.
    @param _creator Who makes the root claim and pays its bond.
    @param _rootClaim The output root.
    @param _l1Head Hash of the L1 block before this one: what the disputed trace may read of L1.
    @param _extraData The L2 block number; behind it the inputs root where no contract computes it.
    """
    if self.packed != 0:
        raw_revert(method_id("AlreadyInitialized()"))
    assert msg.sender == FACTORY, "FaultDisputeGame: only the factory begins a game"
    if len(_extraData) != (64 if BLOCK_INPUTS == empty(address) else 32):
        raw_revert(method_id("BadExtraData()"))
    root: bytes32 = empty(bytes32)
    number: uint256 = 0
    root, number = staticcall AnchorStateRegistry(REGISTRY).getAnchorRoot()
    if root == empty(bytes32):
        raw_revert(method_id("AnchorRootNotFound()"))
    l2Number: uint256 = convert(slice(_extraData, 0, 32), uint256)
    if l2Number <= number or l2Number > MASK_64:
        raw_revert(abi_encode(_rootClaim, method_id=method_id("UnexpectedRootClaim(bytes32)")))
    # Of a block that has had no time to come about, nobody could say in time what is true.
    if L2_TIME + l2Number * L2_BLOCK_TIME > block.timestamp:
        raw_revert(method_id("BlockInFuture()"))
    self.startingRoot = root
    self.startingNumber = number
    self.l2Number = l2Number
    if BLOCK_INPUTS == empty(address):
        self.inputsRoot = convert(slice(_extraData, 32, 32), bytes32)
    self.l1Head = _l1Head
    respected: bool = (
        staticcall AnchorStateRegistry(REGISTRY).respectedGameType() == GAME_TYPE
    )
    self.packed = block.timestamp | (1 << 136) | (convert(respected, uint256) << 137)
    self._append(NO_PARENT, _creator, msg.value, _rootClaim, ROOT_POSITION, 0)


@internal
@view
def _nextClock(parentIndex: uint256, nextDepth: uint256) -> uint256:
    # The mover's clock stops. A mover with less than the extension left gets the extension, so
    # that a claim made in the last second can still be answered.
    used: uint256 = self._challengerDuration(parentIndex)
    if used == MAX_CLOCK_DURATION:
        raw_revert(method_id("ClockTimeExceeded()"))
    extension: uint256 = CLOCK_EXTENSION
    if nextDepth == SPLIT_DEPTH - 1:
        # Before the root of a trace is claimed, the trace has to be made.
        extension = 2 * CLOCK_EXTENSION
    return min(used, MAX_CLOCK_DURATION - extension)


@internal
@payable
def _move(disputed: bytes32, parentIndex: uint256, claim: bytes32, isAttack: bool):
    self._requireInProgress()
    assert parentIndex < self.claimDataLen, "FaultDisputeGame: no claim has this index"
    if self.claimList[parentIndex].claim != disputed:
        raw_revert(method_id("InvalidDisputedClaimIndex()"))
    parentPosition: uint256 = (self.claimList[parentIndex].link >> 32) & MASK_128
    position: uint256 = parentPosition
    if isAttack:
        position = 2 * position
    else:
        position = 2 * (position | 1)
    depth: uint256 = self._depth(position)
    # The root claims all of the chain, the root of a trace all of the trace: no defence leads on.
    if not isAttack and (parentIndex == 0 or depth == SPLIT_DEPTH + 2):
        raw_revert(method_id("CannotDefendRootClaim()"))
    if parentIndex == 0 and self._isNumberChallenged():
        raw_revert(method_id("L2BlockNumberChallenged()"))
    if depth == SPLIT_DEPTH + 1:
        self._verifyTraceRoot(claim, parentPosition, isAttack)
    if self._requiredBond(position) != msg.value:
        raw_revert(method_id("IncorrectBondAmount()"))
    used: uint256 = self._nextClock(parentIndex, depth)
    name: bytes32 = keccak256(
        concat(claim, convert(convert(position, uint128), bytes16), convert(parentIndex, bytes32))
    )
    if self.claims[name]:
        raw_revert(method_id("ClaimAlreadyExists()"))
    self.claims[name] = True
    count: uint256 = self.childCount[parentIndex]
    self.children[parentIndex][count] = self.claimDataLen
    self.childCount[parentIndex] = count + 1
    self._append(parentIndex, msg.sender, msg.value, claim, position, used)
    log Move(parentIndex=parentIndex, claim=claim, claimant=msg.sender)


@external
@payable
def move(_disputed: bytes32, _challengeIndex: uint256, _claim: bytes32, _isAttack: bool):
    """
    @notice Answer a claim, with the bond of the new position.
    @param _disputed The claim that is answered: guards against a reorg that has moved indexes.
    @param _challengeIndex Its index.
    @param _claim The new claim.
    @param _isAttack Disagree with it (True), or agree and go on behind it (False).
    """
    self._move(_disputed, _challengeIndex, _claim, _isAttack)


@external
@payable
def attack(_disputed: bytes32, _parentIndex: uint256, _claim: bytes32):
    """
    @notice Disagree with a claim.
    """
    self._move(_disputed, _parentIndex, _claim, True)


@external
@payable
def defend(_disputed: bytes32, _parentIndex: uint256, _claim: bytes32):
    """
    @notice Agree with a claim and make one to its right.
    """
    self._move(_disputed, _parentIndex, _claim, False)


# --------------------------------------------------------------------------------------- the traces


@internal
@pure
def _traceAncestor(position: uint256) -> uint256:
    # The highest position that commits to the same last leaf: without the ones at the end.
    return max(position >> self._depth(~position & (position + 1)), ROOT_POSITION)


@internal
@view
def _findAbove(position: uint256, startIndex: uint256) -> uint256:
    # Index of the claim at exactly this position, on the way from one claim up to the root.
    index: uint256 = startIndex
    link: uint256 = self.claimList[index].link
    for _: uint256 in range(MAX_DEPTH):
        if (link >> 32) & MASK_128 == position:
            break
        index = link & MASK_32
        link = self.claimList[index].link
    assert (
        (link >> 32) & MASK_128 == position
    ), "FaultDisputeGame: no claim commits to that index"
    return index


@internal
@view
def _verifyTraceRoot(claim: bytes32, parentPosition: uint256, isAttack: bool):
    # Whoever begins a trace says at once how it ends. An attack disagrees with the output root
    # above; behind a defence the disputed one is to its right, made by either side.
    isOpposed: bool = isAttack
    if not isAttack:
        disputed: uint256 = self._traceAncestor(parentPosition + 1)
        isOpposed = self._depth(disputed) % 2 == SPLIT_DEPTH % 2
    status: uint256 = convert(claim, uint256) >> 248
    if isOpposed:
        if status != VM_INVALID and status != VM_PANIC:
            raw_revert(abi_encode(claim, method_id=method_id("UnexpectedRootClaim(bytes32)")))
    elif status != VM_VALID:
        raw_revert(abi_encode(claim, method_id=method_id("UnexpectedRootClaim(bytes32)")))


@internal
@view
def _inputsOf(agreed: bytes32, ordinal: uint256) -> (bytes32, bool):
    # What the block behind the agreed output root is made of, and whether that is known.
    if BLOCK_INPUTS == empty(address):
        return self.inputsRoot, True
    if self.startingNumber + ordinal > self.l2Number:
        # The claimed block itself is agreed on: such a trace has nothing to do.
        return empty(bytes32), True
    root: bytes32 = staticcall BlockInputs(BLOCK_INPUTS).inputsRoot(agreed)
    return root, root != empty(bytes32)


@internal
@view
def _traceBounds(claimIndex: uint256) -> (bytes32, bool):
    # Hash of what the trace of a claim lies between, the first state's `pending`; and whether its
    # inputs are known.
    below: uint256 = 0
    index: uint256 = claimIndex
    output: uint256 = 0
    for _: uint256 in range(MAX_DEPTH):
        link: uint256 = self.claimList[index].link
        output = (link >> 32) & MASK_128
        if output >> (SPLIT_DEPTH + 1) == 0:
            break
        below = output
        index = link & MASK_32
    agreed: bytes32 = self.startingRoot
    disputed: uint256 = index
    if below >> 1 != output:
        # A defence: what is disputed stands to the right.
        agreed = self.claimList[index].claim
        disputed = self._findAbove(self._traceAncestor(output + 1), index)
    elif output != 1 << SPLIT_DEPTH:
        # An attack: what is agreed on stands to the left, or is the anchor.
        agreed = self.claimList[self._findAbove(self._traceAncestor(output - 1), index)].claim
    # The block of the disputed output root, never behind the one that the game is about.
    place: uint256 = (self.claimList[disputed].link >> 32) & MASK_128
    ordinal: uint256 = ((place + 1) << (SPLIT_DEPTH - self._depth(place))) - (1 << SPLIT_DEPTH)
    number: uint256 = min(self.startingNumber + ordinal, self.l2Number)
    inputs: bytes32 = empty(bytes32)
    isKnown: bool = False
    inputs, isKnown = self._inputsOf(agreed, ordinal)
    bounds: bytes32 = keccak256(
        concat(
            agreed,
            self.claimList[disputed].claim,
            convert(convert(number, uint64), bytes8),
            self.l1Head,
            inputs,
        )
    )
    return bounds, isKnown


@internal
@view
def _stepEnds(
    claimIndex: uint256, isAttack: bool, bounds: bytes32, isKnown: bool
) -> (bytes32, uint256):
    # The commitment before the step, and the index of the claim of the one after it.
    link: uint256 = self.claimList[claimIndex].link
    position: uint256 = (link >> 32) & MASK_128
    parent: uint256 = link & MASK_32
    if not isAttack:
        return self.claimList[claimIndex].claim, self._findAbove(
            self._traceAncestor(position + 1), parent
        )
    if position % (1 << (MAX_GAME_DEPTH - SPLIT_DEPTH - 1)) == 0:
        if not isKnown:
            raw_revert(method_id("InputsNotProven()"))
        return keccak256(concat(b"\x00", bounds, STATE_REST)), claimIndex
    before: uint256 = self._findAbove(self._traceAncestor(position - 1), parent)
    return self.claimList[before].claim, claimIndex


@external
def step(
    _claimIndex: uint256, _isAttack: bool, _stateData: Bytes[MAX_STATE], _proof: Bytes[MAX_PROOF]
):
    """
    @notice Counter a claim at the greatest depth by running one step of the machine.
    @param _claimIndex Index of the claim.
    @param _isAttack Run the step that should lead to the claim (True), or the one after it (False).
    @param _stateData The state before the step: what the commitment there is the hash of.
    @param _proof The witness: what the step reads of the state and the world.
    """
    self._requireInProgress()
    assert _claimIndex < self.claimDataLen, "FaultDisputeGame: no claim has this index"
    if VM == empty(address):
        raw_revert(method_id("NoStepVerifier()"))
    depth: uint256 = self._depth(((self.claimList[_claimIndex].link >> 32) & MASK_128))
    if depth != MAX_GAME_DEPTH:
        raw_revert(method_id("InvalidParent()"))
    bounds: bytes32 = empty(bytes32)
    isKnown: bool = False
    bounds, isKnown = self._traceBounds(_claimIndex)
    before: bytes32 = empty(bytes32)
    after: uint256 = 0
    before, after = self._stepEnds(_claimIndex, _isAttack, bounds, isKnown)
    difference: uint256 = convert(keccak256(_stateData) ^ before, uint256)
    if difference & COMMITMENT_MASK != 0:
        raw_revert(method_id("InvalidPrestate()"))
    place: uint256 = (self.claimList[after].link >> 32) & MASK_128
    agrees: bool = (depth - self._depth(place)) % 2 == 0
    expected: bytes32 = self.claimList[after].claim
    fate: uint256 = self.claimList[_claimIndex].fate
    result: bytes32 = extcall StepVerifier(VM).step(_stateData, _proof, bounds)
    if agrees == (result == expected):
        raw_revert(method_id("ValidStep()"))
    if fate & MASK_160 != 0:
        raw_revert(method_id("DuplicateStep()"))
    self.claimList[_claimIndex].fate = fate | convert(msg.sender, uint256)


@external
def challengeRootL2Block(_outputRootProof: OutputRootProof, _headerRLP: Bytes[MAX_HEADER]):
    """
    @notice Show that the root claim is of another L2 block than the game says; decides the game.
    @param _outputRootProof What the root claim is the hash of.
    @param _headerRLP Header of the block that the output root names.
    """
    self._requireInProgress()
    if self._isNumberChallenged():
        raw_revert(method_id("L2BlockNumberChallenged()"))
    if keccak256(abi_encode(_outputRootProof)) != self.claimList[0].claim:
        raw_revert(method_id("InvalidOutputRootProof()"))
    if keccak256(_headerRLP) != _outputRootProof.latestBlockhash:
        raw_revert(method_id("InvalidHeaderRLP()"))
    if self._headerNumber(_headerRLP) == self.l2Number:
        raw_revert(method_id("BlockNumberMatches()"))
    self.l2BlockNumberChallenger = msg.sender
    self.packed |= 1 << 138


@internal
@pure
def _byte(data: Bytes[MAX_HEADER], position: uint256) -> uint256:
    return convert(slice(data, position, 1), uint256)


@internal
@pure
def _headerNumber(header: Bytes[MAX_HEADER]) -> uint256:
    # A header is a list of more than 255 bytes: f9, two bytes of length, items.
    if len(header) < 3 or self._byte(header, 0) != LONG_LIST + 1:
        raw_revert(method_id("InvalidHeaderRLP()"))
    position: uint256 = 3
    for _: uint256 in range(HEADER_NUMBER_ITEM):
        first: uint256 = self._byte(header, position)
        if first < STRING:
            position += 1
        elif first < LONG_STRING:
            position += 1 + first - STRING
        elif first == LONG_STRING + 1:
            # the logs bloom
            position += 3 + (
                (self._byte(header, position + 1) << 8) | self._byte(header, position + 2)
            )
        else:
            raw_revert(method_id("InvalidHeaderRLP()"))
    number: uint256 = self._byte(header, position)
    if number < STRING:
        return number
    size: uint256 = number - STRING
    if size > 8:
        raw_revert(method_id("InvalidHeaderRLP()"))
    number = 0
    for offset: uint256 in range(8):
        if offset == size:
            break
        number = (number << 8) | self._byte(header, position + 1 + offset)
    return number


# -------------------------------------------------------------------------------------- the verdict


@internal
def _distributeBond(recipient: address, claimIndex: uint256):
    self.normalModeCredit[recipient] += self.claimList[claimIndex].link >> 160


@internal
@pure
def _claimant(claim: Claim) -> address:
    return convert(claim.author & MASK_160, address)


@internal
@pure
def _counteredBy(claim: Claim) -> address:
    return convert(claim.fate & MASK_160, address)


@internal
def _walkChildren(claimIndex: uint256, start: uint256, end: uint256, before: Checkpoint) -> Checkpoint:
    # The leftmost child that stands wins against its parent.
    found: Checkpoint = before
    for index: uint256 in range(start, end, bound=MAX_CHILDREN):
        childIndex: uint256 = self.children[claimIndex][index]
        if not self.resolvedSubgames[childIndex]:
            raw_revert(method_id("OutOfOrderResolution()"))
        child: Claim = self.claimList[childIndex]
        position: uint128 = convert(((child.link >> 32) & MASK_128), uint128)
        if self._counteredBy(child) == empty(address) and found.leftmostPosition > position:
            found.counteredBy = self._claimant(child)
            found.leftmostPosition = position
    found.subgameIndex = convert(end, uint32)
    return found


@internal
def _closeSubgame(claimIndex: uint256, counteredBy: address):
    self.resolvedSubgames[claimIndex] = True
    claim: Claim = self.claimList[claimIndex]
    winner: address = counteredBy
    if winner == empty(address):
        winner = self._counteredBy(claim)
    if claimIndex == 0 and self._isNumberChallenged():
        winner = self.l2BlockNumberChallenger
    if winner == empty(address):
        self._distributeBond(self._claimant(claim), claimIndex)
    else:
        self._distributeBond(winner, claimIndex)
        self.claimList[claimIndex].fate = (claim.fate - (claim.fate & MASK_160)) | convert(
            winner, uint256
        )


@external
def resolveClaim(_claimIndex: uint256, _numToResolve: uint256):
    """
    @notice Decide the subgame under a claim once nobody can answer it any more, children first.
    @param _claimIndex Index of the claim.
    @param _numToResolve How many of its children to look at in this call; 0 for all.
    """
    self._requireInProgress()
    assert _claimIndex < self.claimDataLen, "FaultDisputeGame: no claim has this index"
    if self._challengerDuration(_claimIndex) < MAX_CLOCK_DURATION:
        raw_revert(method_id("ClockNotExpired()"))
    if self.resolvedSubgames[_claimIndex]:
        raw_revert(method_id("ClaimAlreadyResolved()"))
    count: uint256 = self.childCount[_claimIndex]
    checkpoint: Checkpoint = self.resolutionCheckpoints[_claimIndex]
    if not checkpoint.initialCheckpointComplete:
        checkpoint.initialCheckpointComplete = True
        checkpoint.leftmostPosition = max_value(uint128)
    start: uint256 = convert(checkpoint.subgameIndex, uint256)
    end: uint256 = count
    if _numToResolve != 0 and _numToResolve < count - start:
        end = start + _numToResolve
    if count != 0:
        checkpoint = self._walkChildren(_claimIndex, start, end, checkpoint)
    if end == count:
        self._closeSubgame(_claimIndex, checkpoint.counteredBy)
    else:
        self.resolutionCheckpoints[_claimIndex] = checkpoint


@external
def resolve() -> uint8:
    """
    @notice Pronounce the verdict once the root claim is resolved.
    @return 1 where the challengers win, 2 where the root claim stands.
    """
    self._requireInProgress()
    if not self.resolvedSubgames[0]:
        raw_revert(method_id("OutOfOrderResolution()"))
    status: uint8 = DEFENDER_WINS
    if self._counteredBy(self.claimList[0]) != empty(address):
        status = CHALLENGER_WINS
    self.packed |= (convert(status, uint256) << 128) | (block.timestamp << 64)
    log Resolved(status=status)
    return status


# ----------------------------------------------------------------------------------------- the bonds


@internal
def _closeGame():
    if self._mode() != UNDECIDED:
        return
    # A pause makes every game improper; bonds must not be refunded for that.
    if staticcall AnchorStateRegistry(REGISTRY).paused():
        raw_revert(method_id("GamePaused()"))
    if (self.packed >> 64) & MASK_64 == 0:
        raw_revert(method_id("GameNotResolved()"))
    if not staticcall AnchorStateRegistry(REGISTRY).isGameFinalized(self):
        raw_revert(method_id("GameNotFinalized()"))
    # A game that lost, or is older than the anchor, is no anchor; the bonds are paid all the same.
    updated: bool = raw_call(
        REGISTRY,
        abi_encode(self, method_id=method_id("setAnchorState(address)")),
        revert_on_failure=False,
    )
    mode: uint8 = REFUND
    if staticcall AnchorStateRegistry(REGISTRY).isGameProper(self):
        mode = NORMAL
    self.packed |= convert(mode, uint256) << 144
    log GameClosed(bondDistributionMode=mode)


@internal
@view
def _credit(recipient: address) -> uint256:
    if self._mode() == REFUND:
        return self.refundModeCredit[recipient]
    return self.normalModeCredit[recipient]


@external
def closeGame():
    """
    @notice After the finality delay: fix how bonds are paid, and offer the claim as new anchor.
    """
    self._closeGame()


@external
def claimCredit(_recipient: address):
    """
    @notice Pay somebody's bonds: the first call unlocks them, the second, after the delay of
            DelayedWETH, sends them.
    """
    self._closeGame()
    amount: uint256 = self._credit(_recipient)
    if not self.hasUnlockedCredit[_recipient]:
        self.hasUnlockedCredit[_recipient] = True
        extcall DelayedWETH(WETH).unlock(_recipient, amount)
        return
    if amount == 0:
        raw_revert(method_id("NoCreditToClaim()"))
    self.refundModeCredit[_recipient] = 0
    self.normalModeCredit[_recipient] = 0
    extcall DelayedWETH(WETH).withdraw(_recipient, amount)
    success: bool = raw_call(_recipient, b"", value=amount, revert_on_failure=False)
    if not success:
        raw_revert(method_id("BondTransferFailed()"))


# -------------------------------------------------------------------------------------------- views


@external
@view
def credit(_recipient: address) -> uint256:
    """
    @notice What somebody gets from this game, in wei.
    """
    return self._credit(_recipient)


@external
@view
def claimData(_index: uint256) -> (uint32, address, address, uint128, bytes32, uint128, uint128):
    """
    @notice Parent index, who countered it, claimant, bond, claim, position and clock of a claim.
    """
    assert _index < self.claimDataLen, "FaultDisputeGame: no claim has this index"
    claim: Claim = self.claimList[_index]
    return (
        convert(claim.link & MASK_32, uint32),
        self._counteredBy(claim),
        self._claimant(claim),
        convert(claim.link >> 160, uint128),
        claim.claim,
        convert(((claim.link >> 32) & MASK_128), uint128),
        convert((claim.fate >> 160 << 64) | (claim.author >> 160), uint128),
    )


@external
@view
def subgames(_claimIndex: uint256, _childIndex: uint256) -> uint256:
    """
    @notice Index of the answer of that number to a claim.
    """
    assert (
        _childIndex < self.childCount[_claimIndex]
    ), "FaultDisputeGame: the claim has fewer answers"
    return self.children[_claimIndex][_childIndex]


@external
@view
def getNumToResolve(_claimIndex: uint256) -> uint256:
    """
    @notice How many answers to a claim resolveClaim has not looked at yet.
    """
    if self.resolvedSubgames[_claimIndex]:
        return 0
    return self.childCount[_claimIndex] - convert(
        self.resolutionCheckpoints[_claimIndex].subgameIndex, uint256
    )


@external
@view
def getChallengerDuration(_claimIndex: uint256) -> uint64:
    """
    @notice Seconds that the side which may answer a claim has used.
    """
    self._requireInProgress()
    assert _claimIndex < self.claimDataLen, "FaultDisputeGame: no claim has this index"
    return convert(self._challengerDuration(_claimIndex), uint64)


@external
@view
def getRequiredBond(_position: uint128) -> uint256:
    """
    @notice Bond of a claim at a position, in wei.
    """
    return self._requiredBond(convert(_position, uint256))


@external
@view
def bondSeries() -> (uint256, uint256):
    """
    @notice Bond of a root claim in wei, and by how much it grows with each depth, in 1e-18.
    """
    return BASE_BOND, BOND_GROWTH


@internal
@view
def _extraData() -> Bytes[64]:
    if BLOCK_INPUTS == empty(address):
        return abi_encode(self.l2Number, self.inputsRoot)
    return abi_encode(self.l2Number)


@external
@view
def gameData() -> (uint32, bytes32, Bytes[64]):
    """
    @notice Type, root claim and extra data.
    """
    return GAME_TYPE, self.claimList[0].claim, self._extraData()


@external
@view
def gameType() -> uint32:
    """
    @notice Type of the game.
    """
    return GAME_TYPE


@external
@view
def gameCreator() -> address:
    """
    @notice Who made the root claim.
    """
    return self._claimant(self.claimList[0])


@external
@view
def rootClaim() -> bytes32:
    """
    @notice The output root that is disputed.
    """
    return self.claimList[0].claim


@external
@view
def extraData() -> Bytes[64]:
    """
    @notice The L2 block number, and the inputs root where the proposer names it, ABI-encoded.
    """
    return self._extraData()


@external
@view
def l2BlockNumber() -> uint256:
    """
    @notice The L2 block that the root claim is about.
    """
    return self.l2Number


@external
@view
def l2SequenceNumber() -> uint256:
    """
    @notice l2BlockNumber, by its newer name.
    """
    return self.l2Number


@external
@view
def l2BlockNumberChallenged() -> bool:
    """
    @notice Whether it was shown that the root claim is of another block.
    """
    return self._isNumberChallenged()


@external
@view
def startingOutputRoot() -> (bytes32, uint256):
    """
    @notice The anchor from which the game starts.
    """
    return self.startingRoot, self.startingNumber


@external
@view
def startingRootHash() -> bytes32:
    """
    @notice Output root of the anchor.
    """
    return self.startingRoot


@external
@view
def startingBlockNumber() -> uint256:
    """
    @notice L2 block number of the anchor.
    """
    return self.startingNumber


@external
@view
def createdAt() -> uint64:
    """
    @notice When the game began, in seconds.
    """
    return convert(self.packed & MASK_64, uint64)


@external
@view
def resolvedAt() -> uint64:
    """
    @notice When the verdict fell, in seconds; 0 before.
    """
    return convert((self.packed >> 64) & MASK_64, uint64)


@external
@view
def status() -> uint8:
    """
    @notice 0 in progress, 1 challengers win, 2 defenders win.
    """
    return self._status()


@external
@view
def bondDistributionMode() -> uint8:
    """
    @notice 0 undecided, 1 as the game was decided, 2 everybody gets the own bonds back.
    """
    return self._mode()


@external
@view
def wasRespectedGameTypeWhenCreated() -> bool:
    """
    @notice Whether withdrawals could be proven against this type when the game began.
    """
    return (self.packed >> 137) & 1 == 1


@external
@pure
def absolutePrestate() -> bytes32:
    """
    @notice Zero: no state is common to all traces; see `traceBounds`.
    """
    return empty(bytes32)


@external
@view
def traceBounds(_claimIndex: uint256) -> bytes32:
    """
    @notice For a claim below the split depth: hash of the agreed output root, the disputed one, its
            L2 block number (8 bytes), the L1 head and the inputs root. A step's local context.
            Fails while BlockInputs has not computed that root.
    """
    assert _claimIndex < self.claimDataLen, "FaultDisputeGame: no claim has this index"
    if self._depth(((self.claimList[_claimIndex].link >> 32) & MASK_128)) <= SPLIT_DEPTH:
        raw_revert(method_id("ClaimAboveSplit()"))
    bounds: bytes32 = empty(bytes32)
    isKnown: bool = False
    bounds, isKnown = self._traceBounds(_claimIndex)
    if not isKnown:
        raw_revert(method_id("InputsNotProven()"))
    return bounds


@external
@view
def maxGameDepth() -> uint256:
    """
    @notice Depth of single steps.
    """
    return MAX_GAME_DEPTH


@external
@view
def splitDepth() -> uint256:
    """
    @notice Depth of the last output roots.
    """
    return SPLIT_DEPTH


@external
@view
def maxClockDuration() -> uint64:
    """
    @notice Seconds that each side has in all.
    """
    return convert(MAX_CLOCK_DURATION, uint64)


@external
@view
def clockExtension() -> uint64:
    """
    @notice Seconds that the other side has at least for its next answer.
    """
    return convert(CLOCK_EXTENSION, uint64)


@external
@view
def vm() -> address:
    """
    @notice The verifier of single steps; zero while there is none.
    """
    return VM


@external
@view
def blockInputs() -> address:
    """
    @notice Who computes what an L2 block is made of; zero where `inputsRoot` is the proposer's word.
    """
    return BLOCK_INPUTS


@external
@view
def weth() -> address:
    """
    @notice Where the bonds are.
    """
    return WETH


@external
@view
def anchorStateRegistry() -> address:
    """
    @notice The registry to which this game answers.
    """
    return REGISTRY


@external
@view
def l2ChainId() -> uint256:
    """
    @notice Chain id of the L2.
    """
    return L2_CHAIN_ID


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "1.8.0"
