"""Short names of models of the hub: each reads and runs a tiny random model of its architecture, in a cache of the hub at its revision."""

import importlib.util
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from tiny_hub import clap, dac, encodec, hubert, in_cache, maest, noise, saved, spectrogram_transformer, torch, transformers, whisper

from mirbench import HubEncoder, cli
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.resolve import settle
from mirbench.registry.plugins import load
from mirbench.settings.config import load_config

README = (Path(__file__).parents[2] / "plugins" / "encoders" / "README.md").read_text()
MUQ = """
    import json
    import pathlib
    import types

    import torch


    class MuQ(torch.nn.Module):
        @classmethod
        def from_pretrained(cls, folder):
            model = cls()
            model.depth = json.loads((pathlib.Path(folder) / "config.json").read_text())["encoder_depth"]
            return model

        def forward(self, x, attention_mask=None, output_hidden_states=True):
            frames = x.unflatten(1, (-1, 240)).abs()[..., :4]
            hidden = tuple((layer + 1) * frames for layer in range(self.depth + 1))
            return types.SimpleNamespace(last_hidden_state=hidden[-1], hidden_states=hidden)
"""
SPEECH = {"make": hubert, "rate": 16_000, "layers": 3, "dim": 16}
MADE = {
    "mert-95m": {**SPEECH, "rate": 24_000, "about": {"rate": 24_000}},
    "mert-330m": {**SPEECH, "rate": 24_000, "about": {"rate": 24_000}},
    "music2vec": {**SPEECH, "about": {"cls": "Data2VecAudio"}},
    "muq-large": {"make": None, "rate": 24_000, "layers": 13, "dim": 4},
    "clap-music": {"make": clap, "rate": 48_000, "layers": 4, "dim": 32},
    "clap-general": {"make": clap, "rate": 48_000, "layers": 4, "dim": 32},
    "clap-unfused": {"make": clap, "rate": 48_000, "layers": 4, "dim": 32},
    "encodec-24khz": {"make": encodec, "rate": 24_000, "layers": None, "dim": 8},
    "encodec-32khz": {"make": encodec, "rate": 32_000, "layers": None, "dim": 8, "about": {"rate": 32_000}},
    "dac-44khz": {"make": dac, "rate": 44_100, "layers": None, "dim": 8},
    "maest-30s": {"make": maest, "rate": 16_000, "layers": 3, "dim": 16, "options": {"trust_remote_code": True}},
    "ast": {"make": spectrogram_transformer, "rate": 16_000, "layers": 3, "dim": 16},
    "whisper-small": {"make": whisper, "rate": 16_000, "layers": 3, "dim": 16},
    "hubert-base": SPEECH,
    "wav2vec2-base": {**SPEECH, "about": {"cls": "Wav2Vec2"}},
    "wavlm-base-plus": {**SPEECH, "about": {"cls": "WavLM"}},
    "data2vec-audio-base": {**SPEECH, "about": {"cls": "Data2VecAudio"}},
}
LEFT_OUT = "mirbench: `all` is without the encoders that cannot be used here (`mirbench list NAME` says why): "


def short_names():
    return {name: found for name, found in load().encoders.items() if isinstance(found, HubEncoder)}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    return tmp_path / "hub"


@pytest.fixture
def muq(tmp_path, monkeypatch):
    """A package in the place of the one that MuQ needs."""
    package = tmp_path / "site" / "muq"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(textwrap.dedent(MUQ))
    monkeypatch.syspath_prepend(str(package.parent))
    yield
    sys.modules.pop("muq", None)


def put(cache, found, made=None):
    """The model of a short name where the hub would put it, and its folder."""
    made = MADE[found.name] if made is None else made
    folder = in_cache(cache, found.repository, found.revision)
    if made["make"] is None:
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"encoder_depth": 12, "label_rate": 25}))
        return None, folder
    return saved(made["make"], folder, **made.get("about", {})), folder


def loaded(found, **options):
    complete = {**found.options, **options}
    found.check(complete)
    return found.input(complete), found.layers(complete), found.load(None, complete, 0, "cpu")


@pytest.mark.parametrize("name", MADE)
def test_a_short_name_runs_a_model_of_its_architecture(cache, muq, name):
    found, made = load().encoders[name], MADE[name]
    put(cache, found)
    every = {} if made["layers"] is None else {"layer": "all"}
    given, layers, embed = loaded(found, **every, **made.get("options", {}))
    assert (given.sample_rate, layers) == (made["rate"], made["layers"])
    assert (given.sample_rate, given.window_seconds) == (found.sample_rate, found.window_seconds)  # as `mirbench list` tells them
    drawn = torch.get_rng_state()
    rows = embed(noise(0.5, given.sample_rate))
    assert torch.equal(torch.get_rng_state(), drawn)
    assert rows.shape == (2, *([] if layers is None else [layers]), made["dim"])
    assert np.isfinite(rows).all()
    assert np.ptp(rows, axis=0).max() > 0
    assert len(found.identity()) == 64


