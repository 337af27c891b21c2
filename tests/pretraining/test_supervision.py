"""Every supervision and mixtures of them against slow loops, the properties that all must have, and what is said of a wrong setting."""

import math
import random
from pathlib import Path

import pytest
import torch

from mirbench import Clip, MirbenchError, label_targets, semisupcon_loss
from mirbench.pretraining.signals import read_signals
from mirbench.pretraining.supervision import LabelTable, denominator

TEMPO = {"name": "regression", "annotation": "tempo", "bandwidth": 20}
MOOD = {"name": "regression", "annotation": "mood", "bandwidth": 0.5}
SPECS = {
    "shared-tags": "shared-tags",
    "two shared tags": {"name": "shared-tags", "threshold": 2},
    "dice": "dice",
    "genre": "same-class",
    "instrument": {"name": "same-class", "annotation": "instrument"},
    "tempo": TEMPO,
    "mood": MOOD,
    "key": "key-distance",
    "key, other values": {"name": "key-distance", "fifth": 0.8, "relative": 1, "parallel": 0},
    "pitch": "pitch-distance",
    "octaves apart": {"name": "pitch-distance", "octave": 0},
    "two": ["dice", {"name": "key-distance", "weight": 3}],
    "twice the tags": ["dice", "shared-tags"],
    "all": ["shared-tags", {"name": "same-class", "weight": 0.3}, TEMPO, MOOD, "key-distance", {"name": "pitch-distance", "weight": 2.5}],
}
MAJOR_FIFTHS = ["C", "G", "D", "A", "E", "B", "F#", "Db", "Ab", "Eb", "Bb", "F"]
MINOR_FIFTHS = ["Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "Bbm", "Fm", "Cm", "Gm", "Dm"]


def random_clips(seed, count=12, missing=0.3):
    """Clips each of which lacks each annotation with a chance of `missing`."""
    draw = random.Random(seed)
    clips = []
    for i in range(count):
        carried = {
            "tags": tuple(tag for tag in "abcd" if draw.random() < 0.4),
            "genre": draw.choice(["reel", "jig", "air"]),
            "instrument": draw.choice(["harp", "flute"]),
            "tempo": draw.choice([60, 84.5, "120", 200]),
            "mood": draw.choice(["0.1|-0.4", (0.3, 0.3), [-1.0, 0.9]]),
            "key": draw.choice([*MAJOR_FIFTHS, *MINOR_FIFTHS]),
            "pitch": draw.choice([48, 60, "61", 72.0, "73"]),
        }
        kept = {name: value for name, value in carried.items() if draw.random() >= missing}
        clips.append(Clip(f"clip{i}", Path("x.wav"), "train", f"group{i}", annotations=kept))
    return clips


def random_batch(seed, table_rows=12, clips=9):
    """(rows of the table, drawn with replacement; whether labels may be used; views of the clips, some with more than others)."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randint(table_rows, (clips,), generator=generator)
    labelled = torch.rand(clips, generator=generator) < 0.7
    views = torch.cat([torch.arange(clips), torch.randint(clips, (8,), generator=generator)])
    return rows, labelled, views[torch.randperm(len(views), generator=generator)]


def numbers(value):
    if isinstance(value, str):
        return [float(part) for part in value.split("|")]
    return [float(part) for part in value] if isinstance(value, (tuple, list)) else [float(value)]


def slow_similarity(signal, a, b):
    name, options = signal.supervision.name, signal.options
    if name in ("shared-tags", "dice"):
        shared = len(set(a) & set(b))
        if name == "shared-tags":
            return float(shared >= options["threshold"])
        return 2 * shared / (len(a) + len(b)) if a or b else 0.0
    if name == "same-class":
        return float(a == b)
    if name == "regression":
        return math.exp(-(math.dist(numbers(a), numbers(b)) ** 2) / (2 * options["bandwidth"] ** 2))
    if name == "pitch-distance":
        apart = int(float(a)) - int(float(b))
        return 1.0 if apart == 0 else options["octave"] if apart % 12 == 0 else 0.0
    places = [(keys.index(key), mode) for key in (a, b) for mode, keys in enumerate((MAJOR_FIFTHS, MINOR_FIFTHS)) if key in keys]
    (place, mode), (other, other_mode) = places
    steps = (place - other) % 12  # along the circle of fifths, where a relative minor stands at its major's place
    if mode == other_mode:
        return {0: 1.0, 1: options["fifth"], 11: options["fifth"]}.get(steps, 0.0)
    parallel = 3 if mode == 0 else -3  # A minor is at the place of C major, A major three further
    return options["relative"] if steps == 0 else options["parallel"] if steps == parallel % 12 else 0.0


def slow_targets(clips, signals, rows, labelled, views):
    """(targets, known, told) by loops over pairs of views. A clip whose tags are none is one whose tags are unknown."""
    n, carried = len(views), [{name: value for name, value in clip.annotations.items() if value != ()} for clip in clips]
    targets, known, told = torch.zeros(n, n), torch.zeros(n, n, dtype=torch.bool), torch.zeros(n, dtype=torch.bool)
    for i in range(n):
        for j in range(n):
            a, b = int(views[i]), int(views[j])
            both = bool(labelled[a] and labelled[b])
            mine, theirs = carried[int(rows[a])], carried[int(rows[b])]
            said = [
                (signal.weight, slow_similarity(signal, mine[signal.annotation], theirs[signal.annotation]))
                for signal in signals
                if both and signal.annotation in mine and signal.annotation in theirs
            ]
            if said:
                known[i, j], targets[i, j] = True, sum(w * s for w, s in said) / sum(w for w, _ in said)
            if a == b:
                known[i, j], targets[i, j] = True, 1.0
                told[i] = bool(labelled[a]) and any(signal.annotation in mine for signal in signals)
    return targets, known, told


@pytest.mark.parametrize("name", SPECS)
def test_targets_equal_the_slow_loops_and_have_the_properties_of_all(name):
    signals = read_signals(SPECS[name])
    for seed in range(6):
        clips = random_clips(seed, missing=0.3 if seed else 0.0)
        table = LabelTable(clips, signals)
        rows, labelled, views = random_batch(seed)
        pairs = table.targets(rows, labelled, views)
        targets, known, told = slow_targets(clips, signals, rows, labelled, views)
        assert torch.allclose(pairs.targets, targets, atol=1e-6)
        assert torch.equal(pairs.known, known)
        assert torch.equal(pairs.told, told)
        assert pairs.targets.dtype == torch.float32
        assert torch.equal(pairs.targets, pairs.targets.T)
        assert 0 <= pairs.targets.min() <= pairs.targets.max() <= 1
        own = views[:, None] == views[None, :]
        assert (pairs.targets[own] == 1).all()
        unlabelled = ~labelled[views]
        assert (pairs.targets[unlabelled] == own[unlabelled].float()).all()
        order = torch.randperm(len(views), generator=torch.Generator().manual_seed(seed))
        moved = table.targets(rows, labelled, views[order])
        assert torch.equal(moved.targets, pairs.targets[order][:, order])
        assert torch.equal(denominator(moved), denominator(pairs)[order][:, order])
        turn = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed + 1))
        turned = table.targets(rows[turn], labelled[turn], turn.argsort()[views])
        assert torch.allclose(turned.targets, pairs.targets, atol=1e-7)


def test_clips_of_which_nothing_is_told_are_positive_with_their_own_views_only():
    signals = read_signals(SPECS["all"])
    clips = [Clip(str(i), Path("x"), "train", str(i)) for i in range(3)]
    rows, views = torch.tensor([0, 1, 1, 2]), torch.arange(4).repeat_interleave(2)
    pairs = LabelTable(clips, signals).targets(rows, torch.ones(4, dtype=torch.bool), views)
    assert torch.equal(pairs.targets, (views[:, None] == views[None, :]).float())
    assert not pairs.told.any()
    assert denominator(pairs).all()


def test_without_signals_there_are_own_views_only():
    table = LabelTable(random_clips(0), ())
    rows, labelled, views = random_batch(0)
    assert torch.equal(table.targets(rows, labelled, views).targets, (views[:, None] == views[None, :]).float())
    assert table.known.any(dim=0).tolist() == [False] * 12
    assert table.names(3) == ()


def test_a_clip_that_is_drawn_twice_is_two_clips():
    clips = [Clip("a", Path("x"), "train", "a", annotations={"genre": "reel"})]
    table, rows, views = LabelTable(clips, read_signals("same-class")), torch.tensor([0, 0, 0]), torch.arange(3)
    targets = table.targets(rows, torch.tensor([True, True, False]), views).targets
    assert targets.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(("spec", "mode"), [("dice", {"weighted": True}), ({"name": "shared-tags", "threshold": 2}, {"threshold": 2})])
def test_tags_are_the_public_label_targets(spec, mode):
    clips = random_clips(1, missing=0.0)
    _, labelled, views = random_batch(1, clips=12)
    one_hot = torch.tensor([[tag in clip.annotations["tags"] for tag in "abcd"] for clip in clips]).long()
    expected = label_targets(views, one_hot, labelled, **mode)
    assert torch.equal(LabelTable(clips, read_signals(spec)).targets(torch.arange(12), labelled, views).targets, expected)


@pytest.fixture
def genres():
    """(clips, projections of two views of each, the clip of each view)."""
    clips = random_clips(2, count=8, missing=0.0)
    projections = torch.randn(16, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return clips, projections, torch.arange(8).repeat_interleave(2)


def logits_of(projections):
    unit = torch.nn.functional.normalize(projections, dim=1)
    return (unit @ unit.T / 0.1).fill_diagonal_(-math.inf)


def test_all_labelled_is_supcon(genres):
    """L_out of Khosla et al. 2020, equation 2."""
    clips, projections, views = genres
    pairs = LabelTable(clips, read_signals("same-class")).targets(torch.arange(8), torch.ones(8, dtype=torch.bool), views)
    log_share = logits_of(projections).log_softmax(dim=1)
    expected = 0.0
    for i in range(16):
        genre = clips[views[i]].annotations["genre"]
        positives = [p for p in range(16) if p != i and clips[views[p]].annotations["genre"] == genre]
        expected -= float(log_share[i, positives].mean()) / 16
    assert float(semisupcon_loss(projections, pairs.targets)) == pytest.approx(expected, rel=1e-9)
    assert float(semisupcon_loss(projections, pairs.targets, in_denominator=denominator(pairs))) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("spec", [SPECS["genre"], SPECS["all"]])
def test_none_labelled_is_nt_xent(genres, spec):
    """Chen et al. 2020, equation 1: each view must find its twin among all others."""
    clips, projections, views = genres
    pairs = LabelTable(clips, read_signals(spec)).targets(torch.arange(8), torch.zeros(8, dtype=torch.bool), views)
    expected = float(torch.nn.functional.cross_entropy(logits_of(projections), torch.arange(16) ^ 1))
    assert float(semisupcon_loss(projections, pairs.targets)) == pytest.approx(expected, rel=1e-9)
    assert float(semisupcon_loss(projections, pairs.targets, in_denominator=denominator(pairs))) == pytest.approx(expected, rel=1e-9)


def test_a_labelled_anchor_can_be_set_against_what_is_known_only(genres):
    clips, projections, views = genres
    labelled = torch.tensor([True, True, True, False, True, False, True, False])
    pairs = LabelTable(clips, read_signals("same-class")).targets(torch.arange(8), labelled, views)
    mask = denominator(pairs)
    for i in range(16):
        told = bool(labelled[views[i]])
        assert mask[i].tolist() == [not told or bool(labelled[views[k]]) or views[k] == views[i] for k in range(16)]
    only = labelled[views].nonzero().flatten()
    alone = semisupcon_loss(projections[only], pairs.targets[only][:, only])
    rest = semisupcon_loss(projections, pairs.targets * (~labelled[views])[:, None])
    assert float(semisupcon_loss(projections, pairs.targets, in_denominator=mask)) == pytest.approx(
        float(alone) * len(only) / 16 + float(rest), rel=1e-9
    )


def test_keys_are_as_near_as_documented():
    keys = ["C major", "B#", "G:maj", "F", "A minor", "Cm", "Em", "D", "Gb"]
    clips = [Clip(key, Path("x"), "train", key, annotations={"key": key}) for key in keys]
    every = torch.arange(len(keys))
    targets = LabelTable(clips, read_signals("key-distance")).targets(every, torch.ones(len(keys), dtype=torch.bool), every).targets
    assert targets[0].tolist() == pytest.approx([1, 1, 0.5, 0.5, 0.3, 0.2, 0, 0, 0])
    assert targets[4].tolist() == pytest.approx([0.3, 0.3, 0, 0, 1, 0, 0.5, 0, 0])


def test_the_bandwidth_is_in_the_units_of_the_target():
    clips = [Clip(str(bpm), Path("x"), "train", "g", annotations={"tempo": bpm}) for bpm in (100, 120, 140)]
    every = torch.arange(3)
    targets = LabelTable(clips, read_signals(TEMPO)).targets(every, torch.ones(3, dtype=torch.bool), every).targets
    assert targets[0].tolist() == pytest.approx([1, math.exp(-0.5), math.exp(-2)])


def test_names_of_labels_for_budgets_and_manifests():
    known = {"tags": ("slow", "piano"), "key": "Gb:maj", "tempo": 120, "genre": "reel"}
    clips = [Clip("a", Path("x"), "train", "a", annotations=known), Clip("b", Path("x"), "train", "b")]

    def names(spec):
        table = LabelTable(clips, read_signals(spec))
        assert table.names(1) == ()
        assert table.known.any(dim=0).tolist() == [True, False]
        return table.names(0)

    assert names("same-class") == ("reel",)
    assert names("shared-tags") == ("slow", "piano")
    assert names(TEMPO) == ("tempo",)
    assert names(["dice", "key-distance", TEMPO]) == ("tags=slow", "tags=piano", "key=F# major", "tempo")
    assert names(["dice", "shared-tags"]) == ("tags=slow", "tags=piano")


@pytest.mark.parametrize("empty", [None, "", math.nan])
def test_an_empty_annotation_is_none(empty):
    clip = Clip("a", Path("x"), "train", "a", annotations={"genre": empty})
    assert LabelTable([clip], read_signals("same-class")).known.any(dim=0).tolist() == [False]


@pytest.mark.parametrize(
    ("annotation", "value", "spec", "sentence"),
    [
        (
            "key",
            "H major",
            "key-distance",
            "cannot be used: 'H major' is not a key; write it like 'C major', 'F# minor', 'Bbm', 'A:min' or, of the Camelot wheel, '8A'.",
        ),
        ("pitch", 128, "pitch-distance", "cannot be used: 128 is not a pitch; write a MIDI note number from 0 to 127, such as 60 "),
        ("tempo", "fast", TEMPO, "cannot be used: 'fast' is no target for regression; write a number, or several such as '0.5|-1'."),
        ("tags", 3, "dice", "is 3, which supervision 'dice' cannot read; correct it, or choose another supervision."),
    ],
)
def test_an_annotation_that_cannot_be_read_is_named_with_its_clip(annotation, value, spec, sentence):
    clips = [Clip("good", Path("x"), "train", "g"), Clip("a 7", Path("x"), "train", "a", annotations={annotation: value})]
    with pytest.raises(MirbenchError) as caught:
        LabelTable(clips, read_signals(spec))
    assert str(caught.value).startswith(f"clip 'a 7': its annotation '{annotation}' {sentence}")


def test_regression_targets_of_different_sizes():
    clips = [Clip(str(i), Path("x"), "train", "g", annotations={"mood": mood}) for i, mood in enumerate(["1|2", 3.0])]
    with pytest.raises(MirbenchError) as caught:
        LabelTable(clips, read_signals(MOOD))
    assert str(caught.value) == (
        "supervision 'regression' of the annotation 'mood': targets have from 1 to 2 numbers; a regression target has as many on every "
        "clip."
    )


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("dicee", "no supervision is named 'dicee'; did you mean 'dice'? Known: dice, key-distance, pitch-distance, regression, "),
        ("tags", "no supervision is named 'tags': tags is an annotation; did you mean dice or shared-tags, which read it?"),
        (["dice", "key"], "no supervision is named 'key': key is an annotation; did you mean key-distance, which reads it?"),
        ([], "supervision is an empty list; name one or more, such as shared-tags."),
        (3, "a supervision should be a name, a mapping such as {name: shared-tags, threshold: 2}, or a list of these, not 3."),
        (
            [["dice"]],
            "a supervision should be a name, a mapping such as {name: shared-tags, threshold: 2}, or a list of these, not ['dice'].",
        ),
        ({"threshold": 2}, "the supervision {'threshold': 2} has no name; write it like {name: shared-tags, threshold: 2}."),
        (
            {"name": "shared-tags", "treshold": 2},
            "supervision 'shared-tags' has no option 'treshold'; did you mean 'threshold'? Known: annotation, weight, threshold.",
        ),
        ({"name": "dice", "threshold": 2}, "supervision 'dice' has no option 'threshold'. Known: annotation, weight."),
        ({"name": "shared-tags", "threshold": 1.5}, "supervision 'shared-tags': threshold should be a whole number (default 1), not 1.5."),
        ({"name": "shared-tags", "threshold": 0}, "supervision 'shared-tags': threshold is 0; it must be at least 1, the number of tags "),
        ({"name": "dice", "weight": 0}, "supervision 'dice': weight is 0; it must be above 0, since a supervision of no weight says "),
        ({"name": "dice", "weight": math.nan}, "supervision 'dice': weight should be a number (default 1.0), not nan."),
        ({"name": "dice", "annotation": 3}, "supervision 'dice': annotation should be text (default 'tags'), not 3."),
        (
            "regression",
            "supervision 'regression' reads no annotation of its own; say which, such as {name: regression, annotation: tempo}.",
        ),
        ({**TEMPO, "bandwidth": 0}, "supervision 'regression': bandwidth is 0; it must be above 0: how far apart two targets may be "),
        (
            {"name": "key-distance", "fifth": 2},
            "supervision 'key-distance': fifth is 2; it must lie between 0 and 1, how alike such keys are.",
        ),
        ({"name": "pitch-distance", "octave": -1}, "supervision 'pitch-distance': octave is -1; it must lie between 0 and 1, how alike "),
    ],
)
def test_what_is_said_of_a_wrong_setting(spec, sentence):
    with pytest.raises(MirbenchError) as caught:
        read_signals(spec)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("rows", "labelled", "views", "text"),
    [
        ([0, 12], [1, 1], [0], "clips must lie in 0 to 11"),
        ([0, 1], [1, 1], [0, 2], "view_to_clip must lie in 0 to 1"),
        ([0, 1], [1], [0], r"clips and labelled must be \(n,\) and view_to_clip \(views,\), not \(2,\), \(1,\), \(1,\)"),
    ],
)
def test_wrong_rows_are_refused(rows, labelled, views, text):
    table = LabelTable(random_clips(0), read_signals("dice"))
    with pytest.raises(ValueError, match=text):
        table.targets(torch.tensor(rows), torch.tensor(labelled).bool(), torch.tensor(views))
