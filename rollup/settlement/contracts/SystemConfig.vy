# pragma version 0.4.3
# pragma evm-version cancun
"""
@title SystemConfig
@notice What the owner of the rollup sets on L1 for the L2: batcher, gas limit, fee parameters.
@dev Derivation follows the ConfigUpdate events (specs: protocol/system-config.md); the getters
     serve people and tools. Interface of the OP Stack's SystemConfig as of Jovian. op-node reads
     the unsafe block signer from its storage slot, so SystemConfig.layout.json puts it there.
"""

interface SuperchainConfig:
    def guardian() -> address: view
    def paused(_identifier: address) -> bool: view

struct Addresses:
    l1CrossDomainMessenger: address
    l1ERC721Bridge: address
    l1StandardBridge: address
    optimismPortal: address
    optimismMintableERC20Factory: address

struct ResourceConfig:
    maxResourceLimit: uint32
    elasticityMultiplier: uint8
    baseFeeMaxChangeDenominator: uint8
    minimumBaseFee: uint32
    systemTxMaxGas: uint32
    maximumBaseFee: uint128

VERSION_0: constant(uint256) = 0
UPDATE_BATCHER: constant(uint8) = 0
UPDATE_FEE_SCALARS: constant(uint8) = 1
UPDATE_GAS_LIMIT: constant(uint8) = 2
UPDATE_UNSAFE_BLOCK_SIGNER: constant(uint8) = 3
UPDATE_EIP1559_PARAMS: constant(uint8) = 4
UPDATE_OPERATOR_FEE: constant(uint8) = 5
UPDATE_MIN_BASE_FEE: constant(uint8) = 6
UPDATE_DA_FOOTPRINT_GAS_SCALAR: constant(uint8) = 7
MINIMUM_GAS_LIMIT: constant(uint64) = 21_000_000
MAXIMUM_GAS_LIMIT: constant(uint64) = 500_000_000
# keccak256("systemconfig.unsafeblocksigner")
SIGNER_SLOT: constant(bytes32) = 0x65a7ed542fb37fe237fdfbdd70b31598523fe5b32879e307bae27a0bd9581c08
# The portal's bound on the deposit gas of one L1 block.
MAX_RESOURCE_LIMIT: constant(uint32) = 20_000_000
L1_ATTRIBUTES_GAS: constant(uint32) = 1_000_000

owner: public(address)
pendingOwner: public(address)
batcherHash: public(bytes32)
gasLimit: public(uint64)
basefeeScalar: public(uint32)
blobbasefeeScalar: public(uint32)
operatorFeeScalar: public(uint32)
operatorFeeConstant: public(uint64)
eip1559Denominator: public(uint32)
eip1559Elasticity: public(uint32)
minBaseFee: public(uint64)
daFootprintGasScalar: public(uint16)
unsafeBlockSigner: public(address)

batchInbox: public(immutable(address))
startBlock: public(immutable(uint256))
l2ChainId: public(immutable(uint256))
superchainConfig: public(immutable(address))
disputeGameFactory: public(immutable(address))
optimismPortal: public(immutable(address))
l1CrossDomainMessenger: public(immutable(address))
l1StandardBridge: public(immutable(address))
optimismMintableERC20Factory: public(immutable(address))

event ConfigUpdate:
    version: indexed(uint256)
    updateType: indexed(uint8)
    data: Bytes[64]

event OwnershipTransferStarted:
    previousOwner: indexed(address)
    newOwner: indexed(address)

event OwnershipTransferred:
    previousOwner: indexed(address)
    newOwner: indexed(address)


@deploy
def __init__(
    _owner: address,
    _batcherHash: bytes32,
    _gasLimit: uint64,
    _basefeeScalar: uint32,
    _blobbasefeeScalar: uint32,
    _operatorFeeScalar: uint32,
    _operatorFeeConstant: uint64,
    _eip1559Denominator: uint32,
    _eip1559Elasticity: uint32,
    _unsafeBlockSigner: address,
    _batchInbox: address,
    _l2ChainId: uint256,
    _superchainConfig: address,
    _disputeGameFactory: address,
    _addresses: Addresses,
):
    assert _owner != empty(address), "SystemConfig: owner is zero"
    self.owner = _owner
    log OwnershipTransferred(previousOwner=empty(address), newOwner=_owner)
    self._setBatcherHash(_batcherHash)
    self._setGasConfigEcotone(_basefeeScalar, _blobbasefeeScalar)
    self._setGasLimit(_gasLimit)
    self._setUnsafeBlockSigner(_unsafeBlockSigner)
    self._setEIP1559Params(_eip1559Denominator, _eip1559Elasticity)
    self._setOperatorFeeScalars(_operatorFeeScalar, _operatorFeeConstant)
    batchInbox = _batchInbox
    startBlock = block.number
    l2ChainId = _l2ChainId
    superchainConfig = _superchainConfig
    disputeGameFactory = _disputeGameFactory
    optimismPortal = _addresses.optimismPortal
    l1CrossDomainMessenger = _addresses.l1CrossDomainMessenger
    l1StandardBridge = _addresses.l1StandardBridge
    optimismMintableERC20Factory = _addresses.optimismMintableERC20Factory