def test_every_short_name_is_run_above_and_stands_in_the_readme():
    assert set(short_names()) == set(MADE)
    rows = {cells[0].strip("` "): cells for line in README.splitlines() if len(cells := line.split("|")[1:-1]) == 3}
    for name, found in short_names().items():
        assert rows[name][1].strip() == found.licence
        assert rows[name][2].strip() == found.trained_with


@pytest.mark.parametrize("name", MADE)
def test_what_is_told_of_a_model_is_whole(name):
    registry = load()
    found = registry.encoders[name]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert found.home == f"https://huggingface.co/{found.repository}"
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", found.repository)
    assert re.fullmatch(r"[0-9a-f]{40}|main", found.revision)
    assert found.licence
    assert re.search(r", .*\b20[12]\d\b", found.citation)
    assert found.trained_with
    assert found.untried
    assert set(found.trained_on) <= set(registry.datasets)
    assert set(found.seen_families(found.options)) <= {corruption.family for corruption in registry.corruptions.values()}


def test_models_whose_weights_come_in_packages_tell_it_too():
    registry = load()
    for name in ("crepe", "crepe-tiny", "musicnn", "basic-pitch"):
        found = registry.encoders[name]
        assert found.home.startswith("https://")
        assert found.licence
        assert re.search(r"20[12]\d$", found.citation)
        assert found.trained_with
        assert not found.untried
    assert registry.encoders["crepe"].trained_on == ("nsynth",)


def test_of_dac_the_rate_is_the_models_and_the_embedding_is_what_its_encoder_makes(cache):
    found = load().encoders["dac-44khz"]
    model, _ = put(cache, found, {"make": dac, "about": {"extractor_rate": 16_000}})
    given, _, embed = loaded(found)
    assert given.sample_rate == 44_100
    audio = noise(0.1, 44_100)[:, :4403]
    padded = np.pad(audio, ((0, 0), (0, 5)))  # to whole frames of 8 samples
    with torch.inference_mode():
        np.testing.assert_allclose(embed(audio), model.encoder(torch.tensor(padded)[:, None]).mean(dim=2), atol=1e-5)


def test_of_maest_frames_are_of_16_ms_and_the_silence_behind_the_audio_counts_for_nothing(cache):
    found = load().encoders["maest-30s"]
    model, folder = put(cache, found)
    given, _, embed = loaded(found, trust_remote_code=True)
    assert given.window_seconds == 30.016
    audio = noise(2.0, 16_000)
    extract = transformers.AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=True)
    with torch.inference_mode():
        hidden = model(**extract(list(audio), sampling_rate=16_000)).last_hidden_state
    patches = hidden[:, 2:].unflatten(1, (9, 187))[:, :, :12].flatten(1, 2)  # 125 frames, patches of 16, ten apart
    np.testing.assert_allclose(embed(audio), torch.cat([hidden[:, :2], patches], dim=1).mean(dim=1), atol=1e-5)


def test_code_that_only_prepares_audio_is_run_only_where_it_is_trusted(cache):
    found = load().encoders["maest-30s"]
    put(cache, found)
    with pytest.raises(MirbenchError, match=r"comes with code of its own, .*: --set options\.maest-30s\.trust_remote_code=true"):
        loaded(found)


def test_music2vec_is_read_as_it_was_published_with_a_path_for_its_vocabulary(cache):
    found = load().encoders["music2vec"]
    _, folder = put(cache, found)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": "/data/dict.txt"}))
    assert loaded(found)[2](noise(0.5, 16_000)).shape == (2, 16)


def test_muq_needs_its_package_and_float32(cache, tmp_path, request):
    found = load().encoders["muq-large"]
    if importlib.util.find_spec("muq") is None:
        assert (
            found.missing(found.options) == "the encoder muq-large needs the package muq; install it by pip install 'mirbench-audio[muq]'."
        )
    request.getfixturevalue("muq")
    assert "hf download OpenMuQ/MuQ-large-msd-iter --revision 0562a578" in found.missing(found.options)
    put(cache, found)
    assert found.missing(found.options) == ""
    rows = loaded(found, layer="all")[2](noise(0.5, 24_000))
    np.testing.assert_allclose(rows[:, 12], 13 * rows[:, 0], rtol=1e-5)
    with pytest.raises(MirbenchError, match=r"computes in float32 alone; leave --set options\.muq-large\.dtype out"):
        loaded(found, dtype="float16")


def settled(*encoders, **settings):
    return settle(load_config([], [], {"encoders": list(encoders), **settings}), load())


