"""fma_metadata.zip and fma_medium.zip in one folder: all of the small subset, and more."""

from pathlib import Path

from layouts import fma_small
from miniature import Expected

GENRES = (
    "Blues",
    "Classical",
    "Country",
    "Easy Listening",
    "Electronic",
    "Experimental",
    "Folk",
    "Hip-Hop",
    "Instrumental",
    "International",
    "Jazz",
    "Old-Time / Historic",
    "Pop",
    "Rock",
    "Soul-RnB",
    "Spoken",
)


def write(folder: Path) -> None:
    fma_small.metadata(folder)
    fma_small.clips(folder / "fma_medium", [number for number, _, _, subset, _ in fma_small.TRACKS if subset != "large"])


EXPECTED = Expected(
    splits={"train": 3, "valid": 1, "test": 2},
    labels={"genre": {"000003": "Hip-Hop", "000666": "Old-Time / Historic"}},
    groups={"000003": "artist 1"},
    classes={"genre": GENRES},
    left_out=("000020.mp3", "001486.mp3", "098565.mp3", "155320.mp3", "155321.mp3"),
)
