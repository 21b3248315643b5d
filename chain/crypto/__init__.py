"""Hashes, signatures, Merkle trees and key derivation: one file and one outside library each."""
