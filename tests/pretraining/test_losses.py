"""The loss against slow triple loops written from the paper, and against closed forms."""

import json
import math
import subprocess
import sys

import pytest
import torch

from mirbench import gather_views, label_targets, semisupcon_loss


def slow_loss(projections, targets, temperature, epsilon=0.0, in_denominator=None):
    """mean over i of - sum_j W_ij log(exp(s_ij) / sum_{k != i} exp(s_ik) + epsilon) / sum_j W_ij, in Python floats."""
    z = [[x / max(math.sqrt(sum(y * y for y in row)), 1e-12) for x in row] for row in projections.tolist()]
    w, n, total = targets.tolist(), len(projections), 0.0
    for i in range(n):
        similar = [sum(a * b for a, b in zip(z[i], z[k], strict=True)) / temperature for k in range(n)]
        denominator = sum(math.exp(similar[k]) for k in range(n) if k != i and (in_denominator is None or in_denominator[i, k]))
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


@pytest.mark.parametrize("epsilon", [0.0, 1e-6])
@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("rows", ["zero", "one zero", "identical", "opposite", "huge", "minute", "single", "none", "none positive"])
def test_hard_inputs_give_finite_values_and_gradients(rows, temperature, epsilon):
    random = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    projections = {
        "zero": torch.zeros(4, 3), "one zero": random * torch.tensor([0.0, 1, 1, 1])[:, None], "identical": torch.ones(4, 3),
        "opposite": torch.tensor([1.0, -1, 1, -1])[:, None].repeat(1, 3), "huge": random * 1e30, "minute": random * 1e-30,
        "single": torch.ones(1, 3), "none": torch.ones(0, 3), "none positive": random.clone(),
    }[rows].requires_grad_()  # fmt: skip
    targets = torch.zeros(len(projections), len(projections)) if rows == "none positive" else torch.ones(len(projections), len(projections))
    loss = semisupcon_loss(projections, targets, temperature=temperature, epsilon=epsilon)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(projections.grad).all()
    assert (float(loss.detach()) == 0) == (rows in ("single", "none", "none positive"))
    if rows in ("zero", "minute", "one zero"):
        assert (projections.grad[0] == 0).all()


def test_the_length_of_a_projection_is_of_no_account_even_at_the_ends_of_the_range(batch):
    projections, view_to_clip, labels, labelled = batch
    targets = label_targets(view_to_clip, labels, labelled)
    unit = torch.nn.functional.normalize(projections, dim=1).float()
    plain = float(semisupcon_loss(unit, targets))
    for scale in (1e-11, 1e25, 1e37):
        assert float(semisupcon_loss(unit * scale, targets)) == pytest.approx(plain, rel=1e-5)


def random_denominator(targets):
    """Own choice of pairs, with the positive ones; a row of nothing else."""
    some = torch.rand(targets.shape, generator=torch.Generator().manual_seed(5)) < 0.5
    some[3] = False
    return some | (targets > 0)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("epsilon", [0.0, 1e-6, 0.01])
def test_the_gradient_is_that_of_finite_differences(batch, epsilon, masked):
    projections, view_to_clip, labels, labelled = batch
    targets = label_targets(view_to_clip, labels, labelled, weighted=True)
    mask = random_denominator(targets) if masked else None

    def loss(z):
        return semisupcon_loss(z, targets, temperature=0.3, epsilon=epsilon, in_denominator=mask, chunk=5)

    assert torch.autograd.gradcheck(loss, (projections.requires_grad_(),))


@pytest.mark.parametrize("epsilon", [0.0, 1e-6])
def test_the_denominator_can_be_chosen(batch, epsilon):
    projections, view_to_clip, labels, labelled = batch
    targets = label_targets(view_to_clip, labels, labelled, weighted=True)
    mask = random_denominator(targets)
    given = {"temperature": 0.2, "epsilon": epsilon}
    assert float(semisupcon_loss(projections, targets, in_denominator=mask, **given)) == pytest.approx(
        slow_loss(projections, targets, 0.2, epsilon, mask), rel=1e-9
    )
    for diagonal in (True, False):
        everything = torch.ones_like(mask).fill_diagonal_(diagonal)
        assert torch.equal(
            semisupcon_loss(projections, targets, in_denominator=everything, **given), semisupcon_loss(projections, targets, **given)
        )


