"""Is the representation any good: embeddings of clips, probes on them, and what the scores are worth.

In: frozen encoders, clips, tasks and corruptions. Out: embeddings, predictions, scores, intervals and robustness.
"""
