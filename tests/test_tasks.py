"""The four built-in tasks: what they say of themselves, and their labels."""

from __future__ import annotations

import pytest

from mirbench import registry
from mirbench.errors import MirbenchError
from mirbench.testing import check_task

TASKS = registry.load().tasks


@pytest.mark.parametrize(
    ("name", "annotation", "target", "metrics", "changed_by"),
    [
        ("tagging", "tags", "multilabel", ("macro_average_precision", "macro_roc_auc"), set()),
        ("key", "key", "multiclass", ("mirex", "accuracy"), {"pitch"}),
        ("pitch", "pitch", "multiclass", ("accuracy", "pitch_class_accuracy"), {"pitch"}),
        ("genre", "genre", "multiclass", ("accuracy", "macro_f1"), set()),
    ],
)
def test_what_a_task_is(name, annotation, target, metrics, changed_by):
    task = TASKS[name]
    assert (task.annotation, task.target, task.metrics, task.changed_by) == (annotation, target, metrics, changed_by)
    assert task.description


@pytest.mark.parametrize("name", list(TASKS))
def test_the_contract(name):
    values = {"tagging": [("piano", "slow"), ()], "key": ["C minor"], "pitch": [60, "61"], "genre": ["reel"]}
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


@pytest.mark.parametrize("written", ["H major", "c", "C-minor", "C dorian", "", "C## major", 3, None])
def test_what_is_no_key(written):
    with pytest.raises(MirbenchError) as caught:
        TASKS["key"].label(written)
    assert str(caught.value) == f"{written!r} is not a key; write it like 'C major', 'F# minor', 'Bbm' or 'A:min'."


@pytest.mark.parametrize(("written", "label"), [(60, "60"), ("60", "60"), (60.0, "60"), ("0", "0"), (127, "127")])
def test_a_pitch_is_a_midi_note_number(written, label):
    assert TASKS["pitch"].label(written) == label


@pytest.mark.parametrize("written", [128, -1, 60.5, "C4", True, None, float("nan")])
def test_what_is_no_pitch(written):
    with pytest.raises(MirbenchError) as caught:
        TASKS["pitch"].label(written)
    assert str(caught.value) == f"{written!r} is not a pitch; write a MIDI note number from 0 to 127, such as 60 for middle C."
