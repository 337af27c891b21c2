"""`mirbench cache`: what lies there, in words, and what may go."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mirbench import cli
from mirbench.engine.holds import held
from mirbench.engine.jobs import Job
from mirbench.engine.store import Store
from mirbench.experiment.cached.cache import read_cache
from mirbench.experiment.cached.kinds import KINDS, OF_NONE
from mirbench.experiment.cached.runs import record_run, recorded_runs

DAY = 86_400
TITLES = {
    "embeddings": ("simclr, seed 0, mini test", 5000, 40),
    "corrupted-embeddings": ("simclr[steps=3], seed 0, mini test, white-noise, severity 3", 4000, 40),
    "scores": ("key on mini with simclr, seed 0", 100, 40),
    "checkpoints": ("semisupcon, seed 1", 3000, 2),
    "datasets": ("mini", 7000, 2),
}  # of an entry of each kind: its title, the size of its file in bytes and the days since it was used


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with an entry of each of some kinds, two runs that share one, something that is not ours, and no terminal."""
    store = Store(tmp_path / "cache")
    jobs = {}
    for kind, (title, size, days) in TITLES.items():
        jobs[kind] = job = Job(kind, title, {"title": title}, None)
        with store.writing(kind, job.key, title, job.parts) as folder:
            (folder / "file").write_bytes(b"x" * size)
        os.utime(store.folder(kind, job.key), (time.time() - days * DAY,) * 2)
    (store.root / "notes").mkdir()
    (store.root / "notes" / "mine.txt").write_text("mine")
    (tmp_path / "results" / "old-run").mkdir(parents=True)
    old = [jobs["embeddings"], jobs["corrupted-embeddings"], jobs["scores"], jobs["datasets"]]
    record_run(store, "0" * 20, tmp_path / "results" / "old-run", old)
    record_run(store, "1" * 20, tmp_path / "results" / "new-run", [jobs["datasets"], jobs["checkpoints"]])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    return store


@pytest.fixture
def said(cache, capsys):
    """(*words) -> what `mirbench cache` says to them, which is no error."""

    def said(*words):
        assert cli.main(["cache", *words, "--cache", str(cache.root)]) == 0
        return capsys.readouterr().out

    return said


def kinds(store):
    return {each.kind for each in read_cache(store.root).inventory.entries}


def test_all_there_is_by_kind_data_set_encoder_and_run(said):
    page = said()
    lines = {line.split()[0]: line for line in page.splitlines() if line.startswith("  ")}
    assert lines["embeddings"].split()[1:4] == ["1", "5.2", "kB"]
    assert lines["embeddings"].endswith("40 d ago    embeddings of clean clips")
    assert lines["mini"].split()[1] == "4"
    assert lines["simclr"].split()[1] == "3"
    assert lines["semisupcon"].split()[1] == "1"
    assert lines["old-run"].split()[1] == "4"
    assert lines["new-run"].endswith("(its folder is gone)")
    assert page.index("datasets") < page.index("embeddings") < page.index("checkpoints")
    assert "left alone\n         4 B  notes" in page
    assert max(map(len, page.splitlines())) <= 86


def test_it_is_there_for_programs(said, cache):
    about = json.loads(said("--json"))
    assert about["bytes"] == sum(path.stat().st_size for path in cache.root.rglob("*") if path.is_file())
    assert {name: share["count"] for name, share in about["encoders"].items()} == {"simclr": 3, "semisupcon": 1, "": 1}
    old, new = sorted(about["runs"], key=lambda run: run["name"], reverse=True)
    assert old["bytes"] - old["own"] == new["bytes"] - new["own"] == about["kinds"]["datasets"]["bytes"]
    assert about["strange"] == {"notes": 4}


