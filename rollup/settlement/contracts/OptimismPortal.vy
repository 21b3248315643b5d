# pragma version 0.4.3
# pragma evm-version cancun
"""
@title OptimismPortal
@notice Where money and calls pass between L1 and L2: deposits in, proven withdrawals out.
@dev Functions, events and named errors of the OP Stack's OptimismPortal2 (specs:
     protocol/deposits.md, withdrawals.md, fault-proof/stage-one/optimism-portal.md).

     The gas that all deposits of one L1 block may ask for is bounded, so that they always fit an
     L2 block; beyond the bound deposits revert and wait, they are not auctioned, hence `params`
     tells the bought gas only.

     A withdrawal is finalized once, when its proof has matured and the game it was proven against
     is a valid claim in the eyes of the AnchorStateRegistry.
"""

import modules.MerkleTrie as MerkleTrie

interface DisputeGame:
    def status() -> uint8: view
    def rootClaim() -> bytes32: view
    def createdAt() -> uint64: view

interface DisputeGameFactory:
    def gameAtIndex(_index: uint256) -> (uint32, uint64, address): view

interface AnchorStateRegistry:
    def disputeGameFactory() -> address: view
    def disputeGameFinalityDelaySeconds() -> uint256: view
    def disputeGameBlacklist(_game: address) -> bool: view
    def isGameProper(_game: address) -> bool: view
    def isGameRespected(_game: address) -> bool: view
    def isGameClaimValid(_game: address) -> bool: view
    def respectedGameType() -> uint32: view
    def retirementTimestamp() -> uint64: view

interface SuperchainConfig:
    def guardian() -> address: view
    def paused(_identifier: address) -> bool: view

struct WithdrawalTransaction:
    nonce: uint256
    sender: address
    target: address
    value: uint256
    gasLimit: uint256
    data: Bytes[MAX_WITHDRAWAL_DATA]

struct OutputRootProof:
    version: bytes32
    stateRoot: bytes32
    messagePasserStorageRoot: bytes32
    latestBlockhash: bytes32

DEPOSIT_VERSION: constant(uint256) = 0
RECEIVE_DEFAULT_GAS_LIMIT: constant(uint64) = 100_000
MAX_RESOURCE_LIMIT: constant(uint256) = 20_000_000
MAX_DATA: constant(uint256) = 120_000
# 0x1111000000000000000000000000000000001111
ALIAS_OFFSET: constant(uint256) = 97431955772380292505369553133200691419628441873
EVENT_DATA_OFFSET: constant(uint256) = 32
# msg.value, value, gas limit, creation flag
OPAQUE_HEAD_SIZE: constant(uint256) = 32 + 32 + 8 + 1
ZEROS: constant(Bytes[32]) = (
    x"0000000000000000000000000000000000000000000000000000000000000000"
)
# As much as the L2ToL1MessagePasser takes.
MAX_WITHDRAWAL_DATA: constant(uint256) = 32_768
# Two keys whose paths share 31 nibbles cost 2**124 hashes to find.
MAX_PROOF_NODES: constant(uint256) = 32
CHALLENGER_WINS: constant(uint8) = 1
# What l2Sender answers while nothing is finalized.
NO_L2_SENDER: constant(address) = 0x000000000000000000000000000000000000dEaD
# Who estimates gas sends from here, and must not be told that a failing call succeeds.
ESTIMATION_ADDRESS: constant(address) = 0x0000000000000000000000000000000000000001
# Gas kept for what follows the call to the target.
RELAY_RESERVED_GAS: constant(uint256) = 40_000

systemConfig: public(immutable(address))
anchorStateRegistry: public(immutable(address))
superchainConfig: public(immutable(address))
PROOF_MATURITY_DELAY_SECONDS: immutable(uint256)

boughtInBlock: uint256
boughtGas: uint256
finalizedWithdrawals: public(HashMap[bytes32, bool])
# game (bits 0..159), timestamp of the proof (160..223)
packedProofs: HashMap[bytes32, HashMap[address, uint256]]
numProofSubmitters: public(HashMap[bytes32, uint256])
submitters: HashMap[bytes32, HashMap[uint256, address]]
callingFor: transient(address)

