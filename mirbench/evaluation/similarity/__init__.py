"""What a representation keeps under a corruption, and how alike two are, without training a probe on it.

In: embeddings of the same clips, clean and corrupted or of two encoders; scores of a probe that is there. Out: a measure of `MEASURES`,
with what it is in each resample of the groups.
"""
