"""The inference engine on a tiny model: mixed batches, adapters come and go, ends of answers."""

from __future__ import annotations

import shutil
import threading

import pytest

torch = pytest.importorskip("torch", reason="the engine needs torch")

from ai.adapters.store import StoredAdapter  # noqa: E402 - after the skip
from ai.inference.adapter_cache import AdapterCache, AdapterCacheFull  # noqa: E402
from ai.inference.engine import (  # noqa: E402
    EngineStopped,
    GenerationRefused,
    GenerationRequest,
)
from ai.inference.sampling import pick_token  # noqa: E402
from ai.inference.transformers_engine import TransformersEngine  # noqa: E402
from ai.models.base_model import chat_tokens, load_base_model, text_tokens  # noqa: E402
from chain.types import Hash32  # noqa: E402


@pytest.fixture
def engine(tiny_base):
    engine = TransformersEngine(load_base_model(tiny_base), batch_rows=4, adapter_slots=2)
    yield engine
    engine.close()


def requests_of(trained, max_tokens=12) -> list[GenerationRequest]:
    tokenizer = load_base_model(trained.base_directory).tokenizer
    adapters = [None, *(trained.store.stored(result.adapter_id) for result in trained.results)]
    questions = ["What do apples do?", "What do trains do at night?", "Kites"]
    return [
        GenerationRequest(
            tuple(chat_tokens(tokenizer, [{"role": "user", "content": question}])),
            max_tokens,
            adapter,
        )
        for question in questions
        for adapter in adapters
    ]


def reference(trained, request: GenerationRequest) -> tuple[int, ...]:
    """The same answer by transformers and PEFT alone, one row, one adapter."""
    from peft import PeftModel

    model = load_base_model(trained.base_directory).model
    if request.adapter is not None:
        model = PeftModel.from_pretrained(model, request.adapter.path)
    ids = torch.tensor([request.prompt_tokens])
    output = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=request.max_tokens,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=2,
    )
    return tuple(output[0, ids.shape[1] :].tolist())


def test_a_mixed_batch_answers_as_each_adapter_alone(engine, trained) -> None:
    requests = requests_of(trained)
    running = [engine.submit(request) for request in requests]
    for request, generation in zip(requests, running, strict=True):
        assert generation.result(60).tokens == reference(trained, request)


def test_adapters_differ_from_the_base(engine, trained) -> None:
    answers = {engine.complete(request).tokens for request in requests_of(trained)[:3]}
    assert len(answers) == 3


def test_every_eviction_pattern_gives_the_same_answers(tiny_base, trained) -> None:
    requests = requests_of(trained)
    one_slot = TransformersEngine(load_base_model(tiny_base), adapter_slots=1)
    try:
        for request in [*requests, *reversed(requests)]:
            assert one_slot.complete(request).tokens == reference(trained, request)
            assert len(one_slot.resident_adapters) <= 1
    finally:
        one_slot.close()


def test_streamed_pieces_are_the_answer_and_usage_is_counted(engine, trained) -> None:
    request = requests_of(trained)[1]
    events: list = []
    completion = engine.submit(request, events.append).result(60)
    assert "".join(event.text for event in events) == completion.text
    assert [e.finish_reason for e in events].count(None) == len(events) - 1
    assert completion.usage.prompt_tokens == len(request.prompt_tokens)
    assert completion.usage.completion_tokens == len(completion.tokens) == len(completion.logprobs)
    assert events[-1].usage == completion.usage


def test_max_tokens_and_stop_texts_end_an_answer(engine, trained) -> None:
    from dataclasses import replace

    request = replace(requests_of(trained)[1], max_tokens=2)
    whole = engine.complete(request)
    assert (whole.finish_reason, len(whole.tokens)) == ("length", 2)
    longer = engine.complete(replace(request, max_tokens=12))
    word = longer.text[2:5]
    stopped = engine.complete(replace(request, max_tokens=12, stop=(word,)))
    assert stopped.finish_reason == "stop"
    assert stopped.text == longer.text[: longer.text.index(word)]


def test_sampling_follows_the_seed(engine, trained) -> None:
    from dataclasses import replace

    request = replace(requests_of(trained)[0], temperature=1.5, top_p=0.95)
    answers = [engine.complete(replace(request, seed=seed)).tokens for seed in (1, 1, 2, 3)]
    assert answers[0] == answers[1]
    assert len(set(answers)) > 1


def test_top_p_keeps_the_likeliest_token_only() -> None:
    logits = torch.tensor([0.0, 3.0, 1.0])
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        assert pick_token(logits, 1.0, 0.01, generator)[0] == 1


