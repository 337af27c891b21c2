"""Where settings come from, and the sentence for each that is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mirbench import registry
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.nouns import Encoder
from mirbench.settings import config as configs
from mirbench.settings.config import RunConfig, load_config
from mirbench.settings.declaring import Spec
from mirbench.settings.options import check_options, encoder_options
from mirbench.settings.shipped import purpose, shipped

PROBE = "probe.kind, probe.shots, probe.draws"
ALL = ", ".join(RunConfig.model_fields)
SWEEP = "a mapping of encoder names to options to lists of values, such as {semisupcon: {label_fraction: [0.1, 1]}}"
VALUES = "a mapping of option names to values, such as {steps: 500}"
SWEPT = "a list of values such as [0.1, 1], or a mapping of labels to values"
LIST = "a list of names, such as [semisupcon, simclr]"
SHIPPED = ", ".join(shipped())
OPTIONS = "a mapping of encoder names to options, such as {semisupcon: {steps: 500}}"


@pytest.fixture
def yaml_file(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(text)
        return path

    return write


def refused(*args, **kwargs) -> str:
    with pytest.raises(MirbenchError) as caught:
        load_config(*args, **kwargs)
    return str(caught.value)


def test_of_several_files_the_later_is_stronger_and_mappings_are_merged(yaml_file, tmp_path):
    first = yaml_file("seeds: 2\nbatch_size: 9\noptions: {a: {x: 1, y: 1}}")
    second = tmp_path / "second.yaml"
    second.write_text("seeds: 3\noptions: {a: {y: 2}}")
    config = load_config([first, second], ["seed=5"])
    assert (config.seeds, config.batch_size, config.seed) == (3, 9, 5)
    assert config.options == {"a": {"x": 1, "y": 2}}


def test_the_shipped_default_says_what_the_code_says_and_names_every_setting():
    assert load_config() == RunConfig()
    assert set(configs.parse(shipped()["default"].read_text(), "default")) == set(RunConfig.model_fields)


def test_quick_is_found_by_its_bare_name():
    quick = load_config([Path("quick")])
    assert quick.datasets == ["mini-quick"]
    assert quick.options["semisupcon"]["steps"] > 0
    assert quick.tasks == ["all"]


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_file_holds_settings_encoders_and_options_that_are_there(name):
    config, known = load_config([Path(name)]), registry.load()
    check_options(config, known.encoders)
    assert resolve_entries(config, known)


PAPER = [name for name in shipped() if name.startswith("paper/")]


def test_the_papers_experiments_are_there_and_train_alike():
    wanted = ("cross-supervision", "label-budget", "labelled-share", "main-results", "maps", "robustness", "thresholds", "views")
    assert tuple(name.removeprefix("paper/") for name in PAPER) == wanted
    trained = []
    for name in PAPER:
        config = load_config([Path(name)])
        assert bool(config.sweep) != bool(config.corruptions), f"{name} sweeps nothing, or options and corruptions at once"
        training = config.options["all"]
        assert training.pop("steps") == (200_000 if name in ("paper/main-results", "paper/robustness") else 50_000)
        assert training.pop("views", 2) == 2
        assert config.options["semisupcon"] == {"labelled_share": 0.5}
        trained.append(training)
    assert all(training == trained[0] for training in trained)
    assert (trained[0]["learning_rate"], trained[0]["batch_views"], trained[0]["temperature"]) == (1e-4, 192, 0.1)


@pytest.mark.parametrize("name", PAPER)
def test_a_paper_file_tells_a_command_for_a_laptop_that_takes_hold(name):
    command = re.search(r"mirbench run (.*)", shipped()[name].read_text())[1].split()
    assert command[:4] == ["--config", name, "--config", "laptop"]
    light = load_config([Path("laptop")]).options["all"]
    for entry in resolve_entries(
        load_config([Path(name), Path("laptop")], [word for word in command[4:] if word != "--set"]), registry.load()
    ):
        if "steps" in entry.options:
            assert (entry.options["backbone"], entry.options["steps"]) == (light["backbone"], light["steps"])


def test_checkpoints_stand_alone_unless_somebody_names_encoders(yaml_file):
    assert load_config([], [], {"checkpoints": ["a,b"]}).encoders == []
    assert load_config([], ["checkpoints=a"]).checkpoints == ["a"]
    assert load_config([], [], {"checkpoints": ["a"], "encoders": ["simclr"]}).encoders == ["simclr"]
    assert load_config([yaml_file("checkpoints: [a]\nencoders: [simclr]")]).encoders == ["simclr"]
    assert load_config([], ["checkpoints=[]"]).encoders == ["semisupcon"]


def test_a_file_given_as_a_checkpoint_is_called_a_file(yaml_file):
    path = yaml_file("seed: 1")
    with pytest.raises(MirbenchError) as caught:
        resolve_entries(load_config([], [], {"checkpoints": [str(path)]}), registry.load())
    assert str(caught.value) == f"checkpoint {path} is a file; give the folder that `mirbench pretrain` printed."


def test_the_purpose_of_a_configuration_is_the_first_sentence_of_its_comment(yaml_file):
    assert purpose(yaml_file("# What 1.5 of it\n# is for. More.\n#\n# mirbench run\nseed: 1 # no")) == "What 1.5 of it is for"
    assert purpose(yaml_file("seed: 1")) == ""
    assert all(purpose(path) for path in shipped().values())


def test_later_layers_win_and_mappings_are_merged(yaml_file):
    path = yaml_file("seed: 1\nseeds: 2\nbatch_size: 8\noptions: {a: {x: 1, y: 1}}\n")
    config = load_config([path], ["seeds=3", "batch_size=9", "options.a.y=2", "options.b.z=1e-3"], {"batch_size": 10, "seed": None})
    assert (config.seed, config.seeds, config.batch_size) == (1, 3, 10)
    assert config.options == {"a": {"x": 1, "y": 2}, "b": {"z": 0.001}}


def test_names_may_come_with_commas(yaml_file):
    assert load_config([yaml_file("tasks: key, genre")]).tasks == ["key", "genre"]
    assert load_config([], ["tasks=[key, pitch]"]).tasks == ["key", "pitch"]
    assert load_config([], [], {"encoders": ["a,b", "c"]}).encoders == ["a", "b", "c"]


def test_an_empty_file_changes_nothing(yaml_file):
    assert load_config([yaml_file("# nothing yet\n")]) == RunConfig()


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("\nsed: 1", 2, f"no setting is named 'sed'; did you mean 'seed'? Known: {ALL}."),
        ("xylophone: 1", 1, f"no setting is named 'xylophone'. Known: {ALL}."),
        (
            "probe:\n  knd: mlp",
            2,
            f"no setting is named 'probe.knd'; did you mean 'probe.kind'? Known: {PROBE}.",
        ),
        ("seed: zero", 1, "seed should be a whole number of at least 0 (and below 2^31), not 'zero'."),
        ("seed: '1'", 1, "seed should be a whole number of at least 0 (and below 2^31), not '1'."),
        ("seed: true", 1, "seed should be a whole number of at least 0 (and below 2^31), not True."),
        ("seed: -1", 1, "seed should be a whole number of at least 0 (and below 2^31), not -1."),
        ("seeds: 0", 1, "seeds should be a whole number from 1 to 1000, not 0."),
        ("batch_size: 1.5", 1, "batch_size should be a whole number of at least 1, not 1.5."),
        ("max_bad: .nan", 1, "max_bad should be a share from 0 to 1, such as 1% or 0.01, not nan."),
        ("device: gpu", 1, "device should be auto, cpu, cuda or cuda:N, not 'gpu'."),
        ("run_name: ../mine", 1, "run_name should be a folder's name, without a slash, not '../mine'."),
        ("seed: 1\nprobe: mlp", 2, "probe should be a mapping with the keys kind, shots and draws, not 'mlp'."),
        ("probe:\n\n  kind: 3", 3, "probe.kind should be the name of a probe, such as linear, or several, not 3."),
        ("encoders: []", 1, f"encoders should be {LIST}, not an empty list."),
        ("encoders:", 1, f"encoders should be {LIST}, not nothing."),
        ("encoders: [1]", 1, f"encoders should be {LIST}, not [1]."),
        ("devices: 0", 1, "devices should be a whole number of at least 1, not 0."),
        ("checkpoints: 3", 1, "checkpoints should be a list of folders that `mirbench pretrain` printed, not 3."),
        ("sweep:\n  semisupcon:\n    views: 2", 3, f"sweep.semisupcon.views should be {SWEPT}, not 2."),
        ("sweep:\n  semisupcon:\n    views: []", 3, f"sweep.semisupcon.views should be {SWEPT}, not an empty list."),
        (
            "sweep:\n  semisupcon: 2",
            2,
            "sweep.semisupcon should be a mapping of option names to lists of values, such as {label_fraction: [0.1, 1]}, not 2.",
        ),
        ("sweep: 2", 1, f"sweep should be {SWEEP}, not 2."),
        (
            "options:\n  semisupcon: 60",
            2,
            f"options.semisupcon should be {VALUES}, not 60.",
        ),
        ("options: 60", 1, f"options should be {OPTIONS}, not 60."),
        ("a: 1\n? [b, c]\n: 1", 2, "this is not YAML: a key is a list or a mapping, and must be a name; write settings as 'key: value'."),
        ("\nseeds: " + 5000 * "9", 2, "this is not YAML: a number has 5,000 digits; write settings as 'key: value'."),
        ("seed: 1\nseed: 2", 2, "this is not YAML: the key 'seed' is given twice; write settings as 'key: value'."),
        ("seed: 1\n\ttasks: x", 2, "this is not YAML: found character '\\t' that cannot start any token; write settings as 'key: value'."),
    ],
)
def test_a_wrong_file_names_the_line_the_setting_and_what_would_be_right(yaml_file, text, line, sentence):
    path = yaml_file(text)
    assert refused([path]) == f"{path}:{line}: {sentence}"


def test_a_file_that_holds_no_settings(yaml_file):
    path = yaml_file("- seed")
    assert refused([path]) == f"{path} should hold settings, each as 'key: value', not a list."


def test_a_file_that_is_not_there(tmp_path):
    assert refused([Path("quik")]) == (
        f"there is no configuration file quik; did you mean 'quick'? Give the path of a YAML file, or one of {SHIPPED}."
    )
    assert refused([Path("no.yaml")]) == f"there is no configuration file no.yaml. Give the path of a YAML file, or one of {SHIPPED}."
    assert refused([tmp_path]) == f"--config {tmp_path} is a folder; give it a YAML file, or one that ships with mirbench: {SHIPPED}."
    papers = ", ".join(name for name in shipped() if name.startswith("paper/"))
    assert refused([Path("paper/")]) == f"--config paper is a folder of shipped configurations; give it one of {papers}."
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"output: caf\xe9")
    assert refused([latin]) == f"{latin} is not text in UTF-8; save it as UTF-8."


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("seed", "--set takes key=value, such as --set seed=1 or --set probe.kind=mlp; 'seed' is neither."),
        ("probe..kind=mlp", "--set takes key=value, such as --set seed=1 or --set probe.kind=mlp; 'probe..kind=mlp' is neither."),
        (
            "probe.knd=mlp",
            f"--set probe.knd=mlp: no setting is named 'probe.knd'; did you mean 'probe.kind'? Known: {PROBE}.",
        ),
        ("seed=[1", "--set seed=[1: this is not YAML: expected ',' or ']', but got '<stream end>'; write settings as 'key: value'."),
    ],
)
def test_a_wrong_override(override, sentence):
    assert refused([], [override]) == sentence


def test_a_wrong_flag_is_named_as_it_was_typed():
    assert refused([], [], {"seed": -1}) == "--seed: seed should be a whole number of at least 0 (and below 2^31), not -1."
    assert refused([], [], {"encoders": [","]}).startswith("--encoder: encoders should be a list of names")


def test_the_error_blames_the_layer_that_is_wrong(yaml_file):
    path = yaml_file("seeds: 2")
    assert refused([path], ["seeds=none"]).startswith("--set seeds=none: seeds should be")


class Demo(Encoder):
    name = "demo"
    options = {"steps": 10, "lr": 1e-3, "mix": [0.5, 0.5], "tags": (), "fast": True, "note": "x", "limit": None, "like": Spec(name="dice")}

    def embed(self, audio):
        return audio


def test_options_are_complete_and_of_the_defaults_types():
    assert encoder_options(Demo(), {}) == Demo.options
    given = {"steps": 1e2, "lr": 1, "mix": [1, 0, 0], "tags": ["piano"], "limit": 3}
    made = encoder_options(Demo(), {"demo": given, "other": {"whatever": 1}})
    assert made == {**Demo.options, "steps": 100, "lr": 1.0, "mix": [1.0, 0.0, 0.0], "tags": ("piano",), "limit": 3}
    assert isinstance(made["steps"], int)
    assert isinstance(made["lr"], float)
    made["mix"].append(9)
    assert Demo.options["mix"] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"step": 1}, f"options.demo: the encoder has no option 'step'; did you mean 'steps'? Known: {', '.join(Demo.options)}."),
        ({"steps": 1.5}, "options.demo.steps should be a whole number (default 10), not 1.5."),
        ({"steps": True}, "options.demo.steps should be a whole number (default 10), not True."),
        ({"steps": None}, "options.demo.steps should be a whole number (default 10), not nothing."),
        ({"lr": "fast"}, "options.demo.lr should be a number (default 0.001), not 'fast'."),
        ({"lr": float("nan")}, "options.demo.lr should be a number (default 0.001), not nan."),
        ({"mix": 0.5}, "options.demo.mix should be a list (default [0.5, 0.5]), not 0.5."),
        ({"mix": ["a"]}, "options.demo.mix should be a list, each element a number (default [0.5, 0.5]), not ['a']."),
        ({"fast": 1}, "options.demo.fast should be true or false (default True), not 1."),
        ({"like": 1}, "options.demo.like should be a name, a mapping with a name, or a list of these (default {'name': 'dice'}), not 1."),
        (
            {"like": {"nam": "x"}},
            "options.demo.like should be a name, a mapping with a name, or a list of these (default {'name': 'dice'}), not {'nam': 'x'}.",
        ),
        ({"note": 1}, "options.demo.note should be text (default 'x'), not 1."),
        (
            {"note": ["x", "y"]},
            "options.demo.note should be text (default 'x'), not ['x', 'y']. A variant for each of several values: --set "
            "'sweep.demo.note=[x, y]'.",
        ),
    ],
)
def test_a_wrong_option(given, sentence):
    with pytest.raises(MirbenchError) as caught:
        encoder_options(Demo(), {"demo": given})
    assert str(caught.value) == sentence


def test_a_name_is_short_for_a_mapping_where_the_default_is_a_spec():
    def made(value):
        return encoder_options(Demo(), {"demo": {"like": value}})["like"]

    assert made("dice") == made({"name": "dice"}) == {"name": "dice"}
    assert made(["dice", {"name": "key", "weight": 2}]) == [{"name": "dice"}, {"name": "key", "weight": 2}]


def test_the_order_in_which_options_win():
    layers = {"all": {"steps": 1, "lr": 1.0, "note": "all", "fast": False, "other": 3}, "demo": {"steps": 3, "lr": 3.0}}
    made = encoder_options(Demo(), layers, stored={"steps": 2, "lr": 2.0, "note": "stored"}, swept={"steps": 4})
    assert (made["steps"], made["lr"], made["note"], made["fast"]) == (4, 3.0, "stored", False)


def test_options_of_an_encoder_that_is_not_there():
    config = load_config([], ["options.dmo.steps=1"])
    with pytest.raises(MirbenchError) as caught:
        check_options(config, {"demo": Demo()})
    assert str(caught.value) == "options.dmo: no encoder is named 'dmo'; did you mean 'demo'? Known: demo."


def test_sounds_may_be_none_as_maps_may():
    assert load_config(overrides=["sounds=none"]).sounds is False
    assert load_config().sounds == "auto"
    assert "sounds should be auto, true or false, or none, not " in refused(overrides=["sounds=some"])


def test_no_floors_are_none_of_them():
    assert load_config(overrides=["floors=none"]).floors == load_config(overrides=["floors=[none]"]).floors == []
    assert "floors should be a list of names, such as [untrained, handcrafted], or none, not " in refused(
        overrides=["floors=none,untrained"]
    )


def test_options_that_nobody_gave_are_known(yaml_file):
    """Those of a configuration that ships with mirbench; a checkpoint need not have been trained with them."""
    quick = load_config([Path("quick")], ["options.semisupcon.layers=3"])
    assert quick.options["semisupcon"] == {"steps": 40, "layers": 3}
    assert quick.asked_options("semisupcon") == {"layers": 3}
    assert load_config([Path("quick")], ["options.semisupcon.steps=40"]).asked_options("semisupcon") == {"steps": 40}
    mine = yaml_file("options: {semisupcon: {steps: 9}}")
    assert load_config([Path("quick"), mine]).model_copy().asked_options("semisupcon") == {"steps": 9}
    assert quick.asked_options("simclr") == {}


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ({"seed": 10**5000}, "--seed"),
        ({"bootstrap": {"resamples": -(10**5000)}}, "--bootstrap"),
        ({"options": {"semisupcon": {"supervision": [{10**5000: 1}]}}}, "--options"),
        ({"dataset": 10**5000}, "--dataset"),
    ],
)
def test_a_whole_number_that_python_does_not_write_out_is_a_sentence(flags, name):
    assert refused(flags=flags) == f"{name} holds too much: there is a whole number of 5,001 digits, and 4,300 are the most."
