"""Base models, training jobs with an escrowed fee, and the adapters that come out of them.

A job is requested for one published Datanet version, claimed by one active worker and closed by
that worker's signed TrainingStatement, which pays the fee and registers the adapter under the hash
of its content. The chain checks who signed and what was asked; whether the adapter is good is not
known here. Format: docs/protocol/model-registry.md.
"""

from __future__ import annotations

from typing import Any

from chain.attestation import TrainingStatement, recover_signer
from chain.crypto.keccak import keccak256
from chain.errors import StemmaError
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from genesis.interfaces import DATANET_REGISTRY, MODEL_REGISTRY, WORKER_REGISTRY

from . import gas
from .dispatch import NativePrecompile, call_native, emit
from .frame import Frame, refusal
from .mapping import mapping_slot
from .storage_layout import AddressField, Bytes32Field, Record, UintField

MAX_METADATA_BYTES = 1_024
"""As for a Datanet: the text goes into an event, its hash into storage."""

MAX_ROYALTY_BP = 2_500
"""A quarter of a fee: the adapter's and the base model's owner together leave at least half."""

OPEN, CLAIMED, DONE, REFUNDED = range(1, 5)
STATUS_NAMES = ("unknown", "open", "claimed", "done", "refunded")

_BASE_MODELS = 1  # slot of mapping base model hash => BaseModel
_JOBS = 2  # slot of mapping job id => Job
_ADAPTERS = 3  # slot of mapping adapter id => Adapter

_STATEMENT_FIELDS = 9

_refuse = refusal("model_registry")


class Registry(Record):
    """The precompile's own slots, from slot 0."""

    job_count = UintField(slot=0)


class BaseModel(Record):
    """A registered base model, at its place in the mapping of slot 1."""

    owner = AddressField(slot=0)
    royalty_bp = UintField(slot=0, offset=20, size=2)
    metadata_hash = Bytes32Field(slot=1)


class Job(Record):
    """A training job, at its place in the mapping of slot 2."""

    requester = AddressField(slot=0)
    deadline = UintField(slot=0, offset=20, size=8)
    status = UintField(slot=0, offset=28, size=1)
    worker = AddressField(slot=1)
    royalty_bp = UintField(slot=1, offset=20, size=2)
    base_royalty_bp = UintField(slot=1, offset=22, size=2)
    datanet_id = UintField(slot=1, offset=24, size=8)
    snapshot_root = Bytes32Field(slot=2)
    base_model = Bytes32Field(slot=3)
    recipe_hash = Bytes32Field(slot=4)
    fee_wei = UintField(slot=5)
    input_price_wei = UintField(slot=6, size=16)
    output_price_wei = UintField(slot=6, offset=16, size=16)


class Adapter(Record):
    """A registered adapter, at its place in the mapping of slot 3."""

    owner = AddressField(slot=0)
    royalty_bp = UintField(slot=0, offset=20, size=2)
    base_royalty_bp = UintField(slot=0, offset=22, size=2)
    datanet_id = UintField(slot=0, offset=24, size=8)
    base_model = Bytes32Field(slot=1)
    snapshot_root = Bytes32Field(slot=2)
    job_id = UintField(slot=3)
    input_price_wei = UintField(slot=4, size=16)
    output_price_wei = UintField(slot=4, offset=16, size=16)


def _base_model(frame: Frame, base_model: Hash32) -> BaseModel:
    return BaseModel(frame, mapping_slot(frame, _BASE_MODELS, base_model))


def _adapter_place(frame: Frame, adapter_id: Hash32) -> Adapter:
    return Adapter(frame, mapping_slot(frame, _ADAPTERS, adapter_id))


def _job(frame: Frame, job_id: int) -> Job:
    """Find an existing job."""
    job = Job(frame, mapping_slot(frame, _JOBS, job_id))
    if job.requester == ZERO_ADDRESS:
        raise _refuse(f"no job {job_id}, there are {Registry(frame).job_count}")
    return job


def _adapter(frame: Frame, adapter_id: Hash32) -> Adapter:
    """Find an existing adapter."""
    adapter = _adapter_place(frame, adapter_id)
    if adapter.owner == ZERO_ADDRESS:
        raise _refuse(f"no adapter 0x{adapter_id.hex()}")
    return adapter


def _require_royalty(royalty_bp: int) -> None:
    if royalty_bp > MAX_ROYALTY_BP:
        raise _refuse(f"royalty of {royalty_bp} basis points, at most {MAX_ROYALTY_BP}")


def _require_status(job: Job, job_id: int, expected: int) -> None:
    status = job.status
    if status != expected:
        raise _refuse(f"job {job_id} is {STATUS_NAMES[status]}, not {STATUS_NAMES[expected]}")


def _require_in_time(job: Job, job_id: int) -> None:
    deadline, now = job.deadline, job.frame.timestamp
    if now > deadline:
        raise _refuse(f"job {job_id} was due at {deadline}, now is {now}")


