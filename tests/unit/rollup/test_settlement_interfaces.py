"""The OP Stack's function, event and error signatures, which its tools call by selector."""

from __future__ import annotations

import pytest

from chain import abi
from genesis import predeploys
from rollup.settlement.deploy import artifact

WITHDRAWAL = "(uint256,address,address,uint256,uint256,bytes)"
OUTPUT = "(bytes32,bytes32,bytes32,bytes32)"
VERSION = "version()(string)"

MESSENGER = """
baseGas(bytes,uint32)(uint64)
failedMessages(bytes32)(bool)
messageNonce()(uint256)
otherMessenger()(address)
relayMessage(uint256,address,address,uint256,uint256,bytes)()
sendMessage(address,bytes,uint32)()
successfulMessages(bytes32)(bool)
xDomainMessageSender()(address)
paused()(bool)
MESSAGE_VERSION()(uint16)
OTHER_MESSENGER()(address)
event SentMessage(address,address,bytes,uint256,uint256)
event SentMessageExtension1(address,uint256)
event RelayedMessage(bytes32)
event FailedRelayedMessage(bytes32)
"""
BRIDGE = """
bridgeETH(uint32,bytes)()
bridgeETHTo(address,uint32,bytes)()
bridgeERC20(address,address,uint256,uint32,bytes)()
bridgeERC20To(address,address,address,uint256,uint32,bytes)()
finalizeBridgeETH(address,address,uint256,bytes)()
finalizeBridgeERC20(address,address,address,address,uint256,bytes)()
deposits(address,address)(uint256)
messenger()(address)
otherBridge()(address)
MESSENGER()(address)
OTHER_BRIDGE()(address)
event ETHBridgeInitiated(address,address,uint256,bytes)
event ETHBridgeFinalized(address,address,uint256,bytes)
event ERC20BridgeInitiated(address,address,address,address,uint256,bytes)
event ERC20BridgeFinalized(address,address,address,address,uint256,bytes)
"""
# A struct that Vyper returns is encoded as the values that Solidity returns, since it is static.
INTERFACES = {
    "SystemConfig": """
owner()(address)
batcherHash()(bytes32)
gasLimit()(uint64)
scalar()(uint256)
overhead()(uint256)
basefeeScalar()(uint32)
blobbasefeeScalar()(uint32)
operatorFeeScalar()(uint32)
operatorFeeConstant()(uint64)
eip1559Denominator()(uint32)
eip1559Elasticity()(uint32)
minBaseFee()(uint64)
daFootprintGasScalar()(uint16)
unsafeBlockSigner()(address)
UNSAFE_BLOCK_SIGNER_SLOT()(bytes32)
batchInbox()(address)
startBlock()(uint256)
l2ChainId()(uint256)
optimismPortal()(address)
l1CrossDomainMessenger()(address)
l1StandardBridge()(address)
disputeGameFactory()(address)
optimismMintableERC20Factory()(address)
superchainConfig()(address)
guardian()(address)
paused()(bool)
resourceConfig()((uint32,uint8,uint8,uint32,uint32,uint128))
minimumGasLimit()(uint64)
maximumGasLimit()(uint64)
setBatcherHash(bytes32)()
setGasConfigEcotone(uint32,uint32)()
setGasLimit(uint64)()
setUnsafeBlockSigner(address)()
setEIP1559Params(uint32,uint32)()
setOperatorFeeScalars(uint32,uint64)()
setMinBaseFee(uint64)()
setDAFootprintGasScalar(uint16)()
transferOwnership(address)()
VERSION()(uint256)
event ConfigUpdate(uint256,uint8,bytes)
""",
    "OptimismPortal": f"""
depositTransaction(address,uint256,uint64,bool,bytes)()
donateETH()()
minimumGasLimit(uint64)(uint64)
params()(uint128,uint64,uint64)
proveWithdrawalTransaction({WITHDRAWAL},uint256,{OUTPUT},bytes[])()
finalizeWithdrawalTransaction({WITHDRAWAL})()
finalizeWithdrawalTransactionExternalProof({WITHDRAWAL},address)()
checkWithdrawal(bytes32,address)()
provenWithdrawals(bytes32,address)(address,uint64)
numProofSubmitters(bytes32)(uint256)
proofSubmitters(bytes32,uint256)(address)
finalizedWithdrawals(bytes32)(bool)
l2Sender()(address)
paused()(bool)
guardian()(address)
systemConfig()(address)
superchainConfig()(address)
anchorStateRegistry()(address)
disputeGameFactory()(address)
disputeGameBlacklist(address)(bool)
disputeGameFinalityDelaySeconds()(uint256)
proofMaturityDelaySeconds()(uint256)
respectedGameType()(uint32)
respectedGameTypeUpdatedAt()(uint64)
event TransactionDeposited(address,address,uint256,bytes)
event WithdrawalProven(bytes32,address,address)
event WithdrawalProvenExtension1(bytes32,address)
event WithdrawalFinalized(bytes32,bool)
""",
    "SuperchainConfig": """
guardian()(address)
paused()(bool)
paused(address)(bool)
pause(address)()
unpause(address)()
extend(address)()
expiration(address)(uint256)
pauseExpiry()(uint256)
event Paused(address)
event Unpaused(address)
""",
    "DisputeGameFactory": """
create(uint32,bytes32,bytes)(address)
games(uint32,bytes32,bytes)(address,uint64)
gameAtIndex(uint256)(uint32,uint64,address)
gameCount()(uint256)
gameImpls(uint32)(address)
initBonds(uint32)(uint256)
findLatestGames(uint32,uint256,uint256)((uint256,bytes32,uint64,bytes32,bytes)[])
getGameUUID(uint32,bytes32,bytes)(bytes32)
setImplementation(uint32,address)()
setInitBond(uint32,uint256)()
owner()(address)
transferOwnership(address)()
renounceOwnership()()
event DisputeGameCreated(address,uint32,bytes32)
event ImplementationSet(address,uint32)
event InitBondUpdated(uint32,uint256)
""",
    "FaultDisputeGame": f"""
move(bytes32,uint256,bytes32,bool)()
attack(bytes32,uint256,bytes32)()
defend(bytes32,uint256,bytes32)()
step(uint256,bool,bytes,bytes)()
challengeRootL2Block({OUTPUT},bytes)()
resolveClaim(uint256,uint256)()
resolve()(uint8)
closeGame()()
claimCredit(address)()
credit(address)(uint256)
normalModeCredit(address)(uint256)
refundModeCredit(address)(uint256)
hasUnlockedCredit(address)(bool)
bondDistributionMode()(uint8)
claimData(uint256)(uint32,address,address,uint128,bytes32,uint128,uint128)
claimDataLen()(uint256)
claims(bytes32)(bool)
subgames(uint256,uint256)(uint256)
resolvedSubgames(uint256)(bool)
resolutionCheckpoints(uint256)((bool,uint32,uint128,address))
getNumToResolve(uint256)(uint256)
getChallengerDuration(uint256)(uint64)
getRequiredBond(uint128)(uint256)
gameType()(uint32)
gameCreator()(address)
rootClaim()(bytes32)
l1Head()(bytes32)
extraData()(bytes)
gameData()(uint32,bytes32,bytes)
l2BlockNumber()(uint256)
l2SequenceNumber()(uint256)
l2BlockNumberChallenged()(bool)
l2BlockNumberChallenger()(address)
startingOutputRoot()(bytes32,uint256)
startingRootHash()(bytes32)
startingBlockNumber()(uint256)
createdAt()(uint64)
resolvedAt()(uint64)
status()(uint8)
wasRespectedGameTypeWhenCreated()(bool)
absolutePrestate()(bytes32)
maxGameDepth()(uint256)
splitDepth()(uint256)
maxClockDuration()(uint64)
clockExtension()(uint64)
vm()(address)
weth()(address)
anchorStateRegistry()(address)
l2ChainId()(uint256)
event Move(uint256,bytes32,address)
event Resolved(uint8)
event GameClosed(uint8)
""",
    "AnchorStateRegistry": """
anchors(uint32)(bytes32,uint256)
getAnchorRoot()(bytes32,uint256)
anchorGame()(address)
setAnchorState(address)()
setRespectedGameType(uint32)()
updateRetirementTimestamp()()
blacklistDisputeGame(address)()
disputeGameBlacklist(address)(bool)
disputeGameFactory()(address)
disputeGameFinalityDelaySeconds()(uint256)
respectedGameType()(uint32)
retirementTimestamp()(uint64)
isGameBlacklisted(address)(bool)
isGameClaimValid(address)(bool)
isGameFinalized(address)(bool)
isGameProper(address)(bool)
isGameRegistered(address)(bool)
isGameResolved(address)(bool)
isGameRespected(address)(bool)
isGameRetired(address)(bool)
paused()(bool)
systemConfig()(address)
superchainConfig()(address)
event AnchorUpdated(address)
event DisputeGameBlacklisted(address)
event RespectedGameTypeSet(uint32)
event RetirementTimestampSet(uint256)
""",
    "DelayedWETH": """
deposit()()
unlock(address,uint256)()
withdraw(address,uint256)()
withdrawals(address,address)((uint256,uint256))
hold(address)()
hold(address,uint256)()
recover(uint256)()
delay()(uint256)
approve(address,uint256)(bool)
transfer(address,uint256)(bool)
transferFrom(address,address,uint256)(bool)
allowance(address,address)(uint256)
balanceOf(address)(uint256)
totalSupply()(uint256)
name()(string)
symbol()(string)
decimals()(uint8)
systemConfig()(address)
event Deposit(address,uint256)
event Withdrawal(address,uint256)
event Transfer(address,address,uint256)
event Approval(address,address,uint256)
""",
    "L1CrossDomainMessenger": MESSENGER
    + "portal()(address)\nPORTAL()(address)\nsystemConfig()(address)\nsuperchainConfig()(address)",
    "L2CrossDomainMessenger": MESSENGER + "l1CrossDomainMessenger()(address)",
    "L1StandardBridge": BRIDGE
    + """
depositETH(uint32,bytes)()
depositETHTo(address,uint32,bytes)()
depositERC20(address,address,uint256,uint32,bytes)()
depositERC20To(address,address,address,uint256,uint32,bytes)()
l2TokenBridge()(address)
paused()(bool)
systemConfig()(address)
event ETHDepositInitiated(address,address,uint256,bytes)
event ETHWithdrawalFinalized(address,address,uint256,bytes)
event ERC20DepositInitiated(address,address,address,address,uint256,bytes)
event ERC20WithdrawalFinalized(address,address,address,address,uint256,bytes)
""",
    "L2StandardBridge": BRIDGE
    + """
withdraw(address,uint256,uint32,bytes)()
withdrawTo(address,address,uint256,uint32,bytes)()
l1TokenBridge()(address)
event WithdrawalInitiated(address,address,address,address,uint256,bytes)
event DepositFinalized(address,address,address,address,uint256,bytes)
""",
    "OptimismMintableERC20Factory": """
createStandardL2Token(address,string,string)(address)
createOptimismMintableERC20(address,string,string)(address)
createOptimismMintableERC20WithDecimals(address,string,string,uint8)(address)
bridge()(address)
BRIDGE()(address)
deployments(address)(address)
event StandardL2TokenCreated(address,address)
event OptimismMintableERC20Created(address,address,address)
""",
    "OptimismMintableERC20": """
mint(address,uint256)()
burn(address,uint256)()
bridge()(address)
remoteToken()(address)
l1Token()(address)
l2Bridge()(address)
BRIDGE()(address)
REMOTE_TOKEN()(address)
supportsInterface(bytes4)(bool)
permit(address,address,uint256,uint256,uint8,bytes32,bytes32)()
nonces(address)(uint256)
DOMAIN_SEPARATOR()(bytes32)
name()(string)
symbol()(string)
decimals()(uint8)
totalSupply()(uint256)
balanceOf(address)(uint256)
allowance(address,address)(uint256)
approve(address,uint256)(bool)
transfer(address,uint256)(bool)
transferFrom(address,address,uint256)(bool)
event Transfer(address,address,uint256)
event Approval(address,address,uint256)
event Mint(address,uint256)
event Burn(address,uint256)
""",
}
ON_L2 = ("L2CrossDomainMessenger", "L2StandardBridge")
# (function, selector) as published by the field's own tools (cast 4byte).
KNOWN_SELECTORS = [
    (f"proveWithdrawalTransaction({WITHDRAWAL},uint256,{OUTPUT},bytes[])", "4870496f"),
    (f"finalizeWithdrawalTransaction({WITHDRAWAL})", "8c3152e9"),
    (f"finalizeWithdrawalTransactionExternalProof({WITHDRAWAL},address)", "43ca1c50"),
    ("depositTransaction(address,uint256,uint64,bool,bytes)", "e9e05c42"),
    ("relayMessage(uint256,address,address,uint256,uint256,bytes)", "d764ad0b"),
    ("sendMessage(address,bytes,uint32)", "3dbb202b"),
    ("depositERC20(address,address,uint256,uint32,bytes)", "58a997f6"),
    ("withdraw(address,uint256,uint32,bytes)", "32b7006d"),
    ("create(uint32,bytes32,bytes)", "82ecf2f6"),
]


