# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
# The trie module behind a door of its own, for tests. The witness is the last argument, and the
# first ones are room: more bytes than a node has stand before the nodes in a call, as in a step.

import rollup.settlement.contracts.step.modules.TrieUpdate as TrieUpdate

ROOM: constant(uint256) = 17
# Selector, room, root and path, then the offset of the witness.
OFFSET: constant(uint256) = 4 + 32 * (ROOM + 2)


@internal
@view
def _start() -> uint256:
    # Where the witness begins in msg.data.
    return 4 + 32 + convert(slice(msg.data, OFFSET, 32), uint256)


@external
@view
def update(
    room: uint256[ROOM],
    root: bytes32,
    path: bytes32,
    witness: Bytes[36864],
    newValue: Bytes[TrieUpdate.MAX_VALUE],
) -> (bytes32, uint256):
    made: bytes32 = empty(bytes32)
    end: uint256 = 0
    made, end = TrieUpdate.update(self._start(), root, path, newValue)
    return made, end - self._start()


@external
@view
def lookUp(
    room: uint256[ROOM], root: bytes32, path: bytes32, witness: Bytes[36864]
) -> (Bytes[TrieUpdate.MAX_VALUE], uint256):
    found: Bytes[TrieUpdate.MAX_VALUE] = b""
    end: uint256 = 0
    found, end = TrieUpdate.lookUp(self._start(), root, path)
    return found, end - self._start()
