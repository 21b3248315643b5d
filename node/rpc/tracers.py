"""Trace options → a tracer: geth's names and switches, and the bound on one request's record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from chain.types import Address
from chain.watched_state import WatchedState
from evm.call import BlockOverride
from evm.environment import Outcome
from evm.prestate import PrestateTracer
from evm.tracing import (
    Allowance,
    CallTracer,
    FourByteTracer,
    Listener,
    StructLogger,
    Tracer,
)

from . import parameters
from .calls import block_override
from .errors import InvalidParameter
from .parameters import AccountOverride


class ReportingTracer(Tracer, Protocol):
    """A tracer that has an answer when the run is over."""

    def result(self, outcome: Outcome, gas_used: int) -> dict[str, Any]:
        """The JSON object of the trace."""


@dataclass(frozen=True, slots=True)
class TraceSubject:
    """What a tracer may look at besides what it hears."""

    state: WatchedState
    beneficiary: Address
    log_count: int = 0
    """Logs of the block before the transaction."""


class NoopTracer(Listener):
    """Records nothing: what a run costs by itself."""

    def result(self, outcome: Outcome, gas_used: int) -> dict[str, Any]:
        """An empty object."""
        return {}


_Make = Callable[[Mapping[str, Any], TraceSubject, Allowance], ReportingTracer]


def _call_tracer(
    settings: Mapping[str, Any], subject: TraceSubject, allowance: Allowance
) -> ReportingTracer:
    return CallTracer(
        only_top_call=bool(settings.get("onlyTopCall")),
        with_logs=bool(settings.get("withLog")),
        first_log_index=subject.log_count,
        allowance=allowance,
    )


def _prestate_tracer(
    settings: Mapping[str, Any], subject: TraceSubject, allowance: Allowance
) -> ReportingTracer:
    return PrestateTracer(
        subject.state,
        (subject.beneficiary,),
        diff_mode=bool(settings.get("diffMode")),
        with_code=not settings.get("disableCode"),
        with_storage=not settings.get("disableStorage"),
        include_empty=bool(settings.get("includeEmpty")),
        allowance=allowance,
    )


_TRACERS: Mapping[str, _Make] = {
    "callTracer": _call_tracer,
    "prestateTracer": _prestate_tracer,
    "4byteTracer": lambda _settings, _subject, _allowance: FourByteTracer(),
    "noopTracer": lambda _settings, _subject, _allowance: NoopTracer(),
}


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """The options object of a debug_trace method. `settings` are those of the named tracer.

    The overrides and `index`, the transaction before which a call is tried, are of traceCall.
    """

    name: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    account_overrides: dict[Address, AccountOverride] = field(default_factory=dict)
    block_override: BlockOverride = field(default_factory=BlockOverride)
    index: int | None = None

    @property
    def has_steps(self) -> bool:
        """Is it each step that is asked for, as by geth's default?"""
        return self.name is None

    def tracer(self, subject: TraceSubject, allowance: Allowance) -> ReportingTracer:
        """The tracer that these options ask for."""
        if self.name is not None:
            return _TRACERS[self.name](self.settings, subject, allowance)
        return self.struct_logger(allowance)

    def struct_logger(
        self, allowance: Allowance, emit: Callable[[dict[str, Any]], None] | None = None
    ) -> StructLogger:
        """What hears each step; with `emit` it keeps none."""
        settings = self.settings
        return StructLogger(
            with_memory=bool(settings.get("enableMemory")),
            with_stack=not settings.get("disableStack"),
            with_storage=not settings.get("disableStorage"),
            with_return_data=bool(settings.get("enableReturnData")),
            limit=parameters.number(settings.get("limit", 0)),
            allowance=allowance,
            emit=emit,
        )


def trace_options(value: object) -> TraceOptions:
    """Parse an options object. Raises InvalidParameter for a tracer that is not known."""
    fields = parameters.json_object(value)
    name = fields.get("tracer") or None
    if name is not None and (not isinstance(name, str) or name not in _TRACERS):
        known = ", ".join(_TRACERS)
        raise InvalidParameter(f"tracer {str(name)[:80]!r} is not known; known: {known}, or none")
    settings: Mapping[str, object] = fields
    if name is not None:
        settings = parameters.json_object(fields.get("tracerConfig") or {})
    else:
        parameters.number(fields.get("limit", 0))
    index = fields.get("txIndex")
    return TraceOptions(
        name=name,
        settings=settings,
        account_overrides=parameters.state_overrides(fields.get("stateOverrides") or {}),
        block_override=block_override(fields.get("blockOverrides") or {}),
        index=None if index is None else parameters.number(index),
    )
