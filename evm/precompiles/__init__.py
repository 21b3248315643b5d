"""The native precompiles: which address runs which code.

The files below see only `frame.Frame`. Neither py-evm nor the step machine is known here; both take
`NATIVE_PRECOMPILES` and give each call a frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chain.types import Address

from .datanet_registry import datanet_registry
from .frame import Native
from .inference_escrow import inference_escrow
from .model_registry import model_registry
from .proof_of_attribution import proof_of_attribution
from .worker_registry import worker_registry

NATIVE_PRECOMPILES: Mapping[Address, Native] = MappingProxyType(
    {
        each.interface.address: each
        for each in (
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
