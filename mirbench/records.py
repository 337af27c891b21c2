"""The frozen records that travel between the rooms. Nothing here imports torch, and nothing here does work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SPLITS = ("train", "valid", "test", "pretrain")
"""`pretrain` clips are for pretraining only; pretraining sees `train` and `pretrain`, probes see `train`, `valid` and `test`."""
PRETRAINING_SPLITS = ("train", "pretrain")  # in pretraining
TESTED_SPLITS = ("valid", "test")  # what is pretrained on must not be in these
PROBED = ("train", "valid", "test")  # by probes

CLEAN = "clean"
ALL = "all"  # the task, data set, metric or corruption of a mean over them
FAMILIES, UNSEEN, SEEN = "all families", "unseen families", "seen families"  # the corruption of a mean over families
OF_CORRUPTIONS = ("noise", "filtering", "level", "coding", "rooms", "time", "mixing")  # families; plugins may have others
FAMILY = "family {}"  # and of one over the corruptions of a family; no corruption has a space in its name
SEVERITIES = 5  # from mild to harsh
NATURAL_SHIFT = "natural-shift"  # the family of other recordings of the test clips, which is in no mean
OTHER_RECORDINGS = "other recordings"  # what is told of it in the place of a level
MAJORITY = "majority"
SIMILARITY = "similarity"  # the task of what is measured of embeddings without a probe
OVERLAP_MARK = " †"  # after the name of an encoder that was pretrained on audio that it is tested on
SHARED_MARK = " ‡"  # after the title of a task of whose test clips some hold, or may hold, audio that its probes know
AUDIO_CACHE = "audio_cache"  # in a cache, of decoded audio to be pretrained on
REPORT = "report"
STAGES = {  # of a run, as the plan, the lines of progress and the page call them: the kinds of jobs of each
    "data": ("datasets", "overlaps"),
    "pretraining": ("checkpoints",),
    "embedding": ("embeddings",),
    "corrupting": ("corrupted-embeddings",),
    "probing": ("probes",),
    "scoring": ("predictions", "corrupted-predictions", "scores", "similarities", "decisions"),
    "maps": ("maps",),
    "costs": ("costs",),
    REPORT: (),  # no job: tables, figures and the page, after the last one
}
_STAGE_OF = {kind: stage for stage, kinds in STAGES.items() for kind in kinds}
FEWEST_CLIPS = 5  # of a class in training, below which it is pointed out
ABOUT = "encoder.json"  # in every checkpoint folder: {"encoder": name, "options": {...}, "seed": number}


def stage_of(kind: str) -> str:
    """What a person calls the work on jobs of a kind."""
    return _STAGE_OF.get(kind, kind)


@dataclass(frozen=True)
class Clip:
    """A stretch of an audio file and what is known of it.

    start, duration: seconds into the file; duration None means to its end.
    group: what must not span splits (tune, artist, instrument); scores are bootstrapped over groups.
    annotations: by name, e.g. {"tags": ("piano", "slow"), "key": "C minor", "pitch": 60, "genre": "reel"}; a missing name is unknown.
    """

    id: str
    path: Path
    split: str
    group: str
    start: float = 0.0
    duration: float | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Files:
    """Some of the files of a data set, as its authors publish them.

    path: relative to the folder of the data set, `/` between its parts; a pattern such as `audio/*/*.mp3` stands for `count` files. md5: as
    its publisher tells it, of a single file. source: the address where it is to be had. optional: whether it can be done without.
    """

    path: str
    count: int = 1
    md5: str = ""
    source: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Download:
    """A file of a data set, or an archive of some, that its publisher lets anybody download.

    url: its address, with which the `source` of those `Files` begins that it holds. more: the addresses of further parts, where an archive
    is published in parts that are joined as they are. megabytes: its size, about. archive: `zip`, `tar` (compressed or not), or nothing
    for a file that is taken as it is. unpacked: megabytes of the files in an archive, about; one that holds more than twice as much is
    refused. checksum: as its publisher states it, `md5:`, `sha1:` or `sha256:` with the digest; nothing where none is published. to: the
    folder that it goes to, relative to that of the data set.
    """

    url: str
    megabytes: float
    archive: str = ""
    unpacked: float = 0.0
    checksum: str = ""
    to: str = ""
    more: tuple[str, ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """All of its addresses, in their order."""
        return (self.url, *self.more)


@dataclass(frozen=True)
class Checksums:
    """Lists of checksums that the authors of a data set ship with it, in the form that md5sum, sha1sum or sha256sum writes.

    path: of the lists, relative to the folder of the data set; may be a pattern. of: the file that a line is of, relative to the folder of
    its list; `{}` stands for the name in the line or, where a list is a digest alone, for the list's own name without its ending. A file
    `**/{}` is looked for anywhere below the folder of the data set.
    """

    path: str
    of: str = "{}"


@dataclass(frozen=True)
class Input:
    """The audio that an encoder is given.

    sample_rate: Hz. window_seconds: a longer clip is cut into windows of this length, whose embeddings are averaged. hop_seconds: the
    most that neighbouring windows begin apart; None: as far as a window is long, so that as few as cover the clip. shortest_seconds:
    audio that is shorter has silence put behind it. batch_size: the most windows at a time; None: the run's.
    """

    sample_rate: int = 22_050
    window_seconds: float = 2.7
    hop_seconds: float | None = None
    shortest_seconds: float = 0.0
    batch_size: int | None = None


@dataclass(frozen=True)
class PretrainJob:
    """What an encoder is given to pretrain with.

    clips: the clips it may learn from: `train` and `pretrain` splits only, never valid or test. options: the encoder's options,
    complete. folder: where to leave its files; the planner adds encoder.json and report.json. cache: a folder for what is dear to make
    and depends on the clips alone. validation: `valid` clips, to choose between checkpoints and for nothing else. unfinished: a
    folder of this job's own that outlives a kill, to go on from; removed when the job is done. devices: how many to train on, together.
    report: fill in what the manifest should say (steps, labels used, skipped clips by id with their reason ...).
    """

    clips: Sequence[Clip]
    options: Mapping[str, Any]
    seed: int
    folder: Path
    cache: Path
    device: str
    validation: Sequence[Clip] = ()
    unfinished: Path | None = None
    devices: int = 1
    report: dict[str, Any] = field(default_factory=dict)


LAYER = "layer"  # the option of an encoder that has layers
LAST_LAYER, ALL_LAYERS, BEST_LAYER, WEIGHTED_LAYERS = "last", "all", "best", "weighted"  # which layers of an encoder are probed


@dataclass(frozen=True)
class Embeddings:
    """One row per clip. matrix: (clips, dim) or (clips, layers, dim), float32 or float16, often memory-mapped; skipped: clip id -> why it
    has no row."""

    clip_ids: tuple[str, ...]
    matrix: np.ndarray
    skipped: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Condition:
    """What is done to the audio before it is embedded. severity: 1 to 5, 0 for clean; level: the same in `unit`."""

    corruption: str = CLEAN
    severity: int = 0
    level: float | None = None
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.corruption}, severity {self.severity}" if self.severity else CLEAN


@dataclass(frozen=True)
class Predictions:
    """What a probe said of the test clips of one task.

    classes: published order. targets: multiclass (clips,) int index into classes; multilabel (clips, classes) 0/1, -1 where nobody has
    judged; regression (clips, classes) float. scores: (clips, classes) float: logits, probabilities or values; larger is likelier.
    calibrated: whether their softmax, or of labels their sigmoid, are probabilities that the probe tells.
    """

    clip_ids: tuple[str, ...]
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    target: str  # multiclass | multilabel | regression
    targets: np.ndarray
    scores: np.ndarray
    calibrated: bool = False
