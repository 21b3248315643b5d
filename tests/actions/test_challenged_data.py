"""A chain of which L1 has hashes: data that are served, withheld, challenged, shown and lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from actors import DEPLOYER, L2Node
from l1_script import Rule, ScriptWorld, StepKind, shows

from chain import abi
from chain.crypto.keccak import keccak256
from genesis.alt_da import AltDaConfig
from genesis.dev_accounts import dev_account
from rollup.derivation.journal import Explanation
from rollup.driver.driver import Driver
from rollup.settlement.deploy import artifact, created_address
from rollup.wire.alt_da import MAX_KECCAK_DATA_BYTES, Keccak256Commitment
from rollup.wire.frame import encode_frames

CHALLENGE_WINDOW, RESOLVE_WINDOW = 5, 4
CHALLENGER = dev_account("account1")


class HashWorld(ScriptWorld):
    """Commitments instead of data on L1; `serve` puts the data on every node's DA server."""

    def __post_init__(self):
        super().__post_init__()
        made = abi.encode(
            ["address", "uint256", "uint256", "uint256", "uint256"],
            [DEPLOYER.address, CHALLENGE_WINDOW, RESOLVE_WINDOW, 1, 0],
        )
        code = bytes.fromhex(artifact("DataAvailabilityChallenge")["bytecode"][2:])
        address = created_address(DEPLOYER.address, self.miner.nonce(DEPLOYER))
        self.miner.send_as(DEPLOYER, to=None, data=code + made)
        self.miner.mine()
        self.challenges = address
        self.config = replace(
            self.config, alt_da=AltDaConfig(address, CHALLENGE_WINDOW, RESOLVE_WINDOW)
        )
        self.served = {}
        self.nodes = []
        self.sequencer.config = self.config
        self.verifier = self.new_verifier()

    def new_verifier(self, kv=None):
        if not hasattr(self, "served"):
            return super().new_verifier()
        node = L2Node(self.config, self.spec, self.miner, kv=kv)
        self.explanation = Explanation()
        node.driver = Driver(
            self.config, node.l1.provider, node.engine, node.store, journal=self.explanation
        )
        self.nodes.append(node)
        for commitment, data in self.served.items():
            node.l1.provider.add_da_blob(commitment, data)
        return node

    def restarted(self):
        """The verifier after a restart: all that it kept is its store."""
        self.verifier = self.new_verifier(kv=self.verifier.kv)
        return self.verifier

    # -- what goes to the DA server and to L1

    def batch(self, *, first, last, name):
        """The data of a batcher transaction."""
        return encode_frames(self.frames(*self.batches(first, last), name=name))

    def commit(self, data):
        """Post the commitment in the next L1 block, which is mined; returns its number."""
        self.post_bytes(Keccak256Commitment(keccak256(data)).encode())
        self.miner.mine()
        return self.miner.head.number

    def serve(self, data):
        self.served[keccak256(data)] = data
        for node in self.nodes:
            node.l1.provider.add_da_blob(keccak256(data), data)

    def withhold(self, data):
        del self.served[keccak256(data)]
        for node in self.nodes:
            node.l1.provider._da_blobs.pop(keccak256(data), None)

    def challenge(self, number, data):
        call = abi.selector("challenge(uint256,bytes)") + abi.encode(
            ["uint256", "bytes"], [number, b"\x00" + keccak256(data)]
        )
        self.miner.send_as(CHALLENGER, to=self.challenges, data=call, value=1)

    def resolve(self, number, data, *, shown=None):
        call = abi.selector("resolve(uint256,bytes,bytes)") + abi.encode(
            ["uint256", "bytes", "bytes"],
            [number, b"\x00" + keccak256(data), data if shown is None else shown],
        )
        self.miner.send_as(CHALLENGER, to=self.challenges, data=call)

    def resolve_through_a_contract(self, number, data):
        """Creation code that makes the call: the transaction's own data are something else."""
        call = abi.selector("resolve(uint256,bytes,bytes)") + abi.encode(
            ["uint256", "bytes", "bytes"], [number, b"\x00" + keccak256(data), data]
        )
        size = len(call).to_bytes(2, "big")
        # PUSH2 size, PUSH1 start, PUSH0, CODECOPY; CALL(gas, contract, 0, 0, size, 0, 0); STOP
        code = bytes.fromhex("61") + size + bytes.fromhex("60285f39")
        code += bytes.fromhex("5f5f61") + size + bytes.fromhex("5f5f73") + self.challenges
        code += bytes.fromhex("5af100")
        code = code.ljust(0x28, b"\x00")
        self.miner.send_as(CHALLENGER, to=None, data=code + call)

    # -- deriving

    def derive_one(self, node=None, **options):
        return (node or self.verifier).derive(**options).number

    def stalls(self):
        """Derive until nothing goes on; what is missing."""
        self.verifier.l1.sync()
        for _ in range(2_000):
            step = self.verifier.driver.step()
            self.verifier.steps.append(step.kind)
            if step.kind is StepKind.WAITING:
                return step.missing
        raise AssertionError("derivation does not come to an end")


