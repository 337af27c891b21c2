"""MTG-Jamendo: full tracks from Jamendo with the tags of their uploaders, in four tagging tasks, split 0.

The lines of its tables have as many cells as there are tags. Tags outside the published classes are passed over: where a split would have
lacked some, its authors dropped them. Of a track that is there in both qualities the better one is used.
"""

from __future__ import annotations

import re
from pathlib import Path

import mirbench

GENRES = """60s 70s 80s 90s acidjazz alternative alternativerock ambient atmospheric blues bluesrock bossanova breakbeat celtic chanson
    chillout choir classical classicrock club contemporary country dance darkambient darkwave deephouse disco downtempo drumnbass dub
    dubstep easylistening edm electronic electronica electropop ethno eurodance experimental folk funk fusion groove grunge hard
    hardrock hiphop house idm improvisation indie industrial instrumentalpop instrumentalrock jazz jazzfusion latin lounge medieval
    metal minimal newage newwave orchestral pop popfolk poprock postrock progressive psychedelic punkrock rap reggae rnb rock rocknroll
    singersongwriter soul soundtrack swing symphonic synthpop techno trance triphop world worldfusion"""
INSTRUMENTS = """accordion acousticbassguitar acousticguitar bass beat bell bongo brass cello clarinet classicalguitar computer
    doublebass drummachine drums electricguitar electricpiano flute guitar harmonica harp horn keyboard oboe orchestra organ pad
    percussion piano pipeorgan rhodes sampler saxophone strings synthesizer trombone trumpet viola violin voice"""
MOODS = """action adventure advertising background ballad calm children christmas commercial cool corporate dark deep documentary drama
    dramatic dream emotional energetic epic fast film fun funny game groovy happy heavy holiday hopeful inspiring love meditative
    melancholic melodic motivational movie nature party positive powerful relaxing retro romantic sad sexy slow soft soundscape space
    sport summer trailer travel upbeat uplifting"""
TOP_GENRES = """alternative ambient atmospheric chillout classical dance downtempo easylistening electronic experimental folk funk
    hiphop house indie instrumentalpop jazz lounge metal newage orchestral pop popfolk poprock reggae rock soundtrack techno trance
    triphop world"""
TOP_INSTRUMENTS = """acousticguitar bass computer drummachine drums electricguitar electricpiano guitar keyboard piano strings
    synthesizer violin voice"""
TOP_MOODS = "emotional energetic film happy relaxing"

COLUMNS = ("TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS")
PARTS = {"train": "train", "validation": "valid", "test": "test"}
TRACK = re.compile(r"(\d\d/\d+)\.mp3")
SHARD = re.compile("[0-9][0-9]")
SOURCE = "https://raw.githubusercontent.com/MTG/mtg-jamendo-dataset/master/data/splits/split-0"
DOWNLOADS = ("", "raw_30s", "autotagging_moodtheme", "autotagging-moodtheme")  # what mostly lies between folder and audio/ or audio-low/


def tags(genres: str = "", instruments: str = "", moods: str = "") -> tuple[str, ...]:
    """As published, such as `mood/theme---happy`."""
    named = {"genre": genres, "instrument": instruments, "mood/theme": moods}
    return tuple(f"{category}---{word}" for category, words in named.items() for word in words.split())


def places(folder: Path) -> list[Path]:
    """The folder, those in it and those in these, where tables and audio may lie; the 100 with the mp3 files are left out."""

    def inside(place: Path) -> list[Path]:
        return sorted(path for path in place.glob("[!.]*") if not SHARD.fullmatch(path.name) and path.is_dir())

    first = inside(folder)
    return [folder, *first, *(path for place in first for path in inside(place))]