def test_what_another_cache_holds_is_merged_with_what_its_runs_used(cache, tmp_path, capsys):
    other = tmp_path / "other"
    assert cli.main(["cache", "merge", str(cache.root), "--into", str(other)]) == 0
    head, *kinds_copied = capsys.readouterr().out.splitlines()
    assert head == f"{cache.root}: 5 entries (19.1 kB) copied into {other}; 0 (0 B) were there."
    assert {line.split()[0] for line in kinds_copied} == set(TITLES)
    assert {run.name for run in recorded_runs(Store(other))} == {"old-run", "new-run"}
    assert cli.main(["cache", "--cache", str(other), "merge", str(cache.root)]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{cache.root}: 0 entries (0 B) copied into {other}; 5 (19.1 kB) were there."]


def test_a_folder_of_the_cache_in_words(said, cache):
    (folder,) = (cache.root / "scores").iterdir()
    for name in (folder.name, folder.name[:8], str(folder)):
        page = said("show", name)
        assert page.startswith("scores key on mini with simclr, seed 0\n  is:         scores with their resamples\n")
        assert "  without it: all that leads to a score anew\n" in page
        assert "results/old-run\n" in page
    assert '    title = "key on mini with simclr, seed 0"\n' in page
    assert said("show", "maps") == "maps: test clips in two dimensions.\n  without them: embedding and mapping anew\n  there are none\n"
    assert "semisupcon, seed 1\n" in said("show", "checkpoints")
    assert json.loads(said("show", folder.name, "--json"))["runs"] == ["0" * 20]


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        (["--kind", "embeddings"], {"embeddings"}),
        (["--older", "30d"], {"embeddings", "corrupted-embeddings", "scores"}),
        (["--older", "30d", "--kind", "scores,checkpoints"], {"scores"}),
        (["--run", "old-run"], {"embeddings", "corrupted-embeddings", "scores"}),
        (["--run", "new-run"], {"checkpoints"}),
        (["--to", "17kB"], {"corrupted-embeddings"}),
        (["--to", "13kB"], {"corrupted-embeddings", "embeddings"}),
        (["--to", "12kB", "--kind", "checkpoints"], {"checkpoints"}),
        (["--to", "20GB"], set()),
        (["--older", "60d"], set()),
    ],
)
def test_what_is_chosen_is_removed_and_nothing_without_yes(said, cache, words, gone):
    before = kinds(cache)
    listed = said("prune", *words)
    assert kinds(cache) == before
    assert {kind for kind in before if f"\n  {kind} " in listed} == gone
    assert ("Nothing was removed." in listed) == bool(gone)
    removed = said("prune", *words, "--yes")
    assert kinds(cache) == before - gone
    assert (f"Removed {len(gone)} entr" in removed) == bool(gone)
    assert (cache.root / "notes" / "mine.txt").is_file()
    assert not list(cache.root.rglob(".part-*"))


