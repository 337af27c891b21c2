"""Both versions of VocalSet, the published list of test singers, and copies of a file."""

import shutil
from collections import Counter, defaultdict

import pytest
from layouts import vocalset_singer, vocalset_technique

import mirbench
from mirbench import registry

SINGER, TECHNIQUE = (registry.plugins.current().datasets[f"vocalset-{task}"] for task in ("singer", "technique"))


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    """Version 1.1; its files need not be audio here."""
    return silent(tmp_path_factory.mktemp("first"), "FULL")


def silent(folder, root):
    for path in vocalset_singer.recordings():
        (folder / root / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / root / path).touch()
    return folder


def splits_of(clips):
    return {c.id: c.split for c in clips}


def test_both_versions_give_the_same_clips(first, tmp_path):
    second = silent(tmp_path, "data_by_singer")
    assert splits_of(SINGER.clips(first)) == splits_of(SINGER.clips(second))
    assert splits_of(TECHNIQUE.clips(first)) == splits_of(TECHNIQUE.clips(second))


def test_a_copy_of_a_file_stays_with_it(first):
    clips = {c.id: c for c in SINGER.clips(first)}
    one, other = (clips[f"female2/scales/vibrato/f2_scales_vibrato_a{mark}"] for mark in ("", "(1)"))
    assert (one.group, one.split) == (other.group, other.split)
    assert len({c.group for c in clips.values()}) == len(clips) - 1


def test_every_singer_is_in_all_splits_and_every_technique_singer_in_one(first):
    found = defaultdict(set)
    for clip in SINGER.clips(first):
        found[clip.annotations["singer"]].add(clip.split)
    assert set(map(len, found.values())) == {3}
    found.clear()
    for clip in TECHNIQUE.clips(first):
        found[clip.group].add(clip.split)
    assert set(map(len, found.values())) == {1}


def test_without_the_published_list_the_test_singers_are_those_of_it(first):
    assert {c.group for c in TECHNIQUE.clips(first) if c.split == "test"} == {"f2", "m5"}  # of f2, f8, m3, m5, m10


@pytest.mark.parametrize("text", ["female1\nmale11\n", "f1\r\nm11", "\ufeffFemale1 \n\nmale11\n"])
def test_the_published_list_decides(text, first, tmp_path):
    folder = tmp_path / "VocalSet"
    shutil.copytree(first, folder)
    (folder / "test_singers_technique.txt").write_text(text, encoding="utf-8")
    clips = TECHNIQUE.clips(folder)
    assert {c.group for c in clips if c.split == "test"} == {"f1", "m11"}
    assert Counter(c.split for c in clips)["valid"] > 0


@pytest.mark.parametrize("line", ["female10", "male12", "singer 3", "f0"])
def test_a_singer_that_is_none_is_named_with_its_line(line, first, tmp_path):
    folder = tmp_path / "VocalSet"
    shutil.copytree(first, folder)
    (folder / "test_singers_technique.txt").write_text(f"female2\n{line}\n")
    with pytest.raises(
        mirbench.MirbenchError, match=f"test_singers_technique.txt, line 2 is '{line}', where a singer like female2 belongs"
    ):
        TECHNIQUE.clips(folder)


def test_a_folder_with_neither_layout_says_what_to_unpack(tmp_path):
    for dataset in (SINGER, TECHNIQUE):
        with pytest.raises(mirbench.MirbenchError, match="has no folder FULL or data_by_singer; unpack VocalSet11"):
            dataset.clips(tmp_path)


def test_the_techniques_are_the_seventeen():
    assert len(set(vocalset_technique.TECHNIQUES)) == 17
    assert len(SINGER.classes["singer"]) == 20
