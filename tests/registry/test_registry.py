"""The three doors, and what is said when something is wrong behind one of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small import TASKS

from mirbench import registry
from mirbench.errors import MirbenchError

TASK = """
import mirbench

class Mood(mirbench.Task):
    name = "mood"
    annotation = "mood"
    metrics = ("accuracy",)

@mirbench.hookimpl
def register_tasks():
    return [Mood()]
"""
HOOKS = (
    "register_encoders, register_datasets, register_tasks, register_corruptions, register_backbones, register_supervisions, "
    "register_probes, register_schemes"
)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A distribution `shop` 1.2 with an entry point `mood`, on the path for the length of a test."""

    def install(text: str, entry: str = "shop_mood") -> None:
        site = tmp_path / "site"
        info = site / "shop-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[mirbench]\nmood = {entry}\n")
        (site / "shop_mood.py").write_text(text)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, "shop_mood", raising=False)

    yield install
    sys.modules.pop("shop_mood", None)


def test_the_file_of_an_installed_plugin_may_be_named_too(install, tmp_path):
    install(TASK)
    (module,) = tmp_path.rglob("shop_mood.py")
    loaded = registry.load([module])
    assert loaded.provider("task", "mood") == "entry point mood (shop 1.2)"
    assert [plugin.name for plugin in loaded.of_file(module)] == ["mood"]
    assert [plugin for plugin in loaded.plugins if plugin.door == "file"] == []


def refused(*files: str) -> str:
    with pytest.raises(MirbenchError) as caught:
        registry.load(files)
    return str(caught.value)


def test_built_in_tasks_come_first_and_in_the_order_of_the_tables(write):
    loaded = registry.load([write(TASK)])
    names = list(loaded.tasks)
    assert names[:5] == ["tagging", "key", "pitch", "genre", "emotion"]
    assert names[-1] == "mood"
    assert not [failure.reason for failure in loaded.failures]


def test_each_noun_knows_who_provides_it(write, install):
    install(TASK)
    loaded = registry.load([write(TASK.replace("mood", "weather"))])
    assert loaded.provider("task", "key") == "mirbench"
    assert loaded.provider("task", "mood") == "entry point mood (shop 1.2)"
    assert loaded.provider("task", "weather") == "mine.py"
    rows = {plugin.provider: plugin for plugin in loaded.plugins if plugin.door != "built in"}
    assert rows["entry point mood (shop 1.2)"].version == "1.2"
    assert rows["mine.py"].file == str(Path("mine.py").resolve())
    assert rows["mine.py"].provides == {"task": ("weather",)}


def test_a_dotted_module_is_a_plugin_too_and_twice_is_once(install):
    install(TASK)
    assert "mood" in registry.load(["shop_mood"]).tasks


def test_a_package_in_plugins_is_one_plugin():
    loaded = registry.load()
    assert [plugin.name for plugin in loaded.plugins if "mini" in plugin.name] == ["datasets.mini"]


def test_an_unknown_name_gets_the_nearest(write):
    loaded = registry.load()
    with pytest.raises(MirbenchError) as caught:
        loaded.get("task", "gendre")
    assert str(caught.value) == f"no task is named 'gendre'; did you mean 'genre'? Known: {TASKS}."


def test_resolve_understands_all_commas_and_repetition():
    loaded = registry.load()
    names = [task.name for task in loaded.resolve("task", ["pitch, key", "key"])]
    assert names == ["pitch", "key"]
    assert [task.name for task in loaded.resolve("task", ["all"])] == list(loaded.tasks)
    assert loaded.resolve("task", ["genre", "all"])[0].name == "genre"
    with pytest.raises(MirbenchError, match=rf"^no task was named; write one of {TASKS}, or all\.$"):
        loaded.resolve("task", [" , "])


def test_an_installed_plugin_that_fails_is_kept_and_named_when_a_name_is_missing(install):
    install("import no_such_thing\n")
    loaded = registry.load()
    assert "key" in loaded.tasks
    [failure] = loaded.failures
    assert "import no_such_thing" in failure.traceback
    with pytest.raises(MirbenchError) as caught:
        loaded.get("task", "mood")
    assert str(caught.value) == (
        f"no task is named 'mood'. Known: {TASKS}; plugins that failed to load: entry point mood (shop 1.2) ({failure.reason})."
    )
    assert failure.reason.endswith("shop_mood.py:1: ModuleNotFoundError: No module named 'no_such_thing'")


def test_an_installed_plugin_that_exits_or_whose_hook_raises_takes_nothing_down(install):
    install(TASK.replace("return [Mood()]", "raise SystemExit('no licence')"))
    loaded = registry.load()
    assert [failure.reason.split(": ", 1)[1] for failure in loaded.failures] == ["SystemExit: no licence"]
    assert "mood" not in loaded.tasks


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("import mirbench\nimport no_such_thing\n", 2, "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("x = 1\ndef f(:\n", 2, "SyntaxError: invalid syntax"),
        ("def f():\n    return 1 / 0\n\nf()\n", 2, "ZeroDivisionError: division by zero"),
        (TASK.replace("return [Mood()]", "return [Mood(3)]"), 11, "TypeError: Mood() takes no arguments"),
    ],
)
def test_a_named_file_that_fails_is_an_error_with_its_line(write, text, line, reason):
    path = Path(write(text)).resolve()
    assert refused("mine.py") == f"plugin mine.py failed to load: {path}:{line}: {reason}."