def type_of(parameter):
    if not parameter["type"].startswith("tuple"):
        return parameter["type"]
    inner = ",".join(type_of(part) for part in parameter["components"])
    return f"({inner}){parameter['type'][5:]}"


def signatures(contract):
    """Every function and event of an artifact, written as in INTERFACES."""
    found = set()
    source = predeploys.artifact if contract in ON_L2 else artifact
    for entry in source(contract)["abi"]:
        inputs = ",".join(type_of(item) for item in entry.get("inputs", []))
        if entry["type"] == "event":
            found.add(f"event {entry['name']}({inputs})")
        elif entry["type"] == "function":
            outputs = ",".join(type_of(item) for item in entry["outputs"])
            found.add(f"{entry['name']}({inputs})({outputs})")
    return found


@pytest.mark.parametrize("contract", INTERFACES)
def test_contract_has_the_signatures_of_the_op_stack(contract):
    expected = {line for line in INTERFACES[contract].splitlines() if line}
    assert expected - signatures(contract) == set()
    if contract != "DelayedWETH":
        assert VERSION in signatures(contract)


@pytest.mark.parametrize(("signature", "selector"), KNOWN_SELECTORS)
def test_selectors_are_those_of_the_field(signature, selector):
    assert abi.selector(signature).hex() == selector


def test_delayed_weth_takes_the_withdraw_of_weth_too():
    code = bytes.fromhex(artifact("DelayedWETH")["runtime_bytecode"][2:])
    assert abi.selector("withdraw(uint256)") in code


@pytest.mark.parametrize(
    "error",
    [
        "OptimismPortal_AlreadyFinalized()",
        "OptimismPortal_BadTarget()",
        "OptimismPortal_CallPaused()",
        "OptimismPortal_GasEstimation()",
        "OptimismPortal_ImproperDisputeGame()",
        "OptimismPortal_InvalidDisputeGame()",
        "OptimismPortal_InvalidMerkleProof()",
        "OptimismPortal_InvalidOutputRootProof()",
        "OptimismPortal_InvalidProofTimestamp()",
        "OptimismPortal_InvalidRootClaim()",
        "OptimismPortal_NoReentrancy()",
        "OptimismPortal_ProofNotOldEnough()",
        "OptimismPortal_Unproven()",
    ],
)
def test_the_portal_refuses_by_the_errors_that_tools_know(error):
    code = bytes.fromhex(artifact("OptimismPortal")["runtime_bytecode"][2:])
    assert abi.selector(error) in code
