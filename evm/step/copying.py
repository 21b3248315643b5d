"""Phase COPY: one window of bytes from a data, a memory or a code into a data or a memory.

A copy reads the source as it was when the copy began, so that ranges may overlap. What comes behind
it is in its record: the frame runs on, a message is entered, a frame is left, a log is written.
"""

from __future__ import annotations

from dataclasses import replace

from .machine import Machine
from .names import NOTHING, Name
from .state import Copy, Log, Message, Outcome, Phase, Source, Then
from .structures.code import read_code_window
from .structures.words import WINDOW_BYTES, data_depth, read_window, write_window


def step_copy(m: Machine) -> None:
    """Copy as far as both the source's window and the target's reach."""
    copy = m.opener.open(m.pending, Copy)
    data = _read(m, copy)
    at, size = copy.target_offset % WINDOW_BYTES, len(data)
    depth, index = data_depth(copy.target_length), copy.target_offset // WINDOW_BYTES
    window, way = read_window(m.opener, copy.target, depth, index)
    target = write_window(window[:at] + data + window[at + size :], way, depth, index)
    if copy.left > size:
        m.pending = replace(
            copy,
            source_offset=min(copy.source_offset + size, copy.source_length),
            target=target,
            target_offset=copy.target_offset + size,
            left=copy.left - size,
        )
    else:
        _finish(m, copy, target)


def _read(m: Machine, copy: Copy) -> bytes:
    """The next bytes of the source; past its length there are zeros, and nothing is opened."""
    size = min(copy.left, WINDOW_BYTES - copy.target_offset % WINDOW_BYTES)
    if copy.source_offset >= copy.source_length:
        return bytes(size)
    index, start = divmod(copy.source_offset, WINDOW_BYTES)
    size = min(size, WINDOW_BYTES - start)
    if copy.source_kind == Source.CODE:
        window = read_code_window(m.opener, copy.source, copy.source_length, index)
    else:
        depth = data_depth(copy.source_length)
        window, _ = read_window(m.opener, copy.source, depth, index)
    return window[start : start + size].ljust(size, b"\x00")


def _finish(m: Machine, copy: Copy, target: Name) -> None:
    """Go on with what has been copied."""
    following, m.pending = copy.next, NOTHING
    if copy.then == Then.MEMORY:
        m.open_frame()
        m.memory = target
        m.phase = Phase.RUN
    elif copy.then == Then.MESSAGE:
        m.pending = replace(m.opener.open(following, Message), calldata=target)
        m.phase = Phase.ENTER
    elif copy.then == Then.OUTPUT:
        m.pending = replace(m.opener.open(following, Outcome), output=target)
        m.phase = Phase.LEAVE
    else:
        m.add_log(replace(m.opener.open(following, Log), data=target))
        m.phase = Phase.RUN
