"""From the `model` of a request to verified files: what the chain registered, what the store holds.

The chain decides which adapters exist; the store only supplies content that hashes to the same id.
Knows the registry through one method and nothing of prices or payment.
"""

from __future__ import annotations

from typing import Protocol

from chain.errors import DecodeError, StemmaError
from chain.types import Hash32, to_hash32

from .store import AdapterStore, StoredAdapter


class UnregisteredAdapter(StemmaError):
    """The chain knows no adapter with this id."""


class WrongBaseModel(StemmaError):
    """The adapter belongs to another base model than its files or this server say."""


class AdapterRegistry(Protocol):
    """What of model_registry is needed here."""

    def base_model_of(self, adapter_id: Hash32) -> Hash32 | None:
        """The base model under which the chain registered an adapter; None if it is unknown."""


class AdapterResolver:
    """Resolves ids such as `0x` + 64 hex digits for one base model."""

    def __init__(self, store: AdapterStore, registry: AdapterRegistry, base_model: Hash32) -> None:
        self._store = store
        self._registry = registry
        self._base_model = base_model

    def resolve(self, model: str) -> StoredAdapter:
        """The adapter named by a request.

        Raises UnregisteredAdapter, UnknownAdapter (content not here yet), CorruptAdapter,
        WrongBaseModel.
        """
        try:
            adapter_id = to_hash32(model)
        except DecodeError:
            raise UnregisteredAdapter(f"model {model[:80]!r} is not an adapter id") from None
        registered = self._registry.base_model_of(adapter_id)
        if registered is None:
            raise UnregisteredAdapter(f"adapter 0x{adapter_id.hex()} is not registered on chain")
        manifest = self._store.open(adapter_id)
        for who, found in (("the chain", registered), ("its files", manifest.base_model)):
            if found != self._base_model:
                raise WrongBaseModel(
                    f"adapter 0x{adapter_id.hex()}: base model 0x{found.hex()} by {who}, "
                    f"0x{self._base_model.hex()} served here"
                )
        return self._store.stored(adapter_id)
