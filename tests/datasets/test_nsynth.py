"""What becomes of the published valid set, and of entries that are not as they should be."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from layouts import nsynth as layout

import mirbench
from mirbench import registry
from mirbench.data import splits

NSYNTH = registry.plugins.current().datasets["nsynth"]


def written(folder, **notes):
    """The three parts without audio."""
    for split, names in notes.items():
        part = folder / f"nsynth-{split}"
        part.mkdir()
        (part / "examples.json").write_text(json.dumps({name: layout.example(name, n) for n, name in enumerate(names)}))
    return folder


def notes_of(instrument, count):
    return [f"{instrument}-{60 + n:03}-100" for n in range(count)]


def test_lost_valid_notes_are_made_up_for_by_whole_training_instruments_of_the_family(tmp_path):
    train = [note for n in range(8) for note in notes_of(f"bass_synthetic_{n:03}", 5) + notes_of(f"organ_electronic_{n:03}", 3)]
    held = notes_of("bass_acoustic_001", 14)
    folder = written(tmp_path, train=train, valid=[*held[:12], *notes_of("organ_acoustic_000", 2)], test=held[12:])
    clips = NSYNTH.clips(folder)
    splits.check_clips("nsynth", clips)
    valid = [c for c in clips if c.split == "valid"]
    assert Counter(c.annotations["instrument"] for c in valid) == {"bass": 15, "organ": 2}  # 12 bass notes lost, 3 instruments of 5
    assert Counter(c.group for c in valid if c.annotations["instrument"] == "organ") == {"organ_acoustic_000": 2}
    assert [c.id for c in clips if c.split == "test"] == held[12:]
    again = NSYNTH.clips(folder)
    assert [(c.id, c.split) for c in again] == [(c.id, c.split) for c in clips]


def test_a_valid_set_of_its_own_instruments_stays_as_it_is(tmp_path):
    folder = written(
        tmp_path, train=notes_of("reed_acoustic_001", 4), valid=notes_of("reed_acoustic_002", 3), test=notes_of("reed_acoustic_003", 2)
    )
    assert Counter(c.split for c in NSYNTH.clips(folder)) == {"train": 4, "valid": 3, "test": 2}


def test_one_instrument_of_a_family_stays_in_training(tmp_path):
    held = notes_of("vocal_acoustic_001", 6)
    folder = written(tmp_path, train=notes_of("vocal_synthetic_001", 4), valid=held[:4], test=held[4:])
    assert Counter(c.split for c in NSYNTH.clips(folder)) == {"train": 4, "test": 2}


def test_hundreds_of_thousands_of_notes_share_what_is_equal(tmp_path):
    folder = written(
        tmp_path, train=notes_of("reed_acoustic_001", 4), valid=notes_of("reed_acoustic_002", 3), test=notes_of("reed_acoustic_003", 2)
    )
    clips = NSYNTH.clips(folder)
    assert len({id(c.group) for c in clips}) == 3
    assert len({id(c.annotations) for c in clips}) == 4
    assert clips[0] == replace(clips[0], annotations={"pitch": 60, "instrument": "reed"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pitch": 128}, "has 128 as the pitch of 'reed_acoustic_001-060-100', where a MIDI number from 0 to 127 belongs"),
        ({"pitch": "60"}, "has '60' as the pitch"),
        ({"pitch": True}, "has True as the pitch"),
        ({"instrument_family_str": "reeds"}, "has 'reeds' as instrument_family_str of 'reed_acoustic_001-060-100'"),
        ({"instrument_family_str": None}, "has None as instrument_family_str"),
        ({"instrument_str": 7}, "has 7 as instrument_str of"),
    ],
)
def test_an_entry_that_is_wrong_is_named(change, message, tmp_path):
    folder = written(
        tmp_path, train=notes_of("reed_acoustic_001", 2), valid=notes_of("reed_acoustic_002", 1), test=notes_of("reed_acoustic_003", 1)
    )
    path = folder / "nsynth-train" / "examples.json"
    entries = json.loads(path.read_text())
    entries["reed_acoustic_001-060-100"] |= change
    path.write_text(json.dumps(entries))
    with pytest.raises(mirbench.MirbenchError) as caught:
        NSYNTH.clips(folder)
    assert str(caught.value).startswith(f"{path} {message}")
    assert str(caught.value).endswith("; restore the file as it is published.")


@pytest.mark.parametrize("key", ["pitch", "instrument_str", "instrument_family_str"])
def test_an_entry_that_lacks_something_is_named(key, tmp_path):
    folder = written(
        tmp_path, train=notes_of("reed_acoustic_001", 2), valid=notes_of("reed_acoustic_002", 1), test=notes_of("reed_acoustic_003", 1)
    )
    path = folder / "nsynth-valid" / "examples.json"
    path.write_text(path.read_text().replace(f'"{key}"', '"else"'))
    with pytest.raises(mirbench.MirbenchError, match=f"nsynth-valid.*says no {key} of the note 'reed_acoustic_002-060-100'"):
        NSYNTH.clips(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "holds no JSON object with an entry for each note"),
        ('{"a": 3}', "says no pitch of the note 'a'"),
        ('{"a": {', "is not valid JSON"),
        ('{"pitch": 60, "instrument_str": "a", "instrument_family_str": "reed"}', "holds no JSON object"),
        (b"\xff\xfe", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ('{"../a": {"pitch": 60, "instrument_str": "a", "instrument_family_str": "reed"}}', "has a note '../a', which cannot be"),
    ],
)
def test_what_is_no_table_of_notes_is_named(text, message, tmp_path):
    folder = written(tmp_path, train=[], valid=[], test=[])
    (folder / "nsynth-test" / "examples.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(mirbench.MirbenchError, match=f"examples.json {message}"):
        NSYNTH.clips(folder)
