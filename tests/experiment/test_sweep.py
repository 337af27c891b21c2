"""Sweeps and given checkpoints with a learner of one number: what is scored, what is shared, and a sentence for what is wrong."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from small import LOUD, TONES, rows

from mirbench import cli, registry
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.experiment.run import plan
from mirbench.settings.config import load_config
from mirbench.settings.options import check_options

LEARNER = """
from pathlib import Path

class Learner(mirbench.Encoder):
    name = "learner"
    description = "learns one number"
    trainable = seeded = True
    load_options = ("pick",)
    options = {"gain": 1.0, "label_fraction": 1.0, "depth": 2, "kind": mirbench.Spec(name="plain"), "pick": "last"}

    def pretrain(self, job):
        assert {c.split for c in job.clips} == {"train"} and {c.split for c in job.validation} == {"valid"}
        with open(Path(__file__).parent / "log", "a") as log:
            log.write(f"{job.options['label_fraction']:g} {job.unfinished.name} {job.devices}\\n")
        (job.unfinished / "half").write_text("1")
        if (Path(__file__).parent / "stop").exists():
            raise KeyboardInterrupt
        for name in ("last", "best"):
            (job.folder / name).mkdir()
            (job.folder / name / "gain").write_text(f"{job.options['gain']} {job.options['depth']}")
        job.report["steps"] = 1

    def load(self, folder, options, seed, device):
        gain, depth = ((folder if (folder / "gain").exists() else folder / options["pick"]) / "gain").read_text().split()
        if int(depth) != options["depth"]:
            raise mirbench.MirbenchError(f"the checkpoint {folder} is of another shape: depth {depth} instead of {options['depth']}.")
        return lambda audio: np.stack([audio.std(axis=1) * float(gain), audio.max(axis=1)], axis=1).astype(np.float32)

class Other(Learner):
    name = "other"
    options = {"gain": 1.0, "label_fraction": 1.0, "depth": 2, "pick": "last"}

@mirbench.hookimpl
def register_encoders():
    return [Loud(), Learner(), Other()]
