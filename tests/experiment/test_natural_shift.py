"""Other recordings of the test clips of a data set, which its probes are scored on beside the corruptions."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
import soundfile
from small import LOUD

from mirbench import cli
from mirbench.results.merging import load

RATE = 22_050
FAST = ["--set", "floors=[]", "--set", "bootstrap.resamples=50", "--quiet"]
SHIFT = """
from mirbench import Dataset, hookimpl, read_manifest

class Shifted(Dataset):
    name, description, annotations, shift_of = "again", "played again", ("genre",), ("mini-quick",)

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
        argv = ["run", "--encoder", "loud", "--dataset", "songs.csv", "--tasks", "genre", *FAST, *words]
        argv += [] if "--corruptions" in words else ["--corruptions", "none"]
        code = cli.main([*argv, "--plugin", "loud_plugin.py", "--cache", "cache", "--output", "results"])
        found = sorted(tmp_path.glob("results/*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
        return code, found[-1].parent if code == 0 and found else None

    return command


@pytest.mark.drawn
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
    assert manifest["corruptions"]["again"]["shift_of"] == ["songs"]
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
            "clip test-0 has the genre 'quiet' in songs and 'loud' in again, which should be another recording of the same; correct one "
            "of them.",
        ),
    ],
    ids=["a clip is missing", "another label"],
)
def test_recordings_of_something_else_are_refused(mirbench, tmp_path, capsys, again, sentence):
    write(tmp_path / "again.csv", again)
    assert mirbench("--shifts", "again.csv") == (2, None)
    assert capsys.readouterr().err == f"mirbench: {sentence}\n"


@pytest.mark.slow
def test_recordings_are_paired_by_their_ids_whatever_their_order_split_and_number(mirbench, tmp_path):
    twins = clips({"test": 40}, quiet=0.25)
    write(tmp_path / "again.csv", twins)
    code, folder = mirbench("--shifts", "again.csv")
    first = pd.read_csv(folder / "scores.csv")
    (tmp_path / "again.csv").unlink()
    write(tmp_path / "again.csv", [(name, "train", genre, level) for name, _, genre, level in [*clips({"more": 5}), *twins[::-1]]])
    code, folder = mirbench("--shifts", "again.csv,again.csv")
    assert code == 0
    again = pd.read_csv(folder / "scores.csv")
    columns = ["encoder", "task", "metric", "corruption", "value", "n_test", "n_groups"]
    first, again = (each[each["task"] == "genre"].reset_index(drop=True) for each in (first, again))  # the noise is drawn anew
    pd.testing.assert_frame_equal(first[columns], again[columns])


