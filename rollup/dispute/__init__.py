"""The dispute game as rules: positions, clocks, bonds, moves, verdict, honest strategy."""
