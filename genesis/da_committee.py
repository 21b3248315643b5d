"""Who keeps a rollup's data off L1 and how many of them have to vouch for it: `stemma_da`.

The object stands in rollup.json beside op-node's keys; a chain without it keeps all data on L1.
Knows nothing of cells or signatures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from chain.types import ZERO_ADDRESS, Address

from .fields import ConfigError, Fields

MAX_OPERATORS: Final = 16
"""As many signatures as L1 checks at a moderate price, and as many sets as can all be looked at."""
MAX_STAKE: Final = (1 << 96) - 1
_IDENTITY_BYTES: Final = 32
_GROUPS: Final = 128


@dataclass(frozen=True, slots=True)
class DaOperator:
    """One member: who signs for L1, who it is among nodes (Ed25519 key), its stake and custody.

    `custody_groups` is how many of the 128 groups it keeps. Raises ConfigError.
    """

    signer: Address
    identity: bytes
    stake: int
    custody_groups: int = 64

    def __post_init__(self) -> None:
        if self.signer == ZERO_ADDRESS or len(self.identity) != _IDENTITY_BYTES:
            raise ConfigError(
                f"stemma_da: operator 0x{self.signer.hex()} with an identity of "
                f"{len(self.identity)} bytes; expected an address and 32 bytes"
            )
        if not 1 <= self.stake <= MAX_STAKE:
            raise ConfigError(f"stemma_da: stake {self.stake} is outside 1..{MAX_STAKE}")
        if not 1 <= self.custody_groups <= _GROUPS:
            raise ConfigError(
                f"stemma_da: custody_groups {self.custody_groups} is outside 1..{_GROUPS}"
            )


@dataclass(frozen=True, slots=True)
class DaCommittee:
    """The operators, in the order that certificates number them, and what a quorum is.

    `verifier` is the contract on L1 that checks certificates. Percentages are of stake: a
    certificate needs `confirmation_percent`, of which at most `safety_percent` may be lying.
    `recency_window` is in L1 blocks: a certificate counts from its reference block on for so long.
    Raises ConfigError.
    """

    verifier: Address
    operators: tuple[DaOperator, ...]
    confirmation_percent: int = 55
    safety_percent: int = 33
    recency_window: int = 100

    def __post_init__(self) -> None:
        count = len(self.operators)
        if not 1 <= count <= MAX_OPERATORS:
            raise ConfigError(f"stemma_da: {count} operators, expected 1 to {MAX_OPERATORS}")
        for what in ("signer", "identity"):
            if len({getattr(operator, what) for operator in self.operators}) != count:
                raise ConfigError(f"stemma_da: two operators have one {what}")
        if not 0 <= self.safety_percent < self.confirmation_percent <= 100:
            raise ConfigError(
                f"stemma_da: safety {self.safety_percent} %, confirmation "
                f"{self.confirmation_percent} %: expected 0 <= safety < confirmation <= 100"
            )
        if not 1 <= self.recency_window < 1 << 32:
            raise ConfigError(f"stemma_da: recency_window {self.recency_window} blocks")

    @property
    def total_stake(self) -> int:
        """Of all operators."""
        return sum(operator.stake for operator in self.operators)

    def is_quorum(self, stake: int) -> bool:
        """Whether so much stake confirms."""
        return stake * 100 >= self.total_stake * self.confirmation_percent

    @staticmethod
    def from_fields(fields: Fields) -> DaCommittee:
        """Read `stemma_da`. Raises ConfigError."""
        listed = fields.raw("operators")
        if not isinstance(listed, list):
            raise ConfigError(f"{fields.where}.operators: expected a list")
        operators = []
        for index, entry in enumerate(listed[: MAX_OPERATORS + 1]):
            item = Fields(entry, f"{fields.where}.operators[{index}]")
            operators.append(
                DaOperator(
                    item.address("signer"),
                    item.data("identity", size=_IDENTITY_BYTES),
                    item.integer("stake", bits=96),
                    item.integer("custody_groups", bits=8, default=64),
                )
            )
        return DaCommittee(
            verifier=fields.address("verifier"),
            operators=tuple(operators),
            confirmation_percent=fields.integer("confirmation_percent", bits=8, default=55),
            safety_percent=fields.integer("safety_percent", bits=8, default=33),
            recency_window=fields.integer("recency_window", bits=32, default=100),
        )

    def to_json(self) -> dict[str, Any]:
        """The object `stemma_da`; `from_fields` reads it back to an equal value."""
        return {
            "verifier": f"0x{self.verifier.hex()}",
            "operators": [
                {
                    "signer": f"0x{operator.signer.hex()}",
                    "identity": f"0x{operator.identity.hex()}",
                    "stake": operator.stake,
                    "custody_groups": operator.custody_groups,
                }
                for operator in self.operators
            ],
            "confirmation_percent": self.confirmation_percent,
            "safety_percent": self.safety_percent,
            "recency_window": self.recency_window,
        }
