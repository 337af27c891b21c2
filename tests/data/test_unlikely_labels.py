"""Columns that are no classes, classes that are no words, keys without a mode, and artists that may be one, are told with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirbench.data.duplicates.overlap import LIKELY, SAME_RECORDING, Overlap
from mirbench.data.findings import of_lengths, of_overlap, of_splits
from mirbench.data.label_findings import of_copies, of_labels
from mirbench.data.labels import read_labels
from mirbench.data.scans import Scan
from mirbench.data.splits import perhaps_one_artist
from mirbench.data.unlikely_labels import of_unlikely
from mirbench.nouns import Task
from mirbench.records import Clip


class Lines:
    """Names of clips by their numbers."""

    def __call__(self, clip):
        return f"line {clip.id}"

    def lines(self, clips):
        return ", ".join(clip.id for clip in clips)

    where = lines


def clips_of(annotation, values, split="train"):
    return [Clip(str(i), Path(f"{i}.wav"), split, str(i), annotations={annotation: value}) for i, value in enumerate(values)]


def unlikely(annotation, values, target="multiclass", published=False):
    task = type("Asked", (Task,), {"name": annotation, "annotation": annotation, "target": target})()
    return list(of_unlikely(read_labels(task, clips_of(annotation, values)), published, Lines()))


WORDS = ["rock", "jazz", "folk"] * 20


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([f"2019-0{1 + i % 9}-1{i % 7}" for i in range(60)], "dates"),
        ([f"{1 + i % 12}.03.2019" for i in range(60)], "dates"),
        ([f"{i % 40}.{i % 7}" for i in range(60)], "measurements"),
        ([f"song {i}" for i in range(40)] + ["rock"] * 10, "names of single clips"),
    ],
)
def test_a_column_that_holds_no_classes_is_told(values, what):
    (finding,) = unlikely("genre", values)
    assert (finding.level, finding.kind) == ("warning", "unlikely labels")
    assert f"look like {what}, of which nothing can be learnt" in finding.text
    assert unlikely("genre", values, published=True) == []


@pytest.mark.parametrize("values", [WORDS, [str(i % 4) for i in range(60)], [*WORDS, "8-bit", "1990s"], ["x"] * 3])
def test_what_may_be_classes_is_not(values):
    assert unlikely("genre", values) == []


def test_pitches_are_numbers():
    assert unlikely("pitch", [str(i) for i in range(40, 80)]) == []


def test_a_number_among_words_is_told_with_its_line():
    (finding,) = unlikely("tags", ["dark|busy", "3", "calm"], "multilabel")
    assert finding.text == "task tags: 1 class named by a number, where others are words; empty the cells if that is no name."
    assert finding.examples == ("'3' (1, 1)",)


def test_a_key_without_its_mode_is_told_also_where_no_other_is_written_so():
    (finding,) = unlikely("key", ["C minor", "Bb", "D major"])
    assert (finding.level, finding.text, finding.examples) == (
        "note",
        "task key: keys without major or minor are read as major.",
        ("'Bb' (1, 1)",),
    )


def test_rare_classes_are_told_with_their_lines():
    task = type("Genre", (Task,), {"name": "genre", "annotation": "genre"})()
    clips = [*clips_of("genre", [*WORDS, "polka", "waltz", "waltz", *["march"] * 3]), *clips_of("genre", ["polka", "rock"], "test")]
    found = [each for each in of_labels(read_labels(task, clips), "warning", False, Lines()) if "fewer than 5" in each.text]
    assert found[0].examples == ("polka (1, 60)", "waltz (2, 61, 62)", "march (3)")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Jürgen Müller", "Juergen Mueller"),
        ("DJ Tarn", "DJ Tarn feat. Lumen"),
        ("DJ Tarn ft. Ann", "dj tarn & Bob"),
        ("DJ Tarn", "DJ Tarn (featuring Lumen)"),
        ("Bjørn Ås", "Bjoern Aas"),
    ],
)
def test_artists_in_two_splits_that_may_be_one_are_warned_of(train, test):
    clips = [Clip("2", Path("a.wav"), "train", train), Clip("3", Path("b.wav"), "test", test), Clip("4", Path("c.wav"), "train", "Other")]
    (finding,) = [each for each in of_splits(clips, called=Lines()) if "the same first artist" in each.text]
    assert finding.level == "warning"
    assert finding.examples == (
        f"'{min(train, test)}' in {'train (1, 2)' if train < test else 'test (1, 3)'} and "
        f"'{max(train, test)}' in {'test (1, 3)' if train < test else 'train (1, 2)'}",
    )


@pytest.mark.parametrize(("train", "test"), [("Joe Blue", "Jo Blu"), ("Anna", "Anna Holm"), ("Cafe Nord", "Café Nord"), ("A & B", "B & A")])
def test_other_artists_are_not_noted_or_are_told_otherwise(train, test):
    assert perhaps_one_artist([Clip("2", Path("a.wav"), "train", train), Clip("3", Path("b.wav"), "test", test)]) == []
    assert perhaps_one_artist([Clip("2", Path("a.wav"), "test", "X"), Clip("3", Path("b.wav"), "test", "X & Y")]) == []


def test_what_only_fingerprints_find_is_not_said_to_be_the_same():
    pairs = [Overlap("a", "b", LIKELY, 0.0), Overlap("a", "c", SAME_RECORDING, 0.0), Overlap("d", "c", LIKELY, 0.0)]
    split = {"a": "train", "b": "test", "c": "test", "d": "train"}
    sure, perhaps = of_overlap(pairs, split, "refuse", refused=True)
    assert sure.examples == ("a (train) and c (test): same recording",)
    assert perhaps.examples == ("a (train) and b (test): may be the same recording",)
    assert "which flatters" in sure.text
    assert "may be of a recording in training" in perhaps.text
    assert sure.level == perhaps.level == "error"


def test_very_short_clips_are_told_with_their_length():
    clips = [*clips_of("genre", ["rock", "rock"]), Clip("9", Path("9.wav"), "test", "9", 0.5, 0.02)]
    scans = {"0": Scan(seconds=0.018), "1": Scan(seconds=3.0), "9": Scan(seconds=3.0)}
    (finding,) = of_lengths(clips, scans, Lines())
    assert finding.examples == ("line 0: 18 ms in train", "line 9: 20 ms in test")
    assert (finding.level, "take out" in finding.text) == ("warning", True)
    (finding,) = of_lengths(clips, scans, Lines(), published=True)
    assert (finding.level, "left as published" in finding.text) == ("note", True)


def test_copies_within_a_split_are_told_above_all_where_their_labels_differ():
    one, other, third = clips_of("genre", ["rock", "jazz", "rock"])
    differ, equal = of_copies([[one, other], [one, third]], Lines())
    assert (differ.level, differ.examples) == ("warning", ("line 0 and line 1: genre 'rock' and genre 'jazz'",))
    assert (equal.level, equal.examples) == ("note", ("line 0 and line 2",))
    assert list(of_copies([[one, *clips_of("genre", ["jazz"], "test")]], Lines())) == []
    (stretch,) = of_copies([[one, other]], Lines(), noun="stretch")
    assert stretch.text.startswith("1 stretch of a file given more than once in a split, with labels that differ;")


@pytest.mark.parametrize(
    ("name", "one", "other", "third"),
    [("tags", ("slow", "dark"), ("dark", "slow"), ("dark",)), ("key", "C# minor", "Db:min", "C#"), ("pitch", "60", "C4", "61")],
)
def test_copies_whose_labels_are_written_otherwise_do_not_differ(name, one, other, third):
    first, second, last = clips_of(name, [one, other, third])
    assert [finding.kind for finding in of_copies([[first, second]], Lines())] == ["copies"]
    assert [finding.kind for finding in of_copies([[first, last]], Lines())] == ["contradicting labels"]
