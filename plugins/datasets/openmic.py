"""OpenMIC-2018: 10 s of 20,000 recordings of the Free Music Archive, each judged by listeners for some of 20 instruments.

An instrument is in a clip where its relevance is at least .5. One that nobody was asked about is in `tags_unknown`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import mirbench

# The order of class-map.json.
INSTRUMENTS = (
    *("accordion", "banjo", "bass", "cello", "clarinet", "cymbals", "drums", "flute", "guitar", "mallet_percussion", "mandolin", "organ"),
    *("piano", "saxophone", "synthesizer", "trombone", "trumpet", "ukulele", "violin", "voice"),
)
LABELS, TRACKS = "openmic-2018-aggregated-labels.csv", "openmic-2018-metadata.csv"
KEY = re.compile(r"(\d{6})_\d+")  # track and start; audio/ has a folder for the first three digits
SHARES, SEED = {"train": 0.85, "valid": 0.15}, 0
ARCHIVE = "https://zenodo.org/record/1432913/files/openmic-2018-v1.0.0.tgz"


class OpenMIC(mirbench.Dataset):
    """All clips of the published partition."""

    name = "openmic-2018"
    description = "10 s clips with the instruments that listeners heard, of 20"
    home = "https://zenodo.org/record/1432913"
    version = "1.0.0"
    licence = "CC BY 4.0; each recording under its own Creative Commons licence, see openmic-2018-metadata.csv"
    citation = "Humphrey, Durand and McFee, OpenMIC-2018: an open data-set for multiple instrument recognition, ISMIR 2018"
    annotations = ("tags",)
    classes = {"tags": INSTRUMENTS}
    files = (
        mirbench.Files(LABELS, source=ARCHIVE),
        mirbench.Files("partitions/split01_train.csv", source=ARCHIVE),
        mirbench.Files("partitions/split01_test.csv", source=ARCHIVE),
        mirbench.Files("audio/[0-9][0-9][0-9]/*.ogg", count=20_000, source=ARCHIVE),
        mirbench.Files(TRACKS, source=ARCHIVE, optional=True),
    )
    downloads = (mirbench.Download(ARCHIVE, 2_623, "tar", 2_900, "md5:e4ccf187e2bb5ab2e115416e8aafe7f4"),)
    folders = ("openmic-2018", "openmic2018", "openmic")
    split_rule = (
        "the published partition 1; valid is 15 % of its training clips, drawn with seed 0; whole artists where "
        "openmic-2018-metadata.csv is there to tell them, whole tracks where not; no training clip is by an artist of a test clip"
    )
    access = "unpack openmic-2018-v1.0.0.tgz, whose md5 is e4ccf187e2bb5ab2e115416e8aafe7f4."

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        judged = relevances(folder / LABELS)
        artists = artists_of(folder / TRACKS)

        def read(part: str) -> list[mirbench.Clip]:
            clips = []
            for row in mirbench.read_table(folder / "partitions" / f"split01_{part}.csv", ("sample_key",), header=False):
                key = row["sample_key"]
                match = KEY.fullmatch(key)
                if not match:
                    raise row.wrong(f"is {key!r}, where a key like 000046_3840 belongs")
                path = folder / "audio" / key[:3] / f"{key}.ogg"
                group = artists.get(key, f"track {match[1]}")
                clips.append(mirbench.Clip(key, path, part, group, annotations=labels(judged.get(key, {}))))
            return clips

        clips = mirbench.keep_apart([*read("train"), *read("test")])
        train = [clip for clip in clips if clip.split == "train"]
        return [*mirbench.assign_splits(train, SHARES, SEED), *clips[len(train) :]]


def relevances(path: Path) -> dict[str, dict[str, float]]:
    """By clip and instrument, 0 to 1; of two lines for the same the later one, as in openmic-2018.npz."""
    judged: dict[str, dict[str, float]] = defaultdict(dict)
    for row in mirbench.read_table(path, ("sample_key", "instrument", "relevance")):
        relevance = row.number("relevance")
        if row["instrument"] not in INSTRUMENTS or not 0 <= relevance <= 1:
            raise row.wrong(f"has {relevance:g} for {row['instrument']!r}, where 0 to 1 for one of the 20 instruments belongs")
        judged[row["sample_key"]][row["instrument"]] = relevance
    return judged


def artists_of(path: Path) -> dict[str, str]:
    """The group of each clip, where the file is there."""
    if not path.is_file():
        return {}
    return {row["sample_key"]: f"artist {row['artist_id']}" for row in mirbench.read_table(path, ("sample_key", "artist_id"))}


def labels(judged: dict[str, float]) -> dict[str, tuple[str, ...]]:
    """Nothing is said of a clip that nobody judged."""
    if not judged:
        return {}
    return {
        "tags": tuple(name for name in INSTRUMENTS if judged.get(name, 0) >= 0.5),
        "tags_unknown": tuple(name for name in INSTRUMENTS if name not in judged),
    }


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [OpenMIC()]