event WithdrawalProven:
    withdrawalHash: indexed(bytes32)
    # `from` in the OP Stack; a keyword here. Names are not part of an event's topic.
    sender: indexed(address)
    to: indexed(address)

event WithdrawalProvenExtension1:
    withdrawalHash: indexed(bytes32)
    proofSubmitter: indexed(address)

event WithdrawalFinalized:
    withdrawalHash: indexed(bytes32)
    success: bool

event TransactionDeposited:
    sender: indexed(address)
    to: indexed(address)
    version: indexed(uint256)
    opaqueData: Bytes[OPAQUE_HEAD_SIZE]


@deploy
def __init__(
    _systemConfig: address,
    _anchorStateRegistry: address,
    _superchainConfig: address,
    _proofMaturityDelaySeconds: uint256,
):
    systemConfig = _systemConfig
    anchorStateRegistry = _anchorStateRegistry
    superchainConfig = _superchainConfig
    PROOF_MATURITY_DELAY_SECONDS = _proofMaturityDelaySeconds


@internal
@view
def _senderOnL2() -> address:
    # A contract must not be able to speak for an account of the same address on L2. One whose
    # code delegates (EIP-7702, 0xef0100 ++ address) is the account itself.
    if msg.sender == tx.origin:
        return msg.sender
    if msg.sender.codesize == 23:
        if slice(msg.sender.code, 0, 3) == x"ef0100":
            return msg.sender
    aliased: uint256 = convert(msg.sender, uint256) + ALIAS_OFFSET
    return convert(aliased & (2**160 - 1), address)


@internal
def _buyGas(gasLimit: uint64):
    bought: uint256 = 0
    if self.boughtInBlock == block.number:
        bought = self.boughtGas
    bought += convert(gasLimit, uint256)
    assert bought <= MAX_RESOURCE_LIMIT, "OptimismPortal: deposit gas of this block is used up"
    self.boughtInBlock = block.number
    self.boughtGas = bought


@internal
@pure
def _minimumGasLimit(byteCount: uint64) -> uint64:
    return byteCount * 40 + 21_000


@external
@payable
def __default__():
    """
    @notice Ether sent here arrives at the same address on L2.
    """
    assert len(msg.data) == 0
    self._buyGas(RECEIVE_DEFAULT_GAS_LIMIT)
    sender: address = self._senderOnL2()
    log TransactionDeposited(
        sender=sender,
        # The target keeps its address; only the sender is aliased.
        to=msg.sender,
        version=DEPOSIT_VERSION,
        opaqueData=concat(
            convert(msg.value, bytes32),
            convert(msg.value, bytes32),
            convert(RECEIVE_DEFAULT_GAS_LIMIT, bytes8),
            x"00",
        ),
    )


@external
@payable
def depositTransaction(
    _to: address, _value: uint256, _gasLimit: uint64, _isCreation: bool, _data: Bytes[MAX_DATA]
):
    """
    @notice Force a transaction into the L2. The ether sent along is minted there.
    @param _to Target on L2; the zero address for a creation.
    @param _value Wei to send from the sender to the target on L2.
    @param _gasLimit Gas of the transaction on L2, at least minimumGasLimit of the data's length.
    @param _isCreation Whether to create a contract.
    @param _data Calldata or creation code.
    """
    if _isCreation:
        assert _to == empty(address), "OptimismPortal: must send to address(0) when creating"
    size: uint256 = len(_data)
    assert _gasLimit >= self._minimumGasLimit(
        convert(size, uint64)
    ), "OptimismPortal: gas limit too small"
    self._buyGas(_gasLimit)
    sender: address = self._senderOnL2()
    creation: uint256 = convert(_isCreation, uint256)
    padding: Bytes[32] = slice(ZEROS, 0, (32 - (OPAQUE_HEAD_SIZE + size) % 32) % 32)
    # Written by hand: `log` would copy the data into a second buffer of its full bound, and pay
    # for that memory.
    raw_log(
        [
            keccak256("TransactionDeposited(address,address,uint256,bytes)"),
            convert(convert(sender, uint256), bytes32),
            convert(convert(_to, uint256), bytes32),
            convert(DEPOSIT_VERSION, bytes32),
        ],
        concat(
            convert(EVENT_DATA_OFFSET, bytes32),
            convert(OPAQUE_HEAD_SIZE + size, bytes32),
            convert(msg.value, bytes32),
            convert(_value, bytes32),
            convert(_gasLimit, bytes8),
            convert(convert(creation, uint8), bytes1),
            _data,
            padding,
        ),
    )


