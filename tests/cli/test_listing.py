"""`mirbench list NAME`: the page of each kind of thing, its JSON, and the sentence for a name that nothing carries."""

import io
import json
import re
import subprocess
import sys

import pytest

import mirbench
from mirbench import cli, registry
from mirbench.cli.listing import LISTED
from mirbench.cli.noun_facts import facts, names
from mirbench.cli.noun_text import WIDTH, page, value_in_words
from mirbench.settings.validation import declared

PLUGIN = """
import mirbench


class LoudOptions(mirbench.Options):
    floor = mirbench.option(0.5, "what silence is told as", ge=0, lt=1)
    curve = mirbench.option("linear", choices=("linear", "log"))


class Loud(mirbench.Encoder):
    name = "loud"
    description = "how loud it is"
    options = LoudOptions()

    def embed(self, audio):
        return audio[:, :2]


class Quiet(Loud):
    name = "quiet"
    options = {"layers": 2, "tags": ("a", "b"), "limit": None}


class Beats(mirbench.Dataset):
    name = "loops"
    description = "clips that need no files"
    annotations = ("genre",)

    def clips(self, folder):
        return [mirbench.Clip(str(n), folder / "x.wav", split, str(n)) for n, split in enumerate(("train", "train", "test"))]


class Tape(Beats):
    name = "tape"
    folders = ("tape", "tapes")
    files = (mirbench.Files("tape.csv", source="https://tapes.example"),)

    def clips(self, folder):
        text = (folder / "tape.csv").read_text()
        return [mirbench.Clip(row, folder / row, "train", row) for row in text.split()]


@mirbench.hookimpl
def register_encoders():
    return [Loud(), Quiet()]


@mirbench.hookimpl
def register_datasets():
    return [Beats(), Tape()]
"""
MODELS = """
import mirbench

class Said(mirbench.ModelEncoder):
    name = "said"

    def facts(self, options):
        return mirbench.ModelFacts(sample_rate=16_000, normalises=True, window_seconds=5.0)

class Unsaid(mirbench.ModelEncoder):
    name = "unsaid"

class Here(mirbench.ModelOptions):
    normalise = "zero-mean-unit-variance"

class Own(mirbench.ModelEncoder):
    name, options = "own", Here()

class Raw(mirbench.ModelOptions):
    normalise = "none"

class Plain(mirbench.ModelEncoder):
    name, options = "plain", Raw()

class Lost(mirbench.ModelEncoder):
    name, sample_rate = "lost", 8000

    def facts(self, options):
        raise mirbench.MirbenchError("its file is not here.")

@mirbench.hookimpl
def register_encoders():
    return [Said(), Unsaid(), Own(), Plain(), Lost()]
"""
pytestmark = pytest.mark.usefixtures("built_in")


@pytest.fixture
def listed(write, capsys, monkeypatch):
    """(words of `mirbench list`) -> what it prints, loud.py among the plugins."""
    monkeypatch.delenv("MIRBENCH_DATA", raising=False)
    plugin = write(PLUGIN, "loops.py")

    def listed(*words, code=0):
        assert cli.main(["list", *words, "--plugin", plugin]) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    return listed


def fact(text, name):
    """What stands after a fact's name on a page, on one line."""
    match = re.search(rf"^  {name}: +(.*(?:\n {{4,}}\S.*)*)", text, re.MULTILINE)
    return " ".join(match[1].split())


def table(text):
    """(default, may be, what it is for) of each option of a page's table."""
    lines = text.split("\n\n")[1].splitlines()
    starts = [match.start() for match in re.finditer(r"-+", lines[1])]
    cells = [[line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)] for line in lines[2:]]
    rows: dict[str, list[str]] = {}
    for name, *rest in cells:
        row = rows.setdefault(name, ["", "", ""]) if name else list(rows.values())[-1]
        row[:] = [f"{first} {more}".strip() for first, more in zip(row, rest, strict=True)]
    return {name: tuple(row) for name, row in rows.items()}


def test_the_table_of_semisupcon_names_every_option_with_default_range_and_meaning(listed):
    text = listed("encoders", "semisupcon")
    rows = table(text)
    options = declared(registry.load().encoders["semisupcon"].options)
    assert list(rows) == list(options)
    assert {name: row[2] for name, row in rows.items()} == {name: option.meaning for name, option in options.items()}
    assert {name: row[0] for name, row in rows.items()} == {name: value_in_words(option.default) for name, option in options.items()}
    assert rows["views"][:2] == ("2", "a whole number from 2 to 32")
    assert rows["label_fraction"][:2] == ("1", "a number above 0 and at most 1")
    assert rows["supervision"][:2] == ("{name: shared-tags, threshold: 3}", "a name, a mapping with a name, or a list of these")
    assert rows["precision"][:2] == ("auto", "auto, float32 or bfloat16")
    assert rows["head_norm"][:2] == ("true", "true or false")
    assert text == listed("semisupcon")
    assert max(map(len, text.splitlines())) <= WIDTH
    assert fact(text, "sample rate") == "22,050 Hz"
    assert fact(text, "trained").startswith("yes")


