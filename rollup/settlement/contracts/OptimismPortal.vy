# pragma version 0.4.3
# pragma evm-version cancun
"""
@title OptimismPortal
@notice Where L1 hands money and calls to the L2. What it emits, derivation turns into deposits.
@dev Event and function of the OP Stack's portal (specs: protocol/deposits.md). The gas that all
     deposits of one L1 block may ask for is bounded, so that they always fit an L2 block; beyond
     the bound deposits revert and wait, they are not auctioned.
"""

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

systemConfig: public(address)
boughtInBlock: uint256
boughtGas: uint256

event TransactionDeposited:
    sender: indexed(address)
    to: indexed(address)
    version: indexed(uint256)
    opaqueData: Bytes[OPAQUE_HEAD_SIZE]


@deploy
def __init__(_systemConfig: address):
    self.systemConfig = _systemConfig


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
