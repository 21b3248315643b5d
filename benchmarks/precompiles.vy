# pragma version 0.4.3
"""
@title Precompiles
@notice What contracts ask precompiles for: hashes, a signature, arithmetic on a curve, a proof.
"""

total: public(uint256)
ONE: constant(uint256) = 1
TWO: constant(uint256) = 2


@external
def hashes_and_signatures(rounds: uint256, digest: bytes32, v: uint256, r: uint256, s: uint256):
    value: bytes32 = digest
    for i: uint256 in range(rounds, bound=1000000):
        value = sha256(concat(value, convert(i, bytes32)))
        signer: address = ecrecover(digest, v, r, s)
        value = keccak256(concat(value, convert(signer, bytes32)))
    self.total = convert(value, uint256)


@external
def curve(rounds: uint256):
    point: uint256[2] = [ONE, TWO]
    for i: uint256 in range(rounds, bound=1000000):
        point = ecadd(ecmul(point, i + 3), [ONE, TWO])
    self.total = point[0]


@external
def powers(rounds: uint256):
    value: uint256 = 3
    for i: uint256 in range(rounds, bound=1000000):
        answer: Bytes[32] = raw_call(
            0x0000000000000000000000000000000000000005,
            abi_encode(convert(32, uint256), convert(32, uint256), convert(32, uint256), value, i + 65537, max_value(uint256) - 188),
            max_outsize=32,
            is_static_call=True,
        )
        value = convert(answer, uint256)
    self.total = value


@external
def proof(words: Bytes[768]):
    answer: Bytes[32] = raw_call(
        0x0000000000000000000000000000000000000008, words, max_outsize=32, is_static_call=True
    )
    self.total = convert(answer, uint256)
    assert self.total == 1
