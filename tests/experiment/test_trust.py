"""What must not be served from the cache, and mistakes that must be told before a number is computed."""

import json

import numpy as np
import pytest
import soundfile
from small import LOUD, rows

import mirbench
from mirbench import cli
from mirbench.pretraining.backbones.mel import MelSpectrogram
from mirbench.pretraining.views.audio_cache import load_audio_cache

DATA = """
from pathlib import Path
import mirbench

class Mine(mirbench.Dataset):
    name = "mine"
    annotations = ("genre", "mood")

    def clips(self, folder):
        return mirbench.read_manifest(Path({manifest!r}))

class Mood(mirbench.Task):
    name, annotation, target, metrics = "mood", "mood", "multilabel", ("macro_roc_auc",)

@mirbench.hookimpl
def register_datasets():
    return [Mine()]

@mirbench.hookimpl
def register_tasks():
    return [Mood()]
"""


def newest(root):
    return max((root / "results").iterdir(), key=lambda folder: (folder / "manifest.json").stat().st_mtime_ns)


def skipped(root):
    return set(json.loads((newest(root) / "manifest.json").read_text())["datasets"]["mine"]["skipped"])


def accuracy(root):
    return next(float(r["value"]) for r in rows(newest(root)) if (r["encoder"], r["metric"]) == ("loud", "accuracy"))


@pytest.fixture
def mine(tmp_path):
    """A manifest of one's own outside the cache; returns the command that scores `loud` on it."""
    clips = []
    for i in range(60):
        path = tmp_path / f"{i}.wav"
        soundfile.write(path, 0.3 * np.sin(np.arange(11_025) * 0.02 * (1 + i % 2)), 22_050)
        moods = ("calm", "dark") if i % 4 == 0 else ("bright",) if i % 4 == 1 else ("calm",)
        labels = {"genre": "ab"[i % 2], "mood": moods}
        clips.append(mirbench.Clip(str(i), path, ("train", "valid", "test")[i % 3], f"g{i}", annotations=labels))
    mirbench.write_manifest(tmp_path / "mine.csv", clips)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.py").write_text(DATA.format(manifest=str(tmp_path / "mine.csv")))
    (tmp_path / "loud.py").write_text(LOUD)
    command = ["run", "--plugin", str(tmp_path / "plugins" / "mine.py"), "--plugin", str(tmp_path / "loud.py"), "--dataset", "mine"]
    command += ["--encoder", "loud", "--set", "floors=[]", "--quiet"]
    return [*command, "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results"), "--tasks"]


