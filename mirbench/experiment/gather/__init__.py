"""The last step: from what the jobs of a run left in the store to its run folder.

In: a graph whose jobs are made. Out: rows of scores, summaries and comparisons, predictions, and the manifest.
"""
