"""VocalSet1-2.zip unpacked: the same recordings by singer, by technique and by vowel, and the published list of test singers."""

from pathlib import Path

from layouts import vocalset_singer
from miniature import Expected, sound

TECHNIQUES = (
    *("belt", "breathy", "fast_forte", "fast_piano", "forte", "inhaled", "lip_trill", "messa", "pp", "slow_forte", "slow_piano", "spoken"),
    *("straight", "trill", "trillo", "vibrato", "vocal_fry"),
)


def write(folder: Path) -> None:
    for path in vocalset_singer.recordings():
        sound(folder / "data_by_singer" / path, 0.2, 44_100)
    sound(folder / "data_by_singer" / "male1" / "scales" / "warm_up" / "m1_warm_up.wav")
    sound(folder / "data_by_technique" / "belt" / "female1" / "f1_belt_a_scales.wav")
    sound(folder / "data_by_vowel" / "a" / "f1_scales_belt_a.wav")
    (folder / "train_singers_technique.txt").write_text("female1\nfemale9\nmale1\nmale11\n")
    (folder / "test_singers_technique.txt").write_bytes(b"female2\r\nmale5")


EXPECTED = Expected(
    splits={"train": 26, "valid": 8, "test": 18},
    labels={
        "technique": {
            "female1/excerpts/vibrato/f1_caro_vibrato": "vibrato",
            "female9/arpeggios/fast_forte/arps_fast_piano_c": "fast_forte",  # the folder, not the name
            "male5/excerpts/spoken/m5_row_spoken": "spoken",
        }
    },
    groups={"male11/excerpts/straight/row_straight": "m11", "female2/arpeggios/lip_trill/lip_trill_arps": "f2"},
    classes={"technique": TECHNIQUES},
    left_out=("data_by_technique", "data_by_vowel", "warm_up"),
)