def test_cancelling_ends_an_answer(engine, trained) -> None:
    from dataclasses import replace

    first = threading.Event()
    request = replace(requests_of(trained)[0], max_tokens=90)
    generation = engine.submit(request, lambda _event: (first.set(), generation_holder[0].cancel()))
    generation_holder = [generation]
    first.wait(60)
    completion = generation.result(60)
    assert completion.finish_reason in {"cancelled", "stop", "length"}
    assert engine.complete(requests_of(trained)[0]).tokens  # the engine lives on


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt_tokens": ()}, "empty"),
        ({"prompt_tokens": (10**6,)}, "outside"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 10_000}, "context is 128"),
        ({"temperature": 9.0}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
    ],
)
def test_what_cannot_be_served_is_refused(engine, change, message) -> None:
    request = {"prompt_tokens": (1, 2, 3), "max_tokens": 4, **change}
    with pytest.raises(GenerationRefused, match=message):
        engine.submit(GenerationRequest(**request))


def test_an_adapter_of_another_shape_is_refused_and_the_engine_goes_on(
    engine, trained, tmp_path
) -> None:
    from tiny_model import tiny_snapshot, write_tiny_base_model

    from ai.adapters.store import AdapterStore
    from ai.training.recipe import TrainingRecipe
    from ai.training.trainer import train

    wide = load_base_model(write_tiny_base_model(tmp_path / "wide", hidden=64))
    result = train(wide, tiny_snapshot(tmp_path / "content"), TrainingRecipe(steps=1))
    store = AdapterStore(tmp_path / "adapters")
    store.add(result.files)
    for before in (None, requests_of(trained)[1]):
        if before is not None:
            engine.complete(before)
        generation = engine.submit(GenerationRequest((1, 2, 3), 4, store.stored(result.adapter_id)))
        with pytest.raises(GenerationRefused, match="does not fit"):
            generation.result(20)
    request = requests_of(trained)[1]
    assert engine.complete(request).tokens == reference(trained, request)


def test_an_adapter_that_lacks_a_tensor_is_refused(engine, trained, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    source = trained.store.stored(trained.results[0].adapter_id)
    shutil.copytree(source.path, tmp_path / "partial")
    weights = load_file(source.path / "adapter_model.safetensors")
    weights.pop(sorted(weights)[0])
    save_file(weights, tmp_path / "partial" / "adapter_model.safetensors")
    partial = StoredAdapter(Hash32(b"\x05" * 32), tmp_path / "partial")
    for before in (None, requests_of(trained)[2]):
        if before is not None:
            engine.complete(before)
        with pytest.raises(GenerationRefused, match="does not fit"):
            engine.submit(GenerationRequest((1, 2, 3), 4, partial)).result(20)


def test_a_closed_engine_ends_its_answers(tiny_base, trained) -> None:
    from dataclasses import replace

    engine = TransformersEngine(load_base_model(tiny_base))
    generation = engine.submit(replace(requests_of(trained)[0], max_tokens=100))
    engine.close()
    with pytest.raises(EngineStopped):
        engine.submit(requests_of(trained)[0])
    try:
        generation.result(60)
    except EngineStopped as error:
        assert "closed" in str(error)


def test_plain_prompts_begin_with_the_begin_token(tiny_base) -> None:
    tokenizer = load_base_model(tiny_base).tokenizer
    assert text_tokens(tokenizer, "Apples")[0] == tokenizer.bos_token_id


# ---------------------------------------------------------------- the cache by itself


def cache_of(capacity: int):
    log: list[str] = []
    cache = AdapterCache(
        capacity,
        lambda name, _files: log.append("+" + name[:2]),
        lambda name: log.append("-" + name[:2]),
    )
    return cache, log


def stored(number: int) -> StoredAdapter:
    return StoredAdapter(Hash32(bytes([number]) * 32), path=None)


def test_the_least_recently_used_adapter_goes_first() -> None:
    cache, log = cache_of(2)
    for number in (1, 2, 1, 3):
        cache.release(cache.acquire(stored(number)))
    assert log == ["+01", "+02", "+03", "-02"]
    assert [name[:2] for name in cache.resident] == ["01", "03"]
    assert (cache.loads, cache.evictions) == (3, 1)


def test_an_adapter_in_use_is_never_evicted() -> None:
    cache, log = cache_of(1)
    name = cache.acquire(stored(1))
    with pytest.raises(AdapterCacheFull):
        cache.acquire(stored(2))
    cache.release(name)
    cache.acquire(stored(2))
    assert log == ["+01", "+02", "-01"]
