"""What is trained on frozen embeddings, and how its predictions are scored.

In: embeddings and labels. Out: fitted probes, predictions, and metrics over resamples of groups.
"""
