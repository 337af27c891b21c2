"""What a shell is offered: commands, options, and names of what there is."""

import os
import subprocess
import sys

import pytest

from mirbench import cli
from mirbench.cli import completing


@pytest.fixture
def offered(monkeypatch, capsys):
    """(line) -> what bash is offered in the place of its last word."""

    def offered(line):
        monkeypatch.setenv("_MIRBENCH_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", f"mirbench {line}")
        monkeypatch.setenv("COMP_CWORD", str(len(line.split())))
        assert cli.main([]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        return said.out.split()

    return offered


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("swe", ["sweep"]),
        ("run --encoder semis", ["semisupcon"]),
        ("run --tasks key,p", ["key,pitch"]),
        ("run --tasks key,k", []),
        ("run --corruptions n", ["none"]),
        ("run --probe k", ["knn"]),
        ("run --config qui", ["quick"]),
        ("pretrain al", []),
        ("list semisup", ["semisupcon"]),
        ("list supervis", ["supervisions", "supervised"]),
        ("cache prune --kind scores,chec", ["scores,checkpoints"]),
    ],
)
def test_names_are_completed(offered, line, names):
    assert offered(line) == names


def test_a_broken_plugin_says_nothing_to_a_shell(monkeypatch, capsys):
    def broken(plugins):
        print("words")
        raise RuntimeError("broken")

    monkeypatch.setattr("mirbench.registry.load", broken)
    assert completing.names_of("encoder")("semi") == []
    assert capsys.readouterr().out == ""


def test_a_shell_is_told_how_to_ask():
    code = "import sys; from mirbench import cli; sys.exit(cli.main())"
    asked = {"_MIRBENCH_COMPLETE": "source_bash"}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment(asked))
    assert "complete -o default -F _mirbench_completion mirbench" in said.stdout
    assert said.stderr == ""


def test_completing_imports_nothing_heavy():
    code = (
        "import sys; from mirbench import cli; code = cli.main();"
        "print(sorted({'torch', 'numpy', 'pandas', 'sklearn', 'scipy', 'rich'} & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    asked = {"_MIRBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "mirbench run --encoder semis", "COMP_CWORD": "3"}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment(asked))
    assert (said.stdout.split(), said.stderr) == (["semisupcon"], "[]\n")


def _environment(more):
    return {**os.environ, **more}
