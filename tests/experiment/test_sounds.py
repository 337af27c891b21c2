"""Excerpts to listen to: of which data, of which clips, and that they are what encoders were given."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from mirbench.experiment.gather import sounds
from mirbench.results.run_folder import RunFolder


@pytest.mark.parametrize(("asked", "names"), [("auto", ["mini"]), (True, ["mini", "licensed"]), (False, [])])
def test_only_what_mirbench_makes_is_kept_unless_more_is_asked_for(asked, names):
    data = [SimpleNamespace(name=name, noun=SimpleNamespace(made=made)) for name, made in (("mini", True), ("licensed", False))]
    run = SimpleNamespace(resolved=SimpleNamespace(config=SimpleNamespace(sounds=asked), scored_data=data))
    assert [each.name for each in sounds.audible(run)] == names


def test_clips_lie_over_the_whole_split_wherever_their_row_ends():
    ids = [f"{i:02d}" for i in range(16)]
    order = sounds.spread(ids, len(ids))
    assert sorted(order) == ids
    assert order[:4] == ["00", "08", "04", "12"]


def test_an_excerpt_is_what_went_in_as_far_as_mp3_can_hold_it():
    time = np.arange(sounds.RATE) / sounds.RATE
    tone = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    sound = sounds.mp3(tone)
    assert abs(len(sound) - sounds.BYTES_A_SECOND) < 0.15 * sounds.BYTES_A_SECOND
    heard, rate = soundfile.read(io.BytesIO(sound))
    spectrum = np.abs(np.fft.rfft(heard[:rate] * np.hanning(len(heard[:rate]))))
    assert rate == sounds.RATE
    assert abs(int(spectrum.argmax()) * rate / len(heard[:rate]) - 440) < 2


def test_a_run_on_made_data_leaves_sounds_that_its_page_plays(tiny_run):
    _, folder = tiny_run
    rows = RunFolder(folder).read("sounds")
    assert set(rows["corruption"]) == {"clean"}
    assert rows["file"].is_unique
    assert all((folder / "sounds" / file).stat().st_size > 500 for file in rows["file"])
    assert sum((folder / "sounds" / file).stat().st_size for file in rows["file"]) < sounds.MEGABYTES * 1e6
    assert '"clip": "' in (folder / "report.html").read_text()


def test_a_run_on_somebodys_own_data_leaves_none(songs_run):
    *_, folder = songs_run
    assert not (folder / "sounds").exists()
    assert not (folder / "sounds.csv").exists()
