"""What a mean leaves out is told with the mean, and what is counted is what was read."""

import json

import pytest
from small import LOUD, rows
from test_own_data import mirbench, tone, write_csv  # noqa: F401  # a fixture

SPLITS = ("train", "train", "valid", "test")


def told(folder):
    """The notes below each table, and the text of the terminal, without line breaks."""
    found = {path.name: " ".join(path.read_text().split()) for path in (folder / "tables").iterdir()}
    return {name: text for name, text in found.items() if name.endswith((".md", ".txt")) and name != "cost.md"}


@pytest.fixture
def labelled(tmp_path):
    """(column, split and label of clips, missing ones) -> a manifest of tones."""

    def written(column, clips, missing=()):
        lines = [["path", "id", "split", column]]
        for i, (split, label) in enumerate([*clips, *missing]):
            lines.append([f"{i}.wav", f"clip {i}", split, label])
            if i < len(clips):
                tone(tmp_path / f"{i}.wav", 48 + 12 * (i % 3), seed=i, seconds=0.3)
        return str(write_csv(tmp_path / "set.csv", lines))

    return written


@pytest.mark.slow
def test_the_majority_and_the_counts_are_of_the_clips_that_were_read(mirbench, labelled):  # noqa: F811
    clips = [(split, label) for split, n, m in (("train", 4, 6), ("valid", 2, 2), ("test", 2, 4)) for label in "a" * n + "b" * m]
    path = labelled("genre", clips, missing=[("train", "a")] * 8 + [("test", "a")])
    code, folder = mirbench("run", "--dataset", path, "--tasks", "genre", "--max-bad", "60%")
    assert code == 0
    found = {row["encoder"]: row for row in rows(folder) if row["metric"] == "accuracy"}
    assert float(found["majority"]["value"]) == pytest.approx(4 / 6, abs=1e-5)  # b, not a, which 12 of 18 lines say
    assert {row["n_train"] for row in found.values()} == {"10"}
    facts = json.loads((folder / "manifest.json").read_text())["tasks"]["genre"]["dataset"]["set"]
    assert (facts["n_train"], facts["n_valid"], facts["n_test"]) == (10, 4, 6)
    assert facts["label_counts"]["train"] == {"a": 4, "b": 6}
    assert facts["label_counts"]["test"] == {"a": 2, "b": 4}
    assert facts["groups"]["train"] == 10


@pytest.mark.slow
def test_tags_without_positives_are_counted_where_the_mean_is_shown(mirbench, labelled):  # noqa: F811
    clips = [(SPLITS[i % 4], "x|y|z" if i % 8 < 4 else "x|w") for i in range(32)]
    clips += [("train", "only|x"), ("test", "new|x"), ("train", "q|x"), ("valid", "y|x")]
    code, folder = mirbench("run", "--dataset", labelled("tags", clips), "--tasks", "tagging")
    assert code == 0
    found = {(row["n_labels"], row["of_labels"]) for row in rows(folder)}
    assert found == {("3", "6")}  # y, z, w; never without x, never with only or q
    notes = told(folder)
    sentence = "macro_average_precision and macro_roc_auc are means over 3 of 6 labels"
    swapped = "macro_roc_auc and macro_average_precision are means over 3 of 6 labels"
    assert {name for name, text in notes.items() if sentence in text or swapped in text} == set(notes)
    assert all("tagging on set: 1 label (new) of test clips is left out, as no training clip has it." in text for text in notes.values())


def test_clips_of_unseen_classes_are_counted_where_the_mean_is_shown(mirbench, labelled):  # noqa: F811
    clips = [(split, label) for split in ("train", "valid") for label in "aabb" * 2] + [("test", x) for x in "abcdefghijklmnop"]
    code, folder = mirbench("run", "--dataset", labelled("genre", clips), "--tasks", "genre")
    assert code == 0
    assert all(
        "genre on set: 14 of 16 test clips with a label are left out, as no training clip has their class, or it is none of" in x
        for x in told(folder).values()
    )
    by_metric = {row["metric"]: (row["n_labels"], row["of_labels"]) for row in rows(folder) if row["encoder"] == "loud"}
    assert by_metric == {"accuracy": ("0", "0"), "macro_f1": ("2", "2")}


def test_an_encoder_that_was_trained_on_what_is_scored_is_marked(mirbench, labelled, tmp_path):  # noqa: F811
    plugin = tmp_path / "known.py"
    plugin.write_text(LOUD.replace('name = "loud"', 'name = "known"\n    trained_on = ("set", "other")'))
    clips = [(split, label) for split, n, m in (("train", 4, 6), ("valid", 2, 2), ("test", 2, 4)) for label in "a" * n + "b" * m]
    path = labelled("genre", clips)
    code, folder = mirbench("run", "--dataset", path, "--tasks", "genre", "--plugin", str(plugin), "--encoder", "loud,known")
    assert code == 0
    assert {row["encoder"]: row["overlap"] for row in rows(folder)} == {"loud": "0", "known": "1", "majority": "0"}
    assert json.loads((folder / "manifest.json").read_text())["overlap"]["known"]["trained_on"] == ["set"]
    for name, text in told(folder).items():
        if name in ("scores.md", "scores.txt", "comparisons.md"):
            assert "known †: its authors trained it on set, in whole or in part, so its scores there say less." in text, name
