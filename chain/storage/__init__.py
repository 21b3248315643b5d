"""What a node remembers: a key-value store, the layout of its keys, and the chain kept in it.

`ChainStore` is what the floors above use; `KeyValueStore` is all that a backend has to offer.
"""

from __future__ import annotations

from .chain_store import (
    ChainStore,
    StatePart,
    StoreStatistics,
    TransactionLocation,
    stored_schema,
)
from .data_directory import DATA_VERSION, DataDirectory
from .errors import (
    AlreadyLocked,
    CorruptRecord,
    SnapshotUnfinished,
    StateNotKept,
    StorageError,
    StoreClosed,
    UnknownBlock,
    UnsupportedVersion,
    WrongStateMode,
)
from .kv import KeyValueStore
from .level import LevelStore
from .memory import MemoryStore
from .pruning import Retention
from .schema import PRUNED_SCHEMA_VERSION, SCHEMA_VERSION

__all__ = [
    "DATA_VERSION",
    "PRUNED_SCHEMA_VERSION",
    "SCHEMA_VERSION",
    "AlreadyLocked",
    "ChainStore",
    "CorruptRecord",
    "DataDirectory",
    "KeyValueStore",
    "LevelStore",
    "MemoryStore",
    "Retention",
    "SnapshotUnfinished",
    "StateNotKept",
    "StatePart",
    "StorageError",
    "StoreClosed",
    "StoreStatistics",
    "TransactionLocation",
    "UnknownBlock",
    "UnsupportedVersion",
    "WrongStateMode",
    "stored_schema",
]
