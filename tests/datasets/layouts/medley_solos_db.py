"""The table, and the archive unpacked beside it."""

from pathlib import Path

from miniature import Expected, sound

TABLE = """subset,instrument,instrument_id,song_id,uuid4
test,clarinet,0,000,0e4371ac-1c6a-51ab-fdb7-f8abd5fbf1a3
test,clarinet,0,000,33383119-fd64-59c1-f596-d1a23e8a0eff
test,violin,7,138,59f4fa3e-d64d-52bd-f647-e12607662027
training,clarinet,0,139,163fd2b1-8e98-515a-f501-4742cc6d066f
training,distorted electric guitar,1,141,00352223-57bc-5a6e-fbee-4b17e4c499f6
training,tenor saxophone,5,160,8aff5fe1-620a-52b0-fae9-b39a4c4dea1c
validation,clarinet,0,200,a8bfed6b-3005-5059-f46d-4f4c5e672850
validation,flute,3,210,d07b1fc0-567d-52c2-fef4-239f31c9d40e
"""
INSTRUMENTS = ("clarinet", "distorted electric guitar", "female singer", "flute", "piano", "tenor saxophone", "trumpet", "violin")


def write(folder: Path) -> None:
    (folder / "Medley-solos-DB_metadata.csv").write_text(TABLE)
    for line in TABLE.splitlines()[1:]:
        subset, _, instrument, _, uuid = line.split(",")
        sound(folder / "Medley-solos-DB" / f"Medley-solos-DB_{subset}-{instrument}_{uuid}.wav", sample_rate=44_100)


EXPECTED = Expected(
    splits={"train": 3, "valid": 2, "test": 3},
    labels={
        "instrument": {
            "00352223-57bc-5a6e-fbee-4b17e4c499f6": "distorted electric guitar",
            "d07b1fc0-567d-52c2-fef4-239f31c9d40e": "flute",
        }
    },
    groups={"0e4371ac-1c6a-51ab-fdb7-f8abd5fbf1a3": "song 0", "d07b1fc0-567d-52c2-fef4-239f31c9d40e": "song 210"},
    classes={"instrument": INSTRUMENTS},
)
