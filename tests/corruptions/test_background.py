"""Other clips in the background: at the signal-to-noise ratio that the level says, all equally loud."""

import numpy as np
import pytest

from mirbench import registry

CORRUPTIONS = registry.plugins.current().corruptions
NAMES = ("background-music", "background-chatter")


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)


def decibels(signal, against):
    return 10 * np.log10((signal.astype(float) ** 2).mean() / (against.astype(float) ** 2).mean())


def test_music_is_one_clip_and_chatter_are_several():
    assert [CORRUPTIONS[name].others for name in NAMES] == [1, 6]


@pytest.mark.parametrize("name", NAMES)
def test_the_ratio_is_the_level(name):
    corruption = CORRUPTIONS[name]
    audio, others = 7 * noise(22_050), noise(corruption.others, 22_050, seed=1)
    for level in corruption.levels:
        added = corruption.mix(audio, others, 22_050, level, 0) - audio
        assert decibels(audio, added) == pytest.approx(level, abs=0.1)


def test_all_voices_of_the_babble_are_equally_loud():
    others = noise(6, 22_050, seed=1) * np.float32([[1], [0.01], [0.1], [3], [0.3], [1]])
    added = CORRUPTIONS["background-chatter"].mix(noise(22_050), others, 22_050, 0, 0) - noise(22_050)
    shares = [np.dot(added, each) / np.linalg.norm(each) / np.linalg.norm(added) for each in others]
    assert shares == pytest.approx([6**-0.5] * 6, abs=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_where_there_is_nothing_to_mix_in_the_clip_is_left_alone(name):
    corruption = CORRUPTIONS[name]
    audio = noise(1000)
    assert np.array_equal(corruption.mix(audio, np.zeros((corruption.others, 1000), np.float32), 22_050, 0, 0), audio)


def test_silence_among_the_voices_is_not_heard():
    others = noise(6, 1000, seed=1)
    others[2:] = 0
    added = CORRUPTIONS["background-chatter"].mix(noise(1000), others, 22_050, 6, 0) - noise(1000)
    assert decibels(noise(1000), added) == pytest.approx(6, abs=0.1)
