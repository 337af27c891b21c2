"""What jobs take, roughly: seconds on two cores without a GPU, as measured on `mini`, and megabytes of the cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mirbench.engine.jobs import Cost
from mirbench.evaluation.probing.metric_table import resolve as resolve_metric
from mirbench.evaluation.probing.scorers import ScorerFunction
from mirbench.experiment.resolve.records import Data, Entry, Resolved
from mirbench.nouns import Task
from mirbench.records import ALL_LAYERS, BEST_LAYER, PRETRAINING_SPLITS, TESTED_SPLITS

if TYPE_CHECKING:
    from mirbench.evaluation.probing.scoring import TaskData

DECODING = 0.0005  # seconds that a second of audio takes, once for all encoders
CORRUPTING = 0.0003  # the same, of one condition
CLIP_MEGABYTES = 0.0065  # of an embedding
PASS_CLIP_MEGABYTES = 0.01  # of an embedding, as passes are measured
PASS_MEGABYTES = 4000.0  # of corrupted embeddings that may lie on disk at a time
MEL_MEGABYTES, WAVEFORM_MEGABYTES = 0.011, 0.044  # that a second of audio takes to be pretrained on
PREDICTING_SECONDS = 0.02
SCORE_SECONDS, SCORE_SECONDS_EACH = 0.03, 8e-9  # and for each test clip, class and resample
RANKING_SECONDS = 7e-8  # each test clip by each other
MAPPING_SECONDS, MAP_MEGABYTES = {"tsne": 0.0025, "umap": 0.005}, 4e-5  # each clip
REPORT_SECONDS = 4.0  # tables, the page and what it starts with; and for each encoder in
FIGURE_SECONDS, CORRUPTED_FIGURE_SECONDS, MAP_FIGURE_SECONDS = 0.1, 0.015, 0.3  # a figure, one corruption of a figure, a map
DECIDING = Cost(0.1, 0.1)
UNKNOWN_CLIPS, UNKNOWN_SECONDS, UNKNOWN_CLASSES = 1000, 5000.0, 20  # of a split of a data set that is still to be made; of a task


def preparing(data: Data) -> Cost:
    return Cost() if data.prepared else Cost(*data.noun.cost(), cores=0)


def gpus(resolved: Resolved) -> int:
    """That a job uses which runs a network."""
    return int(resolved.machine.kind != "cpu")


def taking_over(resolved: Resolved) -> Cost:
    return Cost(1.0, 10.0, gpus=gpus(resolved))


def measuring(resolved: Resolved) -> Cost:
    """What an encoder costs, in one thread, while nothing else of the run is computed, which would move the time."""
    return Cost(1.5, 0.01, cores=0, gpus=gpus(resolved))


def listens_to_bands(resolved: Resolved, entry: Entry) -> bool:
    """Whether it is pretrained on log-mel bands, not on waveforms."""
    return entry.options.get("augment") != "waveform" and entry.name in resolved.on_bands


def pretraining(resolved: Resolved, entry: Entry, sharing: int) -> Cost:
    """sharing: how many trainings share the decoded audio, which is in the cache once."""
    seconds, megabytes = entry.encoder.cost(entry.options)
    audio = sum(sizes(data, PRETRAINING_SPLITS)[1] for data in resolved.pretraining_data) / max(1, sharing)
    megabytes += audio * (MEL_MEGABYTES if listens_to_bands(resolved, entry) else WAVEFORM_MEGABYTES)
    devices, nodes = resolved.config.devices, resolved.nodes(entry.encoder)
    processes = devices if nodes > 1 else 1  # which are started by the scheduler; those of one node the training starts itself
    return Cost(seconds + audio * DECODING, megabytes, cores=0, gpus=devices * gpus(resolved), nodes=nodes, processes=processes)


def embedding(resolved: Resolved, entry: Entry, data: Data, split: str, corrupted: bool, sharing: int) -> Cost:
    """sharing: how many encoders share the decoding, or the corrupting."""
    clips, audio = sizes(data, (split,))
    each = entry.encoder.embedding_cost(entry.options) + (CORRUPTING if corrupted else DECODING) / max(1, sharing)
    layers = (entry.encoder.layers(entry.options) or 1) if entry.embedded_layer == ALL_LAYERS else 1
    size = CLIP_MEGABYTES * layers * (0.5 if resolved.config.embedding.dtype == "float16" else 1)
    return Cost(audio * each, clips * size, cores=0, gpus=gpus(resolved))


def probing(data: Data, labels: TaskData | None, task: Task, entry: Entry) -> Cost:
    """Of every draw of few labels, and of every layer of which the best is chosen."""
    clips, classes = _labelled(data, labels, task, "train")
    layers = (entry.encoder.layers(entry.options) or 1) if entry.probed_layer == BEST_LAYER else 1
    few = clips if entry.shots is None else min(clips, entry.shots * classes)
    return Cost(entry.draws * layers * entry.probe.noun.cost(few, classes), entry.draws * 0.5)


def predicting(data: Data, labels: TaskData | None, task: Task, draws: int) -> Cost:
    clips, classes = _labelled(data, labels, task, "test")
    return Cost(draws * PREDICTING_SECONDS, draws * (clips * classes * 4e-6 + 0.02))


def scoring(data: Data, labels: TaskData | None, task: Task, resamples: int, draws: int) -> Cost:
    clips, classes = _labelled(data, labels, task, "test")
    functions = [resolve_metric(metric).function for metric in task.metrics]
    scorers = sum(function.seconds(task.target, classes) for function in functions if isinstance(function, ScorerFunction))
    seconds = SCORE_SECONDS + (SCORE_SECONDS_EACH * clips * classes + scorers) * resamples
    return Cost(draws * seconds, draws * (0.01 + resamples * 1.6e-5))


def similarity(data: Data, tasks: Sequence[Task]) -> Cost:
    clips = sizes(data, ("test",))[0]
    return Cost(RANKING_SECONDS * clips**2 * (1 + len(tasks) / 2), 0.06 + 0.02 * len(tasks))


def mapping(resolved: Resolved, data: Data) -> Cost:
    settings = resolved.config.maps
    clips = min(settings.clips, sizes(data, ("test",))[0])
    return Cost(MAPPING_SECONDS[settings.method] * clips, MAP_MEGABYTES * clips)


def reporting(resolved: Resolved) -> Cost:
    """Figures that there will be, by encoders, as the reference runs measure it."""
    panels = sum(resolved.carries(data, task) for data in resolved.scored_data for task in resolved.tasks)
    figures = 4 + bool(resolved.config.sweep) + 2 * resolved.similarity
    of_corruption = (2 + panels) * len(resolved.conditions)
    maps = len(resolved.tasks) if resolved.config.maps.method != "none" else 0
    each = FIGURE_SECONDS * figures + CORRUPTED_FIGURE_SECONDS * of_corruption + MAP_FIGURE_SECONDS * maps
    return Cost(REPORT_SECONDS + len(resolved.entries) * each)


def comparing(learnt_from: tuple[Data, ...], tested: tuple[Data, ...]) -> Cost:
    seconds = sum(sizes(data, PRETRAINING_SPLITS)[1] for data in learnt_from) + sum(sizes(data, TESTED_SPLITS)[1] for data in tested)
    return Cost(seconds * DECODING, 1.0, cores=0)


def sizes(data: Data, splits: Sequence[str]) -> tuple[int, float]:
    """Clips and seconds of audio in these splits, as they are, as they will be made, or as they might be."""
    if data.prepared:
        return data.size(splits)
    promised = data.promised
    of_splits = [promised.get(split, (0, 0.0)) if promised else (UNKNOWN_CLIPS, UNKNOWN_SECONDS) for split in splits]
    return sum(clips for clips, _ in of_splits), sum(seconds for _, seconds in of_splits)


def _labelled(data: Data, labels: TaskData | None, task: Task, split: str) -> tuple[int, int]:
    """Labelled clips and classes."""
    if labels is not None:
        return len(labels.splits[split].clips), len(labels.classes)
    return sizes(data, (split,))[0] // 3, len(task.classes) or UNKNOWN_CLASSES
