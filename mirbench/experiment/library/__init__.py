"""What programs and notebooks call: runs, functions that are scored, encoders that are loaded, results that are read, models to take away.

In: settings by their names. Out: results, embeddings, files. The process of the caller is left as it was.
"""
