# pragma version 0.4.3
# pragma evm-version cancun
"""
@title DataAvailabilityChallenge
@notice Makes whoever keeps a rollup's data show it: a commitment on L1 can be challenged against a
        bond, and the data have to come to L1 in time, or they count for nothing.
@dev The interface is that of the OP Stack's contract (specs: experimental/alt-da.md, "Data
     Availability Challenge Contract"). Commitments are 0x00 and a Keccak-256. It asks nobody
     whether a commitment was ever posted: derivation looks at those alone that were.
"""

struct Challenge:
    challenger: address
    lockedBond: uint256
    startBlock: uint256
    resolvedBlock: uint256

# As much data as one transaction carries.
MAX_DATA: constant(uint256) = 131_072
MAX_COMMITMENT: constant(uint256) = 256
KECCAK256_TYPE: constant(uint8) = 0
KECCAK256_BYTES: constant(uint256) = 33

UNINITIALIZED: constant(uint8) = 0
ACTIVE: constant(uint8) = 1
RESOLVED: constant(uint8) = 2
EXPIRED: constant(uint8) = 3

# What a resolution costs in gas, about: so much, and so much for each byte of data (a thousandth).
fixedResolutionCost: public(constant(uint256)) = 72_925
variableResolutionCost: public(constant(uint256)) = 16_640
variableResolutionCostPrecision: public(constant(uint256)) = 1_000

owner: public(immutable(address))
challengeWindow: public(immutable(uint256))
resolveWindow: public(immutable(uint256))

bondSize: public(uint256)
resolverRefundPercentage: public(uint256)
balances: public(HashMap[address, uint256])
# By the commitment's block and the hash of the commitment.
challenges: HashMap[uint256, HashMap[bytes32, Challenge]]

event ChallengeStatusChanged:
    challengedBlockNumber: indexed(uint256)
    challengedCommitment: Bytes[MAX_COMMITMENT]
    status: uint8

event RequiredBondSizeChanged:
    challengeWindow: uint256

event ResolverRefundPercentageChanged:
    resolverRefundPercentage: uint256

event BalanceChanged:
    account: address
    balance: uint256


@deploy
def __init__(
    _owner: address,
    _challengeWindow: uint256,
    _resolveWindow: uint256,
    _bondSize: uint256,
    _resolverRefundPercentage: uint256,
):
    owner = _owner
    challengeWindow = _challengeWindow
    resolveWindow = _resolveWindow
    self._setBondSize(_bondSize)
    self._setResolverRefundPercentage(_resolverRefundPercentage)


# -- settings -------------------------------------------------------------------------------------


@internal
@view
def _onlyOwner():
    assert msg.sender == owner, "DataAvailabilityChallenge: not owner"


@internal
def _setBondSize(size: uint256):
    self.bondSize = size
    log RequiredBondSizeChanged(challengeWindow=size)


@internal
def _setResolverRefundPercentage(percentage: uint256):
    if percentage > 100:
        raw_revert(
            abi_encode(
                percentage, method_id=method_id("InvalidResolverRefundPercentage(uint256)")
            )
        )
    self.resolverRefundPercentage = percentage
    log ResolverRefundPercentageChanged(resolverRefundPercentage=percentage)


@external
def setBondSize(_bondSize: uint256):
    """
    @notice Change what a challenge costs.
    """
    self._onlyOwner()
    self._setBondSize(_bondSize)


@external
def setResolverRefundPercentage(_resolverRefundPercentage: uint256):
    """
    @notice Change what share of a resolution's cost its resolver gets, in percent.
    """
    self._onlyOwner()
    self._setResolverRefundPercentage(_resolverRefundPercentage)


# -- bonds ----------------------------------------------------------------------------------------


@internal
def _setBalance(account: address, amount: uint256):
    self.balances[account] = amount
    log BalanceChanged(account=account, balance=amount)


@internal
@payable
def _deposit():
    self._setBalance(msg.sender, self.balances[msg.sender] + msg.value)


@external
@payable
def deposit():
    """
    @notice Bring ether for bonds.
    """
    self._deposit()


@external
@payable
def __default__():
    """
    @notice Ether alone is a deposit.
    """
    assert len(msg.data) == 0, "DataAvailabilityChallenge: no such function"
    self._deposit()


@external
def withdraw():
    """
    @notice Take out what is not locked.
    """
    amount: uint256 = self.balances[msg.sender]
    self._setBalance(msg.sender, 0)
    if not raw_call(msg.sender, b"", value=amount, revert_on_failure=False):
        raw_revert(method_id("WithdrawalFailed()"))


# -- challenges -----------------------------------------------------------------------------------


@internal
@pure
def _validate(commitment: Bytes[MAX_COMMITMENT]):
    kind: uint8 = KECCAK256_TYPE
    if len(commitment) > 0:
        kind = convert(slice(commitment, 0, 1), uint8)
    if kind != KECCAK256_TYPE:
        raw_revert(abi_encode(kind, method_id=method_id("UnknownCommitmentType(uint8)")))
    if len(commitment) != KECCAK256_BYTES:
        raw_revert(
            abi_encode(
                kind,
                KECCAK256_BYTES,
                len(commitment),
                method_id=method_id("InvalidCommitmentLength(uint8,uint256,uint256)"),
            )
        )