@internal
@view
def _onlyOwner():
    assert msg.sender == self.owner, "Ownable: caller is not the owner"


@internal
@pure
def _packScalars(_basefeeScalar: uint32, _blobbasefeeScalar: uint32) -> uint256:
    return (
        (1 << 248)
        | (convert(_blobbasefeeScalar, uint256) << 32)
        | convert(_basefeeScalar, uint256)
    )


@internal
def _setBatcherHash(_batcherHash: bytes32):
    assert convert(_batcherHash, uint256) >> 160 == 0, "SystemConfig: batcher is not an address"
    self.batcherHash = _batcherHash
    log ConfigUpdate(version=VERSION_0, updateType=UPDATE_BATCHER, data=abi_encode(_batcherHash))


@internal
def _setGasConfigEcotone(_basefeeScalar: uint32, _blobbasefeeScalar: uint32):
    self.basefeeScalar = _basefeeScalar
    self.blobbasefeeScalar = _blobbasefeeScalar
    overhead: uint256 = 0
    scalar: uint256 = self._packScalars(_basefeeScalar, _blobbasefeeScalar)
    log ConfigUpdate(
        version=VERSION_0, updateType=UPDATE_FEE_SCALARS, data=abi_encode(overhead, scalar)
    )


@internal
def _setGasLimit(_gasLimit: uint64):
    assert _gasLimit >= MINIMUM_GAS_LIMIT, "SystemConfig: gas limit too low"
    assert _gasLimit <= MAXIMUM_GAS_LIMIT, "SystemConfig: gas limit too high"
    self.gasLimit = _gasLimit
    log ConfigUpdate(version=VERSION_0, updateType=UPDATE_GAS_LIMIT, data=abi_encode(_gasLimit))


@internal
def _setUnsafeBlockSigner(_unsafeBlockSigner: address):
    self.unsafeBlockSigner = _unsafeBlockSigner
    log ConfigUpdate(
        version=VERSION_0,
        updateType=UPDATE_UNSAFE_BLOCK_SIGNER,
        data=abi_encode(_unsafeBlockSigner),
    )


@internal
def _setEIP1559Params(_denominator: uint32, _elasticity: uint32):
    assert _denominator >= 1, "SystemConfig: denominator must be >= 1"
    assert _elasticity >= 1, "SystemConfig: elasticity must be >= 1"
    self.eip1559Denominator = _denominator
    self.eip1559Elasticity = _elasticity
    packed: uint256 = (convert(_denominator, uint256) << 32) | convert(_elasticity, uint256)
    log ConfigUpdate(version=VERSION_0, updateType=UPDATE_EIP1559_PARAMS, data=abi_encode(packed))


@internal
def _setOperatorFeeScalars(_scalar: uint32, _constant: uint64):
    self.operatorFeeScalar = _scalar
    self.operatorFeeConstant = _constant
    packed: uint256 = (convert(_scalar, uint256) << 64) | convert(_constant, uint256)
    log ConfigUpdate(version=VERSION_0, updateType=UPDATE_OPERATOR_FEE, data=abi_encode(packed))


@external
def setBatcherHash(_batcherHash: bytes32):
    """
    @notice Name the account whose transactions to the batch inbox count.
    """
    self._onlyOwner()
    self._setBatcherHash(_batcherHash)


@external
def setGasConfigEcotone(_basefeeScalar: uint32, _blobbasefeeScalar: uint32):
    """
    @notice Set what share of L1's fees the L2's users pay, in millionths.
    """
    self._onlyOwner()
    self._setGasConfigEcotone(_basefeeScalar, _blobbasefeeScalar)


@external
def setGasLimit(_gasLimit: uint64):
    """
    @notice Set the gas limit of L2 blocks.
    """
    self._onlyOwner()
    self._setGasLimit(_gasLimit)


@external
def setUnsafeBlockSigner(_unsafeBlockSigner: address):
    """
    @notice Name the account that signs unsafe blocks for gossip.
    """
    self._onlyOwner()
    self._setUnsafeBlockSigner(_unsafeBlockSigner)


