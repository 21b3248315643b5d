"""Data availability on the wire and on disk: cells stored, dispersed, fetched, sampled."""
