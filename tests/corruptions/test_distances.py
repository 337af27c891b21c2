"""Severity is monotone as measured: on real clips, corrupted audio is farther from the clean at each severity than at the one before."""

import itertools
import re
from pathlib import Path

import distances
import mirbench_plugins.corruptions
import numpy as np
import pytest
import soxr

from mirbench import registry

CORRUPTIONS = registry.plugins.current().corruptions
README = Path(mirbench_plugins.corruptions.__path__[0]) / "README.md"
MAY_FALL = 0.1  # of a clip's whole rise, from one severity to the next
FEW = 4  # clips at other sampling rates
SWITCHING = {"opus"}  # to a codec for speech, so that a clip may come nearer
DRAWN = {"chain"}  # what it draws is on at some levels and off at others, so that single clips may fall


@pytest.fixture(scope="module")
def clips():
    return distances.real_clips(12, 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, found in CORRUPTIONS.items() if len(found.levels) > 1])
def test_distance_grows_with_severity(name, clips):
    corruption, fit = CORRUPTIONS[name], distances.distance(name)
    found = np.array([[fit.measure(clip, distances.corrupt(corruption, level, clip_id, clips)) for level in corruption.levels]
                      for clip_id, clip in clips.items()])  # fmt: skip
    steps = fit.sign * np.diff(found, axis=1)
    medians = np.median(found, axis=0)
    assert (fit.sign * np.diff(medians) > 0).all(), f"{fit.name}: {medians}"
    if name not in DRAWN | SWITCHING:
        assert (steps >= -MAY_FALL * np.abs(found[:, -1:] - found[:, :1])).all(), f"{fit.name}: {found[steps.min(1).argmin()]}"


@pytest.mark.slow
@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("name", [name for name, found in CORRUPTIONS.items() if len(found.levels) > 1 and name not in DRAWN])
def test_distance_grows_with_severity_at_other_sampling_rates(name, rate, clips):
    """Corrupted at that rate; compared at the usual one."""
    corruption, fit = CORRUPTIONS[name], distances.distance(name)
    some = {clip_id: soxr.resample(clips[clip_id], distances.RATE, rate) for clip_id in list(clips)[:: len(clips) // FEW]}
    found = []
    for clip_id, clip in some.items():
        heard = [clip, *(distances.corrupt(corruption, level, clip_id, some, rate) for level in corruption.levels)]
        clean, *corrupted = (soxr.resample(each, rate, distances.RATE) for each in heard)
        found.append([fit.measure(clean, each) for each in corrupted])
    medians = np.median(found, axis=0)
    assert (fit.sign * np.diff(medians) > 0).all(), f"{fit.name}: {medians}"


def test_levels_are_those_that_were_chosen_by_what_encoders_keep():
    """Severity 1 keeps most of a score above chance, and 5 half of it, but where the table says why not."""
    text = README.read_text()
    table = text.split("<!-- calibration -->")[1].split("<!-- end of calibration -->")[0]
    lines = [re.split(r" *\| *", line)[1:-1] for line in table.splitlines() if line.startswith("| `")]
    rows = {cells[0].strip("`"): cells[1:] for cells in lines}
    assert set(rows) == {name for name, found in CORRUPTIONS.items() if found.counted}
    for name, (measured, levels, kept) in rows.items():
        assert [float(level.replace(",", "")) for level in levels.split(" · ")] == [*CORRUPTIONS[name].levels], name
        assert len(measured.split(" · ")) >= 5
        shares = [float(share) for share in kept.split(" · ")]
        assert all(one >= other for one, other in itertools.pairwise(shares)), name
        good = 0.9 <= shares[0] <= 0.95 and 0.3 <= shares[-1] <= 0.6
        assert good or f"`{name}`" in text.split("Where that is not so:")[1], name


def test_aligned_snr_is_that_of_noise_and_no_matter_of_level(clips):
    clean = next(iter(clips.values()))
    noise = np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    noise *= np.linalg.norm(clean) / np.linalg.norm(noise) / 10
    assert distances.aligned_snr(clean, clean + noise) == pytest.approx(20, abs=0.1)
    assert distances.aligned_snr(clean, 0.01 * (clean + noise)) == pytest.approx(20, abs=0.1)
    assert distances.aligned_snr(clean, -0.3 * clean) > 100
    assert distances.aligned_snr(clean, np.roll(clean, 50)) < 10


def test_log_spectral_distance_is_that_of_a_filter_and_no_matter_of_level():
    clean = np.random.default_rng(0).standard_normal(4 * distances.RATE).astype(np.float32)
    spectrum = np.fft.rfft(clean)
    spectrum[: len(spectrum) // 2] *= 10 ** (-12 / 20)  # half of the bins 12 dB down: 6 dB each way once the level is aligned in dB
    tilted = np.fft.irfft(spectrum, len(clean)).astype(np.float32)
    gain = 10 * np.log10((1 + 10**-1.2) / 2)
    wanted = np.sqrt(((-12 - gain) ** 2 + gain**2) / 2)
    assert distances.log_spectral_distance(clean, tilted) == pytest.approx(wanted, rel=0.03)
    assert distances.log_spectral_distance(clean, 0.1 * tilted) == pytest.approx(wanted, rel=0.03)
    assert distances.log_spectral_distance(clean, clean / 8) == pytest.approx(0, abs=1e-4)


def test_level_drop_pitch_displacement_and_slowing_are_what_was_done(clips):
    clean = next(iter(clips.values()))
    assert distances.level_drop(clean, clean / 10) == pytest.approx(20)
    for semitones in (-5, -1, 0, 2.5):
        moved = soxr.resample(clean, 2 ** (semitones / 12), 1)
        assert distances.pitch_displacement(clean, moved) == pytest.approx(abs(semitones), abs=0.1)
    for percent in (0, 2, 20):  # slower at a lower pitch, so that it is less alike; the time is what counts
        slowed = soxr.resample(clean, 1 - percent / 100, 1)[: len(clean)]
        assert distances.slowing(clean, slowed) == pytest.approx(percent, abs=0.5)


def test_the_table_lists_every_corruption_with_its_levels():
    table = README.read_text().split("<!-- table: ")[1]
    rows = {cells[0].strip("`"): cells for cells in (re.split(r" *\| *", line)[1:-1] for line in table.splitlines()
                                                     if line.startswith("| `"))}  # fmt: skip
    assert set(rows) == set(CORRUPTIONS), "run tests/benchmarks/corruptions.py --write"
    for name, corruption in CORRUPTIONS.items():
        family, unit, levels, fit, medians, *_ = rows[name][1:]
        assert (family, unit) == (corruption.family or "its own", corruption.unit)
        assert [float(level.replace(",", "")) for level in levels.split(" · ")] == [*corruption.levels], name
        assert fit.startswith(distances.distance(name).name)
        assert len(medians.split(" · ")) == len(corruption.levels)


def test_the_example_is_a_corruption(tmp_path):
    from mirbench.testing import check_corruption

    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    (tmp_path / "distance.py").write_text(example)
    try:
        found = registry.load([str(tmp_path / "distance.py")]).corruptions
    finally:
        registry.load()
    (name,) = set(found) - set(CORRUPTIONS)
    check_corruption(found[name])
    assert not re.search(r"mirbench\.(?!Corruption|hookimpl|seeded)", example)
