# pragma version 0.4.3
"""
@title Counter
@notice The contract that clients deploy in the tests: a constructor argument, state, an event.
"""

event Incremented:
    by: indexed(address)
    count: uint256

count: public(uint256)


@deploy
def __init__(start: uint256):
    self.count = start


@external
def increment() -> uint256:
    self.count += 1
    log Incremented(by=msg.sender, count=self.count)
    return self.count


@external
def fail():
    raise "not today"
