"""docs/plugins.md: each plugin in it keeps its promises, each command exists, and the table is that of the lists."""

import csv
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from mirbench import cli, registry
from mirbench.testing import check_backbone, check_corruption, check_dataset, check_encoder, check_probe, check_supervision, check_task
from mirbench.testing.examine import PROMISES

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line.partition("  #")[0].strip() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def noun(name):
    """The one of that name that a block provides."""
    (block,) = [block for block in BLOCKS if f'name = "{name}"' in block]
    namespace = {}
    exec(block, namespace)
    (provided,) = next(value for hook, value in namespace.items() if hook.startswith("register_"))()
    assert provided.name == name
    return provided


def test_the_encoders():
    check_encoder(noun("loudness"))
    check_encoder(noun("projection"))


def test_the_task():
    task = noun("tempo-class")
    check_task(task, ["60", "100.5", 180])
    assert [task.label(value) for value in ("60", "100.5", 180)] == ["slow", "medium", "fast"]


def test_the_data_set(tmp_path):
    import soundfile

    (tmp_path / "audio").mkdir()
    with open(tmp_path / "notes.csv", "w", newline="") as file:
        rows = [(f"{n}.wav", f"player {n}", ("flute", "oboe")[n % 2], 60 + n % 12) for n in range(40)]
        csv.writer(file).writerows([("file", "player", "instrument", "pitch"), *rows])
    for name, *_ in rows:
        soundfile.write(tmp_path / "audio" / name, np.zeros(100), 8000)
    clips = check_dataset(noun("players"), tmp_path)
    assert clips[0].annotations == {"instrument": "flute", "pitch": 60}


def test_the_corruption_and_that_a_curve_follows_one_draw():
    corruption = noun("dropouts")
    check_corruption(corruption)
    silent = [corruption.apply(np.ones(44_100, np.float32), 22_050, level, 3) == 0 for level in corruption.levels]
    assert all((mild <= harsh).all() for mild, harsh in itertools.pairwise(silent))


def test_the_supervision_and_the_backbone():
    check_supervision(noun("same-letter"), ["reel", "rock", "jazz"])
    check_backbone(noun("tiny-net"))


def test_the_probe(tmp_path):
    (block,) = [block for block in BLOCKS if "register_probes" in block]
    path = tmp_path / "svm.py"
    path.write_text(block)
    check_probe(registry.load([path]).probes["svm"])
    registry.load()


def test_the_options():
    (block,) = [block for block in BLOCKS if "class MyOptions" in block]
    namespace = {}
    exec(block, namespace)
    assert dict(namespace["MyEncoder"]().options) == {"layers": 2, "pool": "mean"}
    deeper = type("Deeper", (namespace["MyOptions"],), {"layers": 8})()
    assert (deeper["layers"], deeper.declared["layers"].le) == (8, 12)


def test_every_block_is_looked_at():
    plugins = re.findall(r'name = "([a-z-]+)"', "".join(BLOCKS))
    assert plugins == ["loudness", "projection", "tempo-class", "players", "dropouts", "same-letter", "tiny-net"]
    others = ("register_probes", "class MyOptions", "mirbench_tiny_run")
    assert [[word for word in others if word in block] for block in BLOCKS if "name =" not in block] == [[word] for word in others]


@pytest.mark.slow
def test_the_test_with_a_fixture_passes(tmp_path, monkeypatch):
    """What `mirbench_tiny_run` does is looked at in test_pytest_plugin; its block is compiled below."""
    from testing.test_pytest_plugin import run_pytest

    (block,) = [block for block in BLOCKS if "mirbench_tiny_run" in block]
    (plugin,) = [block for block in BLOCKS if 'name = "loudness"' in block]
    told = run_pytest(tmp_path, "-q", "test_mine.py", test_mine=block, loudness=plugin)
    assert "1 passed" in told.stdout, told.stdout + told.stderr


def test_every_command_of_the_page_exists(capsys):
    commands = [command.split() for command in COMMANDS]
    assert {words[1] for words in commands if words[0] == "mirbench"} == {"new", "check", "run", "corrupt", "data"}
    for words in commands:
        if words[0] != "mirbench":
            assert words[:3] == ["python", "-m", "pytest"]
            continue
        called = words[1:3] if words[1] == "data" else words[1:2]
        assert cli.main([*called, "--help"]) == 0
        told = capsys.readouterr().out
        assert [word for word in words if word.startswith("--") and word not in told] == []


def test_what_the_page_writes_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    written = [command.split()[1:] for command in COMMANDS if command.startswith("mirbench new")]
    assert len(written) >= 6
    for words in written:
        assert cli.main(words) == 0
    assert (tmp_path / "my-encoder" / "pyproject.toml").is_file()
    registry.load()


def test_the_table_of_promises_is_that_of_the_lists():
    prose = {"dataset": "data set"}
    rows = [
        f"| {prose.get(kind, kind)} | {each.name} | {each.about} | {each.mend or 'what the sentence says'} |"
        for kind in PROMISES
        for each in PROMISES[kind]
    ]
    assert PAGE.partition("|---|---|---|---|\n")[2].splitlines() == rows