@external
@payable
def donateETH():
    """
    @notice Give ether to the bridge without a deposit.
    """
    pass


@internal
@view
def _registry() -> AnchorStateRegistry:
    return AnchorStateRegistry(anchorStateRegistry)


@internal
@view
def _paused() -> bool:
    return staticcall SuperchainConfig(superchainConfig).paused(self)


@internal
@view
def _checkTarget(target: address):
    if self._paused():
        raw_revert(method_id("OptimismPortal_CallPaused()"))
    # The portal calls only outwards: a withdrawal must not speak in its name.
    if target == self:
        raw_revert(method_id("OptimismPortal_BadTarget()"))


@internal
@view
def _checkGame(index: uint256, outputRoot: bytes32) -> address:
    gameType: uint32 = 0
    timestamp: uint64 = 0
    game: address = empty(address)
    factory: address = staticcall self._registry().disputeGameFactory()
    gameType, timestamp, game = staticcall DisputeGameFactory(factory).gameAtIndex(index)
    if not staticcall self._registry().isGameProper(game):
        raw_revert(method_id("OptimismPortal_ImproperDisputeGame()"))
    if not staticcall self._registry().isGameRespected(game):
        raw_revert(method_id("OptimismPortal_InvalidDisputeGame()"))
    if staticcall DisputeGame(game).status() == CHALLENGER_WINS:
        raw_revert(method_id("OptimismPortal_InvalidDisputeGame()"))
    # A proof is younger than its game: one that was undone by a reorg proves nothing.
    if block.timestamp <= convert(staticcall DisputeGame(game).createdAt(), uint256):
        raw_revert(method_id("OptimismPortal_InvalidProofTimestamp()"))
    if staticcall DisputeGame(game).rootClaim() != outputRoot:
        raw_revert(method_id("OptimismPortal_InvalidOutputRootProof()"))
    return game


@internal
def _recordProof(withdrawalHash: bytes32, game: address):
    if self.packedProofs[withdrawalHash][msg.sender] == 0:
        count: uint256 = self.numProofSubmitters[withdrawalHash]
        self.submitters[withdrawalHash][count] = msg.sender
        self.numProofSubmitters[withdrawalHash] = count + 1
    self.packedProofs[withdrawalHash][msg.sender] = convert(game, uint256) | (
        block.timestamp << 160
    )


@internal
@view
def _provenWithdrawal(withdrawalHash: bytes32, submitter: address) -> (address, uint64):
    proof: uint256 = self.packedProofs[withdrawalHash][submitter]
    return convert(proof & (2**160 - 1), address), convert(proof >> 160, uint64)


