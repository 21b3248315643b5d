"""What the demo ends with: one JSON object for scripts, one page of text for people.

The object's form is part of the interface (docs/protocol/demo-report.md). Knows nothing of how the
figures were obtained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ai.audit.record import Audit

from .conservation import Conservation
from .story import GivenAnswer, TrainedAdapter

ETHER_WEI = 10**18


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
    lines = ["", "═" * 88, "  stemma: what just happened", "═" * 88, ""]
    lines += _training_lines(report)
    for number, given in enumerate(report.answers, start=1):
        lines += _answer_lines(report, number, given)
    lines += _claim_lines(report)
    lines += _proof_lines(report)
    return "\n".join(lines)


def _name(report: DemoReport, account: str) -> str:
    return report.names.get(account, account[:10] + "…")


def _training_lines(report: DemoReport) -> list[str]:
    lines = []
    for each in report.trained:
        lines += [
            f"  Datanet {each.version.datanet_id}  {each.plan.title}",
            f"     {each.version.row_count} rows of {each.contributors} contributors, "
            f"snapshot 0x{each.version.snapshot_root.hex()[:16]}…",
            f"     adapter 0x{each.adapter_id.hex()[:16]}…  {each.steps} steps, "
            f"loss {each.loss_first:.2f} → {each.loss_last:.2f}",
            "",
        ]
    return lines


def _answer_lines(report: DemoReport, number: int, given: GivenAnswer) -> list[str]:
    receipt, audit = given.answer.receipt, report.audits[number - 1]
    lines = [
        f"  Question {number}   {given.prompt}",
        f"     {' '.join(given.answer.text.split())}",
        f"     paid {int(receipt['fee_wei'])} wei for {given.answer.usage['total_tokens']} tokens, "
        f"audit: {audit.verdict}",
    ]
    for citation in given.answer.citations[:3]:
        who = _name(report, citation["contributor"])
        lines.append(f"     [{citation['n']}] {who}: “{' '.join(citation['text'].split())[:60]}”")
    shares = sorted(receipt["shares_ppm"].items(), key=lambda item: -item[1])
    for account, ppm in shares[:4]:
        wei = receipt["payouts_wei"].get(account, 0)
        lines.append(f"     {ppm / 10_000:6.2f} %  {_name(report, account):<12} {int(wei):>18} wei")
    return [*lines, ""]


def _claim_lines(report: DemoReport) -> list[str]:
    lines = ["  Claimed"]
    for account, wei in sorted(report.claimed_wei.items(), key=lambda item: -item[1]):
        lines.append(f"     {_name(report, account):<16} {wei:>18} wei")
    return [*lines, ""]


def _proof_lines(report: DemoReport) -> list[str]:
    agree = "the same" if report.sequencer == report.verifier else "NOT THE SAME"
    held = report.conservation
    exact = "exactly" if held.holds else "WHICH DOES NOT ADD UP"
    return [
        "  Can you trust this? Nobody has to.",
        f"     A second process read only the L1 ({report.l1_client}, {report.l1_blocks} blocks)",
        f"     and derived L2 block {report.verifier.number} with {agree} hash:",
        f"       sequencer {report.sequencer.block_hash}",
        f"       verifier  {report.verifier.block_hash}",
        f"     {held.in_wei} wei in = {held.out_wei} out + {held.held_wei} held, {exact}.",
        f"     {sum(audit.verdict == 'ok' for audit in report.audits)} of {len(report.answers)} "
        "answers recomputed from chain data and content store alone.",
        f"     {sum(report.seconds.values()):.0f} s in all.",
        "",
    ]