def test_an_encoder_of_a_plugin(listed):
    assert table(listed("encoders", "loud")) == {
        "floor": ("0.5", "a number of at least 0 and below 1", "what silence is told as"),
        "curve": ("linear", "linear or log", "not said"),
    }
    text = listed("quiet")
    assert table(text)["tags"] == ("[a, b]", "a list", "not said")
    assert table(text)["limit"] == ("null", "anything", "not said")
    assert fact(text, "from") == "loops.py"
    assert fact(text, "options") == "set by --set options.quiet.OPTION=VALUE"
    assert fact(listed("handcrafted"), "options") == "none"


def test_the_audio_of_an_encoder_is_what_it_is_given_in_a_run(write, capsys):
    plugin = write(MODELS)
    for name, rate, window in (("said", "16,000 Hz", "5 s"), ("unsaid", "not known; give it by --set options.unsaid", "10 s")):
        assert cli.main(["list", name, "--plugin", plugin]) == 0
        page = capsys.readouterr().out
        assert fact(page, "sample rate").startswith(rate), name
        assert fact(page, "window").startswith(f"{window}; a longer"), name
    for name, how in (
        ("said", "by the model"),
        ("unsaid", "nothing says; give"),
        ("own", "each window, to zero mean"),
        ("plain", "no, audio"),
    ):
        assert cli.main(["list", name, "--plugin", plugin]) == 0
        assert fact(capsys.readouterr().out, "normalised").startswith(how), name
    assert cli.main(["list", "lost", "--json", "--plugin", plugin]) == 0
    (lost,) = json.loads(capsys.readouterr().out)
    assert (lost["sample_rate"], lost["window_seconds"]) == (8000, None)  # of a class that says one of the two


def test_a_task_a_corruption_a_backbone_and_a_supervision(listed):
    key = listed("key")
    assert key.startswith("task key: tonic and mode, 24 keys\n")
    assert fact(key, "metrics") == "mirex (the headline), accuracy"
    assert fact(key, "classes").startswith("24: C major, Db major, ")
    assert fact(key, "classes").endswith(", B minor")
    assert fact(key, "changed by").startswith("pitch; ")
    assert fact(listed("tagging"), "classes") == "those of the training labels, in sorted order"
    corruption = listed("corruptions", "compression")
    assert [fact(corruption, f"severity {n}") for n in (1, 5)] == ["1.5:1 ratio", "20:1 ratio"]
    assert fact(listed("chain"), "counted") == "no, it is left out of the robustness scores"
    assert fact(listed("pitch-shift"), "alters") == "pitch"
    assert fact(listed("background-chatter"), "mixes in") == "6 other clips of the training split"
    assert fact(listed("clipping"), "limits").startswith("yes")
    assert fact(listed("tune"), "listens to") == "waveforms"
    supervision = listed("shared-tags")
    assert fact(supervision, "reads") == "the annotation tags, or another one"
    assert table(supervision)["threshold"][:2] == ("1", "a whole number of at least 1")
    assert list(table(supervision)) == ["annotation", "weight", "threshold"]


def test_a_data_set_counts_its_clips_where_nothing_is_made_or_fetched_for_that(listed, tmp_path):
    gtzan = listed("gtzan")
    assert fact(gtzan, "licence") == "none stated; for research"
    assert fact(gtzan, "cite").startswith("G. Tzanetakis and P. Cook")
    assert fact(gtzan, "annotations").startswith("genre (10: blues, ")
    assert fact(gtzan, "splits").startswith("Fault-filtered")
    assert fact(gtzan, "clips").startswith("not on this disk; ")
    assert "and 20 more" in fact(listed("magnatagatune"), "annotations")
    assert fact(listed("mini"), "clips") == "made at the first run; after that, `mirbench data check mini` counts them"
    tape = listed("tape")
    assert fact(tape, "to get it") == "from https://tapes.example"
    assert "name the folder that holds tape or tapes by --data-root" in fact(tape, "where")
    (tmp_path / "data" / "Tapes").mkdir(parents=True)
    (tmp_path / "data" / "Tapes" / "tape.csv").write_text("a b")
    assert fact(listed("tape", "--data-root", str(tmp_path / "data")), "clips") == "2 train"
    (tmp_path / "data" / "Tapes" / "tape.csv").write_bytes(b"\xff")
    assert fact(listed("tape", "--data-root", str(tmp_path / "data")), "clips").startswith("cannot be listed: UnicodeDecodeError")
    loops = json.loads(listed("datasets", "loops", "--json"))
    assert (loops["splits"], loops["splits_unknown"]) == ({"train": 2, "test": 1}, "")