@external
def proveWithdrawalTransaction(
    _tx: WithdrawalTransaction,
    _disputeGameIndex: uint256,
    _outputRootProof: OutputRootProof,
    _withdrawalProof: DynArray[Bytes[MerkleTrie.MAX_NODE], MAX_PROOF_NODES],
):
    """
    @notice Show that L2 has recorded a withdrawal, by a proof against the output root of a game.
    @param _tx The withdrawal.
    @param _disputeGameIndex Index of the game in the DisputeGameFactory.
    @param _outputRootProof What the game's root claim is the hash of.
    @param _withdrawalProof Nodes of the message passer's storage trie, root first.
    """
    self._checkTarget(_tx.target)
    game: address = self._checkGame(_disputeGameIndex, keccak256(abi_encode(_outputRootProof)))
    withdrawalHash: bytes32 = keccak256(
        abi_encode(_tx.nonce, _tx.sender, _tx.target, _tx.value, _tx.gasLimit, _tx.data)
    )
    # sentMessages[withdrawalHash] of the message passer, a mapping in slot 0.
    slot: bytes32 = keccak256(concat(withdrawalHash, empty(bytes32)))
    key: bytes32 = keccak256(slot)
    walk: MerkleTrie.Step = MerkleTrie.begin(_outputRootProof.messagePasserStorageRoot)
    for node: Bytes[MerkleTrie.MAX_NODE] in _withdrawalProof:
        walk = MerkleTrie.follow(node, key, walk)
    assert walk.isLeaf, "MerkleTrie: the proof ends before the leaf"
    if keccak256(walk.value) != keccak256(x"01"):
        raw_revert(method_id("OptimismPortal_InvalidMerkleProof()"))
    self._recordProof(withdrawalHash, game)
    log WithdrawalProven(withdrawalHash=withdrawalHash, sender=_tx.sender, to=_tx.target)
    log WithdrawalProvenExtension1(withdrawalHash=withdrawalHash, proofSubmitter=msg.sender)


@internal
@view
def _checkWithdrawal(withdrawalHash: bytes32, submitter: address):
    if self.finalizedWithdrawals[withdrawalHash]:
        raw_revert(method_id("OptimismPortal_AlreadyFinalized()"))
    game: address = empty(address)
    provenAt: uint64 = 0
    game, provenAt = self._provenWithdrawal(withdrawalHash, submitter)
    if provenAt == 0:
        raw_revert(method_id("OptimismPortal_Unproven()"))
    if provenAt <= staticcall DisputeGame(game).createdAt():
        raw_revert(method_id("OptimismPortal_InvalidProofTimestamp()"))
    if block.timestamp - convert(provenAt, uint256) <= PROOF_MATURITY_DELAY_SECONDS:
        raw_revert(method_id("OptimismPortal_ProofNotOldEnough()"))
    if not staticcall self._registry().isGameClaimValid(game):
        raw_revert(method_id("OptimismPortal_InvalidRootClaim()"))


@internal
def _beginFinalization(target: address, sender: address, withdrawalHash: bytes32, by: address):
    self._checkTarget(target)
    if self.callingFor != empty(address):
        raw_revert(method_id("OptimismPortal_NoReentrancy()"))
    self._checkWithdrawal(withdrawalHash, by)
    self.finalizedWithdrawals[withdrawalHash] = True
    self.callingFor = sender


@internal
@view
def _requireGas(gasLimit: uint256):
    # A call gets at most 63/64 of what is there; what it was promised has to be among that.
    assert msg.gas * 63 >= gasLimit * 64 + RELAY_RESERVED_GAS * 63, "SafeCall: Not enough gas"


@internal
def _endFinalization(withdrawalHash: bytes32, success: bool):
    self.callingFor = empty(address)
    log WithdrawalFinalized(withdrawalHash=withdrawalHash, success=success)
    if not success and tx.origin == ESTIMATION_ADDRESS:
        raw_revert(method_id("OptimismPortal_GasEstimation()"))


@external
def finalizeWithdrawalTransaction(_tx: WithdrawalTransaction):
    """
    @notice Carry out a withdrawal that the caller has proven. It counts as done whether the call
            to its target succeeds or not.
    @param _tx The withdrawal.
    """
    withdrawalHash: bytes32 = keccak256(
        abi_encode(_tx.nonce, _tx.sender, _tx.target, _tx.value, _tx.gasLimit, _tx.data)
    )
    self._beginFinalization(_tx.target, _tx.sender, withdrawalHash, msg.sender)
    self._requireGas(_tx.gasLimit)
    success: bool = raw_call(_tx.target, _tx.data, value=_tx.value, revert_on_failure=False)
    self._endFinalization(withdrawalHash, success)


