"""MagnaTagATune: 29 s clips of Magnatune's catalogue, tagged by players of TagATune.

Three of the published mp3 files have no bytes; they are left out by name. Tags that mean the same stay as they are published.
"""

from __future__ import annotations

import re
from pathlib import Path

import mirbench


def listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(","))


# The columns of annotations_final.csv.
ALL_TAGS = listed(
    """no voice, singer, duet, plucking, hard rock, world, bongos, harpsichord, female singing, clasical, sitar, chorus, female opera,
    male vocal, vocals, clarinet, heavy, silence, beats, men, woodwind, funky, no strings, chimes, foreign, no piano, horns, classical,
    female, no voices, soft rock, eerie, spacey, jazz, guitar, quiet, no beat, banjo, electric, solo, violins, folk, female voice, wind,
    happy, ambient, new age, synth, funk, no singing, middle eastern, trumpet, percussion, drum, airy, voice, repetitive, birds, space,
    strings, bass, harpsicord, medieval, male voice, girl, keyboard, acoustic, loud, classic, string, drums, electronic, not classical,
    chanting, no violin, not rock, no guitar, organ, no vocal, talking, choral, weird, opera, soprano, fast, acoustic guitar,
    electric guitar, male singer, man singing, classical guitar, country, violin, electro, reggae, tribal, dark, male opera, no vocals,
    irish, electronica, horn, operatic, arabic, lol, low, instrumental, trance, chant, strange, drone, synthesizer, heavy metal, modern,
    disco, bells, man, deep, fast beat, industrial, hard, harp, no flute, jungle, pop, lute, female vocal, oboe, mellow, orchestral,
    viola, light, echo, piano, celtic, male vocals, orchestra, eastern, old, flutes, punk, spanish, sad, sax, slow, male, blues, vocal,
    indian, no singer, scary, india, woman, woman singing, rock, dance, piano solo, guitars, no drums, jazzy, singing, cello, calm,
    female vocals, voices, different, techno, clapping, house, monks, flute, not opera, not english, oriental, beat, upbeat, soft, noise,
    choir, female singer, rap, metal, hip hop, quick, water, baroque, women, fiddle, english"""
)
# By how many clips carry them.
TOP_50 = listed(
    """guitar, classical, slow, techno, strings, drums, electronic, rock, fast, piano, ambient, beat, violin, vocal, synth, female, indian,
    opera, male, singing, vocals, no vocals, harpsichord, loud, quiet, flute, woman, male vocal, no vocal, pop, soft, sitar, solo, man,
    classic, choir, voice, new age, dance, male voice, female vocal, beats, harp, cello, no voice, weird, country, metal, female voice,
    choral"""
)
EMPTY = (
    "6/norine_braun-now_and_zen-08-gently-117-146.mp3",
    "8/jacob_heringman-josquin_des_prez_lute_settings-19-gintzler__pater_noster-204-233.mp3",
    "9/american_baroque-dances_and_suites_of_rameau_and_couperin-25-le_petit_rien_xiveme_ordre_couperin-88-117.mp3",
)
TABLE = "annotations_final.csv"
SPLITS = dict.fromkeys("0123456789ab", "train") | {"c": "valid"} | dict.fromkeys("def", "test")
CLIP = re.compile(r"([0-9a-f])/(.+)-\d+-\d+\.mp3")  # folder, song (artist-album-number-title), seconds from and to
HOST = "https://mirg.city.ac.uk/datasets/magnatagatune"


class MagnaTagATune(mirbench.Dataset):
    """The clips that carry one of `tags`, with these; the table may have other columns or not."""

    home = "https://mirg.city.ac.uk/codeapps/the-magnatagatune-dataset"
    version = "annotations_final (2009)"
    licence = "CC BY-NC-SA 3.0; the clips CC BY-NC-SA 1.0 by Magnatune"
    citation = "Law, West, Mandel, Bay and Downie, Evaluation of algorithms using games: the case of music tagging, ISMIR 2009"
    annotations = ("tags",)
    files = (
        mirbench.Files(TABLE, source=f"{HOST}/{TABLE}"),
        mirbench.Files("**/[0-9a-f]/*.mp3", count=25_863, source=f"{HOST}/mp3.zip.001, .002 and .003"),
    )
    downloads = (
        mirbench.Download(f"{HOST}/{TABLE}", 10),
        mirbench.Download(f"{HOST}/mp3.zip.001", 3_000, "zip", 3_000, more=(f"{HOST}/mp3.zip.002", f"{HOST}/mp3.zip.003")),
    )
    folders = ("MagnaTagATune", "mtat", "mtt", "magna")
    access = (
        "join the three parts before unpacking: `cat mp3.zip.* > all.zip && unzip all.zip`; the folders 0 to f may lie beside the table or "
        "in one folder there, such as mp3/."
    )

    def __init__(self, name: str, tags: tuple[str, ...], description: str, left_out: str) -> None:
        self.name, self.description, self.classes = name, description, {"tags": tags}
        self.split_rule = (
            "by folder as is usual, 0-b train, c valid, d-f test: an album is in one folder, so no song is in two splits, but artists are; "
            + left_out
        )

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        tags = self.classes["tags"]
        audio = audio_folder(folder)
        clips = []
        for row in mirbench.table_rows(folder / TABLE, ("clip_id", *tags, "mp3_path"), delimiter="\t"):
            carried = [tag for tag in tags if row[tag] != "0"]
            for tag in carried:
                if row[tag] != "1":
                    raise row.wrong(f"has {row[tag]!r} as '{tag}', where 0 or 1 belongs")
            path = CLIP.fullmatch(row["mp3_path"])
            if not path:
                raise row.wrong(f"has {row['mp3_path']!r} as mp3_path, where a path like f/artist-album-01-title-30-59.mp3 belongs")
            if carried and row["mp3_path"] not in EMPTY:
                where = audio / row["mp3_path"]
                clips.append(mirbench.Clip(row["clip_id"], where, SPLITS[path[1]], path[2], annotations={"tags": tuple(carried)}))
        return mirbench.keep_apart(clips)


def audio_folder(folder: Path) -> Path:
    """The one whose folders 0 to f have mp3 files: the table's, or one in it."""
    usual = [folder, folder / "mp3", folder / "audio"]
    inside = sorted(path for path in folder.glob("*") if path.name not in SPLITS and path not in usual and path.is_dir())
    return next((path for path in (*usual, *inside) if any(True for part in SPLITS for _ in (path / part).glob("*.mp3"))), folder)


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [
        MagnaTagATune(
            "magnatagatune",
            TOP_50,
            "29 s clips with the 50 most frequent tags",
            "clips with none of the 50 tags are left out, as in Lee's and Won's lists (15,244, 1,529 and 4,332 clips)",
        ),
        MagnaTagATune(
            "magnatagatune-all",
            ALL_TAGS,
            "29 s clips with all 188 tags",
            "clips on which the players agreed on no tag are left out, since nothing is known of them",
        ),
    ]
