"""From clips to targets: classes in their order, labels that nobody has judged, labels that a corruption moves along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

import mirbench
from mirbench.errors import MirbenchError
from mirbench.evaluation.probing import scoring
from mirbench.records import Clip, Condition, Embeddings
from mirbench.registry.plugins import current

SPLITS = ("train", "valid", "test")


class Tags(mirbench.Task):
    name = "tags"
    annotation = "tags"
    target = "multilabel"
    metrics = ("macro_average_precision", "macro_roc_auc")


class Genre(mirbench.Task):
    name = "genre"
    annotation = "genre"
    metrics = ("accuracy", "macro_f1")


def clip(number: int, split: str, **annotations: Any) -> Clip:
    return Clip(f"{split}{number}", Path("a.wav"), split, f"{split}{number}", annotations=annotations)


def everywhere(**annotations: Any) -> list[Clip]:
    return [clip(0, split, **annotations) for split in SPLITS]


def test_a_label_that_nobody_judged_is_minus_one_and_what_is_there_is_judged() -> None:
    clips = [
        clip(0, "train", tags=("piano", "slow"), tags_unknown=("voice",)),
        clip(1, "train", tags="voice|slow", tags_unknown="slow|never heard of"),
        clip(2, "train", tags=()),
        clip(0, "valid", tags=("piano",)),
        clip(0, "test", tags=(), tags_unknown=("piano", "slow", "voice")),
        clip(1, "test", tags_unknown=("piano",)),  # without tags nothing is known of it
    ]
    data = scoring.task_data(Tags(), clips)
    assert data.classes == ("piano", "slow", "voice")
    assert data.splits["train"].targets.tolist() == [[1, 1, -1], [0, 1, 1], [0, 0, 0]]
    assert data.splits["test"].targets.tolist() == [[-1, -1, -1]]
    assert data.splits["train"].targets.dtype == np.int8
    assert scoring.label_counts(Tags(), data)["train"] == {"piano": 1, "slow": 2, "voice": 1}
    floor = scoring.majority_predictions(Tags(), data, ["test0"])
    assert expit(floor.scores[0]) == pytest.approx([1 / 3, 2 / 3, 1 / 2])


def test_where_all_is_judged_the_targets_are_plain_membership() -> None:
    draw = np.random.default_rng(0)
    names = tuple(f"tag {i}" for i in range(9))
    clips = [clip(i, SPLITS[i % 3], tags=tuple(n for n in names if draw.random() < 0.3)) for i in range(60)]
    data = scoring.task_data(Tags(), clips)
    for split in SPLITS:
        found = data.splits[split]
        assert (found.targets == [[n in c.annotations["tags"] for n in data.classes] for c in found.clips]).all()


def test_an_unjudged_label_is_read_through_the_task_and_named_where_it_cannot_be() -> None:
    class Loud(Tags):
        def label(self, value: Any) -> tuple[str, ...]:
            return tuple(name.upper() for name in value)

    clips = [clip(0, s, tags=("piano",), tags_unknown=("voice",)) for s in SPLITS] + [clip(1, "train", tags=("voice",))]
    data = scoring.task_data(Loud(), clips)
    assert data.classes == ("PIANO", "VOICE")
    assert data.splits["test"].targets.tolist() == [[1, -1]]
    with pytest.raises(MirbenchError, match="task 'tags' cannot read the annotation 3 of clip test0"):
        scoring.task_data(Tags(), [*clips[:2], clip(0, "test", tags=("piano",), tags_unknown=3)])


def test_the_published_order_is_taken_where_the_task_has_none() -> None:
    clips = [*everywhere(genre="rock"), clip(1, "train", genre="blues"), clip(1, "test", genre="jazz"), clip(2, "test", genre="noise")]
    plain = scoring.task_data(Genre(), clips)
    assert (plain.classes, sorted(plain.unseen)) == (("blues", "rock"), ["test1", "test2"])
    data = scoring.task_data(Genre(), clips, ("rock", "jazz", "blues"))
    assert data.classes == ("rock", "jazz", "blues")
    assert data.splits["test"].targets.tolist() == [0, 1]  # jazz stays in, though no training clip has it
    assert data.unseen == {"test2": "noise"}

    class Fixed(Genre):
        classes = ("blues", "rock")

    assert scoring.task_data(Fixed(), clips, ("rock", "jazz", "blues")).classes == ("blues", "rock")


def test_published_classes_are_named_as_the_task_names_them() -> None:
    class Broad(Genre):
        def label(self, value: Any) -> str:
            return {"reel": "dance", "jig": "dance"}.get(value, "other")

    clips = [*everywhere(genre="reel"), clip(1, "train", genre="air")]
    assert scoring.task_data(Broad(), clips, ("air", "reel", "jig")).classes == ("other", "dance")
    tags = [*everywhere(tags=("b|c",)), clip(1, "train", tags=("a",))]
    assert scoring.task_data(Tags(), tags, ("b|c", "a")).classes == ("b|c", "a")

    class Mood(mirbench.Task):
        name = annotation = "mood"
        target = "regression"
        metrics = ("r2",)

        def label(self, value: Any) -> Any:
            return value

    assert scoring.task_data(Mood(), everywhere(mood=(0.5, 0.1)), ("arousal", "valence")).classes == ("arousal", "valence")
    assert scoring.task_data(Mood(), everywhere(mood=(0.5, 0.1))).classes == ("dimension 0", "dimension 1")

    class Picky(Genre):
        def label(self, value: Any) -> str:
            if value == "jig":
                raise ValueError("no jigs")
            return str(value)

    with pytest.raises(MirbenchError, match="task 'genre' cannot read a published class of the data set's 'genre': no jigs"):
        scoring.task_data(Picky(), everywhere(genre="reel"), ("reel", "jig"))


@pytest.mark.parametrize("kind", ["linear", "mlp", "knn", "nearest-centroid"])
@pytest.mark.parametrize("target", ["multiclass", "multilabel"])
def test_a_published_class_without_training_clips_breaks_nothing(target: str, kind: str) -> None:
    task, name = (Genre(), "genre") if target == "multiclass" else (Tags(), "tags")
    draw = np.random.default_rng(1)
    published = ("first", "a", "between", "b", "last")
    clips, rows = [], []
    for i in range(90):
        split = SPLITS[i % 3]
        label = "last" if i in (2, 5) else "ab"[i % 2]  # `last` in test alone, the others nowhere
        clips.append(clip(i, split, **{name: label if target == "multiclass" else (label,)}))
        rows.append(draw.normal(size=6) + (label == "a"))
    at = {c.id: row for c, row in zip(clips, rows, strict=True)}

    def embedded(split: str) -> Embeddings:
        ids = tuple(c.id for c in clips if c.split == split)
        return Embeddings(ids, np.array([at[i] for i in ids], np.float32))

    data = scoring.task_data(task, clips, published)
    probe = scoring.fit_task(task, data, embedded("train"), embedded("valid"), current().get("probe", kind), 0, "cpu")
    assert probe.report["not_learned"] == ["first", "between", "last"]
    predictions = scoring.predict(task, data, probe, embedded("test"))
    assert predictions.classes == published
    assert np.isfinite(predictions.scores).all()
    rows_, resampled = scoring.measured(task, predictions, 50)
    assert all(np.isfinite([value, low, high]).all() and value > 0.3 for _, value, low, high in rows_)
    assert np.isfinite(resampled).all()
    floor = scoring.majority_predictions(task, data, predictions.clip_ids)
    assert np.isfinite(scoring.measured(task, floor, 50)[1]).all()
    assert scoring.label_counts(task, data)["train"]["first"] == 0


def test_partial_labels_from_clips_to_scores() -> None:
    """Scores are those of the judged clips alone; what was not judged may be anything."""
    draw = np.random.default_rng(2)
    names = ("a", "b", "c")
    clips, rows = [], []
    for i in range(300):
        on = draw.random(3) < 0.5
        judged = draw.random(3) < 0.4
        here = tuple(n for n, o, j in zip(names, on, judged, strict=True) if o and j)
        away = tuple(n for n, j in zip(names, judged, strict=True) if not j)
        clips.append(clip(i, SPLITS[i % 3], tags=here, tags_unknown=away))
        rows.append(np.r_[2 * on, draw.normal(size=2)] + draw.normal(size=5))
    everything = Embeddings(tuple(c.id for c in clips), np.array(rows, np.float32))
    data = scoring.task_data(Tags(), clips)
    probe = scoring.fit_task(Tags(), data, everything, everything, current().get("probe", "linear"), 0, "cpu")
    predictions = scoring.predict(Tags(), data, probe, everything)
    assert set(np.unique(predictions.targets)) == {-1, 0, 1}
    values, resampled = scoring.measured(Tags(), predictions, 100)
    assert [name for name, *_ in values] == ["macro_average_precision", "macro_roc_auc"]
    assert all(low < value < high and value > 0.75 for _, value, low, high in values)
    assert resampled.shape == (2, 100)


class Up(mirbench.Corruption):
    name = "up"
    alters = frozenset({"pitch"})

    def changes(self, level: float, seed: int) -> Mapping[str, float]:
        return {"pitch": level}


class Notes(Tags):
    """Which notes sound; each moves up."""

    name = "notes"
    annotation = "notes"

    def shifted_label(self, label: Any, changes: Mapping[str, float]) -> Any:
        return tuple(str(int(note) + round(changes["pitch"])) for note in label)


def test_what_nobody_judged_moves_along_too() -> None:
    clips = [clip(0, s, notes=("60",), notes_unknown=("61", "63")) for s in SPLITS]
    clips += [clip(1, "train", notes=("61", "62", "63")), clip(1, "test", notes=("60", "61")), clip(2, "test", notes=("63",))]
    data = scoring.task_data(Notes(), clips)
    test = data.splits["test"]
    given = scoring._predictions(Notes(), data.classes, test, np.zeros((3, 4)))
    assert given.targets.tolist() == [[1, -1, 0, -1], [1, 1, 0, 0], [0, 0, 0, 1]]
    moved = scoring.shift_labels(Notes(), given, Up(), Condition("up", 1, 1.0, "semitones"), 0)
    assert moved.clip_ids == ("test0", "test1")  # 64 is none of the classes
    assert moved.targets.tolist() == [[0, 1, -1, 0], [0, 1, 1, 0]]
