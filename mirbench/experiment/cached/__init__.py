"""What lies in a cache, said in words, and which of it may go.

In: a store. Out: entries with their data set, encoder and runs, and a choice of what to remove. It imports nothing heavy.
"""
