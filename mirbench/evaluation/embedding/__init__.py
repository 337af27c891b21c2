"""Clips to embeddings: decoded once, corrupted once a condition, embedded by all encoders in one pass.

In: clips and loaded encoders. Out: (clips, dim) float32 by encoder and condition, and why a clip has no row.
"""
