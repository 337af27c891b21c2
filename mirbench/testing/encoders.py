"""What encoders promise.

PYTEST_DONT_REWRITE: what an assertion says is the whole sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.evaluation.embedding.model_files import model_files
from mirbench.evaluation.embedding.models import ModelEncoder
from mirbench.nouns import Embed, Encoder
from mirbench.records import ALL_LAYERS, LAST_LAYER, LAYER, Clip, Input, PretrainJob
from mirbench.settings.options import check_layer
from mirbench.settings.validation import declared
from mirbench.testing.embedding import FORK, LOAD, LONG, RATE, SPEED, USED, EmbedSubject, float32
from mirbench.testing.importing import IMPORTED
from mirbench.testing.means import as_json, close, completed, contract, fenced, noise, tones
from mirbench.testing.opened import data_files, opened
from mirbench.testing.promises import WRITTEN, NotSeen, Promise

LENGTHS = (0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds of audio that are tried where 10 ms are too short
LENGTH = re.compile(r"Got: \d+ Expected|shape|dimension|size|length|short|samples", re.IGNORECASE)  # in what is raised for its length


class EncoderSubject(EmbedSubject):
    """options, folder, clips, seed, device: as of `check_encoder`. scratch: a folder that is empty."""

    def __init__(
        self,
        encoder: Encoder,
        scratch: Path,
        options: Mapping[str, Any] | None = None,
        folder: Path | None = None,
        clips: Sequence[Clip] | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.encoder, self.scratch, self.options, self.clips = encoder, scratch, options or {}, clips
        self.seed, self.device, self.title = seed, device, f"encoder '{encoder.name}'"
        self.checkpoint = folder
        self.read: list[str] = []  # the files that were read while it was loaded and called the first time

    @cached_property
    def complete(self) -> dict[str, Any]:
        return completed(self.title, self.encoder.options, self.options)

    @cached_property
    def given(self) -> Input:
        return self.encoder.input(self.complete)

    @cached_property
    def layers(self) -> int | None:
        return self.encoder.layers(self.complete)

    @property
    def layer(self) -> int | str | None:  # type: ignore[override]
        """The number that is asked for, or else the last; None: it has none."""
        if self.layers is None:
            return None
        asked: int | str = self.complete.get(LAYER, LAST_LAYER)
        return asked if isinstance(asked, int) else LAST_LAYER

    @property
    def of_layer(self) -> str:  # type: ignore[override]
        """Which one that is, such as `layer 1 of 0 to 1: `; nothing where there are not several, or it is not known how many."""
        most = (self.layers or 1) - 1
        return f"layer {most if self.layer == LAST_LAYER else self.layer} of 0 to {most}: " if most else ""

    @property
    def said_by(self) -> str:  # type: ignore[override]
        """Of a model that somebody else trained: whether its file states the rate, which nothing else can tell."""
        if not isinstance(self.encoder, ModelEncoder) or not self.encoder.model:
            return ""
        if self.complete["sample_rate"] and not self.encoder.facts(self.complete).sample_rate:
            return "; the rate is what you say, and cannot be verified from the file, which states none"
        return "; the rate is what facts() says, and cannot be verified from the file" if self.encoder.written else ""

    def mend(self, promise: str, error: BaseException | None) -> str:
        """How, where a file is not there, audio is too short, or a model that somebody else trained raises."""
        if isinstance(error, FileNotFoundError) or type(error).__name__ == "NoSuchFile":
            return "put the file there, or say where it is by the option that names it"
        if promise == "10 ms":
            return self._mend_shortest()
        if error is None or not isinstance(self.encoder, ModelEncoder):
            return ""
        text = str(error)
        if "rank" in text:
            return "give the audio as many axes as the model takes, such as audio[:, None] for (batch, 1, samples)"
        if not LENGTH.search(text):
            return ""
        say = "let facts() say so, in seconds: mirbench.ModelFacts(..., window_seconds=3.0, shortest_seconds=3.0)"
        give = f"say so, in seconds: --set 'options.{self.encoder.name}={{window_seconds: 3, shortest_seconds: 3}}'"
        return f"if it takes one length of audio alone, {say if self.encoder.written else give}; else mend what it raises"

    @cached_property
    def shortest_found(self) -> float | None:
        """The seconds of the shortest noise of LENGTHS that it embeds as it does a window; None: none of them."""
        for seconds in LENGTHS:
            try:
                out = float32(self.call(noise(2, max(1, round(seconds * self.given.sample_rate)))), 2, self.layer)
                if np.isfinite(out).all() and out.shape == self.rows(self.window).shape:
                    return seconds
            except Exception:  # of a plugin, which may raise anything for what is too short
                continue
        return None

    def _mend_shortest(self) -> str:
        seconds = f"{self.shortest_found:g}" if self.shortest_found else "SECONDS"
        found = ", the shortest that was found to work" if self.shortest_found else ""
        if not isinstance(self.encoder, ModelEncoder):
            say, it = f"mirbench.Input(..., shortest_seconds={seconds})", "pad what is too short, or say by input() how short audio may be"
        elif self.encoder.written:
            say, it = f"mirbench.ModelFacts(..., shortest_seconds={seconds})", "say in facts() how short audio may be, in seconds"
        else:
            say, it = f"--set options.{self.encoder.name}.shortest_seconds={seconds}", "say how short audio may be, in seconds"
        return f"{it}: {say}{found}"

    def load(self) -> Embed:
        return self.load_layer(self.layer)

    def load_layer(self, layer: int | str | None) -> Embed:
        options = self.complete if layer is None else {**self.complete, LAYER: layer}
        return self.encoder.load(self.checkpoint, options, self.seed, self.device)

    def loaded(self, generators: int) -> tuple[Embed, Any, list[str]]:
        with opened() as paths:
            found = super().loaded(generators)
        self.read += paths
        return found


class OtherLayers(EmbedSubject):
    """The encoder of a subject, loaded to return all layers, or the last."""

    def __init__(self, subject: EncoderSubject, layer: str) -> None:
        self.subject, self.layer, self.seed = subject, layer, subject.seed
        self.title = f"{subject.title}, {'all layers' if layer == ALL_LAYERS else 'the last layer'}"

    @property
    def given(self) -> Input:
        return self.subject.given

    def load(self) -> Embed:
        return self.subject.load_layer(self.layer)


def _contract(subject: EncoderSubject) -> str:
    contract("encoder", subject.encoder)
    count = len(subject.complete)
    return f"{count} option{'s' * (count != 1)}"


def _usable(subject: EncoderSubject) -> str:
    why = subject.encoder.missing(subject.complete)
    assert not why, why
    subject.encoder.check(subject.complete)
    if subject.layers is not None:
        check_layer(subject.encoder, subject.layers, subject.complete.get(LAYER, LAST_LAYER))
    return ""


def _pretrains(subject: EncoderSubject) -> str:
    encoder = subject.encoder
    if not encoder.trainable:
        return "nothing to learn"
    if subject.checkpoint is not None:
        return "its checkpoint was given"
    folder, cache = subject.scratch / "checkpoint", subject.scratch / "checkpoint-cache"
    for path in (folder, cache):
        path.mkdir(parents=True)
    clips = subject.clips or tones(subject.scratch, round(encoder.sample_rate))
    learnt_from = [clip for clip in clips if clip.split in ("train", "pretrain")]
    job = PretrainJob(learnt_from, subject.complete, subject.seed, folder, cache, subject.device)
    with fenced(f"{subject.title}: pretrain", subject.seed):
        encoder.pretrain(job)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    assert files, f"{subject.title}: pretrain left nothing in job.folder, so load has nothing to read"
    as_json(f"{subject.title}: job.report", job.report)
    subject.checkpoint = folder
    return f"{len(files)} file{'s' * (len(files) > 1)}, {sum(path.stat().st_size for path in files) / 1e6:.2g} MB"


def _all_layers(subject: EncoderSubject) -> str:
    if subject.layers is None:
        return "it has none"
    every = OtherLayers(subject, ALL_LAYERS)
    for promise in USED:
        if promise.name not in ("distinct", "10 ms"):
            promise.keeps(every)
    rows, asked = every.rows(every.window), subject.rows(subject.window)
    last = asked if subject.layer == LAST_LAYER else OtherLayers(subject, LAST_LAYER).rows(subject.window)
    assert subject.layers in (0, rows.shape[1]), f"{subject.title} returns {rows.shape[1]} layers, and layers() says {subject.layers}"
    if isinstance(number := subject.layer, int):
        same = close(*_as_wide(rows[:, number], asked))
        assert same, f"{subject.title}: layer {number} of all layers is not what that layer alone is"
    assert close(*_as_wide(rows[:, -1], last)), f"{subject.title}: the last of all layers is not what the last alone is"
    return f"{rows.shape[1]} layers"


def _as_wide(row: np.ndarray, alone: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A layer of all, and that layer alone, which may lack the zeros that are behind it where others are wider."""
    return row, np.pad(alone, ((0, 0), (0, max(0, row.shape[1] - alone.shape[1]))))


