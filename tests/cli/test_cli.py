"""The command line: what reaches the runner, what is printed, and one sentence for every mistake."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from small import TASKS

import mirbench
from mirbench import cli, experiment
from mirbench.cli.listing import LISTED
from mirbench.errors import MirbenchError
from mirbench.experiment import whole_run
from mirbench.experiment.planning import plan as described
from mirbench.registry import plugins

PLUGIN = """
import mirbench

class Loud(mirbench.Encoder):
    name = "loud"
    description = "how loud it is"
    options = {"floor": 0.5}

    def embed(self, audio):
        return audio[:, :2]

class Learner(Loud):
    name = "learner"
    description = "learns how loud it is"
    trainable = True

    def pretrain(self, job):
        pass

@mirbench.hookimpl
def register_encoders():
    return [Loud(), Learner()]
"""
RUN = ["run", "--plugin", "loud.py", "--encoder", "loud", "--set", "floors=[]"]


class Planned(str):
    """In the place of a graph."""

    resolved = "what it is of"


@pytest.fixture
def stub(tmp_path, monkeypatch):
    """A runner and a reporting that note what they were asked; loud.py is a plugin in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("MIRBENCH_DEBUG", "MIRBENCH_QUIET", "TQDM_DISABLE"):
        monkeypatch.setenv(name, "0")
    Path("loud.py").write_text(PLUGIN)
    seen = SimpleNamespace(planned=[], told=[], ran=[], reported=[], error=None)

    def plan(config, registry, cache, kept=None):
        seen.planned.append((config, registry, cache))
        return Planned("a plan")

    def run(config, registry, cache, command, kept=None, tell=None):
        plan(config, registry, cache)
        if seen.error is not None:
            raise seen.error
        seen.ran.append(command)
        folder = Path("results/first")
        folder.mkdir(parents=True)
        (folder / "scores.csv").touch()
        return folder

    def pretrain(config, registry, cache, encoder, tell=None, command=""):
        folders = {Path("cache/a"): "learner, seed 0", Path("cache/b"): "learner, seed 1"}
        return dict(list(folders.items())[: config.seeds])

    def report(paths, output=None, width=100, figures="", all_metrics=False, between=None):
        seen.reported.append((list(paths), output))
        seen.shown = figures, all_metrics
        return SimpleNamespace(text="the table")

    runner = SimpleNamespace(plan=plan, run=run, pretrain=pretrain)
    reporting = SimpleNamespace(report=report, updated=lambda folder, *shown: report([folder], None, *shown).text, WIDTH=100)
    monkeypatch.setattr(whole_run, "tell_of_plan", seen.told.append)
    monkeypatch.setattr(described, "describe_plan", lambda planned, verbose: f"{planned}{', job by job' if verbose else ''}")
    for room, name, module in ((experiment, "run", runner), (mirbench, "reporting", reporting)):
        monkeypatch.setitem(sys.modules, f"{room.__name__}.{name}", module)
        monkeypatch.setattr(room, name, module, raising=False)
    return seen


def fails(capsys, argv: list[str], code: int = 2) -> str:
    assert cli.main(argv) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert captured.out == ""
    return captured.err


def test_run_hands_the_settings_to_the_runner_and_prints_the_table_and_where_all_lies(stub, capsys):
    argv = [*RUN, "--tasks", "key,genre", "--dataset", "mini", "--seed", "3", "--seeds", "2", "--device", "cpu", "--output", "out"]
    assert cli.main([*argv, "--cache", "my cache"]) == 0
    [(config, registry, cache)] = stub.planned
    assert (config.encoders, config.floors, config.tasks, config.datasets) == (["loud"], [], ["key", "genre"], ["mini"])
    assert (config.seed, config.seeds, config.device, config.output, cache) == (3, 2, "cpu", "out", Path("my cache"))
    assert "loud" in registry.encoders
    assert stub.ran == [f"mirbench {' '.join(argv[:6])} 'floors=[]' {' '.join(argv[7:])} --cache 'my cache'"]
    assert stub.reported == [([Path("results/first")], None)]
    assert capsys.readouterr().out == "the table\n\nEverything lies in results/first:\n  results/first/scores.csv\n"


def test_checkpoints_and_devices_reach_the_runner(stub):
    assert cli.main(["run", "--checkpoint", "a b", "--checkpoint", "c", "--devices", "2", "--set", "floors=[]"]) == 0
    config = stub.planned[0][0]
    assert (config.checkpoints, config.encoders, config.devices) == (["a b", "c"], [], 2)


