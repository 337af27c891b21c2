"""What is said of the layers of an encoder: the best, and whether that is decided."""

import pandas as pd
import pytest
from synthetic import a_manifest, a_row, results_of

from mirbench.reporting.page.answer import answer
from mirbench.reporting.sections import sections
from mirbench.reporting.tables.layers import best_layers

FLATTERED = (
    "A layer that is chosen by its test score is flattered by it; --set options.deep.layer=best chooses on valid, so that the score is no "
    "maximum."
)


def results(values, p=(), once=0, labels=None, more=None):
    """Of one task, with a score for each layer; p: of the best against each other one. labels: in the place of numbers; more: what else
    was swept."""
    labels = labels or list(range(len(values)))
    rest = "".join(f", {option}={value}" for option, value in (more or {}).items())
    names = [f"deep[layer={label}{rest}]" for label in labels]
    summary = [a_row("summary", encoder=n, value=v, ci_low=v - 0.1, ci_high=v + 0.1) for n, v in zip(names, values, strict=True)]
    best = values.index(max(values))
    others = [i for i in range(len(values)) if i != best]
    rows = [
        a_row("layers", encoder=names[best], baseline=names[i], difference=values[best] - values[i], ci_low=-0.05, ci_high=0.3,
              p_holm=each, one_training=once, baseline_one_training=once)
        for i, each in zip(others, p, strict=True)
    ]  # fmt: skip
    index = pd.MultiIndex.from_tuples([("deep", name) for name in names], names=["encoder", "name"])
    points = pd.DataFrame([{"layer": label, **(more or {})} for label in labels], index=index, dtype=object)
    return results_of({"run": a_manifest(names)}, points=points, summary=summary, layers=rows)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (
            {"values": [0.2, 0.7, 0.6, 0.5], "p": [0.001, 0.3, 0.02]},
            "1, 0.700 [0.60, 0.80]: better than the last, 3 (+0.200 [-0.050, +0.300]); undecided against the second best, 2 (+0.100 [",
        ),
        ({"values": [0.2, 0.7, 0.6], "p": [0.001, 0.3]}, "1, 0.700 [0.60, 0.80]: undecided against the second best and last, 2 (+0.100 ["),
        ({"values": [0.7, 0.7], "p": [1.0]}, "0, 0.700 [0.60, 0.80]: undecided against the second best and last, 1 (+0.000 ["),
        ({"values": [0.2, 0.7], "p": [0.001]}, "1, 0.700 [0.60, 0.80]: the last; better than the second best, 0 (+0.500 ["),
        (
            {"values": [0.7, 0.2], "p": [0.001], "once": 1},
            "0, 0.700 [0.60, 0.80]: not to be told from the second best and last, 1 (+0.500 [",
        ),
        (
            {"values": [0.7, 0.6, 0.5], "p": [0.001, 0.2], "labels": ["late", "mid", "early"]},
            "late, 0.700 [0.60, 0.80]: better than the second best, mid (+0.100 [",
        ),
    ],
)  # fmt: skip
def test_the_best_layer_is_told_against_the_last_and_the_second_best(about, said):
    told = best_layers(results(**about))
    assert told[0].startswith(f"On genre the best layer of deep is {said}")
    pairs = {2: "one pair", 3: "3 pairs", 4: "6 pairs"}[len(about["values"])]
    assert told[0].endswith(f"; corrected for the {pairs} of layers of this task.")
    assert told[1:] == [FLATTERED]


def test_a_layer_is_called_by_its_name_beside_its_number():
    found = results([0.2, 0.7], [0.001])
    (manifest,) = found.manifests.values()
    for about in manifest["encoders"].values():
        about["layer_names"] = ["tokens", "pooled"]
    assert best_layers(found)[0].startswith(
        "On genre the best layer of deep is 1 (pooled), 0.700 [0.60, 0.80]: the last; better than the second best, 0 (tokens) (+0.500 ["
    )


def test_layers_alone_are_no_sweep():
    assert "sweep" not in sections(results([0.2, 0.7], [0.001]))
    assert "sweep" in sections(results([0.2, 0.7], [0.001], more={"probe": "knn"}))


def test_what_else_was_swept_is_named():
    told = best_layers(results([0.2, 0.7], [0.001], more={"probe": "knn", "shots": 5}))
    assert told[0].startswith("On genre the best layer of deep[probe=knn, shots=5] is 1,")


def test_the_answer_is_of_the_layer_that_stands_best_against_the_floors():
    """Layers are not compared with each other in comparisons.csv."""
    against = {"baseline": "untrained", "ci_low": -0.1, "ci_high": 0.4}
    found = results([0.2, 0.7], [0.001])
    rows = [
        a_row("comparisons", encoder=f"deep[layer={i}]", difference=d, p_holm=p, **against) for i, d, p in ((0, -0.3, 0.2), (1, 0.2, 0.01))
    ]
    summary = [a_row("summary", encoder=name) for name in ("deep[layer=0]", "deep[layer=1]", "untrained")]
    told = answer(results_of(found.manifests, points=found.points, summary=summary, comparisons=rows))
    assert told[0].startswith("On genre, deep[layer=1] (")
    assert " is better than untrained" in told[0]


def test_nothing_is_said_where_no_layers_were_compared():
    found = results([0.5])
    assert best_layers(found) == []
    assert "layers" not in sections(found)


def test_the_section_has_the_sentence_the_comparisons_and_what_they_are():
    section = sections(results([0.2, 0.7, 0.6], [0.001, 0.3]))["layers"]
    assert len(section.tables[""].cells) == 2
    assert section.notes[1] == FLATTERED
    assert any("corrected by Holm's method for all pairs of layers" in note for note in section.notes)
    assert "layers.tex" in section.files("layers")
