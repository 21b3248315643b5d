"""The OpenAI-compatible door: price, payment, tokens, attribution, settlement, receipt."""
