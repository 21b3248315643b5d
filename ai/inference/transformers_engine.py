"""Generation on transformers and PEFT: rows of several adapters in one batch, in one thread.

Continuous batching: an answer joins as soon as there is room and leaves when it ends; the others do
not wait for it. Float32 throughout, so that an auditor who replays an answer meets the same tokens.
Knows nothing of fees, HTTP or the chain.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from peft import PeftModel

from ai.adapters.store import StoredAdapter
from ai.models.base_model import BaseModel
from chain.errors import StemmaError

from .adapter_cache import AdapterCache, AdapterCacheFull
from .batch import Batch
from .engine import (
    Completion,
    EngineStopped,
    GenerationEvent,
    GenerationRefused,
    GenerationRequest,
    Listener,
    Usage,
)
from .fit import misfits
from .sampling import pick_token
from .text_stream import TextStream

DEFAULT_BATCH_ROWS: Final = 8
DEFAULT_ADAPTER_SLOTS: Final = 16
MAX_WAITING: Final = 256  # beyond this a caller is told to come back instead of waiting for minutes


@dataclass(slots=True, eq=False)
class _Generation:
    """One running answer; implements engine.Generation."""

    request: GenerationRequest
    listener: Listener | None
    stream: TextStream
    generator: torch.Generator
    adapter_name: str | None = None
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish_reason: str | None = None
    error: StemmaError | None = None
    cancelled: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def usage(self) -> Usage:
        return Usage(len(self.request.prompt_tokens), len(self.tokens))

    def cancel(self) -> None:
        self.cancelled = True

    def result(self, timeout_s: float | None = None) -> Completion:
        if not self.ended.wait(timeout_s):
            raise TimeoutError(f"no answer within {timeout_s} s")
        if self.error is not None or self.finish_reason is None:
            raise self.error or EngineStopped("the engine stopped before the answer was complete")
        return Completion(
            self.stream.text,
            tuple(self.tokens),
            self.finish_reason,
            self.usage,
            tuple(self.logprobs),
        )

    def emit(self, text: str) -> None:
        if self.listener is not None and (text or self.finish_reason or self.error):
            self.listener(GenerationEvent(text, self.usage, self.finish_reason, self.error))

    def end(self, reason: str | None, error: StemmaError | None = None, text: str = "") -> None:
        self.finish_reason, self.error = reason, error
        self.emit(text + (self.stream.finish() if error is None else ""))
        self.ended.set()


class TransformersEngine:
    """An InferenceEngine over one base model; see engine.py for the contract."""

    def __init__(
        self,
        base: BaseModel,
        *,
        batch_rows: int = DEFAULT_BATCH_ROWS,
        adapter_slots: int = DEFAULT_ADAPTER_SLOTS,
    ) -> None:
        self.base = base
        self._batch_rows = batch_rows
        self._model: Any = base.model
        self._adapters = AdapterCache(adapter_slots, self._load_adapter, self._unload_adapter)
        self._batch = Batch(self._model)
        self._running: list[_Generation] = []
        self._waiting: deque[_Generation] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._end_token = base.tokenizer.eos_token_id
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    @property
    def resident_adapters(self) -> tuple[str, ...]:
        """Hex ids of the adapters that are loaded now, least recently used first."""
        return self._adapters.resident

    def submit(self, request: GenerationRequest, listener: Listener | None = None) -> _Generation:
        """Start an answer. Raises GenerationRefused, EngineStopped."""
        self._check(request)
        generation = _Generation(
            request=request,
            listener=listener,
            stream=TextStream(self._decode, request.stop),
            generator=torch.Generator().manual_seed(request.seed % 2**63),
        )
        with self._changed:
            if self._closing:
                raise EngineStopped("the engine is closed")
            if len(self._waiting) >= MAX_WAITING:
                raise GenerationRefused(f"{MAX_WAITING} requests are waiting already")
            self._waiting.append(generation)
            self._changed.notify()
        return generation

    def complete(self, request: GenerationRequest) -> Completion:
        """Generate a whole answer and wait for it."""
        return self.submit(request).result()

    def close(self) -> None:
        """End all answers with EngineStopped and join the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    # ------------------------------------------------------------ checks

    def _check(self, request: GenerationRequest) -> None:
        prompt, context = len(request.prompt_tokens), self.base.context_tokens
        vocabulary = self.base.model.get_input_embeddings().num_embeddings
        if prompt == 0 or not all(0 <= token < vocabulary for token in request.prompt_tokens):
            raise GenerationRefused(f"the prompt is empty or has tokens outside 0 to {vocabulary}")
        if request.max_tokens < 1:
            raise GenerationRefused(f"max_tokens is {request.max_tokens}, expected at least 1")
        if prompt + request.max_tokens > context:
            raise GenerationRefused(
                f"this model's context is {context} tokens; the prompt has {prompt} and "
                f"max_tokens is {request.max_tokens}"
            )
        if not 0.0 <= request.temperature <= 2.0 or not 0.0 < request.top_p <= 1.0:
            raise GenerationRefused(
                f"temperature {request.temperature} is not in 0 to 2, or top_p {request.top_p} "
                "not above 0 and up to 1"
            )

    def _decode(self, tokens: Sequence[int]) -> str:
        return str(self.base.tokenizer.decode(list(tokens), skip_special_tokens=True))

    # ------------------------------------------------------------ the loop (engine thread)

    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._admit()
                self._advance()
        except Exception as error:
            self._fail_all(EngineStopped(f"the engine failed: {error}"))
            raise
        self._fail_all(EngineStopped("the engine is closed"))

    def _wait_for_work(self) -> bool:
        with self._changed:
            while not (self._closing or self._running or self._waiting):
                self._changed.wait()
            return not self._closing

    def _admit(self) -> None:
        while len(self._running) < self._batch_rows:
            with self._changed:
                if not self._waiting:
                    return
                generation = self._waiting.popleft()
            if generation.cancelled:
                generation.end("cancelled")
                continue
            try:
                self._start(generation)
            except AdapterCacheFull:
                with self._changed:
                    self._waiting.appendleft(generation)
                return
            except StemmaError as error:
                generation.end(None, error)
            except Exception as error:
                generation.end(None, EngineStopped(f"the engine failed: {error}"))
                raise

    def _start(self, generation: _Generation) -> None:
        adapter = generation.request.adapter
        if adapter is not None:
            generation.adapter_name = self._adapters.acquire(adapter)
        logits = self._batch.join(generation.request.prompt_tokens, generation.adapter_name)
        self._running.append(generation)
        self._accept(generation, logits)
        self._drop_ended()

    def _advance(self) -> None:
        for generation in self._running:
            if generation.cancelled:
                generation.end("cancelled")
        self._drop_ended()
        if not self._running:
            return
        logits = self._batch.step([generation.tokens[-1] for generation in self._running])
        for generation, row in zip(self._running, logits, strict=True):
            self._accept(generation, row)
        self._drop_ended()

    def _accept(self, generation: _Generation, logits: torch.Tensor) -> None:
        """Take the next token of one answer and end the answer where it ends."""
        request = generation.request
        token, logprob = pick_token(
            logits, request.temperature, request.top_p, generation.generator
        )
        generation.tokens.append(token)
        generation.logprobs.append(logprob)
        if token == self._end_token:
            generation.end("stop")
            return
        text = generation.stream.push(token)
        if generation.stream.stopped:
            generation.end("stop", text=text)
        elif len(generation.tokens) >= request.max_tokens:
            generation.end("length", text=text)
        else:
            generation.emit(text)

    def _drop_ended(self) -> None:
        left = [row for row, g in enumerate(self._running) if not g.ended.is_set()]
        if len(left) == len(self._running):
            return
        for generation in self._running:
            if generation.ended.is_set() and generation.adapter_name is not None:
                self._adapters.release(generation.adapter_name)
        self._running = [self._running[row] for row in left]
        self._batch.keep(left)

    def _fail_all(self, error: EngineStopped) -> None:
        with self._changed:
            self._closing = True
            unfinished = [*self._running, *self._waiting]
            self._running, self._waiting = [], deque()
        for generation in unfinished:
            if not generation.ended.is_set():
                generation.end(None, error)

    # ------------------------------------------------------------ adapters

    def _load_adapter(self, name: str, adapter: StoredAdapter) -> None:
        """Load into PEFT what has been found to fit. Raises GenerationRefused."""
        problems = misfits(self.base.model, adapter)
        if problems:
            raise GenerationRefused(
                f"adapter 0x{name} does not fit this model: {len(problems)} tensors differ, "
                f"first {problems[0]}"
            )
        if isinstance(self._model, PeftModel):
            self._model.load_adapter(adapter.path, adapter_name=name, low_cpu_mem_usage=True)
            return
        self._model = PeftModel.from_pretrained(
            self.base.model, adapter.path, adapter_name=name, is_trainable=False
        )
        self._batch.use_model(self._model)

    def _unload_adapter(self, name: str) -> None:
        if self._model.active_adapter == name:  # PEFT would choose another one itself, and warn
            self._model.set_adapter(next(n for n in self._adapters.resident if n != name))
        self._model.delete_adapter(name)
