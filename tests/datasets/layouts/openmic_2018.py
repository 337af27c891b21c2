"""OpenMIC-2018: labels with a line per judgement, keys without a heading, ogg files in folders of their first three digits."""

import json
from pathlib import Path

from miniature import Expected, sound

INSTRUMENTS = (
    *("accordion", "banjo", "bass", "cello", "clarinet", "cymbals", "drums", "flute", "guitar", "mallet_percussion", "mandolin", "organ"),
    *("piano", "saxophone", "synthesizer", "trombone", "trumpet", "ukulele", "violin", "voice"),
)
TRAIN = (
    *("000046_3840", "000135_483840", "000139_119040", "000141_153600", "000144_30720", "000145_172800", "000154_288000", "000182_145920"),
    *("000189_207360", "000190_126720"),
)
TEST = ("000178_3840", "000308_61440", "001035_637440")
JUDGED = {  # the first clip's lines are published ones
    "000046_3840": "clarinet,0.17104999999999998,3 flute,0.0,3 trumpet,0.0,3",
    "000178_3840": "mallet_percussion,0.5,3 piano,1.0,3",
    "000308_61440": "voice,0.49999,3 voice,0.8,5",
}
HEADING = "track_id,album_id,album_title,artist_id,artist_name,track_genres,track_title,sample_key,start_time"


def write(folder: Path) -> None:
    lines, tracks = ["sample_key,instrument,relevance,num_responses"], [HEADING]
    for number, key in enumerate((*TRAIN, *TEST)):
        lines += [f"{key},{judgement}" for judgement in JUDGED.get(key, "drums,1.0,3").split()]
        genres = "\"[{'genre_id': '76', 'genre_title': 'Experimental Pop'}, {'genre_id': '103', 'genre_title': 'Singer-Songwriter'}]\""
        tracks.append(f'{int(key[:6])},4.0,"Niris, again",{artist(number)},Nicky Cook,{genres},Yosemite,{key},{int(key[7:]) / 1000}')
        sound(folder / "audio" / key[:3] / f"{key}.ogg", sample_rate=44_100, channels=2)
    (folder / "openmic-2018-aggregated-labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "openmic-2018-metadata.csv").write_text("\n".join(tracks) + "\n")
    (folder / "class-map.json").write_text(json.dumps({name: place for place, name in enumerate(INSTRUMENTS)}, indent=4))
    (folder / "partitions").mkdir()
    for part, keys in (("train", TRAIN), ("test", TEST)):
        (folder / "partitions" / f"split01_{part}.csv").write_text("".join(f"{key}\n" for key in keys))


def artist(number: int) -> int:
    """The last training clip is by the artist of the first test clip."""
    return 52 if number in (len(TRAIN) - 1, len(TRAIN)) else number // 2


EXPECTED = Expected(
    splits={"train": 7, "valid": 2, "test": 3},
    labels={
        "tags": {"000046_3840": (), "000178_3840": ("mallet_percussion", "piano"), "000308_61440": ("voice",), "000135_483840": ("drums",)},
        "tags_unknown": {
            "000046_3840": tuple(name for name in INSTRUMENTS if name not in ("clarinet", "flute", "trumpet")),
            "000308_61440": INSTRUMENTS[:-1],
        },
    },
    groups={"000046_3840": "artist 0", "000135_483840": "artist 0", "000178_3840": "artist 52"},
    classes={"tags": INSTRUMENTS},
    left_out=("000190_126720",),  # else its artist were in train and test
)
