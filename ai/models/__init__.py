"""The embedded base model: its files, its content hash and how it is read."""
