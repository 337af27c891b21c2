"""The run folder: written, read and merged; and where its numbers came from.

In: rows of scores, summaries and comparisons. Out: CSV files and a manifest, and the same again as rows.
"""
