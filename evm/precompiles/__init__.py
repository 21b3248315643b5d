"""The native precompiles: which address runs which code.

The files below see only `frame.Frame`. Neither py-evm nor the step machine is known here; both take
`NATIVE_PRECOMPILES` and give each call a frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chain.types import Address

from . import (
    datanet_registry,
    inference_escrow,
    model_registry,
    proof_of_attribution,
    worker_registry,
)
from .frame import Native

NATIVE_PRECOMPILES: Mapping[Address, Native] = MappingProxyType(
    {
        room.PRECOMPILE.interface.address: room.PRECOMPILE
        for room in (
            datanet_registry,
            worker_registry,
            model_registry,
            inference_escrow,
            proof_of_attribution,
        )
    }
)
"""Every native precompile by its address."""

__all__ = ["NATIVE_PRECOMPILES"]
