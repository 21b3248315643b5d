"""LoRA training from a frozen recipe: batches, loop, checkpoints, adapter."""