def test_an_anchor_with_nothing_in_its_denominator_contributes_zero():
    projections = torch.eye(3, dtype=torch.float64).requires_grad_()
    targets = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 0]])
    mask = torch.tensor([[True, True, True], [True, True, True], [False, False, False]])
    loss = semisupcon_loss(projections, targets, temperature=1.0, in_denominator=mask)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(2 * math.log(2) / 3)
    assert torch.isfinite(projections.grad).all()


@pytest.mark.parametrize("epsilon", [0.0, 1e-6])
@pytest.mark.parametrize("chunk", [1, 3, 5, 14, 99])
def test_the_chunk_moves_neither_the_value_nor_the_gradient(batch, chunk, epsilon):
    projections, view_to_clip, labels, labelled = batch
    targets = label_targets(view_to_clip, labels, labelled, weighted=True)
    found = []
    for size in (len(projections), chunk):
        z = projections.clone().requires_grad_()
        loss = semisupcon_loss(z, targets, epsilon=epsilon, in_denominator=random_denominator(targets), chunk=size)
        (2 * loss).backward()
        found.append((loss.detach(), z.grad))
    assert torch.allclose(found[0][0], found[1][0], rtol=1e-13)
    assert torch.allclose(found[0][1], found[1][1], rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("temperature", [0.1, 0.01])
@pytest.mark.parametrize("spread", [1e-4, 0.03, 1.0])
def test_epsilon_gives_the_numbers_of_the_authors_formula(temperature, spread):
    """-log(exp(s_ij) / sum_{k != i} exp(s_ik) + 1e-6): at a small spread all views are near two opposite points, so that shares of
    almost 1 and of e^-200 occur; rounding is that of similarities up to 1 / temperature in float32."""
    generator = torch.Generator().manual_seed(1)
    centres = torch.tensor([1.0, -1.0]).repeat_interleave(5)[:, None] * torch.ones(1, 8)
    projections = centres + spread * torch.randn(10, 8, generator=generator)
    for targets in ((torch.rand(10, 10, generator=generator) < 0.3).float(), torch.eye(5).repeat(2, 2), torch.eye(10).flip(0)):
        expected = slow_loss(projections.double(), targets, temperature, 1e-6)
        assert expected <= -math.log(1e-6)
        exact = float(semisupcon_loss(projections.double(), targets, temperature=temperature, epsilon=1e-6))
        assert exact == pytest.approx(expected, rel=1e-10, abs=1e-12)
        single = float(semisupcon_loss(projections, targets, temperature=temperature, epsilon=1e-6))
        assert single == pytest.approx(expected, rel=1e-6, abs=2e-7 / temperature)


@pytest.mark.parametrize(
    ("dtype", "out"), [(torch.float16, torch.float32), (torch.bfloat16, torch.float32), (torch.float64, torch.float64)]
)
def test_what_is_computed_in(batch, dtype, out):
    projections, view_to_clip, labels, labelled = batch
    targets = label_targets(view_to_clip, labels, labelled)
    z = projections.to(dtype).requires_grad_()
    loss = semisupcon_loss(z, targets)
    loss.backward()
    assert loss.dtype == out
    assert z.grad.dtype == dtype
    assert float(loss.detach()) == pytest.approx(slow_loss(z.detach().double(), targets, 0.1), rel=1e-5)


def test_targets_may_be_of_any_dtype(batch):
    projections, view_to_clip, labels, labelled = batch
    targets = label_targets(view_to_clip, labels, labelled)
    plain = semisupcon_loss(projections, targets)
    for dtype in (torch.bool, torch.int64, torch.float64, torch.float16):
        assert torch.equal(semisupcon_loss(projections, targets.to(dtype)), plain)


LARGE = """
import sys, torch
from mirbench import semisupcon_loss

views = 8192
projections = torch.randn(views, 128, generator=torch.Generator().manual_seed(0)).requires_grad_()
targets, mask = torch.zeros(views, views), torch.ones(views, views, dtype=torch.bool)
clips = torch.arange(views) // 2
for i in range(views):
    targets[i, (clips == clips[i]) | (clips % 37 == clips[i] % 37)] = 1
loss = semisupcon_loss(projections, targets, in_denominator=mask)
loss.backward()
status = open("/proc/self/status").read()  # ru_maxrss would count the process that this one was forked from
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)  # MB
unit, total = torch.nn.functional.normalize(projections.detach(), dim=1), 0.0
for i in range(0, views, 256):
    logits = (unit[i:i + 256] @ unit.T / 0.1)
    logits[:, i:i + 256].fill_diagonal_(-1e9)
    weights = targets[i:i + 256].clone()
    weights[:, i:i + 256].fill_diagonal_(0)
    total -= float(((weights * logits.log_softmax(1)).sum(1) / weights.sum(1)).sum()) / views
print(float(loss.detach()), total, bool(torch.isfinite(projections.grad).all()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.slow
def test_a_batch_of_8192_views_needs_less_than_two_gigabytes():
    found = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True).stdout.split()
    assert float(found[0]) < 2000
    assert float(found[1]) == pytest.approx(float(found[2]), rel=1e-5)
    assert found[3] == "True"


RANK = """
import json, sys, torch
from torch import distributed, nn
from mirbench import gather_views, semisupcon_loss

def setup(dtype):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(12, 5, generator=generator, dtype=torch.float64).to(dtype)
    targets = (torch.rand(12, 12, generator=generator) < 0.3).float()
    targets = torch.maximum(targets, targets.T)
    mask = (torch.rand(12, 12, generator=generator) < 0.7) | (targets > 0)
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 4)).to(dtype)
    return inputs, targets, mask, model

