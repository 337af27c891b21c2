"""What a checkpoint is kept under, who may work at it, and on which devices."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

import mirbench
from mirbench import registry
from mirbench.errors import MirbenchError
from mirbench.experiment.recipes.checkpoint import pretrain
from mirbench.experiment.resolve import code
from mirbench.experiment.resolve.machine import check_devices, resolve_machine
from mirbench.experiment.resolve.records import Data
from mirbench.experiment.run import plan
from mirbench.records import Clip
from mirbench.results import provenance
from mirbench.settings.config import load_config

PARTS = """
import mirbench

class Line(mirbench.Backbone):
    name = "line"

    def build(self):
        raise NotImplementedError

class Decade(mirbench.Supervision):
    name, annotation = "decade", "tags"

    def encode(self, labels, options):
        raise NotImplementedError

    def similarity(self, encoded, options):
        raise NotImplementedError

@mirbench.hookimpl
def register_backbones():
    return [Line()]

@mirbench.hookimpl
def register_supervisions():
    return [Decade()]
"""


ALONE = """
import mirbench

class Alone(mirbench.Encoder):
    name, trainable = "alone", True

    def pretrain(self, job):
        raise NotImplementedError

    def embed(self, audio):
        return audio[:, :4]

@mirbench.hookimpl
def register_encoders():
    return [Alone()]
"""

pytestmark = pytest.mark.usefixtures("built_in")


def key(tmp_path, *settings, plugins=(), encoder="semisupcon"):
    """Of the checkpoint."""
    config = load_config([], settings, {"encoders": [encoder], "floors": [], "tasks": ["tagging"], "device": "cpu"})
    (job,) = plan(config, registry.load(plugins), tmp_path / "cache").checkpoints.values()
    return job.key


@pytest.mark.slow
def test_one_supervision_has_one_key_however_it_is_spelt(tmp_path):
    spellings = ["shared-tags", "{name: shared-tags, threshold: 1}", "{name: shared-tags, threshold: 1.0, annotation: tags}",
                 "[shared-tags]", "[{threshold: 1, weight: 1, name: shared-tags}]"]  # fmt: skip
    assert len({key(tmp_path, f"options.semisupcon.supervision={s}") for s in spellings}) == 1
    others = ["{name: shared-tags, threshold: 2}", "{name: shared-tags, annotation: genre}", "[shared-tags, dice]", "dice"]
    assert len({key(tmp_path, f"options.semisupcon.supervision={s}") for s in (*others, *spellings)}) == 5


@pytest.mark.slow
def test_parts_of_plugins_move_the_keys_of_the_encoders_that_name_them_alone(tmp_path):
    plugin = tmp_path / "parts.py"
    plugin.write_text(PARTS)
    uses = ("options.semisupcon.backbone=line", "options.semisupcon.supervision=decade")
    before = [key(tmp_path), *(key(tmp_path, setting, plugins=[plugin]) for setting in uses)]
    assert key(tmp_path, plugins=[plugin]) == before[0]
    plugin.write_text("# a comment\n" + PARTS)
    assert [key(tmp_path, setting, plugins=[plugin]) for setting in uses] == before[1:]
    plugin.write_text(PARTS.replace("raise NotImplementedError", "raise KeyError"))
    after = [key(tmp_path, plugins=[plugin]), *(key(tmp_path, setting, plugins=[plugin]) for setting in uses)]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, False]
    silent = "options.semisupcon={supervision: decade, labelled_share: 0}"
    plugin.write_text(PARTS)
    first = key(tmp_path, silent, plugins=[plugin])
    plugin.write_text(PARTS.replace("raise NotImplementedError", "raise KeyError"))
    assert key(tmp_path, silent, plugins=[plugin]) == first


@pytest.mark.slow
def test_a_package_is_in_the_keys_of_what_its_code_makes_and_only_there(tmp_path, monkeypatch):
    def versions(kind, **changed):
        with monkeypatch.context() as patch:
            installed = provenance._version
            patch.setattr(provenance, "_version", lambda name: changed.get(name.replace("-", "_"), installed(name)))
            code._versions.cache_clear()
            config = load_config([], [], {"encoders": ["semisupcon"], "tasks": ["tagging"], "corruptions": ["low-pass"], "device": "cpu"})
            jobs = plan(config, registry.load(), tmp_path / "cache").graph.jobs
        code._versions.cache_clear()
        return {job.title: job.key for job in jobs if job.kind == kind}

    def moved(kind, **changed):
        before, after = versions(kind), versions(kind, **changed)
        return [title for title in before if before[title] != after[title]]

    assert moved("checkpoints", torch="9") == moved("checkpoints", lightning_fabric="9") == ["semisupcon, seed 0"]
    embedded = ("mini train", "mini valid", "mini test", "mini-shifted test")
    assert moved("embeddings", librosa="9") == [f"handcrafted, seed 0, {what}" for what in embedded]
    for package in ("av", "pandas", "matplotlib", "pyarrow", "tensorboard", "pydantic"):
        assert moved("scores", **{package: "9"}) == [], package
    under = moved("corrupted-embeddings", audiomentations="9")
    assert len(under) == 3 * 3
    assert moved("embeddings", audiomentations="9") == []


def test_versions_import_nothing():
    code = "import sys; from mirbench.results.provenance import versions; versions(); print('lightning_fabric' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    assert "lightning-fabric" in provenance.versions()


def test_a_training_over_nodes_has_the_key_of_as_many_devices_of_one(tmp_path):
    """Of an encoder that trains by itself, on one node, it is of the devices there."""
    on_nodes = ("executor=slurm", "slurm.nodes=2", "devices=2")
    assert key(tmp_path, *on_nodes) == key(tmp_path, "devices=4") != key(tmp_path, "devices=2")
    (tmp_path / "alone.py").write_text(ALONE)
    alone = {"plugins": [str(tmp_path / "alone.py")], "encoder": "alone"}
    assert key(tmp_path, *on_nodes, **alone) == key(tmp_path, "devices=2", **alone)


def test_more_devices_than_there_are_are_refused(monkeypatch):
    import torch

    one = r"^device cuda:1 is one device, and 2 were asked for; use --device cuda, or --devices 1\.$"
    with pytest.raises(MirbenchError, match=one):
        resolve_machine("cuda:1", 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    with pytest.raises(MirbenchError, match=r"^--devices 2 was asked for, but torch sees 1 CUDA device here; use fewer\.$"):
        resolve_machine("cuda", 2)
    assert resolve_machine("cuda", 1).device == "cuda"
    assert resolve_machine("cpu", 2).device == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    check_devices("cuda", 4)


def test_what_packages_compute_with_is_in_the_keys():
    """What the packages import that others' code computes with, as they are installed here."""
    numeric = {
        "scipy": "scipy",
        "numba": "numba",
        "python_stretch": "python-stretch",
        "numpy_minmax": "numpy-minmax",
        "numpy_rms": "numpy-rms",
    }
    for package, listed in code.DEPENDENCIES.items():
        (folder,) = importlib.util.find_spec(package).submodule_search_locations
        text = "\n".join(path.read_text() for path in Path(folder).rglob("*.py") if "test" not in path.parts)
        imported = {numeric[name] for name in re.findall(r"^\s*(?:import|from) (\w+)", text, re.M) if name in numeric}
        assert imported <= set(listed), package


