# pragma version 0.4.3
# pragma evm-version cancun
# The verifier of the portal by itself, for any key and value.

import rollup.settlement.contracts.modules.MerkleTrie as MerkleTrie


@external
@pure
def read(
    root: bytes32, key: bytes32, proof: DynArray[Bytes[MerkleTrie.MAX_NODE], 32]
) -> Bytes[MerkleTrie.MAX_VALUE]:
    walk: MerkleTrie.Step = MerkleTrie.begin(root)
    for node: Bytes[MerkleTrie.MAX_NODE] in proof:
        walk = MerkleTrie.follow(node, key, walk)
    assert walk.isLeaf, "MerkleTrie: the proof ends before the leaf"
    return walk.value
