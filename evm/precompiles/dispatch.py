"""From calldata to a handler and from its results to return data, the same way for each native.

A native precompile is an interface (`genesis.interfaces`) and one handler for each function:
`handler(frame, *arguments)` returns its results as a tuple, or None where there are none. What is
common stands here: the bound on calldata, the look-up of the selector, no value for functions that
are not payable, no writes in static calls, and gas for the ABI work. It knows no precompile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chain.errors import DecodeError, StemmaError
from genesis.interfaces import Interface
from genesis.solidity import Function

from . import gas
from .frame import Frame, PrecompileRevert

MAX_CALLDATA_BYTES = 64 * 1024
"""The longest honest call is publishVersion with 1024 ids: 33 KB. Twice that is room enough."""

Handler = Callable[..., Sequence[object] | None]


@dataclass(frozen=True, slots=True)
class NativePrecompile:
    """An interface and the code behind it; calling it runs one frame."""

    interface: Interface
    handlers: Mapping[str, Handler]

    def __post_init__(self) -> None:
        declared, written = set(self.interface.functions), set(self.handlers)
        if declared != written:
            raise StemmaError(
                f"{self.interface.name}: declared and written functions differ:"
                f" {sorted(declared ^ written)}"
            )

    def __call__(self, frame: Frame) -> bytes:
        """Run the function that the calldata names and return its ABI-encoded results.

        Raises PrecompileRevert with a reason, or OutOfGas.
        """
        calldata = frame.calldata
        frame.charge(gas.CALL_BASE, "dispatch")
        function = self._function(calldata)
        self._check(frame, function)
        frame.charge(gas.abi(len(calldata)), "decoding of arguments")
        arguments = self._decode(function, calldata)
        results = self.handlers[function.name](frame, *arguments) or ()
        frame.charge(gas.abi_values(results), "encoding of results")
        return self.interface.encode_result(function.name, *results)

    def _function(self, calldata: bytes) -> Function:
        function = self.interface.functions_by_selector.get(calldata[:4])
        if function is None:
            raise PrecompileRevert(
                f"{self.interface.name}: no function has selector 0x{calldata[:4].hex()}"
            )
        return function

    def _check(self, frame: Frame, function: Function) -> None:
        place = f"{self.interface.name}.{function.name}"
        if len(frame.calldata) > MAX_CALLDATA_BYTES:
            raise PrecompileRevert(
                f"{place}: {len(frame.calldata)} bytes of calldata, at most {MAX_CALLDATA_BYTES}"
            )
        if frame.value and function.mutability != "payable":
            raise PrecompileRevert(f"{place}: takes no value, {frame.value} wei sent")
        if frame.is_static and function.mutability != "view":
            raise PrecompileRevert(f"{place}: changes state, called in a static call")

    def _decode(self, function: Function, calldata: bytes) -> tuple[Any, ...]:
        try:
            return self.interface.decode_arguments(function, calldata)
        except DecodeError as error:
            raise PrecompileRevert(f"{self.interface.name}.{function.name}: {error}") from error


def call_native(
    frame: Frame, interface: Interface, name: str, *arguments: object, value: int = 0
) -> tuple[Any, ...]:
    """Call a function of another native and return its results. Pays for the ABI work here.

    Raises PrecompileRevert with the reason of the one called.
    """
    frame.charge(gas.abi_values(arguments), "encoding of a nested call")
    output = frame.call(interface.address, interface.encode_call(name, *arguments), value)
    frame.charge(gas.abi(len(output)), "decoding of a nested result")
    return tuple(interface.decode_result(name, output).values())


def emit(frame: Frame, interface: Interface, name: str, *arguments: object) -> None:
    """Write an event of the interface; the frame charges for topics and data."""
    frame.charge(gas.abi_values(arguments), "encoding of an event")
    frame.log(*interface.encode_event(name, *arguments))