def test_a_package_under_another_name_has_its_version():
    assert code._versions(("PIL", "nothing_of_this_name")) == {"pillow": metadata.version("pillow"), "nothing_of_this_name": "missing"}


class Short(mirbench.Encoder):
    name, trainable = "short", True

    def pretrain(self, job):
        job.report["too_short_clips"] = len(job.clips)


class Drums(mirbench.Dataset):
    name, made = "drums", True


LEFT_OUT = (
    "mirbench: short: 1 clip was left out of pretraining, without a label that it may use and no longer than one view (2.7 s), so that two "
    "views of it would be the same.\n"
)


@pytest.mark.parametrize(("provider", "told"), [("mirbench_plugins.datasets.mini", ""), ("drums.py", LEFT_OUT)])
def test_clips_no_longer_than_a_view_are_told_of_but_those_of_data_that_ship_with_mirbench(provider, told, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MIRBENCH_QUIET", raising=False)
    data = Data(Drums(), tmp_path, {}, clips=(Clip("one", tmp_path / "one.wav", "train", "one"),), stamps=("",), provider=provider)
    resolved = SimpleNamespace(
        pretraining=[SimpleNamespace(dataset=data.noun, labels=None)],
        data={"drums": data},
        pretraining_data=[data],
        pretraining_clips=lambda data, *splits: data.of(*splits),
        store=SimpleNamespace(unfinished=lambda key: tmp_path / key, root=tmp_path),
        machine=SimpleNamespace(device="cpu", cores=1),
        config=SimpleNamespace(devices=1, max_bad=0.0),
        naming=lambda *_: contextlib.nullcontext(),
        nodes=lambda encoder: 1,
    )
    pretrain(resolved, SimpleNamespace(encoder=Short(), options={"view_seconds": 2.7}), 0, "key", tmp_path)
    assert capsys.readouterr().err == told