@pytest.fixture
def world(request):
    made = HashWorld()
    made.sequencer.build(6)
    yield made
    for rule in getattr(request.function, "shown_rules", ()):
        assert rule in made.rules


@shows(Rule.COMMITMENT_TAKEN)
def test_data_that_are_served_count(world):
    data = world.batch(first=1, last=6, name=1)
    world.serve(data)
    world.commit(data)
    assert world.derive_one() == 6
    assert world.verifier.safe.hash == world.sequencer.unsafe.hash


def test_data_that_are_withheld_stall_and_say_so(world):
    data = world.batch(first=1, last=6, name=1)
    number = world.commit(data)
    missing = world.stalls()
    assert missing.commitment == keccak256(data)
    assert "not challenged" in str(missing)
    world.challenge(number, data)
    world.miner.mine()
    missing = world.stalls()
    assert f"challenged in L1 block {number + 1}" in str(missing)
    world.serve(data)
    assert world.derive_one() == 6


@shows(Rule.COMMITMENT_RESOLVED)
def test_data_that_come_to_l1_in_time_count_without_any_server(world):
    data = world.batch(first=1, last=6, name=1)
    number = world.commit(data)
    world.challenge(number, data)
    world.miner.mine(RESOLVE_WINDOW)
    world.resolve(number, data)
    world.miner.mine()
    assert world.derive_one() == 6


@shows(Rule.COMMITMENT_EXPIRED)
def test_data_that_do_not_come_are_dropped_and_others_take_their_place(world):
    data = world.batch(first=1, last=6, name=1)
    number = world.commit(data)
    world.challenge(number, data)
    world.miner.mine(1 + RESOLVE_WINDOW)
    assert world.stalls().commitment == keccak256(data)
    world.miner.mine()
    assert world.derive_one() == 0
    again = world.batch(first=1, last=6, name=2)
    world.serve(again)
    world.commit(again)
    assert world.derive_one() == 6


@shows(Rule.COMMITMENT_EXPIRED)
def test_data_that_counted_and_are_lost_take_the_chain_back(world):
    first, second = (world.batch(first=n, last=n + 2, name=n) for n in (1, 4))
    for data in (first, second):
        world.serve(data)
    world.commit(first)
    number = world.commit(second)
    assert world.derive_one() == 6
    world.challenge(number, second)
    world.miner.mine(1 + RESOLVE_WINDOW)
    assert world.derive_one() == 6
    world.miner.mine()
    assert world.derive_one() == 3
    assert StepKind.RESET in world.verifier.steps[-60:]
    # Whoever comes later sees at once what others came to by going back.
    late = world.new_verifier()
    assert world.derive_one(late) == 3
    assert StepKind.RESET not in late.steps[1:]
    again = world.batch(first=4, last=6, name=9)
    world.serve(again)
    world.commit(again)
    assert (world.derive_one(), world.derive_one(late)) == (6, 6)


@pytest.mark.parametrize("served", [True, False])
@pytest.mark.parametrize("when", ["before the challenge", "while it is open", "after it is lost"])
def test_a_restart_changes_nothing(world, when, served):
    first, second = (world.batch(first=n, last=n + 2, name=n) for n in (1, 4))
    for data in (first, second):
        world.serve(data)
    world.commit(first)
    number = world.commit(second)
    assert world.derive_one() == 6
    if when == "before the challenge":
        world.restarted()
    world.challenge(number, second)
    world.miner.mine(RESOLVE_WINDOW)
    assert world.derive_one() == 6
    if not served:
        world.withhold(second)
    if when == "while it is open":
        world.restarted()
    world.miner.mine(2)
    assert world.derive_one() == 3
    if when == "after it is lost":
        world.restarted()
    assert world.derive_one() == 3
    world.miner.mine(3)
    assert world.derive_one() == 3


