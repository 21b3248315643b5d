"""From tokens to text as it streams: whole characters only, and stop texts found across tokens.

Knows nothing of models: it is given a function that decodes a list of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

_BROKEN: Final = "\ufffd"  # what decoders write for bytes that are not yet a whole character
_MAX_CHARACTER_TOKENS: Final = 4  # a UTF-8 character has at most four bytes, so at most four tokens


class TextStream:
    """Push tokens, take the text that is certain; `stopped` once a stop text has appeared."""

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: Sequence[str] = ()) -> None:
        self._decode = decode
        self._stop = tuple(text for text in stop if text)
        self._tokens: list[int] = []
        self._emitted = 0  # characters already handed out
        self.text = ""
        self.stopped = False

    def push(self, token: int) -> str:
        """Add a token; returns the text that no later token can change or take back."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        if self._cut_at_stop(text):
            return self._take(len(self.text))
        held = self._broken_tail(text)
        self.text = text[: len(text) - held]
        return self._take(len(self.text) - self._possible_stop_tail())

    def finish(self) -> str:
        """Hand out what was held back: the answer is over."""
        if not self.stopped:
            self.text = self._decode(self._tokens)
        return self._take(len(self.text))

    def _take(self, end: int) -> str:
        if end <= self._emitted:
            return ""
        piece = self.text[self._emitted : end]
        self._emitted = end
        return piece

    def _cut_at_stop(self, text: str) -> bool:
        found = [at for at in (text.find(stop) for stop in self._stop) if at >= 0]
        if found:
            self.text, self.stopped = text[: min(found)], True
        return self.stopped

    @staticmethod
    def _broken_tail(text: str) -> int:
        tail = len(text) - len(text.rstrip(_BROKEN))
        # More than a character's worth of broken bytes will not be mended by the next token.
        return tail if tail <= _MAX_CHARACTER_TOKENS else 0

    def _possible_stop_tail(self) -> int:
        """Length of the longest end of the text that a stop text may begin with."""
        longest = 0
        for stop in self._stop:
            for size in range(min(len(stop) - 1, len(self.text)), longest, -1):
                if self.text.endswith(stop[:size]):
                    longest = size
                    break
        return longest
