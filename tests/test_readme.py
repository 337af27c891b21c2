"""The README's promises: its plugin runs as it stands there, its commands exist, its two commands are the only set-up."""

import csv
import json
import re
from pathlib import Path

import mirbench
from mirbench import cli, registry
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.settings.config import load_config
from mirbench.testing import check_dataset, check_probe, check_task

README = (Path(__file__).parent.parent / "README.md").read_text()


def python_block(hook):
    """The one that has this hook."""
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if f"def {hook}()" in block]
    assert len(block.splitlines()) <= 30
    return block


def test_the_task_plugin_of_the_readme_runs(tiny_run, tiny_command, tmp_path):
    plugin = tmp_path / "dance.py"
    plugin.write_text(python_block("register_tasks"))
    cache, _ = tiny_run
    command = tiny_command(cache, tmp_path / "results", "--plugin", str(plugin), "--tasks", "dance", "--encoder", "untrained", "--quiet")
    assert cli.main([*command, "--set", "floors=[]"]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    with open(folder / "scores.csv") as file:
        found = {(r["encoder"], r["task"], r["metric"]) for r in csv.DictReader(file) if r["task"] != "similarity"}
    assert found == {(e, "dance", m) for e in ("untrained", "majority") for m in ("accuracy", "macro_f1")}


def test_the_task_plugin_of_the_readme_passes_the_checks_for_plugin_authors():
    namespace = {}
    exec(python_block("register_tasks"), namespace)
    (task,) = namespace["register_tasks"]()
    check_task(task, ["reel", "chorale"])


def test_the_probe_plugin_of_the_readme_runs(tiny_run, tiny_command, tmp_path):
    plugin = tmp_path / "svm.py"
    plugin.write_text(python_block("register_probes"))
    assert len(plugin.read_text().splitlines()) <= 10
    cache, _ = tiny_run
    command = tiny_command(cache, tmp_path / "results", "--plugin", str(plugin), "--probe", "svm", "--tasks", "genre", "--quiet")
    assert cli.main([*command, "--encoder", "untrained", "--set", "floors=[]"]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    probes = json.loads((folder / "manifest.json").read_text())["tasks"]["genre"]["dataset"]["tiny"]["probes"]
    assert [probe["kind"] for probe in probes.values()] == ["svm"]
    check_probe(registry.load([plugin]).probes["svm"])
    registry.load()


def test_the_data_set_plugin_of_the_readme_reads_and_is_whole(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("loops.py").write_text(python_block("register_datasets"))
    rows = ["file,player,genre", *(f"{n}.wav,player {n % 20},{('funk', 'jazz')[n % 2]}" for n in range(40))]
    folder = Path("DIR/loops")
    (folder / "audio").mkdir(parents=True)
    (folder / "loops.csv").write_text("\n".join(rows) + "\n")
    for n in range(40):
        (folder / "audio" / f"{n}.wav").write_bytes(b"RIFF")  # not heard by these commands
    command = ["data", "verify", "loops", "--plugin", "loops.py", "--data-root", "DIR"]
    assert cli.main(command) == 0
    assert capsys.readouterr().out.endswith("loops is whole.\n")
    namespace = {}
    exec(python_block("register_datasets"), namespace)
    clips = check_dataset(namespace["Loops"](), folder)
    assert {clip.split for clip in clips} == {"train", "valid", "test"}
    (folder / "audio" / "7.wav").unlink()
    assert cli.main(command) == 2
    assert "missing for example audio/7.wav" in capsys.readouterr().out


def test_the_settings_of_the_readme_are_a_sweep_of_three_variants(tmp_path):
    (block,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "mine.yaml"
    path.write_text(block)
    found = resolve_entries(load_config([path]), registry.load())
    swept = [c for c in found if c.values]
    assert [c.options["label_fraction"] for c in swept] == [0.05, 0.25, 1.0]
    assert [told["annotation"] for told in swept[0].options["supervision"]] == ["tags", "key", "genre"]


def test_the_options_of_the_readme_are_what_it_says_of_them():
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "class MyOptions" in block]
    namespace = {"mirbench": mirbench}
    exec(block, namespace)
    assert dict(namespace["MyEncoder"]().options) == {"layers": 2, "pool": "mean"}
    deeper = type("Deeper", (namespace["MyOptions"],), {"layers": 8})()
    assert (deeper["layers"], deeper.declared["layers"].le) == (8, 12)


def test_every_mirbench_command_of_the_readme_parses(capsys):
    """Its options must be among those that the command's --help names."""
    commands = re.findall(r"mirbench ((?:run|sweep|corrupt|pretrain|report|embed|export|list)\b[^`\n|]*)", README)
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