def test_all_is_the_encoders_that_can_be_used_here(cache, capsys, monkeypatch):
    registry = load()
    put(cache, registry.encoders["hubert-base"])
    put(cache, registry.encoders["maest-30s"])
    chosen = settled("all").encoders
    err = capsys.readouterr().err
    assert err.startswith(LEFT_OUT)
    assert err.count("\n") == 1
    left_out = err.removeprefix(LEFT_OUT).rstrip(".\n").split(", ")
    assert sorted([*chosen, *left_out]) == sorted(registry.encoders)
    assert {"semisupcon", "handcrafted", "hubert-base"} <= set(chosen)
    assert {"maest-30s", "mert-95m", "whisper-small"} <= set(left_out)
    trusting = settled("all", options={"maest-30s": {"trust_remote_code": True}}, floors=["all"])
    assert set(trusting.encoders) == set(trusting.floors) == {*chosen, "maest-30s"}
    capsys.readouterr()
    monkeypatch.setattr(HubEncoder, "missing", lambda self, options: "")
    monkeypatch.setattr("mirbench_plugins.encoders._packaged._places", lambda package: ["here"])
    assert settled("all").encoders == list(registry.encoders)
    assert settled("semisupcon").encoders == ["semisupcon"]
    assert capsys.readouterr().err == ""


def test_a_run_of_all_is_planned_and_one_that_names_what_is_not_here_is_refused(cache, tmp_path, capsys):
    words = ["run", "--config", "quick", "--plan", "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results")]
    assert cli.main([*words, "--encoder", "all"]) == 0
    said = capsys.readouterr()
    assert said.err.count(LEFT_OUT) == 1
    assert "mert-95m" in said.err
    assert "mert-95m" not in said.out
    assert cli.main([*words, "--encoder", "all,whisper-small"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("mirbench: hf:openai/whisper-small is not on this disk; this line fetches")
    assert cli.main(["data", "check", "mini-quick", "--encoder", "all", "--cache", str(tmp_path / "cache")]) == 0
    assert capsys.readouterr().err.count(LEFT_OUT) == 1


def test_without_transformers_it_is_told_what_to_install(cache, monkeypatch):
    found = load().encoders["hubert-base"]
    put(cache, found)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "transformers" else find_spec(name, *more))
    assert found.missing(found.options) == "hf:facebook/hubert-base-ls960 needs transformers; pip install 'mirbench-audio[hf]'."


def test_what_is_told_is_listed(cache, capsys):
    def listed(*words):
        assert cli.main(["list", *words]) == 0
        return capsys.readouterr().out

    lines = listed("encoders").splitlines()
    assert lines[next(n for n, line in enumerate(lines) if line.startswith("mert-95m ")) + 1].strip() == "not tried with its true weights"
    assert sum("not tried" in line for line in lines) == len(MADE)
    page = " ".join(listed("encodec-24khz").split())
    for told in (
        "licence: MIT for the code; none is stated for the weights",
        "home: https://huggingface.co/facebook/encodec_24khz",
        "cite: A. Défossez",
        "training data: DNS Challenge 4",
        "mtg-jamendo-top50, whose scores may be of audio that it was trained on",
        "weights: not tried with its true weights",
        "to use it: hf:facebook/encodec_24khz is not on this disk; this line fetches it: hf download facebook/encodec_24khz --revision c1",
    ):
        assert told in page
    assert "licence" not in listed("handcrafted")
    about = json.loads(listed("encoders", "crepe", "--json"))
    assert (about["licence"], about["trained_on"], about["untried"]) == ("MIT", ["nsynth"], False)
    (row,) = [row for row in json.loads(listed("encoders", "--json")) if row["name"] == "dac-44khz"]
    assert (row["sample_rate"], row["licence"], row["untried"]) == (44_100, "MIT", True)
    assert row["citation"].endswith("NeurIPS 2023")


def test_they_are_listed_without_an_import_of_what_they_need():
    code = (
        "import sys; from mirbench.cli import main; main(['list', 'encoders']);"
        "heavy = {'torch', 'numpy', 'transformers', 'huggingface_hub', 'muq'}; print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr == "[]\n"


def test_data_sets_that_it_was_trained_on_are_a_tuple_of_names(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        textwrap.dedent("""
        import mirbench


        class Mine(mirbench.Encoder):
            name = "mine"
            trained_on = "nsynth"

            def embed(self, audio):
                return audio[:, :2]


        @mirbench.hookimpl
        def register_encoders():
            return [Mine()]
    """)
    )
    with pytest.raises(
        MirbenchError, match=r"has trained_on = 'nsynth'; it should be a tuple of names of data sets, such as \('nsynth',\)"
    ):
        load([plugin])
    load()
