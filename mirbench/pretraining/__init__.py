"""How encoders learn: one contrastive loss over labelled and unlabelled clips, its baselines, and the trainer.

In: clips, options and a seed. Out: a checkpoint folder, and a function from audio to embeddings.
"""
