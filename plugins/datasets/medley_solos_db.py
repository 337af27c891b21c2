"""Medley-solos-DB: 3 s of one of eight instruments, alone: MedleyDB to train on, solosDB to test on (Lostanlen and Cella 2016).

Of a song there are many clips, so groups are songs.
"""

from __future__ import annotations

import re
from pathlib import Path

import mirbench

# In the order of `instrument_id`.
INSTRUMENTS = ("clarinet", "distorted electric guitar", "female singer", "flute", "piano", "tenor saxophone", "trumpet", "violin")
SPLITS = {"training": "train", "validation": "valid", "test": "test"}
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
METADATA = "Medley-solos-DB_metadata.csv"
RECORD = "https://zenodo.org/record/3464194/files"


class MedleySolosDB(mirbench.Dataset):
    name = "medley-solos-db"
    description = "3 s solos of eight instruments, trained and tested on two collections"
    home = "https://zenodo.org/record/3464194"
    version = "1.2"
    licence = "CC BY 4.0"
    citation = "Lostanlen and Cella, Deep convolutional networks on the pitch spiral for musical instrument recognition, ISMIR 2016"
    annotations = ("instrument",)
    classes = {"instrument": INSTRUMENTS}
    files = (
        mirbench.Files(METADATA, md5="fda6a589c56785f2195c9227809c521a", source=f"{RECORD}/{METADATA}"),
        mirbench.Files("**/Medley-solos-DB_*-[0-7]_*.wav", count=21_571, source=f"{RECORD}/Medley-solos-DB.tar.gz"),
    )
    downloads = (
        mirbench.Download(f"{RECORD}/{METADATA}", 2, checksum="md5:fda6a589c56785f2195c9227809c521a"),
        mirbench.Download(f"{RECORD}/Medley-solos-DB.tar.gz", 7_900, "tar", 11_300, "md5:f5facf398793ef5c1f80c013afdf3e5f", to="audio"),
    )
    folders = ("medley-solos-db", "medley_solos_db")
    mirdata = ("medley_solos_db", f"annotation/{METADATA}")
    split_rule = "as published, by song: training songs are from MedleyDB, test songs from solosDB"
    access = "unpack Medley-solos-DB.tar.gz (md5 f5facf398793ef5c1f80c013afdf3e5f) beside the table or into a folder there."

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        table = mirbench.read_table(folder / METADATA, ("subset", "instrument", "instrument_id", "song_id", "uuid4"))
        audio = audio_folder(folder)
        clips = []
        for row in table:
            if row["subset"] not in SPLITS:
                raise row.wrong(f"has the subset {row['subset']!r}, where one of {', '.join(SPLITS)} belongs")
            if row["instrument"] not in INSTRUMENTS or str(INSTRUMENTS.index(row["instrument"])) != row["instrument_id"]:
                raise row.wrong(f"has the instrument {row['instrument']!r} with the number {row['instrument_id']!r}, which is not its own")
            if not row["song_id"].isdecimal():
                raise row.wrong(f"has {row['song_id']!r} as song_id, where a number belongs")
            if not UUID.fullmatch(row["uuid4"]):
                raise row.wrong(f"has {row['uuid4']!r} as uuid4, where 36 characters like those of a file belong")
            path = audio / f"Medley-solos-DB_{row['subset']}-{row['instrument_id']}_{row['uuid4']}.wav"
            known = {"instrument": row["instrument"]}
            clips.append(mirbench.Clip(row["uuid4"], path, SPLITS[row["subset"]], f"song {int(row['song_id'])}", annotations=known))
        return mirbench.keep_apart(clips)


def audio_folder(folder: Path) -> Path:
    """Where the archive, which has no folder of its own, was unpacked: in the folder or in one of its folders."""
    for place in (folder, *sorted(path for path in folder.iterdir() if path.is_dir())):
        if next(place.glob("Medley-solos-DB_*.wav"), None):
            return place
    raise mirbench.MirbenchError(f"{folder} has no files like Medley-solos-DB_test-0_....wav; unpack Medley-solos-DB.tar.gz into it.")


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [MedleySolosDB()]
