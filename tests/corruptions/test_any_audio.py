"""Whatever the audio is, the effects of rooms, dynamics, pitch and time, tapes, streams and other clips keep to the contract."""

import subprocess
import sys

import numpy as np
import pytest

from mirbench import registry
from mirbench.evaluation.embedding.corruption import corrupt
from mirbench.records import Condition
from mirbench.testing import check_corruption

CORRUPTIONS = registry.plugins.current().corruptions
NAMES = (
    "background-music", "background-chatter", "reverberation", "echo", "compression", "pitch-shift", "time-stretch", "chain", "opus",
    "packet-loss", "wow-flutter",
)  # fmt: skip


def music(samples, rate, peak=0.5):
    time = np.arange(samples) / rate
    partials = sum(np.sin(2 * np.pi * hertz * time) / k for k, hertz in enumerate((220, 277.2, 330, 880, 1500), 1))
    return (peak / 2.3 * partials * (1 + 0.5 * np.sin(2 * np.pi * 3 * time)) / 1.5).astype(np.float32)


def everywhere(name, audio, rate, seeds=(4, 5)):
    """The clip at each level and seed, by the harness, which checks shape, dtype, finiteness and the global generators."""
    corruption = CORRUPTIONS[name]

    def others(count, samples, seed):
        return np.random.default_rng(seed).normal(0, 0.1, (count, samples)).astype(np.float32)

    for severity, level in enumerate(corruption.levels, start=1):
        for clip in seeds:
            yield corrupt(corruption, Condition(name, severity, level, corruption.unit), audio, rate, str(clip), others=others)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_the_contract(name, rate):
    check_corruption(CORRUPTIONS[name], rate)
    assert not CORRUPTIONS[name].limits


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [1, 2, 100, 3000])
def test_very_short_audio(name, samples):
    for _ in everywhere(name, np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32), 22_050):
        pass


@pytest.mark.parametrize("name", NAMES)
def test_silence_stays_silent(name):
    for out in everywhere(name, np.zeros(8000, np.float32), 16_000):
        assert not out.any()


@pytest.mark.parametrize("name", NAMES)
def test_peaks_above_one_are_not_cut_off(name):
    audio = music(22_050, 22_050, peak=3)
    for out in everywhere(name, audio, 22_050):
        top = np.abs(out).max()
        assert np.abs(out[1:] - out[:-1])[np.abs(out[1:]) > 0.98 * top].min() > 0  # no two samples alike at the top


def test_corruptions_load_without_what_they_work_with():
    code = "import sys; from mirbench import registry; registry.load(); print({'torch', 'audiomentations', 'scipy'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