def result(model, loss):
    loss.backward()
    return {"loss": float(loss.detach()), "gradient": [x for p in model.parameters() for x in p.grad.flatten().tolist()]}

torch.set_num_threads(1)
rank, found = int(sys.argv[1]), {}
if rank >= 0:
    distributed.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
for dtype in (torch.float32, torch.float64):
    inputs, targets, mask, model = setup(dtype)
    run = model if rank < 0 else nn.parallel.DistributedDataParallel(model)
    rows = inputs if rank < 0 else inputs[6 * rank:6 * rank + 6]
    found[str(dtype)] = result(model, semisupcon_loss(gather_views(run(rows)), targets, epsilon=1e-6, in_denominator=mask))
if rank >= 0:
    half = torch.full((1, 2), rank, dtype=torch.bfloat16)
    found["half"] = [str(gather_views(half).dtype), gather_views(half).tolist()]
    try:
        gather_views(torch.ones(2 + rank, 3))
    except ValueError as error:
        found["error"] = str(error)
    distributed.destroy_process_group()
print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_processes_have_the_loss_and_the_gradient_of_one(tmp_path):
    """Each computes the whole loss of the gathered views; parameter gradients are averaged by DistributedDataParallel."""
    started = [
        subprocess.Popen([sys.executable, "-c", RANK, str(rank), str(tmp_path / "meet")], stdout=subprocess.PIPE, text=True)
        for rank in (-1, 0, 1)
    ]
    alone, *ranks = [json.loads(process.communicate(timeout=120)[0]) for process in started]
    for found in ranks:
        for dtype, rel in (("torch.float32", 2e-5), ("torch.float64", 1e-12)):
            assert found[dtype]["loss"] == pytest.approx(alone[dtype]["loss"], rel=rel)
            assert found[dtype]["gradient"] == pytest.approx(alone[dtype]["gradient"], rel=rel, abs=rel / 10)
        assert found["half"] == ["torch.float32", [[0, 0], [1, 1]]]
        assert found["error"] == "every process must have as many views; the shapes by rank are (2, 3), (3, 3)"


def test_without_other_processes_nothing_is_gathered():
    rows = torch.ones(2, 3)
    assert gather_views(rows) is rows


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
        (lambda: semisupcon_loss(torch.ones(2, 2), torch.ones(2, 2), epsilon=math.nan), "epsilon not negative"),
        (lambda: semisupcon_loss(torch.ones(2, 2), torch.ones(2, 2), chunk=0), "chunk at least 1"),
        (lambda: semisupcon_loss(torch.ones(1, 2), torch.full((1, 1), 2.0)), r"targets must lie in \[0, 1\]"),
        (
            lambda: semisupcon_loss(torch.ones(2, 2), torch.ones(2, 2), in_denominator=torch.ones(2, 2)),
            r"in_denominator must be \(2, 2\) bool for 2 projections, not \(2, 2\) float32",
        ),
        (
            lambda: semisupcon_loss(torch.ones(2, 2), torch.ones(2, 2), in_denominator=torch.eye(2).bool()),
            "in_denominator leaves out a pair whose target is above 0",
        ),
        (lambda: label_targets(torch.tensor([0, 3]), torch.ones(2, 4), torch.ones(2)), "view_to_clip must lie in 0 to 1"),
        (lambda: label_targets(torch.tensor([0]), torch.ones(1, 4), torch.ones(1), threshold=0), "threshold must be at least 1"),
        (lambda: label_targets(torch.tensor([0]), torch.ones(1, 4) / 2, torch.ones(1)), "labels must be 0 or 1"),
    ],
)
def test_wrong_arguments_are_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
