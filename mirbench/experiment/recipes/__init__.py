"""What fills the folder of a job, a file for each kind: a data set, a checkpoint, embeddings, a probe, predictions, scores, overlap.

In: what was resolved, the folders of what the job needs, and an empty folder. Out: that folder, filled.
"""
