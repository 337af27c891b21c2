"""The loss against slow triple loops written from the paper, and against closed forms."""

import math

import pytest
import torch

from mirbench import label_targets, semisupcon_loss


def slow_loss(projections, targets, temperature, epsilon=0.0):
    """mean over i of - sum_j W_ij log(exp(s_ij) / sum_{k != i} exp(s_ik) + epsilon) / sum_j W_ij, in Python floats."""
    z = [[x / max(math.sqrt(sum(y * y for y in row)), 1e-12) for x in row] for row in projections.tolist()]
    w, n, total = targets.tolist(), len(projections), 0.0
    for i in range(n):
        similar = [sum(a * b for a, b in zip(z[i], z[k], strict=True)) / temperature for k in range(n)]
        denominator = sum(math.exp(similar[k]) for k in range(n) if k != i)
        weight = sum(w[i][j] for j in range(n) if j != i)
        if weight > 0:
            total -= sum(w[i][j] * math.log(math.exp(similar[j]) / denominator + epsilon) for j in range(n) if j != i) / weight
    return total / n


def slow_targets(view_to_clip, labels, labelled, threshold=1, weighted=False):
    n, out = len(view_to_clip), []
    for i in range(n):
        row = []
        for j in range(n):
            a, b = int(view_to_clip[i]), int(view_to_clip[j])
            value = 0.0
            if labelled[a] and labelled[b]:
                mine, theirs = set(torch.where(labels[a] > 0)[0].tolist()), set(torch.where(labels[b] > 0)[0].tolist())
                shared = len(mine & theirs)
                value = (2 * shared / (len(mine) + len(theirs)) if mine or theirs else 0.0) if weighted else float(shared >= threshold)
            row.append(1.0 if a == b else min(1.0, value))
        out.append(row)
    return torch.tensor(out)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    view_to_clip = torch.arange(7).repeat_interleave(2)[torch.randperm(14, generator=generator)]
    labels = (torch.rand(7, 5, generator=generator) < 0.4).long()
    labels[2] = 0  # labelled, and without any label
    labelled = torch.tensor([True, True, True, False, True, False, True])
    projections = torch.randn(14, 6, generator=generator, dtype=torch.float64) * 3
    return projections, view_to_clip, labels, labelled


@pytest.mark.parametrize(("options", "temperature"), [({}, 0.1), ({"threshold": 2}, 0.5), ({"weighted": True}, 1.0)])
def test_loss_and_targets_equal_the_slow_loops(batch, options, temperature):
    projections, view_to_clip, labels, labelled = batch
    targets = label_targets(view_to_clip, labels, labelled, **options)
    assert torch.allclose(targets, slow_targets(view_to_clip, labels, labelled, **options))
    for epsilon in (0.0, 1e-6):
        fast = float(semisupcon_loss(projections, targets, temperature=temperature, epsilon=epsilon))
        assert fast == pytest.approx(slow_loss(projections, targets, temperature, epsilon), rel=1e-6)


def test_nothing_labelled_is_nt_xent(batch):
    """NT-Xent (Chen et al. 2020) by cross-entropy: each view must find its only twin among the others."""
    projections, view_to_clip, labels, _ = batch
    targets = label_targets(view_to_clip, labels, torch.zeros(7, dtype=torch.bool))
    unit = torch.nn.functional.normalize(projections, dim=1)
    logits = (unit @ unit.T / 0.1).fill_diagonal_(float("-inf"))
    twin = torch.tensor([next(j for j in range(14) if j != i and view_to_clip[j] == view_to_clip[i]) for i in range(14)])
    assert float(semisupcon_loss(projections, targets)) == pytest.approx(float(torch.nn.functional.cross_entropy(logits, twin)), rel=1e-6)


def test_all_labelled_is_supcon(batch):
    """L_out of Khosla et al. 2020: the mean of the log shares over the set of positives, outside the logarithm."""
    projections, view_to_clip, _, _ = batch
    classes = torch.tensor([0, 0, 1, 1, 1, 2, 0])
    targets = label_targets(view_to_clip, torch.nn.functional.one_hot(classes, 3), torch.ones(7, dtype=torch.bool))
    unit = torch.nn.functional.normalize(projections, dim=1)
    logits = unit @ unit.T / 0.1
    expected = 0.0
    for i in range(14):
        others = [k for k in range(14) if k != i]
        positives = [p for p in others if classes[view_to_clip[p]] == classes[view_to_clip[i]]]
        denominator = torch.logsumexp(logits[i, others], 0)
        expected -= float((logits[i, positives] - denominator).mean()) / 14
    assert float(semisupcon_loss(projections, targets)) == pytest.approx(expected, rel=1e-6)


