"""`mirbench embed`: what is in the file, what is skipped, and a sentence for what cannot be."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

import mirbench
from mirbench import cli

RATE = 22_050


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Three files, of 1, 4 and 6 s, in a folder below the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIRBENCH_CACHE", "cache")
    (tmp_path / "songs" / "deep").mkdir(parents=True)
    for i, (name, seconds) in enumerate({"b.wav": 1, "a.wav": 4, "deep/c.flac": 6}.items()):
        soundfile.write(f"songs/{name}", 0.1 * np.random.default_rng(i).standard_normal(RATE * seconds).clip(-5, 5), RATE)
    return tmp_path


def embed(*words):
    assert cli.main(["embed", *words, "--encoder", "untrained", "--quiet"]) == 0


def refused(capsys, *words):
    assert cli.main(["embed", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.removeprefix("mirbench: ")


def test_each_format_holds_ids_times_and_vectors(here, capsys):
    pytest.importorskip("pyarrow", reason="the extra formats has it")
    for ending in ("parquet", "NPZ", "npy"):
        embed("songs", "-o", f"out/all.{ending}")
    assert capsys.readouterr().out.split() == ["out/all.parquet", "out/all.NPZ", "out/all.npy"]
    table, packed, records = pd.read_parquet("out/all.parquet"), np.load("out/all.NPZ"), np.load("out/all.npy")
    assert table["id"].tolist() == packed["ids"].tolist() == records["id"].tolist() == ["a.wav", "b.wav", "deep/c.flac"]
    assert table["start"].tolist() == packed["starts"].tolist() == records["start"].tolist() == [0, 0, 0]
    assert table["end"].tolist() == packed["ends"].tolist() == records["end"].tolist() == [4, 1, 6]
    rows = mirbench.load("untrained")([f"songs/{name}" for name in table["id"]])
    for found in (np.stack(table["embedding"]), packed["embeddings"], records["embedding"]):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, rows, atol=1e-6)
    about = json.loads(str(packed["mirbench"]))
    assert (about["encoder"], about["options"]["backbone"], about["input"]["sample_rate"]) == ("untrained", "mel-cnn", RATE)


def test_a_row_for_each_window_of_clips_of_any_length(here):
    soundfile.write("long.wav", 0.1 * np.random.default_rng(9).standard_normal(2000 * 200).clip(-5, 5), 2000)
    embed("songs", "long.wav", "-o", "windows.npz", "--per-window")
    embed("songs", "long.wav", "-o", "clips.npz")
    windows, clips = np.load("windows.npz"), np.load("clips.npz")
    of = {name: windows["ids"] == name for name in clips["ids"]}
    assert {name: int(rows.sum()) for name, rows in of.items()} == {
        "songs/a.wav": 2, "songs/b.wav": 1, "songs/deep/c.flac": 3, "long.wav": 75
    }  # fmt: skip
    rows = of["songs/a.wav"]
    np.testing.assert_allclose(np.stack([windows["starts"][rows], windows["ends"][rows]], axis=1), [[0, 2.7], [1.3, 4]], atol=1e-4)
    assert (windows["starts"][of["songs/b.wav"]].tolist(), windows["ends"][of["songs/b.wav"]].tolist()) == ([0], [1])
    assert (windows["starts"][of["long.wav"]][0], windows["ends"][of["long.wav"]][-1]) == (0, 200)
    for name in ("songs/a.wav", "songs/b.wav", "songs/deep/c.flac"):  # a longer one is embedded in stretches of it
        mean = windows["embeddings"][of[name]].mean(axis=0)
        np.testing.assert_allclose(mean, clips["embeddings"][clips["ids"] == name][0], atol=1e-5)
    alone = mirbench.load("untrained")(soundfile.read("songs/a.wav", dtype="float32")[0][: int(2.7 * RATE)])
    np.testing.assert_allclose(windows["embeddings"][of["songs/a.wav"]][0], alone, atol=1e-5)


def test_a_manifest_gives_ids_and_stretches(here):
    (here / "songs.csv").write_text("id,path,start,duration\none,songs/a.wav,1,2\ntwo,songs/a.wav,2,\n")
    for more in ((), ("--per-window",)):
        embed("songs.csv", "-o", "some.npz", *more)
        found = np.load("some.npz")
        assert found["ids"].tolist() == ["one", "two"]
        np.testing.assert_allclose([found["starts"], found["ends"]], [[1, 2], [3, 4]], atol=1e-4)
        audio, _ = soundfile.read("songs/a.wav", dtype="float32")
        np.testing.assert_allclose(found["embeddings"][1], mirbench.load("untrained")(audio[2 * RATE :]), atol=1e-5)


@pytest.mark.slow
def test_a_checkpoint_an_address_and_a_layer(here, songs_run):
    _, _, checkpoint, _ = songs_run
    assert cli.main(["embed", "songs/b.wav", "--checkpoint", str(checkpoint), "-o", "c.npz", "--set", "options.simclr.layer=all"]) == 0
    assert np.load("c.npz")["embeddings"].shape == (1, 12, 512)
    (here / "embed_models.py").write_text("def two(audio):\n    return audio[:, :2]\n")
    words = ["--encoder", "python:embed_models:two", "--set", "options.two.sample_rate=22050", "-o", "two.npy"]
    assert cli.main(["embed", "songs/b.wav", *words]) == 0
    np.testing.assert_allclose(np.load("two.npy")["embedding"][0], soundfile.read("songs/b.wav")[0][:2], atol=1e-6)


@pytest.mark.parametrize("more", [(), ("--per-window",)])
def test_bad_files_are_skipped_named_and_counted(here, capsys, more):
    shutil.copy("songs/b.wav", "songs/z.wav")
    (here / "songs" / "b.wav").write_bytes(b"<html>")
    words = ["songs", "--encoder", "untrained", "-o", "some.npz", *more]
    sentence = refused(capsys, *words)
    assert sentence.startswith(
        "the files to embed: 1 of 4 clips cannot be read, more than max_bad 1%; the first is b.wav: songs/b.wav is no "
    )
    assert not (here / "some.npz").exists()
    assert cli.main(["embed", *words, "--max-bad", "25%"]) == 0
    told = capsys.readouterr()
    assert told.err.startswith("mirbench: 1 of 4 clips were skipped:\n  b.wav: songs/b.wav is no audio")
    count = len(np.load("some.npz")["ids"])
    assert told.out == f"some.npz: {count} {'windows' if more else 'clips'}, 2304 numbers each, by untrained\n"
    assert "b.wav" not in np.load("some.npz")["ids"].tolist()
    for path in (here / "songs").rglob("*.*"):
        path.write_bytes(b"")
    assert refused(capsys, *words, "--max-bad", "100%").startswith("none of 4 clips can be read, the first because songs/")


def test_a_file_is_written_whole_or_not_at_all(here, capsys, monkeypatch):
    embed("songs/b.wav", "-o", "out.npz")
    before = (here / "out.npz").read_bytes()

    def half(file, **_):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", half)
    assert cli.main(["embed", "songs/a.wav", "--encoder", "untrained", "-o", "out.npz"]) == 130
    assert (here / "out.npz").read_bytes() == before
    assert [path.name for path in here.iterdir() if path.name.startswith(".part")] == []


def test_what_cannot_be_is_a_sentence(here, capsys, monkeypatch):
    to = ("--encoder", "untrained", "-o")
    assert refused(capsys, "songs", *to, "a.csv") == (
        "--output a.csv has none of the endings .parquet, .npz, .npy, by which its format is told; give it one.\n"
    )
    assert refused(capsys, "songs", *to, "songs").startswith(
        "--output songs is a folder; give the file to be written, such as --output songs/"
    )
    assert refused(capsys, "song", *to, "a.npy") == "there is no file or folder song; give audio files, a folder of them, or a manifest.\n"
    assert refused(capsys, "cache2", *to, "a.npy").startswith("there is no file or folder cache2")
    (here / "empty").mkdir()
    assert refused(capsys, "empty", *to, "a.npy") == "the folder empty holds no audio file; give one that holds some.\n"
    assert refused(capsys, "songs", *to, "songs/b.wav/a.npy") == (
        "cannot write while writing a file at songs/b.wav/a.npy (File exists); choose a writable place with --cache or --output.\n"
    )
    assert refused(capsys, "songs", "-o", "a.npy").startswith("neither an encoder nor a checkpoint was given")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert refused(capsys, "songs", *to, "a.parquet") == (
        "writing a.parquet needs pyarrow; install it by pip install 'mirbench-audio[formats]', or give a file that ends in .npz.\n"
    )