def register_base_model(frame: Frame, base_model: Hash32, royalty_bp: int, metadata: str) -> None:
    """Claim a base model's content hash; first come, for good.

    The royalty holds for training requested from now on, so nobody can tax adapters that exist.
    """
    size = len(metadata.encode())
    if size > MAX_METADATA_BYTES:
        raise _refuse(f"metadata of {size} bytes, at most {MAX_METADATA_BYTES}")
    if base_model == ZERO_HASH:
        raise _refuse("the hash of a base model cannot be zero")
    _require_royalty(royalty_bp)
    record = _base_model(frame, base_model)
    owner = record.owner
    if owner != ZERO_ADDRESS:
        raise _refuse(f"base model 0x{base_model.hex()} is owned by 0x{owner.hex()}")
    record.owner = frame.caller
    record.royalty_bp = royalty_bp
    frame.charge(gas.keccak(size), "hash of metadata")
    record.metadata_hash = keccak256(metadata.encode())
    emit(
        frame,
        MODEL_REGISTRY,
        "BaseModelRegistered",
        base_model,
        frame.caller,
        royalty_bp,
        metadata,
    )


def request_training(
    frame: Frame,
    datanet_id: int,
    snapshot_root: Hash32,
    base_model: Hash32,
    recipe_hash: Hash32,
    deadline: int,
    input_price_wei: int,
    output_price_wei: int,
    royalty_bp: int,
) -> tuple[int]:
    """Ask for an adapter; the value sent is the worker's fee. Job ids count from 1."""
    if deadline <= frame.timestamp:
        raise _refuse(f"deadline {deadline} is not after now, {frame.timestamp}")
    _require_royalty(royalty_bp)
    (published,) = call_native(frame, DATANET_REGISTRY, "isVersion", datanet_id, snapshot_root)
    if not published:
        raise _refuse(f"0x{snapshot_root.hex()} is no version of datanet {datanet_id}")
    registry = Registry(frame)
    job_id = registry.job_count + 1
    registry.job_count = job_id

    job = Job(frame, mapping_slot(frame, _JOBS, job_id))
    job.requester = frame.caller
    job.deadline = deadline
    job.status = OPEN
    job.royalty_bp = royalty_bp
    job.base_royalty_bp = _base_model(frame, base_model).royalty_bp
    job.datanet_id = datanet_id
    job.snapshot_root = snapshot_root
    job.base_model = base_model
    job.recipe_hash = recipe_hash
    job.fee_wei = frame.value
    job.input_price_wei = input_price_wei
    job.output_price_wei = output_price_wei
    emit(
        frame,
        MODEL_REGISTRY,
        "TrainingRequested",
        job_id,
        datanet_id,
        frame.caller,
        snapshot_root,
        base_model,
        recipe_hash,
        deadline,
        frame.value,
    )
    return (job_id,)


def claim_training(frame: Frame, job_id: int) -> None:
    """Take an open job; the caller must be an active worker."""
    job = _job(frame, job_id)
    _require_status(job, job_id, OPEN)
    _require_in_time(job, job_id)
    (active,) = call_native(frame, WORKER_REGISTRY, "isActive", frame.caller)
    if not active:
        raise _refuse(f"0x{frame.caller.hex()} is not an active worker")
    job.status = CLAIMED
    job.worker = frame.caller
    emit(frame, MODEL_REGISTRY, "TrainingClaimed", job_id, frame.caller)


def submit_training(frame: Frame, fields: tuple[Any, ...], signature: bytes) -> None:
    """Close a job with its worker's statement: pay the fee, register the adapter. Anyone sends."""
    statement = TrainingStatement(*fields)
    job_id = statement.job_id
    job = _job(frame, job_id)
    _require_status(job, job_id, CLAIMED)
    _require_in_time(job, job_id)
    _require_same_terms(job, statement)
    adapter = _adapter_place(frame, statement.adapter_id)
    if statement.adapter_id == ZERO_HASH or adapter.owner != ZERO_ADDRESS:
        raise _refuse(f"adapter id 0x{statement.adapter_id.hex()} is taken")
    worker = job.worker
    _require_signer(frame, statement, signature, worker)

    job.status = DONE
    _register_adapter(job, adapter, statement)
    emit(
        frame,
        MODEL_REGISTRY,
        "TrainingSubmitted",
        job_id,
        statement.adapter_id,
        worker,
        statement.checkpoints_root,
        statement.steps,
        statement.metrics_hash,
    )
    frame.transfer(worker, job.fee_wei)


def _require_same_terms(job: Job, statement: TrainingStatement) -> None:
    """The statement speaks of exactly what the job asked for."""
    for name in ("datanet_id", "snapshot_root", "base_model", "recipe_hash"):
        asked, stated = getattr(job, name), getattr(statement, name)
        if asked != stated:
            raise _refuse(
                f"{name} of job {statement.job_id} is {_text(asked)}, stated {_text(stated)}"
            )


def _text(value: int | bytes) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