@external
def setEIP1559Params(_denominator: uint32, _elasticity: uint32):
    """
    @notice Set how fast and how far the base fee moves (Holocene).
    """
    self._onlyOwner()
    self._setEIP1559Params(_denominator, _elasticity)


@external
def setOperatorFeeScalars(_operatorFeeScalar: uint32, _operatorFeeConstant: uint64):
    """
    @notice Set the operator fee: millionths of a wei per gas, and wei per transaction (Isthmus).
    """
    self._onlyOwner()
    self._setOperatorFeeScalars(_operatorFeeScalar, _operatorFeeConstant)


@external
def setMinBaseFee(_minBaseFee: uint64):
    """
    @notice Set the least base fee of the L2, in wei per gas (Jovian).
    """
    self._onlyOwner()
    self.minBaseFee = _minBaseFee
    log ConfigUpdate(
        version=VERSION_0, updateType=UPDATE_MIN_BASE_FEE, data=abi_encode(_minBaseFee)
    )


@external
def setDAFootprintGasScalar(_daFootprintGasScalar: uint16):
    """
    @notice Set how much gas a byte of batch data counts for; 0 means the default (Jovian).
    """
    self._onlyOwner()
    self.daFootprintGasScalar = _daFootprintGasScalar
    log ConfigUpdate(
        version=VERSION_0,
        updateType=UPDATE_DA_FOOTPRINT_GAS_SCALAR,
        data=abi_encode(_daFootprintGasScalar),
    )


@external
def transferOwnership(newOwner: address):
    """
    @notice Offer ownership; it moves when the new owner accepts, so a typing error loses nothing.
    """
    self._onlyOwner()
    self.pendingOwner = newOwner
    log OwnershipTransferStarted(previousOwner=msg.sender, newOwner=newOwner)


@external
def acceptOwnership():
    """
    @notice Take the ownership that was offered.
    """
    assert msg.sender == self.pendingOwner, "Ownable: caller is not the new owner"
    log OwnershipTransferred(previousOwner=self.owner, newOwner=msg.sender)
    self.owner = msg.sender
    self.pendingOwner = empty(address)


@external
@view
def scalar() -> uint256:
    """
    @notice Both fee scalars in one word: version 1, blob base fee scalar, base fee scalar.
    """
    return self._packScalars(self.basefeeScalar, self.blobbasefeeScalar)


@external
@pure
def overhead() -> uint256:
    """
    @notice The Bedrock fee overhead, always 0 since Ecotone.
    """
    return 0


@external
@pure
def minimumGasLimit() -> uint64:
    """
    @notice Least gas limit: all deposits of an L1 block and the L1-attributes transaction fit.
    """
    return MINIMUM_GAS_LIMIT


@external
@pure
def maximumGasLimit() -> uint64:
    """
    @notice Greatest gas limit.
    """
    return MAXIMUM_GAS_LIMIT


@external
@view
def getAddresses() -> Addresses:
    """
    @notice The rollup's other contracts on L1; there is no bridge for ERC-721.
    """
    return Addresses(
        l1CrossDomainMessenger=l1CrossDomainMessenger,
        l1ERC721Bridge=empty(address),
        l1StandardBridge=l1StandardBridge,
        optimismPortal=optimismPortal,
        optimismMintableERC20Factory=optimismMintableERC20Factory,
    )


@external
@pure
def resourceConfig() -> ResourceConfig:
    """
    @notice How deposit gas is sold. It is not: the amount is bounded, the price is 0.
    """
    return ResourceConfig(
        maxResourceLimit=MAX_RESOURCE_LIMIT,
        elasticityMultiplier=1,
        baseFeeMaxChangeDenominator=1,
        minimumBaseFee=0,
        systemTxMaxGas=L1_ATTRIBUTES_GAS,
        maximumBaseFee=0,
    )


@external
@view
def guardian() -> address:
    """
    @notice Who may pause.
    """
    return staticcall SuperchainConfig(superchainConfig).guardian()


@external
@view
def paused() -> bool:
    """
    @notice Whether the guardian has paused withdrawals.
    """
    return staticcall SuperchainConfig(superchainConfig).paused(optimismPortal)


@external
@pure
def UNSAFE_BLOCK_SIGNER_SLOT() -> bytes32:
    """
    @notice Storage slot of the unsafe block signer.
    """
    return SIGNER_SLOT


@external
@pure
def VERSION() -> uint256:
    """
    @notice Version of the ConfigUpdate event.
    """
    return VERSION_0


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "3.11.0"
