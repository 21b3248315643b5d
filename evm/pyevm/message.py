"""What a frame is told, and what all frames of one transaction share.

Plain values that instructions, precompiles and py-evm's own opcodes read. Knows no frame.
"""

from __future__ import annotations

from chain.types import Address

LogEntry = tuple[Address, tuple[int, ...], bytes]
"""Account, topics and data."""


class TransactionFacts:
    """What stays the same in every frame of one transaction, and what its frames add up.

    Logs, destroyed accounts and the refund counter are those of frames that have not failed: one
    that fails takes back what it and the frames below it have added.
    """

    __slots__ = (
        "blob_versioned_hashes",
        "created",
        "destroyed",
        "gas_price",
        "logs",
        "native_depth",
        "origin",
        "refund",
    )

    def __init__(
        self, origin: Address, gas_price: int, blob_hashes: tuple[bytes, ...] = ()
    ) -> None:
        self.origin = origin
        self.gas_price = gas_price
        self.blob_versioned_hashes = blob_hashes
        self.created: set[Address] = set()
        self.destroyed: list[Address] = []
        self.logs: list[LogEntry] = []
        self.refund = 0
        self.native_depth = 0


class FrameMessage:
    """py-evm's Message without its checks: the caller has made sure of types and ranges.

    `to` is b"" for a creation. `storage_address` is the account whose storage and balance the frame
    works on, `code_address` the one whose code runs. Gas in gas units, value in wei.
    """

    __slots__ = (
        "code",
        "code_address",
        "data",
        "depth",
        "gas",
        "is_create",
        "is_delegation",
        "is_static",
        "sender",
        "should_transfer_value",
        "storage_address",
        "to",
        "value",
    )

    def __init__(
        self,
        gas: int,
        to: bytes,
        sender: Address,
        value: int,
        data: bytes,
        code: bytes,
        depth: int = 0,
        create_address: Address | None = None,
        code_address: Address | None = None,
        should_transfer_value: bool = True,
        is_static: bool = False,
        is_delegation: bool = False,
    ) -> None:
        self.gas = gas
        self.to = to
        self.sender = sender
        self.value = value
        self.data = data
        self.code = code
        self.depth = depth
        self.is_create = create_address is not None
        self.storage_address = Address(to) if create_address is None else create_address
        self.code_address = Address(to) if code_address is None else code_address
        self.should_transfer_value = should_transfer_value
        self.is_static = is_static
        self.is_delegation = is_delegation

    @property
    def data_as_bytes(self) -> bytes:
        """The call data; py-evm asks for it under this name."""
        return self.data
