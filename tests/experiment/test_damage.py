"""Damage in the cache, at equal length: it is found before it is read, named, made again, and moves no number."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small import rows

from mirbench import cli, registry
from mirbench.engine.store import DAMAGED

pytestmark = pytest.mark.usefixtures("built_in")


def spoil(path: Path) -> None:
    """The second half becomes zeros."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2].ljust(len(data), b"\0"))
    assert path.read_bytes() != data


def numbers(folder: Path) -> list[dict[str, str]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows(folder)]


@pytest.fixture
def copy(tiny_run, tmp_path):
    """(a copy of the cache of the finished run, that run)."""
    cache, folder = tiny_run
    shutil.copytree(cache, tmp_path / "cache", copy_function=shutil.copy2)
    return tmp_path / "cache", folder


def largest(cache: Path, kind: str, pattern: str = "*") -> Path:
    files = [path for path in (cache / kind).rglob(pattern) if path.is_file() and not path.name.startswith(".")]
    return max(files, key=lambda path: path.stat().st_size)


@pytest.mark.parametrize(
    ("kind", "pattern", "removed"),
    [
        pytest.param("datasets", "*.flac", ["embeddings"], marks=pytest.mark.slow),  # audio is compared when it is to be heard
        ("datasets", "manifest.csv", []),
        pytest.param("checkpoints", "*.safetensors", [], marks=pytest.mark.slow),
        ("embeddings", "*.npy", []),
        pytest.param("embeddings", "ids.json", [], marks=pytest.mark.slow),
        pytest.param("probes", "*.skops", [], marks=pytest.mark.slow),
        ("predictions", "*.npz", []),
        ("scores", "report.json", []),
        pytest.param("scores", "*.npy", [], marks=pytest.mark.slow),
    ],
)
def test_damage_is_named_and_made_again(copy, tiny_command, tmp_path, capsys, monkeypatch, kind, pattern, removed):
    monkeypatch.setenv("MIRBENCH_QUIET", "0")
    cache, before = copy
    spoil(largest(cache, kind, pattern))
    for other in removed:
        shutil.rmtree(cache / other)
    assert cli.main(tiny_command(cache, tmp_path / "results")) == 0
    (after,) = (tmp_path / "results").iterdir()
    assert numbers(after) == numbers(before)
    assert f"mirbench: {kind} " in (said := capsys.readouterr().err)
    assert "is not as it was written" in said
    assert len(list((cache / DAMAGED).iterdir())) == 1
    (told,) = json.loads((after / "manifest.json").read_text())["damaged"]
    assert told["kind"] == kind
    assert told["file"] == largest(Path(told["folder"]).parent, Path(told["folder"]).name, pattern).relative_to(told["folder"]).as_posix()


@pytest.mark.slow
def test_damaged_bands_that_pretraining_hears_are_made_again(copy, tiny_command, tmp_path):
    cache, before = copy
    for name in ("first", "second"):
        shutil.rmtree(cache / "checkpoints")
        assert cli.main(tiny_command(cache, tmp_path / name)) == 0
        (folder,) = (tmp_path / name).iterdir()
        assert numbers(folder) == numbers(before)
        for path in (cache / "audio_cache").glob("*/frames.bin") if name == "first" else ():  # of the copy, and of what it is a copy of
            spoil(path)
    told = json.loads((folder / "manifest.json").read_text())["damaged"]
    assert {(each["kind"], each["file"]) for each in told} == {("audio_cache", "frames.bin")}


@pytest.mark.slow
def test_a_changed_digit_in_the_run_folder_is_told_and_mended(copy, tiny_command, tmp_path, capsys, monkeypatch):
    cache, before = copy
    command = tiny_command(cache, tmp_path / "results")
    assert cli.main(command) == 0
    (folder,) = (tmp_path / "results").iterdir()
    for name in ("scores.csv", next(iter(path.relative_to(folder).as_posix() for path in (folder / "predictions").iterdir()))):
        text = (folder / name).read_text()
        place = text.rindex("0.")
        (folder / name).write_text(text[: place + 2] + str((int(text[place + 2]) + 1) % 10) + text[place + 3 :])
        monkeypatch.setenv("MIRBENCH_QUIET", "0")
        assert cli.main(["report", str(folder)]) == 2
        assert f"{folder / name} is not as the run wrote it" in capsys.readouterr().err
        assert cli.main(command) == 0
        assert f"mirbench: {folder / name} is not as the run wrote it, and is written again." in capsys.readouterr().err
        assert (folder / name).read_text() == text
        assert json.loads((folder / "manifest.json").read_text())["damaged"] == [{"kind": "results", "file": name}]
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"n_test": ', '"n_test": 1', 1))
    assert cli.main(["report", str(folder)]) == 2
    assert f"{manifest} is not as the run wrote it; give the command of the run again" in capsys.readouterr().err
    assert cli.main(command) == 0
    assert f"mirbench: {manifest} is not as the run wrote it, and is written again." in capsys.readouterr().err
    assert numbers(folder) == numbers(before)


