"""VocalSet11.zip unpacked, with what a Mac leaves behind: file names with the parts in any order, a copy, songs among the excerpts."""

from pathlib import Path

from miniature import Expected, sound

SINGERS = {"female1": "f1", "female2": "f2", "female9": "f9", "male1": "m1", "male5": "m5", "male11": "m11"}
ODD = (
    "female2/scales/vibrato/f2_scales_vibrato_a(1).wav",
    "female2/arpeggios/lip_trill/lip_trill_arps.wav",
    "female9/arpeggios/fast_forte/arps_fast_piano_c.wav",
    "male11/excerpts/straight/row_straight.wav",
)
EXERCISES = (
    ("scales", "vibrato", "{}_scales_vibrato_a"),
    ("scales", "straight", "{}_scales_straight_e"),
    ("arpeggios", "fast_forte", "{}_arpeggios_c_fast_forte_a"),
    ("arpeggios", "slow_piano", "{}_arpeggios_f_slow_piano_u"),
    ("long_tones", "messa", "{}_long_messa_o"),
    ("long_tones", "vocal_fry", "{}_long_vocal_fry_i"),
    ("excerpts", "vibrato", "{}_caro_vibrato"),
    ("excerpts", "spoken", "{}_row_spoken"),
)


def recordings() -> list[str]:
    paths = [
        f"{full}/{exercise}/{technique}/{name.format(short)}.wav"
        for full, short in SINGERS.items()
        for exercise, technique, name in EXERCISES
    ]
    return [*paths, *ODD]


def write(folder: Path) -> None:
    for path in recordings():
        sound(folder / "FULL" / path, 0.2, 44_100)
    (folder / "FULL" / "female1" / "scales" / "vibrato" / "._f1_scales_vibrato_a.wav").write_bytes(b"\0\5\x16\7")
    (folder / "FULL" / ".DS_Store").write_bytes(b"\0")
    (folder / "DataSetVocalises.pdf").write_bytes(b"%PDF-1.4")
    (folder / "readme-anon.txt").write_text("Thanks for checking out the VocalSet dataset.\n")
    (folder / "train_singers_technique.txt").write_text("female1\nfemale9\nmale1\nmale11\n")
    (folder / "test_singers_technique.txt").write_text("female2\nmale5\n")


EXPECTED = Expected(
    splits={"train": 36, "valid": 8, "test": 8},
    labels={
        "singer": {
            "female1/excerpts/vibrato/f1_caro_vibrato": "f1",
            "male11/excerpts/straight/row_straight": "m11",
            "female2/arpeggios/lip_trill/lip_trill_arps": "f2",
        }
    },
    groups={
        "female2/scales/vibrato/f2_scales_vibrato_a": "f2/scales/vibrato/scales_vibrato_a",
        "female2/scales/vibrato/f2_scales_vibrato_a(1)": "f2/scales/vibrato/scales_vibrato_a",
    },
    classes={"singer": (*(f"f{n}" for n in range(1, 10)), *(f"m{n}" for n in range(1, 12)))},
    left_out=("._f1_scales_vibrato_a.wav",),
)
