"""EmoMusic: ratings that are none, and artists that are in two of its sets."""

import pytest
from layouts import emomusic

from mirbench import MirbenchError, registry

EMOMUSIC = registry.plugins.current().datasets["emomusic"]


@pytest.fixture
def folder(tmp_path):
    emomusic.write(tmp_path)
    return tmp_path


def test_no_artist_is_in_two_splits(folder):
    songs = folder / "annotations" / "songs_info.csv"
    songs.write_text(songs.read_text(encoding="utf-8").replace(",James Curd\t", ",  TWENTY \t"), encoding="utf-8")
    clips = {clip.id: clip for clip in EMOMUSIC.clips(folder)}
    assert clips["3"].group == clips["20"].group
    assert clips["3"].split == clips["20"].split
    assert "18" not in clips


def test_the_usual_split_keeps_every_song_and_the_cost_of_the_filter_is_told(folder):
    clips = {clip.id: clip for clip in registry.load().datasets["emomusic-by-song"].clips(folder)}
    assert clips["18"].split in ("train", "valid")
    assert clips["13"].split == "test"
    assert all(number in EMOMUSIC.split_rule for number in ("125", "619", "224", "313", "82", "emomusic-by-song"))


def test_the_task_reads_what_is_published(folder):
    task = registry.load().tasks["emotion"]
    labels = {clip.id: task.label(clip.annotations["emotion"]) for clip in EMOMUSIC.clips(folder)}
    assert labels["13"] == (5.0, 5.25)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("static_annotations", "2,3.1,", "2,NA,", "song 2 has 'NA' and '3' as arousal and valence"),
        ("static_annotations", "2,3.1,", "2,0.31,", "song 2 has '0.31' and '3'"),
        ("static_annotations", "mean_valence", "valence", "lacks the column 'mean_valence'"),
        ("songs_info", "Blues\t,development", "Blues\t,training", "song '2' in the set 'training'"),
        ("songs_info", "\n3,", "\nthree,", "song 'three' in the set 'development'"),
    ],
)
def test_what_is_not_as_published_is_named(folder, file, old, new, told):
    table = folder / "annotations" / f"{file}.csv"
    text = table.read_text(encoding="utf-8")
    assert old in text
    table.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MirbenchError) as caught:
        EMOMUSIC.clips(folder)
    assert str(table) in str(caught.value)
    assert told in str(caught.value)
