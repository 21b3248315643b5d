# pragma version 0.4.3
# pragma evm-version prague
"""
@title L2CrossDomainMessenger
@notice Messages from L2 to L1 and back, each run at most once.
@dev Interface of the OP Stack's L2CrossDomainMessenger (specs: protocol/messengers.md). Genesis
     writes the address of the L1 messenger.
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

interface L2ToL1MessagePasser:
    def initiateWithdrawal(
        _target: address,
        _gasLimit: uint256,
        _data: Bytes[CrossDomainMessenger.MAX_RELAY_CALL],
    ): payable

PASSER: constant(L2ToL1MessagePasser) = L2ToL1MessagePasser(
    0x4200000000000000000000000000000000000016
)
# 0x1111000000000000000000000000000000001111
ALIAS_OFFSET: constant(uint256) = 97431955772380292505369553133200691419628441873


@internal
@view
def _isFromOther() -> bool:
    # A contract of L1 appears here under its alias.
    alias: uint256 = convert(CrossDomainMessenger.otherMessenger, uint256) + ALIAS_OFFSET
    return convert(msg.sender, uint256) == alias & (2**160 - 1)


@external
@payable
def sendMessage(
    _target: address, _message: Bytes[CrossDomainMessenger.MAX_MESSAGE], _minGasLimit: uint32
):
    """
    @notice Send a message, and the ether sent along, to a contract on L1.
    @param _target Contract on L1.
    @param _message Its calldata.
    @param _minGasLimit Least gas with which it is to be called.
    """
    nonce: uint256 = CrossDomainMessenger._takeNonce()
    gasLimit: uint64 = CrossDomainMessenger._baseGas(len(_message), _minGasLimit)
    extcall PASSER.initiateWithdrawal(
        CrossDomainMessenger.otherMessenger,
        convert(gasLimit, uint256),
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
    @notice Run a message from L1: the L1 messenger by a deposit, or anyone after it has failed.
    """
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
    # From here a message could withdraw in the messenger's name.
    assert (
        _target != self and _target != PASSER.address
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
def l1CrossDomainMessenger() -> address:
    """
    @notice The messenger on L1.
    """
    return CrossDomainMessenger.otherMessenger


@external
@view
def paused() -> bool:
    """
    @notice There is no pause on L2.
    """
    return False


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "2.2.0"
