"""The formats in which L2 data travels over L1, each with its encoder beside its decoder.

    L2 blocks → batch.py → channel.py (compressed) → frame.py → calldata or blob.py → L1

Bytes in, values out. Malformed bytes raise DecodeError and cost no more than their length allows.
Knows nothing of L1 blocks, of who sent the bytes, or of which batch is valid on which chain.
"""
