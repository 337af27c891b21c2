"""Instrument tags; the folders 00 to 99 directly in the folder."""

from pathlib import Path

from layouts.jamendo import write_subset
from miniature import Expected

PARTS = {
    "train": (
        "track_1376258 artist_490499 album_161779 58/1376258.mp3 185.1 instrument---guitar instrument---piano",
        "track_0786574 artist_369134 album_092237 74/786574.mp3 320.2 instrument---bass instrument---computer instrument---drums",
    ),
    "validation": ("track_1048640 artist_435724 album_123594 40/1048640.mp3 231.5 instrument---computer instrument---synthesizer",),
    "test": (
        "track_0004887 artist_000696 album_000751 87/4887.mp3 251.7 instrument---piano",
        "track_0004888 artist_000696 album_000751 88/4888.mp3 87.4 instrument---guitar",
        "track_0015160 artist_002208 album_002161 60/15160.mp3 267.2 instrument---bass instrument---electricguitar",
    ),
}


def write(folder: Path) -> None:
    write_subset(folder, "instrument", PARTS, "")


EXPECTED = Expected(
    splits={"train": 2, "valid": 1, "test": 3},
    labels={"tags": {"track_0015160": ("instrument---bass", "instrument---electricguitar"), "track_0004888": ("instrument---guitar",)}},
    groups={"track_0004887": "artist_000696", "track_0004888": "artist_000696"},
)
