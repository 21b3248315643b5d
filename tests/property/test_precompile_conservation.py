"""Any sequence of calls by anyone keeps wei conserved, and a refused call changes nothing.

A machine of six accounts calls every function of every native with arguments that are sometimes
right and sometimes not. After each call: all balances sum to what there was at the start, and each
native holds exactly what it owes.
"""

from __future__ import annotations

from typing import Any

from conformance_frame import Outcome
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from natives import (
    ANNA,
    BASE,
    BEN,
    CALLER,
    CARA,
    DATANET_REGISTRY,
    INFERENCE_ESCROW,
    MAKER,
    MODEL_REGISTRY,
    OWNER,
    PROMPT,
    PROOF_OF_ATTRIBUTION,
    RECIPE,
    WORKER,
    WORKER_REGISTRY,
    Natives,
    Person,
    ascending_shares,
    statement_values,
    word,
)

from chain.attestation import InferenceStatement, shares_proof, shares_root
from chain.types import Address, Hash32
from evm.precompiles.worker_registry import EXIT_DELAY_S, REWARD_SCALE, Registry, Worker
from genesis.addresses import PLATFORM_ACCOUNT
from genesis.interfaces import Interface
from genesis.leaves import contribution_leaf

PEOPLE = (OWNER, WORKER, CALLER, MAKER, ANNA, BEN)
people = st.sampled_from(PEOPLE)
workers = st.sampled_from((WORKER, ANNA))
bonds = st.sampled_from((0, 10**18 - 1, 10**18, 10**18 + 7, 3 * 10**18))
small_wei = st.integers(0, 10_007)
prices = st.tuples(st.integers(0, 97), st.integers(0, 101))
tokens = st.integers(0, 12)
royalties = st.sampled_from((0, 1, 333, 2_500, 2_501))
SHARE_LISTS = (
    ascending_shares(1_000_000),
    ascending_shares(333_333, 333_333, 333_334),
    ascending_shares(999_999, 1),
    ascending_shares(142_857, 142_857, 142_857, 142_857, 142_857, 142_857, 142_858),
    ascending_shares(600_000, 400_001),
    ascending_shares(600_000, 400_000, 500_000),
)
share_lists = st.sampled_from(SHARE_LISTS)
SHARE_ACCOUNTS = {account for shares in SHARE_LISTS for account, _ in shares}


