"""What `mirbench new` writes passes `mirbench check` and its own test as it is."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from onnx_models import ABS, graph_file, onnx_file

from mirbench import cli, registry
from mirbench.cli import new
from mirbench.settings.options import encoder_options
from mirbench.testing import embedding

ENCODERS = [("encoder", "--from", source) for source in new.SOURCES]
PLUGINS = [(kind,) for kind in new.KINDS if kind != "encoder"] + ENCODERS
NEEDS = {"onnx": "onnxruntime", "hf": "transformers"}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # to which a plugin's folder is added
    monkeypatch.setattr(embedding, "MINUTES", 60.0)  # of a long clip, whose length another test looks at
    monkeypatch.setattr("mirbench.testing.corruptions.MINUTES", 60.0)
    yield tmp_path
    registry.load()


def checked_by(path):
    """What the tests of a file give the fixture `mirbench_check`, without pytest."""
    given = []
    for name, test in runpy.run_path(str(path)).items():
        if name.startswith("test_"):
            assert test.__code__.co_varnames[: test.__code__.co_argcount] == ("mirbench_check",)
            test(given.append)
    return given


SLOW = ("hf",)  # which imports transformers


@pytest.mark.parametrize("words", [pytest.param(each, marks=[pytest.mark.slow] * (each[-1] in SLOW), id=each[-1]) for each in PLUGINS])
def test_what_is_written_keeps_its_promises_and_passes_its_test(words, here, capsys):
    if (needed := NEEDS.get(words[-1])) and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    name = f"my-{words[-1]}"
    module = name.replace("-", "_")
    kind, *options = words
    assert cli.main(["new", kind, name, *options]) == 0
    told = capsys.readouterr().out
    assert f"mirbench check {module}.py" in told
    assert cli.main(["check", f"{module}.py", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["name"], found["kept"]) == (kind, name, True)
    statuses = {each["promise"]: each["status"] for each in found["promises"]}
    assert set(statuses.values()) == {"pass"}, statuses
    assert checked_by(here / f"test_{module}.py") == [here / f"{module}.py"]
    lines = [*(here / f"{module}.py").read_text().splitlines(), *(here / f"test_{module}.py").read_text().splitlines()]
    assert max(map(len, lines)) <= 140


@pytest.mark.parametrize("words", [("task",), ("encoder", "--from", "onnx")], ids=lambda words: words[-1])
def test_a_project_is_whole(words, here, capsys):
    kind, *options = words
    assert cli.main(["new", kind, "my-thing", *options, "--package"]) == 0
    project = here / "my-thing"
    assert cli.main(["check", str(project), "--quiet"]) == 0
    assert capsys.readouterr().out.endswith("promises kept.\n")
    assert checked_by(project / "tests" / "test_my_thing.py") == [project / "src" / "my_thing" / "__init__.py"]
    assert {path.name for path in project.iterdir()} == {"pyproject.toml", "README.md", ".github", "src", "tests"}
    assert "mirbench check my-thing" in (project / ".github" / "workflows" / "test.yml").read_text()
    assert "--plugin" not in (project / "src" / "my_thing" / "__init__.py").read_text()


@pytest.mark.slow
def test_a_project_is_installed_found_by_its_entry_point_and_checked(here):
    """By the parts above: written and checked as a folder."""
    assert cli.main(["new", "encoder", "my-thing", "--from", "onnx", "--package"]) == 0
    target = here / "installed"
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(target),
        "./my-thing",
    ]
    subprocess.run(install, check=True, cwd=here)
    given = {**os.environ, "PYTHONPATH": os.pathsep.join([str(target), *filter(None, sys.path)])}
    for called in ("my-thing", "mirbench-my-thing"):
        asked = subprocess.run(
            [sys.executable, "-m", "mirbench", "check", called, "--quiet"], capture_output=True, text=True, env=given, cwd=target
        )
        assert asked.stdout == "encoder 'my-thing': 23 of 23 promises kept.\n", asked.stderr
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests"], env=given, cwd=here / "my-thing", capture_output=True, text=True
    )
    assert "1 passed" in tested.stdout, tested.stdout


def test_a_model_of_ones_own_is_named_in_place_of_the_stand_in(here):
    own = here / "models" / "own.onnx"
    own.parent.mkdir()
    own.write_bytes((new.TEMPLATES / "models" / "stand-in.onnx").read_bytes())
    said = ["--rate", "16000", "--normalise", "none"]
    assert cli.main(["new", "encoder", "my-thing", "--from", "onnx", "--model", "models/own.onnx", *said]) == 0
    assert {path.name for path in here.iterdir()} == {"models", "my_thing.py", "test_my_thing.py"}
    encoder = registry.load(["my_thing.py"]).encoders["my-thing"]
    assert encoder.options["file"] == str(own.resolve())
    assert 'MODEL = Path(__file__).parent / "models/own.onnx"\n' in (here / "my_thing.py").read_text(), "so that both can be moved"
    assert cli.main(["new", "encoder", "elsewhere", "--from", "onnx", "--model", "models/own.onnx", "-o", "plugins", *said]) == 0
    assert f'MODEL = Path("{own}")\n' in (here / "plugins" / "elsewhere.py").read_text(), "not below the plugin"
    assert cli.main(["new", "encoder", "my-hub", "--from", "hf", "--model", "facebook/hubert-base-ls960"]) == 0
    assert registry.load(["my_hub.py"]).encoders["my-hub"].repository == "facebook/hubert-base-ls960"
    shutil.copytree(new.TEMPLATES / "models" / "stand-in-model", here / "models" / "hub")
    assert cli.main(["new", "encoder", "my-folder", "--from", "hf", "--model", "models/hub"]) == 0
    assert registry.load(["my_folder.py"]).encoders["my-folder"].repository == str(here / "models" / "hub")


def test_a_model_of_a_fixed_length_passes_once_its_rate_is_said(here, capsys, monkeypatch):
    onnx_file("own.onnx", ("batch", 4000), outputs=2)
    words = ["new", "encoder", "my-thing", "--from", "onnx", "--model", "own.onnx"]
    monkeypatch.setattr("sys.stdin", io.StringIO())
    for said, sentence in (
        (
            [],
            "onnx:own.onnx does not say at which sample rate it takes audio and whether audio is normalised; give --rate",
        ),
        (["--normalise", "none"], "onnx:own.onnx does not say at which sample rate it takes audio; give --rate HERTZ, as it was trained."),
        (["--normalise", "none", "--rate", "16"], "--rate 16 is no sample rate; give 1,000 to 384,000 Hz."),
        (["--normalise", "nothing", "--rate", "16000"], "--normalise nothing is unknown; give none or zero-mean-unit-variance."),
    ):
        assert cli.main([*words, *said]) == 2
        assert f"mirbench: {sentence}" in capsys.readouterr().err
    assert cli.main([*words, "--rate", "8000", "--normalise", "zero-mean-unit-variance"]) == 0
    found = registry.load(["my_thing.py"]).encoders["my-thing"]
    found.check(found.options)
    given, facts = found.input(found.options), found.facts(found.options)
    assert (given.sample_rate, given.window_seconds, given.shortest_seconds, facts.names) == (8000, 0.5, 0.5, ["mean", "squared"])
    assert found.options["normalise"] == "zero-mean-unit-variance"
    assert encoder_options(found, {"my-thing": {"layer": "mean"}})["layer"] == 0
    rows = found.load(None, {**found.options, "layer": "all"}, 0, "cpu")(np.random.default_rng(0).normal(size=(2, 4000)).astype(np.float32))
    assert rows.shape == (2, 2, 1)


@pytest.mark.parametrize("shape", [("batch", 1, "samples"), (1, 4000), (4, 4000), (4, 1, "samples")], ids=str)
def test_what_is_written_takes_every_input_that_the_address_takes(shape, here):
    file = onnx_file("own.onnx", shape, outputs=2)
    said = ["--rate", "8000", "--normalise", "none"]
    assert cli.main(["new", "encoder", "my-thing", "--from", "onnx", "--model", "own.onnx", *said]) == 0
    loaded = registry.load(["my_thing.py"])
    audio = np.random.default_rng(0).normal(size=(3, 4000)).astype(np.float32)
    rows = []
    for found in (loaded.encoders["my-thing"], loaded.add_address("onnx", file)):
        options = encoder_options(found, {found.name: {"sample_rate": 8000, "normalise": "none", "layer": "all"}})
        found.check(options)
        rows.append(found.load(None, options, 0, "cpu")(audio))
    assert rows[0].shape == (3, 2, 1)
    np.testing.assert_array_equal(*rows)


def test_a_model_that_takes_no_audio_is_not_written(here, capsys):
    graph_file("own.onnx", ABS, kind=5)
    said = ["--rate", "16000", "--normalise", "none"]
    assert cli.main(["new", "encoder", "my-thing", "--from", "onnx", "--model", "own.onnx", *said]) == 2
    assert (
        "tensor(int16), and should take (batch, samples) or (batch, 1, samples) of floats; export it with a cast" in capsys.readouterr().err
    )
    assert {path.name for path in here.iterdir()} == {"own.onnx"}


def test_what_a_models_file_says_is_not_said_again(here, capsys):
    onnx_file("own.onnx", metadata={"mirbench": '{"sample_rate": 22050, "normalises": true}'})
    words = ["new", "encoder", "my-thing", "--from", "onnx", "--model", "own.onnx"]
    assert cli.main([*words, "--rate", "16000"]) == 2
    assert "onnx:own.onnx says itself what --rate would say; leave --rate out." in capsys.readouterr().err
    assert cli.main(words) == 0
    assert "sample_rate" not in Path("my_thing.py").read_text()
    found = registry.load(["my_thing.py"]).encoders["my-thing"]
    found.check(found.options)
    assert found.input(found.options).sample_rate == 22_050


def test_rate_and_normalisation_are_asked_for_at_a_terminal(here, monkeypatch):
    onnx_file("own.onnx")
    answers = iter([16_000, "none"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda *given, **how: next(answers))
    assert cli.main(["new", "encoder", "my-thing", "--from", "onnx", "--model", "own.onnx"]) == 0
    assert "sample_rate = 16_000 " in Path("my_thing.py").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["tsk", "x"], "mirbench new makes no 'tsk'; did you mean 'task'? It makes one of task, encoder, dataset, corruption,"),
        (["task", "My Task"], "'My Task' is no name for it; write lower-case letters and digits with hyphens between, such as 'my-task'."),
        (["task", "all"], "'all' is no name for it; write lower-case letters and digits with hyphens between."),
        (["task", "genre"], "mirbench has a task 'genre' already; give another name."),
        (["task", "random"], "a file random.py would hide the Python module of that name; give another name, such as 'my-random'."),
        (["task", "x", "--from", "onnx"], "--from and --model are for encoders; leave --from out."),
        (["encoder", "x"], "an encoder is made of something; say what: --from callable, --from hf, --from onnx, --from torchscript."),
        (["encoder", "x", "--from", "onx"], "--from onx is unknown; did you mean 'onnx'? It is one of callable, hf, onnx, torchscript."),
        (["encoder", "x", "--from", "onnx", "--model", "no.onnx"], "there is no file no.onnx; give the model's file by --model, or leave"),
        (
            ["encoder", "x", "--from", "onnx", "--rate", "16000"],
            "--rate is for a model's file in ONNX or TorchScript, given by --model; leave it",
        ),
        (["encoder", "x", "--from", "callable", "--model", "a"], "--model is for hf, onnx and torchscript; leave it out, and write the"),
    ],
)
def test_what_cannot_be_written_is_told_in_a_sentence(words, sentence, here, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert cli.main(["new", *words]) == 2
    assert capsys.readouterr().err.startswith(f"mirbench: {sentence}")
    assert list(here.iterdir()) == []


def test_nothing_is_written_over(here, capsys):
    assert cli.main(["new", "task", "my-thing"]) == 0
    Path("my_thing.py").unlink()
    assert cli.main(["new", "task", "my-thing"]) == 2
    assert capsys.readouterr().err == "mirbench: test_my_thing.py is there already; give another name, or another folder by -o.\n"
    assert not Path("my_thing.py").exists()


def test_a_source_is_asked_for_at_a_terminal(here, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda text, default: default)
    assert cli.main(["new", "encoder", "my-thing"]) == 0
    assert "def embed(audio)" in Path("my_thing.py").read_text()


def test_every_template_is_shipped_and_used():
    """By name: a plugin of each kind, and what is beside it; those of a project; a model for each source that has one."""
    names = {path.name.removesuffix(".jinja") for path in new.TEMPLATES.glob("*.jinja")}
    kinds = {f"{kind}.py" for kind in new.KINDS if kind != "encoder"} | {f"encoder_{source}.py" for source in new.SOURCES}
    assert names == kinds | {"test_plugin.py"}
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    globs = project["tool"]["setuptools"]["package-data"]["mirbench.cli"]
    shipped = {path for glob in globs for path in new.TEMPLATES.parent.glob(glob) if path.is_file()}
    assert shipped == {path for path in new.TEMPLATES.rglob("*") if path.is_file()}
    assert {path.name for path in (new.TEMPLATES / "models").iterdir()} == {f"stand-in{e}" for e, _, _ in new.SOURCES.values() if e}
