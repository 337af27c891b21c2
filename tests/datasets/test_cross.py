"""The paper's cross-data-set experiment in one line, on miniatures in the published layouts."""

import importlib
import json

import pytest

from mirbench import cli, registry

LINE = ["run", "--encoder", "semisupcon", "--pretrain-on", "fma", "--supervise-with", "magnatagatune:tags", "--tasks", "all"]
LINE += ["--dataset", "gtzan,nsynth,giantsteps"]
FAST = ["--corruptions", "none", "--set", "floors=[]", "--set", "bootstrap.resamples=20", "--quiet"]
FAST += ["--set", "options.all={steps: 2, batch_views: 8}"]


@pytest.mark.slow
def test_the_cross_data_set_experiment_is_one_line(tmp_path, monkeypatch):
    known = registry.load().datasets
    for name in ("fma", "magnatagatune", "gtzan", "nsynth", "giantsteps"):
        folder = tmp_path / "data" / (known[name].folders or (name,))[0]
        folder.mkdir(parents=True)
        importlib.import_module(f"layouts.{name}").write(folder)
    monkeypatch.setenv("MIRBENCH_DATA", str(tmp_path / "data"))
    assert cli.main([*LINE, *FAST, "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "results")]) == 0
    (folder,) = (tmp_path / "results").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    checkpoint = manifest["encoders"]["semisupcon"]["checkpoints"]["0"]
    assert set(checkpoint["pretrained_on"]) == {"fma", "magnatagatune"}
    assert set(checkpoint["labels_used"]) <= set(known["magnatagatune"].classes["tags"])
    pairs = {(task, dataset) for task, about in manifest["tasks"].items() for dataset in about["dataset"]}
    assert pairs == {("genre", "gtzan"), ("key", "giantsteps"), ("pitch", "nsynth"), ("instrument", "nsynth")}
    assert "overlap" not in manifest
    assert sum(manifest["datasets"]["gtzan"]["clips"].values()) == 930
