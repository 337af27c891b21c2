"""Mood and theme tags; the audio where the download script leaves it, in a folder named after the subset."""

from pathlib import Path

from layouts.jamendo import write_subset
from miniature import Expected

PARTS = {
    "train": ("track_1179715 artist_437980 album_141997 15/1179715.mp3 260.7 mood/theme---energetic",),
    "validation": ("track_1310866 artist_486761 album_155702 66/1310866.mp3 373.1 mood/theme---film",),
    "test": (
        "track_0786434 artist_368880 album_092222 34/786434.mp3 460.8 mood/theme---deep",
        "track_1048681 artist_359617 album_123563 81/1048681.mp3 189.3 mood/theme---emotional mood/theme---sad",
        "track_0263086 artist_005117 album_037546 86/263086.mp3 149.9 "
        "mood/theme---epic mood/theme---uplifting mood/theme---action mood/theme---powerful",
    ),
}


def write(folder: Path) -> None:
    write_subset(folder, "moodtheme", PARTS, "autotagging_moodtheme/audio")


EXPECTED = Expected(
    splits={"train": 1, "valid": 1, "test": 3},
    labels={
        "tags": {
            "track_0263086": ("mood/theme---epic", "mood/theme---uplifting", "mood/theme---action", "mood/theme---powerful"),
            "track_0786434": ("mood/theme---deep",),
        }
    },
    groups={"track_0786434": "artist_368880"},
)