@pytest.mark.parametrize("restarts", [False, True])
def test_a_reorg_of_l1_brings_lost_data_back(world, restarts):
    data = world.batch(first=1, last=6, name=1)
    number = world.commit(data)
    world.challenge(number, data)
    world.miner.mine(RESOLVE_WINDOW + 2)
    assert world.derive_one() == 0
    again = world.batch(first=1, last=2, name=2)
    world.serve(again)
    world.commit(again)
    assert world.derive_one() == 2
    if restarts:
        world.restarted()
    # The challenge stands, and its loss goes: in its place the data are shown.
    depth = world.miner.head.number - (number + 1)
    world.miner.rewind(depth)
    world.resolve(number, data)
    world.miner.mine(depth + 1, salt=5)
    assert world.derive_one() == 6


def test_a_challenge_of_what_was_never_posted_means_nothing(world):
    data = world.batch(first=1, last=6, name=1)
    world.serve(data)
    number = world.commit(data)
    world.challenge(number - 1, data)
    world.challenge(number, data + b"x")
    world.miner.mine(RESOLVE_WINDOW + 3)
    assert world.derive_one() == 6


def test_a_challenge_of_what_was_never_posted_takes_nothing_back_after_a_restart(world):
    data = world.batch(first=1, last=6, name=1)
    world.serve(data)
    number = world.commit(data)
    assert world.derive_one() == 6
    world.restarted()
    assert world.derive_one() == 6
    world.verifier.steps.clear()
    world.challenge(number, data + b"x")
    world.miner.mine(RESOLVE_WINDOW + 3)
    assert world.derive_one() == 6
    assert StepKind.RESET not in world.verifier.steps


@shows(Rule.COMMITMENT_TOO_LARGE)
def test_data_that_could_not_be_shown_on_l1_are_dropped(world):
    data = world.batch(first=1, last=6, name=1)
    (frame,) = world.frames(*world.batches(1, 1), name=2)
    empty = replace(frame, data=b"", is_last=False)
    room = MAX_KECCAK_DATA_BYTES - len(data) - (len(encode_frames([empty])) - 1)
    over = data + encode_frames([replace(empty, data=bytes(room + 1))])[1:]
    assert len(over) == MAX_KECCAK_DATA_BYTES + 1
    world.serve(over)
    world.commit(over)
    assert world.derive_one() == 0
    most = data + encode_frames([replace(empty, data=bytes(room))])[1:]
    assert len(most) == MAX_KECCAK_DATA_BYTES
    world.serve(most)
    world.commit(most)
    assert world.derive_one() == 6


def test_data_that_a_contract_has_resolved_out_of_sight_are_not_lost(world):
    data = world.batch(first=1, last=6, name=1)
    world.serve(data)
    number = world.commit(data)
    assert world.derive_one() == 6
    world.challenge(number, data)
    world.miner.mine()
    world.resolve_through_a_contract(number, data)
    world.miner.mine(RESOLVE_WINDOW + 3)
    assert world.derive_one() == 6
    world.withhold(data)
    world.verifier = world.new_verifier()
    assert "resolved" in str(world.stalls())


def test_wrong_data_resolve_nothing(world):
    data = world.batch(first=1, last=6, name=1)
    number = world.commit(data)
    world.challenge(number, data)
    world.miner.mine()
    world.resolve(number, data, shown=data + b"x")
    world.miner.mine(RESOLVE_WINDOW + 1)
    assert world.derive_one() == 0


def test_finality_waits_until_nothing_can_be_lost(world):
    data = world.batch(first=1, last=6, name=1)
    world.serve(data)
    number = world.commit(data)
    settled = number + CHALLENGE_WINDOW + RESOLVE_WINDOW + 1
    world.miner.mine(settled - number)
    world.derive_one(finalized=settled - 1)
    assert world.verifier.engine.heads.finalized.number == 0
    world.derive_one(finalized=settled)
    assert world.verifier.engine.heads.finalized.number == 6


@shows(Rule.COMMITMENT)
def test_other_commitments_are_dropped(world):
    world.post_bytes(b"\x01\x01\x73" + bytes(40))
    world.post_bytes(b"\x01\x00" + bytes(31))
    world.miner.mine()
    assert world.derive_one() == 0


def test_frames_on_l1_itself_count_as_before(world):
    world.post(*world.frames(*world.batches(1, 6)))
    world.miner.mine()
    assert world.derive_one() == 6