def recordings(folder: Path) -> dict[str, Path]:
    """The mp3 files of both qualities by number, as in `56/1376256`; folders are listed, since there are 55,000 files."""
    found: dict[str, Path] = {}
    usual = [folder / download / quality for quality in ("audio", "audio-low", "") for download in DOWNLOADS]
    for place in dict.fromkeys((*usual, *places(folder))):
        for shard in sorted(place.glob("[0-9][0-9]")):
            for path in sorted(shard.glob("*.mp3"), reverse=True):  # 1.mp3 before 1.low.mp3
                found.setdefault(f"{shard.name}/{path.name.removesuffix('.mp3').removesuffix('.low')}", path)
    return found


class Jamendo(mirbench.Dataset):
    """One of the published subsets. subset: as in the names of its files."""

    home = "https://mtg.github.io/mtg-jamendo-dataset/"
    version = "split 0"
    licence = "metadata CC BY-NC-SA 4.0; each track under its own Creative Commons licence, see audio_licenses.txt"
    citation = "Bogdanov, Won, Tovstogan, Porter and Serra, The MTG-Jamendo dataset for automatic music tagging, ML4MD workshop, ICML 2019"
    annotations = ("tags",)
    checksums = (mirbench.Checksums("**/download/*_audio*_sha256_tracks.txt", of="**/{}"),)
    folders = ("mtg-jamendo-dataset", "mtg-jamendo", "mtg_jamendo", "jamendo")
    split_rule = "the published split 0, in which no artist is in two splits"

    def __init__(self, name: str, subset: str, classes: tuple[str, ...], tracks: int, download: str) -> None:
        self.name, self.subset, self.classes = f"mtg-jamendo-{name}", subset, {"tags": classes}
        self.description = f"full tracks with {len(classes)} tags"
        self.access = (
            f"clone https://github.com/MTG/mtg-jamendo-dataset and run `python3 scripts/download/download.py --dataset {download} "
            f"--type audio audio --unpack --remove` in it (or --type audio-low, far smaller)."
        )
        tables = (f"autotagging_{subset}-{part}.tsv" for part in PARTS)
        self.files = (
            *(mirbench.Files(f"**/splits/split-0/{table}", source=f"{SOURCE}/{table}") for table in tables),
            mirbench.Files("**/[0-9][0-9]/*.mp3", count=tracks, source="https://github.com/MTG/mtg-jamendo-dataset#downloading-the-data"),
        )

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        wanted, found, clips = set(self.classes["tags"]), recordings(folder), []
        lists = [place / "splits" / "split-0" for place in (folder / "data", *places(folder))]
        tables = next((path for path in lists if path.is_dir()), lists[0])
        for part, split in PARTS.items():
            path = tables / f"autotagging_{self.subset}-{part}.tsv"
            for row in mirbench.read_table(path, COLUMNS, delimiter="\t", open_ended=True):
                told = [tag for tag in row["TAGS"].split("\t") if tag]
                odd = next((tag for tag in told if "---" not in tag), None)
                track = TRACK.fullmatch(row["PATH"])
                if odd or not track:
                    raise row.wrong(
                        f"has the tag {odd!r}, where one like genre---rock belongs"
                        if odd
                        else f"has {row['PATH']!r} as PATH, where a path like 56/1376256.mp3 belongs"
                    )
                carried = tuple(tag for tag in dict.fromkeys(told) if tag in wanted)
                if carried:
                    where = found.get(track[1], folder / "audio" / row["PATH"])
                    clips.append(mirbench.Clip(row["TRACK_ID"], where, split, row["ARTIST_ID"], annotations={"tags": carried}))
        return mirbench.keep_apart(clips)


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [
        Jamendo("top50", "top50tags", tags(TOP_GENRES, TOP_INSTRUMENTS, TOP_MOODS), 55_701, "raw_30s"),
        Jamendo("genre", "genre", tags(genres=GENRES), 55_701, "raw_30s"),
        Jamendo("instrument", "instrument", tags(instruments=INSTRUMENTS), 55_701, "raw_30s"),
        Jamendo("mood", "moodtheme", tags(moods=MOODS), 18_486, "autotagging_moodtheme"),
    ]
