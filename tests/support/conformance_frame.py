"""What every implementation of `evm.precompiles.frame.Frame` must do.

`FRAME_CHECKS` are functions that take a way to make a host: something that runs given natives. The
reference world of `frames.py` and the frame over py-evm both pass each of them:

    @pytest.mark.parametrize("check", FRAME_CHECKS, ids=lambda check: check.__name__)
    def test_frame(check): check(make_host)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from chain.abi import decode, encode
from chain.crypto.keccak import keccak256
from chain.receipt import Log
from chain.types import Address, to_address
from evm.precompiles.frame import MAX_NESTED_DEPTH, Frame, Native, PrecompileRevert

NATIVE_A = to_address("0x5354454d4d4100000000000000000000000000f1")
NATIVE_B = to_address("0x5354454d4d4100000000000000000000000000f2")
ALICE = to_address("0x00000000000000000000000000000000000a11ce")
BOB = to_address("0x0000000000000000000000000000000000000b0b")

ERROR_SELECTOR = bytes.fromhex("08c379a0")
TOPICS = (keccak256(b"first"), keccak256(b"second"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call; gas without the intrinsic gas of a transaction and without refunds."""

    succeeded: bool
    output: bytes
    gas_used: int
    logs: tuple[Log, ...]

    @property
    def reason(self) -> str:
        """The reason of a revert; an empty text where there is none."""
        if self.succeeded or not self.output.startswith(ERROR_SELECTOR):
            return ""
        (reason,) = decode(["string"], self.output[4:])
        return str(reason)


class FrameHost(Protocol):
    """Runs natives; each `call` is a transaction of its own, with fresh warm sets."""

    chain_id: int
    block_number: int
    timestamp: int

    def fund(self, account: Address, wei: int) -> None:
        """Add wei to an account out of nothing."""

    def balance(self, account: Address) -> int:
        """Wei of an account."""

    def storage(self, account: Address, slot: int) -> int:
        """A slot of an account."""

    def call(
        self,
        to: Address,
        *,
        caller: Address,
        calldata: bytes = b"",
        value: int = 0,
        gas: int = 10_000_000,
        is_static: bool = False,
    ) -> Outcome:
        """Call a native from an account."""


MakeHost = Callable[[Mapping[Address, Native]], FrameHost]


def _host(make_host: MakeHost, native: Native, other: Native | None = None) -> FrameHost:
    host = make_host({NATIVE_A: native, NATIVE_B: other or _nothing})
    host.fund(ALICE, 10**18)
    return host


def _nothing(frame: Frame) -> bytes:
    return b""


def _word(value: int) -> bytes:
    return encode(["uint256"], [value])


def _number(output: bytes) -> int:
    return int.from_bytes(output, "big")


def check_frame_knows_its_call(make_host: MakeHost) -> None:
    seen: list[Frame] = []
    facts: list[object] = []

    def native(frame: Frame) -> bytes:
        facts.extend((frame.address, frame.caller, frame.value, frame.calldata, frame.is_static))
        facts.extend((frame.block_number, frame.timestamp, frame.chain_id))
        seen.append(frame)
        return b"answer"

    host = _host(make_host, native)
    outcome = host.call(NATIVE_A, caller=ALICE, calldata=b"question", value=7)
    assert outcome.succeeded
    assert outcome.output == b"answer"
    assert facts == [
        NATIVE_A, ALICE, 7, b"question", False, host.block_number, host.timestamp, host.chain_id,
    ]  # fmt: skip
    assert len(seen) == 1


def check_value_is_on_the_balance_when_the_native_starts(make_host: MakeHost) -> None:
    host = _host(make_host, lambda frame: _word(frame.balance()))
    assert _number(host.call(NATIVE_A, caller=ALICE, value=5).output) == 5
    assert host.balance(NATIVE_A) == 5
    assert host.balance(ALICE) == 10**18 - 5


