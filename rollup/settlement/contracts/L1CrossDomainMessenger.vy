# pragma version 0.4.3
# pragma evm-version cancun
"""
@title L1CrossDomainMessenger
@notice Messages from L1 to L2 and back, each run at most once.
@dev Interface of the OP Stack's L1CrossDomainMessenger (specs: protocol/messengers.md).
"""

from genesis.predeploys.modules import CrossDomainMessenger

initializes: CrossDomainMessenger

exports: (
    CrossDomainMessenger.otherMessenger,
    CrossDomainMessenger.OTHER_MESSENGER,
    CrossDomainMessenger.successfulMessages,
    CrossDomainMessenger.failedMessages,
    CrossDomainMessenger.xDomainMessageSender,
    CrossDomainMessenger.messageNonce,
    CrossDomainMessenger.baseGas,
    CrossDomainMessenger.MESSAGE_VERSION,
    CrossDomainMessenger.RELAY_CONSTANT_OVERHEAD,
    CrossDomainMessenger.RELAY_CALL_OVERHEAD,
    CrossDomainMessenger.RELAY_RESERVED_GAS,
    CrossDomainMessenger.RELAY_GAS_CHECK_BUFFER,
    CrossDomainMessenger.MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR,
    CrossDomainMessenger.MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR,
    CrossDomainMessenger.MIN_GAS_CALLDATA_OVERHEAD,
)

interface OptimismPortal:
    def l2Sender() -> address: view
    def depositTransaction(
        _to: address,
        _value: uint256,
        _gasLimit: uint64,
        _isCreation: bool,
        _data: Bytes[CrossDomainMessenger.MAX_RELAY_CALL],
    ): payable

interface SystemConfig:
    def paused() -> bool: view
    def superchainConfig() -> address: view

portal: public(immutable(address))
systemConfig: public(immutable(address))


@deploy
def __init__(_portal: address, _systemConfig: address, _otherMessenger: address):
    portal = _portal
    systemConfig = _systemConfig
    CrossDomainMessenger.otherMessenger = _otherMessenger


@internal
@view
def _paused() -> bool:
    return staticcall SystemConfig(systemConfig).paused()


@internal
@view
def _isFromOther() -> bool:
    if msg.sender != portal:
        return False
    return staticcall OptimismPortal(portal).l2Sender() == CrossDomainMessenger.otherMessenger


@external
@payable
def sendMessage(
    _target: address, _message: Bytes[CrossDomainMessenger.MAX_MESSAGE], _minGasLimit: uint32
):
    """
    @notice Send a message, and the ether sent along, to a contract on L2.
    @param _target Contract on L2.
    @param _message Its calldata.
    @param _minGasLimit Least gas with which it is to be called.
    """
    nonce: uint256 = CrossDomainMessenger._takeNonce()
    extcall OptimismPortal(portal).depositTransaction(
        CrossDomainMessenger.otherMessenger,
        msg.value,
        CrossDomainMessenger._baseGas(len(_message), _minGasLimit),
        False,
        abi_encode(
            nonce,
            msg.sender,
            _target,
            msg.value,
            convert(_minGasLimit, uint256),
            _message,
            method_id=method_id("relayMessage(uint256,address,address,uint256,uint256,bytes)"),
        ),
        value=msg.value,
    )
    log CrossDomainMessenger.SentMessage(
        target=_target,
        sender=msg.sender,
        message=_message,
        messageNonce=nonce,
        gasLimit=convert(_minGasLimit, uint256),
    )
    log CrossDomainMessenger.SentMessageExtension1(sender=msg.sender, value=msg.value)


@external
@payable
def relayMessage(
    _nonce: uint256,
    _sender: address,
    _target: address,
    _value: uint256,
    _minGasLimit: uint256,
    _message: Bytes[CrossDomainMessenger.MAX_MESSAGE],
):
    """
    @notice Run a message from L2: the portal when it finalizes, or anyone after it has failed.
    """
    assert not self._paused(), "CrossDomainMessenger: paused"
    msgHash: bytes32 = keccak256(
        abi_encode(
            _nonce,
            _sender,
            _target,
            _value,
            _minGasLimit,
            _message,
            method_id=method_id("relayMessage(uint256,address,address,uint256,uint256,bytes)"),
        )
    )
    CrossDomainMessenger._mayRelay(msgHash, _nonce, _value, msg.value, self._isFromOther())
    # From here a message could deposit in the messenger's name.
    assert (
        _target != self and _target != portal
    ), "CrossDomainMessenger: message cannot be sent to blocked system address"
    if not CrossDomainMessenger._mayCall(msgHash, _sender, _minGasLimit):
        CrossDomainMessenger._failed(msgHash)
        return
    success: bool = raw_call(
        _target,
        _message,
        gas=CrossDomainMessenger._callGas(msg.gas),
        value=_value,
        revert_on_failure=False,
    )
    CrossDomainMessenger._relayed(msgHash, success)


@external
@view
def PORTAL() -> address:
    """
    @notice portal, by its older name.
    """
    return portal


@external
@view
def paused() -> bool:
    """
    @notice Whether the guardian has paused.
    """
    return self._paused()


@external
@view
def superchainConfig() -> address:
    """
    @notice The keeper of the guardian and of pauses.
    """
    return staticcall SystemConfig(systemConfig).superchainConfig()


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "2.11.0"