def test_encoders_repeat_take_commas_and_all(stub):
    assert cli.main(["run", "--plugin", "loud.py", "--encoder", "loud", "--encoder", "learner,loud", "--set", "floors=[]"]) == 0
    assert stub.planned[0][0].encoders == ["loud", "learner", "loud"]


def test_the_cache_is_the_users_unless_said_otherwise(stub, monkeypatch):
    monkeypatch.setenv("MIRBENCH_CACHE", "elsewhere")
    cli.main([*RUN, "--plan"])
    assert stub.planned[0][2] == Path("elsewhere")


def test_plan_shows_and_stops(stub, capsys):
    assert cli.main([*RUN, "--plan"]) == 0
    assert capsys.readouterr().out == "a plan\n"
    assert (stub.ran, stub.told) == ([], ["what it is of"])
    assert cli.main([*RUN, "--plan", "--quiet"]) == 0
    assert stub.told == ["what it is of"]


def test_quiet_prints_the_folder_alone(stub, capsys):
    assert cli.main([*RUN, "--quiet"]) == 0
    assert capsys.readouterr().out == "results/first\n"


def test_pretrain_prints_the_checkpoints(stub, capsys):
    command = ["pretrain", "learner", "--plugin", "loud.py", "--set", "floors=[]"]
    for more, text in (
        ([], "cache/a\n"),
        (["--seeds", "2"], "learner, seed 0: cache/a\nlearner, seed 1: cache/b\n"),
        (["--seeds", "2", "--quiet"], "cache/a\ncache/b\n"),
    ):
        assert cli.main([*command, *more]) == 0
        assert capsys.readouterr().out == text
    skipped = {f"clip {n}": "it is empty (0 bytes)" for n in range(6)}
    Path("cache/a").mkdir(parents=True)
    Path("cache/a/report.json").write_text(json.dumps({"skipped": skipped}))
    assert cli.main(command) == 0
    told = capsys.readouterr()
    assert told.out == "cache/a\n"
    assert "6 clips that learner, seed 0 is pretrained on were skipped:\n" in told.err
    assert "  clip 0: it is empty (0 bytes)\n" in told.err
    assert f"and 1 more, in {Path('cache/a/report.json')}\n" in told.err
    assert cli.main([*command, "--quiet"]) == 0
    assert "skipped" not in capsys.readouterr().err
    sentence = fails(capsys, ["pretrain", "loud", "--plugin", "loud.py", "--set", "floors=[]"])
    assert sentence.startswith("mirbench: encoder 'loud' has nothing to learn; those that have: ")
    assert "learner" in sentence