@internal
@view
def _status(found: Challenge) -> uint8:
    if found.challenger == empty(address):
        return UNINITIALIZED
    if found.resolvedBlock != 0:
        return RESOLVED
    return ACTIVE if block.number <= found.startBlock + resolveWindow else EXPIRED


@external
@pure
def validateCommitment(_commitment: Bytes[MAX_COMMITMENT]):
    """
    @notice Reverts for what is no commitment: UnknownCommitmentType, InvalidCommitmentLength.
    """
    self._validate(_commitment)


@external
@view
def getChallenge(
    _challengedBlockNumber: uint256, _challengedCommitment: Bytes[MAX_COMMITMENT]
) -> Challenge:
    """
    @notice The challenge of a commitment in a block; all zero where there is none.
    """
    return self.challenges[_challengedBlockNumber][keccak256(_challengedCommitment)]


@external
@view
def getChallengeStatus(
    _challengedBlockNumber: uint256, _challengedCommitment: Bytes[MAX_COMMITMENT]
) -> uint8:
    """
    @notice 0 there is none, 1 the data have to come, 2 they came, 3 they did not.
    """
    return self._status(self.challenges[_challengedBlockNumber][keccak256(_challengedCommitment)])


@external
@payable
def challenge(_challengedBlockNumber: uint256, _challengedCommitment: Bytes[MAX_COMMITMENT]):
    """
    @notice Ask for the data of a commitment that stands in a block within the challenge window.
    @dev Locks the bond out of the sender's balance, to which what is sent along is added.
    """
    self._validate(_challengedCommitment)
    self._deposit()
    bond: uint256 = self.bondSize
    balance: uint256 = self.balances[msg.sender]
    if balance < bond:
        raw_revert(
            abi_encode(balance, bond, method_id=method_id("BondTooLow(uint256,uint256)"))
        )
    name: bytes32 = keccak256(_challengedCommitment)
    if self._status(self.challenges[_challengedBlockNumber][name]) != UNINITIALIZED:
        raw_revert(method_id("ChallengeExists()"))
    if (
        block.number < _challengedBlockNumber
        or block.number - _challengedBlockNumber > challengeWindow
    ):
        raw_revert(method_id("ChallengeWindowNotOpen()"))
    self.balances[msg.sender] = balance - bond
    self.challenges[_challengedBlockNumber][name] = Challenge(
        challenger=msg.sender, lockedBond=bond, startBlock=block.number, resolvedBlock=0
    )
    log ChallengeStatusChanged(
        challengedBlockNumber=_challengedBlockNumber,
        challengedCommitment=_challengedCommitment,
        status=ACTIVE,
    )


@external
def resolve(
    _challengedBlockNumber: uint256,
    _challengedCommitment: Bytes[MAX_COMMITMENT],
    _resolveData: Bytes[MAX_DATA],
):
    """
    @notice Show the data of a challenged commitment: from then on they stand on L1, in the calldata
            of this call.
    """
    self._validate(_challengedCommitment)
    name: bytes32 = keccak256(_challengedCommitment)
    found: Challenge = self.challenges[_challengedBlockNumber][name]
    if self._status(found) != ACTIVE:
        raw_revert(method_id("ChallengeNotActive()"))
    provided: bytes32 = keccak256(_resolveData)
    if provided != extract32(_challengedCommitment, 1):
        raw_revert(
            abi_encode(
                concat(b"\x00", provided),
                _challengedCommitment,
                method_id=method_id("InvalidInputData(bytes,bytes)"),
            )
        )
    found.resolvedBlock = block.number
    self.challenges[_challengedBlockNumber][name] = found
    log ChallengeStatusChanged(
        challengedBlockNumber=_challengedBlockNumber,
        challengedCommitment=_challengedCommitment,
        status=RESOLVED,
    )
    self._distribute(_challengedBlockNumber, name, found, len(_resolveData))


@internal
def _distribute(number: uint256, name: bytes32, found: Challenge, size: uint256):
    """
    @notice The bond less the cost of showing the data goes back to the challenger; of the cost a
            share goes to who showed them, the rest is burnt.
    @dev Else a challenger who resolves its own challenges would block the rollup for nothing.
    """
    locked: uint256 = found.lockedBond
    cost: uint256 = (
        fixedResolutionCost + size * variableResolutionCost // variableResolutionCostPrecision
    ) * block.basefee
    if locked > cost:
        self._setBalance(
            found.challenger, self.balances[found.challenger] + locked - cost
        )
        locked = cost
    refund: uint256 = min(cost * self.resolverRefundPercentage // 100, locked)
    if refund > 0:
        self._setBalance(msg.sender, self.balances[msg.sender] + refund)
        locked -= refund
    self.challenges[number][name].lockedBond = 0
    if locked > 0:
        send(empty(address), locked)


@external
def unlockBond(_challengedBlockNumber: uint256, _challengedCommitment: Bytes[MAX_COMMITMENT]):
    """
    @notice Give the bond of a challenge that nobody answered in time back to its challenger.
    """
    self._validate(_challengedCommitment)
    name: bytes32 = keccak256(_challengedCommitment)
    found: Challenge = self.challenges[_challengedBlockNumber][name]
    if self._status(found) != EXPIRED:
        raw_revert(method_id("ChallengeNotExpired()"))
    self.challenges[_challengedBlockNumber][name].lockedBond = 0
    self._setBalance(found.challenger, self.balances[found.challenger] + found.lockedBond)


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "1.0.1"
