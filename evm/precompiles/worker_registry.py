"""Workers: who may train and serve, the bond behind each, and the rewards that bonds earn.

A bond earns from the moment of registration until its exit is requested, and stays locked until
the exit delay has passed. Rewards are divided by an accumulator of reward per bonded wei: a deposit
costs the same whatever the number of workers, and no fraction of a wei is lost (see `_accrue`).
It knows nothing of jobs. Format: docs/protocol/worker-registry.md.
"""

from __future__ import annotations

from chain.types import ZERO_HASH, Address, Hash32
from genesis.interfaces import WORKER_REGISTRY

from .dispatch import NativePrecompile, emit
from .frame import Frame, refusal
from .mapping import mapping_slot
from .storage_layout import Bytes32Field, Record, UintField

MIN_BOND_WEI = 10**18
"""1 ether: enough that a worker is worth more honest than anew under another key."""

EXIT_DELAY_S = 604_800
"""7 days, the challenge window of the OP Stack: a bond outlasts each statement it stands behind."""

REWARD_SCALE = 10**27
"""Fixed point of the reward per bonded wei and of the rewards owed: below a wei even for bonds of a
billion ether together, and a power of ten, so that even parts of even bonds stay even."""

NONE, ACTIVE, EXITING = range(3)
STATUS_NAMES = ("not registered", "active", "exiting")

_WORKERS = 3  # slot of mapping account => Worker

_refuse = refusal("worker_registry")


class Registry(Record):
    """The precompile's own slots, from slot 0."""

    total_bond = UintField(slot=0)
    reward_per_bond = UintField(slot=1)
    reward_remainder = UintField(slot=2)


class Worker(Record):
    """One account's bond and rewards, at its place in the mapping of slot 3."""

    bond = UintField(slot=0, size=16)
    status = UintField(slot=0, offset=16, size=1)
    exit_at = UintField(slot=0, offset=17, size=8)
    capability = Bytes32Field(slot=1)
    endpoint_key = Bytes32Field(slot=2)
    reward_per_bond_seen = UintField(slot=3)
    owed_scaled = UintField(slot=4)


def _worker(frame: Frame, account: Address) -> Worker:
    return Worker(frame, mapping_slot(frame, _WORKERS, account))


def _require_status(worker: Worker, account: Address, expected: int) -> None:
    status = worker.status
    if status != expected:
        raise _refuse(
            f"worker 0x{account.hex()} is {STATUS_NAMES[status]}, not {STATUS_NAMES[expected]}"
        )


def _owed_scaled(frame: Frame, worker: Worker) -> int:
    """Rewards owed to a worker up to now, in wei times REWARD_SCALE."""
    owed = worker.owed_scaled
    if worker.status == ACTIVE:
        owed += worker.bond * (Registry(frame).reward_per_bond - worker.reward_per_bond_seen)
    return owed


def _accrue(frame: Frame, worker: Worker) -> int:
    """Write down what the bond has earned so far, before bond or status change; return it.

    The accumulator grows by floor((deposit * SCALE + remainder) / total bond) and the rest of that
    division is carried to the next deposit. What is owed keeps its fraction below a wei too. So
    at any time: deposits - claims, in scaled wei = the sum of all that is owed + the remainder.
    """
    owed = _owed_scaled(frame, worker)
    worker.owed_scaled = owed
    worker.reward_per_bond_seen = Registry(frame).reward_per_bond
    return owed


def register(frame: Frame, capability: Hash32, endpoint_key: Hash32) -> None:
    """Become a worker with the value sent as bond."""
    worker = _worker(frame, frame.caller)
    _require_status(worker, frame.caller, NONE)
    if frame.value < MIN_BOND_WEI:
        raise _refuse(f"bond of {frame.value} wei, at least {MIN_BOND_WEI}")
    _accrue(frame, worker)
    worker.bond = frame.value
    worker.status = ACTIVE
    worker.capability = capability
    worker.endpoint_key = endpoint_key
    registry = Registry(frame)
    registry.total_bond = registry.total_bond + frame.value
    emit(
        frame,
        WORKER_REGISTRY,
        "WorkerRegistered",
        frame.caller,
        frame.value,
        capability,
        endpoint_key,
    )


