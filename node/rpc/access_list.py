"""eth_createAccessList: which accounts and slots a call touches, heard by a tracer."""

from __future__ import annotations

from dataclasses import dataclass, field

from chain.types import Address
from evm.tracing import FrameEntry, Listener, Step

_SLOT_OPS = frozenset({"SLOAD", "SSTORE"})
_ACCOUNT_OPS = frozenset({"BALANCE", "EXTCODESIZE", "EXTCODECOPY", "EXTCODEHASH", "SELFDESTRUCT"})
_LAST_PRECOMPILE = 0x11


@dataclass
class AccessListTracer(Listener):
    """Collects addresses and slots in the order of their first use."""

    touched: dict[Address, dict[int, None]] = field(default_factory=dict)

    def enter(self, entry: FrameEntry) -> None:
        """A frame touches the account whose code it runs."""
        self.touched.setdefault(entry.to, {})

    def step(self, step: Step) -> None:
        """Storage opcodes touch a slot of the running account, some others an account."""
        if not step.stack:
            return
        if step.op in _SLOT_OPS:
            self.touched.setdefault(step.address, {})[step.stack[-1]] = None
        elif step.op in _ACCOUNT_OPS:
            account = (step.stack[-1] & (1 << 160) - 1).to_bytes(20, "big")
            self.touched.setdefault(Address(account), {})

    def entries(self, always_warm: set[Address]) -> list[tuple[Address, tuple[int, ...]]]:
        """The list, without accounts that a transaction has warm anyhow and of which no slot was
        touched.
        """
        return [
            (account, tuple(slots))
            for account, slots in self.touched.items()
            if slots
            or (account not in always_warm and int.from_bytes(account, "big") > _LAST_PRECOMPILE)
        ]