def test_report_draws_again(stub, capsys):
    Path("a").mkdir()
    assert cli.main(["report", "a", "--output", "c"]) == 0  # of several: test_compare_commands.py
    assert stub.reported == [([Path("a")], Path("c"))]
    assert capsys.readouterr().out == "the table\n\nWritten to c.\n"
    assert stub.shown == ("", False)
    assert cli.main(["report", "a", "--figure-width", "column", "--all-metrics"]) == 0
    assert stub.shown == ("column", True)
    assert cli.main([*RUN, "--figure-width", "column", "--all-metrics"]) == 0
    assert stub.shown == ("column", True)
    capsys.readouterr()
    assert (
        fails(capsys, [*RUN, "--figure-width", "wide"]) == "mirbench: --figure-width: figure_width should be column or text, not 'wide'.\n"
    )
    assert fails(capsys, ["report", "nope"]) == (
        "mirbench: there is no run folder nope; give a folder that `mirbench run` wrote, such as results/NAME.\n"
    )


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        ([*RUN, "--tasks", "gendre"], f"no task is named 'gendre'; did you mean 'genre'? Known: {TASKS}."),
        ([*RUN, "--dataset", "minni"], "no data set is named 'minni'; did you mean 'mini'? Known: "),
        ([*RUN, "--set", "options.loud.flor=1"], "options.loud: the encoder has no option 'flor'; did you mean 'floor'? Known: floor."),
        ([*RUN, "--set", "options.lod.floor=1"], "options.lod: no encoder is named 'lod'; did you mean 'loud'? Known: "),
        ([*RUN, "--set", "sed=1"], "--set sed=1: no setting is named 'sed'; did you mean 'seed'? Known: encoders, "),
        ([*RUN, "--seed", "-1"], "--seed: seed should be a whole number of at least 0 (and below 2^31), not -1."),
        (
            [*RUN, "--config", "no.yaml"],
            "there is no configuration file no.yaml. Give the path of a YAML file, or one of cluster, default, ",
        ),
        (["run", "--plugin", "no.py"], "there is no plugin file no.py; give the path of a .py file, or the dotted name of a module."),
        (["run", "--plugin", "."], "--plugin . is no Python file; give the path of a .py file, or the dotted name of a module."),
        (["list", "taks"], f"mirbench list does not know 'taks'; did you mean 'tasks'? Known: {', '.join(LISTED)}."),
        (["rn"], "No such command 'rn'"),
        (["run", "--seed", "x"], "Invalid value for '--seed'"),
        (["run", "--encodr", "x"], "No such option: --encodr"),
        (["report"], "Missing argument 'RUN...'"),
    ],
)
def test_a_mistake_gets_one_sentence_and_exit_code_2(stub, capsys, argv, sentence):
    said = fails(capsys, argv)
    assert said.startswith(f"mirbench: {sentence}")
    assert said.count("\n") == 1
    assert stub.planned == []


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (MirbenchError("the flute is out of tune; tune it."), 2, "the flute is out of tune; tune it."),
        (OSError(errno.ENOSPC, "No space"), 2, "the disk is full; free some space or choose another place with --cache or --output."),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), 2, "cannot use /root/x: Permission denied."),
        (KeyboardInterrupt(), 130, "stopped; what is finished is kept in the cache, and the same command goes on from there."),
        (ZeroDivisionError("division by zero"), 1, "this should not have happened: ZeroDivisionError: division by zero ("),
    ],
)
def test_what_goes_wrong_in_a_run_is_one_sentence(stub, capsys, error, code, sentence):
    stub.error = error
    said = fails(capsys, RUN, code)
    assert said.startswith(f"mirbench: {sentence}")
    assert said.count("\n") == 1


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_debug_shows_the_traceback_before_the_sentence(stub, capsys, monkeypatch, how):
    stub.error = MirbenchError("the flute is out of tune.")
    if how == "environment":
        monkeypatch.setenv("MIRBENCH_DEBUG", "1")
    assert cli.main([*RUN, "--debug"] if how == "flag" else RUN) == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback (most recent call last):")
    assert said.endswith("mirbench: the flute is out of tune.\n")


