"""What workers sign: statements about a training run and about a paid answer (EIP-712).

A statement names everything by hash, so that bodies, prompts and rows stay off the chain. This
file says which bytes are signed and who signed them; whether a statement fits its job is for the
precompiles. Also here: the Merkle leaves of a list of shares, which the statement of an answer
commits to. Format: docs/protocol/attestation.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from . import abi
from .crypto.keccak import keccak256
from .crypto.merkle import leaf_hash, merkle_proof, merkle_root
from .crypto.secp256k1 import Signature, recover, sign
from .types import Address, Hash32, checksum_address

if TYPE_CHECKING:
    from collections.abc import Sequence

DOMAIN_NAME: Final = "stemma"
DOMAIN_VERSION: Final = "1"
SHARES_TOTAL_PPM: Final = 1_000_000
"""What the shares of one answer add up to: parts per million."""

_DOMAIN_FIELDS: Final = (
    ("string", "name"),
    ("string", "version"),
    ("uint256", "chainId"),
    ("address", "verifyingContract"),
)
_PREFIX: Final = b"\x19\x01"

Share: TypeAlias = tuple[Address, int]
"""An account and its part of an answer in parts per million."""


@dataclass(frozen=True, slots=True)
class TrainingStatement:
    """A worker's word that it trained this adapter for this job in this way.

    `checkpoints_root` commits to the run's checkpoints, `adapter_id` is the hash of the adapter's
    content, `metrics_hash` the hash of what was measured on the way.
    """

    SOLIDITY_FIELDS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("uint256", "jobId"),
        ("uint256", "datanetId"),
        ("bytes32", "snapshotRoot"),
        ("bytes32", "baseModel"),
        ("bytes32", "recipeHash"),
        ("bytes32", "checkpointsRoot"),
        ("bytes32", "adapterId"),
        ("uint64", "steps"),
        ("bytes32", "metricsHash"),
    )

    job_id: int
    datanet_id: int
    snapshot_root: Hash32
    base_model: Hash32
    recipe_hash: Hash32
    checkpoints_root: Hash32
    adapter_id: Hash32
    steps: int
    metrics_hash: Hash32


@dataclass(frozen=True, slots=True)
class InferenceStatement:
    """A worker's word that it answered this request with this output, made of these shares."""

    SOLIDITY_FIELDS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("bytes32", "requestId"),
        ("bytes32", "adapterId"),
        ("bytes32", "promptHash"),
        ("bytes32", "outputHash"),
        ("uint64", "inputTokens"),
        ("uint64", "outputTokens"),
        ("bytes32", "sharesRoot"),
        ("bytes32", "evidenceHash"),
    )

    request_id: Hash32
    adapter_id: Hash32
    prompt_hash: Hash32
    output_hash: Hash32
    input_tokens: int
    output_tokens: int
    shares_root: Hash32
    evidence_hash: Hash32


Statement: TypeAlias = TrainingStatement | InferenceStatement


def statement_values(statement: Statement) -> tuple[int | Hash32, ...]:
    """List the fields in order: the ABI tuple that a precompile takes."""
    return tuple(getattr(statement, field.name) for field in fields(statement))


def solidity_tuple(kind: type[Statement]) -> str:
    """Return the ABI type of a statement, such as "(uint256,bytes32,uint64)"."""
    return "(" + ",".join(solidity_type for solidity_type, _ in kind.SOLIDITY_FIELDS) + ")"


@lru_cache(maxsize=8)
def _type_hash(name: str, members: tuple[tuple[str, str], ...]) -> Hash32:
    listed = ",".join(f"{solidity_type} {member}" for solidity_type, member in members)
    return keccak256(f"{name}({listed})".encode("ascii"))


@lru_cache(maxsize=64)
def domain_separator(chain_id: int, verifying_contract: Address) -> Hash32:
    """Hash the EIP-712 domain that ties a signature to one chain and one precompile."""
    return keccak256(
        abi.encode(
            ("bytes32", "bytes32", "bytes32", "uint256", "address"),
            (
                _type_hash("EIP712Domain", _DOMAIN_FIELDS),
                keccak256(DOMAIN_NAME.encode("ascii")),
                keccak256(DOMAIN_VERSION.encode("ascii")),
                chain_id,
                verifying_contract,
            ),
        )
    )


def struct_hash(statement: Statement) -> Hash32:
    """Hash the statement itself (EIP-712 `hashStruct`). Raises EncodeError if a field is wrong."""
    kind = type(statement)
    types = ("bytes32", *(solidity_type for solidity_type, _ in kind.SOLIDITY_FIELDS))
    values = (_type_hash(kind.__name__, kind.SOLIDITY_FIELDS), *statement_values(statement))
    return keccak256(abi.encode(types, values))


def digest(statement: Statement, chain_id: int, verifying_contract: Address) -> Hash32:
    """Return the 32 bytes that are signed. Raises EncodeError if a field does not fit its type."""
    domain = domain_separator(chain_id, verifying_contract)
    return keccak256(_PREFIX + domain + struct_hash(statement))


def sign_statement(
    statement: Statement, private_key: bytes, *, chain_id: int, verifying_contract: Address
) -> bytes:
    """Sign for one chain and precompile; return the 65 bytes r, s, v with v 27 or 28."""
    return sign(digest(statement, chain_id, verifying_contract), private_key).to_bytes()


def recover_signer(
    statement: Statement, signature: bytes, *, chain_id: int, verifying_contract: Address
) -> Address:
    """Return the account that signed the statement for this chain and precompile.

    Raises DecodeError for bytes that are no signature, InvalidSignature where no key fits. A
    changed field does not raise: it gives some other account, so compare the result.
    """
    parsed = Signature.from_bytes(signature)
    return recover(digest(statement, chain_id, verifying_contract), parsed)


def typed_data(
    statement: Statement, chain_id: int, verifying_contract: Address
) -> dict[str, object]:
    """Return the JSON that wallets show and sign through `eth_signTypedData_v4`."""
    kind = type(statement)
    names = [name for _, name in kind.SOLIDITY_FIELDS]
    values = statement_values(statement)
    return {
        "types": {
            "EIP712Domain": [{"name": n, "type": t} for t, n in _DOMAIN_FIELDS],
            kind.__name__: [{"name": n, "type": t} for t, n in kind.SOLIDITY_FIELDS],
        },
        "primaryType": kind.__name__,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": checksum_address(verifying_contract),
        },
        "message": {
            name: "0x" + value.hex() if isinstance(value, bytes) else value
            for name, value in zip(names, values, strict=True)
        },
    }


# ---------------------------------------------------------------------------------------- shares


def shares_leaf(index: int, account: Address, ppm: int) -> Hash32:
    """Hash one share: leaf_hash(abi.encode(uint256 index, address account, uint256 ppm))."""
    return leaf_hash(abi.encode(("uint256", "address", "uint256"), (index, account, ppm)))


def _shares_leaves(shares: Sequence[Share]) -> list[Hash32]:
    return [shares_leaf(index, account, ppm) for index, (account, ppm) in enumerate(shares)]


def shares_root(shares: Sequence[Share]) -> Hash32:
    """Return the Merkle root over shares in order; their sum is the precompile's to check."""
    return merkle_root(_shares_leaves(shares))


def shares_proof(shares: Sequence[Share], index: int) -> list[Hash32]:
    """Return the proof with which the account at index claims. Raises IndexError beyond the end."""
    return merkle_proof(_shares_leaves(shares), index)
