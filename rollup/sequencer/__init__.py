"""The sequencer: chooses the L1 origin and the transactions of the next unsafe block."""
