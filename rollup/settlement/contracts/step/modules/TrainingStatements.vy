# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TrainingStatements
@notice What a worker signs when it has trained an adapter (EIP-712).
@dev Of chain/attestation.py. All fields are of static types, a word each.
"""

import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame

# Fields of a statement.
JOB_ID: constant(uint256) = 0
DATANET_ID: constant(uint256) = 1
SNAPSHOT_ROOT: constant(uint256) = 2
BASE_MODEL: constant(uint256) = 3
CHECKPOINTS_ROOT: constant(uint256) = 5
ADAPTER_ID: constant(uint256) = 6
STEPS: constant(uint256) = 7
METRICS_HASH: constant(uint256) = 8
FIELDS: constant(uint256) = 9
# Bytes r, s, v.
SIGNATURE: constant(uint256) = 65

# Prices; evm/precompiles/gas.py: keccak of 160, 320 and 66 bytes.
DIGEST: constant(uint256) = 198
ECRECOVER: constant(uint256) = 3000

DOMAIN_TYPE: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
DOMAIN_NAME: constant(bytes32) = keccak256("stemma")
DOMAIN_VERSION: constant(bytes32) = keccak256("1")
STATEMENT_TYPE: constant(bytes32) = keccak256(
    "TrainingStatement(uint256 jobId,uint256 datanetId,bytes32 snapshotRoot,bytes32 baseModel,bytes32 recipeHash,bytes32 checkpointsRoot,bytes32 adapterId,uint64 steps,bytes32 metricsHash)"
)


@internal
@view
def digest(frame: NativeFrame.Frame, statement: uint256[FIELDS]) -> bytes32:
    """
    @notice What a worker signs.
    """
    domain: bytes32 = keccak256(
        abi_encode(DOMAIN_TYPE, DOMAIN_NAME, DOMAIN_VERSION, frame.chainId, frame.target)
    )
    return keccak256(
        concat(0x1901, domain, keccak256(abi_encode(STATEMENT_TYPE, statement)))
    )
