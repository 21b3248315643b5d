"""The rules of steps as one sentence each, and what opcodes call their operands.

For people; nothing is computed from it. docs/protocol/one-step.md has the rules in full.
"""

from __future__ import annotations

from typing import Final

from .step.block_records import SealStage, Stage
from .step.state import Phase

_RANGE: Final = ("offset", "size")
_MOVED: Final = ("to", "from", "size")
_SHORT_CALL: Final = ("gas", "account", "input at", "of size", "output at", "of size")
_LONG_CALL: Final = ("gas", "account", "value", "input at", "of size", "output at", "of size")
OPERANDS: Final[dict[str, tuple[str, ...]]] = {
    "SLOAD": ("slot",),
    "SSTORE": ("slot", "value"),
    "TLOAD": ("slot",),
    "TSTORE": ("slot", "value"),
    "MLOAD": ("offset",),
    "MSTORE": ("offset", "word"),
    "JUMP": ("target",),
    "JUMPI": ("target", "condition"),
    "KECCAK": _RANGE,
    "RETURN": _RANGE,
    "REVERT": _RANGE,
    "LOG": (*_RANGE, *["topic"] * 4),
    "CALLDATALOAD": ("offset",),
    "CALLDATACOPY": _MOVED,
    "CODECOPY": _MOVED,
    "RETURNDATACOPY": _MOVED,
    "MCOPY": _MOVED,
    "EXTCODECOPY": ("account", *_MOVED),
    "BALANCE": ("account",),
    "EXTCODESIZE": ("account",),
    "EXTCODEHASH": ("account",),
    "BLOCKHASH": ("number",),
    "CREATE": ("value", *_RANGE, "salt"),
    "CALL": _LONG_CALL,
    "CALLCODE": _LONG_CALL,
    "DELEGATECALL": _SHORT_CALL,
    "STATICCALL": _SHORT_CALL,
    "SELFDESTRUCT": ("heir",),
}
"""By the opcode's name without its number, topmost first."""
OPCODE_RULES: Final[dict[str, str]] = {
    "SSTORE": "SSTORE writes its second operand to the slot that its first one names, and to no "
    "other; it costs 2,100 gas for a slot not met before, and 100, 2,900 or 20,000 by what it held",
    "SLOAD": "SLOAD gives what the slot holds that its operand names",
    "LOG": "a log bears the address of the account that writes it, its topics and its data",
    "GAS": "GAS gives the gas that is left when it has been paid for",
    "STOP": "STOP ends its frame with success",
    "RETURN": "RETURN ends its frame with success and a piece of memory as output",
    "REVERT": "REVERT ends its frame, undoes its effects and keeps the gas that is left",
    "CALL": "CALL hands on at most 63 of 64 parts of the gas",
}
PHASE_RULES: Final[dict[Phase, str]] = {
    Phase.BLOCK_BEGIN: "the base fee moves from the parent's by its distance from the target, "
    "divided by the denominator (EIP-1559)",
    Phase.SYSTEM_CALL: "the system's contracts are called in their order; behind them come the "
    "transactions",
    Phase.TRANSACTION_BEGIN: "the block's transactions are taken up one after the other, none is "
    "left out; behind the last one the block ends",
    Phase.TRANSACTION_END: "a frame below no other ends its transaction",
    Phase.BLOCK_END: "what was touched is written into the tries, newest first",
    Phase.COPY: "the bytes are those of the source, zeros behind its end",
    Phase.HASH: "136 bytes at a time are absorbed",
    Phase.ENTER: "a frame begins with the gas and the value that it was handed; the value moves",
    Phase.PRECOMPILE: "a precompile's output, its payments and its price follow from its input "
    "and its own storage",
    Phase.LEAVE: "a frame gives its output and the gas that it has left to the one below; one "
    "that fails has no effects",
    Phase.LOAD: "what is loaded stands in the tries of the block's beginning",
    Phase.VALID: "the last state stays",
    Phase.INVALID: "the last state stays",
}
STAGE_RULES: Final[dict[Stage, str]] = {
    Stage.ACCESS_LIST: "an access list is addresses of 20 bytes, each with slots of 32",
    Stage.BLOBS: "no L2 has blobs in its transactions",
    Stage.AUTHORIZATIONS: "an authorization has six items",
    Stage.SIGNATURE: "parity, r and s end a transaction",
    Stage.SCAN: "each byte counts once in the leaf, in what is signed and among the zeros",
    Stage.COMPRESS: "FastLZ, as the price of L1 data counts bytes (Fjord)",
    Stage.PAY: "a sender pays for all its gas, its bytes on L1 (prices: L1Block) and the "
    "operator, no more and no less",
    Stage.WARM: "what an access list names is warm",
    Stage.AUTHORIZE: "who signed with the right nonce and chain delegates its code",
    Stage.START: "the message has the gas that its intrinsic price leaves",
    Stage.SETTLE: "the sender gets back what was not used; base fee, tip, L1 fee and operator "
    "fee go to their vaults",
    Stage.DESTROY: "what destroyed itself in its first transaction is gone",
    Stage.MEASURE: "a log's bloom has three bits each of its address and topics",
    Stage.WRITE: "a receipt has the status, the block's gas so far, the bloom and the logs",
}
DEPOSIT_RULE: Final = "a deposit mints what L1 has taken in, no more and no less"
SEAL_RULES: Final[dict[SealStage, str]] = {
    SealStage.JOURNAL: "what was touched is written into the tries, newest first",
    SealStage.TRANSACTIONS: "the trie of transactions holds each under its index",
    SealStage.RECEIPTS: "the trie of receipts holds each under its index; its root is what was "
    "built leaf by leaf",
    SealStage.HEADER: "a header's fields follow from the block; its hash is Keccak-256 of them",
    SealStage.OUTPUT: "the output root is Keccak-256 of version, state root, storage root of the "
    "message passer and header hash",
}
