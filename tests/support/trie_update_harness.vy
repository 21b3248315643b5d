# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
# The trie module behind a door of its own, for tests.

import rollup.settlement.contracts.step.modules.TrieUpdate as TrieUpdate


@external
@pure
def update(
    root: bytes32,
    path: bytes32,
    newValue: Bytes[TrieUpdate.MAX_VALUE],
    given: DynArray[Bytes[TrieUpdate.MAX_NODE], TrieUpdate.MAX_GIVEN],
) -> (bytes32, uint256):
    return TrieUpdate.update(root, path, newValue, given)


@external
@pure
def lookUp(
    root: bytes32,
    path: bytes32,
    given: DynArray[Bytes[TrieUpdate.MAX_NODE], TrieUpdate.MAX_GIVEN],
) -> (Bytes[TrieUpdate.MAX_VALUE], uint256):
    return TrieUpdate.lookUp(root, path, given)
