"""The training chain as a corruption: the very views of training, at half the level."""

import numpy as np
import torch

import mirbench
from mirbench import registry

CHAIN = registry.plugins.current().corruptions["chain"]
RATE = 22_050
AUDIO = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)


def test_it_is_training_s_own_chain():
    changed = 0
    for level, s in zip(CHAIN.levels, (0.5, 1, 1.5, 2), strict=True):
        for seed in range(6):
            view = mirbench.WaveformViews(s, RATE)(torch.from_numpy(AUDIO.copy())[None], torch.Generator().manual_seed(seed))
            heard = CHAIN.apply(AUDIO, RATE, level, seed)
            assert np.array_equal(heard, view[0].numpy())
            changed += not np.array_equal(heard, AUDIO)
    assert changed > 10


def test_what_is_on_at_one_level_is_on_at_the_next():
    changed = [{seed for seed in range(30) if not np.array_equal(CHAIN.apply(AUDIO, RATE, level, seed), AUDIO)} for level in CHAIN.levels]
    assert changed[0] < changed[1] < changed[2] <= changed[3]
    assert 3 < len(changed[0]) < 20  # .4 of them, less those without an effect


def test_it_does_not_count_and_is_kept_from_tasks_about_pitch():
    assert not CHAIN.counted
    assert CHAIN.alters == {"pitch"}