def test_labels_that_no_task_of_the_run_reads_may_differ(mirbench, tmp_path):
    path = write(tmp_path / "again.csv", clips({"test": 40}))
    text = path.read_text().replace("id,path,split,genre,artist", "id,path,split,genre,artist,instrument").splitlines()
    path.write_text("\n".join([text[0], *(f"{line},fiddle" for line in text[1:])]) + "\n")
    assert mirbench("--shifts", "again.csv")[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("whose", ["again", "songs"])
def test_a_recording_that_cannot_be_read_costs_no_run(mirbench, tmp_path, whose, capfd):
    """Where the other can: what is left of the shift does not compare, and it is left out and named."""
    write(tmp_path / "again.csv", clips({"test": 40}, quiet=0.25))
    (tmp_path / whose / "test-3.wav").write_bytes(b"RIFF....WAVE")
    code, folder = mirbench("--shifts", "again.csv", "--max-bad", "10%")
    assert code == 0
    scores = pd.read_csv(folder / "scores.csv")
    of_loud = scores[(scores["encoder"] == "loud") & (scores["metric"] == "accuracy")].set_index("corruption")
    failed = json.loads((folder / "manifest.json").read_text())["robustness"]["failed"]
    if whose == "songs":
        assert of_loud["n_test"].to_dict() == {"clean": 39, "again": 39}
        assert failed == []
    else:
        assert of_loud["n_test"].to_dict() == {"clean": 40}
        assert [(each["corruption"], each["clip"]) for each in failed] == [("again", "test-3")]
        assert "its other recording cannot be read" in failed[0]["reason"]


@pytest.mark.slow
def test_a_recording_that_the_probe_learnt_from_is_told(mirbench, tmp_path):
    write(tmp_path / "again.csv", clips({"test": 40}))
    (tmp_path / "again" / "test-3.wav").write_bytes((tmp_path / "songs" / "train-3.wav").read_bytes())
    code, folder = mirbench("--shifts", "again.csv")
    assert code == 0
    found = json.loads((folder / "manifest.json").read_text())["findings"]["songs"]
    assert any("test-3" in str(finding) for finding in found)


@pytest.mark.slow
def test_a_silent_recording_of_a_shift_is_told(mirbench, tmp_path):
    write(tmp_path / "again.csv", clips({"test": 40}))
    file = tmp_path / "again" / "test-3.wav"
    audio, rate = soundfile.read(file)
    soundfile.write(file, 0 * audio, rate)
    code, folder = mirbench("--shifts", "again.csv")
    assert code == 0
    told = json.loads((folder / "manifest.json").read_text())["findings"]["again"]
    (found,) = (each for each in told if each["kind"] != "not compared")  # as it is of short clips
    assert found["kind"] == "silence"
    assert "test-3" in str(found["examples"])


@pytest.mark.slow
def test_runs_with_a_shift_and_without_keep_their_means_together(mirbench, tmp_path):
    write(tmp_path / "again.csv", clips({"test": 40}, quiet=0.25))
    under = ("--corruptions", "gain-down,white-noise", "--severities", "1", "--set", "floors=handcrafted")
    _, one = mirbench("--shifts", "again.csv", *under, "--set", "run_name=one")
    _, other = mirbench(*under, "--set", "run_name=other")
    merged = load(one, other)
    assert merged.torn == ()
    assert {"all", "all families", "again"} <= set(merged.robustness["corruption"].astype(str))
    both = [pd.read_csv(folder / "robustness_comparisons.csv") for folder in (one, other)]
    without = both[0][both[0]["corruption"] != "again"].reset_index(drop=True)
    pd.testing.assert_series_equal(without["p_holm"], both[1]["p_holm"])  # the shift is corrected by itself


@pytest.mark.slow
def test_severities_of_a_run_that_had_a_shift_alone_are_those_that_are_asked_for(mirbench, tmp_path):
    write(tmp_path / "again.csv", clips({"test": 40}))
    _, folder = mirbench("--shifts", "again.csv", "--set", "run_name=one")
    words = ["sweep", str(folder), "--corruptions", "gain-down", "--severities", "3", "--plugin", "loud_plugin.py", "--cache", "cache"]
    assert cli.main([*words, "--quiet"]) == 0
    scores = pd.read_csv(folder / "scores.csv")
    assert set(scores["severity"][scores["corruption"] == "gain-down"]) == {3}
    assert "again" in set(scores["corruption"])


def test_one_that_is_of_another_data_set_or_named_as_one_is_refused(mirbench, tmp_path, capsys):
    (tmp_path / "shift.py").write_text(SHIFT)
    assert mirbench("--plugin", "shift.py", "--shifts", "again") == (2, None)
    said = "--shifts again: the run is scored on songs, and it is other recordings of mini-quick; leave it out."
    assert said in capsys.readouterr().err
    assert mirbench("--plugin", "shift.py")[0] == 0  # of no data set of the run: nothing to do
    assert cli.main(["run", "--dataset", "mini-shifted", "--cache", "cache"]) == 2
    assert "name mini, which is scored on both" in capsys.readouterr().err
    assert mirbench("--shifts", "songs.csv") == (2, None)
    assert "it is of other clips than those; leave it out" in capsys.readouterr().err
    write(tmp_path / "reverberation.csv", clips({"test": 40}))
    assert mirbench("--shifts", "reverberation.csv") == (2, None)
    assert "--shifts reverberation: this is what a corruption is called" in capsys.readouterr().err
    assert mirbench("--shifts", "nothing") == (2, None)
    assert "no data set is named 'nothing'" in capsys.readouterr().err


def test_data_check_of_a_shift_is_of_its_files_and_of_a_run_that_is_scored_on_both(tmp_path, monkeypatch, capsys, built_in):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "again.csv", clips({"test": 40}))
    plugin = tmp_path / "shift.py"
    plugin.write_text(SHIFT.replace('("mini-quick",)', '("mini",)'))
    words = ["data", "check", "again", "--plugin", str(plugin), "--cache", "cache"]
    assert cli.main(words) == 0
    assert "again: a run of mini is scored on it too." in " ".join(capsys.readouterr().out.split())
    (tmp_path / "again" / "test-3.wav").write_bytes(b"RIFF....WAVE")
    assert cli.main(words) == 2
    found = " ".join(capsys.readouterr().out.split())
    assert "test-3" in found
    assert "probes" not in found
    assert cli.main(["data", "check", "mini-shifted", "--encoder", "semisupcon", "--cache", "cache"]) == 0
    assert "a run of semisupcon" in capsys.readouterr().out
