"""VocalSet: 20 professional singers, each with scales, arpeggios, long tones and excerpts in many techniques (Wilkins et al. 2018).

Two data sets of the same files, since who sings needs singers in all splits and how they sing needs them apart. Singer and technique are
told by the folders, SINGER/EXERCISE/TECHNIQUE/FILE.wav: file names lack one or the other at times. Of excerpts the folder is the technique
too, and caro, dona and row in their names are songs. Version 1.1 has the folders in FULL; 1.2 in data_by_singer, beside the same files once
more by technique and by vowel, which are not read.
"""

from __future__ import annotations

import re
from pathlib import Path

import mirbench

SINGERS = (*(f"f{n}" for n in range(1, 10)), *(f"m{n}" for n in range(1, 12)))
TECHNIQUES = (
    *("belt", "breathy", "fast_forte", "fast_piano", "forte", "inhaled", "lip_trill", "messa", "pp", "slow_forte", "slow_piano", "spoken"),
    *("straight", "trill", "trillo", "vibrato", "vocal_fry"),
)
TEST = frozenset({"f2", "f8", "m3", "m5", "m10"})  # of test_singers_technique.txt, where a copy lacks it
TEST_LIST = "test_singers_technique.txt"
SHARES, SEED = {"train": 0.8, "valid": 0.2}, 0
ARCHIVE = "https://zenodo.org/records/1442513/files/VocalSet11.zip"


class VocalSet(mirbench.Dataset):
    """What both have in common."""

    home = "https://zenodo.org/records/1442513"
    version = "1.1 or 1.2"
    licence = "CC BY 4.0"
    citation = "Wilkins, Seetharaman, Wahl and Pardo, VocalSet: a singing voice dataset, ISMIR 2018"
    files: tuple[mirbench.Files, ...] = (mirbench.Files("*/*male*/*/*/*.wav", count=3613, source=ARCHIVE),)
    downloads = (mirbench.Download(ARCHIVE, 2_077, "zip", 3_400, "md5:0c09396242f946e7111ad7d8fc649b81"),)
    folders = ("VocalSet", "VocalSet1-2", "VocalSet11")
    access = "unpack VocalSet11.zip, 2.1 GB (md5 0c09396242f946e7111ad7d8fc649b81), or VocalSet1-2.zip."


class VocalSetSinger(VocalSet):
    name = "vocalset-singer"
    description = "unaccompanied singing of 20 singers: who sings"
    annotations = ("singer",)
    classes = {"singer": SINGERS}
    split_rule = (
        "no split is published; by file, 70, 15 and 15 % of each singer's, drawn with seed 0: every singer has to be in all splits, and so "
        "are the melodies, which each of them sings in many techniques and on all vowels"
    )

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        found = []
        for path, singer in recordings(folder):
            take = re.sub(r"^[fm]\d+_\s*|\(\d+\)$", "", path.stem)  # a file and its copy without the singer, or with (1), are one
            group = "/".join((singer, *path.parts[-3:-1], take))
            found.append(mirbench.Clip(identifier(path), path, "train", group, annotations={"singer": singer}))
        return mirbench.assign_splits(found, seed=SEED)


class VocalSetTechnique(VocalSet):
    name = "vocalset-technique"
    description = "unaccompanied singing in 17 techniques: how it is sung"
    annotations = ("technique",)
    classes = {"technique": TECHNIQUES}
    files = (*VocalSet.files, mirbench.Files(TEST_LIST, source=ARCHIVE, optional=True))
    split_rule = (
        "by singer, test as published in test_singers_technique.txt; valid, of which nothing is published, is a fifth of the other "
        "singers, drawn with seed 0"
    )

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        tested = singers_tested(folder / TEST_LIST)
        found = []
        for path, singer in recordings(folder):
            technique = re.sub(r"[\s-]+", "_", path.parent.name.lower())
            if technique in TECHNIQUES:
                split = "test" if singer in tested else "train"
                found.append(mirbench.Clip(identifier(path), path, split, singer, annotations={"technique": technique}))
        drawn = mirbench.assign_splits([c for c in found if c.split == "train"], SHARES, SEED)
        return [*drawn, *(c for c in found if c.split == "test")]


def recordings(folder: Path) -> list[tuple[Path, str]]:
    """Each file with its singer, in the order of their paths."""
    for name in ("FULL", "data_by_singer"):
        if (folder / name).is_dir():
            paths = sorted(p for p in (folder / name).glob("*/*/*/*") if p.suffix.lower() == ".wav" and not p.name.startswith("."))
            found = [(path, singer_of(path.parts[-4])) for path in paths]
            return [(path, singer) for path, singer in found if singer]
    raise mirbench.MirbenchError(f"{folder} has no folder FULL or data_by_singer; unpack VocalSet11.zip or VocalSet1-2.zip into it.")


def singer_of(name: str) -> str:
    """As the file names have it, nothing for what is no singer.

    >>> singer_of("female1"), singer_of("m11"), singer_of("choir")
    ('f1', 'm11', '')
    """
    match = re.fullmatch(r"(f)(?:emale)?(\d+)|(m)(?:ale)?(\d+)", name.strip().lower())
    short = "".join(part or "" for part in match.groups()) if match else ""
    return short if short in SINGERS else ""


def singers_tested(path: Path) -> frozenset[str]:
    """Those that a list names, one a line; those of the published list where there is none."""
    if not path.exists():
        return TEST
    listed = set()
    for row in mirbench.read_table(path, ("singer",), header=False):
        singer = singer_of(row["singer"])
        if not singer:
            raise row.wrong(f"is {row['singer']!r}, where a singer like female2 belongs")
        listed.add(singer)
    return frozenset(listed)


def identifier(path: Path) -> str:
    return "/".join((*path.parts[-4:-1], path.stem))


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [VocalSetSinger(), VocalSetTechnique()]
