"""Derivation: the L2 chain as a function of L1 and the rollup config, and of nothing else.

Eight stages, each pulling from the one before it; None means "nothing more from this L1 block":

1. l1_traversal.py      walks L1 block by block and keeps the system config of each
2. l1_retrieval.py      the batcher's data in one L1 block: calldata or blobs
3. frame_queue.py       frames of one batcher transaction, since Holocene those in order only
4. channel_stage.py     complete channels: channel_bank.py, since Holocene channel_assembler.py
5. channel_reader.py    batches of a complete channel, decompressed as they are asked for
6. batch_provider.py    the next valid batch, or an empty one when the sequencing window is over:
                        batch_queue.py until Holocene, batch_stage.py since, by batch_checks.py
7. attributes_queue.py  payload attributes: L1 attributes, deposits, then the batch's transactions
8. pipeline.py          all of it behind one `step`; rollup/driver executes what comes out

forks.py says which rules are in force when. What L1 says wrongly is dropped by one of the rules of
rules.py and noted in the journal (journal.py, explain.py); it never stops derivation. Errors have
three severities: errors.py.
"""
