"""What the grid of the linear probe costs with LogisticClassifier, beside scikit-learn's LogisticRegression in the same run. Not a test:
`OMP_NUM_THREADS=1 python tests/benchmarks/probes.py`.

Seconds of processor time for all seven strengths, each from the solution of the one before, of features on their principal axes for both (a
quarter of the work where there are more features than clips). error: the largest root mean square, over strengths, of what logits of
other clips are off, from a solution at a tolerance of 1e-6. One is as good as the other only at the same error: the tolerance of
scikit-learn is of the gradient of the mean loss, which leaves weak regularisation far from its solution.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from mirbench_plugins.probes.linear import STRENGTHS
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from mirbench import LogisticClassifier
from mirbench.evaluation.estimators.solver import principal_axes

CASES = [  # clips, features, classes or labels, of which kind
    (576, 2304, 9, "classes"),
    (854, 2304, 61, "classes"),
    (5000, 512, 24, "classes"),
    (1400, 512, 700, "classes"),
    (5000, 512, 50, "labels"),
]
TOLERANCES = (1e-4, 1e-6)
Path = list[np.ndarray]  # the logits of other clips at each strength, but for what all classes share


def made(clips: int, dim: int, outputs: int, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features on their axes of as many clips to learn from, their targets, and features of others."""
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(2 * clips, 24))
    x = hidden @ draw.normal(size=(24, dim)) + 4 * draw.normal(size=(2 * clips, dim)) @ draw.normal(size=(dim, dim)) / dim**0.5
    x = ((x - x[:clips].mean(axis=0)) / x[:clips].std(axis=0)).astype(np.float32).astype(np.float64)
    logits = hidden @ draw.normal(size=(24, outputs))
    if kind == "labels":
        y = (logits + 2 * draw.logistic(size=logits.shape) > draw.uniform(3, 9, outputs)).astype(int)[:clips]
    else:
        y = (logits + draw.gumbel(size=logits.shape))[:clips].argmax(axis=1)
        y[: 2 * outputs] = np.arange(2 * outputs) % outputs  # each has a clip or two
    rotated, back = principal_axes(torch.from_numpy(x[:clips]))
    return rotated.numpy(), y, x[clips:] @ back.numpy()


def centred(logits: np.ndarray, kind: str) -> np.ndarray:
    return logits if kind == "labels" else logits - logits.mean(axis=1, keepdims=True)


def ours(x: np.ndarray, y: np.ndarray, other: np.ndarray, kind: str, tol: float) -> Path:
    model = LogisticClassifier(warm_start=True, tol=tol)
    return [centred(model.set_params(C=strength).fit(x, y).decision_function(other), kind) for strength in STRENGTHS]


def theirs(x: np.ndarray, y: np.ndarray, other: np.ndarray, kind: str, tol: float) -> Path:
    columns = list(y.T) if kind == "labels" else [y]
    models = [LogisticRegression(warm_start=True, tol=tol, max_iter=3000) for _ in columns]
    path = []
    for strength in STRENGTHS:
        found = [m.set_params(C=strength).fit(x, column).decision_function(other) for m, column in zip(models, columns, strict=True)]
        path.append(centred(np.stack(found, axis=1) if kind == "labels" else found[0], kind))
    return path


def timed(fit: Callable[..., Path], *given: object) -> tuple[float, Path]:
    begun = time.process_time()
    path = fit(*given)
    return time.process_time() - begun, path


def main() -> None:
    heads = "".join(f"  {f'scikit-learn {tol:g}':>18} {'ratio':>6} {'error':>8}" for tol in TOLERANCES)
    print(f"{'clips':>5} {'dim':>5} {'outputs':>12}  {'ours':>6} {'error':>8}{heads}")
    for clips, dim, outputs, kind in CASES:
        given = (*made(clips, dim, outputs, kind), kind)
        exact = ours(*given, 1e-6)

        def error(path: Path, exact: Path = exact) -> float:
            return max(float(np.sqrt(np.mean((found - right) ** 2))) for found, right in zip(path, exact, strict=True))

        seconds, path = timed(ours, *given, 1e-4)
        line = f"{clips:5} {dim:5} {f'{outputs} {kind}':>12}  {seconds:6.2f} {error(path):8.0e}"
        for tol in TOLERANCES[:1] if kind == "labels" else TOLERANCES:  # of labels, the second takes many minutes
            slow, path = timed(theirs, *given, tol)
            line += f"  {slow:18.2f} {slow / seconds:6.1f} {error(path):8.0e}"
        print(line, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of the strengths at which 3,000 steps do not do
    with threadpool_limits(1):
        main()
