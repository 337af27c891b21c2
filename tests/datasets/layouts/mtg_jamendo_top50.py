"""The 50 most frequent tags, of all three kinds; full quality, in audio/ of the repository."""

from pathlib import Path

from layouts.jamendo import write_subset
from miniature import Expected

GENRES = (
    *("alternative", "ambient", "atmospheric", "chillout", "classical", "dance", "downtempo", "easylistening", "electronic"),
    *("experimental", "folk", "funk", "hiphop", "house", "indie", "instrumentalpop", "jazz", "lounge", "metal", "newage", "orchestral"),
    *("pop", "popfolk", "poprock", "reggae", "rock", "soundtrack", "techno", "trance", "triphop", "world"),
)
INSTRUMENTS = (
    *("acousticguitar", "bass", "computer", "drummachine", "drums", "electricguitar", "electricpiano", "guitar", "keyboard", "piano"),
    *("strings", "synthesizer", "violin", "voice"),
)
PARTS = {
    "train": (
        "track_1376256 artist_490499 album_161779 56/1376256.mp3 166.0 "
        "genre---chillout genre---downtempo genre---easylistening instrument---piano",
        "track_1288875 artist_462184 album_153624 75/1288875.mp3 224.2 genre---alternative",
        "track_1376257 artist_490499 album_161779 57/1376257.mp3 188.1 "
        "genre---chillout genre---downtempo genre---easylistening instrument---piano",
    ),
    "validation": ("track_1180613 artist_007349 album_142065 13/1180613.mp3 236.6 mood/theme---happy",),
    "test": ("track_0263086 artist_005117 album_037546 86/263086.mp3 149.9 genre---soundtrack",),
}


def write(folder: Path) -> None:
    write_subset(folder, "top50tags", PARTS, "audio")


EXPECTED = Expected(
    splits={"train": 3, "valid": 1, "test": 1},
    labels={
        "tags": {
            "track_1376256": ("genre---chillout", "genre---downtempo", "genre---easylistening", "instrument---piano"),
            "track_1288875": ("genre---alternative",),
            "track_1180613": ("mood/theme---happy",),
        }
    },
    groups={"track_1376256": "artist_490499", "track_1376257": "artist_490499"},
    classes={
        "tags": (
            *(f"genre---{name}" for name in GENRES),
            *(f"instrument---{name}" for name in INSTRUMENTS),
            *(f"mood/theme---{name}" for name in ("emotional", "energetic", "film", "happy", "relaxing")),
        )
    },
)
