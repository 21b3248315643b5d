"""The batcher: turns sealed L2 blocks into data for L1, and sees to it that the data gets there."""
