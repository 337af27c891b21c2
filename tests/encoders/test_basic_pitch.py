"""Basic Pitch against its own package's inference, on notes that were synthesised, and after a fork."""

import importlib
import importlib.util
import multiprocessing
import sys
from types import ModuleType

import numpy as np
import pytest
import soundfile
from mirbench_plugins.encoders import basic_pitch

from mirbench import registry
from mirbench.testing import check_encoder

MISSING = [name for name in ("basic_pitch", "onnxruntime") if importlib.util.find_spec(name) is None]
WHY = f"{' and '.join(MISSING)} not installed; pip install 'mirbench-audio[models]', pip install --no-deps basic-pitch==0.4.0"
pytestmark = pytest.mark.skipif(bool(MISSING), reason=WHY)
RATE = 22_050


def encoder():
    return registry.load().encoders["basic-pitch"]


def network():
    return str(encoder().folder() / "saved_models" / "icassp_2022" / "nmp.onnx")


def note(pitch, seconds=1.0):
    """(samples,) float32, a plucked note of a MIDI number with a little silence around."""
    time = np.arange(round(seconds * RATE)) / RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    sound = sum(np.sin(2 * np.pi * k * hertz * time) / k * np.exp(-k * time) for k in range(1, 7)) * np.minimum(1, 50 * (seconds - time))
    return np.pad(0.3 * sound, RATE // 4).astype(np.float32)


def test_posteriorgrams_are_those_of_the_package(tmp_path, monkeypatch):
    pytest.importorskip("resampy")
    pretty_midi = ModuleType("pretty_midi")
    pretty_midi.PrettyMIDI = pretty_midi.Instrument = object  # which it writes files with
    monkeypatch.setitem(sys.modules, "pretty_midi", pretty_midi)
    inference = importlib.import_module("basic_pitch.inference")
    model = inference.Model(network())
    for seconds in (0.3, 2.0, 5.1):
        audio = np.concatenate([note(pitch, 0.4) for pitch in (60, 64, 67, 72, 50, 45)])[: round(seconds * RATE)]
        soundfile.write(tmp_path / "notes.wav", audio, RATE, subtype="FLOAT")
        wanted = inference.run_inference(tmp_path / "notes.wav", model)
        found = dict(zip(("note", "onset", "contour"), basic_pitch.posteriorgrams(audio, network()), strict=True))
        assert {name: each.shape for name, each in found.items()} == {name: each.shape for name, each in wanted.items()}
        for name, each in wanted.items():
            np.testing.assert_allclose(found[name], each, atol=1e-5, err_msg=f"{name}, {seconds} s")


def test_an_embedding_is_the_mean_and_the_largest_over_time():
    audio = np.stack([note(60), note(72)])
    for clip, row in zip(audio, encoder().load(None, {}, 0, "cpu")(audio), strict=True):
        told = np.concatenate(basic_pitch.posteriorgrams(clip, network()), axis=1)
        assert told.shape == (128, 440)
        np.testing.assert_array_equal(row, np.concatenate([told.mean(axis=0), told.max(axis=0)]))


def test_the_likeliest_note_is_the_one_that_was_played():
    pitches = [33, 40, 52, 60, 61, 69, 76, 88]
    rows = encoder().load(None, {}, 0, "cpu")(np.stack([note(pitch) for pitch in pitches]))
    mean, largest = rows[:, :440], rows[:, 440:]
    np.testing.assert_array_equal(21 + mean[:, :88].argmax(axis=1), pitches)
    np.testing.assert_array_equal(21 + largest[:, :88].argmax(axis=1), pitches)
    np.testing.assert_array_equal(21 + largest[:, 88:176].argmax(axis=1), pitches)  # where it begins
    np.testing.assert_array_equal(21 + np.round((mean[:, 176:].argmax(axis=1) - 1) / 3), pitches)  # contours: the second bin is the note


def test_it_embeds_the_same_in_processes_that_were_forked_after_it_was_used():
    embed, audio = encoder().load(None, {}, 0, "cpu"), note(60)[None]
    here = embed(audio)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    workers = [context.Process(target=lambda: queue.put(embed(audio))) for _ in range(2)]
    for worker in workers:
        worker.start()
    for _ in workers:
        np.testing.assert_array_equal(queue.get(), here)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0


def test_it_keeps_to_the_contract(monkeypatch):
    each = encoder()
    monkeypatch.setattr(each, "window_seconds", 1.5)
    check_encoder(each)
    embed = each.load(None, {}, 0, "cpu")
    for samples in (1, RATE // 100, 43_844, 12 * RATE):
        assert embed(np.ones((1, samples), np.float32)).shape == (1, 880)
    assert each.seen_families({}) == ("noise", "filtering", "rooms")
