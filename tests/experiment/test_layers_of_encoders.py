"""Layers of an encoder: one, each, the best and all weighted, from one forward pass."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from mirbench import cli

RATE = 22_050
PLUGIN = """
import os
import numpy as np
import mirbench

class Layered(mirbench.Encoder):
    name = "layered"
    options = mirbench.LayerOptions()

    def layers(self, options):
        return 3

    def load(self, folder, options, seed, device):
        def embed(audio):
            with open(os.environ["CALLS"], "a") as file:
                file.write(f"{options['layer']}\\n")
            hidden = np.abs(audio[:, :4096]).reshape(len(audio), 16, -1)
            noise = np.sin(1e4 * hidden.max(axis=2))
            return np.stack([noise, hidden.mean(axis=2), -noise], axis=1)
        return embed

class Plain(mirbench.Encoder):
    name = "plain"
    options = {"layer": "mine"}

    def embed(self, audio):
        return np.abs(audio).mean(axis=1, keepdims=True)

@mirbench.hookimpl
def register_encoders():
    return [Layered(), Plain()]
"""


@pytest.fixture
def run(tmp_path, monkeypatch, built_in, unmeasured):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    (tmp_path / "layered.py").write_text(PLUGIN)
    lines, random = ["path,split,genre,artist"], np.random.default_rng(0)
    for split, count in (("train", 24), ("valid", 12), ("test", 24)):
        for i in range(count):
            genre, level = (("quiet", 0.05), ("loud", 0.2))[i % 2]
            audio = level * random.uniform(0.8, 1.2) * random.standard_normal(RATE // 2)
            soundfile.write(tmp_path / f"{split}{i}.wav", audio.clip(-1, 1), RATE)
            lines.append(f"{split}{i}.wav,{split},{genre},{split}{i}")
    (tmp_path / "songs.csv").write_text("\n".join(lines) + "\n")

    def command(*settings, encoder="layered", under="none"):
        argv = ["run", "--encoder", encoder, "--dataset", "songs.csv", "--tasks", "genre", "--corruptions", under, "--severities", "1"]
        argv += ["--plugin", "layered.py", "--cache", "cache", "--output", "results", "--quiet"]
        for setting in ("floors=[]", "bootstrap.resamples=50", "run_name=one", *settings):
            argv += ["--set", setting]
        code = cli.main(argv)
        return code, tmp_path / "results" / "one"

    return command


def scores(folder, condition="clean"):
    rows = pd.read_csv(folder / "scores.csv")
    rows = rows[(rows["metric"] == "accuracy") & (rows["corruption"] == condition) & (rows["encoder"] != "majority")]
    return dict(zip(rows["encoder"], rows["value"], strict=True))


def calls(tmp_path):
    found = (tmp_path / "calls").read_text().split()
    (tmp_path / "calls").unlink()
    return found


def report_of(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    return next(iter(manifest["tasks"]["genre"]["dataset"]["songs"]["probes"].values()))


@pytest.mark.drawn
def test_all_layers_are_scored_from_one_forward_pass_and_drawn_by_their_number(run, tmp_path):
    code, folder = run("options.layered.layer=all", under="gain-down")
    assert code == 0
    together = calls(tmp_path)
    found = scores(folder)
    assert list(found) == [f"layered[layer={number}]" for number in range(3)]
    assert found["layered[layer=1]"] == 1 > max(found["layered[layer=0]"], found["layered[layer=2]"])
    assert set(scores(folder, "gain-down")) == set(found)
    assert (folder / "figures" / "sweep.png").is_file()
    assert set(together) == {"all"}
    run("options.layered.layer=1", "run_name=alone", under="gain-down")
    assert len(calls(tmp_path)) == len(together)  # as often for one layer as for three
    assert scores(tmp_path / "results" / "alone") == {"layered[layer=1]": 1}, "which layer was chosen stands in the name"
    rows = pd.read_csv(folder / "layers.csv")
    assert set(rows["encoder"]) == {"layered[layer=1]"}
    assert list(rows["baseline"]) == ["layered[layer=0]", "layered[layer=2]"]
    assert list(rows["difference"]) == [pytest.approx(1 - found[name], abs=1e-5) for name in rows["baseline"]]
    assert list(rows["p_holm"]) == pytest.approx([3 * min(rows["p"])] * 2, rel=1e-4), "of three pairs of layers"
    told = "On genre the best layer of layered is 1, 1.000 [0.86, 1.00]: better than the last, 2 (+"
    for file in ("report.html", "tables/layers.md", "tables/scores.txt"):
        assert told in " ".join((folder / file).read_text().split()), file
    assert not (tmp_path / "results" / "alone" / "layers.csv").exists()


@pytest.mark.slow
def test_the_last_layer_is_the_one_by_default(run, tmp_path):
    _, folder = run()
    assert set(calls(tmp_path)) == {"last"}
    last = scores(folder)
    _, folder = run("options.layered.layer=2")
    assert list(scores(folder).values()) == list(last.values())


@pytest.mark.parametrize("probe", ["linear", "knn"])
def test_the_best_layer_is_chosen_on_valid_and_named(run, probe):
    _, folder = run("options.layered.layer=best", f"probe.kind={probe}")
    assert scores(folder) == {"layered[layer=best]": 1}
    report = report_of(folder)
    assert report["layer"] == np.argmax(report["validation_of_layers"]) == 1
    assert "Layers, chosen on valid: genre on songs, layered[layer=best], seed 0: 1." in (folder / "report.html").read_text()


def test_layers_are_weighted_by_the_linear_probe_alone(run, capsys):
    _, folder = run("options.layered.layer=weighted", "embedding.dtype=float16")
    assert scores(folder)["layered[layer=weighted]"] == 1
    weights = report_of(folder)["layer_weights"]
    assert np.argmax(weights) == 1
    told = f"Heaviest layers: genre on songs, layered[layer=weighted], seed 0: 1 ({weights[1]:.2f} of 1)."
    assert told in (folder / "report.html").read_text()
    assert sum(weights) == pytest.approx(1, abs=1e-3)
    assert run("options.layered.layer=weighted", "probe.kind=knn")[0] == 2
    assert "layer is weighted, which the probe 'knn' cannot learn; name --probe linear." in capsys.readouterr().err


@pytest.mark.slow
def test_several_probes_are_fitted_to_the_same_embeddings(run, tmp_path):
    _, folder = run("probe.kind=[linear, knn]", "options.layered.layer=1", "floors=handcrafted")
    found = scores(folder)
    named = {"layered": "layer=1, ", "handcrafted": ""}
    assert list(found) == [f"{name}[{layer}probe={probe}]" for name, layer in named.items() for probe in ("linear", "knn")]
    assert found["layered[layer=1, probe=linear]"] == found["layered[layer=1, probe=knn]"] == 1
    many = len(calls(tmp_path))
    comparisons = pd.read_csv(folder / "comparisons.csv")
    pairs = set(zip(comparisons["encoder"], comparisons["baseline"], strict=True))
    assert ("layered[layer=1, probe=knn]", "handcrafted[probe=knn]") in pairs
    assert ("layered[layer=1, probe=knn]", "handcrafted[probe=linear]") not in pairs
    assert "| probe" in (folder / "tables" / "sweep.md").read_text()
    run("probe.kind=knn", "options.layered.layer=1", "run_name=alone")
    assert many > 0
    assert not (tmp_path / "calls").exists()  # nothing is embedded again
    run("probe.kind=[linear, knn]", "options.layered.layer=all", "run_name=both")
    assert "layered[layer=2, probe=knn]" in scores(tmp_path / "results" / "both")


def test_what_cannot_be_is_told_before_anything_is_done(run, capsys, tmp_path):
    assert run("options.layered.layer=3")[0] == 2
    assert "options.layered.layer is 3, and there are the layers 0 to 2." in capsys.readouterr().err
    assert run("sweep.layered.layer=[0, 7]")[0] == 2
    assert "layer is 7, and there are the layers 0 to 2." in capsys.readouterr().err
    assert run("options.layered.layer=middle")[0] == 2
    assert "should be 'last' or 'all' or 'best' or 'weighted' or a whole number" in capsys.readouterr().err
    assert not (tmp_path / "calls").exists()


@pytest.mark.slow
def test_some_layers_may_be_named_as_a_sweep(run, tmp_path):
    _, folder = run("sweep.layered.layer=[1, 2]")
    assert list(scores(folder)) == ["layered[layer=1]", "layered[layer=2]"]
    assert set(calls(tmp_path)) == {"all"}


def test_an_option_of_that_name_is_the_encoders_own_where_it_has_no_layers(run):
    code, folder = run("options.plain.layer=theirs", encoder="plain")
    assert code == 0
    assert scores(folder) == {"plain": 1}
