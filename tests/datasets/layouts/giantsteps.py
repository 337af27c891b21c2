"""Both repositories, cloned, with the previews that audio_dl.sh gets: keys in flats and in sharps, with and without a last newline."""

import hashlib
from pathlib import Path

from miniature import Expected, sound

TEST = {"10089": "D minor", "1234749": "Bb major", "774875": "Gb minor", "877345": "Eb major"}
MTG = """ID\tMANUAL KEY\tC
5061\tD# minor\t2
5881\tA major\t2
7217\tF minor\t2
10359\tD minor\t2
10981\t-\t0
16484\tA minor\t1
26737\tC minor\t2
37779\tA# major\t2
61578\tC minor / F# minor\t2
297150\tA-A# minor\t0
299300\tG minor/major\t1
515806\tF / F# minor\t2
774875\tF# minor\t2
58226\tC# major\t2
87217\tF minor\t2
88217\tF minor\t2
4311630\t \t0
4970565\tB major \t2
"""


def write(folder: Path) -> None:
    test, mtg = folder / "giantsteps-key-dataset", folder / "giantsteps-mtg-key-dataset"
    for part in (test / "annotations" / "key", test / "annotations" / "genre", test / "md5", mtg / "annotations" / "key", mtg / "md5"):
        part.mkdir(parents=True)
    for track, key in TEST.items():
        sound(test / "audio" / f"{track}.LOFI.mp3", sample_rate=44_100, channels=2)
        (test / "annotations" / "key" / f"{track}.LOFI.key").write_bytes(key.encode())
        (test / "annotations" / "genre" / f"{track}.LOFI.genre").write_text("trance")
    (test / "README").write_text("name:             GiantSteps (key)\n")
    (mtg / "annotations" / "annotations.txt").write_bytes(MTG.encode())
    (mtg / "annotations" / "key" / "119077.LOFI.key").write_text("c# minor / e major\t2\t50% between c# minor and e major\n")
    for line in MTG.splitlines()[1:]:
        track = line.split()[0]  # as the seed: no two are one file
        sound(mtg / "audio" / f"{track}.LOFI.mp3", sample_rate=44_100, channels=2, seed=int(track))
    for part in (test, mtg):
        for path in (part / "audio").iterdir():
            (part / "md5" / f"{path.stem}.md5").write_text(f"{hashlib.md5(path.read_bytes()).hexdigest()}\n")


EXPECTED = Expected(
    splits={"train": 8, "valid": 2, "test": 4},
    labels={"key": {"10089": "D minor", "774875": "Gb minor", "5061": "D# minor", "4970565": "B major"}},
    groups={"10089": "track 10089", "5061": "track 5061"},
    left_out=(
        *(f"giantsteps-mtg-key-dataset/audio/{track}.LOFI.mp3" for track in (10981, 16484, 61578, 297150, 299300, 515806, 4311630)),
        "giantsteps-mtg-key-dataset/audio/774875.LOFI.mp3",  # in the test set too
        "annotations/genre",
    ),
)
