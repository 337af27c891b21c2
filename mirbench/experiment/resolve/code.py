"""What of the code makes numbers: of each kind of job, and of each noun, a hash of the source that is used and the versions of the packages
that it imports. What chooses by name is followed by hand: components of encoders, metrics of tasks, the classes of what is passed in.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.engine.sources import MEMO, NEUTRAL, Sources, SourceTree
from mirbench.engine.store import Store, key_of
from mirbench.errors import MirbenchError
from mirbench.evaluation.probing.metric_table import resolve as resolve_metric
from mirbench.experiment.resolve.records import Code, Parts
from mirbench.nouns import Metric
from mirbench.registry.contract import TARGETS, file_of
from mirbench.results.provenance import versions_of

if TYPE_CHECKING:
    from mirbench.experiment.resolve.records import Entry
    from mirbench.nouns import Corruption, Probe, Task
    from mirbench.registry import Registry

EVALUATION = "mirbench.evaluation"
EMBEDDING, PROBING = f"{EVALUATION}.embedding", f"{EVALUATION}.probing"
ROOTS = {
    "embeddings": (
        f"{EMBEDDING}.passes:embed_passes",
        f"{EMBEDDING}.partial:PartialEmbeddings",
        f"{EMBEDDING}.windows:FrozenEncoder",
        "mirbench.records:Clip",
    ),
    "probes": (
        f"{PROBING}.scoring:task_data",
        f"{PROBING}.scoring:fit_task",
        f"{PROBING}.stored_probes:write_probe",
        "mirbench.records:Embeddings",
    ),
    "predictions": (f"{PROBING}.scoring:task_data", f"{PROBING}.scoring:predict", f"{PROBING}.stored_probes:read_probe"),
    "scores": (
        f"{PROBING}.scoring:measured",
        f"{PROBING}.scoring:labels_behind",
        f"{PROBING}.scoring:shift_labels",
        "mirbench.records:Predictions",
    ),
    "similarities": (
        f"{EVALUATION}.similarity.measured:parts",
        f"{EVALUATION}.similarity.measured:Part",
        f"{PROBING}.layers:of_layer",
        "mirbench.records:Embeddings",
    ),
    "decisions": (f"{EVALUATION}.similarity.measured:decisions", f"{EVALUATION}.similarity.measured:Part", "mirbench.records:Predictions"),
    "maps": (f"{EVALUATION}.similarity.projection:project", f"{PROBING}.layers:of_layer", "mirbench.records:Embeddings"),
    "costs": ("mirbench.evaluation.embedding.cost:count", "mirbench.evaluation.embedding.cost:measure"),
    "overlaps": (
        "mirbench.data.duplicates.overlap:find_overlap",
        "mirbench.data.duplicates.overlap:find_overlap_of_fingerprints",
        "mirbench.data.duplicates.fingerprinting:listen_to",
    ),
}
NEUTRAL_MODULES = ("mirbench.registry", f"{PROBING}.metric_table", "mirbench.engine", "mirbench.settings")  # they choose, keep and check
DECODERS = ("soundfile", "av")  # which of them decodes depends on the file; see `Data.decoders`
DEPENDENCIES = {
    "audiomentations": ("scipy", "python-stretch", "numpy-minmax", "numpy-rms"),
    "librosa": ("scipy", "numba"),
    "sklearn": ("scipy",),
}  # what packages compute with
NEUTRAL_PACKAGES = (
    "threadpoolctl",
    "tqdm",
    "pluggy",
    "tensorboard",
    "safetensors",
    "skops",
    "pyarrow",
    "mirdata",
    "umap",  # of which the jobs that use it have the version
)  # packages that move no number
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "PyYAML", "lightning": "lightning-fabric", "lightning_fabric": "lightning-fabric"}


def source_tree(store: Store) -> SourceTree:
    """The source of mirbench and its plugins; what was read of it is kept in the store."""
    return SourceTree(neutral=(*NEUTRAL, *NEUTRAL_MODULES), memo=store.root / MEMO)


def resolve_code(
    tree: SourceTree,
    registry: Registry,
    entries: Sequence[Entry],
    tasks: Sequence[Task] = (),
    corruptions: Iterable[Corruption] = (),
    probes: Iterable[Probe] = (),
) -> Code:
    """Of what a run uses."""
    reader = _Reader(tree, registry)
    return Code(
        kinds={kind: reader.parts(reader.tree.used_by(*roots)) for kind, roots in ROOTS.items()},
        pretraining={entry.name: reader.pretraining(entry) for entry in entries if entry.encoder.trainable},
        embedding={entry.name: reader.embedding(entry) for entry in entries},
        tasks={task.name: reader.task(task, task.metrics) for task in tasks},
        headlines={task.name: reader.task(task, task.metrics[:1]) for task in tasks},
        corruptions={corruption.name: reader.corruption(corruption) for corruption in corruptions},
        probes={probe.name: reader.probe(probe) for probe in probes},
    )


class _Reader:
    def __init__(self, tree: SourceTree, registry: Registry) -> None:
        self.tree, self.registry = tree, registry

    def parts(self, *several: Sources) -> dict[str, Any]:
        packages = {package for sources in several for package in sources.packages}
        return {"code": key_of(digests=sorted({sources.digest for sources in several})), "versions": _versions(tuple(sorted(packages)))}

    def pretraining(self, entry: Entry) -> Parts:
        components = [self.registry.get(kind, name) for kind, name in sorted(set(entry.encoder.parts(entry.options)))]
        learning = self.tree.used_by("mirbench.records:PretrainJob", "mirbench.records:Clip")
        own = self.tree.of_object(entry.encoder, ["check", "complete", "needs", "pretrain"])
        return self.parts(own, learning, *(self.tree.of_object(component) for component in components))

    def embedding(self, entry: Entry) -> Parts:
        backbones = [name for kind, name in entry.encoder.parts(entry.options) if kind == "backbone"]
        own = self.tree.of_object(entry.encoder, ["load"])
        return self.parts(own, *(self.tree.of_object(self.registry.get("backbone", name)) for name in sorted(set(backbones))))

    def task(self, task: Task, metrics: Iterable[str | Metric]) -> Parts:
        resolved = [resolve_metric(metric) for metric in metrics]
        return self.parts(self.tree.of_object(task), *(sources for metric in resolved for sources in self._of_metric(metric)))

    def corruption(self, corruption: Corruption) -> Parts:
        return self.parts(self.tree.of_object(corruption, ["apply", "mix", "changes"]))

    def probe(self, probe: Probe) -> Parts:
        """An estimator that is given, not made by a function, may come from elsewhere: its class and all of its parameters."""
        module = self.registry.module("probe", probe.name)
        file = file_of(module)
        own = self.tree.of_files([Path(file)]) if file else self.tree.of_object(probe)
        given = probe.estimator if hasattr(probe.estimator, "get_params") and not isinstance(probe.estimator, type) else None
        try:
            grids = {target: _described(dict(probe.points(target))) for target in TARGETS}
            return {**self.parts(own), "estimator": None if given is None else _described(given), "grid": grids}
        except ValueError as error:
            raise MirbenchError(f"the probe '{probe.name}' {error}") from error

    def _of_metric(self, metric: Metric) -> Sequence[Sources]:
        """A function of ours, or an object that holds some; what a plugin defines is part of its task."""
        function = metric.function.func if isinstance(metric.function, functools.partial) else metric.function
        functions = [function, *(vars(function).values() if hasattr(function, "__dict__") else ()), metric.labels]
        named = [function if hasattr(function, "__qualname__") else type(function) for function in functions if callable(function)]
        ours = [each for each in named if each.__module__.startswith("mirbench.") and "." not in each.__qualname__]
        return [self.tree.used_by(f"{each.__module__}:{each.__qualname__}") for each in ours]


def _described(value: Any) -> str:
    """Of a parameter, the same text in every process: no address in memory, arrays by a digest of all that they hold.

    Raises ValueError where a value can only be told by its address.
    """
    if hasattr(value, "get_params") and not isinstance(value, type):
        return f"{_described(type(value))}({_described(dict(sorted(value.get_params(deep=False).items())))})"
    if hasattr(value, "__qualname__") and hasattr(
        value, "__module__"
    ):  # a function or a class, whose source is the plugin's or a package's
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, functools.partial):
        return f"partial({_described(value.func)}, {_described(value.args)}, {_described(value.keywords)})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_described(key)}: {_described(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_described, value)) + "]"
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(_described, value))) + "}"
    if hasattr(value, "tobytes"):
        return f"{value.dtype}{value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    text = repr(value)
    if " at 0x" in text:
        raise ValueError(f"has a parameter {text:.60}, of which nothing tells its value; give a function, numbers or text in its place.")
    return text


@functools.cache
def _versions(packages: tuple[str, ...]) -> Mapping[str, str]:
    """Of packages as they are imported, by the names under which they are installed."""
    wanted = [DISTRIBUTIONS.get(name, name) for name in packages if name not in (*NEUTRAL_PACKAGES, *DECODERS)]
    versions = versions_of(dict.fromkeys([*wanted, *(dependency for name in packages for dependency in DEPENDENCIES.get(name, ()))]))
    if lost := [name for name in wanted if versions[name] == "missing"]:  # installed under another name, such as cv2
        installed = _installed()
        versions |= {name: version for other in lost for name, version in versions_of(installed.get(other, [other])).items()}
        versions = {name: version for name, version in versions.items() if name not in lost or not installed.get(name)}
    return versions


@functools.cache
def _installed() -> Mapping[str, list[str]]:
    """By the name under which it is imported, the distributions that bring a package. Reads all that is installed."""
    return metadata.packages_distributions()
