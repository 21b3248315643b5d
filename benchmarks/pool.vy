# pragma version 0.4.3
"""
@title Pool
@notice Two tokens at x * y = k with a fee of 0.3 %, as Uniswap v2 has it: reserves, balances and
        both transfers are checked in every swap.
"""

interface Token:
    def transfer(receiver: address, amount: uint256) -> bool: nonpayable
    def transferFrom(sender: address, receiver: address, amount: uint256) -> bool: nonpayable
    def balanceOf(owner: address) -> uint256: view

event Swap:
    sender: indexed(address)
    amount_in: uint256
    amount_out: uint256
    zero_for_one: bool

event Sync:
    reserve0: uint256
    reserve1: uint256

token0: public(immutable(Token))
token1: public(immutable(Token))
reserve0: public(uint256)
reserve1: public(uint256)


@deploy
def __init__(first: address, second: address):
    token0 = Token(first)
    token1 = Token(second)


@internal
def _sync():
    self.reserve0 = staticcall token0.balanceOf(self)
    self.reserve1 = staticcall token1.balanceOf(self)
    log Sync(reserve0=self.reserve0, reserve1=self.reserve1)


@external
def sync():
    self._sync()


@external
@nonreentrant
def swap(amount_in: uint256, zero_for_one: bool) -> uint256:
    reserve_in: uint256 = self.reserve0
    reserve_out: uint256 = self.reserve1
    token_in: Token = token0
    token_out: Token = token1
    if not zero_for_one:
        reserve_in = self.reserve1
        reserve_out = self.reserve0
        token_in = token1
        token_out = token0
    with_fee: uint256 = amount_in * 997
    amount_out: uint256 = with_fee * reserve_out // (reserve_in * 1000 + with_fee)
    assert amount_out > 0, "nothing out"
    assert extcall token_in.transferFrom(msg.sender, self, amount_in)
    assert extcall token_out.transfer(msg.sender, amount_out)
    before: uint256 = self.reserve0 * self.reserve1
    self._sync()
    assert self.reserve0 * self.reserve1 >= before, "k"
    log Swap(
        sender=msg.sender, amount_in=amount_in, amount_out=amount_out, zero_for_one=zero_for_one
    )
    return amount_out
