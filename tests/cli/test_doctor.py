"""`mirbench doctor`: what it finds, what mends it, and what it tells nobody."""

import importlib
import json
import shutil
import subprocess
import sys
import tomllib
from collections import namedtuple
from pathlib import Path

import pytest

import mirbench
from mirbench import cli, registry
from mirbench.cli import doctor
from mirbench.experiment.doctor import place, software, speed
from mirbench.experiment.doctor.checks import Check, without_paths, worst
from mirbench.experiment.doctor.speed import BUSY, SLOW, USUAL, Speed, busy, judged

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture
def asked(tmp_path, capsys, monkeypatch):
    """(*words) -> the exit code and what is said, without the benchmark."""
    monkeypatch.setenv("MIRBENCH_DATA", "")

    def asked(*words):
        flags = ["--no-benchmark", "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results")]
        code = cli.main(["doctor", *flags, *words])
        return code, capsys.readouterr().out

    return asked


def by_name(checks):
    return {each.name: each for each in checks}


def test_where_all_is_well(asked, tmp_path):
    code, page = asked()
    assert code == 0
    assert "\n  ok torch:" in page
    assert f"{tmp_path}/cache will be made ok results:" in " ".join(page.split())
    assert "  ok locks:" in page
    assert not list(tmp_path.iterdir())  # it makes nothing
    assert max(len(line) for line in page.splitlines() if "->" not in line and str(tmp_path) not in line) <= 79


def test_a_plugin_that_failed_is_an_error_and_named(asked, monkeypatch, built_in):
    failure = registry.plugins.Failure("broken", "broken 1.0", "ZeroDivisionError: division by zero", "")
    monkeypatch.setattr(software, "_plugins", lambda found, real=software._plugins: (found.failures.append(failure), real(found))[1])
    code, page = asked()
    assert code == 2
    assert " ".join(page.split()).count(
        "of broken 1.0, failed to load: ZeroDivisionError: division by zero -> mirbench list plugins broken"
    )
    assert "Something does not work: plugin broken; the lines with -> mend it." in page


def test_a_report_tells_no_paths_and_names(asked, tmp_path, monkeypatch):
    home = tmp_path / "home of ann"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LOGNAME", "annabella")
    code, text = asked("--json", "--data-root", str(home / "my data"))
    report = json.loads(text)
    assert (code, report["state"]) == (2, "error")
    assert report["mirbench"] == mirbench.__version__
    assert not any(word in text for word in ("ann", str(tmp_path), "my data"))
    (check,) = (each for each in report["checks"] if each["name"] == "data root")
    assert check["words"] == "PATH, where published data sets are looked for, is no folder"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/a/b c/d.py: no", "PATH: no"),
        ("in ~/songs/x.wav.", "in PATH"),
        (r"at C:\Users\ann\x.py", "at PATH"),
        ("by annabella", "by USER"),
        ("1/2 of pip/x and http://x.org/y", "1/2 of pip/x and http://x.org/y"),
    ],
)
def test_paths_of_any_kind_are_left_out(text, told, monkeypatch):
    monkeypatch.setenv("LOGNAME", "annabella")
    assert without_paths(text, ["/a/b c"]).removesuffix(".") == told


