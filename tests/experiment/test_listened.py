"""What listening to the clips of a run has shown is read back as findings."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from mirbench.data.duplicates.overlap import LIKELY, SAME_AUDIO, Overlap
from mirbench.errors import MirbenchError
from mirbench.experiment.recipes.overlap import Pretrained, findings_of_listening, refuse_overlap
from mirbench.nouns import Dataset
from mirbench.records import Clip


def test_what_was_listened_to_is_told_with_the_names_of_clips(tmp_path):
    clips = [Clip(name, Path(f"{name}.wav"), "train", name, annotations={"genre": name}) for name in "abcd"]
    ids = {"silent": ["a"], "nearly_silent": ["b", "gone"], "plain": ["c"], "alike": [["c", "d"]]}
    (tmp_path / "overlap.json").write_text(json.dumps({"heard": {"songs": ids}}))
    data = SimpleNamespace(noun=Dataset(), clips=clips)
    found = findings_of_listening(tmp_path, SimpleNamespace(data={"songs": data}))["songs"]
    assert {each.kind: each.examples for each in found} == {
        "silence": ("b (b.wav) in train",),
        "not compared": ("c (c.wav)",),
        "contradicting labels": ("c (c.wav) and d (d.wav): genre 'c' and genre 'd'",),
    }
    assert [each.examples for each in found if "throughout" in each.text] == [("a (a.wav) in train",)]


def test_a_refusal_says_how_sure_it_is():
    with pytest.raises(MirbenchError, match=r"may be pretrained on .* the first b \(may be the same recording as a\)"):
        refuse_overlap({"mine": [Overlap("a", "b", LIKELY)]}, [Pretrained("mine")])
    with pytest.raises(MirbenchError, match=r"is, or may be, pretrained on .* the first c \(same audio as a\)"):
        refuse_overlap({"mine": [Overlap("a", "b", LIKELY), Overlap("a", "c", SAME_AUDIO)]}, [Pretrained("mine")])
