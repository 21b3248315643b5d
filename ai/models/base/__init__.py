"""The embedded base model's files, as package data; README.md is its card."""
