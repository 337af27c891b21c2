"""The README's promises: its encoder runs as it stands there, its commands exist, its commands are the only set-up, and it is short."""

import csv
import re
from pathlib import Path

from mirbench import cli, registry
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.settings.config import load_config
from mirbench.testing import check_encoder

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
(ENCODER,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_it_is_short_and_in_order():
    assert len(README.splitlines()) <= 150
    headings = re.findall(r"^## (.*)$", README, re.MULTILINE)
    assert headings == [
        "A minute", "The main job", "The tests", "Bring your own", "What you can do", "What the numbers are", "The code, and its licence"
    ]  # fmt: skip


def test_the_encoder_runs(tiny_run, tiny_command, tmp_path):
    plugin = tmp_path / "loudness.py"
    plugin.write_text(ENCODER)
    cache, _ = tiny_run
    command = tiny_command(cache, tmp_path / "results", "--plugin", str(plugin), "--tasks", "genre", "--encoder", "loudness", "--quiet")
    assert cli.main([*command, "--set", "floors=[]"]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    with open(folder / "scores.csv") as file:
        found = {(r["encoder"], r["task"], r["metric"]) for r in csv.DictReader(file) if r["task"] != "similarity"}
    assert found == {(e, "genre", m) for e in ("loudness", "majority") for m in ("accuracy", "macro_f1")}
    registry.load()


def test_the_encoder_keeps_its_promises():
    namespace = {}
    exec(ENCODER, namespace)
    (encoder,) = namespace["register_encoders"]()
    check_encoder(encoder)


def test_the_settings_of_the_method_are_a_sweep_of_three_variants(tmp_path):
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "method.md").read_text(), re.DOTALL)
    path = tmp_path / "mine.yaml"
    path.write_text(block)
    found = resolve_entries(load_config([path]), registry.load())
    swept = [c for c in found if c.values]
    assert [c.options["label_fraction"] for c in swept] == [0.05, 0.25, 1.0]
    assert [told["annotation"] for told in swept[0].options["supervision"]] == ["tags", "key", "genre"]


def test_every_command_parses(capsys):
    """Its options must be among those that the command's --help names."""
    commands = re.findall(rf"mirbench ((?:{'|'.join(cli.app.COMMANDS)})\b[^`\n|]*)", README)
    assert len(commands) >= 8
    for command in commands:
        words = command.split()
        assert cli.main([words[0], "--help"]) == 0
        told = capsys.readouterr().out
        assert [w for w in words if w.startswith("--") and w not in told] == []


def test_what_is_installed_and_run_and_that_ci_calls_the_test_command():
    first, second, third = (
        re.findall(r"```sh\n(.*?)\n```", README.split(f"## {name}")[1], re.DOTALL)[0] for name in ("A m", "The m", "The t")
    )
    assert first.endswith("mirbench run --config quick")
    assert second.endswith("mirbench run --encoder semisupcon --tasks all")
    assert third.endswith("-m pytest")
    assert first.splitlines()[0] == second.partition(" && .venv/bin/mirbench")[0]
    assert "<!-- test command -->" in README
    assert "README.md" in (ROOT / ".ci" / "run").read_text()
