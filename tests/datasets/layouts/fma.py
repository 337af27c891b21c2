"""fma_metadata.zip, fma_large.zip and fma_small.zip in one folder: the large one has all clips, some without a genre."""

from pathlib import Path

from layouts import fma_medium, fma_small
from miniature import Expected


def write(folder: Path) -> None:
    fma_small.write(folder)
    fma_small.clips(folder / "fma_large", [track[0] for track in fma_small.TRACKS])


EXPECTED = Expected(
    splits={"train": 5, "valid": 1, "test": 2},
    labels={"genre": {"000002": "Hip-Hop", "000020": None, "155320": "Spoken"}},
    groups={"000020": "artist 4"},
    classes=fma_medium.EXPECTED.classes,
    left_out=("fma_small/", "001486.mp3", "098565.mp3", "133297.mp3", "155321.mp3"),
)