def test_a_name_of_several_kinds_shows_each(listed):
    text = listed("loops")
    assert [part.split(":")[0].splitlines()[0] for part in text.split("\n\n")] == ["data set loops", "plugin loops"]
    assert fact(text, "clips") == "2 train, 1 test"
    assert fact(text, "provides") == "encoder loud, encoder quiet, data set loops, data set tape"
    assert [about["kind"] for about in json.loads(listed("loops", "--json"))] == ["dataset", "plugin"]


def test_a_configuration_and_its_settings(listed):
    text = listed("paper/label-budget")
    assert "The label budget p_s" in text
    assert fact(text, "used by") == "--config paper/label-budget"
    assert fact(listed("laptop"), r"options\.all\.supervision") == "{name: shared-tags, threshold: 3}"
    assert json.loads(listed("configs", "laptop", "--json"))["settings"]["options"]["semisupcon"] == {"labelled_share": "auto"}


def test_a_plugin_that_failed_says_why(capsys, monkeypatch):
    from mirbench.registry.plugins import Failure

    loaded = registry.load()
    loaded.failures.append(Failure("mood", "entry point mood (shop 1.2)", "mood.py:1: ImportError: no", "Traceback ..."))
    assert fact(page(facts(loaded, "plugins", "mood")), "failed") == "mood.py:1: ImportError: no; --debug shows the traceback"
    assert facts(loaded, "plugins", "mood")["traceback"] == "Traceback ..."


@pytest.mark.parametrize("kind", LISTED)
def test_every_page_fits_and_says_in_json_what_it_is(kind):
    loaded = registry.load()
    for name in names(loaded, kind):
        about = facts(loaded, kind, name)
        lines = page(about).splitlines()
        whole = [line for line in lines if len(line) > WIDTH and "/" not in line]  # a path is not broken
        assert whole == []
        assert about["name"] == name
        assert json.loads(json.dumps(about, default=str))["kind"] == kind.removesuffix("s")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["semisupcn"], "mirbench list does not know 'semisupcn'; did you mean 'semisupcon'? Known: encoders, tasks, "),
        (["encoder"], "mirbench list does not know 'encoder'; did you mean 'encoders'? Known: encoders, "),
        (["encoder", "semisupcon"], "mirbench list does not know 'encoder'; did you mean 'encoders'? Known: encoders, "),
        (["encoders", "semisupcn"], "no encoder is named 'semisupcn'; did you mean 'semisupcon'? Known: "),
        (["datasets", "gtzam"], "no data set is named 'gtzam'; did you mean 'gtzan'? Known: "),
        (["configs", "lap"], "no configuration is named 'lap'; did you mean 'laptop'? Known: cluster, default, "),
        (["plugins", "tasks.kye"], "no plugin is named 'tasks.kye'; did you mean 'tasks.key'? Known: "),
    ],
)
def test_a_name_that_nothing_carries(listed, words, sentence):
    said = listed(*words, code=2)
    assert said.startswith(f"mirbench: {sentence}")
    assert said.count("\n") == 1


def test_letters_that_the_terminal_lacks_are_written_as_escapes(write, monkeypatch):
    plugin = write(PLUGIN.replace("how loud it is", "wie läut ♭"))
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert cli.main(["list", "loud", "--plugin", plugin]) == 0
    assert cli.main(["list", "encoders", "--plugin", plugin]) == 0
    out.flush()
    assert out.buffer.getvalue().decode("ascii").count(r"wie l\xe4ut \u266d") == 3


def test_python_m_mirbench_is_the_command():
    for words, code, start in (
        (["--version"], 0, f"mirbench {mirbench.__version__}\n"),
        (["list", "taks"], 2, "mirbench: mirbench list does"),
    ):
        done = subprocess.run([sys.executable, "-m", "mirbench", *words], capture_output=True, text=True)
        assert done.returncode == code
        assert (done.stderr if code else done.stdout).startswith(start)


def test_the_page_of_an_encoder_imports_nothing_heavy():
    code = (
        "import sys; from mirbench.cli import main; main(['list', 'semisupcon']);"
        "print(sorted({'torch', 'numpy', 'pandas', 'sklearn', 'scipy', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr == "[]\n"
