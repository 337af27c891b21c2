"""Small data sets of somebody's own: noise, quiet or loud."""

import numpy as np
import soundfile

RATE = 16_000
SMALL = {"corruptions": "none", "bootstrap": {"resamples": 50}, "tasks": "genre"}  # settings of a quick run


def songs(folder, seconds=0.5):
    """The path of the manifest `songs.csv`, of 30 files of so many seconds, or a little more."""
    lines = ["path,split,genre,artist"]
    for split, count in (("train", 12), ("valid", 6), ("test", 12)):
        for i in range(count):
            audio = (0.05, 0.2)[i % 2] * np.random.default_rng(i).standard_normal(int(RATE * seconds) + 100 * i)
            soundfile.write(folder / f"{split}{i}.wav", audio.clip(-1, 1), RATE)
            lines.append(f"{split}{i}.wav,{split},{('quiet', 'loud')[i % 2]},{split}{i}")
    path = folder / "songs.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def hard_songs(folder, random, counts, **columns):
    """Writes `songs.csv` and files of a quarter of a second, whose loudness tells their genre now and then only. counts: of files, by
    split; columns: more of them, (split, number) -> a cell."""
    lines = [",".join(["path", "split", "genre", *columns])]
    for split, count in counts.items():
        for i in range(count):
            level = (0.05, 0.1)[i % 2] * np.exp(0.5 * random.standard_normal())
            soundfile.write(folder / f"{split}{i}.wav", (level * random.standard_normal(22_050 // 4)).clip(-1, 1), 22_050)
            cells = [cell(split, i) for cell in columns.values()]
            lines.append(",".join([f"{split}{i}.wav", split, ("quiet", "loud")[i % 2], *cells]))
    (folder / "songs.csv").write_text("\n".join(lines) + "\n")
