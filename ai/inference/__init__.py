"""Serving: tokens in, tokens out, several adapters in one batch."""
