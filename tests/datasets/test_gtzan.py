"""GTZAN: the published split, the forms in which people have the audio, and the file that cannot be read."""

from collections import Counter

import pytest
from layouts import gtzan
from miniature import sound

from mirbench import MirbenchError, registry
from mirbench.data.audio import audio

GTZAN = registry.plugins.current().datasets["gtzan"]


def test_the_split_is_the_published_one(tmp_path):
    (tmp_path / "genres").mkdir()
    clips = GTZAN.clips(tmp_path)
    by_genre = {split: Counter(c.annotations["genre"] for c in clips if c.split == split) for split in ("train", "valid", "test")}
    assert {split: sum(counts.values()) for split, counts in by_genre.items()} == {"train": 443, "valid": 197, "test": 290}
    assert len({clip.id for clip in clips}) == 930
    assert all(set(counts) == set(gtzan.GENRES) for counts in by_genre.values())
    split = {clip.id: clip.split for clip in clips}
    assert [split[name] for name in ("blues.00029", "blues.00000", "blues.00012", "rock.00099", "jazz.00054")] == [
        "train",
        "valid",
        "test",
        "train",
        "train",
    ]


@pytest.mark.parametrize(("part", "ending"), [("genres", "wav"), ("genres", "au"), ("genres_original", "wav")])
def test_audio_is_found_as_people_have_it(tmp_path, part, ending):
    sound(tmp_path / part / "rock" / f"rock.00099.{ending}")
    clip = next(clip for clip in GTZAN.clips(tmp_path) if clip.id == "rock.00099")
    assert clip.path == tmp_path / part / "rock" / f"rock.00099.{ending}"
    assert len(audio.read_audio(clip.path, 16_000))


def test_the_jazz_file_that_cannot_be_read_is_a_clip_like_any(tmp_path):
    path = tmp_path / "genres" / "jazz" / "jazz.00054.wav"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(1_000))
    clip = next(clip for clip in GTZAN.clips(tmp_path) if clip.id == "jazz.00054")
    with pytest.raises(audio.AudioError):
        audio.read_audio(clip.path, 22_050)


def test_a_folder_without_genres_is_named(tmp_path):
    with pytest.raises(MirbenchError) as caught:
        GTZAN.clips(tmp_path)
    assert str(caught.value) == f"{tmp_path} has no folder genres or genres_original; put the one with a folder for each genre there."
