# pragma version 0.4.3
# pragma evm-version cancun
"""
@title L1StandardBridge
@notice Ether and ERC-20 tokens between L1 and L2, the side on L1.
@dev Interface of the OP Stack's L1StandardBridge (specs: protocol/bridges.md), with the older
     functions and events beside the newer ones.
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

interface SystemConfig:
    def paused() -> bool: view
    def superchainConfig() -> address: view

systemConfig: public(immutable(address))

event ETHDepositInitiated:
    sender: indexed(address)
    to: indexed(address)
    amount: uint256
    extraData: Bytes[StandardBridge.MAX_EXTRA_DATA]

event ETHWithdrawalFinalized:
    sender: indexed(address)
    to: indexed(address)
    amount: uint256
    extraData: Bytes[StandardBridge.MAX_EXTRA_DATA]

event ERC20DepositInitiated:
    l1Token: indexed(address)
    l2Token: indexed(address)
    sender: indexed(address)
    to: address
    amount: uint256
    extraData: Bytes[StandardBridge.MAX_EXTRA_DATA]

event ERC20WithdrawalFinalized:
    l1Token: indexed(address)
    l2Token: indexed(address)
    sender: indexed(address)
    to: address
    amount: uint256
    extraData: Bytes[StandardBridge.MAX_EXTRA_DATA]


@deploy
def __init__(_messenger: address, _systemConfig: address, _otherBridge: address):
    StandardBridge.messenger = _messenger
    StandardBridge.otherBridge = _otherBridge
    systemConfig = _systemConfig


@internal
@view
def _paused() -> bool:
    return staticcall SystemConfig(systemConfig).paused()


@internal
def _bridgeETH(
    sender: address,
    to: address,
    amount: uint256,
    minGasLimit: uint32,
    extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    log ETHDepositInitiated(sender=sender, to=to, amount=amount, extraData=extraData)
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
    log ERC20DepositInitiated(
        l1Token=localToken,
        l2Token=remoteToken,
        sender=sender,
        to=to,
        amount=amount,
        extraData=extraData,
    )
    StandardBridge._sendERC20(
        localToken, remoteToken, sender, to, amount, minGasLimit, extraData
    )


@external
@payable
def __default__():
    """
    @notice Ether sent here arrives at the same address on L2; for accounts without code.
    """
    assert len(msg.data) == 0, "StandardBridge: no such function"
    StandardBridge._onlyAccount()
    nothing: Bytes[StandardBridge.MAX_EXTRA_DATA] = b""
    self._bridgeETH(
        msg.sender, msg.sender, msg.value, StandardBridge.RECEIVE_DEFAULT_GAS_LIMIT, nothing
    )


@external
@payable
def depositETH(_minGasLimit: uint32, _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA]):
    """
    @notice bridgeETH, by its older name.
    """
    StandardBridge._onlyAccount()
    self._bridgeETH(msg.sender, msg.sender, msg.value, _minGasLimit, _extraData)


@external
@payable
def depositETHTo(
    _to: address, _minGasLimit: uint32, _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA]
):
    """
    @notice bridgeETHTo, by its older name.
    """
    self._bridgeETH(msg.sender, _to, msg.value, _minGasLimit, _extraData)


@external
def depositERC20(
    _l1Token: address,
    _l2Token: address,
    _amount: uint256,
    _minGasLimit: uint32,
    _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    """
    @notice bridgeERC20, by its older name.
    """
    StandardBridge._onlyAccount()
    self._bridgeERC20(
        _l1Token, _l2Token, msg.sender, msg.sender, _amount, _minGasLimit, _extraData
    )


@external
def depositERC20To(
    _l1Token: address,
    _l2Token: address,
    _to: address,
    _amount: uint256,
    _minGasLimit: uint32,
    _extraData: Bytes[StandardBridge.MAX_EXTRA_DATA],
):
    """
    @notice bridgeERC20To, by its older name.
    """
    self._bridgeERC20(_l1Token, _l2Token, msg.sender, _to, _amount, _minGasLimit, _extraData)


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
    assert not self._paused(), "StandardBridge: paused"
    assert (
        msg.value == _amount
    ), "StandardBridge: amount sent does not match amount required"
    log ETHWithdrawalFinalized(sender=_from, to=_to, amount=_amount, extraData=_extraData)
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
    assert not self._paused(), "StandardBridge: paused"
    assert _localToken != self, "StandardBridge: local token cannot be self"
    StandardBridge._giveTokens(_localToken, _remoteToken, _to, _amount)
    log ERC20WithdrawalFinalized(
        l1Token=_localToken,
        l2Token=_remoteToken,
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
def l2TokenBridge() -> address:
    """
    @notice otherBridge, by its oldest name.
    """
    return StandardBridge.otherBridge


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
    return "2.8.0"
