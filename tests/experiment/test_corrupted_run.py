"""Runs under corruption end to end on a data set of chimes: rows, resuming, faults, settings, and sweeps added to a finished run."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
from small import LOUD, rows

from mirbench import AudioError, cli, read_audio, registry, reporting
from mirbench.data.manifests.manifest import read_manifest
from mirbench.engine.executor import LocalExecutor, Outcome
from mirbench.evaluation.embedding import passes as listening
from mirbench.evaluation.embedding import samples
from mirbench.evaluation.embedding.corruption import corruption_seed
from mirbench.evaluation.probing.stored_probes import read_probe
from mirbench.experiment import run
from mirbench.experiment.gather import corrupted as gathered
from mirbench.experiment.sweep import swept

CHIMES = """
import numpy as np, soundfile
import mirbench

class Chimes(mirbench.Dataset):
    name = "chimes"
    annotations = ("genre", "step")

    def prepare(self, folder):
        clips = []
        for i in range(60):  # a third each of train, valid and test; loud or soft; each step an octave above the last
            split, genre, step = ("train", "valid", "test")[i % 3], "ab"[i // 3 % 2], i // 6 % 4
            tone = (0.3, 0.1)[i // 3 % 2] * np.sin(np.arange(8000 + 40 * i) * 0.01 * 2**step + i)
            soundfile.write(folder / f"{i}.wav", tone, 22050)
            labels = {"genre": genre, "step": str(step)}
            clips.append(mirbench.Clip(str(i), folder / f"{i}.wav", split, f"g{i}", duration=len(tone) / 22050, annotations=labels))
        mirbench.write_manifest(folder / "manifest.csv", clips)

    def clips(self, folder):
        return mirbench.read_manifest(folder / "manifest.csv")

class Height(mirbench.Task):
    name, annotation, target, metrics = "height", "step", "regression", ("r2",)

    def label(self, value):
        return float(value)

class Step(mirbench.Task):
    name, annotation, metrics, changed_by = "step", "step", ("accuracy",), frozenset({"pitch"})

    def shifted_label(self, label, changes):
        return str(int(label) + int(changes["pitch"]))

class Colour(mirbench.Task):
    name, annotation, metrics, changed_by = "colour", "genre", ("accuracy",), frozenset({"pitch", "tempo"})

@mirbench.hookimpl
def register_datasets():
    return [Chimes()]

@mirbench.hookimpl
def register_tasks():
    return [Height(), Step(), Colour()]
"""

LOG = """
import os, signal, sys
import numpy as np
import mirbench

FOLDER = {folder!r}

def note(name, level, seed):
    frame, about = sys._getframe(), "calls"
    while frame := frame.f_back:
        if frame.f_code.co_name == "sample_checksums":
            about = "sampled"  # for checksums in the manifest, and not to be embedded
    with open(os.path.join(FOLDER, about), "a") as file:
        file.write(f"{{name}} {{level:g}} {{seed}}\\n")

def once(name):
    try:
        os.close(os.open(os.path.join(FOLDER, name), os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False
"""

CORRUPTION = """
class Made(mirbench.Corruption):
    name, unit, levels, {more} = {name!r}, "x", {levels}, {values}

    def apply(self, audio, sample_rate, level, seed):
        note(self.name, level, seed)
        {body}

@mirbench.hookimpl
def register_corruptions():
    return [Made()]
"""

HUSH = {"levels": (0.9, 0.7, 0.5, 0.2, 0.1), "body": "return audio * np.float32(level)"}
HISS = {
    "levels": (0.0005, 0.001, 0.002, 0.004, 0.008),
    "body": "return audio + np.float32(level) * np.random.default_rng(seed).standard_normal(len(audio), np.float32)",
}
OCTAVE = {
    "levels": (1, 2),
    "alters": frozenset({"pitch"}),
    "body": """return np.interp(np.arange(len(audio)) * 2.0 ** self.changes(level, seed)["pitch"] % len(audio), np.arange(len(audio)), audio
            ).astype(np.float32)

    def changes(self, level, seed):
        return {"pitch": level if seed % 2 else -level}""",
}
BROKEN = {"levels": (1, 2, 3), "body": f"return audio[1:] if level == 2 and seed == {corruption_seed('broken', 0, '29')} else audio"}
STRETCH = {"levels": (1,), "alters": frozenset({"tempo"}), "body": "return audio"}

LEARNER = """
class Learner(mirbench.Encoder):
    name, trainable, seeded, options = "learner", True, True, {"scale": 1.0}

    def pretrain(self, job):
        note("pretrain", job.seed, 0)
        (job.folder / "factor.txt").write_text(str(job.options["scale"] * (1 + job.seed)))

    def load(self, folder, options, seed, device):
        factor = np.float32((folder / "factor.txt").read_text())
        return lambda audio: np.stack([audio.std(axis=1), (np.diff(np.sign(audio), axis=1) != 0).mean(axis=1) + factor], axis=1)

@mirbench.hookimpl
def register_encoders():
    return [Learner()]
"""


class Bench:
    """A folder with plugins, a cache and results. Each corruption lies in a file of its own, since a changed file is another key."""

    def __init__(self, root):
        self.root, self.cache = root, root / "cache"
        self.plugins, self.report = [], False
        self.plugin("chimes", CHIMES + LOUD)
        for name, about in (("hush", HUSH), ("hiss", HISS), ("octave", OCTAVE), ("stretch", STRETCH)):
            self.corruption(name, **about)

    def plugin(self, name, text):
        path = self.root / f"{name}.py"
        path.write_text(text)
        if str(path) not in self.plugins:
            self.plugins.append(str(path))

    def corruption(self, name, levels, body, **more):
        more = more or {"counted": True}
        text = CORRUPTION.format(name=name, levels=levels, body=body, more=", ".join(more), values=", ".join(map(repr, more.values())))
        self.plugin(name, LOG.format(folder=str(self.root)) + text)

    @property
    def places(self):
        return [*(part for path in self.plugins for part in ("--plugin", path)), "--quiet", "--cache", str(self.cache)]

    def command(self, *more, encoder="loud", tasks="genre,height"):
        given = ["run", *self.places, "--output", str(self.root / "results"), "--dataset", "chimes", "--encoder", encoder, "--tasks", tasks]
        given += ["--set", "floors=[]", "--set", "bootstrap.resamples=50", "--set", "run_name=x", "--set", "severities=1-5", *more]
        return given if "--corruptions" in more else [*given, "--corruptions", "none"]

    def run(self, *more, **which):
        assert cli.main(self.command(*more, **which)) == 0
        return self.root / "results" / "x"

    def calls(self, about="calls"):
        """(corruption, level) -> how often it was called since the last time. about: `calls`, to be embedded, or `sampled`, for the
        checksums of the manifest."""
        path = self.root / about
        text = path.read_text() if path.exists() else ""
        path.unlink(missing_ok=True)
        return Counter(tuple(line.split()[:2]) for line in text.splitlines())

    def entries(self, kind):
        return list((self.cache / kind).glob("[0-9a-f]*"))

    def stored(self):
        return {kind: len(self.entries(kind)) for kind in ("embeddings", "probes", "scores", "unfinished")}


@pytest.fixture
def bench(tmp_path, monkeypatch, unmeasured):
    """Reports, which take longer than the runs, are made where `bench.report` says so."""
    bench, updated = Bench(tmp_path), reporting.updated
    monkeypatch.setattr(reporting, "updated", lambda folder, *shown: updated(folder, *shown) if bench.report else "")
    return bench


@pytest.fixture(autouse=True)
def _clean(built_in):
    """No plugin of one test is there in the next."""


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def scores(folder, name="scores.csv"):
    """(encoder, task, metric, corruption, severity) -> its numbers."""
    kept = ("value", "ci_low", "ci_high", "n_test")
    about = ("encoder", "task", "metric", "corruption", "severity")
    return {tuple(row[key] for key in about): tuple(row[key] for key in kept) for row in rows(folder, name)}


def under(found, *corruptions):
    return {about: numbers for about, numbers in found.items() if about[3] in corruptions}


HEADLINES = {"genre": "accuracy", "height": "r2", "step": "accuracy"}


def values(folder, task, corruption):
    """By encoder and rising severity, without the majority floor."""
    wanted = (task, HEADLINES[task], corruption)
    return [float(numbers[0]) for about, numbers in sorted(scores(folder).items()) if about[1:4] == wanted and about[0] != "majority"]


def each(name, levels, count=20):
    return {(name, f"{level:g}"): count for level in levels}


def test_rows_of_a_sweep(bench):
    folder = bench.run("--corruptions", "hush,hiss", "--severities", "1-5")
    found = rows(folder)
    assert [(r["severity"], r["level"], r["unit"]) for r in found if (r["corruption"], r["metric"]) == ("hush", "accuracy")] == [
        ("1", "0.9", "x"), ("2", "0.7", "x"), ("3", "0.5", "x"), ("4", "0.2", "x"), ("5", "0.1", "x")
    ]  # fmt: skip
    wanted = {(t, m, c, str(s)) for t, m in (("genre", "accuracy"), ("genre", "macro_f1"), ("height", "r2"))
              for c in ("hush", "hiss") for s in range(1, 6)}  # fmt: skip
    assert {(r["task"], r["metric"], r["corruption"], r["severity"]) for r in found if r["corruption"] != "clean"} == wanted
    assert all(r["n_test"] == "20" and r["n_train"] == "20" and r["seed"] == "0" and r["key"] for r in found if r["encoder"] == "loud")
    assert under(scores(folder, "summary.csv"), "hush", "hiss") == under(scores(folder), "hush", "hiss")
    accuracy = values(folder, "genre", "hush")
    assert (values(folder, "genre", "clean")[0], accuracy[0], accuracy[-1]) == (1.0, 1.0, 0.5)  # in the end all is soft
    retained = {r["severity"]: float(r["value"]) for r in rows(folder, "robustness.csv")
                if (r["task"], r["measure"], r["corruption"]) == ("genre", "retained", "hush")}  # fmt: skip
    for severity, value in enumerate(accuracy, start=1):
        assert retained[str(severity)] == pytest.approx((value - 0.5) / 0.5, abs=1e-5)
    assert retained["0"] == pytest.approx((np.mean(accuracy) - 0.5) / 0.5, abs=1e-5)
    about = manifest(folder)
    assert about["corruptions"]["hush"] | {"provider": ""} == {
        "family": "hush",
        "description": "", "unit": "x", "levels": [0.9, 0.7, 0.5, 0.2, 0.1], "alters": [], "limits": False, "counted": True, "provider": ""
    }  # fmt: skip
    assert about["robustness"] == {
        "baseline": "loud", "train_on": "clean", "replicate": 0, "sample_rate": 22_050, "severities": [1, 2, 3, 4, 5], "skipped": [],
        "failed": [], "families": {"hush": ["hush"], "hiss": ["hiss"]}, "seen_families": {},
    }  # fmt: skip
    assert bench.stored() == {"embeddings": 3, "probes": 2, "scores": 22, "unfinished": 0}  # clean embeddings alone
    assert bench.calls() == each("hush", HUSH["levels"]) | each("hiss", HISS["levels"])
    assert bench.calls("sampled") == each("hush", (0.1,), 3) | each("hiss", (0.008,), 3)


def test_the_same_sweep_again_does_nothing(bench, monkeypatch):
    flags = ("--corruptions", "hush,hiss", "--severities", "1,5")
    folder = bench.run(*flags)
    bench.calls()

    def stamps():
        """Without the folders of the cache, whose times are when they were used."""
        files = [path for path in bench.cache.rglob("*") if path.is_file()]
        return {path: path.stat().st_mtime_ns for path in (folder, *folder.rglob("*"), *files)}

    before = stamps()
    monkeypatch.setattr(run, "collect", None)
    monkeypatch.setattr(listening, "embed_passes", None)
    bench.calls("sampled")
    bench.run(*flags)
    assert stamps() == before
    assert bench.calls() == bench.calls("sampled") == Counter()


@pytest.mark.slow
def test_more_severities_corruptions_and_encoders_later_cost_only_themselves(bench):
    clean = scores(bench.run())
    first = scores(bench.run("--corruptions", "hush", "--severities", "1"))
    assert bench.calls() == each("hush", (0.9,))
    assert under(first, "clean") == clean
    second = scores(bench.run("--corruptions", "hush,hiss", "--severities", "1"))
    assert bench.calls() == each("hiss", (0.0005,))
    third = scores(bench.run("--corruptions", "hush,hiss", "--severities", "1,2"))
    assert bench.calls() == each("hiss", (0.001,)) | each("hush", (0.7,))
    bench.plugin("twin", LOUD.replace('"loud"', '"twin"').replace("Loud", "Twin"))
    fourth = scores(bench.run("--corruptions", "hush,hiss", "--severities", "1,2", encoder="loud,twin"))
    assert bench.calls() == each("hiss", (0.0005, 0.001)) | each("hush", (0.9, 0.7))
    for found in (first, second, third, fourth):
        assert clean.items() <= found.items()
    assert first.items() <= second.items() <= third.items() <= fourth.items()
    twins = {("loud", *about[1:]): numbers for about, numbers in fourth.items() if about[0] == "twin"}
    assert twins == {about: numbers for about, numbers in fourth.items() if about[0] == "loud"}  # they heard the same noise
    assert len(values(bench.root / "results" / "x", "height", "hiss")) == 4


@pytest.mark.slow
def test_chunks_and_processes_move_no_number_and_leave_nothing(bench, monkeypatch):
    flags = ("--corruptions", "hush,hiss", "--severities", "1-3")
    whole = scores(bench.run(*flags))
    for forked in (1, 10**9):
        monkeypatch.setattr(listening, "MOST_CLIPS", 2)
        monkeypatch.setattr(listening, "LEAST_FORKED", forked)
        bench.cache = bench.root / f"cache {forked}"
        assert scores(bench.run(*flags)) == whole
        assert bench.stored()["embeddings"] == 3
        assert bench.stored()["unfinished"] == 0


def test_a_last_chunk_of_broken_files_spoils_nothing(bench, monkeypatch):
    monkeypatch.setattr(listening, "MOST_CLIPS", 8)
    bench.run()
    (audio,) = {path.parent for path in bench.cache.glob("datasets/*/0.wav")}
    monkeypatch.setattr("mirbench.engine.store.damage", lambda *_: "")  # as if they had been made so
    for n in (50, 53, 56, 59):  # the last test clips
        (audio / f"{n}.wav").write_bytes(b"broken")
    folder = bench.run("--corruptions", "hush", "--severities", "1", "--set", "max_bad=0.5")
    assert len(manifest(folder)["datasets"]["chimes"]["skipped"]) == 4
    assert {row["n_test"] for row in rows(folder)} == {"16"}


STOPS = """if level == {level} and seed == {seed} and once("stopped"):
            {how}
        return audio"""


@pytest.mark.parametrize("forked", [False, True])
def test_a_run_that_is_stopped_goes_on_without_repeating_what_was_stored(bench, monkeypatch, forked, capsys):
    monkeypatch.setattr(listening, "LEAST_FORKED", 1 if forked else 10**9)
    body = STOPS.format(level=2, seed=corruption_seed("stops", 0, "29"), how="raise KeyboardInterrupt")
    bench.corruption("stops", (1, 2, 3), body)
    command = bench.command("--corruptions", "hush,stops", "--severities", "1-3")
    assert cli.main(command) == 130
    assert capsys.readouterr().err == (
        "mirbench: stopped; what is finished is kept in the cache, and the same command goes on from there.\n"
    )
    done = bench.calls()
    assert done | each("hush", HUSH["levels"][:3]) | each("stops", (1,)) == done
    assert (bench.stored()["embeddings"], len(bench.entries("corrupted-embeddings"))) == (3, 4)
    folder = bench.run("--corruptions", "hush,stops", "--severities", "1-3")
    assert bench.calls() == each("stops", (2, 3))
    assert bench.stored() == {"embeddings": 3, "probes": 2, "scores": 14, "unfinished": 0}
    assert len(values(folder, "height", "stops")) == 3


def test_of_large_embeddings_whole_chunks_are_kept(bench, monkeypatch):
    for name, value in {"MOST_CLIPS": 6, "LEAST_FORKED": 10**9}.items():
        monkeypatch.setattr(listening, name, value)
    bench.corruption("stops", (1, 2), STOPS.format(level=2, seed=corruption_seed("stops", 0, "29"), how="raise KeyboardInterrupt"))
    assert cli.main(bench.command("--corruptions", "stops")) == 130
    assert bench.calls() == {("stops", "1"): 12, ("stops", "2"): 6 + 4}  # chunks of 6; clip 29 is the 4th of the second
    folder = bench.run("--corruptions", "stops")
    assert bench.calls() == {("stops", "1"): 8, ("stops", "2"): 14}
    assert bench.stored()["unfinished"] == 0
    assert len(values(folder, "height", "stops")) == 2


def test_what_a_stopped_pass_has_embedded_and_skipped_is_not_decoded_again(bench, monkeypatch):
    """Clean audio too. Clip 29 is in the second of four chunks, and clip 5, which is broken, in the first."""
    for name, value in {"MOST_CLIPS": 6, "LEAST_FORKED": 10**9}.items():
        monkeypatch.setattr(listening, name, value)
    flags = ("--set", "max_bad=0.5")
    whole = scores(bench.run(*flags))
    monkeypatch.setattr("mirbench.engine.store.damage", lambda *_: "")  # as if they had been made so
    for path in bench.cache.glob("datasets/*/5.wav"):
        path.write_bytes(b"broken")
    read, real = Counter(), samples.read_clip

    def stop(clip, rate):
        read[clip.id] += 1
        if clip.id == "29" and read["29"] == 1:
            raise KeyboardInterrupt
        return real(clip, rate)

    monkeypatch.setattr(samples, "read_clip", stop)
    assert cli.main(bench.command(*flags)) == 130
    folder = bench.run(*flags)
    assert [read[clip] for clip in ("2", "5", "29", "59")] == [1, 1, 2, 1]
    assert manifest(folder)["datasets"]["chimes"]["skipped"].keys() == {"5"}
    assert {row["n_test"] for row in rows(folder)} == {"19"}
    assert scores(folder).keys() == whole.keys()
    assert bench.stored()["unfinished"] == 0


def test_too_many_bad_files_end_a_run_as_soon_as_that_is_certain(bench, monkeypatch, capsys):
    for name, value in {"MOST_CLIPS": 4, "LEAST_FORKED": 10**9}.items():
        monkeypatch.setattr(listening, name, value)
    tried, real = [], samples.read_clip

    def read(clip, rate):
        tried.append(clip.split)
        if clip.split == "test":
            raise AudioError("it is noise.")
        return real(clip, rate)

    monkeypatch.setattr(samples, "read_clip", read)
    assert cli.main(bench.command()) == 2
    sentence = "mirbench: chimes test: 4 of 20 clips cannot be read, more than max_bad 1%; the first is 2: it is noise. "
    assert capsys.readouterr().err.startswith(sentence)
    assert 4 <= tried.count("test") <= 8  # one chunk, and the next that was decoded meanwhile
    assert bench.stored()["scores"] == 0


def killed(bench, *flags):
    code = f"from mirbench import cli; cli.main({bench.command(*flags)!r})"
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True).returncode


@pytest.mark.slow
def test_a_killed_run_goes_on(bench):
    how = "os.kill(os.getpid(), signal.SIGKILL)"
    bench.corruption("stops", (1, 2, 3), STOPS.format(level=2, seed=corruption_seed("stops", 0, "29"), how=how))
    flags = ("--corruptions", "hush,stops", "--severities", "1-3")
    assert killed(bench, *flags) == -signal.SIGKILL
    assert bench.calls() == each("hush", HUSH["levels"][:3]) | each("stops", (1,)) | {("stops", "2"): 10}
    folder = bench.run(*flags)
    assert bench.calls() == each("stops", (2, 3))
    assert len(values(folder, "genre", "stops")) == 3


@pytest.mark.slow
def test_workers_end_when_their_run_is_killed(bench):
    how = 'open(os.path.join(FOLDER, "worker"), "w").write(str(os.getpid())); os.kill(os.getppid(), signal.SIGKILL)'
    body = STOPS.format(level=2, seed=corruption_seed("stops", 0, "29"), how=how)
    bench.corruption("stops", (1, 2, 3), body)
    with open(bench.root / "stops.py", "a") as file:
        file.write("import mirbench.evaluation.embedding.passes as listening\nlistening.LEAST_FORKED = 1\n")
    assert killed(bench, "--corruptions", "stops") == -signal.SIGKILL
    worker = (bench.root / "worker").read_text()
    for _ in range(100):
        if not os.path.exists(f"/proc/{worker}"):
            break
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{worker}")


def knowing(families):
    """An encoder that says to know these families from its training."""
    return LOUD.replace('"loud"', f'"knowing"\n\n    def seen_families(self, options):\n        return {families!r}').replace(
        "Loud", "Knowing"
    )


@pytest.mark.slow
def test_families_that_an_encoder_knows_from_its_training_are_told_apart(bench):
    bench.corruption("hush", **HUSH, family="level")
    bench.corruption("hum", levels=(1, 2), body="return audio[::-1].copy()", family="noise")
    bench.plugin("knowing", knowing(["level"]))
    folder = bench.run("--corruptions", "hush,hum,hiss", "--severities", "1-2", encoder="knowing,loud")
    assert manifest(folder)["robustness"]["families"] == {"noise": ["hum"], "level": ["hush"], "hiss": ["hiss"]}
    assert manifest(folder)["robustness"]["seen_families"] == {"knowing": ["level"]}
    found = {(r["encoder"], r["corruption"]): r for r in rows(folder, "robustness.csv")
             if (r["task"], r["measure"], r["severity"]) == ("genre", "retained", "0")}  # fmt: skip
    for encoder in ("knowing", "loud"):
        kept = {name: float(found[encoder, name]["value"]) for name in ("hum", "hush", "hiss")}
        unseen = found[encoder, "unseen families"]
        assert float(unseen["value"]) == pytest.approx((kept["hum"] + kept["hiss"]) / 2)
        assert unseen["families"] == "noise hiss"
        assert float(found[encoder, "seen families"]["value"]) == pytest.approx(kept["hush"])
    compared = {row["corruption"] for row in rows(folder, "robustness_comparisons.csv")}
    assert compared == {"hush", "hum", "hiss", "unseen families", "seen families", "all families"}


def test_a_family_that_no_corruption_is_of_is_refused(bench, capsys):
    bench.plugin("knowing", knowing(["nose"]))
    assert cli.main(bench.command(encoder="knowing")) == 2
    told = capsys.readouterr().err
    assert told.startswith("mirbench: no family of corruptions in the seen_families of encoder 'knowing' (from ")
    assert ") is named 'nose'" in told


@pytest.mark.parametrize("forked", [False, True])
@pytest.mark.slow
def test_a_faulty_corruption_is_reported_and_the_rest_goes_on(bench, monkeypatch, capsys, forked):
    bench.report = not forked
    monkeypatch.setattr(listening, "LEAST_FORKED", 1 if forked else 10**9)
    bench.corruption("broken", **BROKEN)
    flags = ("--corruptions", "hush,broken,hiss", "--severities", "1-3")
    folder = bench.run(*flags)
    length = 8000 + 40 * 29
    reason = f"returned the shape ({length - 1},), not ({length},)"
    sentence = f"mirbench: corruption 'broken', severity 2, clip 29: {reason}. This corruption is left out, the rest goes on.\n"
    assert capsys.readouterr().err == sentence
    failed = [{"dataset": "chimes", "corruption": "broken", "severity": 2, "clip": "29", "reason": reason}]
    assert manifest(folder)["robustness"]["failed"] == failed
    assert {row["corruption"] for row in rows(folder)} == {"clean", "hush", "hiss"}
    assert {row["corruption"] for row in rows(folder, "robustness.csv")} == {
        "clean", "hush", "hiss", "all", "all families", "family hush", "family hiss"
    }  # fmt: skip
    assert forked or (folder / "report.html").stat().st_size > 10_000
    bench.report = False
    assert bench.stored() == {"embeddings": 3, "probes": 2, "scores": 16, "unfinished": 0}  # also of its severity 1
    bench.calls()
    bench.run(*flags)  # tries the faulty one again, and nothing else
    assert capsys.readouterr().err == sentence
    assert {name for name, _ in bench.calls()} == {"broken"}
    bench.corruption("broken", (1, 2, 3), "return audio")
    folder = bench.run(*flags)
    assert manifest(folder)["robustness"]["failed"] == []
    assert values(folder, "height", "broken") == values(folder, "height", "clean") * 3
    assert capsys.readouterr().err == ""


def test_a_fault_in_a_later_chunk_leaves_nothing_unfinished(bench, monkeypatch):
    for name, value in {"MOST_CLIPS": 6, "LEAST_FORKED": 10**9}.items():
        monkeypatch.setattr(listening, name, value)
    bench.corruption("broken", **BROKEN)
    folder = bench.run("--corruptions", "hush,broken", "--severities", "1-3")
    assert len(manifest(folder)["robustness"]["failed"]) == 1
    assert len(values(folder, "height", "hush")) == 3
    assert bench.stored() == {"embeddings": 3, "probes": 2, "scores": 8, "unfinished": 0}


def test_every_corruption_may_fail(bench):
    bench.report = True
    bench.corruption("broken", **BROKEN)
    folder = bench.run("--corruptions", "broken")
    assert (folder / "report.html").exists()
    assert {row["corruption"] for row in rows(folder)} == {"clean"}
    assert not (folder / "robustness.csv").exists()
    assert len(manifest(folder)["robustness"]["failed"]) == 1


def test_a_task_whose_labels_lose_their_meaning_is_skipped_with_the_reason(bench):
    folder = bench.run("--corruptions", "hush,octave,stretch", "--severities", "1", tasks="genre,step,colour")
    reason = "it changes the {0} of the music, and with it what the labels of {1} mean"
    moved = "; equivariance is scored instead, against labels that are moved along"
    skipped = [(s["task"], s["corruption"], s["dataset"], s["reason"]) for s in manifest(folder)["robustness"]["skipped"]]
    assert sorted(skipped) == [
        ("colour", "octave", "chimes", reason.format("pitch", "colour")),
        ("colour", "stretch", "chimes", reason.format("tempo", "colour")),
        ("step", "octave", "chimes", reason.format("pitch", "step") + moved),
    ]
    found = {(row["task"], row["corruption"]) for row in rows(folder)}
    assert found == {(t, "clean") for t in ("genre", "step", "colour")} | {(t, "hush") for t in ("genre", "step", "colour")} | {
        ("genre", "octave"), ("genre", "stretch"), ("step", "stretch")
    }  # fmt: skip
    assert {(row["task"], row["corruption"]) for row in rows(folder, "equivariance.csv")} == {("step", "octave")}
    assert ("step", "octave") not in {(row["task"], row["corruption"]) for row in rows(folder, "robustness.csv")}


def test_equivariance_is_a_count_by_hand(bench):
    folder = bench.run("--corruptions", "octave", tasks="step")
    assert "octave" not in {row["corruption"] for row in rows(folder)}
    nouns = registry.load(bench.plugins)
    config, kept = swept(folder, [], {}, nouns)
    planned = run.plan(config, nouns, bench.cache, kept)
    probe = read_probe(planned.resolved.store.folder(*planned.clean.probes["loud", "chimes", "step", 0].name))
    octave, loud = nouns.get("corruption", "octave"), nouns.get("encoder", "loud")
    (prepared,) = bench.cache.glob("datasets/*/manifest.csv")
    found = rows(folder, "equivariance.csv")
    assert [(row["corruption"], row["severity"], row["metric"]) for row in found] == [("octave", s, "accuracy") for s in "12"]
    for row, level in zip(found, octave.levels, strict=True):
        right = []
        for clip in read_manifest(prepared):
            seed = corruption_seed("octave", 0, clip.id)
            target = int(clip.annotations["step"]) + (level if seed % 2 else -level)
            if clip.split == "test" and target in range(4):
                sound = octave.apply(read_audio(clip.path, 22_050), 22_050, level, seed)
                right.append(int(probe.predict(loud.embed(sound[None])).argmax()) == target)
        assert 0 < len(right) < 20
        assert int(row["n_test"]) == len(right)
        assert float(row["value"]) == pytest.approx(np.mean(right), abs=1e-5)
        assert np.mean(right) > 0.5  # where the labels stand still it would be 0


def test_a_label_that_cannot_be_moved_ends_nothing_else(bench):
    far = OCTAVE["body"].replace("level if seed % 2 else -level", "4 * level") + "\n"
    bench.corruption("far", (1,), far, alters=frozenset({"pitch"}))
    folder = bench.run("--corruptions", "far,hush", tasks="step,genre")
    assert len(values(folder, "step", "hush")) == 5


def test_probes_are_fitted_on_corrupted_audio_where_asked_for(bench):
    flags = ("--corruptions", "hush", "--severities", "5")
    assert values(bench.run(*flags), "genre", "hush")[0] == 0.5
    bench.calls()
    clean = scores(bench.root / "results" / "x")
    folder = bench.run(*flags, "--set", "robustness.train_on=corrupted")
    assert values(folder, "genre", "hush") == [1.0]  # soft and softer are told apart again
    assert under(scores(folder), "clean") == under(clean, "clean")
    assert bench.calls() == each("hush", (0.1,), 40)  # not the test clips again: what was made of them is kept
    assert manifest(folder)["robustness"]["train_on"] == "corrupted"
    assert bench.stored()["embeddings"] == 3


def test_another_probe_hears_nothing_again_and_other_resamples_predict_nothing_again(bench):
    flags = ("--corruptions", "hush,hiss", "--severities", "1-2")
    bench.run(*flags)
    bench.calls()
    before = {kind: {path.name for path in bench.entries(kind)} for kind in ("predictions", "corrupted-predictions", "probes")}
    folder = bench.run(*flags, "--set", "bootstrap.resamples=31")
    assert bench.calls() == {}
    assert {kind: {path.name for path in bench.entries(kind)} for kind in before} == before
    folder = bench.run(*flags, "--set", "probe.kind=mlp")
    assert bench.calls() == {}
    assert len(bench.entries("probes")) > len(before["probes"])
    assert len(values(folder, "height", "hush")) == 2


@pytest.mark.slow
def test_two_runs_at_once_do_no_job_twice(learner):
    command = learner.command("--corruptions", "hush", "--severities", "1-3", encoder="learner")
    others = [[*command, "--set", f"run_name={name}"] for name in "xyz"]
    code = "import json, sys; from mirbench import cli; sys.exit(cli.main(json.loads(sys.argv[1])))"
    runs = [subprocess.Popen([sys.executable, "-c", code, json.dumps(other)], stdout=subprocess.DEVNULL) for other in others]
    assert [run.wait(120) for run in runs] == [0, 0, 0]
    assert learner.calls() == {("pretrain", "0"): 1} | each("hush", HUSH["levels"][:3])
    one, *rest = [scores(learner.root / "results" / name) for name in "xyz"]
    assert rest == [one, one]
    assert [path.name for path in (learner.cache / "locks").iterdir()] == ["in-use.lock"]


def test_what_is_made_under_corruption_is_kept_within_the_budget(bench):
    flags = ("--corruptions", "hush", "--severities", "1-2")
    bench.run(*flags, "--set", "keep_megabytes=0")
    assert bench.entries("corrupted-embeddings") == bench.entries("corrupted-predictions") == []
    bench.calls()
    bench.run(*flags, "--set", "probe.kind=mlp")
    assert bench.calls() == each("hush", HUSH["levels"][:2])
    assert len(bench.entries("corrupted-embeddings")) == 2


def test_a_skipped_task_gets_no_probe_on_corrupted_audio(bench):
    bench.run("--corruptions", "stretch", "--set", "robustness.train_on=corrupted", tasks="colour,step")
    assert bench.stored()["probes"] == 3  # two on clean audio, and that of step
    assert bench.calls() == each("stretch", (1,), 60)


@pytest.mark.slow
def test_replicates_differ_and_order_does_not_matter(bench):
    first = scores(bench.run("--corruptions", "hiss,hush"))
    bench.cache = bench.root / "other"
    assert scores(bench.run("--corruptions", "hush,hiss")) == first
    second = scores(bench.run("--corruptions", "hush,hiss", "--set", "robustness.replicate=1"))
    assert under(second, "hush", "clean") == under(first, "hush", "clean")  # which draw nothing
    noisy = [about for about in under(first, "hiss") if about[1] == "height"]
    assert len(noisy) == 5
    assert all(second[about] != first[about] for about in noisy)


def test_a_corruption_of_fewer_levels_is_scored_at_those(bench):
    folder = bench.run("--corruptions", "octave,hush", "--severities", "2-4")
    severities = {name: {row["severity"] for row in rows(folder) if row["corruption"] == name} for name in ("octave", "hush")}
    assert severities == {"octave": {"2"}, "hush": {"2", "3", "4"}}


def test_the_highest_sample_rate_is_that_of_corruption(bench):
    bench.plugin("fine", LOUD.replace('"loud"', '"fine"\n    sample_rate = 48_000').replace("Loud", "Fine"))
    assert manifest(bench.run("--corruptions", "hush", "--severities", "1"))["robustness"]["sample_rate"] == 22_050
    folder = bench.run("--corruptions", "hush", "--severities", "1", encoder="loud,fine")
    assert manifest(folder)["robustness"]["sample_rate"] == 48_000
    assert all(numbers[0] == "1" for about, numbers in scores(folder).items() if about[2] == "accuracy" and about[0] != "majority")
    folder = bench.run("--corruptions", "hush", "--severities", "1", "--set", "robustness.sample_rate=8000", encoder="loud,fine")
    assert manifest(folder)["robustness"]["sample_rate"] == 8000


@pytest.mark.parametrize("given", ["0", "6", "1-9", "x", "5-1", "", "1-", "2.5", "1-99999"])
def test_a_severity_that_is_none_is_refused_in_a_sentence(bench, given, capsys):
    assert cli.main(bench.command("--corruptions", "hush", "--severities", given)) == 2
    error = capsys.readouterr().err
    assert error.startswith("mirbench: --severities: severities should be severities from 1 to 5, such as 1-3 or [1, 3, 5], not ")
    assert error.count("\n") == 1
    assert not bench.cache.exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--corruptions", "hus"), "no corruption is named 'hus'; did you mean 'hush'? Known: "),
        (("--corruptions", "hush,none"), "--corruptions: corruptions should be a list of names, such as [white-noise, mp3], or all, or "),
        (("--set", "robustness.baseline=loude"), "no encoder of this run is named 'loude'; did you mean 'loud'? Known: loud."),
        (("--set", "robustness.train_on=both"), "--set robustness.train_on=both: robustness.train_on should be clean or corrupted, not "),
        (
            ("--set", "robustness.replicate=-1"),
            "--set robustness.replicate=-1: robustness.replicate should be a whole number of at least 0",
        ),
    ],
)
def test_mistakes_are_told_in_a_sentence(bench, more, sentence, capsys):
    assert cli.main(bench.command(*more)) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"mirbench: {sentence}")
    assert error.count("\n") == 1
    assert not (bench.root / "results").exists()


@pytest.mark.slow
def test_the_baseline_is_the_one_that_was_named(bench):
    bench.plugin("twin", LOUD.replace('"loud"', '"twin"').replace("Loud", "Twin"))
    flags = ("--corruptions", "hiss", "--set", "robustness.baseline=twin")
    folder = bench.run(*flags, encoder="loud,twin")
    assert manifest(folder)["robustness"]["baseline"] == "twin"
    ce = {(row["encoder"], row["baseline"]): float(row["value"]) for row in rows(folder, "robustness.csv") if row["measure"] == "mce"}
    assert ce == {("loud", "twin"): 1.0, ("twin", "twin"): 1.0}
    differences = {float(row["difference"]) for row in rows(folder, "robustness_comparisons.csv")}
    assert differences == {0.0}  # both heard the same noise


def test_none_is_as_if_nothing_had_been_said(bench):
    folder = bench.run()
    stamp = (folder / "manifest.json").stat().st_mtime_ns
    assert bench.run("--corruptions", "none") == folder
    assert (folder / "manifest.json").stat().st_mtime_ns == stamp
    assert "robustness" not in manifest(folder)


def test_nothing_to_score_is_told(bench, capsys):
    """Severities that a corruption does not have are not passed over in silence."""
    assert cli.main(bench.command("--corruptions", "octave", "--severities", "3-5")) == 2
    assert capsys.readouterr().err == (
        "mirbench: corruption 'octave' has severities 1 to 2, and 3, 4, 5 was asked for; ask for one that it has.\n"
    )
    assert not (bench.root / "results").exists()


@pytest.fixture
def learner(bench):
    bench.plugin("learner", LOG.format(folder=str(bench.root)) + LEARNER)
    return bench


def sweep(bench, folder, *more):
    return cli.main(["sweep", *map(str, [folder]), *bench.places, *more])


def test_a_sweep_is_added_to_a_finished_run_without_pretraining_again(learner):
    folder = learner.run("--seeds", "2", encoder="learner")
    first, clean, stamps = manifest(folder), scores(folder), {p: p.stat().st_mtime_ns for p in learner.cache.rglob("checkpoints/*/*")}
    assert learner.calls() == {("pretrain", "0"): 1, ("pretrain", "1"): 1}
    assert sweep(learner, folder, "--corruptions", "hush", "--severities", "4-5") == 0
    assert learner.calls() == each("hush", (0.2, 0.1))
    assert {p: p.stat().st_mtime_ns for p in learner.cache.rglob("checkpoints/*/*")} == stamps
    assert [path.name for path in folder.parent.iterdir()] == ["x"]
    assert under(scores(folder), "clean") == clean
    assert {(row["seed"], row["severity"]) for row in rows(folder) if row["corruption"] == "hush"} == {(a, b) for a in "01" for b in "45"}
    told = manifest(folder)
    assert set(told["encoders"]["learner"]["checkpoints"]) == {"0", "1"}
    assert told["pretrained_by"] == {name: first[name] for name in ("command", "git_commit", "versions", "machine")}
    assert "sweep" in told["command"]
    asked = learner.run("--seeds", "2", "--corruptions", "hush", "--severities", "4-5", encoder="learner")
    assert learner.calls() == {}  # the same run in one go finds all of it
    assert scores(asked) == scores(folder)


def test_a_second_sweep_adds_to_the_first_and_none_is_refused(learner, capsys):
    folder = learner.run(encoder="learner")
    assert sweep(learner, folder, "--corruptions", "hush", "--severities", "1,3") == 0
    assert sweep(learner, folder, "--corruptions", "hiss", "--severities", "2") == 0
    found = {(r["corruption"], r["severity"]) for r in rows(folder)} - {("clean", "0")}
    assert found == {(name, severity) for name in ("hush", "hiss") for severity in "123"}
    assert sweep(learner, folder, "--corruptions", "none") == 2
    assert capsys.readouterr().err.endswith("and none was asked for; name some, or all.\n")
    assert (folder / "robustness.csv").exists()


@pytest.mark.slow
def test_a_sweep_after_one_under_a_corruption_that_is_gone_asks_for_its_plugin(learner, capsys):
    folder = learner.run("--corruptions", "hush", encoder="learner")
    learner.plugins = [path for path in learner.plugins if "hush" not in path]
    assert sweep(learner, folder, "--corruptions", "hiss") == 2
    sentence = f"{folder} was scored under 'hush', which no plugin provides; name its plugin with --plugin FILE."
    assert capsys.readouterr().err == f"mirbench: {sentence}\n"


def test_scores_that_another_run_keeps_taking_away_are_told(bench, monkeypatch, capsys):
    monkeypatch.setattr(LocalExecutor, "run", lambda self, graph, outcome=None, read=(): outcome or Outcome())
    assert cli.main(bench.command("--corruptions", "hush")) == 2
    said = "1 job is still not done, the first overlaps: training clips in chimes; another run may share the cache"
    assert said in capsys.readouterr().err
    monkeypatch.setattr("mirbench.experiment.run._refuse", lambda planned, executor, outcome: planned)
    assert cli.main(bench.command("--corruptions", "hush")) == 2
    assert "jobs are still not done, the first datasets: chimes; another run may share the cache" in capsys.readouterr().err


@pytest.mark.slow
def test_overlaps_that_another_run_took_away_once_are_looked_for_again(bench, monkeypatch):
    gone, real = [FileNotFoundError(2, "gone")], run.read_overlap

    def taken_once(*args):
        if gone:
            raise gone.pop()
        return real(*args)

    monkeypatch.setattr("mirbench.experiment.run.read_overlap", taken_once)
    assert cli.main(bench.command("--corruptions", "hush")) == 0
    assert not gone


@pytest.mark.slow
def test_a_sweep_takes_the_checkpoint_of_the_run_although_the_encoder_has_changed(learner):
    folder = learner.run(encoder="learner")
    clean = scores(folder)
    learner.plugin("learner", (learner.root / "learner.py").read_text().replace("str(job.options", "str(7 + job.options"))
    learner.calls()
    assert sweep(learner, folder, "--corruptions", "hush") == 0
    assert ("pretrain", "0") not in learner.calls()
    assert len(values(folder, "height", "hush")) == 5
    assert under(scores(folder), "clean") == clean


def test_a_sweep_of_a_run_on_a_given_checkpoint(learner, capsys):
    assert cli.main(["pretrain", "learner", *learner.places, "--dataset", "chimes"]) == 0
    checkpoint = capsys.readouterr().out.strip()
    command = learner.command("--checkpoint", checkpoint)
    assert cli.main([part for part in command if part not in ("--encoder", "loud")]) == 0
    folder = learner.root / "results" / "x"
    assert sweep(learner, folder, "--corruptions", "hush") == 0, capsys.readouterr().err
    assert len(values(folder, "height", "hush")) == 5


def test_a_sweep_of_the_folder_that_one_is_in(learner, monkeypatch):
    folder = learner.run(encoder="learner")
    monkeypatch.chdir(folder)
    assert sweep(learner, ".", "--corruptions", "hush") == 0
    assert len(values(folder, "height", "hush")) == 5
    assert [path.name for path in folder.parent.iterdir()] == ["x"]


def test_a_sweep_of_what_is_no_run_is_refused(bench, capsys):
    (bench.root / "empty").mkdir()
    assert sweep(bench, bench.root / "nowhere", "--corruptions", "hush") == 2
    assert capsys.readouterr().err == (
        f"mirbench: {bench.root}/nowhere is not a run folder (no such folder); give a folder that `mirbench run` wrote.\n"
    )
    assert sweep(bench, bench.root / "empty", "--corruptions", "hush") == 2
    assert capsys.readouterr().err == (
        f"mirbench: {bench.root}/empty is not a run folder (no manifest.json); give a folder that `mirbench run` wrote.\n"
    )


def test_a_sweep_without_the_checkpoint_is_refused_and_leaves_the_run_as_it_is(learner, capsys):
    folder = learner.run(encoder="learner")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    cache, learner.cache = learner.cache, learner.root / "elsewhere"
    assert sweep(learner, folder, "--corruptions", "hush") == 2
    assert capsys.readouterr().err == (
        f"mirbench: the checkpoint of learner, seed 0 is no longer in {learner.cache}; name the cache that the run was made with by "
        "--cache, or make the run again.\n"
    )
    learner.cache = cache
    for more in (("--corruptions", "hus"), ("--corruptions", "hush", "--severities", "9")):
        assert sweep(learner, folder, *more) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_sweep_that_is_stopped_while_it_writes_can_be_given_again(learner, monkeypatch):
    folder = learner.run(encoder="learner")
    clean = scores(folder)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gathered.robustness, "across_tasks", stop)
        assert sweep(learner, folder, "--corruptions", "hush") == 130
    assert sweep(learner, folder, "--corruptions", "hush") == 0
    assert under(scores(folder), "clean") == clean
    assert learner.calls() == {("pretrain", "0"): 1} | each("hush", HUSH["levels"])
    assert len(values(folder, "height", "hush")) == 5


def test_a_plan_of_a_sweep_counts_what_is_left(learner, capsys):
    folder = learner.run(encoder="learner")
    capsys.readouterr()
    assert sweep(learner, folder, "--corruptions", "hush", "--severities", "1-2", "--plan", "--verbose") == 0
    first = capsys.readouterr().out.splitlines()
    assert (
        sum(line.startswith("  to do") for line in first) == 1 + 2 + 4 + 4 + 2 + 2
    )  # overlap, embeddings, predictions, scores, similarities, decisions
    assert learner.calls() == {("pretrain", "0"): 1}
    assert sweep(learner, folder, "--corruptions", "hush", "--severities", "1-2") == 0
    capsys.readouterr()
    assert sweep(learner, folder, "--corruptions", "hush", "--severities", "1-2", "--plan", "--verbose") == 0
    assert not any(line.startswith("  to do") for line in capsys.readouterr().out.splitlines())


def test_a_mean_over_one_corruption_is_the_same_test_as_that():
    def row(corruption, p, difference=0.1, task="key"):
        return {
            "task": task,
            "dataset": "mini",
            "encoder": "a",
            "baseline": "b",
            "difference": difference,
            "p": p,
            "corruption": corruption,
        }

    rows = [
        row("noise", 0.01),
        row("low-pass", 0.04),
        row("mp3", 0.04),
        row("seen", 0.01),
        row("all", 0.03),
        row("noise", 0.02, task="pitch"),
    ]
    gathered.correct([*rows, nothing := row("all", math.nan, math.nan)], {"seen", "all"})
    assert [each["p_holm"] for each in rows] == pytest.approx([0.05, 0.09, 0.09, 0.05, 0.09, 0.08])
    assert math.isnan(nothing["p_holm"])
