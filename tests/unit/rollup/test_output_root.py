"""Output roots."""

from __future__ import annotations

import pytest

from chain.errors import DecodeError
from rollup.wire.output_root import OutputV0, decode_output

OUTPUT = OutputV0(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)


def test_other_version_is_refused():
    with pytest.raises(DecodeError, match="unknown version"):
        decode_output(b"\x01" + OUTPUT.encode()[1:])


def test_wrong_length_is_refused():
    with pytest.raises(DecodeError, match="expected 128 bytes, got 127"):
        decode_output(OUTPUT.encode()[:-1])
