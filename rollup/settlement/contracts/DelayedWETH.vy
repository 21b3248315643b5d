# pragma version 0.4.3
# pragma evm-version cancun
"""
@title DelayedWETH
@notice Holds the bonds of dispute games. What is taken out waits, so that the owner can stop a
        payment that a broken game has ordered.
@dev Interface of the OP Stack's DelayedWETH (specs: fault-proof/stage-one/bond-incentives.md),
     which is WETH with two steps to withdraw.
"""

struct WithdrawalRequest:
    amount: uint256
    timestamp: uint256

interface SystemConfig:
    def paused() -> bool: view
    def superchainConfig() -> address: view

owner: public(immutable(address))
systemConfig: public(immutable(address))
DELAY_SECONDS: immutable(uint256)

balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
withdrawals: public(HashMap[address, HashMap[address, WithdrawalRequest]])

event Approval:
    src: indexed(address)
    guy: indexed(address)
    wad: uint256

event Transfer:
    src: indexed(address)
    dst: indexed(address)
    wad: uint256

event Deposit:
    dst: indexed(address)
    wad: uint256

event Withdrawal:
    src: indexed(address)
    wad: uint256


@deploy
def __init__(_owner: address, _systemConfig: address, _delaySeconds: uint256):
    owner = _owner
    systemConfig = _systemConfig
    DELAY_SECONDS = _delaySeconds


@internal
@view
def _onlyOwner():
    assert msg.sender == owner, "DelayedWETH: not owner"


@internal
@payable
def _deposit():
    self.balanceOf[msg.sender] += msg.value
    log Deposit(dst=msg.sender, wad=msg.value)


@internal
def _transfer(source: address, target: address, amount: uint256):
    assert self.balanceOf[source] >= amount, "DelayedWETH: insufficient balance"
    self.balanceOf[source] -= amount
    self.balanceOf[target] += amount
    log Transfer(src=source, dst=target, wad=amount)


@internal
def _withdraw(guy: address, amount: uint256):
    assert not staticcall SystemConfig(systemConfig).paused(), "DelayedWETH: contract is paused"
    request: WithdrawalRequest = self.withdrawals[msg.sender][guy]
    assert request.amount >= amount, "DelayedWETH: insufficient unlocked withdrawal"
    assert request.timestamp > 0, "DelayedWETH: withdrawal not unlocked"
    assert (
        request.timestamp + DELAY_SECONDS <= block.timestamp
    ), "DelayedWETH: withdrawal delay not met"
    self.withdrawals[msg.sender][guy].amount = request.amount - amount
    assert self.balanceOf[msg.sender] >= amount, "DelayedWETH: insufficient balance"
    self.balanceOf[msg.sender] -= amount
    log Withdrawal(src=msg.sender, wad=amount)
    raw_call(msg.sender, b"", value=amount)


@external
@payable
def __default__():
    """
    @notice Ether alone is a deposit. Also withdraw(uint256): Vyper knows one function of a name.
    """
    if len(msg.data) == 0:
        self._deposit()
        return
    assert msg.value == 0
    assert len(msg.data) == 36, "DelayedWETH: no such function"
    assert slice(msg.data, 0, 4) == method_id(
        "withdraw(uint256)"
    ), "DelayedWETH: no such function"
    self._withdraw(msg.sender, convert(slice(msg.data, 4, 32), uint256))


@external
@payable
def deposit():
    """
    @notice Credit the ether sent along to the caller.
    """
    self._deposit()


@external
def unlock(_guy: address, _wad: uint256):
    """
    @notice Begin to take out: for `_guy`, on the caller's account.
    """
    request: WithdrawalRequest = self.withdrawals[msg.sender][_guy]
    self.withdrawals[msg.sender][_guy] = WithdrawalRequest(
        amount=request.amount + _wad, timestamp=block.timestamp
    )


@external
def withdraw(_guy: address, _wad: uint256):
    """
    @notice Take out, as ether to the caller, what was unlocked for `_guy` the delay ago.
    """
    self._withdraw(_guy, _wad)


@external
def hold(_guy: address, _wad: uint256 = max_value(uint256)):
    """
    @notice Owner: take an account's balance away; by default all of it.
    """
    self._onlyOwner()
    amount: uint256 = _wad
    if amount == max_value(uint256):
        amount = self.balanceOf[_guy]
    self._transfer(_guy, msg.sender, amount)


@external
def recover(_wad: uint256):
    """
    @notice Owner: take ether out.
    """
    self._onlyOwner()
    raw_call(msg.sender, b"", value=min(_wad, self.balance))


@external
def approve(guy: address, wad: uint256) -> bool:
    """
    @notice Let `guy` move up to `wad` of the caller's balance.
    """
    self.allowance[msg.sender][guy] = wad
    log Approval(src=msg.sender, guy=guy, wad=wad)
    return True


@external
def transfer(dst: address, wad: uint256) -> bool:
    """
    @notice Move part of the caller's balance.
    """
    self._transfer(msg.sender, dst, wad)
    return True


@external
def transferFrom(src: address, dst: address, wad: uint256) -> bool:
    """
    @notice Move part of another account's balance, as it has allowed.
    """
    if src != msg.sender and self.allowance[src][msg.sender] != max_value(uint256):
        assert (
            self.allowance[src][msg.sender] >= wad
        ), "DelayedWETH: insufficient allowance"
        self.allowance[src][msg.sender] -= wad
    self._transfer(src, dst, wad)
    return True


@external
@view
def totalSupply() -> uint256:
    """
    @notice All the ether here.
    """
    return self.balance


@external
@view
def delay() -> uint256:
    """
    @notice Seconds between unlock and withdraw.
    """
    return DELAY_SECONDS


@external
@pure
def name() -> String[16]:
    """
    @notice Name of the token.
    """
    return "Wrapped Ether"


@external
@pure
def symbol() -> String[8]:
    """
    @notice Symbol of the token.
    """
    return "WETH"


@external
@pure
def decimals() -> uint8:
    """
    @notice Decimals of the token.
    """
    return 18


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
    return "1.5.0"