def test_list_says_who_provides_what(stub, capsys):
    assert cli.main(["list", "encoders", "--plugin", "loud.py"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert next(line for line in lines if line.split()[0] == "learner").split("  ")[-1] == "(loud.py)"
    assert cli.main(["list", "tasks"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names[:5] == ["tagging", "key", "pitch", "genre", "emotion"]


def test_list_wraps_long_descriptions_so_that_its_columns_stand(stub, capsys):
    wordy = PLUGIN.replace("how loud it is", "how " + "very " * 40 + "loud it is", 1)
    Path("wordy.py").write_text(wordy)
    for kind, options in (("encoders", ["--plugin", "wordy.py"]), ("backbones", []), ("supervisions", [])):
        assert cli.main(["list", kind, *options]) == 0
        lines = capsys.readouterr().out.splitlines()
        providers = [line for line in lines if line.endswith(")")]
        assert len({line.rindex("(") for line in providers}) == 1
        assert max(map(len, lines)) < 110


def test_list_supervisions_says_what_each_reads_and_its_options(stub, capsys):
    assert cli.main(["list", "supervisions"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    starts = {line.split()[0]: i for i, line in enumerate(lines)}
    assert lines[starts["shared-tags"] + 1] == "reads: tags; options: threshold=1"
    assert "reads: key; options: fifth=0.5, relative=0.3, parallel=0.2" in lines
    assert "reads: genre; options: none" in lines


def test_list_configs_names_what_config_takes(stub, capsys):
    from mirbench.settings.shipped import shipped

    assert cli.main(["list", "configs"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if not line.startswith(" ")] == list(shipped())
    assert "What runs with no flags" in out
    assert cli.main(["list", "configs", "--json"]) == 0
    assert [row["file"] for row in json.loads(capsys.readouterr().out)] == [str(path) for path in shipped().values()]
    assert cli.main(["run", "--help"]) == 0
    assert "mirbench list configs" in " ".join(capsys.readouterr().out.split())


def test_list_as_json(stub, capsys):
    assert cli.main(["list", "encoders", "--json", "--plugin", "loud.py"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["loud"]["provider"] == "loud.py"
    assert rows["loud"]["options"] == {"floor": 0.5}
    assert rows["learner"]["trainable"] is True
    assert cli.main(["list", "--json"]) == 0
    everything = json.loads(capsys.readouterr().out)
    assert list(everything) == list(LISTED)
    assert [row["name"] for row in everything["tasks"]][:5] == ["tagging", "key", "pitch", "genre", "emotion"]
    assert everything["tasks"][1]["changed_by"] == ["pitch"]


def test_list_plugins_shows_what_each_provides_and_what_failed(stub, capsys, monkeypatch):
    from mirbench import registry

    load = registry.load

    def broken(files=()):
        loaded = load(files)
        loaded.failures.append(plugins.Failure("mood", "entry point mood (shop 1.2)", "mood.py:1: ImportError: no", "Traceback ..."))
        return loaded

    monkeypatch.setattr(registry, "load", broken)
    assert cli.main(["list", "plugins", "--plugin", "loud.py"]) == 0
    captured = capsys.readouterr()
    [row] = [line for line in captured.out.splitlines() if line.startswith("loud ")]
    assert row.split() == ["loud", "encoder", "loud,", "encoder", "learner", "(loud.py)"]
    assert "failed to load: mood.py:1: ImportError: no" in captured.out
    assert captured.err == "mirbench: entry point mood (shop 1.2) failed to load: mood.py:1: ImportError: no.\n"


def test_version_and_help(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"mirbench {mirbench.__version__}\n"
    for argv in ([], ["--help"]):
        assert cli.main(argv) == 0
        assert {"run", "pretrain", "report", "list"} <= set(capsys.readouterr().out.split())
    for command in ("run", "pretrain", "report", "list"):
        assert cli.main([command, "--help"]) == 0
        assert capsys.readouterr().out.startswith(f"Usage: mirbench {command}")


def test_help_has_whole_sentences_and_arguments_as_they_are_typed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "..." not in said.split("Commands:")[1]
    for command, usage in (("pretrain", "ENCODER"), ("report", "RUN..."), ("list", "[KIND] [NAME]")):
        assert cli.main([command, "--help"]) == 0
        said = capsys.readouterr().out
        assert said.splitlines()[0] == f"Usage: mirbench {command} [OPTIONS] {usage}"
        assert not set("{}<>") & set(said)


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["list"], ["list", "--json"]])
def test_help_and_list_import_nothing_heavy(argv):
    code = (
        "import sys; from mirbench.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'numpy', 'torchaudio', 'pandas', 'sklearn', 'scipy', 'matplotlib', 'audiomentations', 'rich'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_findings_are_told_in_eight_lines_errors_first():
    from mirbench.data.findings import Finding
    from mirbench.experiment.whole_run import finding_lines

    found = [Finding("warning", f"sentence {i}.", tuple("abcd") if i == 0 else ()) for i in range(12)] + [Finding("error", "wrong.")]
    data = {name: SimpleNamespace(noun=SimpleNamespace(location=path)) for name, path in (("songs", Path("my/songs.csv")), ("mini", None))}
    lines = finding_lines(
        SimpleNamespace(findings={"songs": [*found, Finding("note", "aside.")], "mini": [Finding("note", "aside.")]}, data=data)
    )
    assert len(lines) == 8
    assert lines[:2] == ["songs: error: wrong.", "songs: warning: sentence 0: a, b, c and 1 more."]
    assert lines[-1] == f"and 6 more; mirbench data check {Path('my/songs.csv')} tells more."
    assert finding_lines(SimpleNamespace(findings={"mini": [Finding("note", "aside.")]}, data=data)) == []


def test_findings_of_one_kind_take_one_line_and_hide_no_other():
    from mirbench.data.findings import Finding
    from mirbench.experiment.whole_run import finding_lines

    rare = [Finding("warning", f"task {i}: 2 classes without any clip.", ("a", "b"), "rare classes") for i in range(20)]
    told = [*rare, Finding("warning", "1 clip left out.", ("x (line 2)",), "files"), Finding("error", "1 group leaks.", ("g",), "groups")]
    data = {"songs": SimpleNamespace(noun=SimpleNamespace(location=Path("songs.csv")))}
    assert finding_lines(SimpleNamespace(findings={"songs": told}, data=data)) == [
        "songs: error: 1 group leaks: g.",
        "songs: warning: 1 clip left out: x (line 2).",
        "songs: warning: task 0: 2 classes without any clip: a, b. And 19 more like this.",
        "mirbench data check songs.csv tells more.",
    ]
