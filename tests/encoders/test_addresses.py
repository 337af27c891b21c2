"""Encoders by address: files of ONNX and TorchScript and functions of Python are scored as any other."""

import json
import multiprocessing
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from onnx_models import ABS, external_file, graph_file, onnx_file
from songs import RATE, songs

import mirbench
from mirbench import cli
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.addresses import register_addresses
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.experiment.resolve.identity import identity_of
from mirbench.experiment.resolve.records import Entry
from mirbench.records import Input
from mirbench.registry.plugins import load
from mirbench.settings.config import RunConfig
from mirbench.settings.options import encoder_options

AUDIO = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 4000)).astype(np.float32)
EMBED = []
MODELS = """
import numpy as np
import torch

calls = []

def loudness(audio):
    calls.append(audio.shape)
    return np.stack([np.abs(audio).mean(axis=1), audio.std(axis=1)], axis=1)

def make():
    return loudness

def nothing():
    return None

def layers(audio):
    return np.stack([loudness(audio), -loudness(audio)], axis=1)

class Net(torch.nn.Module):
    def forward(self, audio):
        return audio.abs().mean(dim=1, keepdim=True)
"""


def complete(found, **options):
    every = {**found.options, **options}
    found.check(every)
    return every


def embedded(found, **options):
    return found.load(None, complete(found, **options), 0, "cpu")(AUDIO)


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_models.py").write_text(MODELS)
    yield tmp_path
    sys.modules.pop("my_models", None)


def test_an_onnx_model_is_given_its_audio_in_the_shape_that_it_takes(tmp_path):
    registry = load()
    expected = np.abs(AUDIO).mean(axis=1, keepdims=True)
    for name, shape in (("flat", ("batch", "samples")), ("one-channel", ("batch", 1, "samples")), ("fixed", (2, 4000))):
        found = registry.add_address("onnx", onnx_file(tmp_path / f"{name}.onnx", shape))
        assert found.name == name
        np.testing.assert_allclose(embedded(found, sample_rate=RATE, normalise="none"), expected, rtol=1e-5)
    given = found.input({**found.options, "sample_rate": RATE})
    assert (given.window_seconds, given.shortest_seconds) == (0.25, 0.25)  # as many samples as the model takes
    with pytest.raises(MirbenchError, match=r"window_seconds=3 is more than onnx:fixed\.onnx takes, 0\.25 s"):
        complete(found, sample_rate=RATE, normalise="none", window_seconds=3.0)


