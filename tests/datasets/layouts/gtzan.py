"""genres.tar.gz, whole: 100 files a genre, and an index that its authors left beside the genres."""

from pathlib import Path

from miniature import Expected, sound

GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")


def write(folder: Path) -> None:
    first = folder / "genres" / "blues" / "blues.00000.wav"
    sound(first, seconds=0.2, sample_rate=22_050)
    for genre in GENRES:
        (folder / "genres" / genre).mkdir(exist_ok=True)
        for number in range(100):
            (folder / "genres" / genre / f"{genre}.{number:05}.wav").write_bytes(first.read_bytes())
    (folder / "genres" / "input.mf").write_text("genres/blues/blues.00000.wav\tblues\n")


EXPECTED = Expected(
    splits={"train": 443, "valid": 197, "test": 290},
    labels={"genre": {"blues.00000": "blues", "hiphop.00011": "hiphop", "jazz.00054": "jazz", "rock.00099": "rock"}},
    groups={"blues.00000": "blues.00000"},
    classes={"genre": GENRES},
    left_out=("classical.00042.wav", "pop.00015.wav", "genres/input.mf"),
)
