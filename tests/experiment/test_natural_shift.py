"""Other recordings of the test clips of a data set, which its probes are scored on beside the corruptions."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from small import LOUD

from mirbench import cli

RATE = 22_050
FAST = ["--set", "floors=[]", "--set", "bootstrap.resamples=50", "--quiet", "--corruptions", "none"]
SHIFT = """
from mirbench import Dataset, hookimpl, read_manifest

class Shifted(Dataset):
    name, description, annotations, shift_of = "again", "played again", ("genre",), "mini-quick"

    def clips(self, folder):
        return read_manifest("again.csv")

@hookimpl
def register_datasets():
    return [Shifted()]
"""


def write(path, clips):
    """clips: (id, split, genre, loudness)."""
    (path.parent / path.stem).mkdir(exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "path", "split", "genre", "artist"])
        for i, (name, split, genre, level) in enumerate(clips):
            audio = level * np.random.default_rng(i + len(path.stem)).standard_normal(RATE)
            soundfile.write(path.parent / path.stem / f"{name}.wav", audio.clip(-1, 1), RATE)
            writer.writerow([name, f"{path.stem}/{name}.wav", split, genre, f"artist {name}"])
    return path


def clips(splits, quiet=0.02, loud=0.2):
    """The genre is how loud they are."""
    return [(f"{split}-{i}", split, ("quiet", "loud")[i % 2], (quiet, loud)[i % 2]) for split, n in splits.items() for i in range(n)]


@pytest.fixture
def mirbench(tmp_path, monkeypatch, built_in):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loud_plugin.py").write_text(LOUD)
    write(tmp_path / "songs.csv", clips({"train": 12, "valid": 6, "test": 40}))

    def command(*words):
        argv = ["run", "--encoder", "loud", "--dataset", "songs.csv", "--tasks", "genre", *words, *FAST]
        code = cli.main([*argv, "--plugin", "loud_plugin.py", "--cache", "cache", "--output", "results"])
        found = sorted(tmp_path.glob("results/*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
        return code, found[-1].parent if code == 0 and found else None

    return command


def test_the_probes_of_a_data_set_are_scored_on_other_recordings(mirbench, tmp_path):
    """Played again, everything is loud: half of it is taken for what it is not."""
    write(tmp_path / "again.csv", clips({"test": 40}, quiet=0.25))
    code, folder = mirbench("--shifts", "again.csv")
    assert code == 0
    scores = pd.read_csv(folder / "scores.csv")
    scores = scores[(scores["encoder"] == "loud") & (scores["metric"] == "accuracy")].set_index("corruption")
    assert scores.loc["clean", "value"] == 1
    assert scores.loc["again", "value"] == 0.5
    assert (scores.loc["again", "dataset"], scores.loc["again", "severity"]) == ("songs", 1)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["corruptions"]["again"]["shift_of"] == "songs"
    assert manifest["corruptions"]["again"]["family"] == "natural-shift"
    robustness = pd.read_csv(folder / "robustness.csv")
    retained = robustness[(robustness["encoder"] == "loud") & (robustness["measure"] == "retained") & (robustness["severity"] == 0)]
    assert retained.set_index(["task", "corruption"])["value"].to_dict() == pytest.approx({("genre", "again"): 0, ("all", "again"): 0})
    assert not robustness["corruption"].isin(["all", "all families"]).any()  # in no mean
    report = (folder / "report.html").read_text()
    assert "again: other recordings of the test clips of songs, a natural shift; it is in no mean." in report
    assert "natural shift, in no mean" in report


@pytest.mark.parametrize(
    ("again", "sentence"),
    [
        (
            clips({"test": 39}),
            "data set 'again' should have another recording of each of the 40 test clips of songs, by the same id, and has none of "
            "test-39; add them, or leave it out with --shifts none.",
        ),
        (
            [(name, split, "loud", level) for name, split, _, level in clips({"test": 40})],
            "clip test-0 has the genre quiet in songs and loud in again, which should be another recording of the same; correct one of "
            "them.",
        ),
    ],
    ids=["a clip is missing", "another label"],
)
def test_recordings_of_something_else_are_refused(mirbench, tmp_path, capsys, again, sentence):
    write(tmp_path / "again.csv", again)
    assert mirbench("--shifts", "again.csv") == (2, None)
    assert capsys.readouterr().err == f"mirbench: {sentence}\n"


def test_one_that_is_of_another_data_set_or_named_as_one_is_refused(mirbench, tmp_path, capsys):
    (tmp_path / "shift.py").write_text(SHIFT)
    assert mirbench("--plugin", "shift.py", "--shifts", "again") == (2, None)
    said = "--shifts again: the run is scored on songs, and it is other recordings of mini-quick; leave it out."
    assert said in capsys.readouterr().err
    assert mirbench("--plugin", "shift.py")[0] == 0  # of no data set of the run: nothing to do
    assert cli.main(["run", "--dataset", "mini-shifted", "--cache", "cache"]) == 2
    assert "name mini, which is scored on both" in capsys.readouterr().err
    assert mirbench("--shifts", "nothing") == (2, None)
    assert "no data set is named 'nothing'" in capsys.readouterr().err