def test_the_page_of_an_address_tells_what_its_file_says_and_imports_nothing_heavy(tmp_path):
    onnx_file(tmp_path / "two.onnx", outputs=2)
    code = (
        "import sys; from mirbench.cli import main; main(['list', 'onnx:two.onnx']); main(['list', 'encoders', 'onnx:two.onnx', '--json']);"
        "print({'torch', 'numpy', 'onnxruntime'} & set(sys.modules), file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    page, brace, about = told.stdout.partition("\n{")
    told_of_layers = "2 (0 mean, 1 squared); the last is probed; --set options.two.layer=all scores each, mean or 0 that one, best "
    told_of_layers += "chooses for each task"
    for name, said in (
        ("sample rate", "not known; give it by --set options.two.sample_rate=HERTZ"),
        ("hop", "windows begin as far apart as they are long"),
        ("normalised", "nothing says; give it by --set options.two.normalise=none or --set options.two.normalise=zero-mean-unit-variance"),
        ("layers", told_of_layers),
        ("dimensions", "1"),
        ("licence", "not known; see where the model comes from"),
    ):
        assert f"{name}: {said} " in " ".join(page.split()), name
    assert {**json.loads(brace + about), "options": []}.items() >= {"layers": 2, "dims": [1, 1], "layer_names": ["mean", "squared"]}.items()
    assert told.stderr == "set()\n"


def test_an_address_that_cannot_be_shown_is_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words, sentence in (
        (["onx:two.onnx"], "no scheme of encoders is named 'onx'; did you mean 'onnx'? Known: "),
        (["encoders", "onnx:none.onnx"], "there is no file none.onnx, which onnx:none.onnx names; give a model in ONNX."),
    ):
        assert cli.main(["list", *words]) == 2
        assert capsys.readouterr().err.startswith(f"mirbench: {sentence}")
    (tmp_path / "text.onnx").write_text("no model")
    assert cli.main(["list", "onnx:text.onnx"]) == 0
    assert "to use it: onnx:text.onnx cannot be loaded (" in " ".join(capsys.readouterr().out.split())


def test_outputs_of_an_onnx_model_are_layers(tmp_path):
    found = load().add_address("onnx", onnx_file(tmp_path / "two.onnx", outputs=2))
    asked = {"sample_rate": RATE, "normalise": "none"}
    rows = embedded(found, layer="all", **asked)
    assert rows.shape == (3, 2, 1)
    np.testing.assert_allclose(rows[:, 1], rows[:, 0] ** 2, rtol=1e-5)
    np.testing.assert_array_equal(embedded(found, outputs="mean", **asked), rows[:, 0])
    with pytest.raises(MirbenchError, match=r"onnx:two\.onnx has no output 'more'; it has mean, squared"):
        complete(found, outputs="more", **asked)


def test_a_layer_of_an_onnx_model_is_asked_for_by_the_name_of_its_output(tmp_path):
    found = load().add_address("onnx", onnx_file(tmp_path / "two.onnx", outputs=2))
    asked = {"sample_rate": RATE, "normalise": "none"}
    assert encoder_options(found, {"two": {**asked, "layer": "squared"}})["layer"] == 1
    assert encoder_options(found, {"two": {**asked, "layer": "best"}})["layer"] == "best"
    with pytest.raises(MirbenchError, match=r"two\.layer: no layer is named 'means'; did you mean 'mean'\? Known: mean, squared, last"):
        encoder_options(found, {"two": {**asked, "layer": "means"}})
    with pytest.raises(MirbenchError, match=r"two\.layer: the layer 'mean' is left out by outputs=squared; let that name it too, or leave"):
        encoder_options(found, {"two": {**asked, "outputs": "squared", "layer": "mean"}})
    with pytest.raises(MirbenchError, match="sample_rate"):  # which is checked first, as names may depend on it
        encoder_options(found, {"two": {"sample_rate": "abc", "layer": "squared"}})
    registry = load()
    address = f"onnx:{tmp_path / 'two.onnx'}"
    for settings, names in (
        ({"options": {"two": {**asked, "layer": "all"}}}, ["two[layer=0 (mean)]", "two[layer=1 (squared)]"]),
        ({"options": {"two": {**asked, "layer": "squared"}}}, ["two[layer=1 (squared)]"]),
        ({"options": {"two": asked}, "sweep": {"two": {"layer": ["mean", 1]}}}, ["two[layer=0 (mean)]", "two[layer=1 (squared)]"]),
        ({"options": {"two": {**asked, "outputs": "mean"}}}, ["two"]),
    ):
        config = register_addresses(RunConfig(encoders=[address], floors=[], **settings), registry)
        entries = resolve_entries(config, registry)
        assert [entry.name for entry in entries] == names
        assert all(isinstance(entry.values.get("layer", 0), int) for entry in entries), "a number on an axis"


@pytest.mark.parametrize(("rate", "window"), [(None, "48,000 samples; a longer"), (16_000, "48,000 samples (3 s); a longer")])
def test_a_fixed_length_is_listed_in_samples(tmp_path, capsys, rate, window):
    metadata = {"mirbench": json.dumps({"sample_rate": rate})} if rate else None
    file = onnx_file(tmp_path / "m.onnx", ("batch", 48_000), metadata=metadata)
    assert cli.main(["list", f"onnx:{file}"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"window: {window}" in told
    assert "shortest: 48,000 samples; a shorter" in told


def test_what_a_model_says_of_itself_is_not_asked_for(tmp_path):
    told = '{"sample_rate": 22050, "normalises": true, "window_seconds": 2.7}'
    found = load().add_address("onnx", onnx_file(tmp_path / "told.onnx", metadata={"mirbench": told}))
    assert found.input(complete(found)) == Input(22_050, 2.7)
    with pytest.raises(MirbenchError, match=r"onnx:silent\.onnx does not say at which sample rate it takes audio"):
        complete(load().add_address("onnx", onnx_file(tmp_path / "silent.onnx")))


def test_an_onnx_model_is_loaded_where_it_is_used_since_its_threads_do_not_survive_a_fork(tmp_path):
    found = load().add_address("onnx", onnx_file(tmp_path / "m.onnx"))
    EMBED[:] = [found.load(None, complete(found, sample_rate=RATE, normalise="none"), 0, "cpu")]  # which the process is forked with
    with multiprocessing.get_context("fork").Pool(1) as pool:
        expected = np.abs(AUDIO).mean(axis=1, keepdims=True)
        np.testing.assert_allclose(pool.apply_async(_embed).get(60), expected, rtol=1e-5)
    code = f"""if True:
        import sys
        from mirbench.registry.plugins import load
        found = load().add_address("onnx", {str(tmp_path / "m.onnx")!r})
        options = {{**found.options, "sample_rate": 8000, "normalise": "none"}}
        found.check(options), found.input(options), found.layers(options), found.load(None, options, 0, "cpu")
        assert "onnxruntime" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def _embed():
    return EMBED[0](AUDIO)


def test_a_torchscript_file_is_loaded_with_what_it_says(tmp_path):

    class Net(torch.nn.Module):
        def forward(self, audio):
            frames = audio.unflatten(1, (10, -1)).abs()
            return frames, frames.mean(dim=1)

    torch.jit.save(
        torch.jit.script(Net()), tmp_path / "net.pt", _extra_files={"mirbench.json": '{"sample_rate": 8000, "normalises": true}'}
    )
    found = load().add_address("torchscript", str(tmp_path / "net.pt"))
    assert found.input(complete(found)).sample_rate == 8000
    np.testing.assert_allclose(embedded(found), np.abs(AUDIO.reshape(3, 10, -1)).mean(axis=1), rtol=1e-5)
    torch.jit.save(torch.jit.script(Net()), tmp_path / "bare.pt")
    found = load().add_address("torchscript", str(tmp_path / "bare.pt"))
    every = embedded(found, sample_rate=8000, normalise="none", layer="all")
    np.testing.assert_allclose(every[:, 0], every[:, 1], rtol=1e-5)
    np.testing.assert_allclose(
        embedded(found, sample_rate=8000, normalise="none", layer="all", pool="max")[:, 0].max(), np.abs(AUDIO).max()
    )


def test_a_function_a_class_and_what_makes_one_are_encoders(models):
    registry = load()
    expected = np.stack([np.abs(AUDIO).mean(axis=1), AUDIO.std(axis=1)], axis=1)
    for name in ("loudness", "make"):
        found = registry.add_address("python", f"my_models:{name}")
        assert found.name == name
        np.testing.assert_allclose(embedded(found, sample_rate=RATE), expected, rtol=1e-6)
    np.testing.assert_allclose(embedded(registry.add_address("python", "my_models:Net"), sample_rate=RATE), expected[:, :1], rtol=1e-6)
    layers = embedded(registry.add_address("python", "my_models:layers"), sample_rate=RATE, layer="all")
    np.testing.assert_allclose(layers, np.stack([expected, -expected], axis=1), rtol=1e-6)
    with pytest.raises(MirbenchError, match="python:my_models:make does not say at which sample rate"):
        complete(found)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("onnx:none.onnx", r"there is no file none\.onnx, which onnx:none\.onnx names; give a model in ONNX"),
        ("onnx:my_models.py", r"onnx:my_models\.py cannot be loaded \(.*\); give a model in ONNX"),
        ("torchscript:none.pt", r"there is no file none\.pt, which torchscript:none\.pt names"),
        ("torchscript:my_models.py", r"torchscript:my_models\.py is no TorchScript file \(.*\); give one that torch\.jit\.save wrote"),
        ("python:my_models", r"python:my_models names no function; write python:MODULE:NAME"),
        ("python:my_models:nof", "the module my_models has no function nof; name one that it has"),
        ("python:no_models:f", r"there is no module no_models, which python:no_models:f names"),
        ("onyx:model.onnx", r"no scheme of encoders is named 'onyx'; did you mean 'onnx'\?"),
        ("python:my_models:nothing", "nothing of the module my_models takes no audio, and returns NoneType; let it take"),
        ("onnx:", "onnx: names no file; write onnx:FILE"),
        ("torchscript:", "torchscript: names no file; write torchscript:FILE"),
        ("hf:", r"hf: names no model; write hf:OWNER/NAME"),
    ],
)
def test_an_address_of_nothing_is_a_sentence(models, capsys, address, sentence):
    songs(models)
    name = address.rpartition(":")[2]
    words = ["--encoder", address, "--set", f"options.{name}.sample_rate=16000"] if name == "nothing" else ["--encoder", address]
    assert cli.main(["embed", "songs.csv", *words, "-o", "rows.npz", "--cache", "cache"]) == 2
    assert re.search(sentence, capsys.readouterr().err)


def test_the_path_of_a_model_in_the_place_of_a_name_is_told_its_address(models, capsys):
    onnx_file("net.onnx")
    (models / "hub").mkdir()
    (models / "hub" / "config.json").write_text("{}")
    for words in (
        ["check", "net.onnx"],
        ["run", "--encoder", "net.onnx"],
        ["list", "net.onnx"],
        ["check", "hub"],
        ["run", "--encoder", "a.pt"],
    ):
        assert cli.main(words) == 2
        scheme = {"net.onnx": "onnx", "hub": "hf", "a.pt": "torchscript"}[words[-1]]
        assert (
            capsys.readouterr().err
            == f"mirbench: '{words[-1]}' is the path of a model, no name; write its address, {scheme}:{words[-1]}.\n"
        )


def test_the_rate_in_the_metadata_of_a_model_is_taken_and_not_contradicted(tmp_path):
    for key in ("sample_rate", "sampling_rate"):
        found = load().add_address("onnx", onnx_file(tmp_path / f"{key}.onnx", metadata={key: "22050"}))
        assert found.input(complete(found, normalise="none")).sample_rate == 22_050
        assert complete(found, normalise="none", sample_rate=22_050)
        with pytest.raises(
            MirbenchError, match=r"takes audio at 22050 Hz, and options\.\S+\.sample_rate is 16000; leave that out, or correct"
        ):
            complete(found, normalise="none", sample_rate=16_000)
    for given in ("fast", "0", "22.05e3"):
        found = load().add_address("onnx", onnx_file(tmp_path / "wrong.onnx", metadata={"sample_rate": given}))
        with pytest.raises(MirbenchError, match=r"says in its metadata sample_rate=.*, which is no rate in Hz"):
            complete(found, normalise="none")


@pytest.mark.parametrize("told", [{"sampling_rate": "16000"}, {"mirbench": '{"sample_rate": 16000}'}])
def test_rates_in_the_metadata_of_a_model_must_agree(told, tmp_path):
    found = load().add_address("onnx", onnx_file(tmp_path / "two.onnx", metadata={"sample_rate": "22050", **told}))
    with pytest.raises(MirbenchError, match=r"says in its metadata sampl\w+=\d+, and elsewhere in them \d+ Hz; correct what is wrong\."):
        complete(found, normalise="none")


def test_names_are_the_shortest_ends_of_addresses_that_nobody_has(tmp_path):
    registry = load()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    paths = [onnx_file(tmp_path / name) for name in ("one/model.onnx", "two/model.onnx", "simclr.onnx", "My Net_2.onnx")]
    names = [registry.add_address("onnx", path).name for path in paths]
    assert [registry.encoders[name].model for name in names[:2]] == ["onnx:model.onnx", "onnx:two/model.onnx"]
    assert names == ["model", "two-model", f"{tmp_path.name.replace('_', '-')}-simclr", "my-net-2"]
    assert registry.add_address("onnx", paths[0]) is registry.encoders["model"]
    assert registry.add_address("hf", "facebook/hubert-base-ls960@abc1").name == "hubert-base-ls960"
    assert registry.add_address("hf", "facebook/hubert-base-ls960@abc2").name == "facebook-hubert-base-ls960"


def test_a_run_takes_an_address_and_its_options(models, built_in, capsys):
    songs(models)
    onnx_file(models / "net.onnx")
    words = ["run", "--encoder", "python:my_models:loudness,onnx:net.onnx", "--dataset", "songs.csv", "--tasks", "genre"]
    words += ["--corruptions", "none", "--cache", "cache", "--quiet", "--set", "floors=none", "--set", "bootstrap.resamples=50"]
    words += ["--set", "options.all.sample_rate=16000", "--set", "options.net.normalise=none", "--set", "run_name=one"]
    assert cli.main(words) == 0
    scores = (models / "results" / "one" / "scores.csv").read_text().splitlines()
    assert {line.split(",")[0] for line in scores[1:]} == {"loudness", "net", "majority"}
    assert "python: of mirbench" in (models / "results" / "one" / "manifest.json").read_text()
    assert cli.main(["list", "schemes"]) == 0
    assert "onnx:FILE, a model in ONNX" in capsys.readouterr().out


def test_nothing_tells_that_a_function_is_the_same_but_what_is_said(models):
    """It may read weights and import modules that its source does not show."""
    one, other = (load().add_address("python", "my_models:loudness") for _ in range(2))
    plain, named = one.options, {**one.options, "identity": "weights 1"}
    assert one.identity(plain) == one.identity(plain) != other.identity(plain)
    assert one.identity(named) == other.identity(named) != other.identity({**named, "identity": "weights 2"})
    (models / "my_models.py").write_text(MODELS + "# changed")
    assert load().add_address("python", "my_models:loudness").identity(named) != one.identity(named)


def test_a_module_that_was_changed_is_imported_anew(models):
    before = embedded(load().add_address("python", "my_models:loudness"), sample_rate=RATE)
    (models / "my_models.py").write_text(MODELS.replace("audio.std(axis=1)]", "2 * audio.std(axis=1)]"))
    after = embedded(load().add_address("python", "my_models:loudness"), sample_rate=RATE)
    np.testing.assert_allclose(after[:, 1], 2 * before[:, 1], rtol=1e-6)


@pytest.mark.parametrize("length", [10, 200])
def test_weights_beside_an_onnx_model_are_in_its_identity(tmp_path, length):
    path, beside = tmp_path / "net.onnx", "w" * length
    external_file(path, beside)
    found = load().add_address("onnx", str(path))
    assert found.weight_files(None, found.options) == [path, tmp_path / beside]
    before = found.identity(found.options)
    assert found.identity(found.options) == before
    external_file(path, beside, 2.0)
    assert found.identity(found.options) != before


def test_weights_that_were_left_behind_are_named(tmp_path):
    external_file(tmp_path / "net.onnx", "net.weights")
    (tmp_path / "net.weights").unlink()
    found = load().add_address("onnx", str(tmp_path / "net.onnx"))
    with pytest.raises(MirbenchError, match=r"has weights in net\.weights, not there; put that beside it\.$"):
        found.about(found.options)


@pytest.mark.parametrize("option", ["net.onnx", "."])
def test_weights_beside_a_model_that_an_option_names_are_in_its_key(tmp_path, option):
    """Whoever wrote the encoder, and whatever the external data are called."""

    class Mine(mirbench.Encoder):
        name = "mine"
        options = type("Its", (mirbench.Options,), {"weights": mirbench.option(str(tmp_path / option), file=True)})()

    def key():
        entry = Entry("mine", Mine(), {"weights": str(tmp_path / option)}, (0,), "given")
        return identity_of(entry, "mine.py")

    external_file(tmp_path / "net.onnx", "weights of it")
    before, model = key(), (tmp_path / "net.onnx").read_bytes()
    assert key() == before
    external_file(tmp_path / "net.onnx", "weights of it", 2.0)
    assert (tmp_path / "net.onnx").read_bytes() == model
    assert key() != before


def test_what_a_model_was_trained_on_is_told_by_its_file(tmp_path):
    facts = json.dumps({"sample_rate": 16_000, "normalises": True, "trained_on": ["songs"]})
    onnx_file(tmp_path / "net.onnx", metadata={"mirbench": facts})
    torch.jit.save(torch.jit.script(torch.nn.Identity()), tmp_path / "net.pt", _extra_files={"mirbench.json": facts})
    (tmp_path / "broken.onnx").write_text("no model")
    addresses = {"onnx": "net.onnx", "torchscript": "net.pt"}
    assert [load().add_address(scheme, str(tmp_path / name)).trained_on for scheme, name in addresses.items()] == [("songs",), ("songs",)]
    assert load().add_address("onnx", str(tmp_path / "broken.onnx")).trained_on == ()


PATCHES = [("Reshape", ["audio", "patches"], "out", {})]
MEAN = [("ReduceMean", ["audio", "axis"], "out", {"keepdims": 0})]


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ((PATCHES, ("b", "s"), 1, [("patches", [0, -1, 10, 2])]), r"or \(3, frames, dim\), but returned the shape \(3, 200, 10, 2\)"),
        ((MEAN, ("b", "s"), 1, [("axis", [1])]), r"must return an array of \(3, dim\) for 3 windows, .* but returned the shape \(3,\)"),
        ((MEAN, ("b", "s"), 1, [("axis", [0])]), r"but returned the shape \(4000,\)"),
        (([("Cast", ["audio"], "out", {"to": 8})], ("b", "s")), "but returned object, no numbers"),
        ((ABS, ("b", "s"), 5), r"takes audio \['b', 's'\] tensor\(int16\), and should take .* of floats"),
        ((ABS, ("b", 128, "frames")), r"takes audio \['b', 128, 'frames'\]"),
        (([("Constant", [], "out", {"value_floats": [1.0, 2.0]})], ()), "takes nothing, and should take"),
        ((ABS, ("b", "s"), 1, (), {"mirbench": "[1]"}), r"says of itself what mirbench does not read \(\[1\]\)"),
        ((ABS, ("b", "s"), 1, (), {"mirbench": '{"sample_rate": "fast"}'}), "says of itself what mirbench does not read"),
        ((ABS, ("b", "s"), 1, (), {"mirbench": '{"key": []}'}), r"says of itself what mirbench does not know \(key\)"),
        ((PATCHES, (2, "s"), 1, [("patches", [1, -1])]), r"must return an array of \(2, dim\) for 2 windows"),
    ],
)
def test_an_onnx_model_that_is_none_of_audio_is_a_sentence(tmp_path, model, sentence):
    found = load().add_address("onnx", graph_file(tmp_path / "net.onnx", *model))
    with pytest.raises(MirbenchError, match=sentence):
        embedded(found, sample_rate=RATE, normalise="none")


@pytest.mark.parametrize("kind", [10, 11])  # of ONNX: numbers of 16 and of 64 bits
def test_audio_is_given_to_an_onnx_model_in_the_numbers_that_it_takes(tmp_path, kind):
    found = load().add_address("onnx", graph_file(tmp_path / "net.onnx", ABS, ("batch", "samples"), kind))
    np.testing.assert_allclose(embedded(found, sample_rate=RATE, normalise="none"), np.abs(AUDIO), atol=1e-3)
    assert "dtype" not in found.options


class Mapped(torch.nn.Module):
    def forward(self, audio):
        return {"embedding": audio}


class Nested(torch.nn.Module):
    def forward(self, audio):
        return audio, (audio,)


class Patches(torch.nn.Module):
    def forward(self, audio):
        return audio.unflatten(1, (-1, 10, 2))


class Failing(torch.nn.Module):
    def forward(self, audio):
        if audio.shape[1] > 1:
            raise ValueError("too long.")
        return audio


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (Mapped(), "must return a tensor, or a tuple of tensors, but returned dict"),
        (Nested(), "must return a tensor, or a tuple of tensors, but returned tuple of Tensor and tuple"),
        (Patches(), r"but returned the shape \(3, 200, 10, 2\)"),
        (Failing(), r"^torchscript:net\.pt fails on audio of the shape \(3, 4000\): .*too long\.$"),
    ],
)
def test_a_torchscript_module_that_returns_no_embeddings_is_a_sentence(tmp_path, module, sentence):
    torch.jit.save(torch.jit.script(module), tmp_path / "net.pt")
    with pytest.raises(MirbenchError, match=sentence):
        embedded(load().add_address("torchscript", str(tmp_path / "net.pt")), sample_rate=RATE, normalise="none")


def test_what_a_torchscript_file_says_of_itself_is_read_with_care(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Identity()), tmp_path / "net.pt", _extra_files={"mirbench.json": "no JSON"})
    with pytest.raises(MirbenchError, match=r"torchscript:net\.pt says of itself what mirbench does not read \(.*no JSON.*\)"):
        complete(load().add_address("torchscript", str(tmp_path / "net.pt")))


def test_a_model_of_many_weights_is_told_to_take_long_before_it_is_run(tmp_path):
    (tmp_path / "large.pt").touch()
    found = load().add_address("torchscript", str(tmp_path / "large.pt"))
    usual = found.embedding_cost(found.options)
    os.truncate(tmp_path / "large.pt", 4 * 95_000_000)  # as many as HuBERT has, which takes about a fifth of what its audio lasts
    assert found.embedding_cost(found.options) == pytest.approx(0.19)
    assert usual < 0.001
