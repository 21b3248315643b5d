"""Adapters on disk, each in a directory named by its id, checked when stored and when opened.

The directory is what PEFT and vLLM load from. Knows nothing of the chain.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from chain.errors import Recovery, StemmaError
from chain.types import Hash32, to_hash32

from .manifest import (
    ADAPTER_FILES,
    MAX_WEIGHTS_BYTES,
    AdapterManifest,
    MalformedAdapter,
    UnsafeWeights,
    check_adapter,
)

_MAX_DIRECTORY_ENTRIES: Final = 64


class UnknownAdapter(StemmaError):
    """No adapter with this id is stored here (yet)."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class CorruptAdapter(StemmaError):
    """The files stored under an id do not have that id."""


@dataclass(frozen=True, slots=True)
class StoredAdapter:
    """An adapter as an engine needs it: its content hash (the cache key) and its checked files."""

    adapter_id: Hash32
    path: Path


class AdapterStore:
    """Adapters under `directory/0x<id>/{adapter_config.json, adapter_model.safetensors}`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def add(self, files: Mapping[str, bytes]) -> AdapterManifest:
        """Check and store an adapter; the same content again changes nothing.

        Raises MalformedAdapter, UnsafeWeights.
        """
        manifest = check_adapter(files)
        place = self._place(manifest.adapter_id)
        if place.is_dir():
            self.open(manifest.adapter_id)
            return manifest
        self.directory.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=self.directory, prefix="."))
        try:
            for name in ADAPTER_FILES:
                (temporary / name).write_bytes(files[name])
            temporary.replace(place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return manifest

    def add_directory(self, directory: Path) -> AdapterManifest:
        """Store an adapter that PEFT saved; its card (README.md) is left behind.

        Refuses links and files of other kinds, so that nothing outside `directory` is read.
        """
        return self.add(read_adapter_files(directory))

    def open(self, adapter_id: Hash32) -> AdapterManifest:
        """Check what is stored under an id. Raises UnknownAdapter, CorruptAdapter."""
        place = self._place(adapter_id)
        if not place.is_dir():
            raise UnknownAdapter(f"adapter 0x{adapter_id.hex()} is not in the store")
        try:
            manifest = check_adapter(read_adapter_files(place))
        except MalformedAdapter as error:
            raise CorruptAdapter(f"adapter 0x{adapter_id.hex()}: {error}") from None
        if manifest.adapter_id != adapter_id:
            raise CorruptAdapter(
                f"adapter 0x{adapter_id.hex()}: the stored files have id "
                f"0x{manifest.adapter_id.hex()}"
            )
        return manifest

    def path(self, adapter_id: Hash32) -> Path:
        """The checked directory of an adapter. Raises UnknownAdapter, CorruptAdapter."""
        self.open(adapter_id)
        return self._place(adapter_id)

    def stored(self, adapter_id: Hash32) -> StoredAdapter:
        """The checked adapter, ready to be loaded. Raises UnknownAdapter, CorruptAdapter."""
        return StoredAdapter(adapter_id, self.path(adapter_id))

    def files(self, adapter_id: Hash32) -> dict[str, bytes]:
        """The checked files of an adapter, for sending them on."""
        return read_adapter_files(self.path(adapter_id))

    def ids(self) -> list[Hash32]:
        """The ids of all stored adapters, ascending."""
        if not self.directory.is_dir():
            return []
        names = sorted(p.name for p in self.directory.iterdir() if p.name.startswith("0x"))
        return [to_hash32(name) for name in names]

    def _place(self, adapter_id: Hash32) -> Path:
        return self.directory / f"0x{to_hash32(bytes(adapter_id)).hex()}"


def read_adapter_files(directory: Path) -> dict[str, bytes]:
    """The adapter's files of a directory; README.md is passed over, all else is refused."""
    entries = sorted(directory.iterdir())[: _MAX_DIRECTORY_ENTRIES + 1]
    if len(entries) > _MAX_DIRECTORY_ENTRIES:
        raise MalformedAdapter(f"{directory}: more than {_MAX_DIRECTORY_ENTRIES} files")
    files: dict[str, bytes] = {}
    for path in entries:
        if path.name == "README.md":
            continue
        if path.suffix in {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}:
            raise UnsafeWeights(f"{path}: may be a pickle; only safetensors are read")
        if path.is_symlink() or not path.is_file():
            raise MalformedAdapter(f"{path}: is a link or not a plain file")
        if path.stat().st_size > MAX_WEIGHTS_BYTES:
            raise MalformedAdapter(f"{path}: larger than {MAX_WEIGHTS_BYTES} bytes")
        files[path.name] = path.read_bytes()
    return files
