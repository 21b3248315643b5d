"""What the demo ends with: one JSON object for scripts, one page of text for people.

The object's form is part of the interface (docs/protocol/demo-report.md). Knows nothing of how the
figures were obtained.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ai.audit.record import Audit
from ai.audit.report import ether

from .conservation import Conservation
from .story import GivenAnswer, TrainedAdapter

WIDTH = 100
MAX_SHOWN = 3
"""Citations of one answer on the page."""


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """A chain's last height that matters here, as one node sees it."""

    number: int
    block_hash: str
    state_root: str


@dataclass(frozen=True, slots=True)
class DemoReport:
    """All that the demo saw."""

    l1_client: str
    l1_blocks: int
    sequencer: ChainEnd
    verifier: ChainEnd
    trained: Sequence[TrainedAdapter]
    answers: Sequence[GivenAnswer]
    claimed_wei: Mapping[str, int]
    conservation: Conservation
    audits: Sequence[Audit]
    seconds: Mapping[str, float]
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def verified(self) -> bool:
        """Whether both nodes agree, every audit holds and no wei is missing."""
        return (
            self.sequencer == self.verifier
            and all(audit.verdict == "ok" for audit in self.audits)
            and len(self.audits) == len(self.answers)
            and self.conservation.holds
        )


def document(report: DemoReport) -> dict[str, Any]:
    """The report as the object that `--json` prints."""
    return {
        "l1": {"client": report.l1_client, "blocks": report.l1_blocks},
        "sequencer": {
            "number": report.sequencer.number,
            "hash": report.sequencer.block_hash,
            "state_root": report.sequencer.state_root,
        },
        "verifier": {
            "safe_number": report.verifier.number,
            "safe_hash": report.verifier.block_hash,
            "state_root": report.verifier.state_root,
        },
        "datanets": [_datanet(each) for each in report.trained],
        "training": [_training(each) for each in report.trained],
        "answers": [_answer(each) for each in report.answers],
        "conservation": {
            "in_wei": report.conservation.in_wei,
            "out_wei": report.conservation.out_wei,
            "held_wei": report.conservation.held_wei,
        },
        "audits": [
            {"request": "0x" + each.request_id.hex(), "verdict": each.verdict}
            for each in report.audits
        ],
        "seconds": {name: round(value, 2) for name, value in report.seconds.items()},
    }


def _datanet(trained: TrainedAdapter) -> dict[str, Any]:
    return {
        "id": trained.version.datanet_id,
        "rows": trained.version.row_count,
        "contributors": trained.contributors,
        "snapshot_root": "0x" + trained.version.snapshot_root.hex(),
    }


def _training(trained: TrainedAdapter) -> dict[str, Any]:
    return {
        "adapter": "0x" + trained.adapter_id.hex(),
        "base": "0x" + trained.base_model.hex(),
        "steps": trained.steps,
        "loss_first": trained.loss_first,
        "loss_last": trained.loss_last,
        "statement_tx": trained.statement_tx,
    }


def _answer(given: GivenAnswer) -> dict[str, Any]:
    receipt = given.answer.receipt
    return {
        "request": "0x" + given.answer.request_id.hex(),
        "adapter": "0x" + given.adapter.adapter_id.hex(),
        "prompt": given.prompt,
        "text": given.answer.text,
        "usage": given.answer.usage,
        "fee_wei": int(receipt["fee_wei"]),
        "shares_ppm": receipt["shares_ppm"],
        "payouts_wei": {name: int(wei) for name, wei in receipt["payouts_wei"].items()},
        "settle_tx": receipt["settle_tx"],
    }


def page(report: DemoReport) -> str:
    """The report as a page of plain text."""
    rule = "═" * WIDTH
    lines = ["", rule, "  stemma: what just happened", rule, ""]
    lines += _training_lines(report)
    for number, given in enumerate(report.answers, start=1):
        lines += _answer_lines(report, number, given)
    lines += _claim_lines(report)
    lines += _proof_lines(report)
    return "\n".join(lines)


def _name(report: DemoReport, account: str) -> str:
    return report.names.get(account, account[:10] + "…")


def _paragraph(label: str, text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()) or "(nothing)",
        WIDTH,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_on_hyphens=False,
    )


def _training_lines(report: DemoReport) -> list[str]:
    lines = []
    for each in report.trained:
        version = each.version
        lines += [
            *_paragraph(f"  Datanet {version.datanet_id}   ", each.plan.title),
            f"     {version.row_count} rows of {each.contributors} contributors, "
            f"snapshot 0x{version.snapshot_root.hex()[:16]}…",
            f"     adapter 0x{each.adapter_id.hex()[:16]}…, {each.steps} training steps, "
            f"loss {each.loss_first:.2f} → {each.loss_last:.2f}",
            "",
        ]
    return lines


def _answer_lines(report: DemoReport, number: int, given: GivenAnswer) -> list[str]:
    receipt, audit = given.answer.receipt, report.audits[number - 1]
    fee_wei = int(receipt["fee_wei"])
    lines = [
        *_paragraph(f"  Question {number}  ", given.prompt),
        *_paragraph("  Answer      ", given.answer.text),
        f"     paid {ether(fee_wei)} for {given.answer.usage['total_tokens']} tokens; "
        f"audit: {audit.verdict}",
    ]
    for citation in given.answer.citations[:MAX_SHOWN]:
        who, text = _name(report, citation["contributor"]), " ".join(citation["text"].split())
        lines += textwrap.wrap(
            f"     [{citation['n']}] {who}: “{text}”",
            WIDTH,
            max_lines=1,
            placeholder=" …”",
            subsequent_indent="         ",
        )
    shares = receipt["shares_ppm"]
    paid = {account: int(wei) for account, wei in receipt["payouts_wei"].items()}
    for account, wei in sorted(paid.items(), key=lambda item: (item[0] not in shares, -item[1])):
        part = f"{shares[account] / 10_000:6.2f} % of the rows" if account in shares else ""
        lines.append(f"     {_name(report, account):<16} {ether(wei):>26}  {part}".rstrip())
    return [*lines, ""]


def _claim_lines(report: DemoReport) -> list[str]:
    lines = ["  Claimed, and now in these wallets"]
    for account, wei in sorted(report.claimed_wei.items(), key=lambda item: -item[1]):
        lines.append(f"     {_name(report, account):<16} {ether(wei):>26}  {account}")
    return [*lines, ""]


def _proof_lines(report: DemoReport) -> list[str]:
    agree = "the same" if report.sequencer == report.verifier else "NOT THE SAME"
    held = report.conservation
    exact = "to the last wei" if held.holds else "WHICH DOES NOT ADD UP"
    sound = sum(audit.verdict == "ok" for audit in report.audits)
    return [
        "  Can you trust this? Nobody has to.",
        *_paragraph(
            "     ",
            f"A second process read only the L1 ({report.l1_client}, "
            f"{report.l1_blocks} blocks) and derived L2 block {report.verifier.number} "
            f"with {agree} hash:",
        ),
        f"       sequencer {report.sequencer.block_hash}",
        f"       verifier  {report.verifier.block_hash}",
        *_paragraph(
            "     ",
            f"{ether(held.in_wei)} went into the contracts = {ether(held.out_wei)} came out + "
            f"{ether(held.held_wei)} they hold (the worker's bond, rewards not claimed), {exact}.",
        ),
        f"     {sound} of {len(report.answers)} answers recomputed from chain data and content "
        "store alone.",
        f"     {report.seconds.get('total', 0.0):.0f} s in all.",
        "",
    ]
