"""GiantSteps: the key of two-minute previews of electronic dance music; tested on GiantSteps-key, trained on GiantSteps-MTG-key.

Two repositories side by side. The first has a file for each key, in flats and without a last newline; the second one table, in sharps,
with `-` where there is no key, `C minor / F# minor` where there are two, and how sure the annotator was, 2 at most. Keys stay as published:
what reads them knows that enharmonic names are one key.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import mirbench

TEST, TRAIN = "giantsteps-key-dataset", "giantsteps-mtg-key-dataset"
SURE = "2"


def part(folder: Path, name: str) -> Path:
    """The folder of a repository, cloned, or unpacked from an archive, which adds `-master` or the like."""
    return next((path for path in [folder / name, *sorted(folder.glob(f"{name}-*"))] if path.is_dir()), folder / name)


def clip(repository: Path, track: str, split: str, key: str) -> mirbench.Clip:
    """track: Beatport's number, which some versions of the data set fill up with zeros."""
    return mirbench.Clip(track, repository / "audio" / f"{track}.LOFI.mp3", split, f"track {int(track)}", annotations={"key": key})


def together(clips: list[mirbench.Clip]) -> list[mirbench.Clip]:
    """The clips, those of files with one published md5 in one group: some previews are there under two numbers."""
    first: dict[str, str] = {}
    groups: dict[str, str] = {}
    for each in clips:
        path = each.path.parent.parent / "md5" / f"{each.path.stem}.md5"
        try:
            digest = path.read_text(encoding="utf-8").split()[0].lower()
        except (OSError, ValueError, IndexError):  # not there, or no list: then the file is its own
            continue
        groups[each.group] = first.setdefault(digest, groups.get(each.group, each.group))
    return [dataclasses.replace(each, group=groups.get(each.group, each.group)) for each in clips]


def clips_to_test(repository: Path) -> list[mirbench.Clip]:
    clips = []
    for path in sorted((repository / "annotations" / "key").glob("*.LOFI.key")):
        try:
            key = path.read_text(encoding="utf-8").strip()
            mirbench.parse_key(key)
            clips.append(clip(repository, path.name.removesuffix(".LOFI.key"), "test", key))
        except (OSError, ValueError, mirbench.MirbenchError) as error:
            raise mirbench.MirbenchError(f"{path} is not as published: {error}") from error
    if not clips:
        raise mirbench.MirbenchError(f"{repository / 'annotations' / 'key'} has no files *.LOFI.key; clone {Giantsteps.home} there.")
    return clips


def clips_to_train(repository: Path) -> list[mirbench.Clip]:
    """The tracks with one key, of which the annotator was sure."""
    clips = []
    path = repository / "annotations" / "annotations.txt"
    for row in mirbench.read_table(path, columns=("ID", "MANUAL KEY", "C"), delimiter="\t", open_ended=True):
        track, key, sure = row["ID"].strip(), row["MANUAL KEY"].strip(), row["C"].partition("\t")[0].strip()
        if not track.isdecimal() or sure not in ("0", "1", SURE):
            raise mirbench.MirbenchError(f"{path}: track {track!r} with confidence {sure!r} is none that is published; get the file again.")
        if sure == SURE and key not in ("-", "") and "/" not in key:
            try:
                mirbench.parse_key(key)
            except mirbench.MirbenchError as error:
                raise mirbench.MirbenchError(f"{path}, track {track}: {error}") from error
            clips.append(clip(repository, track, "train", key))
    return clips


class Giantsteps(mirbench.Dataset):
    name = "giantsteps"
    description = "key of electronic dance music: 604 previews to test on, about 1,100 to train on"
    home = "https://github.com/GiantSteps/giantsteps-key-dataset"
    version = "GiantSteps-key with GiantSteps-MTG-key"
    licence = "none stated; for research; the previews belong to their labels"
    citation = (
        "P. Knees et al., Two data sets for tempo estimation and key detection in electronic dance music annotated from user corrections, "
        "ISMIR 2015; Á. Faraldo, Tonality estimation in electronic dance music, PhD thesis, Universitat Pompeu Fabra, 2017"
    )
    annotations = ("key",)
    folders = ("giantsteps",)
    mirdata = ("giantsteps_key", "keys_gs+")
    files = (
        mirbench.Files(f"{TEST}*/annotations/key/*.LOFI.key", 604, source=home),
        mirbench.Files(f"{TEST}*/audio/*.LOFI.mp3", 604, source=f"{home}/blob/master/audio_dl.sh"),
        mirbench.Files(f"{TRAIN}*/annotations/annotations.txt", source=f"https://github.com/GiantSteps/{TRAIN}"),
        mirbench.Files(f"{TRAIN}*/audio/*.LOFI.mp3", 1486, source=f"https://github.com/GiantSteps/{TRAIN}/blob/master/audio_dl.sh"),
    )
    checksums = tuple(mirbench.Checksums(f"{name}*/md5/*.LOFI.md5", of="../audio/{}.mp3") for name in (TEST, TRAIN))
    access = "Clone both repositories into one folder, and run audio_dl.sh in each to get the previews."
    split_rule = (
        "Test is GiantSteps-key; train and valid are the tracks of GiantSteps-MTG-key with one key and confidence 2, without those that "
        "are in GiantSteps-key too, a fifth of them valid, keys spread alike, seed 0. Artists are not published with the test tracks, so a "
        "track is a group of its own, but that files with one published md5 are one group."
    )

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        apart = mirbench.keep_apart(together([*clips_to_test(part(folder, TEST)), *clips_to_train(part(folder, TRAIN))]))
        ours, test = ([clip for clip in apart if clip.split == split] for split in ("train", "test"))
        return [*mirbench.assign_splits(ours, {"train": 0.8, "valid": 0.2}, seed=0), *test]


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [Giantsteps()]