def test_labels_of_unlabelled_clips_are_never_read(batch):
    _, view_to_clip, labels, labelled = batch
    changed = labels.clone()
    changed[~labelled] = 1 - changed[~labelled]
    assert torch.equal(label_targets(view_to_clip, labels, labelled), label_targets(view_to_clip, changed, labelled))


def test_targets_are_symmetric_in_range_and_own_views_are_one(batch):
    _, view_to_clip, labels, labelled = batch
    targets = label_targets(view_to_clip, labels, labelled, weighted=True)
    own = view_to_clip[:, None] == view_to_clip[None, :]
    assert torch.equal(targets, targets.T)
    assert targets.min() >= 0
    assert targets.max() <= 1
    assert (targets[own] == 1).all()
    unknown = ~labelled[view_to_clip]
    assert (targets[unknown][~own[unknown]] == 0).all()


def test_permuting_the_views_permutes_the_targets_and_keeps_the_loss(batch):
    projections, view_to_clip, labels, labelled = batch
    order = torch.randperm(14, generator=torch.Generator().manual_seed(0))
    targets = label_targets(view_to_clip, labels, labelled, weighted=True)
    moved = label_targets(view_to_clip[order], labels, labelled, weighted=True)
    assert torch.equal(moved, targets[order][:, order])
    assert float(semisupcon_loss(projections[order], moved)) == pytest.approx(float(semisupcon_loss(projections, targets)), rel=1e-9)


def test_an_anchor_without_positives_contributes_zero_and_stays_in_the_mean():
    projections = torch.eye(3, dtype=torch.float64)
    targets = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]])
    assert float(semisupcon_loss(projections, targets, temperature=1.0)) == pytest.approx(2 * math.log(2) / 3)


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("rows", ["zero", "identical", "huge", "single", "none positive"])
def test_hard_inputs_give_finite_values_and_gradients(rows, temperature):
    projections = {
        "zero": torch.zeros(4, 3), "identical": torch.ones(4, 3), "huge": torch.randn(4, 3) * 1e18,
        "single": torch.ones(1, 3), "none positive": torch.randn(4, 3)
    }[rows].requires_grad_()  # fmt: skip
    targets = torch.zeros(len(projections), len(projections)) if rows == "none positive" else torch.ones(len(projections), len(projections))
    loss = semisupcon_loss(projections, targets, temperature=temperature)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(projections.grad).all()
    assert (float(loss.detach()) == 0) == (rows in ("single", "none positive"))


def test_the_gradient_is_that_of_finite_differences(batch):
    projections, view_to_clip, labels, labelled = batch
    targets = label_targets(view_to_clip, labels, labelled, weighted=True)
    assert torch.autograd.gradcheck(lambda z: semisupcon_loss(z, targets, temperature=0.3), (projections.requires_grad_(),))


def test_autocast_does_not_lower_the_precision(batch):
    projections, view_to_clip, labels, labelled = batch
    targets = label_targets(view_to_clip, labels, labelled)
    plain = semisupcon_loss(projections.float(), targets)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(semisupcon_loss(projections.float(), targets), plain)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: semisupcon_loss(torch.ones(3, 2), torch.ones(2, 2)), r"targets must be \(3, 3\) for 3 projections, not \(2, 2\)"),
        (lambda: semisupcon_loss(torch.ones(3), torch.ones(3, 3)), r"projections must be \(views, dim\), not \(3,\)"),
        (lambda: semisupcon_loss(torch.ones(2, 2), torch.full((2, 2), 1.5)), r"targets must lie in \[0, 1\]"),
        (lambda: semisupcon_loss(torch.ones(2, 2), torch.full((2, 2), math.nan)), r"targets must lie in \[0, 1\]"),
        (lambda: semisupcon_loss(torch.ones(2, 2), torch.ones(2, 2), temperature=0.0), "temperature must be positive"),
        (lambda: label_targets(torch.tensor([0, 3]), torch.ones(2, 4), torch.ones(2)), "view_to_clip must lie in 0 to 1"),
        (lambda: label_targets(torch.tensor([0]), torch.ones(1, 4), torch.ones(1), threshold=0), "threshold must be at least 1"),
        (lambda: label_targets(torch.tensor([0]), torch.ones(1, 4) / 2, torch.ones(1)), "labels must be 0 or 1"),
    ],
)
def test_wrong_arguments_are_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
