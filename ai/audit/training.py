"""The audit of the training that an answer's adapter came from: whose word, which rows and recipe.

What is checked is what anybody can check without training again; the checkpoints' root in the
statement is what a re-run would be compared with. Knows nothing of answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ai.adapters.manifest import check_adapter
from ai.content import parse_exact_json
from ai.datasets.store import ContentStore
from ai.training.recipe import parse_recipe
from chain.attestation import TrainingStatement, recover_signer, statement_values
from chain.types import Hash32
from genesis.interfaces import MODEL_REGISTRY

from .record import ChainRecord, CheckFailed, same


def training_steps(
    record: ChainRecord, contents: ContentStore, adapter_files: Mapping[str, bytes] | None
) -> Sequence[tuple[str, Callable[[], str]]]:
    """Name and check, in order; the adapter's files are checked where they are given."""
    auditor = _TrainingAuditor(record, contents)
    steps = [
        ("the adapter is attested by the worker that took the job", auditor.signature),
        ("it was trained on the snapshot that is paid for", auditor.snapshot),
        ("the recipe is known and was followed to its last step", auditor.recipe),
    ]
    if adapter_files is not None:
        files = adapter_files
        steps.append(("the adapter's files have its id", lambda: auditor.adapter(files)))
    return steps


class _TrainingAuditor:
    def __init__(self, record: ChainRecord, contents: ContentStore) -> None:
        self.record = record
        self.training = record.training
        self.contents = contents

    def signature(self) -> str:
        training = self.training
        statement, signature = self._statement()
        signer = recover_signer(
            statement,
            signature,
            chain_id=self.record.chain_id,
            verifying_contract=MODEL_REGISTRY.address,
        )
        same("signer", training.job["worker"], signer)
        same("worker of the event", training.submitted["worker"], signer)
        stated = (
            training.job_id,
            *(training.job[name] for name in _JOB_FIELDS),
            training.submitted["checkpointsRoot"],
            self.record.settled["adapterId"],
            training.submitted["steps"],
            training.submitted["metricsHash"],
        )
        same("statement", stated, statement_values(statement))
        return f"job {training.job_id} was taken by 0x{signer.hex()}, signed by the same"

    def snapshot(self) -> str:
        adapter, job = self.record.adapter, self.training.job
        for name in ("datanetId", "snapshotRoot", "baseModel"):
            same(f"{name} of the job", adapter[name], job[name])
        same("job", adapter["jobId"], self.training.job_id)
        return (
            f"datanet {job['datanetId']}, snapshot 0x{job['snapshotRoot'].hex()} "
            "in the job and for the adapter"
        )

    def recipe(self) -> str:
        recipe_hash = Hash32(self.training.job["recipeHash"])
        recipe = parse_recipe(self.contents.get(recipe_hash))
        same("steps", self.training.submitted["steps"], recipe.steps)
        metrics_hash = Hash32(self.training.submitted["metricsHash"])
        metrics = parse_exact_json(self.contents.get(metrics_hash), "metrics")
        entries = len(metrics) if isinstance(metrics, list) else 0
        same("entries of the metrics", recipe.steps, entries)
        return (
            f"recipe 0x{recipe_hash.hex()}: rank {recipe.rank}, {recipe.steps} steps, seed "
            f"{recipe.seed}; {entries} steps measured"
        )

    def adapter(self, files: Mapping[str, bytes]) -> str:
        manifest = check_adapter(files)
        same("adapter", self.record.settled["adapterId"], manifest.adapter_id)
        same("base model", self.record.adapter["baseModel"], manifest.base_model)
        return f"0x{manifest.adapter_id.hex()} on chain and by the files"

    def _statement(self) -> tuple[TrainingStatement, bytes]:
        function, arguments = MODEL_REGISTRY.decode_call(self.training.submit_calldata)
        if function.name != "submitTraining":
            raise CheckFailed(f"transaction {self.training.submit_tx} calls {function.name}")
        return TrainingStatement(*arguments["statement"]), arguments["signature"]


_JOB_FIELDS = ("datanetId", "snapshotRoot", "baseModel", "recipeHash")
