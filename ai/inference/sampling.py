"""One token from a row of logits: greedy, or temperature and nucleus sampling from a seed.

Knows nothing of models or batches; the same logits and generator state give the same token.
"""

from __future__ import annotations

import torch


def pick_token(
    logits: torch.Tensor, temperature: float, top_p: float, generator: torch.Generator
) -> tuple[int, float]:
    """(token, its log-probability under the untempered model) for logits of shape (V,)."""
    logprobs = torch.log_softmax(logits.float(), dim=-1)
    if temperature <= 0.0:
        token = int(torch.argmax(logits))
    else:
        token = _sample(logits.float() / temperature, top_p, generator)
    return token, float(logprobs[token])


def _sample(logits: torch.Tensor, top_p: float, generator: torch.Generator) -> int:
    probabilities, order = torch.sort(torch.softmax(logits, dim=-1), descending=True, stable=True)
    # A token belongs to the nucleus while the mass before it is below top_p: the first always does.
    before = torch.cumsum(probabilities, dim=-1) - probabilities
    probabilities = torch.where(before < top_p, probabilities, 0.0)
    return int(order[torch.multinomial(probabilities, 1, generator=generator)])
