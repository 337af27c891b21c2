"""NSynth: 305,979 notes of 4 s, one at a time, of 1,006 instruments from sample libraries (Engel et al. 2017).

Each archive unpacks to a folder with `examples.json`, what is known of each note by its name, and `audio`. Published valid and test notes
are of the same instruments, which no training note has; here no instrument is in two splits. Pitches outside the 88 piano keys are kept.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import mirbench

# In the order of `instrument_family`; synth_lead is in the training set alone.
FAMILIES = ("bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string", "synth_lead", "vocal")
NOTES = {"train": 289_205, "valid": 12_678, "test": 4_096}
KEYS = ("pitch", "instrument_str", "instrument_family_str")
ARCHIVES = "http://download.magenta.tensorflow.org/datasets/nsynth"


class NSynth(mirbench.Dataset):
    name = "nsynth"
    description = "single notes of 4 s from 1,006 sampled instruments in 11 families"
    home = "https://magenta.tensorflow.org/datasets/nsynth"
    version = "jsonwav"
    licence = "CC BY 4.0"
    citation = (
        "Engel, Resnick, Roberts, Dieleman, Eck, Simonyan and Norouzi, Neural audio synthesis of musical notes with WaveNet autoencoders, "
        "ICML 2017"
    )
    annotations = ("instrument", "pitch")
    classes = {"instrument": FAMILIES, "pitch": tuple(map(str, range(128)))}
    files = tuple(
        mirbench.Files(f"nsynth-{split}/{path}", count, source=f"{ARCHIVES}/nsynth-{split}.jsonwav.tar.gz")
        for split, notes in NOTES.items()
        for path, count in (("examples.json", 1), ("audio/*.wav", notes))
    )
    downloads = tuple(
        mirbench.Download(f"{ARCHIVES}/nsynth-{split}.jsonwav.tar.gz", packed, "tar", unpacked)
        for split, packed, unpacked in (("train", 23_500, 37_300), ("valid", 1_100, 1_640), ("test", 350, 530))
    )
    folders = ("nsynth", "nsynth-dataset")
    split_rule = (
        "test as published; published valid notes of an instrument that is in test too, which may be all 12,678, are left out, and about "
        "as many training notes of the same families become valid in their place, whole instruments in the order of a hash of their names, "
        "so that no instrument is in two splits"
    )
    access = "unpack the three json/wav archives, 25 GB in all, side by side in one folder."

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        shared: dict[Any, Any] = {}
        published = [clip for split in NOTES for clip in read(folder / f"nsynth-{split}", split, shared)]
        kept = mirbench.keep_apart(published)
        lost = families(published) - families(kept)
        moved = spare(kept, lost)
        return [replace(c, split="valid") if c.split == "train" and c.group in moved else c for c in kept]


def read(folder: Path, split: str, shared: dict[Any, Any]) -> list[mirbench.Clip]:
    """The notes of one published part. shared: one object for all equal names and annotations, since there are 300,000 notes."""
    path = folder / "examples.json"
    audio = folder / "audio"
    clips = []
    for name, facts in notes(path).items():
        if not isinstance(facts, tuple):
            missing = [key for key in KEYS if not isinstance(facts, dict) or key not in facts]
            raise fault(path, f"says no {missing[0]} of the note {name!r}")
        if "/" in name:
            raise fault(path, f"has a note {name!r}, which cannot be the name of a file")
        pitch, instrument, family = facts
        if type(pitch) is not int or not 0 <= pitch < 128:
            raise fault(path, f"has {pitch!r} as the pitch of {name!r}, where a MIDI number from 0 to 127 belongs")
        if not isinstance(instrument, str):
            raise fault(path, f"has {instrument!r} as instrument_str of {name!r}, where a name like bass_synthetic_068 belongs")
        if family not in FAMILIES:
            raise fault(path, f"has {family!r} as instrument_family_str of {name!r}, which is none of {', '.join(FAMILIES)}")
        known = shared.setdefault((pitch, family), {"pitch": pitch, "instrument": family})
        clips.append(mirbench.Clip(name, audio / f"{name}.wav", split, shared.setdefault(instrument, instrument), annotations=known))
    return clips


def notes(path: Path) -> dict[str, Any]:
    """By the name of each note, pitch, instrument and family, where it has all three; else what it has."""

    def facts(entry: dict[str, Any]) -> Any:
        return tuple([entry[key] for key in KEYS]) if entry.keys() >= set(KEYS) else entry

    try:
        with path.open(encoding="utf-8") as file:
            found = json.load(file, object_hook=facts)
    except FileNotFoundError as error:
        raise mirbench.MirbenchError(f"{path} is missing; get it from where the data set is published.") from error
    except OSError as error:
        raise mirbench.MirbenchError(f"{path} cannot be read ({error.strerror}); it should be a file that you may read.") from error
    except (ValueError, RecursionError) as error:
        raise fault(path, f"is not valid JSON ({error})") from error
    if not isinstance(found, dict):
        raise fault(path, "holds no JSON object with an entry for each note")
    return found


def fault(path: Path, what: str) -> mirbench.MirbenchError:
    return mirbench.MirbenchError(f"{path} {what}; restore the file as it is published.")


def families(clips: Sequence[mirbench.Clip]) -> Counter[str]:
    """How many valid notes of each."""
    return Counter(c.annotations["instrument"] for c in clips if c.split == "valid")


def spare(clips: Sequence[mirbench.Clip], wanted: Counter[str]) -> set[str]:
    """Training instruments with about as many notes of each family; at least one of a family stays."""
    there: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        if clip.split == "train" and wanted[clip.annotations["instrument"]]:
            there[clip.annotations["instrument"]][clip.group] += 1
    chosen: set[str] = set()
    for family, instruments in there.items():
        found = 0
        for instrument in sorted(instruments, key=lambda name: sha256(name.encode()).digest())[1:]:
            if found >= wanted[family]:
                break
            chosen.add(instrument)
            found += instruments[instrument]
    return chosen


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [NSynth()]
