"""The contracts on L1 that concern data elsewhere: their creations, and the calls of a dispute
about data. Knows neither keys nor a network.
"""

from __future__ import annotations

from chain import abi
from chain.types import Address, Hash32
from genesis.da_committee import DaCommittee
from rollup.wire.alt_da import Keccak256Commitment

from .deploy import artifact

_CREATION_TYPES = ("address", "uint256", "uint256", "uint256", "uint256")


def cert_verifier_creation(committee: DaCommittee) -> bytes:
    """Creation code of the DACertVerifier of a committee; its `verifier` is not read."""
    return _creation("DACertVerifier") + abi.encode(
        ("address[]", "uint96[]", "uint256"),
        (
            [operator.signer for operator in committee.operators],
            [operator.stake for operator in committee.operators],
            committee.confirmation_percent,
        ),
    )


def challenge_contract_creation(
    owner: Address,
    *,
    challenge_window: int,
    resolve_window: int,
    bond_wei: int,
    refund_percent: int,
) -> bytes:
    """Creation code of a DataAvailabilityChallenge; windows are in L1 blocks, `refund_percent` is
    what who shows the data gets of the cost.
    """
    values = (owner, challenge_window, resolve_window, bond_wei, refund_percent)
    return _creation("DataAvailabilityChallenge") + abi.encode(_CREATION_TYPES, values)


def challenge_call(l1_number: int, data_hash: Hash32) -> bytes:
    """Challenge the commitment to data that stands in an L1 block; the bond goes along."""
    return abi.selector("challenge(uint256,bytes)") + abi.encode(
        ("uint256", "bytes"), (l1_number, _commitment(data_hash))
    )


def resolve_call(l1_number: int, data_hash: Hash32, data: bytes) -> bytes:
    """Show the data of a challenged commitment on L1."""
    return abi.selector("resolve(uint256,bytes,bytes)") + abi.encode(
        ("uint256", "bytes", "bytes"), (l1_number, _commitment(data_hash), data)
    )


def challenge_status_call(l1_number: int, data_hash: Hash32) -> bytes:
    """Ask how a challenge stands: 0 none, 1 open, 2 the data came, 3 they did not."""
    return abi.selector("getChallengeStatus(uint256,bytes)") + abi.encode(
        ("uint256", "bytes"), (l1_number, _commitment(data_hash))
    )


def _commitment(data_hash: Hash32) -> bytes:
    return Keccak256Commitment(data_hash).encode()[1:]


def _creation(contract: str) -> bytes:
    return bytes.fromhex(artifact(contract)["bytecode"][2:])
