"""FMA: A Dataset For Music Analysis (Defferrard et al. 2017): `fma-small`, `fma-medium`, and `fma`, the most of it that is on disk.

tracks.csv has three lines of headings: table (album, artist, set, track), column, and the name of the index, which stands alone. It has
260 MB, mostly biographies in many lines, so it is read a track at a time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import mirbench

SMALL = ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock")
GENRES = tuple(sorted((*SMALL, "Blues", "Classical", "Country", "Easy Listening", "Jazz", "Old-Time / Historic", "Soul-RnB", "Spoken")))
SPLITS = {"training": "train", "validation": "valid", "test": "test"}
SUBSETS = ("small", "medium", "large")  # a track has the smallest that it is in
TRACKS = "fma_metadata/tracks.csv"
COLUMNS = (("set", "split"), ("set", "subset"), ("artist", "id"), ("track", "genre_top"))
SHA1 = {  # of the archives, as github.com/mdeff/fma states them
    "metadata": "f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
    "small": "ade154f733639d52e35e32f5593efe5be76c6d70",
    "medium": "c67b69ea232021025fca9231fc1c7c1a063ab50b",
    "large": "497109f4dd721066b5ce5e5f250ec604dc78939e",
}
MEGABYTES = {"metadata": (359, 1_500), "small": (7_700, 8_000), "medium": (23_700, 25_000), "large": (100_000, 106_000)}  # and unpacked
SOURCE = "https://os.unil.cloud.switch.ch/fma/"
LONGEST = 1 << 24  # characters of a cell; the csv module's own limit is shorter than some biography may be

# cut beyond the end of the recording, so empty or much shorter than 30 s: github.com/mdeff/fma/issues/8 and the wiki of that repository
BROKEN = frozenset((1486, 5574, 65753, 80391, 98558, 98559, 98560, 98565, 98566, 98567, 98568, 98569, 98571, 99134, 105247, 108924, 108925))
BROKEN |= {126981, 127336, 133297, 143992}


class Track(NamedTuple):
    number: int
    split: str
    subset: str
    artist: int
    genre: str


def tracks(path: Path) -> Iterator[Track]:
    """All tracks; raises MirbenchError naming the file, and the line, that is not as published."""
    archive = f"{SOURCE}fma_metadata.zip"
    again = f"get it again from {archive}"
    if not path.exists():
        raise mirbench.MirbenchError(f"{path} is missing; get it from {archive}.")
    limit = csv.field_size_limit(LONGEST)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            tables, columns, index = (next(lines, []) for _ in range(3))
            names = list(zip(tables, columns, strict=False))
            missing = [" ".join(name) for name in COLUMNS if names.count(name) != 1]
            if missing or index[:1] != ["track_id"]:
                lacks = f"line 1 and 2, the headings, lack {', '.join(missing)}" if missing else "line 3 does not begin with track_id"
                raise mirbench.MirbenchError(f"{path}, {lacks}; {again}.")
            places = [names.index(name) for name in COLUMNS]
            for cells in lines:
                if len(cells) != len(names):
                    wrong = f"has {len(cells)} cells where {len(names)} belong"
                    raise mirbench.MirbenchError(f"{path}, line {lines.line_num} {wrong}; {again}.")
                split, subset, artist, genre = (cells[place] for place in places)
                known = split in SPLITS and subset in SUBSETS and (not genre or genre in GENRES)
                if not (known and cells[0].isdecimal() and artist.isdecimal()):
                    told = f"has {cells[0]!r}, {split!r}, {subset!r}, {artist!r}, {genre!r} as track, split, subset, artist, genre"
                    raise mirbench.MirbenchError(f"{path}, line {lines.line_num} {told}; {again}.")
                yield Track(int(cells[0]), SPLITS[split], subset, int(artist), genre)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise mirbench.MirbenchError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error}); {again}.") from error
    finally:
        csv.field_size_limit(limit)


class Fma(mirbench.Dataset):
    """The clips of the first folder of audio, of those in `files`, that is there."""

    home = "https://github.com/mdeff/fma"
    version = "2017-05-09"
    licence = "metadata CC BY 4.0; each track under the Creative Commons licence that its artist chose"
    citation = "M. Defferrard, K. Benzi, P. Vandergheynst and X. Bresson, FMA: A Dataset for Music Analysis, ISMIR 2017"
    annotations = ("genre",)
    folders = ("fma",)
    split_rule = (
        "Official, by artist; the 21 tracks that the authors list as empty or far shorter than 30 s are left out, and tracks of an artist "
        "in train or valid who is in test too, of whom the authors intend none."
    )

    def __init__(self, name: str, description: str, genres: tuple[str, ...], *audio: mirbench.Files) -> None:
        self.name, self.description, self.classes = name, description, {"genre": genres}
        self.files = (mirbench.Files(TRACKS, source=f"{SOURCE}fma_metadata.zip"), *audio)
        self.downloads = (archive("metadata"), archive(audio[0].path.partition("/")[0].removeprefix("fma_")))
        self.checksums = tuple(mirbench.Checksums(f"{files.path.partition('/')[0]}/checksums") for files in audio)

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        parts = [files.path.partition("/")[0] for files in self.files[1:]]
        found = next((folder / part for part in parts if (folder / part).is_dir()), None)
        if found is None:
            raise mirbench.MirbenchError(f"{folder} has no folder {' or '.join(parts)}; unpack it there, from {SOURCE}.")
        subset = found.name.removeprefix("fma_").replace("full", "large")
        subsets = SUBSETS[: SUBSETS.index(subset) + 1]
        clips = []
        for track in tracks(folder / TRACKS):
            if track.subset in subsets and track.number not in BROKEN:
                name = f"{track.number:06}"
                annotations = {"genre": track.genre} if track.genre else {}
                path = found / name[:3] / f"{name}.mp3"
                clips.append(mirbench.Clip(name, path, track.split, f"artist {track.artist}", annotations=annotations))
        return mirbench.keep_apart(clips)


def audio(part: str, count: int, optional: bool = False) -> mirbench.Files:
    return mirbench.Files(f"fma_{part}/*/*.mp3", count, source=f"{SOURCE}fma_{part}.zip", optional=optional)


def archive(part: str) -> mirbench.Download:
    packed, unpacked = MEGABYTES[part]
    return mirbench.Download(f"{SOURCE}fma_{part}.zip", packed, "zip", unpacked, f"sha1:{SHA1[part]}")


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    most = "the most of FMA on disk, to pretrain on: of fma_large, fma_full, fma_medium and fma_small the first that is there"
    sizes = {"large": 106_574, "full": 106_574, "medium": 25_000, "small": 8_000}
    return [
        Fma("fma-small", "8,000 clips of 30 s in 8 balanced genres", SMALL, audio("small", 8_000)),
        Fma("fma-medium", "25,000 clips of 30 s in 16 unbalanced genres", GENRES, audio("medium", 25_000)),
        Fma("fma", most, GENRES, *(audio(part, count, optional=True) for part, count in sizes.items())),
    ]
