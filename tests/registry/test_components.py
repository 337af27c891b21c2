"""Backbones and supervisions: built in or of a plugin, found by name wherever an encoder, a setting or a person asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import mirbench
from mirbench import Clip, MirbenchError, cli, registry
from mirbench.pretraining.signals import read_signals
from mirbench.pretraining.supervision import LabelTable
from mirbench.registry import components as parts
from mirbench.testing import check_backbone, check_supervision

PLUGIN = """
import mirbench

class Line(mirbench.Backbone):
    name = "line"
    description = "a linear layer on loudness"

    def build(self, dim=4):
        import torch

        class Network(torch.nn.Module):
            sample_rate = 22_050

            def __init__(self):
                super().__init__()
                self.dim, self.layer = dim, torch.nn.Linear(2, dim)

            def forward(self, audio):
                return self.layer(torch.stack([audio.square().mean(1), audio.abs().amax(1)], 1))

        return Network()

class Decade(mirbench.Supervision):
    name = "decade"
    description = "whether two clips are of one decade"
    annotation = "year"
    options = {"years": 10}

    def label(self, value):
        return str(int(value))

    def encode(self, labels, options):
        import torch
        return torch.tensor([[int(label) // options["years"]] for label in labels]).float()

    def similarity(self, encoded, options):
        return (encoded == encoded.T).float()

@mirbench.hookimpl
def register_backbones():
    return [Line()]

@mirbench.hookimpl
def register_supervisions():
    return [Decade()]
"""
BACKBONES = ["mel-cnn", "mel-cnn-small", "samplecnn", "samplecnn-xl", "tune", "tune-plus"]
SUPERVISIONS = ["shared-tags", "dice", "same-class", "key-distance", "pitch-distance", "regression"]


pytestmark = pytest.mark.usefixtures("built_in")


def refused(*files: str) -> str:
    with pytest.raises(MirbenchError) as caught:
        registry.load(files)
    return str(caught.value)


def test_what_is_built_in_is_there_without_anybody_loading_plugins():
    code = (
        "import mirbench; from mirbench.pretraining.signals import read_signals;"
        "print(mirbench.build_backbone('mel-cnn').dim, read_signals('dice')[0].annotation)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()[1] == "tags"
    loaded = registry.load()
    assert list(loaded.backbones) == BACKBONES
    assert list(loaded.supervisions) == SUPERVISIONS


def test_a_plugin_file_brings_a_backbone_and_a_supervision(write):
    loaded = registry.load([write(PLUGIN)])
    assert mirbench.build_backbone("line", dim=3).dim == 3
    assert loaded.provider("backbone", "line") == "mine.py"
    clips = [Clip(str(year), Path("x"), "train", "g", annotations={"year": year}) for year in (1961, "1969", 1970)]
    every = torch.arange(3)
    table = LabelTable(clips, read_signals(["decade"]))
    assert table.targets(every, every >= 0, every).targets.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert table.names(1) == ("1969",)
    wide = LabelTable(clips, read_signals({"name": "decade", "years": 100}))
    assert wide.targets(every, every >= 0, every).targets.min() == 1
    check_backbone(parts.backbone("line"), options={"dim": 2})
    check_supervision(parts.supervision("decade"), [1961, "1969", 1970])


def test_what_is_not_there_gets_the_nearest(write):
    registry.load([write(PLUGIN)])
    with pytest.raises(MirbenchError) as caught:
        mirbench.build_backbone("lime")
    assert str(caught.value) == f"no backbone is named 'lime'; did you mean 'line'? Known: {', '.join(sorted([*BACKBONES, 'line']))}."
    with pytest.raises(MirbenchError, match=r"^no supervision is named 'decad'; did you mean 'decade'\? Known: decade, dice, "):
        read_signals("decad")
    with pytest.raises(
        MirbenchError, match=r"^no supervision is named 'year': year is an annotation; did you mean decade, which reads it\?$"
    ):
        read_signals("year")
    with pytest.raises(MirbenchError, match=r"^backbone 'line' cannot be built with \{'din': 3\}: .*unexpected keyword argument 'din'"):
        mirbench.build_backbone("line", din=3)
    registry.load()
    with pytest.raises(MirbenchError, match=r"^no backbone is named 'line'"):
        mirbench.build_backbone("line")


def test_a_name_that_is_taken_names_both_providers(write):
    assert refused(write(PLUGIN.replace('"line"', '"tune"'))) == (
        "two plugins provide the backbone 'tune': mirbench and mine.py; rename one or leave one plugin out."
    )
    assert refused(write(PLUGIN.replace('"decade"', '"dice"'))) == (
        "two plugins provide the supervision 'dice': mirbench and mine.py; rename one or leave one plugin out."
    )


def test_they_are_listed_with_who_provides_them(write, capsys):
    assert cli.main(["list", "backbones", "--plugin", write(PLUGIN)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [*BACKBONES, "line"]
    assert lines[-1].endswith("(mine.py)")
    assert cli.main(["list", "supervisions", "--json", "--plugin", "mine.py"]) == 0
    last = json.loads(capsys.readouterr().out)[-1]
    assert last == {
        "name": "decade",
        "description": "whether two clips are of one decade",
        "provider": "mine.py",
        "annotation": "year",
        "target": "multiclass",
        "options": {"years": 10},
    }


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("def build(self, dim=4)", "def make(self, dim=4)", "backbone 'line' has no build; override build(self, **options)."),
        ("def encode", "def code", "supervision 'decade' has no encode; override encode(self, labels, options)."),
        ("def similarity", "def alike", "supervision 'decade' has no similarity; override similarity(self, encoded, options)."),
        (
            'annotation = "year"',
            "annotation = None",
            "supervision 'decade' has annotation = None; it should be the name of one, such as 'genre', or empty where it has none.",
        ),
        (
            "{",
            "{'weight': 2, ",
            "supervision 'decade' has an option 'weight', which every supervision has already; choose another name for it.",
        ),
        ('{"years": 10}', "7", "supervision 'decade' has options = 7; it should be a mapping of option names to defaults."),
        (
            '{"years": 10}',
            "mirbench.TrainingOptions",
            "supervision 'decade' has options = TrainingOptions, a class; give an instance, TrainingOptions().",
        ),
        (
            "10}",
            "mirbench.option(10)}",
            "supervision 'decade' declares the option 'years' in a mapping; declare options in a class of "
            "mirbench.Options, and give an instance of it.",
        ),
        ('"years": 10', "3: 10", "supervision 'decade' has an option 3, whose name is no text; put quotes around it."),
        (
            'annotation = "year"',
            'annotation = "year"\n    target = "multclass"',
            "supervision 'decade' has target = 'multclass'; did you mean 'multiclass'? It should be one of multiclass, multilabel, "
            "regression.",
        ),
        ("[Line()]", "[Line]", "register_backbones returned the class Line; return an instance, Line()."),
    ],
)
def test_a_part_that_breaks_the_contract(write, old, new, sentence):
    assert old in PLUGIN
    assert refused(write(PLUGIN.replace(old, new, 1))) == f"plugin mine.py: {sentence}"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            "torch.tensor([1.0])",
            "supervision 'decade' of the annotation 'year': encode should return a tensor (clips, features) with 2 rows; ",
        ),
        (None, "supervision 'decade': similarity should return (2, 2) values from 0 to 1 for 2 clips; correct it, with mirbench.testing."),
    ],
)
def test_a_supervision_of_a_plugin_that_breaks_its_word_is_named(write, wrong, sentence):
    text = PLUGIN.replace("(encoded == encoded.T).float()", "2 + encoded - encoded.T")
    if wrong:
        text = PLUGIN.replace("torch.tensor([[int", f"{wrong} if labels else torch.tensor([[int")
    registry.load([write(text)])
    clips = [Clip(str(year), Path("x"), "train", "g", annotations={"year": year}) for year in (1961, 1969)]
    every = torch.arange(2)
    with pytest.raises(MirbenchError) as caught:
        LabelTable(clips, read_signals("decade")).targets(every, every >= 0, every)
    assert str(caught.value).startswith(sentence)


VALUES = {
    "shared-tags": ["a|b", ("b", "c"), (), "d"],
    "dice": ["a|b", ("b", "c"), (), "d"],
    "same-class": ["reel", "jig", "reel"],
    "key-distance": ["C major", "Am", "G", "Cm", "F#"],
    "pitch-distance": [60, "72", 61.0],
    "regression": [1, "2.5", 2.5],
}


@pytest.mark.parametrize("name", SUPERVISIONS)
def test_the_built_in_supervisions_keep_to_the_contract(name):
    check_supervision(registry.load().supervisions[name], VALUES[name])


@pytest.mark.parametrize("name", ["mel-cnn", "mel-cnn-small"])
def test_the_light_backbones_keep_to_the_contract(name):
    check_backbone(registry.load().backbones[name])
