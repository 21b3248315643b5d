"""What the source of a region calls by name: our own instructions and few more."""

from __future__ import annotations

from typing import Any, Final

from eth.exceptions import InvalidJumpDestination, OutOfGas

from chain.crypto.keccak import keccak256

from ..instructions import INSTRUCTIONS
from ..instructions.log import write_log
from ..instructions.storage import read_storage, write_storage
from ..instructions.system import give_up, leave, selfdestruct
from ..memory import grow
from .arithmetic import FUNCTIONS, SIGN
from .symbols import MASK

NAMESPACE: Final[dict[str, Any]] = {
    "__builtins__": {"len": len, "bytes": bytes, "pow": pow},
    "M": MASK,
    "S": SIGN,
    "C": 2**256,
    "NUL": b"\x00",
    "ZERO": bytes(32),
    "InvalidJumpDestination": InvalidJumpDestination,
    "OutOfGas": OutOfGas,
    "from_bytes": int.from_bytes,
    "give_up": give_up,
    "grow": grow,
    "instructions": INSTRUCTIONS,
    "keccak256": keccak256,
    "leave": leave,
    "read_storage": read_storage,
    "selfdestruct": selfdestruct,
    "write_log": write_log,
    "write_storage": write_storage,
    **FUNCTIONS,
}
"""Globals of every region, which also has `targets`, the jump targets of its code."""
