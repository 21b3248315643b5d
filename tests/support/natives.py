"""Speaking to the native precompiles in tests: named accounts, calls by name, a ready market.

Works on any host of `conformance_frame.FrameHost`; the default is the reference world.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from conformance_frame import FrameHost, Outcome
from frames import World

from chain.attestation import (
    InferenceStatement,
    Statement,
    TrainingStatement,
    shares_root,
    sign_statement,
    statement_values,
)
from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import address_of
from chain.types import Address, Hash32
from genesis.interfaces import (
    DATANET_REGISTRY,
    INFERENCE_ESCROW,
    MODEL_REGISTRY,
    PROOF_OF_ATTRIBUTION,
    WORKER_REGISTRY,
    DecodedEvent,
    Interface,
    decode_event,
)

ETHER = 10**18


_address_of = lru_cache(address_of)


@dataclass(frozen=True)
class Person:
    """An account with its key."""

    name: str

    @property
    def key(self) -> bytes:
        return keccak256(self.name.encode())

    @property
    def address(self) -> Address:
        return _address_of(self.key)


def word(text: str) -> Hash32:
    """Some 32 bytes that stand for content."""
    return keccak256(text.encode())


OWNER, WORKER, CALLER, MAKER = Person("owner"), Person("worker"), Person("caller"), Person("maker")
ANNA, BEN, CARA = Person("anna"), Person("ben"), Person("cara")
PEOPLE = (OWNER, WORKER, CALLER, MAKER, ANNA, BEN, CARA)

BASE = word("base model")
RECIPE = word("recipe")
ADAPTER = word("adapter")
PROMPT = word("prompt")


class Natives:
    """Calls by function name on a host, as one account or another."""

    def __init__(self, host: FrameHost | None = None) -> None:
        self.host: Any = host if host is not None else World()
        self.last = Outcome(True, b"", 0, ())
        for person in PEOPLE:
            self.host.fund(person.address, 1_000 * ETHER)

    def call(
        self, interface: Interface, name: str, *arguments: Any, by: Person, **options: Any
    ) -> Outcome:
        calldata = interface.encode_call(name, *arguments)
        self.last = self.host.call(
            interface.address, caller=by.address, calldata=calldata, **options
        )
        return self.last

    def send(
        self, interface: Interface, name: str, *arguments: Any, by: Person, **options: Any
    ) -> dict[str, Any]:
        """Call, expect success, return the results by name."""
        outcome = self.call(interface, name, *arguments, by=by, **options)
        assert outcome.succeeded, outcome.reason or "out of gas"
        return interface.decode_result(name, outcome.output)

    def refuse(
        self, interface: Interface, name: str, *arguments: Any, by: Person, **options: Any
    ) -> str:
        """Call, expect a revert, return its reason."""
        outcome = self.call(interface, name, *arguments, by=by, **options)
        assert not outcome.succeeded, f"{interface.name}.{name} succeeded"
        assert outcome.logs == ()
        return outcome.reason

    def read(self, interface: Interface, name: str, *arguments: Any) -> Any:
        """Call statically; return the one result or a dictionary of several."""
        results = self.send(interface, name, *arguments, by=OWNER, is_static=True)
        return next(iter(results.values())) if len(results) == 1 else results

    @property
    def events(self) -> list[DecodedEvent]:
        """Events of the last call."""
        found = [decode_event(log) for log in self.last.logs]
        assert None not in found
        return [event for event in found if event is not None]

    @property
    def event_names(self) -> list[str]:
        return [event.name for event in self.events]

    # ---------------------------------------------------------------- a market, step by step

    def publish_datanet(self) -> Hash32:
        """Datanet 1 of OWNER with contributions 1 and 2 of ANNA and BEN; returns its root."""
        arguments = ("notes", word("schema"), word("licence"), True)
        self.send(DATANET_REGISTRY, "createDatanet", *arguments, by=OWNER)
        for person in (ANNA, BEN):
            contribution = (1, word(person.name), 10, word("licence"))
            self.send(DATANET_REGISTRY, "contribute", *contribution, by=person)
        self.send(DATANET_REGISTRY, "publishVersion", 1, [1, 2], by=OWNER)
        root: Hash32 = self.read(DATANET_REGISTRY, "getVersion", 1, 1)["snapshotRoot"]
        return root

    def register_worker(self, person: Person = WORKER, bond: int = 2 * ETHER) -> None:
        arguments = (word("capability"), word("endpoint"))
        self.send(WORKER_REGISTRY, "register", *arguments, by=person, value=bond)

    def request_training(
        self,
        root: Hash32,
        *,
        by: Person = OWNER,
        fee: int = ETHER,
        prices: tuple[int, int] = (1_000, 3_000),
        royalty_bp: int = 500,
        base: Hash32 = BASE,
    ) -> int:
        deadline = self.host.timestamp + 3_600
        results = self.send(
            MODEL_REGISTRY, "requestTraining", 1, root, base, RECIPE, deadline, *prices, royalty_bp,
            by=by, value=fee,
        )  # fmt: skip
        job_id: int = results["jobId"]
        return job_id

    def training_statement(
        self, root: Hash32, job_id: int = 1, adapter: Hash32 = ADAPTER
    ) -> TrainingStatement:
        return TrainingStatement(
            job_id=job_id,
            datanet_id=1,
            snapshot_root=root,
            base_model=BASE,
            recipe_hash=RECIPE,
            checkpoints_root=word("checkpoints"),
            adapter_id=adapter,
            steps=40,
            metrics_hash=word("metrics"),
        )

    def sign(self, statement: Statement, person: Person = WORKER) -> bytes:
        is_training = isinstance(statement, TrainingStatement)
        verifier = MODEL_REGISTRY if is_training else PROOF_OF_ATTRIBUTION
        return sign_statement(
            statement,
            person.key,
            chain_id=self.host.chain_id,
            verifying_contract=verifier.address,
        )

    def register_adapter(self, *, royalty_bp: int = 500, adapter: Hash32 = ADAPTER) -> Hash32:
        """A Datanet, a worker and an adapter of OWNER trained by WORKER; returns the root."""
        root = self.publish_datanet()
        self.register_worker()
        job_id = self.request_training(root, royalty_bp=royalty_bp)
        self.send(MODEL_REGISTRY, "claimTraining", job_id, by=WORKER)
        statement = self.training_statement(root, job_id, adapter)
        self.submit_training(statement)
        return root

    def submit_training(self, statement: TrainingStatement) -> None:
        arguments = (statement_values(statement), self.sign(statement))
        self.send(MODEL_REGISTRY, "submitTraining", *arguments, by=WORKER)

    def open_request(self, *, by: Person = CALLER, value: int = 400_000) -> Hash32:
        """A request of up to 100 input tokens at 1000 wei and 100 output tokens at 3000 wei."""
        deadline = self.host.timestamp + 600
        arguments = (ADAPTER, WORKER.address, PROMPT, 100, 100, deadline)
        results = self.send(INFERENCE_ESCROW, "open", *arguments, by=by, value=value)
        identity: Hash32 = results["requestId"]
        return identity

    def inference_statement(
        self,
        request_id: Hash32,
        shares: list[tuple[Address, int]],
        *,
        input_tokens: int = 7,
        output_tokens: int = 33,
    ) -> InferenceStatement:
        return InferenceStatement(
            request_id=request_id,
            adapter_id=ADAPTER,
            prompt_hash=PROMPT,
            output_hash=word("output"),
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            shares_root=shares_root(shares),
            evidence_hash=word("evidence"),
        )

    def settle_arguments(
        self,
        statement: InferenceStatement,
        shares: list[tuple[Address, int]],
        *,
        signer: Person = WORKER,
    ) -> tuple[Any, ...]:
        accounts = [account for account, _ in shares]
        parts = [ppm for _, ppm in shares]
        return statement_values(statement), self.sign(statement, signer), accounts, parts


def ascending_shares(*parts: int) -> list[tuple[Address, int]]:
    """Shares of as many accounts, ascending by address."""
    accounts = sorted(Person(f"contributor {number}").address for number in range(len(parts)))
    return list(zip(accounts, parts, strict=True))


__all__ = [
    "ADAPTER", "ANNA", "BASE", "BEN", "CALLER", "CARA", "DATANET_REGISTRY", "ETHER",
    "INFERENCE_ESCROW", "MAKER", "MODEL_REGISTRY", "OWNER", "PEOPLE", "PROMPT",
    "PROOF_OF_ATTRIBUTION", "RECIPE", "WORKER", "WORKER_REGISTRY", "Natives", "Person",
    "ascending_shares", "replace", "statement_values", "word",
]  # fmt: skip
