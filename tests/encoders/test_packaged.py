"""Encoders whose weights come in packages: what is said where a package is missing, and what is imported before one is used."""

import importlib.util
import subprocess
import sys
from importlib import metadata

import pytest

from mirbench import cli, registry

NEEDED = {
    "crepe": ["torchcrepe"],
    "crepe-tiny": ["torchcrepe"],
    "musicnn": ["musicnn"],
    "basic-pitch": ["basic_pitch", "onnxruntime"],
}
INSTALLS = {
    "torchcrepe": "pip install 'mirbench-audio[models]'",
    "onnxruntime": "pip install 'mirbench-audio[models]'",
    "musicnn": "pip install --no-deps musicnn==0.1.0",
    "basic_pitch": "pip install --no-deps basic-pitch==0.4.0",
}
PAIRS = [(name, package) for name, packages in NEEDED.items() for package in packages]


@pytest.fixture
def without(monkeypatch):
    """(package) -> it is not installed, and all others are."""
    find_spec = importlib.util.find_spec

    def without(package):
        there = find_spec("pytest")  # a package in the place of those that may not be here
        found = dict.fromkeys(INSTALLS, there) | {package: None}
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: found[name] if name in found else find_spec(name, *more))

    return without


@pytest.mark.parametrize(("name", "package"), PAIRS)
def test_a_package_that_is_missing_is_told_with_its_command_before_anything_is_made(name, package, without, tmp_path, capsys):
    without(package)
    code = cli.main(
        ["run", "--encoder", name, "--config", "quick", "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results")]
    )
    assert code == 2
    assert capsys.readouterr().err == f"mirbench: the encoder {name} needs the package {package}; install it by {INSTALLS[package]}.\n"
    assert not (tmp_path / "results").exists()
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".flac", ".wav")]


@pytest.mark.parametrize("name", NEEDED)
def test_the_version_of_the_weights_is_in_the_keys(name):
    package = NEEDED[name][0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    assert registry.load().encoders[name].identity({}) == f"{package} {metadata.version(package)}"


def test_they_are_listed_without_an_import_of_what_they_need():
    code = (
        "import sys; from mirbench.cli import main; main(['list', 'encoders']); [main(['list', name]) for name in %r];"
        "heavy = {'torch', 'numpy', 'librosa', 'onnxruntime', 'torchcrepe', 'musicnn', 'basic_pitch', 'tensorflow'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    assert subprocess.run([sys.executable, "-c", code % list(NEEDED)], capture_output=True, text=True, check=True).stderr == "[]\n"


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("crepe-tiny", {}, 262_768),  # five layers of (width x filters before + 1) x filters, and a scale and a shift for each filter
        ("musicnn", {"output": "tags"}, 787_000),
        ("musicnn", {"output": "pooled"}, 787_000 - (1506 * 200 + 200 + 2 * 1506) - (200 * 50 + 50 + 2 * 200)),
    ],
)  # of musicnn by its authors' count, to a thousand
def test_parameters_are_those_of_the_layers_that_run(name, options, parameters):
    if any(importlib.util.find_spec(package) is None for package in NEEDED[name]):
        pytest.skip(f"{NEEDED[name][0]} is not installed; {INSTALLS[NEEDED[name][0]]}")
    encoder = registry.load().encoders[name]
    assert encoder.count_parameters({**encoder.options, **options}) == pytest.approx(parameters, abs=1000 if name == "musicnn" else 0)
