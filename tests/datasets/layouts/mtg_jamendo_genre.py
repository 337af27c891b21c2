"""Genre tags; the low-quality audio, whose files are named otherwise than the table says."""

from pathlib import Path

from layouts.jamendo import write_subset
from miniature import Expected

PARTS = {
    "train": (
        "track_0000241 artist_000005 album_000033 41/241.mp3 340.1 genre---rock",
        "track_0000247 artist_000005 album_000033 47/247.mp3 85.9 genre---pop genre---rock",
        "track_0000851 artist_000099 album_000139 51/851.mp3 131.9 genre---disco genre---funk genre---pop genre---rnb",
    ),
    "validation": ("track_0000946 artist_000087 album_000149 46/946.mp3 241.7 genre---ambient genre---chillout genre---lounge",),
    "test": ("track_0002079 artist_000314 album_000327 79/2079.mp3 59.1 genre---drumnbass genre---electronic genre---triphop",),
}


def write(folder: Path) -> None:
    write_subset(folder, "genre", PARTS, "audio-low", ".low.mp3")


EXPECTED = Expected(
    splits={"train": 3, "valid": 1, "test": 1},
    labels={"tags": {"track_0000851": ("genre---disco", "genre---funk", "genre---pop", "genre---rnb"), "track_0000241": ("genre---rock",)}},
    groups={"track_0000241": "artist_000005", "track_0000247": "artist_000005"},
)
