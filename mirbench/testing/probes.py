"""Whether a probe of a plugin can be fitted, chosen, stored and read again.

PYTEST_DONT_REWRITE: what an assertion says is the whole sentence.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from mirbench.errors import MirbenchError
from mirbench.nouns import Probe
from mirbench.testing.importing import IMPORTED
from mirbench.testing.means import contract, fenced
from mirbench.testing.promises import Promise

METRIC = {"multiclass": "accuracy", "multilabel": "macro_roc_auc", "regression": "r2"}
MODULES = ("__main__", "__mp_main__")


class ProbeSubject:
    """targets: as of `check_probe`."""

    source = ""

    def __init__(self, probe: Probe, targets: Collection[str] = (), seed: int = 0) -> None:
        self.probe, self.targets, self.seed, self.title = probe, targets, seed, f"probe '{probe.name}'"


def _contract(subject: ProbeSubject) -> str:
    contract("probe", subject.probe)
    return ""


def _fits(subject: ProbeSubject) -> str:
    from mirbench.evaluation.probing.metrics import TARGETS
    from mirbench.evaluation.probing.probes import misfit

    probe, name = subject.probe, subject.title
    why = {target: misfit(probe, target) for target in subject.targets or probe.targets or TARGETS}
    assert not all(why.values()), f"{name} is for no kind of target: {next(iter(why.values()))}"
    asked = bool(subject.targets or probe.targets)
    for target, reason in why.items():
        assert not (asked and reason), f"{name}: {reason}"
        if not reason:
            _check_target(name, probe, target, subject.seed)
    return ", ".join(target for target, reason in why.items() if not reason)


def _check_target(name: str, probe: Probe, target: str, seed: int) -> None:
    from mirbench.evaluation.probing.probes import fit
    from mirbench.evaluation.probing.stored_probes import read_probe, write_probe

    draw = np.random.default_rng(0)
    features = draw.normal(size=(240, 6)).astype(np.float32)
    logits = features @ draw.normal(size=(6, 3)) + draw.normal(size=(240, 3))
    labels = np.where(draw.random((240, 3)) < 0.1, -1, logits > 0)
    truth = {"multiclass": logits.argmax(axis=1), "multilabel": labels, "regression": logits}[target]
    given = features[:120], truth[:120], features[120:], truth[120:]
    copies = [array.copy() for array in given]
    modules = {type(probe).__module__, type(probe).build.__module__, getattr(probe.estimator, "__module__", "")} - {"", *MODULES}

    def fitted() -> np.ndarray:
        with fenced(f"{name}, fitted to {target} targets,"):
            found = fit(*given, target=target, classes=("a", "b", "c"), metric=METRIC[target], probe=probe, seed=seed)
        scores = found.predict(given[2])
        with tempfile.TemporaryDirectory() as folder:
            write_probe(Path(folder), found, modules)
            again = read_probe(Path(folder), modules).predict(given[2])
        assert np.array_equal(scores, again), f"{name}: its scores of {target} targets are others after it was stored and read"
        return scores

    try:
        first, second = fitted(), fitted()
    except MirbenchError as error:
        raise AssertionError(f"{name}: {error}") from error
    assert first.shape == (120, 3), f"{name} gives scores of {first.shape} for {target} targets, not (120, 3)"
    assert np.isfinite(first).all(), f"{name} gives scores of {target} targets that are not finite"
    assert np.array_equal(first, second), f"{name} gives other scores of {target} targets for the same seed; let it have a random_state"
    unchanged = all(np.array_equal(array, copy) for array, copy in zip(given, copies, strict=True))
    assert unchanged, f"{name} changes the features or the targets that it is fitted to"


PROBE = (
    Promise(
        "contract",
        "what the registry asks of a probe",
        "the built-in ones of plugins/probes keep all promises",
        _contract,
    ),
    IMPORTED,
    Promise(
        "fits",
        "fitted, scored and stored, the same again",
        "what an estimator draws, it draws by a parameter random_state, which is then set",
        _fits,
        ("contract",),
    ),
)