class NativesMachine(RuleBasedStateMachine):
    """Accounts and natives of one world, with what was opened so far."""

    @initialize()
    def begin(self) -> None:
        self.natives = Natives()
        self.world = self.natives.host
        self.total = sum(self.world.balances.values())
        self.jobs = 0
        self.adapters: list[Hash32] = []
        self.requests: dict[Hash32, tuple[Hash32, Person, tuple[int, int]]] = {}
        self.held: dict[Hash32, list[tuple[Address, int]]] = {}
        self.root = self.natives.publish_datanet()
        self.natives.register_worker()
        job_id = self.natives.request_training(self.root, prices=(11, 13), fee=1_001)
        self.natives.send(MODEL_REGISTRY, "claimTraining", job_id, by=WORKER)
        self.natives.submit_training(self.natives.training_statement(self.root, job_id))
        self.jobs = 1
        self.adapters.append(self.natives.training_statement(self.root).adapter_id)

    def call(
        self, interface: Interface, name: str, *arguments: Any, by: Person, value: int = 0
    ) -> Outcome:
        """Call; where it is refused, compare the whole world with what it was."""
        before = dict(self.world.balances), dict(self.world.slots)
        outcome = self.natives.call(interface, name, *arguments, by=by, value=value)
        if not outcome.succeeded:
            assert outcome.reason, "refused without a reason"
            assert outcome.logs == ()
            after = dict(self.world.balances), dict(self.world.slots)
            assert after == before, "a refused call changed the world"
        return outcome

    # ------------------------------------------------------------------------------- time

    @rule(seconds=st.sampled_from((1, 2, 12, 301, 3_601, EXIT_DELAY_S)))
    def time_passes(self, seconds: int) -> None:
        self.world.timestamp += seconds
        self.world.block_number += 1

    # ------------------------------------------------------------------- datanet registry

    @rule(
        by=people, name=st.sampled_from(("approve", "reject", "revoke")), number=st.integers(0, 4)
    )
    def decide(self, by: Person, name: str, number: int) -> None:
        self.call(DATANET_REGISTRY, name, 1, number, by=by)

    @rule(by=people, rows=st.integers(0, 3), value=st.sampled_from((0, 0, 5)))
    def contribute(self, by: Person, rows: int, value: int) -> None:
        arguments = (1, word(by.name), rows, word("licence"))
        self.call(DATANET_REGISTRY, "contribute", *arguments, by=by, value=value)

    @rule(by=people, ids=st.lists(st.integers(0, 5), max_size=4))
    def publish(self, by: Person, ids: list[int]) -> None:
        self.call(DATANET_REGISTRY, "publishVersion", 1, ids, by=by)

    # -------------------------------------------------------------------- worker registry

    @rule(by=workers, bond=bonds)
    def register(self, by: Person, bond: int) -> None:
        arguments = (word("capability"), word("endpoint"))
        self.call(WORKER_REGISTRY, "register", *arguments, by=by, value=bond)

    @rule(by=workers, bond=bonds)
    def add_bond(self, by: Person, bond: int) -> None:
        self.call(WORKER_REGISTRY, "addBond", by=by, value=bond)

    @rule(by=workers, name=st.sampled_from(("requestExit", "withdrawBond")))
    def leave(self, by: Person, name: str) -> None:
        self.call(WORKER_REGISTRY, name, by=by)

    @rule(by=people, wei=small_wei)
    def deposit_rewards(self, by: Person, wei: int) -> None:
        self.call(WORKER_REGISTRY, "depositRewards", by=by, value=wei)

    @rule(by=workers)
    def claim_rewards(self, by: Person) -> None:
        self.call(WORKER_REGISTRY, "claimStakerRewards", by=by)

    # --------------------------------------------------------------------- model registry

    @rule(by=people, royalty_bp=royalties)
    def register_base_model(self, by: Person, royalty_bp: int) -> None:
        self.call(MODEL_REGISTRY, "registerBaseModel", BASE, royalty_bp, "", by=by)

    @rule(by=people, fee=small_wei, price=prices, royalty_bp=royalties, wait=st.integers(0, 2))
    def request_training(
        self, by: Person, fee: int, price: tuple[int, int], royalty_bp: int, wait: int
    ) -> None:
        self.ask_training(by, fee, price, royalty_bp, self.world.timestamp + 1_800 * wait)

    def ask_training(
        self, by: Person, fee: int, price: tuple[int, int], royalty_bp: int, deadline: int
    ) -> None:
        arguments = (1, self.root, BASE, RECIPE, deadline, *price, royalty_bp)
        outcome = self.call(MODEL_REGISTRY, "requestTraining", *arguments, by=by, value=fee)
        self.jobs += outcome.succeeded

    @rule(by=workers, data=st.data())
    def claim_training(self, by: Person, data: st.DataObject) -> None:
        job_id = data.draw(st.integers(self.jobs - 1, self.jobs))
        self.call(MODEL_REGISTRY, "claimTraining", job_id, by=by)

    @rule(by=people, signer=workers, data=st.data())
    def submit_training(self, by: Person, signer: Person, data: st.DataObject) -> None:
        self.submit(by, signer, data.draw(st.integers(1, self.jobs)))

    def submit(self, by: Person, signer: Person, job_id: int) -> None:
        adapter = word(f"adapter of job {job_id}")
        statement = self.natives.training_statement(self.root, job_id, adapter)
        signature = self.natives.sign(statement, signer)
        arguments = (statement_values(statement), signature)
        if self.call(MODEL_REGISTRY, "submitTraining", *arguments, by=by).succeeded:
            self.adapters.append(adapter)

    @rule(by=people, data=st.data())
    def expire_training(self, by: Person, data: st.DataObject) -> None:
        job_id = data.draw(st.integers(0, self.jobs))
        self.call(MODEL_REGISTRY, "expireTraining", job_id, by=by)

    @rule(by=people, price=prices, data=st.data())
    def set_price(self, by: Person, price: tuple[int, int], data: st.DataObject) -> None:
        adapter = data.draw(st.sampled_from(self.adapters))
        self.call(MODEL_REGISTRY, "setPrice", adapter, *price, by=by)

    # ------------------------------------------------------------------ escrow, settlement

    @rule(by=people, worker=workers, limits=st.tuples(tokens, tokens), data=st.data(),
          extra=st.sampled_from((0, 0, 0, 17, -1)))  # fmt: skip
    def open_request(
        self,
        by: Person,
        worker: Person,
        limits: tuple[int, int],
        extra: int,
        data: st.DataObject,
    ) -> None:
        self.open(by, worker, data.draw(st.sampled_from(self.adapters)), limits, extra)

    def open(
        self, by: Person, worker: Person, adapter: Hash32, limits: tuple[int, int], extra: int
    ) -> Hash32 | None:
        found = self.natives.read(MODEL_REGISTRY, "getAdapter", adapter)
        needed = limits[0] * found["inputPriceWei"] + limits[1] * found["outputPriceWei"]
        arguments = (adapter, worker.address, PROMPT, *limits, self.world.timestamp + 300)
        value = max(0, needed + extra)
        outcome = self.call(INFERENCE_ESCROW, "open", *arguments, by=by, value=value)
        if not outcome.succeeded:
            return None
        identity = Hash32(outcome.output)
        self.requests[identity] = (adapter, worker, limits)
        return identity

    @rule(by=people, data=st.data())
    def refund(self, by: Person, data: st.DataObject) -> None:
        identity = data.draw(st.sampled_from([word("nothing"), *self.requests]))
        self.call(INFERENCE_ESCROW, "refund", identity, by=by)

    @rule(by=people, shares=share_lists, is_held=st.booleans(), data=st.data(),
          is_wrong=st.sampled_from((False, False, False, True)))  # fmt: skip
    def settle(
        self,
        by: Person,
        shares: list[tuple[Address, int]],
        is_held: bool,
        is_wrong: bool,
        data: st.DataObject,
    ) -> None:
        if not self.requests:
            return
        identity = data.draw(st.sampled_from(list(self.requests)))
        _, worker, limits = self.requests[identity]
        used = [data.draw(st.integers(0, limit + is_wrong)) for limit in limits]
        signer = data.draw(workers) if is_wrong else worker
        self.settle_request(by, identity, signer, used, [] if is_held else shares, shares)

    def settle_request(
        self,
        by: Person,
        identity: Hash32,
        signer: Person,
        used: list[int],
        listed: list[tuple[Address, int]],
        shares: list[tuple[Address, int]],
    ) -> None:
        adapter, _, _ = self.requests[identity]
        statement = InferenceStatement(
            identity, adapter, PROMPT, word("output"), *used, shares_root(shares), word("evidence")
        )
        arguments = self.natives.settle_arguments(statement, listed, signer=signer)
        outcome = self.call(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=by)
        if outcome.succeeded and not listed:
            self.held[identity] = shares

    @rule(by=people, data=st.data())
    def claim_share(self, by: Person, data: st.DataObject) -> None:
        if not self.held:
            return
        identity = data.draw(st.sampled_from(list(self.held)))
        shares = self.held[identity]
        index = data.draw(st.integers(0, len(shares) - 1))
        arguments = (identity, index, len(shares), *shares[index], shares_proof(shares, index))
        self.call(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=by)

    @rule(by=people, data=st.data())
    def claim_for(self, by: Person, data: st.DataObject) -> None:
        account = data.draw(st.sampled_from(sorted(self.payees())))
        self.call(PROOF_OF_ATTRIBUTION, "claimFor", account, by=by)
        self.call(PROOF_OF_ATTRIBUTION, "claim", by=by)

    # ---------------------------------------------------- whole paths, so that each is walked

    @rule(owner=people, worker=workers, fee=small_wei, price=prices, royalty_bp=royalties)
    def train(
        self, owner: Person, worker: Person, fee: int, price: tuple[int, int], royalty_bp: int
    ) -> None:
        self.ask_training(owner, fee, price, royalty_bp, self.world.timestamp + 1_800)
        self.call(MODEL_REGISTRY, "claimTraining", self.jobs, by=worker)
        self.submit(worker, worker, self.jobs)

    @rule(by=people, worker=workers, limits=st.tuples(tokens, tokens), shares=share_lists,
          is_held=st.booleans(), data=st.data())  # fmt: skip
    def answer(
        self,
        by: Person,
        worker: Person,
        limits: tuple[int, int],
        shares: list[tuple[Address, int]],
        is_held: bool,
        data: st.DataObject,
    ) -> None:
        adapter = data.draw(st.sampled_from(self.adapters))
        identity = self.open(by, worker, adapter, limits, extra=0)
        if identity is not None:
            used = [data.draw(st.integers(0, limit)) for limit in limits]
            sender = worker if is_held else by
            self.settle_request(sender, identity, worker, used, [] if is_held else shares, shares)

    # ------------------------------------------------------------------------- invariants

    def payees(self) -> set[Address]:
        return {PLATFORM_ACCOUNT, *SHARE_ACCOUNTS, *(person.address for person in PEOPLE)}

    @invariant()
    def no_wei_is_made_or_lost(self) -> None:
        assert sum(self.world.balances.values()) == self.total
        assert min(self.world.balances.values()) >= 0

    @invariant()
    def datanet_registry_holds_nothing(self) -> None:
        assert self.world.balance(DATANET_REGISTRY.address) == 0

    @invariant()
    def model_registry_holds_the_fees_of_unfinished_jobs(self) -> None:
        jobs = [self.natives.read(MODEL_REGISTRY, "getJob", n + 1) for n in range(self.jobs)]
        owed = sum(job["feeWei"] for job in jobs if job["status"] in (1, 2))
        assert self.world.balance(MODEL_REGISTRY.address) == owed

    @invariant()
    def escrow_holds_the_open_requests(self) -> None:
        requests = [self.natives.read(INFERENCE_ESCROW, "getRequest", r) for r in self.requests]
        owed = sum(request["maxFeeWei"] for request in requests if request["status"] == 1)
        assert self.world.balance(INFERENCE_ESCROW.address) == owed

    @invariant()
    def attribution_holds_balances_and_held_parts(self) -> None:
        read = self.natives.read
        owed = sum(read(PROOF_OF_ATTRIBUTION, "balanceOf", account) for account in self.payees())
        owed += sum(read(PROOF_OF_ATTRIBUTION, "heldOf", r)["heldWei"] for r in self.held)
        assert self.world.balance(PROOF_OF_ATTRIBUTION.address) == owed

    @invariant()
    def worker_registry_holds_bonds_and_rewards_to_the_last_fraction(self) -> None:
        registry, workers_owed, bonds_held = self.read_worker_registry()
        held_scaled = self.world.balance(WORKER_REGISTRY.address) * REWARD_SCALE
        assert held_scaled == (
            bonds_held * REWARD_SCALE + workers_owed + registry["reward_remainder"]
        )

    def read_worker_registry(self) -> tuple[dict[str, int], int, int]:
        """Raw slots of the registry: its own, the scaled rewards owed, the sum of all bonds."""
        found: dict[str, int] = {}
        sums = [0, 0]

        def look(frame: Any) -> bytes:
            from evm.precompiles.worker_registry import _owed_scaled, _worker

            registry = Registry(frame)
            found["reward_remainder"] = registry.reward_remainder
            for person in (WORKER, ANNA):
                worker: Worker = _worker(frame, person.address)
                sums[0] += _owed_scaled(frame, worker)
                sums[1] += worker.bond
            return b""

        natives = self.world.natives
        self.world.natives = {WORKER_REGISTRY.address: look}
        try:
            outcome = self.world.call(WORKER_REGISTRY.address, caller=CARA.address, is_static=True)
        finally:
            self.world.natives = natives
        assert outcome.succeeded
        return found, sums[0], sums[1]


NativesMachine.TestCase.settings = settings(stateful_step_count=40)
TestAnySequenceOfCallsConservesWei = NativesMachine.TestCase


def test_a_leaf_of_a_contribution_depends_on_every_field():
    fields = (1, 2, ANNA.address, word("content"), 10, word("licence"))
    other = (3, 4, BEN.address, word("other"), 11, word("other licence"))
    leaves = {contribution_leaf(*fields)}
    for position in range(len(fields)):
        changed = list(fields)
        changed[position] = other[position]
        leaves.add(contribution_leaf(*changed))
    assert len(leaves) == 1 + len(fields)
