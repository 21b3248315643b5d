"""An audit as text that leads from the answer to the wallets paid, and as JSON.

Knows nothing of how the checks were made.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import Any, Final

from chain.split import ADAPTER_OWNER, BASE_OWNER, CONTRIBUTOR, HOST, PLATFORM, STAKERS

from .record import VERDICT_OK, Audit, ChainRecord

WIDTH: Final = 100
ROLE_NAMES: Final = {
    PLATFORM: "platform",
    HOST: "host (worker)",
    STAKERS: "stakers' pool",
    CONTRIBUTOR: "contributor",
    ADAPTER_OWNER: "adapter owner",
    BASE_OWNER: "base model owner",
}


def ether(wei: int) -> str:
    """Wei as ether, every digit kept: 1500000000000 → 0.0000015 ETH."""
    whole, rest = divmod(abs(wei), 10**18)
    digits = f"{rest:018d}".rstrip("0")
    return f"{'-' if wei < 0 else ''}{whole}{'.' + digits if digits else ''} ETH"


def audit_document(record: ChainRecord, result: Audit, notes: Sequence[str]) -> dict[str, Any]:
    """The audit as one JSON object."""
    return {
        "request": "0x" + result.request_id.hex(),
        "verdict": result.verdict,
        "chain_id": record.chain_id,
        "block": record.block_number,
        "settle_tx": record.settle_tx,
        "adapter": "0x" + record.settled["adapterId"].hex(),
        "training_tx": record.training.submit_tx,
        "fee_wei": record.settled["feeWei"],
        "usage": {
            "prompt_tokens": record.settled["inputTokens"],
            "completion_tokens": record.settled["outputTokens"],
        },
        "text": result.output,
        "checks": [
            {"name": check.name, "holds": check.holds, "detail": check.detail}
            for check in result.checks
        ],
        "not_made": [*result.not_made, *notes],
        "shares_ppm": {"0x" + account.hex(): ppm for account, ppm in result.shares},
        "payments": [
            {"account": "0x" + account.hex(), "role": ROLE_NAMES.get(role, str(role)), "wei": wei}
            for account, role, wei in result.payments
        ],
    }


def audit_page(record: ChainRecord, result: Audit, notes: Sequence[str]) -> str:
    """The audit as text, from the question to who was paid."""
    lines = [
        f"Audit of request 0x{result.request_id.hex()}",
        f"settled in block {record.block_number} of chain {record.chain_id}",
        f"by transaction {record.settle_tx}",
        "",
        *_wrapped("asked     ", _question(result.prompt)),
        *_wrapped("answered  ", " ".join(result.output.split())),
        f"adapter   0x{record.settled['adapterId'].hex()}",
        "",
    ]
    for check in result.checks:
        lines.append(f"  {'ok' if check.holds else 'NO':<4}{check.name}")
        lines += _wrapped("      ", check.detail)
    lines += [f"  --  {name}: not looked at, it stands on what failed" for name in result.not_made]
    lines += [line for note in notes for line in _wrapped("  --  ", note)]
    lines += ["", *_payment_lines(record, result), "", f"verdict   {result.verdict}"]
    return "\n".join(lines)


def _payment_lines(record: ChainRecord, result: Audit) -> list[str]:
    shares = dict(result.shares)
    lines = [f"Who was paid, of {record.settled['feeWei']} wei ({ether(record.settled['feeWei'])})"]
    for account, role, wei in result.payments:
        is_share = role == CONTRIBUTOR and account in shares
        part = f"{shares[account] / 10_000:8.4f} %" if is_share else ""
        name = ROLE_NAMES.get(role, f"role {role}")
        lines.append(f"  {name:<17}0x{account.hex()} {wei:>16} wei {part}".rstrip())
    return lines


def _question(prompt: str) -> str:
    try:
        asked = json.loads(prompt)
        said = asked["messages"][-1]["content"] if "messages" in asked else asked["prompt"]
    except (ValueError, LookupError, TypeError):
        return prompt
    return " ".join(str(said).split())


def _wrapped(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        text or "(nothing)",
        WIDTH,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_on_hyphens=False,
    )


def passed(result: Audit) -> bool:
    """Whether every check that was made holds."""
    return result.verdict == VERDICT_OK