"""
PLUGIN = TONES.format(count=60, leak=False, broken=0, made=True) + LOUD.split("@mirbench")[0] + LEARNER
FLAGS = ["--dataset", "tones", "--set", "bootstrap.resamples=20", "--quiet", "--debug"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with the plugin; its `log` has a line for each pretraining."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "plugin.py").write_text(PLUGIN)
    return folder


@pytest.fixture
def fresh(tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    return tmp_path


def mirbench(home, command, *more):
    return cli.main([*command.split(), "--plugin", str(home / "plugin.py"), *FLAGS, "--cache", str(home / "cache"), *more])


def run(home, *more):
    """The new run folder."""
    before = set((home / "results").glob("*"))
    assert mirbench(home, "run", "--output", str(home / "results"), "--corruptions", "none", *more) == 0
    (folder,) = set((home / "results").glob("*")) - before
    return folder


def refused(capsys, home, command, *more) -> str:
    """The sentence; --debug is left out."""
    flags = [x for x in FLAGS if x != "--debug"]
    assert cli.main([*command.split(), "--plugin", str(home / "plugin.py"), *flags, "--cache", str(home / "cache"), *more]) == 2
    return capsys.readouterr().err


def chosen(home, *settings, **flags):
    config = load_config([], settings, {"datasets": ["tones"], "floors": [], **flags})
    known = registry.load([home / "plugin.py"])
    check_options(config, known.encoders)
    return resolve_entries(config, known)


def names(*args, **flags):
    return [c.name for c in chosen(*args, **flags)]


def log(home):
    file = home / "log"
    return file.read_text().splitlines() if file.exists() else []


def test_every_combination_is_a_variant_named_by_its_values(home):
    found = chosen(home, "sweep.learner={label_fraction: [.05, 1], gain: [1, 10]}", "options.learner.depth=3", encoders=["loud"])
    assert [c.name for c in found] == [
        "learner[label_fraction=0.05, gain=1]", "learner[label_fraction=0.05, gain=10]",
        "learner[label_fraction=1, gain=1]", "learner[label_fraction=1, gain=10]", "loud",
    ]  # fmt: skip
    assert found[1].values == {"label_fraction": 0.05, "gain": 10}
    assert found[1].options == {"label_fraction": 0.05, "gain": 10.0, "depth": 3, "kind": {"name": "plain"}, "pick": "last"}
    assert found[-1].values == {}
    assert {c.encoder.name for c in found} == {"learner", "loud"}


def test_a_swept_encoder_takes_the_place_of_the_plain_one_and_a_swept_floor_stays_a_floor(home):
    sweep = "sweep={learner: {gain: [1, 2]}, other: {gain: [3]}}"
    found = chosen(home, sweep, encoders=["loud", "learner"], floors=["other"])
    assert [(c.name, c.role) for c in found] == [
        ("loud", "encoder"), ("learner[gain=1]", "encoder"), ("learner[gain=2]", "encoder"), ("other[gain=3]", "floor"),
    ]  # fmt: skip


def test_labels_of_values_that_are_no_numbers(home):
    kinds = "[dice, {name: dice, threshold: 2}, [dice, {name: key, weight: .5}]]"
    assert names(home, f"sweep.learner.kind={kinds}", encoders=["learner"]) == [
        "learner[kind=dice]", "learner[kind=name=dice,threshold=2]", "learner[kind=dice+name=key,weight=0.5]",
    ]  # fmt: skip
    (tags, keys) = chosen(home, "sweep.learner.kind={tags: dice, keys: {name: key}}", encoders=["learner"])
    assert (tags.name, tags.values, tags.options["kind"]) == ("learner[kind=tags]", {"kind": "tags"}, {"name": "dice"})
    assert keys.options["kind"] == {"name": "key"}


def test_null_takes_something_out_of_a_sweep_again(home):
    layers = ("sweep={learner: {gain: [1, 2], depth: [2, 3]}, other: {gain: [1, 2]}}", "sweep.learner.depth=null", "sweep.other=null")
    assert names(home, *layers, encoders=["other"]) == ["learner[gain=1]", "learner[gain=2]", "other"]
    assert names(home, layers[0], "sweep=null", encoders=["other"]) == ["other"]


def test_options_for_all_reach_those_that_have_them_and_are_the_weakest(home):
    learner, other, loud = chosen(
        home, "options={all: {gain: 5, kind: dice}, other: {gain: 7}}", "sweep.learner={gain: [9]}", encoders=["learner", "other", "loud"]
    )
    assert (learner.options["gain"], learner.options["kind"]) == (9.0, {"name": "dice"})
    assert (other.options["gain"], "kind" in other.options, dict(loud.options)) == (7.0, False, {})
    assert names(home, "options.all={depth: 3, supervision: dice}", encoders=["loud"]) == ["loud"]  # another encoder has them


def test_a_shipped_file_of_options_for_all_serves_every_encoder(home, capsys):
    assert mirbench(home, "run", "--config", "laptop", "--encoder", "simclr", "--set", "floors=[]", "--plan", "--verbose") == 0
    assert "simclr, seed 0" in capsys.readouterr().out


def test_an_option_that_cannot_work_is_told_with_the_variant_it_is_of(home):
    def said(*settings):
        with pytest.raises(MirbenchError) as caught:
            chosen(home, *settings, encoders=["semisupcon"])
        return str(caught.value)

    assert said("sweep.semisupcon.views=[2, 5]").startswith("semisupcon[views=5]: batch_views 96 is no multiple of views 5")
    assert said("options.semisupcon.label_fraction=0") == "option label_fraction is 0; it must be above 0 and at most 1."
    assert said("sweep.semisupcon.supervision=[dice, dise]").startswith("semisupcon[supervision=dise]: no supervision is named 'dise';")


def test_what_no_data_set_carries_is_refused_before_anything_is_run(home, capsys):
    sweep = ["--set", "sweep.semisupcon.supervision={genre: {name: same-class, annotation: genre}, keys: key-distance}"]
    sentence = (
        "mirbench: encoder 'semisupcon[supervision=keys]' learns from the annotation 'key', which tones does not carry; give it a "
        "supervision that reads one of: genre, or name a data set whose labels it is to use: --supervise-with NAME:key.\n"
    )
    assert refused(capsys, home, "run --plan", "--encoder", "semisupcon", *sweep) == sentence
    assert refused(capsys, home, "pretrain semisupcon", *sweep) == sentence
    assert mirbench(home, "run --plan", "--encoder", "semisupcon", "--set", "options.semisupcon.labelled_share=0") == 0
    assert mirbench(home, "run --plan", "--encoder", "simclr", "--set", "floors=[]") == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("sweep.lerner.gain=[1]", "sweep.lerner: no encoder is named 'lerner'; did you mean 'learner'? Known: "),
        ("sweep.learner.gian=[1]", "sweep.learner: the encoder has no option 'gian'; did you mean 'gain'? Known: gain, "),
        ("sweep.learner.gain=[1, loud]", "sweep.learner.gain should be a number (default 1.0), not 'loud'."),
        ("sweep.learner.kind={a: dice, b: 3}",
         "sweep.learner.kind should be a name, a mapping with a name, or a list of these (default {'name': 'plain'}), not 3."),
        ("sweep.learner.gain=[1, 2, 1.0]",
         "sweep.learner.gain has the value 1 twice; give it once, or a mapping of labels to values."),
        ("options.all.gian=1", "options.all: no encoder has an option 'gian'; did you mean 'gain'?"),
        ("options.all.gain=loud", "options.all.gain should be a number (default 1.0), not 'loud'."),
        ("sweep.learner.gain=1",
         "--set sweep.learner.gain=1: sweep.learner.gain should be a list of values such as [0.1, 1], or a mapping of labels to values, "
         "not 1."),
        ("sweep.learner.gain=[]", "--set sweep.learner.gain=[]: sweep.learner.gain should be a list of values such as [0.1, 1], or a "),
        ("sweep.learner=[gain]", "--set sweep.learner=[gain]: sweep.learner should be a mapping of option names to lists of values, "),
        ("sweep.learner={kind: {a: dice, 'a, pick=last': key}, pick: {'last, pick=last': last, last: best}}",
         "two entries are named 'learner[kind=a, pick=last, pick=last]': learner with kind = 'a', pick = 'last, pick=last' and learner "
         "with kind = 'a, pick=last', pick = 'last'; give the values of the sweep other labels."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_sweep(home, settings, sentence):
    with pytest.raises(MirbenchError, match=f"^{re.escape(sentence)}"):
        chosen(home, settings, encoders=["learner"])


def test_what_is_shared_is_planned_once_and_the_label_moves_no_key(home):
    known = registry.load([home / "plugin.py"])

    def planned(*settings):
        config = load_config([], settings, {"datasets": ["tones"], "encoders": ["learner"], "floors": ["loud"], "corruptions": []})
        return plan(config, known, home / "plans")

    plain, picks, gains = planned(), planned("sweep.learner.pick=[last, best]"), planned("sweep.learner.gain={usual: 1.0, ten: 10}")
    jobs = [{job.name for job in run.graph.jobs} for run in (plain, picks, gains)]
    of_an_encoder = {"embeddings": 3, **dict.fromkeys(("probes", "predictions", "scores", "similarities", "decisions", "costs", "maps"), 1)}
    for names, encoders, checkpoints in zip(jobs, (2, 3, 3), (1, 1, 2), strict=True):  # two choices of one checkpoint; two trainings
        counts = {kind: encoders * count for kind, count in of_an_encoder.items()}
        assert Counter(kind for kind, _ in names) == {"datasets": 1, "checkpoints": checkpoints, **counts}
    assert jobs[0] <= jobs[2]


@pytest.mark.slow
def test_another_mapping_of_the_same_jobs_is_another_run_folder(home):
    known = registry.load([home / "plugin.py"])

    def key(sweep, **flags):
        config = load_config([], [f"sweep.learner.gain={sweep}"], {"datasets": ["tones"], "encoders": ["learner"], "floors": [], **flags})
        return plan(config, known, home / "plans").key

    keys = [key("{a: 0.1, b: 1, c: 0.1}"), key("{a: 0.1, b: 1, c: 1}"), key("[0.1, 1]"), key('{"0.1": 0.1, "1": 1}')]
    keys.append(key("[0.1, 1]", encoders=["loud"], floors=["learner"]))
    assert len(set(keys)) == 5
    assert keys[0] == key("{a: 0.1, b: 1, c: 0.1}")


@pytest.mark.drawn
def test_a_sweep_from_end_to_end(home):
    plain = run(home, "--encoder", "learner,loud", "--set", "floors=[]")
    assert len(log(home)) == 1
    folder = run(home, "--encoder", "learner,loud", "--set", "floors=[]", "--set", "sweep.learner.label_fraction=[.5, 1]")
    assert [line.split()[0] for line in log(home)] == ["1", "0.5"]  # the plain run had pretrained one of the two
    found = {(r["encoder"], r["label_fraction"]): r for r in rows(folder) if r["metric"] == "accuracy"}
    assert set(found) == {("learner[label_fraction=0.5]", "0.5"), ("learner[label_fraction=1]", "1"), ("loud", "1"), ("majority", "1")}
    (before,) = [r for r in rows(plain) if (r["encoder"], r["metric"]) == ("learner", "accuracy")]
    assert {**found["learner[label_fraction=1]", "1"], "encoder": "learner"} == before
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["sweep"] == {
        "points": [
            {"name": f"learner[label_fraction={x:g}]", "encoder": "learner", "values": {"label_fraction": x}} for x in (0.5, 1)
        ]
    }  # fmt: skip
    assert manifest["encoders"]["learner[label_fraction=0.5]"]["options"]["label_fraction"] == 0.5
    assert "sweep" not in json.loads((plain / "manifest.json").read_text())
    compared = {(r["encoder"], r["baseline"]) for r in rows(folder, "comparisons.csv")}
    variants = [p["name"] for p in manifest["sweep"]["points"]]
    assert compared == {(v, b) for v in variants for b in ("loud", "majority")} | {("loud", "majority")}
    assert not list((home / "cache" / "unfinished").iterdir())


def test_variants_of_two_encoders_are_compared_at_the_same_point(home):
    one, two, three, four = chosen(home, "sweep={learner: {gain: [1, 2]}, other: {gain: [1, 2]}}", encoders=["learner", "other"])
    assert (one.rivals(two), one.rivals(three), one.rivals(four), two.rivals(four)) == (False, True, False, True)


def test_an_interrupted_pretraining_keeps_its_folder_and_a_finished_one_does_not(fresh):
    (fresh / "stop").touch()
    assert mirbench(fresh, "pretrain learner") == 130
    (left,) = (fresh / "cache" / "unfinished").iterdir()
    assert (left / "half").exists()
    (fresh / "stop").unlink()
    assert mirbench(fresh, "pretrain learner") == 0
    assert log(fresh)[0] == log(fresh)[1] == f"1 {left.name} 1"
    assert not left.exists()


def test_devices_reach_the_encoder_and_are_part_of_the_key_unless_one(fresh):
    for devices in ("1", "2"):
        assert mirbench(fresh, "pretrain learner", "--devices", devices) == 0
    one, two = (line.split() for line in log(fresh))
    assert (one[2], two[2]) == ("1", "2")
    assert one[1] != two[1]


def pretrained(home, capsys, *more):
    assert mirbench(home, "pretrain learner", *more) == 0
    return capsys.readouterr().out.split()


def test_pretrain_does_every_variant_of_a_sweep(fresh, capsys):
    sweep = ["--set", "sweep={learner: {gain: [1, 2], pick: [last, best]}, other: {gain: [3]}}"]
    folders = pretrained(fresh, capsys, *sweep)
    assert len(folders) == len(log(fresh)) == 2


def test_a_checkpoint_is_scored_alone_as_what_it_is_of(fresh, capsys):
    (path,) = pretrained(fresh, capsys, "--seed", "3", "--set", "options.learner={gain: 4, label_fraction: .5}")
    assert json.loads((fresh / path / "encoder.json").read_text()) == {
        "encoder": "learner", "options": {"gain": 4.0, "label_fraction": 0.5, "depth": 2, "kind": {"name": "plain"}}, "seed": 3,
    }  # fmt: skip
    folder = run(fresh, "--checkpoint", path, "--set", "floors=[]")
    found = [r for r in rows(folder) if r["metric"] == "accuracy"]
    assert [(r["encoder"], r["seed"], r["label_fraction"]) for r in found] == [("learner", "3", "0.5"), ("majority", "0", "1")]
    assert json.loads((folder / "manifest.json").read_text())["encoders"]["learner"]["checkpoints"]["3"]["steps"] == 1
    assert len(log(fresh)) == 1


@pytest.mark.slow
def test_a_checkpoint_beside_the_same_encoder_and_another_is_called_by_its_folder(fresh, capsys):
    (path,) = pretrained(fresh, capsys)
    for name in ("last", "best"):
        (fresh / path / name / "encoder.json").write_text((fresh / path / "encoder.json").read_text())
    given = [f"{path}/last", f"{path}/best"]
    flags = {"checkpoints": given, "encoders": ["learner"]}
    assert names(fresh, **flags) == ["learner (last)", "learner (best)", "learner"]
    assert names(fresh, checkpoints=given[:1]) == ["learner"]
    assert names(fresh, "sweep.learner.gain=[1, 2]", checkpoints=given[:1]) == ["learner[gain=1]", "learner[gain=2]", "learner (last)"]
    assert names(fresh, "sweep.learner.gain=[1]", checkpoints=given[:1], encoders=["learner"]) == ["learner (last)", "learner[gain=1]"]
    folder = run(fresh, "--checkpoint", given[0], "--encoder", "loud", "--set", "floors=[]")
    assert [r["encoder"] for r in rows(folder) if r["metric"] == "accuracy"] == ["learner", "loud", "majority"]


def test_a_checkpoint_of_another_shape_is_refused_before_any_data_are_prepared(fresh, capsys):
    (path,) = pretrained(fresh, capsys)
    more = ["--checkpoint", path, "--set", "options.learner.depth=5", "--set", "floors=[]", "--cache", str(fresh / "new")]
    assert refused(capsys, fresh, "run", *more) == (
        f"mirbench: the checkpoint {path} is of another shape: depth 2 instead of 5.\n"
    )  # fmt: skip
    assert not (fresh / "new" / "datasets").exists()


def test_a_checkpoint_is_scored_with_the_options_that_it_was_trained_with(fresh, capsys):
    (path,) = pretrained(fresh, capsys)
    more = ["--checkpoint", path, "--set", "floors=[]"]
    asked = ["--set", "options.learner.label_fraction=.1"]
    sentence = (
        f"mirbench: checkpoint {path} was trained with label_fraction = 1.0, and options.learner.label_fraction asks for 0.1; leave that "
        "option out, or pretrain with it: --encoder learner.\n"
    )
    assert refused(capsys, fresh, "run", *more, *asked) == sentence
    folder = run(fresh, *more, "--set", "options={all: {label_fraction: .1}, learner: {pick: best, label_fraction: 1}}")
    assert {r["label_fraction"] for r in rows(folder)} == {"1"}
    assert json.loads((folder / "manifest.json").read_text())["encoders"]["learner"]["options"]["pick"] == "best"
    assert refused(capsys, fresh, "run", *more, *asked) == sentence  # with what is in the cache by now


@pytest.mark.slow
def test_checkpoints_of_several_seeds_are_one_contender(fresh, capsys):
    one, two = pretrained(fresh, capsys, "--seeds", "2")
    (other,) = pretrained(fresh, capsys, "--set", "options.learner.gain=2")
    folder = run(fresh, "--checkpoint", two, "--checkpoint", one, "--set", "floors=[]")
    found = [r for r in rows(folder) if (r["encoder"], r["metric"]) == ("learner", "accuracy")]
    assert [r["seed"] for r in found] == ["0", "1"]
    assert {r["n_seeds"] for r in rows(folder, "summary.csv") if r["encoder"] == "learner"} == {"2"}
    (both,) = chosen(fresh, checkpoints=[two, one])
    assert (both.seeds, {s: str(p) for s, p in both.checkpoints.items()}) == ((0, 1), {0: one, 1: two})
    assert [c.seeds for c in chosen(fresh, checkpoints=[two, other, one])] == [(0, 1), (0,)]
    twin = fresh / "twin"
    shutil.copytree(one, twin)
    assert [c.seeds for c in chosen(fresh, checkpoints=[one, str(twin), two])] == [(0,), (0,), (1,)]
    stem = {path: path.rsplit("/", 1)[1] for path in (one, two)}
    assert names(fresh, checkpoints=[one, two], encoders=["learner"]) == [f"learner ({stem[one]} and 1 more)", "learner"]


@pytest.mark.slow
def test_a_checkpoint_says_what_it_heard_and_is_refused_where_that_is_tested_on(fresh, capsys):
    (path,) = pretrained(fresh, capsys)
    (about,) = json.loads(Path(path, "pretraining_clips.json").read_text()).items()
    assert (about[0], len(about[1]["clips"]), about[1]["clips"][:3]) == ("tones", 20, ["0", "3", "6"])
    Path(path, "last", "encoder.json").write_text(Path(path, "encoder.json").read_text())
    folders = [run(fresh, "--checkpoint", given, "--set", "floors=[]", "--set", f"run_name={name}")
               for name, given in (("whole", path), ("part", f"{path}/last"))]  # fmt: skip
    for folder in folders:
        found = json.loads((folder / "manifest.json").read_text())["encoders"]["learner"]["checkpoints"]["0"]
        assert found["pretrained_on"] == {"tones": about[1]["key"]}
        assert found["steps"] == 1  # of the report, which lies beside last
    moved = PLUGIN.replace('("train", "valid", "test")[i % 3]', '("train", "valid", "test")[(i + 1) % 3]')
    (fresh / "plugin.py").write_text(moved)
    for given in (path, f"{path}/last"):
        assert refused(capsys, fresh, "run", "--checkpoint", given, "--set", "floors=[]") == (
            f"mirbench: checkpoint {given} was pretrained on 20 clips of data set 'tones' that are for validation or test now, the first "
            "'0' (valid); pretrain again on the splits as they are.\n"
        )  # fmt: skip
    Path(path, "pretraining_clips.json").write_text("[]")
    assert refused(capsys, fresh, "run", "--checkpoint", path) == (
        f"mirbench: {path}/pretraining_clips.json is not as it was written; give another checkpoint, or, if you changed it yourself, "
        f"remove {path}/.entry.json.\n"
    )
    Path(path, ".entry.json").unlink()
    assert refused(capsys, fresh, "run", "--checkpoint", path) == (
        f"mirbench: {path}/pretraining_clips.json does not say which clips the checkpoint was pretrained on; pretrain it again, or remove "
        "that file.\n"
    )
    Path(path, "pretraining_clips.json").unlink()
    assert run(fresh, "--checkpoint", path, "--set", "floors=[]", "--set", "run_name=elsewhere")


def test_pretrain_says_which_checkpoint_is_which_where_there_are_several(fresh, capsys, monkeypatch):
    monkeypatch.setenv("MIRBENCH_QUIET", "1")
    loud = [x for x in FLAGS if x != "--quiet"]

    def said(*more):
        command = ["pretrain", "learner", "--plugin", str(fresh / "plugin.py"), *loud, "--cache", str(fresh / "cache"), *more]
        assert cli.main(command) == 0
        return capsys.readouterr().out.splitlines()

    (alone,) = said()
    assert Path(alone).is_dir()
    lines = said("--seeds", "2", "--set", "sweep.learner={gain: [1, 2]}")
    assert [line.split(": ")[0] for line in lines] == [f"learner[gain={g}], seed {s}" for g in (1, 2) for s in (0, 1)]
    assert lines[0].split(": ")[1] == alone
    (shared,) = {line.split(": ")[0] for line in said("--set", "sweep.learner={gain: [1, 2], pick: [last, best]}") if "gain=1" in line}
    assert shared == "learner[gain=1, pick=last], seed 0 and learner[gain=1, pick=best], seed 0"


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        (None, "{path} is no checkpoint: it has no encoder.json; give a folder that `mirbench pretrain` printed."),
        ("{", "{path}/encoder.json does not say which encoder, options and seed it is of; give a folder that `mirbench pretrain` printed."),
        ('{"encoder": "learner", "options": {}}', "{path}/encoder.json does not say which encoder, options and seed it is of; give a "),
        ('{"encoder": "gone", "options": {}, "seed": 0}',
         "checkpoint {path} is of the encoder 'gone', which no plugin provides; name its plugin with --plugin FILE."),
        ('{"encoder": "loud", "options": {}, "seed": 0}',
         "checkpoint {path} is of the encoder 'loud', which loads no weights; score it with --encoder loud."),
        ('{"encoder": "learner", "options": {"width": 3}, "seed": 0}',
         "checkpoint {path} was made with the option 'width', which the encoder 'learner' does not have; pretrain it again, or take the "),
        ('{"encoder": "learner", "options": {"gain": "x"}, "seed": 0}',
         "the checkpoint's options of learner.gain should be a number (default 1.0), not 'x'."),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_checkpoint(home, tmp_path, capsys, about, sentence):
    if about is not None:
        (tmp_path / "encoder.json").write_text(about)
    said = refused(capsys, home, "run", "--checkpoint", str(tmp_path))
    assert said.startswith("mirbench: " + sentence.replace("{path}", str(tmp_path)))
    assert said.count("\n") == 1


def test_a_checkpoint_that_is_not_there(home, capsys):
    assert refused(capsys, home, "run", "--checkpoint", "nowhere") == (
        "mirbench: there is no checkpoint folder nowhere; give one that `mirbench pretrain` printed.\n"
    )
