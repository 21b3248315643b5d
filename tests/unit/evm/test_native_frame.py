"""The frame over py-evm keeps the protocol, and the ways around it are closed."""

from __future__ import annotations

import pytest
from conformance_frame import ALICE, FRAME_CHECKS, NATIVE_A
from machine_host import MachineHost

from chain.types import to_address
from evm.pyevm.message import FrameMessage, TransactionFacts

PROXY = to_address("0x00000000000000000000000000000000000c0de0")


@pytest.mark.parametrize("check", FRAME_CHECKS, ids=lambda check: check.__name__)
def test_frame_over_pyevm(check):
    check(MachineHost)


def _writes(frame):
    frame.sstore(1, 7)
    return b"\x01"


def _call_through(host, opcode, value=b""):
    """Run a contract that calls NATIVE_A with `opcode` and returns the success flag."""
    arguments = b"\x5f" * 4 + value  # outsize, out, insize, in, and a value where there is one
    call = b"\x73" + NATIVE_A + b"\x62\x0f\xff\xff" + bytes((opcode,))
    code = arguments + call + bytes.fromhex("5f5260205ff3")
    host.state.set_code(PROXY, code)
    host.state.begin_transaction()
    message = FrameMessage(2_000_000, PROXY, ALICE, 0, b"", code)
    frame = host._kind.apply_message(host._view, message, TransactionFacts(ALICE, 0))
    assert frame.succeeded
    return int.from_bytes(frame.output, "big"), frame


def test_call_from_a_contract_reaches_the_native():
    host = MachineHost({NATIVE_A: _writes})
    success, _ = _call_through(host, 0xF1, b"\x5f")
    assert success == 1
    assert host.storage(NATIVE_A, 1) == 7


@pytest.mark.parametrize(("opcode", "value"), [(0xF2, b"\x5f"), (0xF4, b"")])
def test_delegatecall_and_callcode_are_refused(opcode, value):
    host = MachineHost({NATIVE_A: _writes})
    success, frame = _call_through(host, opcode, value)
    assert success == 0
    assert b"DELEGATECALL and CALLCODE are refused" in frame.return_data
    assert host.storage(PROXY, 1) == 0


def test_staticcall_cannot_write():
    host = MachineHost({NATIVE_A: _writes})
    success, frame = _call_through(host, 0xFA)
    assert success == 0
    assert b"static call" in frame.return_data
    assert host.storage(NATIVE_A, 1) == 0


def test_storage_outlives_the_transaction_although_the_account_has_no_balance():
    host = MachineHost({NATIVE_A: _writes})
    host.call(NATIVE_A, caller=ALICE)
    root = host.state.compute_root()
    assert root != host.state.__class__(host.state._reader).compute_root()
    assert host.storage(NATIVE_A, 1) == 7
