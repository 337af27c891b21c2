"""MagnaTagATune with all its tags, and with its audio in a folder of its own."""

from pathlib import Path

from layouts import magnatagatune
from miniature import Expected


def write(folder: Path) -> None:
    magnatagatune.write(folder, audio="mp3")


EXPECTED = Expected(
    splits={"train": 4, "valid": 1, "test": 2},
    labels={"tags": {"11": ("violins", "strings", "string", "violin"), "51680": ("clasical", "harpsicord")}},
    groups=magnatagatune.EXPECTED.groups,
    classes={"tags": magnatagatune.TAGS},
    left_out=(*magnatagatune.EMPTY, f"{magnatagatune.PATERNOSTER}-233-262"),
)
