"""Maps in a run: in its folder with what colours them, in the manifest, drawn, made once, and left out where asked."""

import json

import numpy as np
import pandas as pd
import pytest
from small import LOUD
from songs import hard_songs

from mirbench import cli
from mirbench.errors import MirbenchError
from mirbench.registry import load as registry
from mirbench.reporting import report
from mirbench.results.merging import load
from mirbench.settings.config import load_config


@pytest.fixture
def run(tmp_path, monkeypatch, built_in, unmeasured):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loud_plugin.py").write_text(LOUD)
    hard_songs(tmp_path, np.random.default_rng(0), {"train": 30, "valid": 12, "test": 24})

    def command(*settings):
        argv = ["run", "--encoder", "loud", "--dataset", "songs.csv", "--corruptions", "none", "--tasks", "genre"]
        argv += ["--plugin", "loud_plugin.py", "--cache", "cache", "--output", "results", "--quiet", "--debug"]
        for setting in ("floors=untrained", "bootstrap.resamples=20", "similarity=false", "run_name=one", *settings):
            argv += ["--set", setting]
        assert cli.main(argv) == 0
        return tmp_path / "results" / "one"

    return command


def test_a_finished_run_has_a_map_of_each_encoder(songs_run):
    results = load(songs_run[-1])
    assert results.maps.groupby("encoder", observed=True)["clip"].nunique().tolist() == [12, 12]
    assert set(results.clips["annotation"]) == {"genre"}
    assert set(results.manifest["maps"]["songs"]["encoders"]) == set(results.maps["encoder"])


@pytest.mark.slow
@pytest.mark.drawn
def test_a_run_leaves_its_maps_with_what_colours_them_and_they_are_made_once(run, tmp_path):
    folder = run()
    maps, clips = pd.read_csv(folder / "maps.csv"), pd.read_csv(folder / "clips.csv")
    assert maps.groupby("encoder")["clip"].nunique().to_dict() == {"loud": 24, "untrained": 24}
    assert set(clips["clip"]) == set(maps["clip"])
    assert set(clips["annotation"]) == {"genre"}
    assert set(clips["label"]) == {"quiet", "loud"}
    manifest = json.loads((folder / "manifest.json").read_text())
    told = manifest["maps"]["songs"]
    assert told["method"] == "tsne"
    assert set(told["encoders"]) == {"loud", "untrained"}
    assert {"maps.csv", "clips.csv"} <= set(manifest["files"])
    for about in told["encoders"].values():
        assert 0 < about["trustworthiness"] <= 1
        assert -1 <= about["silhouettes"]["genre"]["embedding"] <= 1
        assert about["n_test"] == 24
    assert {"map-genre.png", "map-genre.pdf", "map-genre.csv"} <= {path.name for path in (folder / "figures").iterdir()}
    assert 'id="figure-maps"' in (folder / "report.html").read_text()
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "maps").rglob("*.npy")}
    assert len(made) == 2
    run("run_name=two")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "maps").rglob("*.npy")} == made
    without = load(run("maps=none"))
    assert not len(without.maps)
    assert "maps" not in without.manifest
    both = load(folder, tmp_path / "results" / "two")
    assert len(both.maps) == len(maps)
    narrow = report([tmp_path / "results" / "two"], figures="column")
    assert any(path.name == "map-genre.svg" for path in narrow.files)


@pytest.mark.parametrize(
    ("setting", "right"),
    [
        ("maps=pca", "maps should be tsne, umap or none, or a mapping with the keys method, clips and perplexity, not 'pca'"),
        ("maps.clips=4", "maps.clips should be a whole number of at least 5, not 4"),
        ("maps.method=pca", "maps.method should be tsne, umap or none, not 'pca'"),
    ],
)
def test_what_is_no_setting_of_maps_is_refused(setting, right):
    with pytest.raises(MirbenchError, match=right):
        load_config([], [setting])


def test_the_name_of_a_method_alone_will_do():
    assert load_config([], ["maps=none"]).maps.method == "none"
    assert load_config([], ["maps=none", "maps.clips=9"]).maps == load_config([], ["maps.clips=9"]).maps


def test_umap_that_is_not_installed_is_told_before_anything_is_done(monkeypatch, built_in):
    from mirbench.experiment.resolve import resolve

    monkeypatch.setattr(resolve.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MirbenchError, match=r"umap, which is not installed; pip install 'mirbench-audio\[umap\]', or take tsne"):
        resolve.settle(load_config([], ["maps=umap"]), registry())
