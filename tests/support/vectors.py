"""Where the field's test vectors lie: the folder in STEMMA_VECTORS, else ../shared/vectors.

They are no part of the project, so a test that needs them is skipped, with the reason, without.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[2]


def vectors_root() -> Path:
    """Return the folder; skip the calling test, or the module that calls while it is collected."""
    given = os.environ.get("STEMMA_VECTORS")
    root = Path(given) if given else _REPOSITORY.parent / "shared" / "vectors"
    if not root.is_dir():
        pytest.skip(f"no test vectors at {root} (set STEMMA_VECTORS)", allow_module_level=True)
    return root