@pytest.mark.slow
def test_changed_labels_are_another_key_and_another_number(mine, tmp_path):
    assert cli.main([*mine, "genre"]) == 0
    first = newest(tmp_path)
    assert accuracy(tmp_path) == 1.0
    lines = (tmp_path / "mine.csv").read_text().splitlines()
    column = lines[0].split(",").index("genre")
    for number, line in enumerate(lines[1:], start=1):
        cells = line.split(",")
        if cells[2] == "test":
            cells[column] = {"a": "b", "b": "a"}[cells[column]]
        lines[number] = ",".join(cells)
    (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
    assert cli.main([*mine, "genre"]) == 0
    assert newest(tmp_path) != first
    assert accuracy(tmp_path) == 0.0


def test_a_changed_encoder_is_another_key(mine, tmp_path):
    """Its file, or what it uses of a file beside it; a comment is no change."""
    from mirbench import registry
    from mirbench.engine.sources import SourceTree

    own = LOUD.replace("axis=1).astype", "axis=1).__mul__(net.SCALE).astype")

    def digest(scale: str, text: str) -> str:
        (tmp_path / "net.py").write_text(f"SCALE = {scale}\n")
        (tmp_path / "loud.py").write_text("import sys\nsys.path.insert(0, __file__.rsplit('/', 1)[0])\nimport net\n" + text)
        return SourceTree().of_object(registry.load([tmp_path / "loud.py"]).encoders["loud"], ["load"]).digest

    first = digest("1.0", own)
    assert digest("1.0  # as it is", own + "\n# more\n") == first
    assert len({first, digest("2.0", own), digest("1.0", own.replace("crossings,", "-crossings,"))}) == 3


@pytest.mark.slow
def test_a_repaired_file_is_heard_again(mine, tmp_path):
    good = (tmp_path / "0.wav").read_bytes()
    (tmp_path / "0.wav").write_bytes(b"not audio")
    assert cli.main([*mine, "genre", "--set", "max_bad=0.1"]) == 0
    assert skipped(tmp_path) == {"0"}
    (tmp_path / "0.wav").write_bytes(good)
    assert cli.main([*mine, "genre", "--set", "max_bad=0.1"]) == 0
    assert skipped(tmp_path) == set()


@pytest.mark.slow
def test_a_multilabel_annotation_of_any_name_survives_the_manifest(mine, tmp_path):
    assert cli.main([*mine, "mood"]) == 0
    manifest = json.loads((newest(tmp_path) / "manifest.json").read_text())
    assert manifest["tasks"]["mood"]["classes"] == ["bright", "calm", "dark"]


@pytest.mark.slow
def test_an_encoder_without_randomness_serves_every_seed_from_one_cache(mine, tmp_path):
    assert cli.main([*mine, "genre"]) == 0
    first = newest(tmp_path)
    assert cli.main([*mine, "genre", "--seed", "7", "--seeds", "2"]) == 0
    assert newest(tmp_path) == first
    assert {r["seed"] for r in rows(first)} == {"0"}


@pytest.mark.slow
def test_a_damaged_run_folder_is_made_whole_and_another_run_leaves_no_mixture(mine, tmp_path):
    assert cli.main([*mine, "genre", "--set", "run_name=x"]) == 0
    (tmp_path / "results" / "x" / "summary.csv").unlink()
    assert cli.main([*mine, "genre", "--set", "run_name=x"]) == 0
    assert rows(tmp_path / "results" / "x", "summary.csv")
    assert cli.main([*mine, "mood", "--set", "run_name=x"]) == 0
    assert {p.name.split(".")[1] for p in (tmp_path / "results" / "x" / "predictions").iterdir()} == {"mood"}


def test_a_fault_inside_an_encoder_is_told_with_its_name(mine, tmp_path, capsys):
    (tmp_path / "loud.py").write_text(LOUD.replace("return np.stack", "return audio.nothing and np.stack"))
    assert cli.main([*mine, "genre"]) == 2
    assert capsys.readouterr().err == (
        f"mirbench: encoder 'loud' (from {tmp_path / 'loud.py'}) failed while embedding: "
        "AttributeError: 'numpy.ndarray' object has no attribute 'nothing'; --debug shows where.\n"
    )


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("steps=0", "option steps is 0; it must lie between 1 and 100000000."),
        ("stretch=-3.0", "option stretch is -3.0; it must lie between 0 and 0.9."),
        (
            "backbone=mel-cn",
            "no backbone is named 'mel-cn'; did you mean 'mel-cnn'? "
            "Known: mel-cnn, mel-cnn-small, samplecnn, samplecnn-xl, tune, tune-plus.",
        ),
        ("segments=foo", "no segments option is named 'foo'. Known: consecutive, independent."),
    ],
)
def test_wrong_options_are_told_before_anything_is_run(tmp_path, capsys, setting, sentence):
    assert cli.main(["run", "--cache", str(tmp_path), "--plan", "--set", f"options.semisupcon.{setting}"]) == 2
    assert capsys.readouterr().err == f"mirbench: {sentence}\n"


@pytest.mark.slow
def test_labels_that_can_never_be_shared_are_refused(tmp_path, tiny_run, tiny_command, capsys):
    cache, _ = tiny_run
    command = tiny_command(
        cache,
        tmp_path / "results",
        "--quiet",
        "--set",
        "options.semisupcon.supervision={name: shared-tags, annotation: genre, threshold: 3}",
    )
    command.remove("--debug")
    assert cli.main(command) == 2
    assert capsys.readouterr().err == (
        "mirbench: encoder 'semisupcon' finds no two of its 54 labelled clips alike under shared-tags; choose another supervision, "
        "such as dice, a lower threshold, or a larger label_fraction.\n"
    )


def test_clips_of_two_data_sets_keep_their_own_audio(tmp_path):
    clips = []
    for name, hertz in (("a", 500.0), ("b", 4000.0)):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, 0.5 * np.sin(2 * np.pi * hertz * np.arange(22_050) / 22_050), 22_050)
        clips.append(mirbench.Clip(f"{name}/x", path, "train", "g"))
    mel = MelSpectrogram(22_050, 128)
    for _ in range(2):  # made, and then read from the cache
        found = load_audio_cache(clips, 22_050, tmp_path / "cache", mel)
        loudest = [float(mel.centres[found.frames[o + 10].float().argmax()]) for o in found.offsets.tolist()]
        assert [c.id for c in found.clips] == ["a/x", "b/x"]
        assert loudest == pytest.approx([500, 4000], rel=0.05)


def test_a_replaced_file_of_the_same_size_is_heard_again_in_pretraining(tmp_path):
    path, mel = tmp_path / "x.wav", MelSpectrogram(22_050, 128)
    loudest = []
    for hertz in (500.0, 4000.0):
        soundfile.write(path, 0.5 * np.sin(2 * np.pi * hertz * np.arange(22_050) / 22_050), 22_050)
        found = load_audio_cache([mirbench.Clip("x", path, "train", "g")], 22_050, tmp_path / "cache", mel)
        loudest.append(float(mel.centres[found.frames[10].float().argmax()]))
    assert loudest == pytest.approx([500, 4000], rel=0.05)
