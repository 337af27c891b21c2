"""Views of clips for training: decoded once, sampled into batches, augmented as waveforms or as log-mel bands.

In: clips and the strength of the augmentation. Out: batches of views with what they may be compared by.
"""
