"""GiantSteps: the forms that its two repositories come in, and what is left out of the second."""

import pytest
from layouts import giantsteps

from mirbench import MirbenchError, registry

GIANTSTEPS = registry.plugins.current().datasets["giantsteps"]
TEST, MTG = "giantsteps-key-dataset", "giantsteps-mtg-key-dataset"


@pytest.fixture
def folder(tmp_path):
    giantsteps.write(tmp_path)
    return tmp_path


def test_keys_stay_as_they_are_published_and_are_one_class_to_the_task(folder):
    keys = {clip.id: clip.annotations["key"] for clip in GIANTSTEPS.clips(folder)}
    assert (keys["774875"], keys["5061"]) == ("Gb minor", "D# minor")
    task = registry.load().tasks["key"]
    assert (task.label(keys["774875"]), task.label(keys["5061"])) == ("F# minor", "Eb minor")


def test_archives_of_the_repositories_do_too(folder):
    expected = [(clip.id, clip.split) for clip in GIANTSTEPS.clips(folder)]
    for name in (TEST, MTG):
        (folder / name).rename(folder / f"{name}-master")
    clips = GIANTSTEPS.clips(folder)
    assert [(clip.id, clip.split) for clip in clips] == expected
    assert all(clip.path.is_file() for clip in clips)


def test_a_track_of_the_test_set_is_in_no_other_whatever_zeros_its_number_begins_with(folder):
    for path in [*(folder / TEST).rglob("774875.*")]:
        path.rename(path.with_name(f"0{path.name}"))
    clips = {clip.id: clip for clip in GIANTSTEPS.clips(folder)}
    assert clips["0774875"].split == "test"
    assert clips["0774875"].path.is_file()
    assert "774875" not in clips


def test_comments_and_last_newlines_do_no_harm(folder):
    expected = [(clip.id, clip.annotations) for clip in GIANTSTEPS.clips(folder)]
    table = folder / MTG / "annotations" / "annotations.txt"
    table.write_text(table.read_text().replace("7217\tF minor\t2\n", "7217\tF minor\t2\t50% F minor\tsay two\n").replace("\n", "\r\n"))
    (folder / TEST / "annotations" / "key" / "10089.LOFI.key").write_text("D minor\r\n")
    assert [(clip.id, clip.annotations) for clip in GIANTSTEPS.clips(folder)] == expected


def same_file(folder, one, other):
    """Two previews that are one file, by the published lists. one, other: (repository, track)."""
    path = folder / one[0] / "md5" / f"{one[1]}.LOFI.md5"
    (folder / other[0] / "md5" / f"{other[1]}.LOFI.md5").write_bytes(path.read_bytes())


def test_files_with_one_published_md5_are_one_group_and_in_one_split(folder):
    tracks = [clip.id for clip in GIANTSTEPS.clips(folder) if clip.split in ("train", "valid")]
    tracks = tracks[: len(tracks) // 2]
    for track in tracks[1:]:
        same_file(folder, (MTG, tracks[0]), (MTG, track))
    same_file(folder, (TEST, "10089"), (TEST, "877345"))
    clips = {clip.id: clip for clip in GIANTSTEPS.clips(folder)}
    assert len({(clips[track].group, clips[track].split) for track in tracks}) == 1
    assert clips["10089"].group == clips["877345"].group != clips["1234749"].group


def test_a_file_that_is_tested_on_is_in_no_other_split_under_another_number(folder):
    same_file(folder, (TEST, "10089"), (MTG, "5061"))
    clips = {clip.id: clip for clip in GIANTSTEPS.clips(folder)}
    assert "5061" not in clips
    assert clips["10089"].split == "test"


@pytest.mark.parametrize("written", ["", "-", "H minor", "D minor / F major"])
def test_a_key_of_the_test_set_that_is_none_is_named(folder, written):
    path = folder / TEST / "annotations" / "key" / "10089.LOFI.key"
    path.write_text(written)
    with pytest.raises(MirbenchError) as caught:
        GIANTSTEPS.clips(folder)
    assert str(path) in str(caught.value)
    assert "is not a key" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("7217\tF minor\t2", "7217\tH minor\t2", "track 7217: 'H minor' is not a key"),
        ("7217\tF minor\t2", "7217\tF minor\t3", "track '7217' with confidence '3'"),
        ("7217\tF minor", "x7217\tF minor", "track 'x7217' with confidence '2'"),
        ("MANUAL KEY", "KEY", "lacks the column 'MANUAL KEY'"),
    ],
)
def test_what_is_not_as_published_is_named(folder, old, new, told):
    table = folder / MTG / "annotations" / "annotations.txt"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(MirbenchError) as caught:
        GIANTSTEPS.clips(folder)
    assert str(table) in str(caught.value)
    assert told in str(caught.value)


def test_a_folder_without_keys_is_named(tmp_path):
    with pytest.raises(MirbenchError) as caught:
        GIANTSTEPS.clips(tmp_path)
    assert f"{tmp_path / TEST / 'annotations' / 'key'} has no files *.LOFI.key" in str(caught.value)