@pytest.mark.slow
def test_the_same_command_three_times_at_once_ends_right_three_times(copy, tiny_command, tmp_path):
    cache, before = copy
    shutil.rmtree(cache / "scores")
    code = "import sys; from mirbench import cli; sys.exit(cli.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *tiny_command(cache, tmp_path / "results")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    (folder,) = [path for path in (tmp_path / "results").iterdir() if path.is_dir()]
    assert numbers(folder) == numbers(before)
    assert (folder / "report.html").is_file()
    assert len({out for out, _ in told}) == 1
    assert [path.name for path in (tmp_path / "results").iterdir() if not path.is_dir()] == []  # no lock


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("mount"), reason="mounts a folder to be read only")
def test_a_cache_that_cannot_be_written_serves_finished_runs_and_plans(copy, tiny_command, tmp_path, capsys):
    cache, before = copy
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    if subprocess.run(["mount", "--bind", cache, mounted]).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", mounted], check=True)
        assert cli.main(tiny_command(mounted, before.parent)) == 0  # the finished run
        assert cli.main(tiny_command(mounted, tmp_path / "results")) == 0  # gathered once more
        (after,) = (tmp_path / "results").iterdir()
        assert numbers(after) == numbers(before)
        capsys.readouterr()
        assert cli.main(tiny_command(mounted, tmp_path / "results", "--plan", "--set", "bootstrap.resamples=60")) == 0
        assert "scoring" in capsys.readouterr().out
        assert cli.main(tiny_command(mounted, tmp_path / "results", "--set", "bootstrap.resamples=60")) == 2
        assert "cannot write while opening the cache" in capsys.readouterr().err
    finally:
        subprocess.run(["umount", mounted], check=True)


def test_a_cache_that_is_removed_during_a_run_is_told_as_that(copy, tiny_command, tmp_path, capsys, monkeypatch):
    from mirbench.experiment.recipes import probe

    cache, _ = copy
    for kind in ("probes", "predictions", "scores"):
        shutil.rmtree(cache / kind)
    monkeypatch.setattr(probe, "write_json", lambda *_: cache.rename(tmp_path / str(os.getpid())))  # of either of two processes
    assert cli.main(tiny_command(cache, tmp_path / "results")) == 2
    assert f"the cache {cache} was removed while it was in use; run the same command again" in capsys.readouterr().err


@pytest.mark.slow
def test_a_rendering_that_was_killed_goes_on(tmp_path, tiny_plugin, monkeypatch):
    from mirbench_plugins.datasets.mini import plan as plans

    tiny = registry.load([str(tiny_plugin)]).datasets["tiny"]
    tiny.prepare(tmp_path / "whole")
    real, rendered, most = plans.render, [], 60

    def render(item, *how):
        rendered.append(item.id)
        if len(rendered) > most:
            raise KeyboardInterrupt
        return real(item, *how)

    monkeypatch.setattr(plans, "render", render)
    monkeypatch.setattr(tiny, "workers", 1)
    with pytest.raises(KeyboardInterrupt):
        tiny.prepare(tmp_path / "killed")
    first = list((tmp_path / "killed" / "audio").iterdir())
    spoil(first[0])  # of what was finished, one file is not as it was left
    rendered.clear()
    most = 10**6
    tiny.prepare(tmp_path / "killed")
    files = {path.relative_to(tmp_path / "whole"): path.read_bytes() for path in (tmp_path / "whole").rglob("*") if path.is_file()}
    assert {path: (tmp_path / "killed" / path).read_bytes() for path in files} == files
    assert first[0].stem in rendered or len(first) <= 40
    assert len(rendered) < len(files) - 1
