"""The training jobs a worker knows and how far each is: what the progress API shows.

Plain values; a page or a terminal that reconnects sees everything again. Knows nothing of how a job
is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

Status = Literal["waiting", "training", "submitting", "registered", "failed"]

MAX_JOBS: Final = 10_000
"""Older jobs are forgotten here; the chain remembers them."""


@dataclass(slots=True)
class JobProgress:
    """One job; `log` has an entry a step with the names of Hugging Face's Trainer."""

    job_id: int
    status: Status = "waiting"
    detail: str = ""
    step: int = 0
    steps: int = 0
    loss: float | None = None
    loss_first: float | None = None
    loss_last: float | None = None
    adapter: str | None = None
    checkpoints_root: str | None = None
    statement_tx: str | None = None
    error: str | None = None
    log: list[Mapping[str, float]] = field(default_factory=list)

    def on_step(self, entry: Mapping[str, float]) -> None:
        """Take one entry of the trainer's progress."""
        self.step, self.steps = int(entry["step"]), int(entry["steps"])
        self.loss = entry["loss"]
        self.log.append(dict(entry))

    def fail(self, reason: str) -> None:
        """The job will not be done by this worker."""
        self.status, self.error = "failed", reason

    def document(self) -> dict[str, Any]:
        """The job as JSON."""
        return asdict(self)


class JobBoard:
    """Progress by job id."""

    def __init__(self) -> None:
        self._jobs: dict[int, JobProgress] = {}

    def open(self, job_id: int) -> JobProgress:
        """The entry of a job, made on first sight."""
        if job_id not in self._jobs:
            while len(self._jobs) >= MAX_JOBS:
                del self._jobs[next(iter(self._jobs))]
            self._jobs[job_id] = JobProgress(job_id)
        return self._jobs[job_id]

    def find(self, job_id: int) -> JobProgress | None:
        """The entry of a job, or None if this worker never saw it."""
        return self._jobs.get(job_id)

    def all(self) -> list[JobProgress]:
        """Every known job in order of sight."""
        return list(self._jobs.values())
