"""EmoMusic, the 1000 songs of MediaEval 2013 (Soleymani et al. 2013): arousal and valence of 744 excerpts of 45 s, from 1 to 9.

Cells of songs_info.csv end in tabs. Of the thousand songs 744 are left that do not repeat each other, 619 for development and 125 for
evaluation. Artists are in both; `emomusic` keeps them apart, at the cost of 224 songs, and `emomusic-by-song` is the split of the papers.
"""

from __future__ import annotations

from pathlib import Path

import mirbench

SPLITS = {"development": "train", "evaluation": "test"}
SONGS, RATINGS = "annotations/songs_info.csv", "annotations/static_annotations.csv"
RATED = ("mean_arousal", "mean_valence")


class EmoMusic(mirbench.Dataset):
    """Ratings of excerpts, whose artists are in one split each."""

    name = "emomusic"
    description = "arousal and valence of 520 excerpts of 45 s, no artist in two splits"
    home = "https://cvml.unige.ch/databases/emoMusic/"
    version = "744 songs"
    licence = "songs under Creative Commons licences; annotations for research, on request"
    citation = (
        "M. Soleymani, M. N. Caro, E. M. Schmidt, C.-Y. Sha and Y.-H. Yang, 1000 songs for emotional analysis of music, "
        "ACM workshop on crowdsourcing for multimedia (CrowdMM), 2013"
    )
    annotations = ("emotion",)
    folders = ("emomusic",)
    files = (
        mirbench.Files(SONGS, source=home),
        mirbench.Files(RATINGS, source=home),
        mirbench.Files("clips_45seconds/*.mp3", 744, source=home),
    )
    access = "Fill in the form on the home page; unpack the annotations and the excerpts of 45 seconds into one folder."
    split_rule = (
        "Test is MediaEval's evaluation set, 125 songs; of the 619 for development, the 224 whose artist is in the evaluation set too are "
        "left out, since they would leak, and a fifth of the others is valid, by artist, seed 0: 313 for train and 82 for valid. "
        "emomusic-by-song keeps all 619, as is usual."
    )

    def group(self, song: str, artist: str) -> str:
        """What must not span splits."""
        return artist or f"song {song}"

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        ratings = {}
        for row in mirbench.read_table(folder / RATINGS, columns=("song_id", *RATED)):
            values = [row[name].strip() for name in RATED]
            ratings[row["song_id"].strip()] = "|".join(values)
            if not all(rating(value) for value in values):
                told = f"song {row['song_id'].strip()} has {' and '.join(map(repr, values))} as arousal and valence"
                raise mirbench.MirbenchError(f"{folder / RATINGS}: {told}, which should be numbers from 1 to 9; get the file again.")
        clips = []
        for row in mirbench.read_table(folder / SONGS, columns=("song_id", "Artist", "Mediaeval 2013 set")):
            song, split = row["song_id"].strip(), row["Mediaeval 2013 set"].strip()
            if split not in SPLITS or not song.isdecimal():
                told = f"song {song!r} in the set {split!r}"
                raise mirbench.MirbenchError(f"{folder / SONGS}: {told} is none of {' or '.join(SPLITS)}; get the file again.")
            if song in ratings:
                group = self.group(song, " ".join(row["Artist"].casefold().split()))
                path = folder / "clips_45seconds" / f"{int(song)}.mp3"
                clips.append(mirbench.Clip(song, path, SPLITS[split], group, annotations={"emotion": ratings[song]}))
        apart = mirbench.keep_apart(clips)
        development = mirbench.assign_splits([c for c in apart if c.split == "train"], {"train": 0.8, "valid": 0.2}, seed=0)
        return [*development, *(c for c in apart if c.split == "test")]


class EmoMusicBySong(EmoMusic):
    """The usual split."""

    name = "emomusic-by-song"
    description = "arousal and valence of 744 excerpts of 45 s, artists in train and test"
    split_rule = (
        "As is usual: test is MediaEval's evaluation set, 125 songs; a fifth of the 619 for development is valid, by song, seed 0. "
        "Artists are in both sets, so scores are higher than of artists that were never heard; emomusic keeps them apart."
    )

    def group(self, song: str, artist: str) -> str:
        return f"song {song}"


def rating(text: str) -> bool:
    """Whether it is a number from 1 to 9.

    >>> [rating(text) for text in ("5.1", "nan", "", "0.3")]
    [True, False, False, False]
    """
    try:
        return 1 <= float(text) <= 9
    except ValueError:
        return False


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [EmoMusic(), EmoMusicBySong()]
