"""What is said of columns that no task reads, and in which order findings are told."""

from __future__ import annotations

from pathlib import Path

import pytest

import mirbench
from mirbench.data.findings import KINDS, Finding, of_files
from mirbench.data.label_findings import of_annotations
from mirbench.data.manifests.clip_names import ClipNames
from mirbench.data.manifests.manifest import load_manifest
from mirbench.data.manifests.own import own_dataset
from mirbench.data.scans import Scan

KNOWN = {"genre", "tags", "key", "pitch"}


def said(column, values):
    clips = [
        mirbench.Clip(str(i), Path(f"{i}.wav"), "train", str(i), annotations={} if value is None else {column: value})
        for i, value in enumerate(values)
    ]
    (finding,) = of_annotations((column,), KNOWN, ("path", column), clips)
    return finding


@pytest.mark.parametrize("column", ["notes", "length", "tonality", "bpm"])
def test_a_column_is_only_taken_for_another_where_most_cells_can_be_read_as_that(column):
    right = {"notes": "C4", "length": "3.5", "tonality": "A minor", "bpm": "120"}[column]
    assert "rename it to" in said(column, [right, right, "?!"]).text or column == "bpm"
    wrong = said(column, ["second take", *[None] * 50])
    assert (wrong.level, wrong.text.partition(";")[0].rstrip(".")) == ("note", f"no task reads the annotation '{column}'")


def test_a_column_of_lists_can_be_tags():
    found = said("moods", ["dark;busy", "dark", "busy;calm", "calm", "3", "Dark;x"])
    assert (found.level, found.kind) == ("warning", "columns")
    assert found.text == (
        "no task reads the column 'moods', whose cells hold several names with ';' between; rename it to tags, and write | between, to "
        "have them predicted."
    )
    assert "rename it to tags, to have" in said("moods", ["dark|busy", "dark", "busy|calm", "calm"]).text
    assert "rename it to tags" not in said("comments", ["we met; nice", "good", "fine; so", "loud"]).text


def test_what_makes_every_number_wrong_is_told_first():
    kinds = ["rare classes", "shared audio", "columns", "something else", "groups"]
    found = sorted((Finding(level, "x.", kind=kind) for level in ("note", "warning") for kind in kinds), key=lambda each: each.place)
    assert [each.kind for each in found] == ["columns", "groups", "shared audio", "rare classes", "something else"] * 2
    assert [each.level for each in found] == ["warning"] * 5 + ["note"] * 5
    assert len(set(KINDS)) == len(KINDS)


def test_a_reason_that_varies_is_told_with_its_range_and_of_each():
    clips = [mirbench.Clip(str(i), Path(f"{i}.wav"), "train", str(i)) for i in range(2)]
    scans = {clip.id: Scan(f"{clip.path} has {3 + i}.00 s; 9.00 s are needed.") for i, clip in enumerate(clips)}
    *_, finding = of_files(clips, scans, 1.0, ClipNames(mirbench.Dataset(), clips))
    assert finding.text == "2 clips left out: has 3.00 to 4.00 s; 9.00 s are needed."
    assert finding.examples == ("0 (0.wav): has 3.00 s; 9.00 s are needed", "1 (1.wav): has 4.00 s; 9.00 s are needed")


def test_a_manifest_in_a_folder_is_named_and_not_counted_among_other_files(tmp_path):
    for name in ("a.wav", "cover.jpg", "collection.csv"):
        (tmp_path / name).touch()
    rule = own_dataset(str(tmp_path), (), data_root=None, allow_outside=False, split_seed=0).split_rule
    assert rule.endswith("; 1 other file ignored; collection.csv is not read: give that itself where it is the manifest")


def test_a_separator_at_the_end_of_every_line_is_harmless(tmp_path):
    (tmp_path / "m.csv").write_text("path,genre\na,b,\nc,d,\n")
    assert [clip.annotations for clip in load_manifest(tmp_path / "m.csv").clips] == [{"genre": "b"}, {"genre": "d"}]