def _require_signer(
    frame: Frame, statement: TrainingStatement, signature: bytes, worker: Address
) -> None:
    frame.charge(gas.statement_digest(_STATEMENT_FIELDS), "digest of a training statement")
    frame.charge(gas.ECRECOVER, "signer of a training statement")
    try:
        signer = recover_signer(
            statement, signature, chain_id=frame.chain_id, verifying_contract=frame.address
        )
    except StemmaError as error:
        raise _refuse(f"signature of job {statement.job_id}: {error}") from error
    if signer != worker:
        raise _refuse(
            f"job {statement.job_id} was claimed by 0x{worker.hex()}, signed by 0x{signer.hex()}"
        )


def _register_adapter(job: Job, adapter: Adapter, statement: TrainingStatement) -> None:
    frame = job.frame
    owner, royalty_bp = job.requester, job.royalty_bp
    input_price_wei, output_price_wei = job.input_price_wei, job.output_price_wei
    adapter.owner = owner
    adapter.royalty_bp = royalty_bp
    adapter.base_royalty_bp = job.base_royalty_bp
    adapter.datanet_id = statement.datanet_id
    adapter.base_model = statement.base_model
    adapter.snapshot_root = statement.snapshot_root
    adapter.job_id = statement.job_id
    adapter.input_price_wei = input_price_wei
    adapter.output_price_wei = output_price_wei
    emit(
        frame,
        MODEL_REGISTRY,
        "AdapterRegistered",
        statement.adapter_id,
        statement.job_id,
        owner,
        statement.base_model,
        input_price_wei,
        output_price_wei,
        royalty_bp,
    )


def expire_training(frame: Frame, job_id: int) -> None:
    """Give the fee of an unfinished job back to its requester after the deadline. Anyone may."""
    job = _job(frame, job_id)
    status, deadline = job.status, job.deadline
    if status not in (OPEN, CLAIMED):
        raise _refuse(f"job {job_id} is {STATUS_NAMES[status]}, not open or claimed")
    if frame.timestamp <= deadline:
        raise _refuse(f"job {job_id} runs until {deadline}, now is {frame.timestamp}")
    job.status = REFUNDED
    fee_wei = job.fee_wei
    emit(frame, MODEL_REGISTRY, "TrainingExpired", job_id, fee_wei)
    frame.transfer(job.requester, fee_wei)


def set_price(
    frame: Frame, adapter_id: Hash32, input_price_wei: int, output_price_wei: int
) -> None:
    """Change an adapter's price per token for requests opened from now on; the owner's right."""
    adapter = _adapter(frame, adapter_id)
    owner = adapter.owner
    if owner != frame.caller:
        raise _refuse(
            f"adapter 0x{adapter_id.hex()} is owned by 0x{owner.hex()},"
            f" caller is 0x{frame.caller.hex()}"
        )
    adapter.input_price_wei = input_price_wei
    adapter.output_price_wei = output_price_wei
    emit(frame, MODEL_REGISTRY, "PriceChanged", adapter_id, input_price_wei, output_price_wei)


def get_base_model(frame: Frame, base_model: Hash32) -> tuple[Address, int]:
    """Read a base model; zero owner and royalty where it is not registered."""
    record = _base_model(frame, base_model)
    return record.owner, record.royalty_bp


def get_job(
    frame: Frame, job_id: int
) -> tuple[Address, Address, int, Hash32, Hash32, Hash32, int, int, int]:
    """Read a job."""
    job = _job(frame, job_id)
    return (
        job.requester,
        job.worker,
        job.datanet_id,
        job.snapshot_root,
        job.base_model,
        job.recipe_hash,
        job.deadline,
        job.fee_wei,
        job.status,
    )


def get_adapter(
    frame: Frame, adapter_id: Hash32
) -> tuple[Address, Hash32, int, Hash32, int, int, int, int]:
    """Read an adapter."""
    adapter = _adapter(frame, adapter_id)
    return (
        adapter.owner,
        adapter.base_model,
        adapter.datanet_id,
        adapter.snapshot_root,
        adapter.job_id,
        adapter.input_price_wei,
        adapter.output_price_wei,
        adapter.royalty_bp,
    )


def get_royalties(frame: Frame, adapter_id: Hash32) -> tuple[Address, int, Address, int]:
    """Who takes how many basis points of each fee of an adapter, before the split.

    The base model's part is the one that held when the training was requested.
    """
    adapter = _adapter(frame, adapter_id)
    base_owner = _base_model(frame, adapter.base_model).owner
    return adapter.owner, adapter.royalty_bp, base_owner, adapter.base_royalty_bp


def job_count(frame: Frame) -> tuple[int]:
    """Count the jobs: their ids are 1 to this number."""
    return (Registry(frame).job_count,)


PRECOMPILE = NativePrecompile(
    MODEL_REGISTRY,
    {
        "registerBaseModel": register_base_model,
        "requestTraining": request_training,
        "claimTraining": claim_training,
        "submitTraining": submit_training,
        "expireTraining": expire_training,
        "setPrice": set_price,
        "getBaseModel": get_base_model,
        "getJob": get_job,
        "getAdapter": get_adapter,
        "getRoyalties": get_royalties,
        "jobCount": job_count,
    },
)
