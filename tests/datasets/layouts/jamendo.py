"""What the four subsets of MTG-Jamendo share: tables with as many cells a line as there are tags, mp3 files in 100 folders."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from miniature import sound

HEADING = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"


def write_subset(folder: Path, subset: str, parts: Mapping[str, Sequence[str]], audio: str, ending: str = ".mp3") -> None:
    """parts: the lines of each table, with single spaces for tabs; audio: where the folders 00 to 99 lie. The list of checksums has one
    space between digest and path, and a track that is not there."""
    tables = folder / "data" / "splits" / "split-0"
    tables.mkdir(parents=True)
    for part, lines in parts.items():
        text = "\n".join([HEADING, *(line.replace(" ", "\t") for line in lines)]) + "\n"
        (tables / f"autotagging_{subset}-{part}.tsv").write_text(text)
        for line in lines:
            sound(folder / audio / line.split()[3].replace(".mp3", ending), sample_rate=44_100, channels=2)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.parent.name}/{path.name}" for path in (folder / audio).glob("*/*.mp3")]
    download, quality = "autotagging_moodtheme" if subset == "moodtheme" else "raw_30s", "audio-low" if "low" in ending else "audio"
    (folder / "data" / "download").mkdir(exist_ok=True)
    lines = [*sorted(sums), f"{hashlib.sha256(b'').hexdigest()} 99/9999{ending}"]
    (folder / "data" / "download" / f"{download}_{quality}_sha256_tracks.txt").write_text("".join(f"{line}\n" for line in lines))