def test_at_a_terminal_it_asks(said, cache, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    answers = iter([False, True])
    monkeypatch.setattr("typer.confirm", lambda text: next(answers))
    assert said("prune", "--kind", "scores").endswith("Nothing was removed.\n")
    assert "scores" in kinds(cache)
    assert "Removed 1 entry" in said("prune", "--kind", "scores")
    assert "scores" not in kinds(cache)


def test_what_a_run_may_use_stays_and_is_told(said, cache):
    checkpoint = next((cache.root / "checkpoints").iterdir())
    with held(cache):
        cache.touch("checkpoints", checkpoint.name)
        page = " ".join(said("prune", "--older", "0h", "--yes").split())
        assert "Not removed, as it may be in use: 1 entry" in page
        assert f"process {os.getpid()} on " in page
        assert "In use by process" in said()
    assert kinds(cache) == {"checkpoints"}


def test_a_run_is_forgotten_with_its_last_entry(said, cache):
    said("prune", "--run", "new-run", "--yes")
    assert len(recorded_runs(cache)) == 2  # of which it has the data set
    said("prune", "--kind", "datasets", "--yes")
    assert [run.name for run in recorded_runs(cache)] == ["old-run"]


def test_what_runs_share_is_told(said):
    assert "Not removed, as other runs use it too: 1 entry, 7.2 kB." in said("prune", "--run", "old-run")


def test_a_cache_that_is_not_there_or_empty(tmp_path, capsys):
    for path in (tmp_path / "none", tmp_path):
        assert cli.main(["cache", "--cache", str(path)]) == 0
        assert capsys.readouterr().out.endswith(" is empty; a run puts there what it makes.\n")
    assert cli.main(["cache", "prune", "--older", "1d", "--yes", "--cache", str(tmp_path)]) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_cache_of_an_earlier_version(said, cache):
    """Entries without a description, runs that nobody recorded, and kinds that are no more."""
    (cache.root / "scores" / ("ab" * 10)).mkdir()
    (cache.root / "hearings" / ("ab" * 10)).mkdir(parents=True)
    (cache.root / "runs" / f"{'0' * 20}.json").write_text("{")
    page = said()
    assert "old-run" not in page
    assert "of no finished run" in page
    assert "  hearings\n" in page
    assert "(made by an earlier version, or its description is damaged)" in said("show", "ab" * 10)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["prune"], "say what is to go: --older 30d, --run RUN, --kind embeddings, --to 20GB, or several of them."),
        (["prune", "--older", "soon"], "an age is a number of hours, days or weeks, such as 12h, 30d or 4w, not 'soon'."),
        (["prune", "--to", "-1"], "a size is a number of kB, MB, GB or TB, such as 20GB, not '-1'."),
        (["prune", "--kind", "embedings"], "no kind of entry is named 'embedings'; did you mean 'embeddings'?"),
        (["prune", "--run", "x"], "Known: new-run, old-run."),
        (["show", "zzz"], "is 'zzz'; give a kind ("),
        (["--json", "show", "scores"], "--all and --json are of `mirbench cache` itself, and show has options of its own."),
    ],
)
def test_mistakes_are_a_sentence(cache, words, sentence, capsys):
    words = [words[0], "show", "scores"] if words[0] == "--json" else [*words, "--cache", str(cache.root)]
    assert cli.main(["cache", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_what_mirbench_keeps_itself_can_be_shown_too(said):
    assert said("show", "runs").startswith("runs: which run used what;")


def test_a_cache_that_is_none_or_not_ours(cache, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("x")
    assert cli.main(["cache", "--cache", str(tmp_path / "file")]) == 2
    assert "is a file, and a cache is a folder" in capsys.readouterr().err
    monkeypatch.setattr(Store, "is_writable", lambda store: False)
    assert cli.main(["cache", "prune", "--older", "1d", "--yes", "--cache", str(cache.root)]) == 2
    assert "is not writable for you" in capsys.readouterr().err
    assert kinds(cache) == set(TITLES)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert cli.main(["cache", "--cache", str(cache.root)]) == 2
    assert "(Permission denied); name another by --cache." in capsys.readouterr().err


def test_a_whole_run_is_known_entry_by_entry(tiny_run):
    """Each is there, and its title names an encoder, a data set or both."""
    cache, folder = tiny_run  # in which other tests may have done more
    contents = read_cache(cache)
    (run,) = (run for run in contents.runs if run.folder == str(folder))
    entries = [each for each in contents.inventory.entries if each.name in run.names]
    assert {each.name for each in entries} == run.names
    assert {each.kind for each in entries} >= {"scores", "checkpoints", "similarities", "decisions", "maps", "costs", "datasets", "probes"}
    for entry in entries:
        subject = contents.subjects[entry.name]
        if entry.kind not in OF_NONE:
            assert subject.dataset == ("" if entry.kind in ("checkpoints", "costs") else "tiny"), entry.title
            assert subject.encoder in (("",) if entry.kind == "datasets" else ("semisupcon", "untrained", "handcrafted", "majority"))
    assert {each.kind for each in contents.inventory.entries} <= set(KINDS)


def test_it_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from mirbench import cli; code = cli.main(sys.argv[1:]);"
        "print(sorted({'torch', 'numpy', 'pandas', 'sklearn', 'scipy', 'rich'} & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    words = [sys.executable, "-c", code, "cache", "--cache", str(tmp_path)]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stderr == "[]\n"