def add_bond(frame: Frame) -> None:
    """Raise the caller's bond by the value sent."""
    worker = _worker(frame, frame.caller)
    _require_status(worker, frame.caller, ACTIVE)
    if frame.value == 0:
        raise _refuse("addBond without value")
    _accrue(frame, worker)
    bond = worker.bond + frame.value
    worker.bond = bond
    registry = Registry(frame)
    registry.total_bond = registry.total_bond + frame.value
    emit(frame, WORKER_REGISTRY, "BondAdded", frame.caller, frame.value, bond)


def request_exit(frame: Frame) -> None:
    """Stop working and earning; the bond can be withdrawn after EXIT_DELAY_S."""
    worker = _worker(frame, frame.caller)
    _require_status(worker, frame.caller, ACTIVE)
    _accrue(frame, worker)
    exit_at = frame.timestamp + EXIT_DELAY_S
    worker.status = EXITING
    worker.exit_at = exit_at
    registry = Registry(frame)
    registry.total_bond = registry.total_bond - worker.bond
    emit(frame, WORKER_REGISTRY, "ExitRequested", frame.caller, exit_at)


def withdraw_bond(frame: Frame) -> tuple[int]:
    """Return the bond to an exiting worker whose delay has passed; unclaimed rewards stay."""
    worker = _worker(frame, frame.caller)
    _require_status(worker, frame.caller, EXITING)
    exit_at, bond = worker.exit_at, worker.bond
    if frame.timestamp < exit_at:
        raise _refuse(f"bond is locked until {exit_at}, now is {frame.timestamp}")
    worker.bond = 0
    worker.status = NONE
    worker.exit_at = 0
    worker.capability = ZERO_HASH
    worker.endpoint_key = ZERO_HASH
    emit(frame, WORKER_REGISTRY, "BondWithdrawn", frame.caller, bond)
    frame.transfer(frame.caller, bond)
    return (bond,)


def deposit_rewards(frame: Frame) -> None:
    """Divide the value sent among all active bonds, in proportion. Anyone may."""
    registry = Registry(frame)
    total = registry.total_bond
    if frame.value == 0:
        raise _refuse("depositRewards without value")
    if total == 0:
        raise _refuse(f"no bond to share {frame.value} wei of rewards")
    growth, remainder = divmod(frame.value * REWARD_SCALE + registry.reward_remainder, total)
    registry.reward_per_bond = registry.reward_per_bond + growth
    registry.reward_remainder = remainder
    emit(frame, WORKER_REGISTRY, "RewardsDeposited", frame.value)


def claim_staker_rewards(frame: Frame) -> tuple[int]:
    """Pay the caller's rewards, whole wei only; the fraction stays owed."""
    worker = _worker(frame, frame.caller)
    amount, fraction = divmod(_accrue(frame, worker), REWARD_SCALE)
    if amount == 0:
        raise _refuse(f"no rewards to claim for 0x{frame.caller.hex()}")
    worker.owed_scaled = fraction
    emit(frame, WORKER_REGISTRY, "RewardsClaimed", frame.caller, amount)
    frame.transfer(frame.caller, amount)
    return (amount,)


def get_worker(frame: Frame, account: Address) -> tuple[int, Hash32, Hash32, int, int]:
    """Read a worker; all zero for an account that is none."""
    worker = _worker(frame, account)
    return (
        worker.bond,
        worker.capability,
        worker.endpoint_key,
        worker.status,
        worker.exit_at,
    )


def is_active(frame: Frame, account: Address) -> tuple[bool]:
    """Say whether an account may claim jobs and be chosen for requests."""
    return (_worker(frame, account).status == ACTIVE,)


def total_bond(frame: Frame) -> tuple[int]:
    """Sum of the bonds that earn rewards: those of active workers, in wei."""
    return (Registry(frame).total_bond,)


def pending_rewards(frame: Frame, account: Address) -> tuple[int]:
    """Rewards that a claim would pay now, in wei."""
    return (_owed_scaled(frame, _worker(frame, account)) // REWARD_SCALE,)


PRECOMPILE = NativePrecompile(
    WORKER_REGISTRY,
    {
        "register": register,
        "addBond": add_bond,
        "requestExit": request_exit,
        "withdrawBond": withdraw_bond,
        "depositRewards": deposit_rewards,
        "claimStakerRewards": claim_staker_rewards,
        "getWorker": get_worker,
        "isActive": is_active,
        "totalBond": total_bond,
        "pendingRewards": pending_rewards,
    },
)