@external
def finalizeWithdrawalTransactionExternalProof(
    _tx: WithdrawalTransaction, _proofSubmitter: address
):
    """
    @notice Carry out a withdrawal that another account has proven.
    @param _tx The withdrawal.
    @param _proofSubmitter Who has proven it.
    """
    withdrawalHash: bytes32 = keccak256(
        abi_encode(_tx.nonce, _tx.sender, _tx.target, _tx.value, _tx.gasLimit, _tx.data)
    )
    self._beginFinalization(_tx.target, _tx.sender, withdrawalHash, _proofSubmitter)
    self._requireGas(_tx.gasLimit)
    success: bool = raw_call(_tx.target, _tx.data, value=_tx.value, revert_on_failure=False)
    self._endFinalization(withdrawalHash, success)


@external
@view
def checkWithdrawal(_withdrawalHash: bytes32, _proofSubmitter: address):
    """
    @notice Reverts, with the reason, unless a withdrawal can be finalized now.
    """
    self._checkWithdrawal(_withdrawalHash, _proofSubmitter)


@external
@view
def provenWithdrawals(_withdrawalHash: bytes32, _proofSubmitter: address) -> (address, uint64):
    """
    @notice The game an account has proven a withdrawal against, and when; zeros for none.
    """
    return self._provenWithdrawal(_withdrawalHash, _proofSubmitter)


@external
@view
def proofSubmitters(_withdrawalHash: bytes32, _index: uint256) -> address:
    """
    @notice Who has proven a withdrawal, in the order of their first proofs.
    """
    assert (
        _index < self.numProofSubmitters[_withdrawalHash]
    ), "OptimismPortal: no such proof submitter"
    return self.submitters[_withdrawalHash][_index]


@external
@view
def l2Sender() -> address:
    """
    @notice Who on L2 sent the withdrawal that is being finalized; 0x…dEaD while none is.
    """
    if self.callingFor == empty(address):
        return NO_L2_SENDER
    return self.callingFor


@external
@view
def paused() -> bool:
    """
    @notice Whether the guardian has paused withdrawals.
    """
    return self._paused()


@external
@view
def guardian() -> address:
    """
    @notice Who may pause.
    """
    return staticcall SuperchainConfig(superchainConfig).guardian()


@external
@view
def proofMaturityDelaySeconds() -> uint256:
    """
    @notice How long a proof waits before its withdrawal may be finalized.
    """
    return PROOF_MATURITY_DELAY_SECONDS


@external
@view
def disputeGameFinalityDelaySeconds() -> uint256:
    """
    @notice How long a resolved game waits before it counts.
    """
    return staticcall self._registry().disputeGameFinalityDelaySeconds()


@external
@view
def disputeGameFactory() -> address:
    """
    @notice Where the games are made.
    """
    return staticcall self._registry().disputeGameFactory()


@external
@view
def disputeGameBlacklist(_disputeGame: address) -> bool:
    """
    @notice Whether the guardian has struck out a game.
    """
    return staticcall self._registry().disputeGameBlacklist(_disputeGame)


@external
@view
def respectedGameType() -> uint32:
    """
    @notice The type of game that withdrawals may be proven against.
    """
    return staticcall self._registry().respectedGameType()


@external
@view
def respectedGameTypeUpdatedAt() -> uint64:
    """
    @notice Games up to this time are retired.
    """
    return staticcall self._registry().retirementTimestamp()


@external
@view
def params() -> (uint128, uint64, uint64):
    """
    @notice Deposit gas: its price (0, it is not sold), what is bought, in which L1 block.
    """
    return 0, convert(self.boughtGas, uint64), convert(self.boughtInBlock, uint64)


@external
@pure
def minimumGasLimit(_byteCount: uint64) -> uint64:
    """
    @notice Least gas limit of a deposit with that many bytes of data.
    """
    return self._minimumGasLimit(_byteCount)


@external
@view
def remainingDepositGas() -> uint256:
    """
    @notice Gas that deposits may still ask for in this L1 block.
    """
    if self.boughtInBlock == block.number:
        return MAX_RESOURCE_LIMIT - self.boughtGas
    return MAX_RESOURCE_LIMIT


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "4.6.0"
