"""An answer made again: tokens counted, output generated, rows scored, all with the model itself.

Counting is exact everywhere. Generating is exact on like hardware, where float32 sums come out the
same. Scores are compared within a tolerance (ai/attribution/evidence.py). Knows nothing of chains.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ai.adapters.store import AdapterStore
from ai.attribution.attributor import Attributor
from ai.attribution.evidence import DEFAULT_TOLERANCE_PPM, check_scores, parse_evidence
from ai.datasets.snapshot import materialise
from ai.datasets.store import ContentStore
from ai.inference.engine import GenerationRequest
from ai.inference.transformers_engine import TransformersEngine
from ai.models.base_model import (
    BaseModel,
    base_model_id,
    chat_tokens,
    load_base_model,
    text_tokens,
    use_threads,
)
from chain.types import Hash32

from .record import ChainRecord, same

MILLI = 1000


def rerun_steps(
    record: ChainRecord, contents: ContentStore, base_directory: Path, adapters: AdapterStore
) -> Sequence[tuple[str, Callable[[], str]]]:
    """Name and check, in order; the checks of audit.py must have held before."""
    again = _Again(record, contents, base_directory, adapters)
    return [
        ("the base model here is the one that answered", again.base_model),
        ("the prompt has as many tokens as were billed", again.prompt_tokens),
        ("the model gives this output again, in as many tokens", again.output),
        ("the rows' scores come out again, within the tolerance", again.scores),
    ]


class _Again:
    def __init__(
        self,
        record: ChainRecord,
        contents: ContentStore,
        base_directory: Path,
        adapters: AdapterStore,
    ) -> None:
        self.record = record
        self.contents = contents
        self.base_directory = base_directory
        self.adapters = adapters
        self._base: BaseModel | None = None
        self._prompt: tuple[int, ...] = ()

    def base_model(self) -> str:
        same("base model", self.record.adapter["baseModel"], base_model_id(self.base_directory))
        use_threads(1)
        self._base = load_base_model(self.base_directory)
        return f"0x{self._base.base_model_id.hex()} on chain and in {self.base_directory}"

    def prompt_tokens(self) -> str:
        tokenizer, asked = self._loaded().tokenizer, self._asked()
        if "messages" in asked:
            self._prompt = tuple(chat_tokens(tokenizer, asked["messages"]))
        else:
            self._prompt = tuple(text_tokens(tokenizer, asked["prompt"]))
        same("input tokens", self.record.settled["inputTokens"], len(self._prompt))
        return f"{len(self._prompt)} billed and counted"

    def output(self) -> str:
        asked, billed = self._asked(), self.record.settled["outputTokens"]
        if billed == 0:  # the caller left before the first token
            same("output", "", self._output_text())
            return "no token billed, no text attested"
        engine = TransformersEngine(self._loaded())
        try:
            completion = engine.complete(
                GenerationRequest(
                    prompt_tokens=self._prompt,
                    max_tokens=billed,  # as many: an answer that was cut off is a prefix
                    adapter=self.adapters.stored(Hash32(self.record.settled["adapterId"])),
                    temperature=asked["temperature_milli"] / MILLI,
                    top_p=asked["top_p_milli"] / MILLI,
                    seed=asked["seed"],
                    stop=tuple(asked["stop"]),
                )
            )
        finally:
            engine.close()
        same("output tokens", billed, completion.usage.completion_tokens)
        same("output", self._output_text(), completion.text)
        return f"{billed} tokens billed and generated, the text is the same"

    def scores(self) -> str:
        settled, adapter = self.record.settled, self.record.adapter
        claimed = parse_evidence(self.contents.get(Hash32(settled["evidenceHash"])))
        root = Hash32(adapter["snapshotRoot"])
        snapshot = materialise(self.contents, adapter["datanetId"], self.record.contributions, root)
        stored = self.adapters.stored(Hash32(settled["adapterId"]))
        attributor = Attributor(self.base_directory, stored, snapshot)
        found = attributor.attribute(
            self._prompt,
            self._output_text(),
            Hash32(settled["promptHash"]),
            Hash32(settled["outputHash"]),
        )
        check_scores(claimed, found)
        return (
            f"{len(claimed.influence)} scores and {len(claimed.spans)} quotations; tolerance "
            f"{DEFAULT_TOLERANCE_PPM} ppm of the largest score"
        )

    def _loaded(self) -> BaseModel:
        if self._base is None:
            self.base_model()
        assert self._base is not None  # noqa: S101 - base_model sets it or raises
        return self._base

    def _asked(self) -> dict[str, Any]:
        data = self.contents.get(Hash32(self.record.settled["promptHash"]))
        asked: dict[str, Any] = json.loads(data)  # its form was checked by audit.py
        return asked

    def _output_text(self) -> str:
        return self.contents.get(Hash32(self.record.settled["outputHash"])).decode()
