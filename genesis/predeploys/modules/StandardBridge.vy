# pragma version 0.4.3
"""
@title StandardBridge
@notice What the bridges of both layers share: ether and ERC-20 tokens in, and out again.
@dev Formats and events of the OP Stack's StandardBridge (specs: protocol/bridges.md). A token is
     either made by the bridge, then it is minted and burnt here, or held here; never both.
"""

MAX_EXTRA_DATA: constant(uint256) = 4096
# Selector, six words, length and padding around the extra data.
MAX_FINALIZE_CALL: constant(uint256) = MAX_EXTRA_DATA + 292
RECEIVE_DEFAULT_GAS_LIMIT: constant(uint32) = 200_000
ERC165_GAS: constant(uint256) = 30_000

interface Messenger:
    def sendMessage(
        _target: address, _message: Bytes[MAX_FINALIZE_CALL], _minGasLimit: uint32
    ): payable
    def xDomainMessageSender() -> address: view

interface Token:
    def balanceOf(_account: address) -> uint256: view

interface MintableToken:
    def remoteToken() -> address: view
    def mint(_to: address, _amount: uint256): nonpayable
    def burn(_from: address, _amount: uint256): nonpayable

messenger: public(address)
otherBridge: public(address)
# Held here, by local and remote token: what the other side has in circulation.
deposits: public(HashMap[address, HashMap[address, uint256]])

event ETHBridgeInitiated:
    sender: indexed(address)
    to: indexed(address)
    amount: uint256
    extraData: Bytes[MAX_EXTRA_DATA]

event ETHBridgeFinalized:
    sender: indexed(address)
    to: indexed(address)
    amount: uint256
    extraData: Bytes[MAX_EXTRA_DATA]

event ERC20BridgeInitiated:
    localToken: indexed(address)
    remoteToken: indexed(address)
    sender: indexed(address)
    to: address
    amount: uint256
    extraData: Bytes[MAX_EXTRA_DATA]

event ERC20BridgeFinalized:
    localToken: indexed(address)
    remoteToken: indexed(address)
    sender: indexed(address)
    to: address
    amount: uint256
    extraData: Bytes[MAX_EXTRA_DATA]


@internal
@view
def _onlyAccount():
    # Contracts often have no twin on the other layer; for them there are the ...To functions.
    if msg.sender == tx.origin:
        return
    isDelegated: bool = False
    if msg.sender.codesize == 23:
        isDelegated = slice(msg.sender.code, 0, 3) == x"ef0100"
    assert isDelegated, "StandardBridge: function can only be called from an EOA"


@internal
@view
def _onlyOtherBridge():
    isOther: bool = msg.sender == self.messenger
    if isOther:
        isOther = staticcall Messenger(self.messenger).xDomainMessageSender() == self.otherBridge
    assert isOther, "StandardBridge: function can only be called from the other bridge"


@internal
@view
def _supports(token: address, interfaceId: bytes4) -> bool:
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        token,
        abi_encode(interfaceId, method_id=method_id("supportsInterface(bytes4)")),
        max_outsize=32,
        gas=ERC165_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and convert(answer, uint256) == 1


@internal
@view
def _isMintable(token: address, remoteToken: address) -> bool:
    # remoteToken() ^ bridge() ^ mint(address,uint256) ^ burn(address,uint256)
    if not self._supports(token, 0xec4fc8e3):
        return False
    assert (
        remoteToken == staticcall MintableToken(token).remoteToken()
    ), "StandardBridge: wrong remote token for Optimism Mintable ERC20 local token"
    return True


@internal
def _callToken(token: address, data: Bytes[100]):
    # Some tokens answer nothing; what they answer has to be true.
    assert token.is_contract, "StandardBridge: the token has no code"
    answer: Bytes[32] = raw_call(token, data, max_outsize=32)
    if len(answer) != 0:
        assert convert(answer, uint256) == 1, "StandardBridge: ERC20 operation did not succeed"


@internal
def _takeTokens(localToken: address, remoteToken: address, sender: address, amount: uint256):
    if self._isMintable(localToken, remoteToken):
        extcall MintableToken(localToken).burn(sender, amount)
        return
    before: uint256 = staticcall Token(localToken).balanceOf(self)
    self._callToken(
        localToken,
        abi_encode(
            sender, self, amount, method_id=method_id("transferFrom(address,address,uint256)")
        ),
    )
    received: uint256 = staticcall Token(localToken).balanceOf(self) - before
    assert received == amount, "StandardBridge: the token did not deliver the whole amount"
    self.deposits[localToken][remoteToken] += amount


@internal
def _giveTokens(localToken: address, remoteToken: address, to: address, amount: uint256):
    if self._isMintable(localToken, remoteToken):
        extcall MintableToken(localToken).mint(to, amount)
        return
    self.deposits[localToken][remoteToken] -= amount
    self._callToken(
        localToken, abi_encode(to, amount, method_id=method_id("transfer(address,uint256)"))
    )


@internal
def _sendETH(
    sender: address,
    to: address,
    amount: uint256,
    minGasLimit: uint32,
    extraData: Bytes[MAX_EXTRA_DATA],
):
    log ETHBridgeInitiated(sender=sender, to=to, amount=amount, extraData=extraData)
    extcall Messenger(self.messenger).sendMessage(
        self.otherBridge,
        abi_encode(
            sender,
            to,
            amount,
            extraData,
            method_id=method_id("finalizeBridgeETH(address,address,uint256,bytes)"),
        ),
        minGasLimit,
        value=amount,
    )


@internal
def _giveETH(
    sender: address, to: address, amount: uint256, extraData: Bytes[MAX_EXTRA_DATA]
):
    assert to != self, "StandardBridge: cannot send to self"
    assert to != self.messenger, "StandardBridge: cannot send to messenger"
    log ETHBridgeFinalized(sender=sender, to=to, amount=amount, extraData=extraData)
    success: bool = raw_call(to, b"", value=amount, revert_on_failure=False)
    assert success, "StandardBridge: ETH transfer failed"


@internal
def _sendERC20(
    localToken: address,
    remoteToken: address,
    sender: address,
    to: address,
    amount: uint256,
    minGasLimit: uint32,
    extraData: Bytes[MAX_EXTRA_DATA],
):
    log ERC20BridgeInitiated(
        localToken=localToken,
        remoteToken=remoteToken,
        sender=sender,
        to=to,
        amount=amount,
        extraData=extraData,
    )
    extcall Messenger(self.messenger).sendMessage(
        self.otherBridge,
        # There the tokens change their parts.
        abi_encode(
            remoteToken,
            localToken,
            sender,
            to,
            amount,
            extraData,
            method_id=method_id(
                "finalizeBridgeERC20(address,address,address,address,uint256,bytes)"
            ),
        ),
        minGasLimit,
    )


@external
@view
def MESSENGER() -> address:
    """
    @notice messenger, by its older name.
    """
    return self.messenger


@external
@view
def OTHER_BRIDGE() -> address:
    """
    @notice otherBridge, by its older name.
    """
    return self.otherBridge
