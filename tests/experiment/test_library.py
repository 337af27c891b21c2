"""mirbench from Python: runs as of the command line, functions that are scored, results that are read."""

import itertools
import json
import logging
import os
import random
import signal
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from songs import RATE, SMALL, songs

import mirbench
from mirbench import cli, reporting
from mirbench.evaluation.embedding import passes

FLAGS = ["--encoder", "untrained", "--set", "floors=none", "--tasks", "genre", "--corruptions", "none", "--set", "bootstrap.resamples=50"]


def loudness(audio):
    return np.stack([np.abs(audio).mean(axis=1), audio.std(axis=1)], axis=1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The folder of the data set, of its cache and of its runs, in which one works."""
    folder, before = tmp_path_factory.mktemp("library"), os.getcwd()
    songs(folder)
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="module")
def results(place):
    return mirbench.run(encoders=["untrained"], floors="none", dataset=place / "songs.csv", seeds=2, cache=place / "cache", **SMALL)


@pytest.fixture
def scored(place, built_in, monkeypatch):
    """(function, **settings) -> Results; without a report, which takes longer than the rest."""
    monkeypatch.setattr(reporting, "updated", lambda folder, *shown: "")

    def scored(function, **settings):
        settings = {"sample_rate": RATE, "floors": "none", "dataset": "songs.csv", "cache": "cache", **SMALL, **settings}
        return mirbench.evaluate(function, **settings)

    return scored


def test_a_run_is_that_of_the_command(place, results, capsys):
    def written():
        files = [path for path in (place / "results").rglob("*") if path.is_file() and path.name != "manifest.json"]
        return {path: path.stat().st_mtime_ns for path in [*files, *(place / "cache").rglob("*.npy")]}

    before = written()
    assert place / results.path / "report.html" in before
    assert place / results.path / "tables" / "scores.md" in before
    assert cli.main(["run", *FLAGS, "--dataset", "songs.csv", "--seeds", "2", "--cache", "cache", "--quiet"]) == 0
    assert capsys.readouterr().out.strip() == str(results.path)
    again = mirbench.run(encoders="untrained", floors=[], datasets=["songs.csv"], seeds=np.int64(2), cache="cache", quiet=True, **SMALL)
    assert again.manifest["key"] == results.manifest["key"]
    assert written() == before
    assert results.manifest["command"].startswith("mirbench.run(encoders=['untrained'], floors='none', dataset=")


def test_results_are_the_files_of_the_run(results):
    assert (results.scores["value"].to_numpy() == pd.read_csv(results.path / "scores.csv")["value"].to_numpy()).all()
    assert set(pd.read_csv(results.path / "scores.csv", nrows=0)) <= set(results.scores)
    assert results.manifest["seeds"] == [0, 1]
    assert repr(results) == f"<Results of {results.path}: untrained, majority; genre on songs; 12 scores>"
    both = results.predictions("genre", "untrained")
    assert list(both.columns) == ["dataset", "seed", "clip", "group", "target", "predicted", "loud", "quiet"]
    file = pd.read_csv(results.path / "predictions" / "songs.genre.untrained.seed1.csv")
    one = results.predictions("genre", "untrained", dataset="songs", seed=1)
    pd.testing.assert_frame_equal(one[file.columns].astype(file.dtypes), file)
    pd.testing.assert_frame_equal(both[both["seed"] == 1].reset_index(drop=True), one)
    for wrong, sentence in (
        ({"task": "gerne", "encoder": "untrained"}, r"no task is named 'gerne'; did you mean 'genre'\? Known: genre"),
        ({"task": "genre", "encoder": "untrained", "seed": 2}, r"no seed is named '2'\. Known: 0, 1"),
    ):
        with pytest.raises(mirbench.MirbenchError, match=sentence):
            results.predictions(**wrong)


def test_results_show_themselves_in_a_notebook(results):
    shown = results._repr_html_()
    value = results.summary.set_index(["encoder", "metric"]).loc[("untrained", "accuracy"), "value"]
    assert "<table" in shown
    assert f"{value:.3f}<br>" in shown
    assert "<li>Test clips: genre on songs 12.</li>" in shown


@pytest.mark.parametrize(
    ("settings", "flags"),
    [
        ({"seeds": 0}, ["--seeds", "0"]),
        ({"tasks": "gerne"}, ["--tasks", "gerne"]),
        ({"encoders": ["semisupcn"]}, ["--encoder", "semisupcn"]),
        ({"config": "qick"}, ["--config", "qick"]),
        ({"plugins": ["none.py"]}, ["--plugin", "none.py"]),
        ({"options": {"untrained": {"bakbone": "tune"}}}, ["--set", "options.untrained.bakbone=tune"]),
        ({"probe": "svm"}, ["--probe", "svm"]),
        ({"output": "songs.csv/results"}, ["--output", "songs.csv/results"]),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_the_command_line(results, capsys, settings, flags):
    words = ["run", "--encoder", "untrained", "--dataset", "songs.csv", "--cache", "cache", "--corruptions", "none", *flags]
    assert cli.main(words) == 2
    said = capsys.readouterr().err.splitlines()[-1].removeprefix("mirbench: ")
    with pytest.raises(mirbench.MirbenchError) as raised:
        mirbench.run(**{"encoders": "untrained", "dataset": "songs.csv", "cache": "cache", "corruptions": "none", **settings})
    assert str(raised.value) == said.replace("--set options.untrained.bakbone=tune", "--options")


def test_a_setting_that_is_not_there_or_is_there_twice_is_told():
    with pytest.raises(mirbench.MirbenchError, match=r"no setting is named 'sedes'; did you mean 'seeds'\?"):
        mirbench.run(sedes=3)
    with pytest.raises(mirbench.MirbenchError, match="both dataset and datasets were given"):
        mirbench.run(dataset="mini", datasets=["mini"])


def test_the_process_of_the_caller_is_left_as_it_was(scored, monkeypatch):
    monkeypatch.delenv("MIRBENCH_QUIET", raising=False)
    lightning = logging.getLogger("lightning_fabric")
    monkeypatch.setattr(lightning, "level", logging.INFO)

    def state():
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
        of_logging = (logging.root.level, list(logging.root.handlers), lightning.level)
        drawn = (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist(), torch.get_num_threads())
        return handlers, of_logging, drawn, dict(os.environ), os.getcwd()

    def careless(audio):
        random.seed(1)
        logging.root.setLevel(logging.DEBUG)
        lightning.setLevel(logging.CRITICAL)
        logging.root.addHandler(logging.NullHandler())
        return loudness(audio) + 0 * np.random.rand()

    before = state()
    scored(careless, quiet=True)
    assert state() == before


def test_a_function_is_scored_as_by_its_address(scored, place, monkeypatch):
    (place / "my_models.py").write_text(
        "import numpy as np\ndef loudness(audio):\n    return np.stack([np.abs(audio).mean(1), audio.std(1)], 1)\n"
    )
    by_name = mirbench.run(
        encoders="python:my_models:loudness", options={"all": {"sample_rate": RATE}}, floors=[], dataset="songs.csv", cache="cache", **SMALL
    )
    found = scored(loudness)
    assert found.scores["value"].tolist() == by_name.scores["value"].tolist()
    assert found.path != by_name.path
    assert found.manifest["command"].startswith("mirbench.evaluate(loudness, sample_rate=16000, floors='none', dataset='songs.csv'")
    assert list(scored(loudness, name="mine", encoders="untrained").summary["encoder"].cat.categories) == ["mine", "untrained", "majority"]


def test_options_of_windows_and_layers_are_keywords(scored):
    shapes = set()

    def layers(audio):
        shapes.add(audio.shape[1])
        return np.stack([loudness(audio), 0 * loudness(audio)], axis=1)

    best = scored(layers, layer=0, window_seconds=0.25, hop_seconds=0.125)
    assert shapes == {RATE // 4, RATE // 8}  # half as much once, by which layers are told from frames
    assert best.manifest["encoders"]["layers[layer=0]"]["options"]["hop_seconds"] == 0.125
    values = [found.summary["value"].iloc[0] for found in (best, scored(layers, layer=1), scored(loudness))]
    assert values[0] > values[1]


def test_options_of_the_function_may_stand_among_the_others(scored):
    found = scored(loudness, options={"loudness": {"window_seconds": 0.25}, "untrained": {"backbone": "mel-cnn"}}, hop_seconds=0.125)
    told = found.manifest["encoders"]["loudness"]["options"]
    assert (told["window_seconds"], told["hop_seconds"]) == (0.25, 0.125)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"probe": ["linear", "knn"]}, {"loudness[probe=linear]", "loudness[probe=knn]"}),
        ({"probe": {"shots": [1, "all"], "draws": 2}}, {"loudness[shots=1]", "loudness[shots=all]"}),
        ({"sweep": {"loudness": {"window_seconds": [0.25, 0.5]}}}, {"loudness[window_seconds=0.25]", "loudness[window_seconds=0.5]"}),
    ],
)
def test_a_function_has_variants_as_any_encoder(scored, settings, names):
    assert names <= set(scored(loudness, **settings).summary["encoder"])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"options": ["a"]}, "options should be a mapping of encoder names to options, such as"),
        ({"name": ["a"]}, "name should be text, not"),
        ({"cache": 3}, "cache should be a path or a name, or several, not 3"),
        ({"config": 3}, "config should be a path or a name, or several, not 3"),
        ({"plugins": [None]}, "plugins should be a path or a name, or several, not nothing"),
    ],
)
def test_what_cannot_be_is_a_sentence(scored, wrong, sentence):
    with pytest.raises(mirbench.MirbenchError, match=sentence):
        scored(loudness, **wrong)


def test_nothing_and_arrays_are_settings(scored):
    assert len(scored(loudness, options=None, config=None, plugins=None, tasks=np.array(["genre"])).summary)


def test_embeddings_are_those_of_this_call_unless_the_function_is_said_to_be_the_same(scored):
    calls = []

    def counted(audio):
        calls.append(len(audio) if audio.shape[1] < RATE else 0)  # not of noise, by which it is tried and measured
        return loudness(audio)

    def made(**settings):
        calls.clear()
        scored(counted, **settings)
        return sum(calls)

    assert [made(), made()] == [30, 30]
    assert [made(identity="one"), made(identity="one"), made(identity="two")] == [30, 0, 30]


def test_of_a_function_that_no_later_run_knows_nothing_is_left_in_the_cache(scored, place):
    def kept():
        return {path for path in (place / "cache").glob("*/*") if path.parent.name not in ("locks", "files")}

    scored(loudness, identity="the same")
    before = kept()
    scored(loudness)
    assert kept() == before

    def failing(audio):
        if audio.shape[1] < RATE:
            raise ValueError("no")
        return loudness(audio)

    with pytest.raises(mirbench.MirbenchError, match="ValueError: no"):
        scored(failing)
    assert kept() == before
    scored(loudness, identity="another")
    assert kept() > before


@pytest.mark.parametrize("rate", [0, -1, 16_000.5, "16000", True])
def test_a_rate_of_a_function_that_is_none_is_a_sentence(scored, rate):
    with pytest.raises(mirbench.MirbenchError, match="sample_rate should be a whole number of hertz above 0, not"):
        scored(loudness, sample_rate=rate)


def test_a_lack_of_memory_is_a_sentence(scored):
    with pytest.raises(mirbench.MirbenchError, match=r"there is not enough memory \(MemoryError: Unable to allocate"):
        scored(lambda audio: np.ones((10**12, 10**3)))


@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_scored_in_eval_mode_and_given_back_in_its_own(scored, training):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = torch.nn.Dropout(0.9)

        def forward(self, audio):
            assert not torch.is_grad_enabled()
            return self.drop(torch.stack([audio.abs().mean(dim=1), audio.std(dim=1, correction=0)], dim=1))

    net = Net().train(training)
    net.drop.eval()
    assert scored(net).summary["value"].tolist() == scored(loudness).summary["value"].tolist()
    assert (net.training, net.drop.training) == (training, False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked")
def test_a_function_that_may_have_threads_is_called_in_this_process(scored, tmp_path, monkeypatch):
    monkeypatch.setattr(passes, "LEAST_FORKED", 1)

    def marked(audio):
        (tmp_path / str(os.getpid())).touch()
        return loudness(audio)

    for package in ("onnxruntime", "jax", "tensorflow"):
        monkeypatch.delitem(sys.modules, package, raising=False)
    scored(marked)
    assert len(list(tmp_path.iterdir())) > 1
    for path in tmp_path.iterdir():
        path.unlink()
    monkeypatch.setitem(sys.modules, "jax", None)
    scored(marked)
    assert [path.name for path in tmp_path.iterdir()] == [str(os.getpid())]


CALLS = itertools.count(1)


def changing(audio):
    audio -= audio.mean()
    return audio[:, :2]


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda audio: audio[:, :2] * np.nan, "the embedding of clip a window of noise is not finite"),
        (lambda audio: audio[:1, :2], r"must return an array of \(2, dim\) for 2 windows, but returned 1 rows for a batch of 2"),
        (lambda audio: audio[0], r"but returned the shape \(160000,\), not \(batch, dim\)"),
        (lambda audio: audio.tolist(), "but returned list, not a numpy array"),
        (lambda audio: audio[:, :: len(audio[0]) // 8000], "the embedding of clip .* has .* numbers, and others have"),
        (lambda audio: 1 / 0, "failed while embedding: ZeroDivisionError: division by zero"),
        (changing, r"changes the audio that it is given; let it work on a copy, audio\.copy\(\)"),
        (lambda audio: audio.reshape(len(audio), -1, 10), r"returned 16000 layers, and 8000 for half as much audio: these are frames"),
        (lambda audio: (audio - audio.mean(axis=0))[:, :2], "embeds a window alone otherwise than beside others; let its embedding depend"),
        (lambda audio: audio[:, :2] * next(CALLS), "on the batch or on earlier calls"),
        (torch.nn.Linear, "not the class Linear; give an instance"),
        ("loudness", "not 'loudness'"),
    ],
)
def test_a_function_that_is_none_is_a_sentence(scored, function, sentence):
    with pytest.raises(mirbench.MirbenchError, match=sentence):
        scored(function)


def test_a_name_that_is_taken_or_none_is_a_sentence(scored):
    with pytest.raises(mirbench.MirbenchError, match="identity should be text, not 5"):
        scored(loudness, identity=5)
    with pytest.raises(mirbench.MirbenchError, match=r"an encoder is called 'untrained' already \(mirbench\); give another name"):
        scored(loudness, name="untrained")
    with pytest.raises(mirbench.MirbenchError, match=r"name='My Net' is no name of an encoder; write it as 'my-net'"):
        scored(loudness, name="My Net")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [((["genre"], "untrained"), "task should be a name, not"), (("genre", None), "encoder should be a name, not nothing")],
)
def test_predictions_are_asked_for_by_names(results, asked, sentence):
    with pytest.raises(mirbench.MirbenchError, match=sentence):
        results.predictions(*asked)


def test_runs_are_read_as_one(results, scored, place):
    other = scored(loudness, name="loud")
    (place / "both" / "notes").mkdir(parents=True)
    for run in (results, other):
        (place / "both" / run.path.name).symlink_to(run.path.resolve())
    both = mirbench.load_results("both/*")
    assert set(both.summary["encoder"]) == {"untrained", "loud", "majority"}
    assert len(both.scores) == len(results.scores) + len(other.scores) - 2  # the majority class is one
    assert [path.resolve() for path in both.paths] == sorted((results.path.resolve(), other.path.resolve()), key=lambda path: path.name)
    assert repr(mirbench.load_results(results.path)) == repr(results)
    with pytest.raises(mirbench.MirbenchError, match="these results are of 2 runs, and a manifest is of one"):
        _ = both.manifest
    with pytest.raises(mirbench.MirbenchError, match=r"there is no run in nothing/\*; give folders that"):
        mirbench.load_results("nothing/*")
    with pytest.raises(mirbench.MirbenchError, match="both is not a run folder"):
        mirbench.load_results("both")
    assert json.loads((other.path / "manifest.json").read_text())["encoders"]["loud"]["provider"] == "this program"


@pytest.mark.parametrize(
    "call", [mirbench.load, mirbench.load_results, lambda long: mirbench.run(config=long), lambda long: mirbench.run(cache=long)]
)
def test_what_is_no_path_may_be_a_number_that_python_does_not_write_out(call):
    with pytest.raises(mirbench.MirbenchError, match=r"not a whole number of 5,001 digits\.$"):
        call(10**5000)
