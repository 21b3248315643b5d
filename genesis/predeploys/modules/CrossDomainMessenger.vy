# pragma version 0.4.3
"""
@title CrossDomainMessenger
@notice What the messengers of both layers share: message hashes, gas, what was relayed, replay.
@dev Formats and figures of the OP Stack's CrossDomainMessenger (specs: protocol/messengers.md).
     A message that fails is kept and anyone may try it again; one that succeeded never runs twice.
"""

MAX_MESSAGE: constant(uint256) = 32_000
# Selector, six words, length and padding around the message.
MAX_RELAY_CALL: constant(uint256) = MAX_MESSAGE + 260
MESSAGE_VERSION_1: constant(uint256) = 1 << 240
# Gas that a message needs on the other side besides its own.
RELAY_CONSTANT: constant(uint64) = 200_000
RELAY_CALL: constant(uint64) = 40_000
RELAY_RESERVED: constant(uint64) = 40_000
RELAY_BUFFER: constant(uint64) = 5_000
TRANSACTION_GAS: constant(uint64) = 21_000
CALLDATA_GAS: constant(uint64) = 16
FLOOR_CALLDATA_GAS: constant(uint64) = 40
ENCODING: constant(uint64) = 260
ESTIMATION_ADDRESS: constant(address) = 0x0000000000000000000000000000000000000001

# The messenger of the other layer.
otherMessenger: public(address)
successfulMessages: public(HashMap[bytes32, bool])
failedMessages: public(HashMap[bytes32, bool])
sentCount: uint256
speakingFor: transient(address)

event SentMessage:
    target: indexed(address)
    sender: address
    message: Bytes[MAX_MESSAGE]
    messageNonce: uint256
    gasLimit: uint256

event SentMessageExtension1:
    sender: indexed(address)
    value: uint256

event RelayedMessage:
    msgHash: indexed(bytes32)

event FailedRelayedMessage:
    msgHash: indexed(bytes32)


@internal
@view
def _nonce() -> uint256:
    return self.sentCount | MESSAGE_VERSION_1


@internal
@pure
def _baseGas(size: uint256, minGasLimit: uint32) -> uint64:
    execution: uint64 = (
        RELAY_CONSTANT
        + RELAY_CALL
        + RELAY_RESERVED
        + RELAY_BUFFER
        + convert(minGasLimit, uint64) * 64 // 63
    )
    total: uint64 = convert(size, uint64) + ENCODING
    return TRANSACTION_GAS + max(
        execution + total * CALLDATA_GAS, total * FLOOR_CALLDATA_GAS
    )


@internal
def _takeNonce() -> uint256:
    nonce: uint256 = self._nonce()
    self.sentCount += 1
    return nonce


@internal
def _mayRelay(
    msgHash: bytes32, nonce: uint256, promised: uint256, sent: uint256, isFromOther: bool
):
    assert (
        nonce >> 240 == 1
    ), "CrossDomainMessenger: only version 1 messages are supported at this time"
    if isFromOther:
        # Neither can be unless the other messenger is broken.
        assert sent == promised, "CrossDomainMessenger: value does not match the message"
        assert not self.failedMessages[msgHash], "CrossDomainMessenger: message has failed before"
    else:
        assert (
            sent == 0
        ), "CrossDomainMessenger: value must be zero unless message is from a system address"
        assert self.failedMessages[
            msgHash
        ], "CrossDomainMessenger: message cannot be replayed"
    assert not self.successfulMessages[
        msgHash
    ], "CrossDomainMessenger: message has already been relayed"


@internal
def _mayCall(msgHash: bytes32, sender: address, minGasLimit: uint256) -> bool:
    # Too little gas, or a message inside a message: keep it as failed, for a later try.
    reserved: uint256 = convert(RELAY_CALL + RELAY_RESERVED + RELAY_BUFFER, uint256)
    if minGasLimit > 2**64:
        return False
    if msg.gas * 63 < minGasLimit * 64 + reserved * 63:
        return False
    if self.speakingFor != empty(address):
        return False
    self.speakingFor = sender
    return True


@internal
@pure
def _callGas(available: uint256) -> uint256:
    return available - convert(RELAY_RESERVED, uint256)


@internal
def _relayed(msgHash: bytes32, success: bool):
    self.speakingFor = empty(address)
    if success:
        self.successfulMessages[msgHash] = True
        log RelayedMessage(msgHash=msgHash)
        return
    self._failed(msgHash)


@internal
def _failed(msgHash: bytes32):
    self.failedMessages[msgHash] = True
    log FailedRelayedMessage(msgHash=msgHash)
    # Whoever estimates gas has to hear that it was too little.
    assert (
        tx.origin != ESTIMATION_ADDRESS
    ), "CrossDomainMessenger: failed to relay message"


@external
@view
def xDomainMessageSender() -> address:
    """
    @notice Who sent the message that is being relayed; reverts while none is.
    """
    assert (
        self.speakingFor != empty(address)
    ), "CrossDomainMessenger: xDomainMessageSender is not set"
    return self.speakingFor


@external
@view
def messageNonce() -> uint256:
    """
    @notice Nonce of the next message; its upper 16 bits are the message version.
    """
    return self._nonce()


@external
@pure
def baseGas(_message: Bytes[MAX_MESSAGE], _minGasLimit: uint32) -> uint64:
    """
    @notice Gas limit that a message has on the other layer, so that its target gets the least.
    """
    return self._baseGas(len(_message), _minGasLimit)


@external
@view
def OTHER_MESSENGER() -> address:
    """
    @notice otherMessenger, by its older name.
    """
    return self.otherMessenger


@external
@pure
def MESSAGE_VERSION() -> uint16:
    """
    @notice Version of the message format.
    """
    return 1


@external
@pure
def RELAY_CONSTANT_OVERHEAD() -> uint64:
    """
    @notice Gas for the messenger itself.
    """
    return RELAY_CONSTANT


@external
@pure
def RELAY_CALL_OVERHEAD() -> uint64:
    """
    @notice Gas for the call to the target.
    """
    return RELAY_CALL


@external
@pure
def RELAY_RESERVED_GAS() -> uint64:
    """
    @notice Gas for what follows the call.
    """
    return RELAY_RESERVED


@external
@pure
def RELAY_GAS_CHECK_BUFFER() -> uint64:
    """
    @notice Gas between the check and the call.
    """
    return RELAY_BUFFER


@external
@pure
def MIN_GAS_DYNAMIC_OVERHEAD_NUMERATOR() -> uint64:
    """
    @notice A call gets 63/64 of the gas: hence 64 …
    """
    return 64


@external
@pure
def MIN_GAS_DYNAMIC_OVERHEAD_DENOMINATOR() -> uint64:
    """
    @notice … over 63.
    """
    return 63


@external
@pure
def MIN_GAS_CALLDATA_OVERHEAD() -> uint64:
    """
    @notice Gas for a byte of the message.
    """
    return CALLDATA_GAS
