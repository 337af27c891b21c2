"""Objectives: the loss of labels against one written clip by clip, what is unknown, and what several processes make of it."""

import math

import pytest
import torch

from mirbench import semisupcon_loss
from mirbench.pretraining.objectives import Contrastive, LabelTruth, PairTruth, Prediction, heads_of
from mirbench.pretraining.signals import read_signals
from mirbench.pretraining.supervision import LabelTable
from mirbench.pretraining.views.sampling import Batch
from mirbench.records import Clip

ANNOTATIONS = [
    {"tags": ("a", "b"), "genre": "reel", "pitch": 60},
    {"tags": ("b",), "genre": "jig"},
    {"genre": "reel", "pitch": 72},
    {"tags": ("c",), "pitch": 61},
    {},
    {"tags": ("a", "c"), "genre": "polka"},
]
CLIPS = tuple(Clip(f"c{i}", None, "train", f"g{i}", annotations=a) for i, a in enumerate(ANNOTATIONS))
CLASSES = {"tags": ("a", "b", "c"), "genre": ("jig", "reel")}
BUDGET = [0, 1, 2, 3]  # whose labels may be used: polka, of clip 5, is none of the classes
SPEC = [{"name": "shared-tags", "weight": 2}, {"name": "same-class", "annotation": "genre"},
        {"name": "regression", "annotation": "pitch", "bandwidth": 2.0}]  # fmt: skip


def batch_of(clips, labelled):
    clips = torch.tensor(clips)
    views = torch.arange(len(clips)).repeat_interleave(2)
    return Batch(clips, torch.tensor(labelled), views, torch.zeros(len(views), dtype=torch.long), torch.ones(len(views)))


BATCH = batch_of([0, 1, 2, 3, 4, 5, 0, 3], [True, True, True, True, True, True, False, True])


def prediction():
    torch.manual_seed(1)
    table = LabelTable(CLIPS, read_signals(SPEC))
    heads = heads_of(table, BUDGET)
    assert [head.target for head in heads] == ["multilabel", "multiclass", "regression"]
    assert [head.classes for head in heads] == [*CLASSES.values(), ()]
    return Prediction(5, heads), LabelTruth(table, heads)


@torch.no_grad()
def slow_loss(model, embeddings):
    """View by view: binary cross-entropy of tags, cross-entropy of the genre, squared error of the standardised pitch."""
    known = [60.0, 72.0, 61.0]
    mean = sum(known) / 3
    spread = math.sqrt(sum((x - mean) ** 2 for x in known) / 3)
    losses = [[], [], []]
    for row, embedding in enumerate(embeddings):
        position = row // 2
        annotations = ANNOTATIONS[int(BATCH.clips[position])] if bool(BATCH.labelled[position]) else {}
        if "tags" in annotations:
            shares = torch.sigmoid(model.layers[0](embedding)).tolist()
            terms = [-math.log(p if name in annotations["tags"] else 1 - p) for name, p in zip("abc", shares, strict=True)]
            losses[0].append(sum(terms) / 3)
        if annotations.get("genre") in CLASSES["genre"]:  # polka is none of the classes: nobody was told of it
            shares = torch.softmax(model.layers[1](embedding), dim=0)
            losses[1].append(-math.log(float(shares[CLASSES["genre"].index(annotations["genre"])])))
        if "pitch" in annotations:
            losses[2].append((float(model.layers[2](embedding)[0]) - (annotations["pitch"] - mean) / spread) ** 2)
    means = [sum(found) / len(found) for found in losses]
    return (2 * means[0] + means[1] + means[2]) / 4


def test_the_loss_of_labels_is_that_of_the_views_that_tell_them():
    model, truth_of = prediction()
    embeddings = torch.randn(16, 5)
    assert float(model(embeddings, truth_of(BATCH, 0, 1)).detach()) == pytest.approx(slow_loss(model, embeddings), rel=1e-5)


@pytest.mark.parametrize("world", [2, 4])
def test_the_mean_over_ranks_is_the_loss_of_one_process(world):
    model, truth_of = prediction()
    ordered = BATCH.in_rank_order(world)
    embeddings = torch.randn(16, 5)
    whole = model(embeddings, truth_of(ordered, 0, 1))
    parts = [model(part, truth_of(ordered, rank, world)) for rank, part in enumerate(embeddings.chunk(world))]
    torch.testing.assert_close(torch.stack(parts).mean(), whole)


def test_a_batch_that_tells_nothing_has_no_loss_and_a_gradient():
    model, truth_of = prediction()
    embeddings = torch.randn(16, 5, requires_grad=True)
    nothing = batch_of([4] * 8, [True] * 8)
    loss = model(embeddings, truth_of(nothing, 0, 1))
    loss.backward()
    assert float(loss.detach()) == 0
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("everyone", [True, False])
def test_the_contrastive_objective_is_the_loss_of_its_projections(everyone):
    torch.manual_seed(0)
    model = Contrastive(5, temperature=0.3, epsilon=1e-6, norm=False)
    truth = PairTruth(LabelTable(CLIPS, read_signals("same-class")), everyone)(BATCH, 0, 1)
    assert ("in_denominator" in truth) is (not everyone)
    embeddings = torch.randn(16, 5)
    expected = semisupcon_loss(
        model.head(embeddings), truth["targets"], temperature=0.3, epsilon=1e-6, in_denominator=truth.get("in_denominator")
    )
    assert float(model(embeddings, truth).detach()) == pytest.approx(float(expected.detach()))
    assert [tuple(p.shape) for p in model.parameters()] == [(512, 5), (128, 512)]


def test_labels_may_weigh_less_than_own_views():
    """Both stay in the denominator."""
    table, own = LabelTable(CLIPS, read_signals("same-class")), BATCH.view_to_clip[:, None] == BATCH.view_to_clip[None, :]
    whole, less = (PairTruth(table, False, weight)(BATCH, 0, 1) for weight in (1.0, 0.25))
    assert torch.equal(less["targets"], torch.where(own, whole["targets"], 0.25 * whole["targets"]))
    assert torch.equal(less["in_denominator"], whole["in_denominator"])
    assert bool((whole["targets"] > 0)[~own].any())


def test_without_signals_only_own_views_are_positive():
    truth = PairTruth(LabelTable(CLIPS, ()), True)(BATCH, 0, 1)
    own = BATCH.view_to_clip[:, None] == BATCH.view_to_clip[None, :]
    assert torch.equal(truth["targets"], own.float())


def test_numbers_are_standardised_by_the_labels_that_may_be_used_wherever_they_are():
    """Not by those outside the budget, and on other clips by the same mean and spread."""
    signals = read_signals({"name": "regression", "annotation": "pitch", "bandwidth": 2.0})
    table = LabelTable(CLIPS, signals)
    (head,) = heads_of(table, [0, 2])
    assert (float(head.mean), float(head.spread)) == (66, 6)
    other = LabelTable((Clip("x", None, "valid", "g", annotations={"pitch": 78}), Clip("y", None, "valid", "h")), signals)
    truth = LabelTruth(other, [head])
    assert truth.wanted[0].tolist() == [[2.0], [0.0]]
    assert truth.known[0].tolist() == [True, False]
    assert LabelTruth(LabelTable(CLIPS[4:5], signals), [head]).wanted[0].shape == (1, 1)  # nobody tells
