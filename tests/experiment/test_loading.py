"""An encoder by itself embeds as a run does: files, folders, manifests and arrays."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

import mirbench
from mirbench.evaluation.embedding import passes


@pytest.fixture(scope="module")
def of_the_run(songs_run):
    """{encoder: {clip: its embedding in the run}}"""
    _, cache, _, _ = songs_run
    found = {}
    for folder in (cache / "embeddings").iterdir():
        if (folder / "embeddings.npy").is_file():
            title = json.loads((folder / ".entry.json").read_text())["title"]
            encoder = next((name for name in ("untrained", "simclr") if title.startswith(name)), "another")
            rows = zip(json.loads((folder / "ids.json").read_text()), np.load(folder / "embeddings.npy"), strict=True)
            found.setdefault(encoder, {}).update(rows)
    return found


@pytest.mark.parametrize("name", ["untrained", "simclr"])
@pytest.mark.parametrize("forked", [False, True])
def test_embeddings_are_those_of_a_run(songs_run, of_the_run, name, forked, monkeypatch):
    folder, cache, checkpoint, _ = songs_run
    monkeypatch.setattr(passes, "LEAST_FORKED", 1 if forked else 1000)
    encoder = mirbench.load(name, checkpoint=checkpoint if name == "simclr" else None, cache=cache)
    found = encoder(folder / "songs.csv")
    assert set(found.clip_ids) == set(of_the_run[name])
    expected = np.stack([of_the_run[name][clip] for clip in found.clip_ids])
    np.testing.assert_allclose(found.matrix, expected, atol=1e-6, rtol=1e-6)
    assert found.matrix.dtype == np.float32


def test_files_folders_lists_and_arrays_are_embedded_alike(songs_run):
    folder, cache, checkpoint, _ = songs_run
    encoder = mirbench.load(checkpoint, cache=cache)
    assert (encoder.name, encoder.options["backbone"], encoder.sample_rate) == ("simclr", "samplecnn", 22_050)
    assert repr(encoder) == "<LoadedEncoder simclr, layer last: 22050 Hz, windows of 2.7 s>"
    names = ["test0.wav", "test5.wav", "valid1.wav"]
    whole = encoder(str(folder))
    rows = np.stack([whole.matrix[whole.clip_ids.index(name)] for name in names])
    audio = [soundfile.read(folder / name, dtype="float32") for name in names]
    arrays, rate = [samples for samples, _ in audio], audio[0][1]
    same = {"atol": 1e-5, "rtol": 1e-5}
    np.testing.assert_allclose(encoder([folder / name for name in names]), rows, **same)
    np.testing.assert_allclose(np.stack([encoder(str(folder / name)) for name in names]), rows, **same)
    np.testing.assert_allclose(encoder(arrays, sample_rate=rate), rows, **same)
    np.testing.assert_allclose(np.stack([encoder(each, sample_rate=rate) for each in arrays]), rows, **same)
    square = np.stack([each[: min(map(len, arrays))] for each in arrays])
    np.testing.assert_allclose(encoder(square.astype(np.float64), sample_rate=rate)[0], encoder(square[0], sample_rate=rate), **same)
    assert whole.skipped == {}


def test_layers_are_options(songs_run):
    _, cache, checkpoint, _ = songs_run
    tone = np.sin(np.arange(30_000) * 0.1).astype(np.float32)
    every = mirbench.load("simclr", checkpoint=checkpoint, cache=cache, layer="all")(tone)
    assert every.shape == (12, 512)
    np.testing.assert_allclose(mirbench.load(checkpoint, layer=3)(tone), every[3], atol=1e-5)
    np.testing.assert_allclose(mirbench.load(checkpoint)(tone), every[-1], atol=1e-5)
    several = np.stack([mirbench.load("untrained", seed=seed)(tone) for seed in (0, 0, 1)])
    assert np.array_equal(several[0], several[1])
    assert not np.allclose(several[0], several[2])


def test_an_address_and_a_plugin_are_encoders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loading_models.py").write_text("def two(audio):\n    return audio[:, :2]\n")
    plugin = "import mirbench\nclass Two(mirbench.Encoder):\n    name = 'two-plus'\n    def embed(self, audio): return audio[:, :2] + 2\n"
    (tmp_path / "two.py").write_text(f"{plugin}@mirbench.hookimpl\ndef register_encoders(): return [Two()]\n")
    audio = np.array([0.5, -0.5, 0.25], np.float32)
    by_address = mirbench.load("python:loading_models:two", sample_rate=8000)
    assert (by_address.name, by_address.sample_rate) == ("two", 8000)
    assert by_address(audio).tolist() == [0.5, -0.5]
    assert mirbench.load("two-plus", plugins="two.py")(audio).tolist() == [2.5, 1.5]
    assert by_address(np.zeros(16_000, np.float32), sample_rate=16_000).tolist() == [0.0, 0.0]


def test_a_bad_file_of_a_folder_is_skipped_and_one_of_a_list_is_refused(tmp_path):
    for name in ("a.wav", "b.wav", "c.wav"):
        soundfile.write(tmp_path / name, np.zeros(3000), 22_050)
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    encoder = mirbench.load("untrained", cache=tmp_path / "cache")
    found = encoder(tmp_path, max_bad=0.5)
    assert found.clip_ids == ("a.wav", "c.wav")
    assert list(found.skipped) == ["b.wav"]
    with pytest.raises(mirbench.MirbenchError, match=r"1 of 3 clips cannot be read, more than max_bad 1%; the first is b\.wav"):
        encoder(tmp_path)
    with pytest.raises(mirbench.MirbenchError, match=r"1 of 2 files cannot be read, the first .*b\.wav: "):
        encoder([tmp_path / "a.wav", tmp_path / "b.wav"])
    with pytest.raises(mirbench.MirbenchError, match=r"none of 1 clips can be read, the first because .*b\.wav"):
        encoder([tmp_path / "b.wav"])


@pytest.mark.parametrize(
    ("audio", "sentence"),
    [
        ("no.wav", r"no\.wav is missing"),
        ("no", r"no is missing"),
        (["."], r"\., in a list of audio files, holds several; give it by itself"),
        ([], "not an empty list"),
        (None, "not nothing"),
        (np.zeros(100, np.int16), "audio should be floats in about .*, not int16; divide 16-bit samples by 32768"),
        (np.zeros((2, 2, 2), np.float32), r"not an array of the shape \(2, 2, 2\)"),
        (np.zeros(0, np.float32), r"not an array of the shape \(0,\)"),
        (np.array([0.0, np.nan]), "the audio holds samples that are not finite"),
        ([0.0, 0.1], "not a list of numbers; make it an array"),
    ],
)
def test_what_is_no_audio_is_a_sentence(audio, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mirbench.MirbenchError, match=sentence):
        mirbench.load("untrained")(audio)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "neither an encoder nor a checkpoint was given"),
        ({"encoder": "semisupcon"}, "encoder 'semisupcon' learns, and no checkpoint of it was given"),
        ({"encoder": "semisupcn"}, r"no encoder is named 'semisupcn'; did you mean 'semisupcon'\?"),
        ({"encoder": "no/folder"}, "there is no checkpoint folder no/folder"),
        ({"checkpoint": "."}, "is no checkpoint: it has no encoder.json"),
        ({"encoder": ["untrained"]}, "mirbench.load takes one encoder, by its name, address or folder, not \\['untrained'\\]"),
        ({"encoder": None}, "mirbench.load takes one encoder, by its name, address or folder, not nothing"),
        ({"checkpoint": 3}, "checkpoint should be a path or a name, or several, not 3"),
        ({"encoder": "untrained", "cache": 3}, "cache should be a path or a name, or several, not 3"),
        ({"encoder": "untrained", "layer": "best"}, "layer=best is found by probes on labels"),
        ({"encoder": "untrained", "layer": 9}, "there are the layers 0 to 6"),
        ({"encoder": "untrained", "layr": 2}, r"the encoder has no option 'layr'; did you mean 'layer'\?"),
        ({"encoder": "untrained", "device": "tpu"}, "device should be auto, cpu, cuda or cuda:N"),
        ({"encoder": "untrained", "checkpoint": "CHECKPOINT"}, "is of simclr, and not of untrained; leave one of the two out"),
        (
            {"checkpoint": "CHECKPOINT", "backbone": "mel-cnn"},
            "was trained with backbone = 'samplecnn', and options.simclr.backbone asks for",
        ),
    ],
)
def test_what_is_no_encoder_is_a_sentence(songs_run, asked, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mirbench.MirbenchError, match=sentence):
        mirbench.load(**{name: str(songs_run[2]) if value == "CHECKPOINT" else value for name, value in asked.items()})


@pytest.mark.parametrize("rate", [-5, 0, "16k", 16_000.5])
def test_a_rate_that_is_none_is_a_sentence(rate):
    with pytest.raises(mirbench.MirbenchError, match="sample_rate should be a whole number of hertz above 0, not"):
        mirbench.load("untrained")(np.zeros(1000, np.float32), sample_rate=rate)


def test_threads_take_turns_and_leave_the_process_as_it_was():
    encoder, leave, state = mirbench.load("untrained", quiet=True), os._exit, np.random.get_state()[1].copy()
    audio = [np.random.default_rng(i).uniform(-0.5, 0.5, 8000).astype(np.float32) for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(encoder, audio))
    assert os._exit is leave
    assert (np.random.get_state()[1] == state).all()
    assert all((row == encoder(each)).all() for row, each in zip(rows, audio, strict=True))