def test_an_old_python_and_a_pair_that_does_not_fit(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert software._python().state == "error"
    versions = {"torch": "2.11.0+cpu", "torchaudio": "2.9.0"}
    monkeypatch.setattr(software, "_version", lambda name: versions.get(name, ""))
    check = software._pair()
    assert (check.state, check.words) == ("error", "torch 2.11.0+cpu, torchaudio 2.9.0: they have to be of the same release")
    versions["torchaudio"] = "2.11.0"
    assert software._pair().state == "ok"

    def broken(name):
        raise OSError("undefined symbol")

    monkeypatch.setattr(importlib, "import_module", broken)
    assert "torch cannot be imported (OSError: undefined symbol)" in software._pair().words
    assert software._pair().mend == software.PAIR
    del versions["torchaudio"]
    assert "torchaudio is missing" in software._pair().words


def test_what_it_knows_of_packages_is_what_the_project_says():
    project = tomllib.loads(PROJECT.read_text())["project"]
    pair = [each.split("#")[0].strip() for each in project["dependencies"] if each.startswith("torch")]
    assert f"pip install {' '.join(repr(each) for each in pair)}" == software.PAIR
    assert project["requires-python"] == ">={}.{},<{}.{}".format(*software.OLDEST, *software.TOO_NEW)
    offered = {name for name in project["optional-dependencies"] if name not in ("gather", "test", "docs")}
    assert set(software.EXTRAS) == set(software.FOR) == offered
    for name, packages in software.EXTRAS.items():
        declared = {each.split(">")[0].split("=")[0] for each in project["optional-dependencies"][name]}
        assert set(packages) <= declared


def test_a_codec_that_is_not_there(monkeypatch):
    import soundfile

    write = soundfile.write

    def without_mp3(file, *about, format, **more):
        if format == "MP3":
            raise soundfile.SoundFileError("unknown format")
        write(file, *about, format=format, **more)

    monkeypatch.setattr(soundfile, "write", without_mp3)
    check = software._codecs()
    assert check.state == "warning"
    assert check.words.endswith("reads wav, flac, ogg, opus, but not mp3")


def test_a_place_that_cannot_be_written_to(tmp_path, monkeypatch):
    def refuse(**about):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(place.tempfile, "TemporaryFile", refuse)
    checks = by_name(place.place(tmp_path / "cache", tmp_path))
    assert checks["cache"].words == f"nothing can be written to {tmp_path}/cache (Permission denied)"
    assert checks["cache"].state == checks["results"].state == "error"
    assert "MIRBENCH_CACHE" in checks["cache"].mend


@pytest.mark.parametrize(("free", "state"), [(6e9, "ok"), (4e9, "warning"), (4e8, "error")])
def test_a_disk_that_is_full(tmp_path, monkeypatch, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: namedtuple("Usage", "total used free")(1e12, 1e12 - free, free))
    assert by_name(place.place(tmp_path, tmp_path))["disk"].state == state


@pytest.mark.parametrize("answers", [(None, None), (True, True)])
def test_a_file_system_without_locks(tmp_path, monkeypatch, answers):
    left = iter(answers)
    monkeypatch.setattr(place, "lock", lambda handle: next(left))
    check = by_name(place.place(tmp_path, tmp_path))["locks"]
    assert (check.state, check.mend[:21]) == ("warning", "export MIRBENCH_CACHE")


@pytest.mark.parametrize(
    ("environment", "state", "mend"),
    [
        ({}, "note", place.ALONE),
        ({"OMP_NUM_THREADS": "1"}, "note", place.ALONE),
        ({"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}, "ok", ""),
        ({"OMP_NUM_THREADS": "16"}, "warning", "export OMP_NUM_THREADS=4"),
    ],
)
def test_threads(environment, state, mend):
    checks = by_name(place.threads(environment, 4, 8))
    assert (checks["threads"].state, checks["threads"].mend) == (state, mend)
    assert checks["cores"].words == "4 of 8"


def test_data_sets_that_are_there(tmp_path):
    """One in part, and the others not at all."""
    (tmp_path / "gtzan" / "genres" / "blues").mkdir(parents=True)
    (tmp_path / "gtzan" / "genres" / "blues" / "blues.00000.wav").write_bytes(b"x")
    published = {name: registry.load().datasets[name] for name in ("gtzan", "giantsteps", "mini")}
    checks = by_name(place.datasets(published, tmp_path))
    assert (checks["gtzan"].state, checks["gtzan"].mend) == ("warning", "mirbench data verify gtzan")
    assert checks["not on this disk"].words == "giantsteps"
    assert set(checks) == {"gtzan", "not on this disk"}


def test_how_fast_it_is_beside_what_is_usual():
    assert [judged(Speed(what, SLOW * usual * 1.01, 1.0)).state for what, usual in USUAL.items()] == ["ok"] * 3
    assert [judged(Speed(what, SLOW * usual * 0.99, 1.0)).state for what, usual in USUAL.items()] == ["warning"] * 3
    assert (busy(BUSY).state, busy(BUSY - 0.01).state) == ("ok", "note")


def test_the_benchmark_runs_and_leaves_torch_as_it_was():
    import torch

    threads = torch.get_num_threads()
    found = list(speed.measure(seconds=0.0))
    assert [each.what for each in found] == list(USUAL) == list(speed.WHAT)
    assert all(each.per_second > 0 and 0 <= each.share <= 1 for each in found)
    assert torch.get_num_threads() == threads


def test_a_benchmark_that_cannot_be_made_is_a_trouble(monkeypatch):
    monkeypatch.setattr(speed, "_steps", lambda: 1 / 0)
    (check,) = speed.speed()
    assert (check.state, check.words) == ("error", "could not be made: ZeroDivisionError: division by zero")


def test_the_worst_of_several():
    states = [Check("", "", state, "") for state in ("note", "error", "ok", "warning")]
    assert (worst(states), worst(states[2:]), worst([])) == ("error", "warning", "ok")


def test_its_help_imports_nothing_heavy():
    code = (
        "import sys; from mirbench import cli; code = cli.main(['doctor', '--help']);"
        "print(sorted({'torch', 'numpy', 'soundfile'} & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr == "[]\n"


@pytest.mark.parametrize("share", [BUSY - 0.1, 1.0])
def test_a_busy_machine_is_told_of_in_the_last_line(share):
    assert ("the machine is busy" in doctor._verdict([busy(share)])) == (share < BUSY)
    assert doctor._verdict([busy(share)]).startswith("All is well")
