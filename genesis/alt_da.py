"""Where a rollup's data lies when L1 has only its hashes: `alt_da` of rollup.json.

The form is op-node's. A chain without it keeps all data on L1, or with a committee (`stemma_da`).
Knows nothing of servers or challenges. Source: op-node/rollup/types.go, AltDAConfig; OP specs,
experimental/alt-da.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from chain.types import ZERO_ADDRESS, Address

from .fields import ConfigError, Fields

KECCAK_COMMITMENT: Final = "KeccakCommitment"
MAX_WINDOW: Final = 1 << 20
"""L1 blocks: half a year of twelve seconds. Reading again after a start goes back both windows."""


@dataclass(frozen=True, slots=True)
class AltDaConfig:
    """The contract on L1 that takes challenges, and its two windows, in L1 blocks.

    A commitment can be challenged `challenge_window` blocks long; its data have to come within
    `resolve_window` blocks of the challenge. Raises ConfigError.
    """

    challenge_contract: Address
    challenge_window: int
    resolve_window: int

    def __post_init__(self) -> None:
        if self.challenge_contract == ZERO_ADDRESS:
            raise ConfigError("alt_da: da_challenge_contract_address is the zero address")
        for name in ("challenge_window", "resolve_window"):
            blocks = getattr(self, name)
            if not 1 <= blocks <= MAX_WINDOW:
                raise ConfigError(f"alt_da: da_{name} {blocks} is not in 1..{MAX_WINDOW}")

    @property
    def settled_after(self) -> int:
        """L1 blocks after which nothing can happen to a commitment any more."""
        return self.challenge_window + self.resolve_window + 1

    @staticmethod
    def from_fields(fields: Fields) -> AltDaConfig:
        """Read the object. Raises ConfigError, also for commitments that nobody can challenge."""
        kind = fields.text("da_commitment_type")
        if kind != KECCAK_COMMITMENT:
            raise ConfigError(
                f"{fields.where}.da_commitment_type: {kind!r}, this node knows "
                f"{KECCAK_COMMITMENT}; a committee's certificates are configured as stemma_da"
            )
        return AltDaConfig(
            fields.address("da_challenge_contract_address"),
            fields.integer("da_challenge_window"),
            fields.integer("da_resolve_window"),
        )

    def to_json(self) -> dict[str, Any]:
        """The object as op-node writes it."""
        return {
            "da_challenge_contract_address": "0x" + self.challenge_contract.hex(),
            "da_commitment_type": KECCAK_COMMITMENT,
            "da_challenge_window": self.challenge_window,
            "da_resolve_window": self.resolve_window,
        }
