"""The README's promises: its plugin runs as it stands there, its commands exist, its two commands are the only set-up."""

import csv
import re
from pathlib import Path

from mirbench import cli, registry
from mirbench.config import load_config
from mirbench.contenders import contenders
from mirbench.testing import check_task

README = (Path(__file__).parent.parent / "README.md").read_text()


def python_blocks():
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_task_plugin_of_the_readme_runs(tiny_run, tiny_command, tmp_path):
    (block,) = python_blocks()
    assert len(block.splitlines()) <= 30
    plugin = tmp_path / "dance.py"
    plugin.write_text(block)
    cache, _ = tiny_run
    command = tiny_command(cache, tmp_path / "results", "--plugin", str(plugin), "--tasks", "dance", "--encoder", "untrained", "--quiet")
    assert cli.main([*command, "--set", "floors=[]"]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    with open(folder / "scores.csv") as file:
        found = {(r["encoder"], r["task"], r["metric"]) for r in csv.DictReader(file)}
    assert found == {(e, "dance", m) for e in ("untrained", "majority") for m in ("accuracy", "macro_f1")}


def test_the_task_plugin_of_the_readme_passes_the_checks_for_plugin_authors():
    namespace = {}
    exec(python_blocks()[0], namespace)
    (task,) = namespace["register_tasks"]()
    check_task(task, ["reel", "chorale"])


def test_the_settings_of_the_readme_are_a_sweep_of_three_variants(tmp_path):
    (block,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "mine.yaml"
    path.write_text(block)
    found = contenders(load_config([path]), registry.load())
    swept = [c for c in found if c.values]
    assert [c.options["label_fraction"] for c in swept] == [0.05, 0.25, 1.0]
    assert [told["annotation"] for told in swept[0].options["supervision"]] == ["tags", "key", "genre"]


def test_every_mirbench_command_of_the_readme_parses(capsys):
    """Its options must be among those that the command's --help names."""
    commands = re.findall(r"mirbench ((?:run|sweep|corrupt|pretrain|report|list)\b[^`\n|]*)", README)
    assert len(commands) >= 8
    for command in commands:
        words = command.split()
        assert cli.main([words[0], "--help"]) == 0
        told = capsys.readouterr().out
        assert [w for w in words if w.startswith("--") and w not in told] == []


def test_start_has_two_commands_and_ci_calls_the_second():
    start = README.split("## Start")[1].split("##")[0]
    commands = re.findall(r"```sh\n(.*?)\n```", start, re.DOTALL)
    assert len(commands) == 2
    assert commands[0].endswith("mirbench run --encoder semisupcon --tasks all")
    assert commands[1].endswith("-m pytest")
    assert "<!-- test command -->" in start
    assert "README.md" in (Path(__file__).parent.parent / ".ci" / "run").read_text()
