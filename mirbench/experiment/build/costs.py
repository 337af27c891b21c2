"""What jobs take, roughly: seconds on two cores without a GPU, as measured on `mini`, and megabytes of the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirbench.engine.jobs import Cost
from mirbench.experiment.resolve.records import Data, Entry, Resolved
from mirbench.nouns import Task
from mirbench.records import PRETRAINING_SPLITS, TESTED_SPLITS

if TYPE_CHECKING:
    from mirbench.evaluation.probing.scoring import TaskData

DECODING = 0.002  # seconds that a second of audio takes
EMBEDDING, CORRUPTING = 0.0035, 0.0035  # the same, of a light encoder, and of one corruption for all encoders
CLIP_MEGABYTES = 0.004  # of an embedding, at most
PASS_CLIP_MEGABYTES = 0.01  # of an embedding, as passes are measured
PASS_MEGABYTES = 4000.0  # of corrupted embeddings that may lie on disk at a time
MEL_MEGABYTES, WAVEFORM_MEGABYTES = 0.011, 0.044  # that a second of audio takes to be pretrained on
PROBE_SECONDS = 0.4  # and for each clip, class and number of an embedding:
PROBE_SECONDS_EACH = 1.5e-6
SCORE_SECONDS = 0.03  # and for each test clip, class and resample:
SCORE_SECONDS_EACH = 1.5e-8
TAKING_OVER = Cost(1.0, 10.0)
UNKNOWN_CLIPS, UNKNOWN_SECONDS = 1000, 5000.0  # of a split of a data set that is still to be made


def preparing(data: Data) -> Cost:
    return Cost(*data.noun.cost(), cores=0)


def pretraining(resolved: Resolved, entry: Entry) -> Cost:
    seconds, megabytes = entry.encoder.cost(entry.options)
    audio = sum(data.size(PRETRAINING_SPLITS)[1] for data in resolved.pretraining_data)
    on_bands = entry.options.get("augment") != "waveform" and entry.name in resolved.on_bands
    megabytes += audio * (MEL_MEGABYTES if on_bands else WAVEFORM_MEGABYTES)
    return Cost(seconds + audio * DECODING, megabytes, cores=0, gpu=resolved.machine.kind != "cpu")


def embedding(resolved: Resolved, data: Data, split: str, corrupted: bool, sharing: int) -> Cost:
    """sharing: how many encoders hear one corrupted clip."""
    clips, audio = data.size((split,)) if data.prepared else (UNKNOWN_CLIPS, UNKNOWN_SECONDS)
    seconds = audio * (EMBEDDING + (CORRUPTING if corrupted else DECODING) / max(1, sharing))
    return Cost(seconds, clips * CLIP_MEGABYTES, cores=0, gpu=resolved.machine.kind != "cpu")


def probing(labels: TaskData | None, task: Task, kind: str) -> Cost:
    """Grows with clips and classes."""
    clips, classes = (len(labels.splits["train"].clips), len(labels.classes)) if labels else (UNKNOWN_CLIPS, len(task.classes) or 10)
    each = PROBE_SECONDS_EACH * (1 if kind == "linear" else 3)
    return Cost(PROBE_SECONDS + each * 256 * clips * classes, 0.5)


def predicting(labels: TaskData | None) -> Cost:
    clips, classes = _tested(labels)
    return Cost(0.02, clips * classes * 4e-6 + 0.05)


def scoring(labels: TaskData | None, resamples: int) -> Cost:
    clips, classes = _tested(labels)
    return Cost(SCORE_SECONDS + SCORE_SECONDS_EACH * clips * classes * resamples, 0.02 + resamples * 2.4e-5)


def comparing(learnt_from: tuple[Data, ...], tested: tuple[Data, ...]) -> Cost:
    seconds = sum(data.size(PRETRAINING_SPLITS)[1] for data in learnt_from) + sum(data.size(TESTED_SPLITS)[1] for data in tested)
    return Cost(seconds * DECODING, 1.0, cores=0)


def _tested(labels: TaskData | None) -> tuple[int, int]:
    return (len(labels.splits["test"].clips), len(labels.classes)) if labels else (UNKNOWN_CLIPS, 10)
