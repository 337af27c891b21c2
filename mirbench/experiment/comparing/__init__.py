"""Finished runs against each other: which of their scores may be compared, how they differ, and how their encoders rank.

In: run folders and checkpoints. Out: records of results/compared.py. Nothing is computed but statistics, and nothing is written.
"""