def test_a_file_that_is_not_there(write):
    assert refused("nope.py") == "there is no plugin file nope.py; give the path of a .py file, or the dotted name of a module."
    assert refused("nope") == "plugin nope failed to load: ModuleNotFoundError: No module named 'nope'."


def test_a_misspelt_hook_is_an_error_from_any_door(write, install):
    text = TASK.replace("register_tasks", "register_task")
    sentence = f"has a hook 'register_task' that mirbench does not know; did you mean 'register_tasks'? Known: {HOOKS}."
    assert refused(write(text)) == f"plugin mine.py {sentence}"
    install(text)
    assert refused() == f"plugin entry point mood (shop 1.2) {sentence}"


def test_a_hook_with_arguments_that_mirbench_does_not_give(write):
    sentence = "plugin mine.py: its hook register_tasks asks for 'config', but mirbench calls it with nothing; write def register_tasks():."
    assert refused(write(TASK.replace("register_tasks()", "register_tasks(config)"))) == sentence


def test_a_forgotten_marker(write):
    text = TASK.replace("@mirbench.hookimpl\n", "")
    assert refused(write(text)) == "plugin mine.py registers nothing: put @mirbench.hookimpl above its function register_tasks."
    assert refused(write("x = 1\n")) == (
        f"plugin mine.py registers nothing; give it a function marked @mirbench.hookimpl and named one of {HOOKS}."
    )


def test_a_name_that_is_taken_names_both_providers(write, install):
    install(TASK)
    sentence = "two plugins provide the task 'mood': entry point mood (shop 1.2) and mine.py; rename one or leave one plugin out."
    assert refused(write(TASK)) == sentence
    assert refused(write(TASK.replace('name = "mood"', 'name = "key"'))) == (
        "two plugins provide the task 'key': mirbench and mine.py; rename one or leave one plugin out."
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[Mood()]", "[Mood]", "register_tasks returned the class Mood; return an instance, Mood()."),
        ("[Mood()]", "Mood()", "register_tasks returned <"),
        ("[Mood()]", "[3]", "register_tasks returned 3, which is not a mirbench.Task."),
        ('"mood"\n    ann', '""\n    ann', "Mood has no name; set name = 'mood'."),
        (
            '"mood"\n    ann',
            '"MyMood 2"\n    ann',
            "Mood is named 'MyMood 2'; write lower-case letters and digits with hyphens between, such as 'my-mood-2'.",
        ),
        ('"mood"\n    ann', '"all"\n    ann', "Mood is named 'all', which is reserved (it means every one); choose another name."),
        ('tion = "mood"', 'tion = ""', "task 'mood' has no annotation; name the one that it predicts, such as annotation = 'genre'."),
        ('("accuracy",)', '("accuracy")', "task 'mood' has metrics = 'accuracy'; it should be a tuple, ('accuracy',)."),
        ('("accuracy",)', "()", "task 'mood' has no metrics; name one or more, the headline first, such as metrics = ('accuracy', "),
        (
            "metrics",
            'target = "multlabel"\n    metrics',
            "task 'mood' has target = 'multlabel'; did you mean 'multilabel'? It should be one of multiclass, multilabel, regression.",
        ),
        ("metrics", 'classes = ("a", "a")\n    metrics', "task 'mood' names a class twice in classes."),
    ],
)
def test_a_task_that_breaks_the_contract(write, old, new, sentence):
    assert old in TASK
    assert refused(write(TASK.replace(old, new))).startswith(f"plugin mine.py: {sentence}")


HUM = """
import mirbench
class Hum(mirbench.Corruption):
    name = "hum"
    {}
    def apply(self, audio, sample_rate, level, seed):
        return audio
@mirbench.hookimpl
def register_corruptions():
    return [Hum()]
"""


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        ("(1, 2, 3, 4, 5, 6)", "it should be 5 levels, one for each severity, or fewer where there are no more."),
        ("(1, 2, 2, 4, 5)", "they should rise, or fall, from each severity to the next."),
        ("(1, 2, 3, 4, float('nan'))", "each should be a finite number."),
    ],
)
def test_a_corruption_without_up_to_five_monotone_levels(write, levels, sentence):
    text = HUM.format(f"levels = {levels}")
    message = refused(write(text))
    assert message.startswith("plugin mine.py: corruption 'hum' has levels = (1, 2, ")
    assert message.endswith(sentence)
    assert "hum" in registry.load([write(text.replace(levels, "(5, 4, 3, 2, 1)"))]).corruptions


@pytest.mark.parametrize("family", ["('noise',)", "'All noise'", "None"])
def test_a_family_of_corruptions_is_a_name(write, family):
    text = HUM.format(f"levels, family = (1, 2), {family}")
    message = refused(write(text))
    assert message.startswith("plugin mine.py: corruption 'hum' has family = ")
    assert message.endswith("it should be one of noise, filtering, level, coding, rooms, time, mixing, or a name like these.")
    assert registry.load([write(text.replace(family, "'noise'"))]).corruptions["hum"].family == "noise"


def test_an_encoder_that_cannot_embed(write):
    text = """
        import mirbench
        class Mute(mirbench.Encoder):
            name = "mute"
        @mirbench.hookimpl
        def register_encoders():
            return [Mute()]
    """
    assert refused(write(text)) == "plugin mine.py: encoder 'mute' has neither embed nor load; override one."


def test_loading_imports_nothing_heavy():
    heavy = {"torch", "pandas", "sklearn", "matplotlib"}
    code = f"import sys; from mirbench import registry; registry.load(); print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