def check_storage_persists_between_calls(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        before = frame.sload(3)
        frame.sstore(3, before + 10)
        return _word(before)

    host = _host(make_host, native)
    assert _number(host.call(NATIVE_A, caller=ALICE).output) == 0
    assert _number(host.call(NATIVE_A, caller=ALICE).output) == 10
    assert host.storage(NATIVE_A, 3) == 20


def check_storage_belongs_to_the_native(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.sstore(1, frame.sload(1) + 1)
        return b""

    host = _host(make_host, native, native)
    host.call(NATIVE_A, caller=ALICE)
    host.call(NATIVE_A, caller=ALICE)
    host.call(NATIVE_B, caller=ALICE)
    assert (host.storage(NATIVE_A, 1), host.storage(NATIVE_B, 1)) == (2, 1)


def check_highest_slot_holds_the_highest_value(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.sstore(2**256 - 1, 2**256 - 1)
        return _word(frame.sload(2**256 - 1))

    host = _host(make_host, native)
    assert _number(host.call(NATIVE_A, caller=ALICE).output) == 2**256 - 1


def check_value_above_uint256_reverts(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.sstore(0, 2**256)
        return b""

    outcome = _host(make_host, native).call(NATIVE_A, caller=ALICE)
    assert not outcome.succeeded
    assert "uint256" in outcome.reason


def check_revert_undoes_everything_and_keeps_gas(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.sstore(0, 1)
        frame.log(TOPICS, b"gone")
        frame.transfer(BOB, 1)
        raise PrecompileRevert("test: on purpose")

    host = _host(make_host, native)
    outcome = host.call(NATIVE_A, caller=ALICE, value=5)
    assert not outcome.succeeded
    assert outcome.output == ERROR_SELECTOR + encode(["string"], ["test: on purpose"])
    assert outcome.logs == ()
    assert outcome.gas_used < 100_000
    assert host.storage(NATIVE_A, 0) == 0
    assert (host.balance(ALICE), host.balance(NATIVE_A), host.balance(BOB)) == (10**18, 0, 0)


def check_charge_is_exact(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.charge(1_234, "work")
        return b""

    host = _host(make_host, native)
    assert host.call(NATIVE_A, caller=ALICE, gas=1_234).gas_used == 1_234
    assert host.call(NATIVE_A, caller=ALICE, gas=1_234).succeeded
    assert not host.call(NATIVE_A, caller=ALICE, gas=1_233).succeeded


def check_out_of_gas_takes_all_gas_and_undoes_everything(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.sstore(0, 1)
        frame.charge(10**9, "too much")
        return b""

    host = _host(make_host, native)
    outcome = host.call(NATIVE_A, caller=ALICE, value=5, gas=50_000)
    assert not outcome.succeeded
    assert (outcome.output, outcome.gas_used) == (b"", 50_000)
    assert host.storage(NATIVE_A, 0) == 0
    assert host.balance(ALICE) == 10**18


def check_sload_costs_2100_cold_and_100_warm(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        for _ in range(frame.calldata[0]):
            frame.sload(9)
        return b""

    host = _host(make_host, native)
    assert host.call(NATIVE_A, caller=ALICE, calldata=b"\x01").gas_used == 2_100
    assert host.call(NATIVE_A, caller=ALICE, calldata=b"\x03").gas_used == 2_300


def check_sstore_costs_of_eip_2200_and_2929(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        for value in frame.calldata:
            frame.sstore(9, value)
        return b""

    host = _host(make_host, native)

    def gas_of(*values: int) -> int:
        return host.call(NATIVE_A, caller=ALICE, calldata=bytes(values)).gas_used

    assert gas_of(0) == 2_200  # no change, cold
    assert gas_of(1) == 22_100  # from zero, cold
    assert gas_of(2) == 5_000  # changed, cold
    assert gas_of(2, 3, 3) == 2_200 + 2_900 + 100
    assert gas_of(0, 4) == 5_000 + 100


def check_sstore_with_a_stipend_only_is_out_of_gas(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.sload(9)
        frame.sstore(9, 0)
        return b""

    host = _host(make_host, native)
    assert not host.call(NATIVE_A, caller=ALICE, gas=2_100 + 2_300).succeeded
    assert host.call(NATIVE_A, caller=ALICE, gas=2_100 + 2_301).succeeded


def check_log_is_of_the_native_and_costs_its_size(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.log(TOPICS, b"12345")
        return b""

    outcome = _host(make_host, native).call(NATIVE_A, caller=ALICE)
    assert outcome.logs == (Log(NATIVE_A, TOPICS, b"12345"),)
    assert outcome.gas_used == 375 + 2 * 375 + 5 * 8


def check_static_call_refuses(make_host: MakeHost, write: Native) -> None:
    host = _host(make_host, write)
    host.fund(NATIVE_A, 10)
    outcome = host.call(NATIVE_A, caller=ALICE, is_static=True)
    assert not outcome.succeeded
    assert "static" in outcome.reason
    assert outcome.logs == ()
    assert (host.storage(NATIVE_A, 0), host.balance(NATIVE_A)) == (0, 10)


def check_static_call_refuses_sstore(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.sstore(0, 1)
        return b""

    check_static_call_refuses(make_host, native)


def check_static_call_refuses_log(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.log((), b"")
        return b""

    check_static_call_refuses(make_host, native)


def check_static_call_refuses_transfer(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.transfer(BOB, 1)
        return b""

    check_static_call_refuses(make_host, native)


def check_static_call_refuses_a_write_below(make_host: MakeHost) -> None:
    def below(frame: Frame) -> bytes:
        assert frame.is_static
        frame.sstore(0, 1)
        return b""

    host = _host(make_host, lambda frame: frame.call(NATIVE_B, b""), below)
    outcome = host.call(NATIVE_A, caller=ALICE, is_static=True)
    assert not outcome.succeeded
    assert "static" in outcome.reason
    assert host.storage(NATIVE_B, 0) == 0


def check_static_call_reads(make_host: MakeHost) -> None:
    host = _host(make_host, lambda frame: _word(frame.sload(0) + frame.balance()))
    host.fund(NATIVE_A, 3)
    outcome = host.call(NATIVE_A, caller=ALICE, is_static=True)
    assert outcome.succeeded
    assert _number(outcome.output) == 3


def check_transfer_costs_what_a_call_costs(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        for amount in frame.calldata:
            frame.transfer(BOB, amount)
        return b""

    host = _host(make_host, native)
    host.fund(NATIVE_A, 100)

    def gas_of(*amounts: int) -> int:
        return host.call(NATIVE_A, caller=ALICE, calldata=bytes(amounts)).gas_used

    assert gas_of(0) == 2_600
    assert host.balance(BOB) == 0
    assert gas_of(4) == 2_600 + 9_000 + 25_000
    assert gas_of(5, 6) == 2_600 + 9_000 + 100 + 9_000
    assert (host.balance(BOB), host.balance(NATIVE_A)) == (15, 85)


def check_transfer_runs_no_code(make_host: MakeHost) -> None:
    ran: list[Frame] = []

    def native(frame: Frame) -> bytes:
        frame.transfer(NATIVE_B, 5)
        return b""

    def other(frame: Frame) -> bytes:
        ran.append(frame)
        return b""

    host = _host(make_host, native, other)
    assert host.call(NATIVE_A, caller=ALICE, value=5).succeeded
    assert host.balance(NATIVE_B) == 5
    assert ran == []


def check_transfer_beyond_the_balance_reverts(make_host: MakeHost) -> None:
    def native(frame: Frame) -> bytes:
        frame.transfer(BOB, 6)
        return b""

    host = _host(make_host, native)
    outcome = host.call(NATIVE_A, caller=ALICE, value=5)
    assert not outcome.succeeded
    assert "6" in outcome.reason
    assert "5" in outcome.reason
    assert (host.balance(BOB), host.balance(ALICE)) == (0, 10**18)


def check_nested_call_has_a_frame_of_its_own(make_host: MakeHost) -> None:
    facts: list[object] = []

    def above(frame: Frame) -> bytes:
        frame.sstore(0, 1)
        output = frame.call(NATIVE_B, b"ask", 3)
        frame.sstore(1, 1)
        return output

    def below(frame: Frame) -> bytes:
        facts.extend((frame.address, frame.caller, frame.value, frame.calldata, frame.balance()))
        frame.sstore(0, 2)
        frame.log((), b"below")
        return b"told"

    host = _host(make_host, above, below)
    outcome = host.call(NATIVE_A, caller=ALICE, value=5)
    assert outcome.succeeded
    assert outcome.output == b"told"
    assert facts == [NATIVE_B, NATIVE_A, 3, b"ask", 3]
    assert outcome.logs == (Log(NATIVE_B, (), b"below"),)
    assert (host.storage(NATIVE_A, 0), host.storage(NATIVE_A, 1)) == (1, 1)
    assert host.storage(NATIVE_B, 0) == 2
    assert (host.balance(NATIVE_A), host.balance(NATIVE_B)) == (2, 3)


def check_nested_call_costs_700_and_9000_with_value(make_host: MakeHost) -> None:
    def above(frame: Frame) -> bytes:
        return frame.call(NATIVE_B, b"", frame.value)

    def below(frame: Frame) -> bytes:
        frame.charge(11, "work below")
        return b""

    host = _host(make_host, above, below)
    assert host.call(NATIVE_A, caller=ALICE).gas_used == 711
    assert host.call(NATIVE_A, caller=ALICE, value=1).gas_used == 9_711


def check_nested_revert_ends_the_caller_with_the_inner_reason(make_host: MakeHost) -> None:
    def above(frame: Frame) -> bytes:
        frame.sstore(0, 1)
        frame.call(NATIVE_B, b"", 3)
        raise AssertionError("goes on after a nested revert")

    def below(frame: Frame) -> bytes:
        frame.sstore(0, 2)
        raise PrecompileRevert("below: no")

    host = _host(make_host, above, below)
    outcome = host.call(NATIVE_A, caller=ALICE, value=5)
    assert not outcome.succeeded
    assert outcome.reason == "below: no"
    assert outcome.gas_used < 100_000
    assert (host.storage(NATIVE_A, 0), host.storage(NATIVE_B, 0)) == (0, 0)
    assert (host.balance(ALICE), host.balance(NATIVE_B)) == (10**18, 0)


def check_nested_out_of_gas_takes_all_gas(make_host: MakeHost) -> None:
    def below(frame: Frame) -> bytes:
        frame.charge(10**9, "too much below")
        return b""

    host = _host(make_host, lambda frame: frame.call(NATIVE_B, b""), below)
    outcome = host.call(NATIVE_A, caller=ALICE, gas=50_000)
    assert not outcome.succeeded
    assert outcome.gas_used == 50_000


def check_nested_call_beyond_the_balance_reverts(make_host: MakeHost) -> None:
    host = _host(make_host, lambda frame: frame.call(NATIVE_B, b"", 6))
    outcome = host.call(NATIVE_A, caller=ALICE, value=5)
    assert not outcome.succeeded
    assert "6" in outcome.reason
    assert host.balance(NATIVE_B) == 0


def check_nested_call_of_an_account_that_is_no_native_reverts(make_host: MakeHost) -> None:
    outcome = _host(make_host, lambda frame: frame.call(BOB, b"")).call(NATIVE_A, caller=ALICE)
    assert not outcome.succeeded
    assert BOB.hex() in outcome.reason


def check_nested_calls_have_a_deepest_frame(make_host: MakeHost) -> None:
    depths: list[int] = []

    def native(frame: Frame) -> bytes:
        depths.append(len(depths))
        return frame.call(NATIVE_A, b"")

    outcome = _host(make_host, native).call(NATIVE_A, caller=ALICE)
    assert not outcome.succeeded
    assert "depth" in outcome.reason
    assert len(depths) == MAX_NESTED_DEPTH


FRAME_CHECKS: tuple[Callable[[MakeHost], None], ...] = (
    check_frame_knows_its_call,
    check_value_is_on_the_balance_when_the_native_starts,
    check_storage_persists_between_calls,
    check_storage_belongs_to_the_native,
    check_highest_slot_holds_the_highest_value,
    check_value_above_uint256_reverts,
    check_revert_undoes_everything_and_keeps_gas,
    check_charge_is_exact,
    check_out_of_gas_takes_all_gas_and_undoes_everything,
    check_sload_costs_2100_cold_and_100_warm,
    check_sstore_costs_of_eip_2200_and_2929,
    check_sstore_with_a_stipend_only_is_out_of_gas,
    check_log_is_of_the_native_and_costs_its_size,
    check_static_call_refuses_sstore,
    check_static_call_refuses_log,
    check_static_call_refuses_transfer,
    check_static_call_refuses_a_write_below,
    check_static_call_reads,
    check_transfer_costs_what_a_call_costs,
    check_transfer_runs_no_code,
    check_transfer_beyond_the_balance_reverts,
    check_nested_call_has_a_frame_of_its_own,
    check_nested_call_costs_700_and_9000_with_value,
    check_nested_revert_ends_the_caller_with_the_inner_reason,
    check_nested_out_of_gas_takes_all_gas,
    check_nested_call_beyond_the_balance_reverts,
    check_nested_call_of_an_account_that_is_no_native_reverts,
    check_nested_calls_have_a_deepest_frame,
)
