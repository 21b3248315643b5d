# pragma version 0.4.3
"""
@title Loops
@notice Work of one kind each, so that a figure says what it is a figure of.
"""

cells: HashMap[uint256, uint256]
total: public(uint256)


@external
def arithmetic(rounds: uint256):
    value: uint256 = 7
    for i: uint256 in range(rounds, bound=1000000000):
        value = unsafe_add(unsafe_mul(value, 6364136223846793005), i) ^ (value >> 33)
        if value % 3 == 0:
            value = unsafe_sub(value, 1)
    self.total = value


@external
def hashes(rounds: uint256):
    value: bytes32 = empty(bytes32)
    for i: uint256 in range(rounds, bound=1000000000):
        value = keccak256(concat(value, convert(i, bytes32)))
    self.total = convert(value, uint256)


@external
def storage_words(rounds: uint256):
    for i: uint256 in range(rounds, bound=1000000000):
        self.cells[i % 64] += i