def _keyed(subject: EncoderSubject) -> str:
    encoder, options = subject.encoder, subject.complete
    subject.loaded(subject.seed)  # again: the readers that go past Python's own are seen once they are imported
    named = [Path(options[name]).expanduser() for name, option in declared(encoder.options).items() if option.file and options[name]]
    files = data_files(subject.read, [*named, subject.scratch, *([subject.checkpoint] if subject.checkpoint else [])])
    with opened() as paths:
        told = type(encoder).identity is not Encoder.identity and str(_identity(encoder, options))
    hashed = {Path(path).resolve() for path in paths}  # none of these files, where it tells a version
    lacking = [file for file in files if not told or (hashed & set(files) and file not in hashed)]
    first = f"'{lacking[0].name}'" if lacking else ""
    assert not lacking, f"{subject.title} reads {first}, which is in no key: other weights in it would not be noticed"
    if files:
        return f"{len(files)} file{'s' * (len(files) > 1)}, which identity() tells"
    beside = [path for each in named if each.is_file() for path in model_files(each)[1:]]
    return f"{', '.join(path.name for path in [*named, *beside])}, by an option" if named else "it reads none but its checkpoint"


def _identity(encoder: Encoder, options: Mapping[str, Any]) -> str:
    """Encoders of before tell theirs without options."""
    try:
        return encoder.identity(options)
    except TypeError:
        return encoder.identity()


