"""MagnaTagATune: a table with 190 quoted, tab-separated columns, mp3 files of 16 kHz in 16 folders. Names and ids are published ones."""

from pathlib import Path

from miniature import Expected, sound

BACH = "american_bach_soloists-j_s__bach__cantatas_volume_v-01-gleichwie_der_regen_und_schnee_vom_himmel_fallt_bwv_18_i_sinfonia"
SUITES = "vito_paternoster-cd1bach_cello_suites"
PATERNOSTER = "vito_paternoster-cd1bach_sonatas_and_partitas_for_solo_violin-15-sonata_seconda_in_re_minore__andante"
ROWS = (  # clip_id, mp3_path, tags
    (2, "f/american_bach_soloists-j_s__bach_solo_cantatas-01-bwv54__i_aria-30-59.mp3", ("classical", "violin", "strings")),
    (11, f"0/{BACH}-0-29.mp3", ("violin", "strings", "violins", "string")),
    (15, f"0/{BACH}-117-146.mp3", ("classical", "violin")),
    (
        10204,
        f"1/{SUITES}-02-suite_i_in_sol_maggiore__allemande-88-117.mp3",
        ("cello", "classic", "classical", "solo"),
    ),
    (35644, "6/norine_braun-now_and_zen-08-gently-117-146.mp3", ("guitar", "female vocal")),
    (51680, f"b/{SUITES}-03-suite_i_in_sol_maggiore__courante-0-29.mp3", ("clasical", "harpsicord")),
    (53212, f"c/{PATERNOSTER}-204-233.mp3", ("violin", "no vocals", "no vocal")),
    (53213, f"c/{PATERNOSTER}-233-262.mp3", ()),
    (54825, f"d/{SUITES}-04-suite_i_in_sol_maggiore__sarabande-59-88.mp3", ("cello", "slow")),
    (
        55753,
        "8/jacob_heringman-josquin_des_prez_lute_settings-19-gintzler__pater_noster-204-233.mp3",
        ("guitar", "lute"),
    ),
    (
        57881,
        "9/american_baroque-dances_and_suites_of_rameau_and_couperin-25-le_petit_rien_xiveme_ordre_couperin-88-117.mp3",
        ("classical", "baroque"),
    ),
)
TAGS = (  # the published columns
    *("no voice", "singer", "duet", "plucking", "hard rock", "world", "bongos", "harpsichord", "female singing", "clasical", "sitar"),
    *("chorus", "female opera", "male vocal", "vocals", "clarinet", "heavy", "silence", "beats", "men", "woodwind", "funky", "no strings"),
    *("chimes", "foreign", "no piano", "horns", "classical", "female", "no voices", "soft rock", "eerie", "spacey", "jazz", "guitar"),
    *("quiet", "no beat", "banjo", "electric", "solo", "violins", "folk", "female voice", "wind", "happy", "ambient", "new age", "synth"),
    *("funk", "no singing", "middle eastern", "trumpet", "percussion", "drum", "airy", "voice", "repetitive", "birds", "space", "strings"),
    *("bass", "harpsicord", "medieval", "male voice", "girl", "keyboard", "acoustic", "loud", "classic", "string", "drums", "electronic"),
    *("not classical", "chanting", "no violin", "not rock", "no guitar", "organ", "no vocal", "talking", "choral", "weird", "opera"),
    *("soprano", "fast", "acoustic guitar", "electric guitar", "male singer", "man singing", "classical guitar", "country", "violin"),
    *("electro", "reggae", "tribal", "dark", "male opera", "no vocals", "irish", "electronica", "horn", "operatic", "arabic", "lol", "low"),
    *("instrumental", "trance", "chant", "strange", "drone", "synthesizer", "heavy metal", "modern", "disco", "bells", "man", "deep"),
    *("fast beat", "industrial", "hard", "harp", "no flute", "jungle", "pop", "lute", "female vocal", "oboe", "mellow", "orchestral"),
    *("viola", "light", "echo", "piano", "celtic", "male vocals", "orchestra", "eastern", "old", "flutes", "punk", "spanish", "sad", "sax"),
    *("slow", "male", "blues", "vocal", "indian", "no singer", "scary", "india", "woman", "woman singing", "rock", "dance", "piano solo"),
    *("guitars", "no drums", "jazzy", "singing", "cello", "calm", "female vocals", "voices", "different", "techno", "clapping", "house"),
    *(
        "monks",
        "flute",
        "not opera",
        "not english",
        "oriental",
        "beat",
        "upbeat",
        "soft",
        "noise",
        "choir",
        "female singer",
        "rap",
        "metal",
    ),
    *("hip hop", "quick", "water", "baroque", "women", "fiddle", "english"),
)
TOP_50 = (
    *("guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient", "beat", "violin"),
    *("vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals", "no vocals", "harpsichord", "loud", "quiet", "flute"),
    *("woman", "male vocal", "no vocal", "pop", "soft", "sitar", "solo", "man", "classic", "choir", "voice", "new age", "dance"),
    *("male voice", "female vocal", "beats", "harp", "cello", "no voice", "weird", "country", "metal", "female voice", "choral"),
)
EMPTY = tuple(path for clip, path, _ in ROWS if clip in (35644, 55753, 57881))


def write(folder: Path, audio: str = "") -> None:
    lines = [("clip_id", *TAGS, "mp3_path")]
    for clip, path, tags in ROWS:
        lines.append((str(clip), *("1" if tag in tags else "0" for tag in TAGS), path))
        if path in EMPTY:
            (folder / audio / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / audio / path).touch()
        else:
            sound(folder / audio / path)
    text = "".join("\t".join(f'"{cell}"' for cell in line) + "\n" for line in lines)
    (folder / "annotations_final.csv").write_text(text)


EXPECTED = Expected(
    splits={"train": 3, "valid": 1, "test": 2},
    labels={
        "tags": {
            "2": ("classical", "strings", "violin"),  # in the order of the classes
            "11": ("strings", "violin"),
            "10204": ("classical", "solo", "classic", "cello"),
            "53212": ("violin", "no vocals", "no vocal"),
        }
    },
    groups={"11": BACH, "15": BACH, "53212": PATERNOSTER},
    classes={"tags": TOP_50},
    left_out=(*EMPTY, "cello_suites-03", f"{PATERNOSTER}-233-262"),  # no bytes; none of the 50 tags; no tag
)
