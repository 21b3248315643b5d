"""Adapters in PEFT's format: named by their content, checked before anything loads them."""
