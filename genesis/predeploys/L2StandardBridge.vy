# pragma version 0.4.3
# pragma evm-version prague
"""
@title L2StandardBridge
@notice Ether and ERC-20 tokens between L2 and L1, the side on L2.
@dev Interface of the OP Stack's L2StandardBridge (specs: protocol/bridges.md), with the older
     functions and events beside the newer ones. Genesis writes
     the messenger and the bridge on L1.
"""

from genesis.predeploys.modules import StandardBridge

initializes: StandardBridge

exports: (
    StandardBridge.messenger,
    StandardBridge.MESSENGER,
    StandardBridge.otherBridge,
    StandardBridge.OTHER_BRIDGE,
    StandardBridge.deposits,
)

interface MintableToken:
    def l1Token() -> address: view

# How ether is called where a token is asked for.
LEGACY_ERC20_ETH: constant(address) = 0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000

event WithdrawalInitiated:
    l1Token: indexed(address)
    l2Token: indexed(address)
    sender: indexed(address)
    to: address
    amount: uint256
    extraData: Bytes[StandardBridge.MAX_EXTRA_DATA]

event DepositFinalized:
    l1Token: indexed(address)
    l2Token: indexed(address)
    sender: indexed(address)
    to: address
    amount: uint256
    extraData: Bytes[StandardBridge.MAX_EXTRA_DATA]


@internal
def _bridgeETH(
    sender: address,
    to: address,
    amount: uint256,
    minGasLimit: uint32,
    extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    log WithdrawalInitiated(
        l1Token=empty(address),
        l2Token=LEGACY_ERC20_ETH,
        sender=sender,
        to=to,
        amount=amount,
        extraData=extraData,
    )
    StandardBridge._sendETH(sender, to, amount, minGasLimit, extraData)


@internal
def _bridgeERC20(
    localToken: address,
    remoteToken: address,
    sender: address,
    to: address,
    amount: uint256,
    minGasLimit: uint32,
    extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    StandardBridge._takeTokens(localToken, remoteToken, sender, amount)
    log WithdrawalInitiated(
        l1Token=remoteToken,
        l2Token=localToken,
        sender=sender,
        to=to,
        amount=amount,
        extraData=extraData,
    )
    StandardBridge._sendERC20(
        localToken, remoteToken, sender, to, amount, minGasLimit, extraData
    )


@internal
@payable
def _withdraw(
    l2Token: address,
    to: address,
    amount: uint256,
    minGasLimit: uint32,
    extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    if l2Token == LEGACY_ERC20_ETH:
        assert (
            msg.value == amount
        ), "StandardBridge: bridging ETH must include sufficient ETH value"
        self._bridgeETH(msg.sender, to, amount, minGasLimit, extraData)
        return
    assert msg.value == 0, "StandardBridge: cannot send value"
    l1Token: address = staticcall MintableToken(l2Token).l1Token()
    self._bridgeERC20(l2Token, l1Token, msg.sender, to, amount, minGasLimit, extraData)


@external
@payable
def __default__():
    """
    @notice Ether sent here is withdrawn to the same address on L1; for accounts without code.
    """
    assert len(msg.data) == 0, "StandardBridge: no such function"
    StandardBridge._onlyAccount()
    nothing: Bytes[StandardBridge.MAX_EXTRA_DATA] = b""
    self._bridgeETH(
        msg.sender, msg.sender, msg.value, StandardBridge.RECEIVE_DEFAULT_GAS_LIMIT, nothing
    )


@external
@payable
def withdraw(
    _l2Token: address,
    _amount: uint256,
    _minGasLimit: uint32,
    _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    """
    @notice Send a bridged token, or ether by its token's name, to the caller's address on L1.
    """
    StandardBridge._onlyAccount()
    self._withdraw(_l2Token, msg.sender, _amount, _minGasLimit, _extraData)


@external
@payable
def withdrawTo(
    _l2Token: address,
    _to: address,
    _amount: uint256,
    _minGasLimit: uint32,
    _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    """
    @notice Send a bridged token, or ether by its token's name, to any address on L1.
    """
    self._withdraw(_l2Token, _to, _amount, _minGasLimit, _extraData)


@external
@payable
def bridgeETH(_minGasLimit: uint32, _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA]):
    """
    @notice Send ether to the caller's address on the other layer; for accounts without code.
    """
    StandardBridge._onlyAccount()
    self._bridgeETH(msg.sender, msg.sender, msg.value, _minGasLimit, _extraData)


@external
@payable
def bridgeETHTo(
    _to: address, _minGasLimit: uint32, _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA]
):
    """
    @notice Send ether to any address on the other layer.
    """
    self._bridgeETH(msg.sender, _to, msg.value, _minGasLimit, _extraData)


@external
def bridgeERC20(
    _localToken: address,
    _remoteToken: address,
    _amount: uint256,
    _minGasLimit: uint32,
    _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    """
    @notice Send tokens to the caller's address on the other layer; for accounts without code.
    """
    StandardBridge._onlyAccount()
    self._bridgeERC20(
        _localToken, _remoteToken, msg.sender, msg.sender, _amount, _minGasLimit, _extraData
    )


@external
def bridgeERC20To(
    _localToken: address,
    _remoteToken: address,
    _to: address,
    _amount: uint256,
    _minGasLimit: uint32,
    _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    """
    @notice Send tokens to any address on the other layer.
    """
    self._bridgeERC20(
        _localToken, _remoteToken, msg.sender, _to, _amount, _minGasLimit, _extraData
    )


@external
@payable
def finalizeBridgeETH(
    _from: address,
    _to: address,
    _amount: uint256,
    _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    """
    @notice The other bridge: pay out ether that was sent there.
    """
    StandardBridge._onlyOtherBridge()
    assert (
        msg.value == _amount
    ), "StandardBridge: amount sent does not match amount required"
    log DepositFinalized(
        l1Token=empty(address),
        l2Token=LEGACY_ERC20_ETH,
        sender=_from,
        to=_to,
        amount=_amount,
        extraData=_extraData,
    )
    StandardBridge._giveETH(_from, _to, _amount, _extraData)


@external
def finalizeBridgeERC20(
    _localToken: address,
    _remoteToken: address,
    _from: address,
    _to: address,
    _amount: uint256,
    _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    """
    @notice The other bridge: pay out tokens that were sent there.
    """
    StandardBridge._onlyOtherBridge()
    assert _localToken != self, "StandardBridge: local token cannot be self"
    StandardBridge._giveTokens(_localToken, _remoteToken, _to, _amount)
    log DepositFinalized(
        l1Token=_remoteToken,
        l2Token=_localToken,
        sender=_from,
        to=_to,
        amount=_amount,
        extraData=_extraData,
    )
    log StandardBridge.ERC20BridgeFinalized(
        localToken=_localToken,
        remoteToken=_remoteToken,
        sender=_from,
        to=_to,
        amount=_amount,
        extraData=_extraData,
    )


@external
@view
def l1TokenBridge() -> address:
    """
    @notice otherBridge, by its oldest name.
    """
    return StandardBridge.otherBridge


@external
@pure
def version() -> String[8]:
    """
    @notice Version of the OP Stack contract whose interface this is.
    """
    return "1.14.0"
