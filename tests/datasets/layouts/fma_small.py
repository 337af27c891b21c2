"""fma_metadata.zip and fma_small.zip in one folder; tracks.csv with its three lines of headings and biographies over several lines."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from miniature import Expected, sound

COLUMNS = {
    "album": "comments date_created date_released engineer favorites id information listens producer tags title tracks type",
    "artist": "active_year_begin active_year_end associated_labels bio comments date_created favorites id latitude location longitude "
    "members name related_projects tags website wikipedia_page",
    "set": "split subset",
    "track": "bit_rate comments composer date_created date_recorded duration favorites genre_top genres genres_all information interest "
    "language_code license listens lyricist number publisher tags title",
}
GENRES = ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock")
TRACKS = (  # number, artist, split, subset, genre_top
    (2, 1, "training", "small", "Hip-Hop"),
    (3, 1, "training", "medium", "Hip-Hop"),
    (5, 1, "training", "small", "Hip-Hop"),
    (20, 4, "training", "large", ""),
    (140, 54, "validation", "small", "Folk"),
    (190, 55, "test", "small", "Rock"),
    (666, 56, "test", "medium", "Old-Time / Historic"),
    (1486, 57, "training", "medium", "Blues"),  # empty
    (98_565, 58, "training", "small", "Experimental"),  # 1.6 s
    (133_297, 59, "test", "small", "Pop"),  # empty
    (155_320, 60, "training", "large", "Spoken"),
    (155_321, 55, "training", "small", "Rock"),  # by an artist of the test set
)


def row(number: int, artist: int, split: str, subset: str, genre: str) -> str:
    """A line as pandas wrote it: quotes where a cell has commas, quotes or line breaks."""
    cells = {
        "artist id": str(artist),
        "artist bio": '"<p>A collective,\nthat says ""so"".</p>\r\n"' if number == 2 else "",
        "artist tags": "['awol']",
        "artist latitude": "40.0583238",
        "set split": split,
        "set subset": subset,
        "track genre_top": genre,
        "track genres": '"[25, 31]"' if not genre else "[21]",
        "track license": "Attribution-NonCommercial-ShareAlike 3.0 International",
        "track title": "Ünder Fire",
    }
    names = [f"{table} {column}" for table, columns in COLUMNS.items() for column in columns.split()]
    return ",".join([str(number), *(cells.get(name, "") for name in names)])


def metadata(folder: Path) -> None:
    headings = [(table, column) for table, columns in COLUMNS.items() for column in columns.split()]
    lines = [
        ",".join(["", *(table for table, _ in headings)]),
        ",".join(["", *(column for _, column in headings)]),
        ",".join(["track_id", *("" for _ in headings)]),
        *(row(*track) for track in TRACKS),
    ]
    (folder / "fma_metadata").mkdir()
    (folder / "fma_metadata" / "tracks.csv").write_bytes("".join(f"{line}\n" for line in lines).encode())
    (folder / "fma_metadata" / "genres.csv").write_text("genre_id,#tracks,parent,title,top_level\n21,8389,0,Hip-Hop,21\n")
    (folder / "fma_metadata" / "README.txt").write_text("FMA: A Dataset For Music Analysis\n")


def clips(folder: Path, numbers: Iterable[int]) -> None:
    for number in numbers:
        path = folder / f"{number:06}"[:3] / f"{number:06}.mp3"
        sound(path, sample_rate=44_100, channels=2)
        if number in (1486, 133_297):
            path.write_bytes(b"")
    (folder / "README.txt").write_text("FMA: A Dataset For Music Analysis\n")
    paths = sorted(folder.glob("*/*.mp3"))
    lines = (f"{hashlib.sha1(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in paths)
    (folder / "checksums").write_text("".join(lines))


def write(folder: Path) -> None:
    metadata(folder)
    clips(folder / "fma_small", [number for number, _, _, subset, _ in TRACKS if subset == "small"])


EXPECTED = Expected(
    splits={"train": 2, "valid": 1, "test": 1},
    labels={"genre": {"000002": "Hip-Hop", "000140": "Folk", "000190": "Rock"}},
    groups={"000002": "artist 1", "000005": "artist 1", "000190": "artist 55"},
    classes={"genre": GENRES},
    left_out=("000003.mp3", "098565.mp3", "133297.mp3", "155321.mp3", "checksums"),
)
