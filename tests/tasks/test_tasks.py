"""The built-in tasks: what they say of themselves, and their labels."""

from __future__ import annotations

import pytest

from mirbench import registry
from mirbench.errors import MirbenchError
from mirbench.testing import check_task

TASKS = registry.plugins.current().tasks


@pytest.mark.parametrize(
    ("name", "annotation", "target", "metrics", "changed_by"),
    [
        ("tagging", "tags", "multilabel", ("macro_average_precision", "macro_roc_auc"), {"tempo"}),
        ("key", "key", "multiclass", ("mirex", "accuracy"), {"pitch"}),
        ("pitch", "pitch", "multiclass", ("accuracy", "pitch_class_accuracy"), {"pitch"}),
        ("genre", "genre", "multiclass", ("accuracy", "macro_f1"), set()),
        ("instrument", "instrument", "multiclass", ("accuracy", "macro_f1"), set()),
        ("singer", "singer", "multiclass", ("accuracy", "macro_f1"), set()),
        ("technique", "technique", "multiclass", ("accuracy", "macro_f1"), {"tempo"}),
    ],
)
def test_what_a_task_is(name, annotation, target, metrics, changed_by):
    task = TASKS[name]
    assert (task.annotation, task.target, task.metrics, task.changed_by) == (annotation, target, metrics, changed_by)
    assert task.description


@pytest.mark.parametrize("name", list(TASKS))
def test_the_contract(name):
    values = {"tagging": [("piano", "slow"), ()], "emotion": ["5.1|3"], "key": ["C minor"], "pitch": [60, "61"], "genre": ["reel"]}
    check_task(TASKS[name], values.get(name, ()))


def test_there_are_24_keys_two_of_each_tonic():
    classes = TASKS["key"].classes
    assert len(set(classes)) == 24
    assert sum(name.endswith(" major") for name in classes) == 12
    assert (classes[0], classes[12]) == ("C major", "C minor")


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("C major", "C major"),
        ("Db minor", "C# minor"),
        ("C# minor", "C# minor"),
        ("C#:min", "C# minor"),
        ("Bbm", "Bb minor"),
        ("A#m", "Bb minor"),
        ("F# major", "F# major"),
        ("Gb:maj", "F# major"),
        ("Cb major", "B major"),
        ("B# Minor", "C minor"),
        ("e♭ minor", "Eb minor"),
        ("D♯ MAJOR", "Eb major"),
        (" bb minor ", "Bb minor"),
        ("B", "B major"),
        ("CM", "C major"),
        ("Cm", "C minor"),
        ("C:maj", "C major"),
        ("B- major", "Bb major"),
        ("C - minor", "C minor"),
        ("A – major", "A major"),
        ("Bb - minor", "Bb minor"),
        ("e-: minor", "Eb minor"),
        ("B♭m", "Bb minor"),
        ("F♯ minor", "F# minor"),
        ("C-sharp minor", "C# minor"),
        ("D flat major", "Db major"),
        ("8B", "C major"),
        ("8A", "A minor"),
        ("01a", "G# minor"),
        ("12B", "E major"),
        ("1d", "C major"),
        ("1m", "A minor"),
        ("12d", "F major"),
        ("6M", "G# minor"),
    ],
)
def test_enharmonic_names_are_one_key(written, key):
    assert TASKS["key"].label(written) == key


def test_every_spelling_of_every_key_lands_on_the_right_pitch_class():
    at = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    key = TASKS["key"]
    for letter, place in at.items():
        for accidental, sharps in (("", 0), ("#", 1), ("b", -1)):
            for mode, offset in (("major", 0), ("minor", 12)):
                assert key.classes.index(key.label(f"{letter}{accidental} {mode}")) == offset + (place + sharps) % 12


@pytest.mark.parametrize("written", ["H major", "c", "C-minor", "B-", "13A", "0B", "8C", "1", "C dorian", "", "C## major", 3, None])
def test_what_is_no_key(written):
    with pytest.raises(MirbenchError) as caught:
        TASKS["key"].label(written)
    assert (
        str(caught.value)
        == f"{written!r} is not a key; write it like 'C major', 'F# minor', 'Bbm', 'A:min' or, of the Camelot wheel, '8A'."
    )


@pytest.mark.parametrize(
    ("written", "label"),
    [
        (60, "60"),
        ("60", "60"),
        (60.0, "60"),
        ("0", "0"),
        (127, "127"),
        *(("C4", "60"), ("Bb3", "58"), ("c#5", "73"), ("E♭ 2", "39"), ("C-1", "0"), ("G9", "127"), ("B#3", "60"), ("Cb4", "59")),
        *(("440 Hz", "69"), ("261.6hz", "60"), ("4.186 kHz", "108"), ("8.2 Hz", "0")),
    ],
)
def test_a_pitch_is_a_midi_note_number(written, label):
    assert TASKS["pitch"].label(written) == label


@pytest.mark.parametrize(
    "written", [128, -1, 60.5, "C", "G#9", "B-3", "H4", "440", "0 Hz", "1e999 Hz", "20 kHz", "5 Hz", "60 m", True, None, float("nan")]
)
def test_what_is_no_pitch(written):
    with pytest.raises(MirbenchError) as caught:
        TASKS["pitch"].label(written)
    wanted = "write a MIDI note number from 0 to 127, such as 60 for middle C, its name, C4, or its frequency, 262 Hz."
    assert str(caught.value) == f"{written!r} is not a pitch; {wanted}"


@pytest.mark.parametrize(
    ("task", "label", "changes", "moved"),
    [
        ("key", "B minor", {"pitch": 2.0}, "C# minor"),
        ("key", "C major", {"pitch": 1}, "Db major"),
        ("key", "C major", {"pitch": -1.0}, "B major"),
        ("key", "Eb minor", {"pitch": 12.0}, "Eb minor"),
        ("key", "C major", {"pitch": 0.5}, None),
        ("key", "C major", {"tempo": 0.8}, None),
        ("key", "C major", {"pitch": 1.0, "tempo": 0.8}, None),
        ("key", "C major", {}, None),
        ("pitch", "60", {"pitch": -2.0}, "58"),
        ("pitch", "125", {"pitch": 2.0}, "127"),
        ("pitch", "125", {"pitch": 3.0}, None),
        ("pitch", "1", {"pitch": -2.0}, None),
        ("pitch", "60", {"pitch": 0.5}, None),
        ("pitch", "60", {"tempo": 0.8}, None),
        ("pitch", "60", {"pitch": 1.0, "tempo": 0.8}, None),
        ("pitch", "60", {}, None),
        ("genre", "reel", {"pitch": 1.0}, None),
        ("tagging", ("slow",), {"tempo": 0.8}, None),
    ],
)
def test_labels_move_with_the_music_where_there_is_such_a_label(task, label, changes, moved):
    assert TASKS[task].shifted_label(label, changes) == moved


def test_moving_a_key_up_and_down_is_a_permutation_of_the_classes():
    key = TASKS["key"]
    for semitones in range(-6, 7):
        there = [key.shifted_label(name, {"pitch": float(semitones)}) for name in key.classes]
        assert sorted(there) == sorted(key.classes)
        assert [key.shifted_label(name, {"pitch": -float(semitones)}) for name in there] == list(key.classes)
        assert all(a.split()[1] == b.split()[1] for a, b in zip(key.classes, there, strict=True))
