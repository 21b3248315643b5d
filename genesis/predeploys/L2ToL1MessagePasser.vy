# pragma version 0.4.3
# pragma evm-version prague
"""
@title L2ToL1MessagePasser
@notice Records the messages (withdrawals) that L2 sends to L1.
@dev The storage root of this account is part of each output root. L1 proves a withdrawal
     against slot keccak(hash ++ 0), where Solidity keeps sentMessages[hash]; a HashMap of
     Vyper hashes the other way round. Hence one array over the whole storage, whose element
     i is slot i, and slots computed as Solidity computes them:
       slot 0: root of the mapping sentMessages; slot 1: the message nonce.
"""

MESSAGE_VERSION_1: constant(uint256) = 1 << 240
RECEIVE_DEFAULT_GAS_LIMIT: constant(uint256) = 100_000
NONCE_SLOT: constant(uint256) = 1
# A message has to fit an L1 transaction; the bound also fixes how much memory a call may use.
MAX_DATA: constant(uint256) = 32_768

slots: uint256[max_value(uint256)]

event MessagePassed:
    nonce: indexed(uint256)
    sender: indexed(address)
    target: indexed(address)
    value: uint256
    gasLimit: uint256
    data: Bytes[MAX_DATA]
    withdrawalHash: bytes32


@internal
@pure
def _sentMessageSlot(withdrawalHash: bytes32) -> uint256:
    return convert(keccak256(concat(withdrawalHash, empty(bytes32))), uint256)


@internal
@view
def _messageNonce() -> uint256:
    return self.slots[NONCE_SLOT] | MESSAGE_VERSION_1


@internal
def _record(nonce: uint256, withdrawalHash: bytes32):
    self.slots[self._sentMessageSlot(withdrawalHash)] = 1
    self.slots[NONCE_SLOT] += 1


@external
@payable
def __default__():
    """
    @notice Ether sent here is withdrawn to the same address on L1.
    """
    assert len(msg.data) == 0
    nonce: uint256 = self._messageNonce()
    nothing: Bytes[1] = b""
    withdrawalHash: bytes32 = keccak256(
        abi_encode(
            nonce, msg.sender, msg.sender, msg.value, RECEIVE_DEFAULT_GAS_LIMIT, nothing
        )
    )
    self._record(nonce, withdrawalHash)
    log MessagePassed(
        nonce=nonce,
        sender=msg.sender,
        target=msg.sender,
        value=msg.value,
        gasLimit=RECEIVE_DEFAULT_GAS_LIMIT,
        data=b"",
        withdrawalHash=withdrawalHash,
    )


@external
@payable
def initiateWithdrawal(_target: address, _gasLimit: uint256, _data: Bytes[MAX_DATA]):
    """
    @notice Send a message, and the ether sent along, to L1.
    @param _target Address to call on L1.
    @param _gasLimit Least gas with which it is to be called.
    @param _data Calldata.
    """
    nonce: uint256 = self._messageNonce()
    withdrawalHash: bytes32 = keccak256(
        abi_encode(nonce, msg.sender, _target, msg.value, _gasLimit, _data)
    )
    self._record(nonce, withdrawalHash)
    log MessagePassed(
        nonce=nonce,
        sender=msg.sender,
        target=_target,
        value=msg.value,
        gasLimit=_gasLimit,
        data=_data,
        withdrawalHash=withdrawalHash,
    )


@external
@view
def sentMessages(withdrawalHash: bytes32) -> bool:
    """
    @notice Whether a message with this hash was sent.
    """
    return self.slots[self._sentMessageSlot(withdrawalHash)] != 0


@external
@view
def messageNonce() -> uint256:
    """
    @notice Nonce of the next message; its upper 16 bits are the message version.
    """
    return self._messageNonce()


@external
@pure
def MESSAGE_VERSION() -> uint16:
    """
    @notice Version of the message format.
    """
    return 1


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "1.1.2"
