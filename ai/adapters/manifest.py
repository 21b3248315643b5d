"""What an adapter is: two files in PEFT's format, their checks, and the hash that names them.

Everything here runs on bytes from strangers before any of it reaches a model: sizes, names, tensor
headers and configuration are bounded, pickles are refused by name and by content. Knows nothing of
where adapters are stored. Format: docs/protocol/adapter.md.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ai.content import manifest_bytes
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.types import Hash32, to_hash32

ADAPTER_FORMAT: Final = "stemma-adapter-1"
CONFIG_FILE: Final = "adapter_config.json"
WEIGHTS_FILE: Final = "adapter_model.safetensors"
ADAPTER_FILES: Final = (CONFIG_FILE, WEIGHTS_FILE)

MAX_LORA_RANK: Final = 64  # larger ranks slow every row of a mixed batch
MAX_CONFIG_BYTES: Final = 64 * 1024
MAX_WEIGHTS_BYTES: Final = 256 * 1024 * 1024
MAX_HEADER_BYTES: Final = (
    4 * 1024 * 1024
)  # safetensors' own limit is 100 MB: far more than LoRA has
MAX_TENSORS: Final = 16_384
_PICKLE_SUFFIXES: Final = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
_TENSOR_NAME: Final = re.compile(r"base_model\.model\.[A-Za-z0-9_.]+\.lora_([AB])\.weight")
_TENSOR_BYTES: Final = {"F32": 4, "F16": 2, "BF16": 2}
# Settings of LoraConfig that run code, read other files or change modules this does not check.
_REFUSED_SETTINGS: Final = (
    "auto_mapping",
    "modules_to_save",
    "layer_replication",
    "megatron_config",
    "trainable_token_indices",
    "target_parameters",
    "use_dora",
    "lora_bias",
    "alora_invocation_tokens",
)


class MalformedAdapter(DecodeError):
    """The files are not a LoRA adapter that can be loaded safely; the message names the file."""


class UnsafeWeights(MalformedAdapter):
    """Weights in a form that runs code when read (pickle)."""


@dataclass(frozen=True, slots=True)
class AdapterManifest:
    """A checked adapter: its id and what its files say about it."""

    adapter_id: Hash32
    base_model: Hash32
    rank: int
    target_modules: tuple[str, ...]
    digests: Mapping[str, str]


def adapter_id(digests: Mapping[str, str]) -> Hash32:
    """keccak256 of the canonical manifest `{"files": {name: sha256}, "format": ...}`."""
    return keccak256(manifest_bytes(ADAPTER_FORMAT, digests))


def check_adapter(files: Mapping[str, bytes]) -> AdapterManifest:
    """Check the files of an adapter and name it. Raises MalformedAdapter or UnsafeWeights."""
    _check_names(files)
    config = _check_config(files[CONFIG_FILE])
    rank = int(config["r"])
    _check_weights(files[WEIGHTS_FILE], rank)
    digests = {name: hashlib.sha256(files[name]).hexdigest() for name in ADAPTER_FILES}
    return AdapterManifest(
        adapter_id=adapter_id(digests),
        base_model=_base_model_of(config),
        rank=rank,
        target_modules=tuple(sorted(config["target_modules"])),
        digests=digests,
    )


def _check_names(files: Mapping[str, bytes]) -> None:
    for name in files:
        if name.lower().endswith(_PICKLE_SUFFIXES):
            raise UnsafeWeights(f"adapter: {name:.80} may be a pickle; only safetensors are read")
        if name not in ADAPTER_FILES:
            raise MalformedAdapter(f"adapter: unexpected file {name!r:.80}")
    for name in ADAPTER_FILES:
        if name not in files:
            raise MalformedAdapter(f"adapter: file {name} is missing")


def _check_config(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_CONFIG_BYTES:
        raise MalformedAdapter(f"{CONFIG_FILE}: {len(data)} bytes, limit {MAX_CONFIG_BYTES}")
    try:
        config = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedAdapter(f"{CONFIG_FILE}: not JSON: {error}") from None
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        raise MalformedAdapter(f"{CONFIG_FILE}: peft_type is not LORA")
    rank = config.get("r")
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= MAX_LORA_RANK:
        raise MalformedAdapter(f"{CONFIG_FILE}: rank {rank!r:.20} is not in 1 to {MAX_LORA_RANK}")
    targets = config.get("target_modules")
    is_list = isinstance(targets, list) and 1 <= len(targets) <= 64
    if not is_list or not all(isinstance(name, str) for name in targets or ()):
        raise MalformedAdapter(f"{CONFIG_FILE}: target_modules is not a list of module names")
    for name in _REFUSED_SETTINGS:
        if config.get(name):
            raise MalformedAdapter(f"{CONFIG_FILE}: setting {name} is not supported")
    for name in ("rank_pattern", "alpha_pattern"):
        if config.get(name):
            raise MalformedAdapter(f"{CONFIG_FILE}: {name} is not supported: one rank an adapter")
    return config


def _base_model_of(config: Mapping[str, Any]) -> Hash32:
    name = config.get("base_model_name_or_path")
    try:
        return to_hash32(name if isinstance(name, str) else "")
    except DecodeError:
        raise MalformedAdapter(
            f"{CONFIG_FILE}: base_model_name_or_path {name!r:.80} is not a base model's hash"
        ) from None


def _check_weights(data: bytes, rank: int) -> None:
    """Read the safetensors header: every tensor is a LoRA factor of this rank, inside the file."""
    if len(data) > MAX_WEIGHTS_BYTES:
        raise MalformedAdapter(f"{WEIGHTS_FILE}: {len(data)} bytes, limit {MAX_WEIGHTS_BYTES}")
    if data[:1] == b"\x80" or data[:2] == b"PK":
        raise UnsafeWeights(f"{WEIGHTS_FILE}: begins like a pickle, not like safetensors")
    header_bytes = int.from_bytes(data[:8], "little")
    if len(data) < 8 or header_bytes > min(MAX_HEADER_BYTES, len(data) - 8):
        raise MalformedAdapter(f"{WEIGHTS_FILE}: header of {header_bytes} bytes in {len(data)}")
    try:
        header = json.loads(data[8 : 8 + header_bytes])
    except (ValueError, RecursionError) as error:
        raise MalformedAdapter(f"{WEIGHTS_FILE}: header is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise MalformedAdapter(f"{WEIGHTS_FILE}: header is not an object")
    header.pop("__metadata__", None)
    if not 1 <= len(header) <= MAX_TENSORS:
        raise MalformedAdapter(f"{WEIGHTS_FILE}: {len(header)} tensors, limit {MAX_TENSORS}")
    for name, tensor in header.items():
        _check_tensor(name, tensor, rank, len(data) - 8 - header_bytes)


def _check_tensor(name: str, tensor: object, rank: int, payload_bytes: int) -> None:
    match = _TENSOR_NAME.fullmatch(name)
    where = f"{WEIGHTS_FILE}: tensor {name:.120}"
    if match is None:
        raise MalformedAdapter(f"{where} is not a LoRA factor")
    if not isinstance(tensor, dict):
        raise MalformedAdapter(f"{where} has no description")
    width = _TENSOR_BYTES.get(str(tensor.get("dtype")))
    if width is None:
        raise MalformedAdapter(f"{where} has type {tensor.get('dtype')!r:.20}")
    rows, columns = _pair(tensor.get("shape"), f"{where}: shape")
    start, stop = _pair(tensor.get("data_offsets"), f"{where}: offsets")
    if stop > payload_bytes or stop - start != rows * columns * width:
        raise MalformedAdapter(
            f"{where}: bytes {start} to {stop} of {payload_bytes} for {rows} x {columns}"
        )
    found = rows if match.group(1) == "A" else columns
    if found != rank:
        raise MalformedAdapter(f"{where} has rank {found}, {CONFIG_FILE} says {rank}")


def _pair(value: object, where: str) -> tuple[int, int]:
    if isinstance(value, list) and len(value) == 2:
        first, second = value
        if isinstance(first, int) and isinstance(second, int) and first >= 0 and second >= 0:
            return first, second
    raise MalformedAdapter(f"{where} {value!r:.40} is not two natural numbers")