def _fork(subject: EncoderSubject) -> str:
    if not getattr(subject.encoder, "in_workers", True):
        raise NotSeen("it says that it is not called in other processes")
    return FORK.keeps(subject)


ENCODER = (
    Promise("contract", "what the registry asks of an encoder", WRITTEN.format("encoder"), _contract),
    IMPORTED,
    Promise("usable", "its options work, and its weights are here", "", _usable, ("contract",)),
    Promise(
        "pretrain",
        "learns from a few tones",
        "draw from a generator that begins at job.seed, and leave what load reads in job.folder",
        _pretrains,
        ("usable",),
    ),
    Promise(RATE.name, RATE.about, RATE.mend, RATE.keeps, ("usable",)),
    Promise(LOAD.name, LOAD.about, LOAD.mend, LOAD.keeps, ("rate", "pretrain")),
    *USED,
    Promise(
        "layers",
        "as many as it says, of which the last is the last alone",
        "let layers() say how many there are, and load obey the option `layer`",
        _all_layers,
        ("batch",),
    ),
    Promise(
        "weights",
        "what it reads is in its key",
        "declare the file: mirbench.option(PATH, 'the weights', file=True); or tell the hash of all that it reads by identity()",
        _keyed,
        ("load",),
    ),
    Promise(FORK.name, FORK.about, FORK.mend, _fork, FORK.after, lengthy=True),
    SPEED,
    LONG,
)
