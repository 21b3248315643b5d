"""What the rollup needs of L1: block.py (its blocks as values), provider.py (who supplies them)."""
