"""The figure of maps: who has which colour, what stands beside a map, and what is grey."""

import pytest
from drawn import by_gid, check_nothing_overlaps, said
from synthetic import a_row, results_of

from mirbench.reporting import figures
from mirbench.reporting.figures import maps as drawing
from mirbench.reporting.figures import style

ENCODERS = ("semisupcon", "simclr")


def a_run(annotation, labels, target="multiclass", classes=(), encoders=ENCODERS):
    """labels: of clips, None for one without."""
    points = [
        {"dataset": "mini", "encoder": name, "clip": f"c{i}", "x": float(i), "y": float(i * i % 7)}
        for name in encoders for i in range(len(labels))
    ]  # fmt: skip
    clips = [
        {"dataset": "mini", "clip": f"c{i}", "group": f"g{i}", "annotation": annotation, "label": label}
        for i, label in enumerate(labels) if label is not None
    ]  # fmt: skip
    silhouette = {"embedding": 0.25, "map": 0.5, "clips": 3, "labels": 2}
    about = {"trustworthiness": 0.91, "perplexity": 30.0, "silhouettes": {annotation: silhouette, "pitch class": silhouette}}
    manifest = {
        "tasks": {"a": {"annotation": annotation, "target": target, "classes": list(classes), "metrics": ["accuracy"]}},
        "maps": {"mini": {"method": "tsne", "encoders": dict.fromkeys(encoders, about)}},
    }
    return results_of({"run": manifest}, summary=[a_row("summary", encoder=name) for name in encoders], maps=points, clips=clips), manifest


def drawn(*args, **about):
    results, manifest = a_run(*args, **about)
    names = results.summary["encoder"].cat.categories
    maps = results.maps.assign(encoder=results.maps["encoder"].cat.set_categories(names))
    return figures.annotated(maps, results.clips, args[0], manifest)


def colours(axis):
    return {tuple(round(x, 3) for x in colour) for dots in by_gid(axis, "clips:").values() for colour in dots.get_facecolors()}


def titles(figure):
    return [axis.get_title(loc="left") for axis in figure.axes]


def test_encoders_stand_side_by_side_with_how_far_each_map_can_be_believed():
    figure = drawn("genre", ["reel", "jig", "reel", None])
    assert titles(figure) == list(ENCODERS)
    for axis in figure.axes:
        assert axis.texts[0].get_text() == "genre; trust 0.91; silh. .25 (.50 here)"
        assert len(by_gid(axis, "others")[""].get_offsets()) == 1
        assert len(colours(axis)) == 2
    assert "t-SNE, perplexity 30, of the first seed of each encoder." in said(figure)
    check_nothing_overlaps(figure)
    with style.settings("column"):
        check_nothing_overlaps(drawn("genre", ["reel", "jig", "reel", None]))


def test_pitches_have_a_row_by_height_and_one_by_class():
    figure = drawn("pitch", ["48", "60", "61", "72"])
    assert titles(figure) == [*ENCODERS, *ENCODERS]
    height, _, classes, _ = figure.axes
    assert len(colours(height)) == 4
    assert len(colours(classes)) == 2
    assert "MIDI note 48" in said(figure)


def test_keys_go_round_the_circle_of_fifths_and_a_minor_key_has_the_colour_of_its_relative():
    (axis,) = drawn("key", ["C major", "A minor", "G major", "F# major"], encoders=["a"]).axes
    assert len(colours(axis)) == 3
    assert set(by_gid(axis, "clips:")) == {"o", "^"}

    def apart(one, other):
        return sum((a - b) ** 2 for a, b in zip(drawing._hue(7 * one), drawing._hue(7 * other), strict=True))

    assert apart(0, 7) < apart(0, 2) < apart(0, 6)  # C to G, to D, to F#


def test_of_tags_the_most_common_have_a_row_each_and_numbers_have_one_by_dimension():
    cells = ["a|b", "a|?b", "a", "b|c|d|e", "", "c"]
    figure = drawn("tags", cells, target="multilabel", encoders=["x"])
    told = [axis.texts[0].get_text().partition(";")[0] for axis in figure.axes]
    assert len(told) == drawing.MOST_TAGS
    assert told[0] == "tag a"
    assert len(by_gid(figure.axes[0], "others")[""].get_offsets()) == 3
    figure = drawn("emotion", ["1 9", "2 8", "3 7"], target="regression", classes=("arousal", "valence"), encoders=["x"])
    assert [axis.texts[0].get_text().partition(";")[0] for axis in figure.axes] == ["arousal", "valence"]


def test_the_most_common_of_many_classes_have_a_colour_and_no_two_look_alike():
    labels = [f"class-{i % 15}" for i in range(40)]
    figure = drawn("genre", labels, encoders=["x"])
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(names) == drawing.MOST_CLASSES + 1
    looks = {(handle.get_color(), handle.get_marker()) for handle in figure.legends[0].legend_handles}
    assert len(looks) == len(names)


def test_what_is_labelled_nowhere_is_not_drawn():
    assert drawn("genre", [None, None]) is None


@pytest.mark.parametrize("place", range(12))
def test_all_hues_of_the_circle_are_as_light_as_each_other(place):
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in drawing._hue(place)]
    luminance = sum(weight * x for weight, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 0.27 < luminance < 0.40
