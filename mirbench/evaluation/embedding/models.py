"""`ModelEncoder`: an encoder that is a model somebody else trained, with the options that all such have in common. Imports no torch until
used."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mirbench.errors import MirbenchError
from mirbench.nouns import Embed, Encoder
from mirbench.records import LAST_LAYER, Input
from mirbench.settings.declaring import LayerOptions, option

if TYPE_CHECKING:
    import numpy as np

WINDOW_SECONDS = 10.0  # of a model that says no other
BYTE_SECONDS = 5e-10  # that two cores take for a byte of weights and a second of audio: 4 bytes, 50 frames, 2 operations, 50 GFLOP/s
SAME = 0.05  # of the largest number: what rounding may change of an embedding, in 16 bits too
RATE_ASKED, NORMALISED_ASKED = "at which sample rate it takes audio", "whether audio is normalised"
MODEL, NO, ZERO_MEAN = "model", "none", "zero-mean-unit-variance"

OURS = ("mirbench", "mirbench_plugins")

Frames = Sequence["np.ndarray"]
"""Of each layer, (batch, frames, dim), or (batch, dim) where it has no frames."""


class AudioOptions(LayerOptions):
    """Of an encoder whose audio the settings may say."""

    sample_rate = option(0, "of the audio that it is given, in Hz; 0: what the model says", ge=0)
    normalise = option(
        MODEL,
        "of each window: what the model says, nothing, or to zero mean and unit variance",
        choices=(MODEL, NO, ZERO_MEAN),
    )
    window_seconds = option(0.0, f"length of a window, in seconds; 0: the most that the model takes, or {WINDOW_SECONDS:g}", ge=0)
    hop_seconds = option(0.0, "the most that windows begin apart, in seconds; 0: as far as they are long", ge=0)
    shortest_seconds = option(0.0, "shorter audio has silence put behind it; 0: the least that the model takes", ge=0)
    batch_size = option(0, "windows at a time; 0: batch_size of the run", ge=0)


class PoolOptions(AudioOptions):
    """Of a model that may return frames."""

    pool = option("mean", "how the frames of a window become one embedding", choices=("mean", "max", "mean+std", "first"))


class ModelOptions(PoolOptions):
    """Of an encoder that is somebody's model, run by torch."""

    dtype = option("float32", "numbers that the model computes in", choices=("float32", "bfloat16", "float16"))


@dataclass(frozen=True)
class ModelFacts:
    """What a model says of itself, before its weights are read.

    sample_rate: Hz, None where it does not say. normalises: whether windows are normalised by the model, or by what comes with it; None
    where nothing says. window_seconds: the most that it takes, None for any; shortest_seconds: the least. layers: how many can be probed,
    None where there is one output, 0 where that is not known. trained_on: data sets of mirbench, as `Encoder.trained_on`. dims: numbers in
    a frame of each layer, or of the one output; names: what layers are called; both empty where nothing says, and for people alone.
    samples: of a window, where no other length is taken; with a sample rate they are `window_seconds` and `shortest_seconds` too.
    """

    sample_rate: int | None = None
    normalises: bool | None = None
    window_seconds: float | None = None
    shortest_seconds: float = 0.0
    layers: int | None = None
    trained_on: Sequence[str] = ()
    dims: Sequence[int] = ()
    names: Sequence[str] = ()
    samples: int | None = None


class ModelEncoder(Encoder):
    """Override `facts` and `frames`.

    model: the weights, as messages name them. forks: whether what was loaded can be used in a process that was forked afterwards; what
    cannot is loaded anew there. What its embeddings depend on beside its options, `identity` tells.
    """

    options: Mapping[str, Any] = ModelOptions()
    model: str = ""
    forks: ClassVar[bool] = True

    @property
    def written(self) -> bool:
        """Whether somebody wrote, or is to write, `facts` for it, which can be changed; else it is by its address, or tells by its file."""
        packages = (type(self).__module__.partition(".")[0], type(self).facts.__module__.partition(".")[0])
        return packages[0] not in OURS and (packages[1] not in OURS or type(self).facts is ModelEncoder.facts)

    def facts(self, options: Mapping[str, Any]) -> ModelFacts:
        """Called when a run is planned, so it reads no weights."""
        return ModelFacts()

    def weight_files(self, folder: Path | None, options: Mapping[str, Any]) -> list[Path]:
        """Those that its weights are in, where it has some. folder: of no checkpoint, as it has none."""
        return []

    def embedding_cost(self, options: Mapping[str, Any]) -> float:
        """As a transformer of so many weights takes; from the second run on, `--plan` tells what was measured."""
        size = sum(path.stat().st_size for path in self.weight_files(None, options) if path.is_file())
        return max(super().embedding_cost(options), size * BYTE_SECONDS)

    def frames(self, options: Mapping[str, Any], device: str) -> Callable[[np.ndarray], Frames]:
        """The loaded model: (batch, samples) float32 -> its layers, or one output. On a CPU it is called in forked processes."""
        raise NotImplementedError(f"encoder {self.name} has no frames")

    def check(self, options: Mapping[str, Any]) -> None:
        """What nothing says is asked for, all at once, and not guessed."""
        facts, own = self.facts(options), f"--set options.{self.name}"
        rate = not options["sample_rate"] and facts.sample_rate is None
        normalised = options["normalise"] == MODEL and facts.normalises is None
        lacks = f"{self.model} does not say {' and '.join([RATE_ASKED] * rate + [NORMALISED_ASKED] * normalised)}"
        say = ", or let facts() say it" if self.written else ""
        if rate and normalised:
            line = f"--set 'options.{self.name}={{sample_rate: HERTZ, normalise: {NO}}}'"
            raise MirbenchError(f"{lacks}; give both: {line}, or there {ZERO_MEAN} in the place of {NO}{say}.")
        if rate:
            raise MirbenchError(f"{lacks}; give it: {own}.sample_rate=HERTZ{say}.")
        if normalised:
            raise MirbenchError(f"{lacks}; give it: {own}.normalise={NO}, or {own}.normalise={ZERO_MEAN}{say}.")
        longest = facts.window_seconds
        if longest is not None and options["window_seconds"] > longest:
            raise MirbenchError(
                f"{own}.window_seconds={options['window_seconds']:g} is more than {self.model} takes, {longest:g} s; leave it out."
            )
        least, window = options["shortest_seconds"] or facts.shortest_seconds, options["window_seconds"]
        if window and window < least:
            raise MirbenchError(
                f"{own}.window_seconds={window:g} is less than {self.model} takes, {least:g} s; give more, or leave it out."
            )
        if options["layer"] != LAST_LAYER and facts.layers is None:
            why = "facts() says layers=None" if self.written else f"{self.model} has no layers to choose from"
            raise MirbenchError(f"{why}; leave {own}.layer out{', or let it say how many outputs there are' if self.written else ''}.")

    def input(self, options: Mapping[str, Any]) -> Input:
        facts = self.facts(options)
        return Input(
            sample_rate=options["sample_rate"] or facts.sample_rate or Input.sample_rate,
            window_seconds=options["window_seconds"] or facts.window_seconds or WINDOW_SECONDS,
            hop_seconds=options["hop_seconds"] or None,
            shortest_seconds=options["shortest_seconds"] or facts.shortest_seconds,
            batch_size=options["batch_size"] or None,
        )

    def layers(self, options: Mapping[str, Any]) -> int | None:
        return self.facts(options).layers

    def layer_names(self, options: Mapping[str, Any]) -> Sequence[str]:
        facts = self.facts(options)
        return facts.names if facts.layers == len(facts.names) else ()

    def load(self, folder: Path | None, options: Mapping[str, Any], seed: int, device: str) -> Embed:
        loaded = {os.getpid(): self.frames(options, device)}
        dims: list[int] = []

        def embed(audio: np.ndarray) -> np.ndarray:
            process = next(iter(loaded)) if self.forks else os.getpid()
            if process not in loaded:
                loaded[process] = self.frames(options, device)
            given = zero_mean(audio) if options["normalise"] == ZERO_MEAN else audio
            rows = [pooled(self.checked(frames, len(audio)), options.get("pool", "mean")) for frames in loaded[process](given)]
            if len(rows) > 1 and self.written and self.layers(options) is None:
                raise MirbenchError(
                    f"{self.model} returned {len(rows)} outputs, and facts() says layers=None; let it say layers={len(rows)}."
                )
            dims[:] = [row.shape[1] for row in rows]
            return layered(rows, options["layer"])

        return _Layers(embed, dims)

    def checked(self, frames: Any, windows: int) -> np.ndarray:
        """What a model returned for so many windows, (windows, dim) or (windows, frames, dim). Raises MirbenchError for anything else."""
        import numpy as np

        from mirbench.evaluation.embedding.rows import NUMBERS, wanted

        found = np.asarray(frames)
        if found.dtype.kind in NUMBERS and found.ndim in (2, 3) and len(found) == windows and found.size:
            return found
        what = f"the shape {found.shape}" if found.dtype.kind in NUMBERS else f"{found.dtype}, no numbers"
        raise MirbenchError(f"{self.model} {wanted(windows)}, or ({windows}, frames, dim), but returned {what}.")


@dataclass(frozen=True)
class _Layers:
    """A model as `Embed`. dims: of each layer, without the zeros behind it, once it was called."""

    embed: Embed
    dims: Sequence[int]

    def __call__(self, audio: np.ndarray) -> Any:
        return self.embed(audio)


def zero_mean(audio: np.ndarray) -> np.ndarray:
    """(batch, samples) -> each to zero mean and unit variance, as the feature extractors of wav2vec 2.0 and its kin do.

    >>> import numpy as np
    >>> zero_mean(np.array([[1.0, 3.0], [5.0, 5.0]], np.float32)).round(3).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """
    import numpy as np

    centred = audio - audio.mean(axis=1, keepdims=True)
    return centred / np.sqrt(centred.var(axis=1, keepdims=True) + 1e-7)


def pooled(frames: np.ndarray, how: str) -> np.ndarray:
    """(batch, frames, dim) -> (batch, dim), or twice as many numbers for `mean+std`; (batch, dim) is left as it is, whatever is asked for.

    >>> import numpy as np
    >>> [pooled(np.array([[[1.0], [2.0], [6.0]]]), how).tolist() for how in ("mean", "max", "first")]
    [[[3.0]], [[6.0]], [[1.0]]]
    >>> pooled(np.array([[[1.0], [5.0]]]), "mean+std").tolist()
    [[3.0, 2.0]]
    """
    import numpy as np

    with np.errstate(over="ignore"):  # what is beyond its range is infinite, and refused
        frames = np.asarray(frames, np.float32)
    if frames.ndim == 2:
        return frames
    if how == "first":
        return frames[:, 0]
    if how == "max":
        return frames.max(axis=1)
    mean = frames.mean(axis=1)
    return np.concatenate([mean, frames.std(axis=1)], axis=1) if how == "mean+std" else mean


def layered(rows: Sequence[np.ndarray], layer: int | str) -> np.ndarray:
    """(batch, layers, dim) of the (batch, dim) of each layer, those that are narrower with zeros behind. Asked for one by its number, all
    are cut or padded to the width of that one; asked for the last, it comes alone, (batch, dim).

    >>> import numpy as np
    >>> two = [np.ones((1, 1)), np.ones((1, 3))]
    >>> [layered(two, layer).shape for layer in ("all", 0, 1, "last")]
    [(1, 2, 3), (1, 2, 1), (1, 2, 3), (1, 3)]
    """
    import numpy as np

    if layer == LAST_LAYER:
        return rows[-1]
    of = rows[layer : layer + 1] if isinstance(layer, int) else rows
    width = max(row.shape[1] for row in of or rows)
    return np.stack([np.pad(row[:, :width], ((0, 0), (0, max(0, width - row.shape[1])))) for row in rows], axis=1)


class FunctionEncoder(ModelEncoder):
    """A function (batch, samples) float32 -> (batch, dim), or (batch, layers, dim), or a torch module, which is given tensors, without
    gradients and in eval mode. made: it, or what makes it when it is needed. in_workers: whether, on a CPU, it may be called in forked
    processes. held: whether it is in memory before it is made, so that what it takes there cannot be told. identity: what tells it from
    others; where nothing does, it is another one than any before."""

    description = "a function of Python"
    options = AudioOptions()
    in_workers: bool = True
    held: bool = False

    def __init__(self, model: str, made: Callable[[], Any], identity: str = "") -> None:
        self.model, self.made, self.told, self.anew = model, made, identity, uuid.uuid4().hex

    def facts(self, options: Mapping[str, Any]) -> ModelFacts:
        """It is given audio as it is, and says no rate."""
        return ModelFacts(normalises=False, layers=0)

    def identity(self, options: Mapping[str, Any] | None = None) -> str:
        return self.told or self.anew

    def known_again(self, options: Mapping[str, Any]) -> bool:
        """Whether a later run can tell that it is the same; of one that it cannot, nothing is left in the cache."""
        return bool(self.told)

    def module(self, folder: Path | None, options: Mapping[str, Any], seed: int) -> Any:
        """What was made, of which `mirbench export` takes a torch module."""
        return self.made()

    def frames(self, options: Mapping[str, Any], device: str) -> Callable[[np.ndarray], Frames]:
        import torch

        function = self.made()
        if isinstance(function, torch.nn.Module):
            function = function.eval().to(device)

        def called(audio: np.ndarray) -> Any:
            if not isinstance(function, torch.nn.Module):
                return function(audio)
            with torch.inference_mode():
                return function(torch.as_tensor(audio, device=device))

        return _Function(self.model, called)


class _Function:
    """A function as layers. What it returns is looked at more closely the first time in a process, where a mistake would give wrong numbers
    without a word. Raises MirbenchError as `FunctionEncoder` should."""

    def __init__(self, name: str, function: Callable[[np.ndarray], Any]) -> None:
        self.name, self.function, self.known = name, function, False

    def __call__(self, audio: np.ndarray) -> Frames:
        before = None if self.known else audio.copy()
        rows = self.rows(audio)
        if before is not None:
            self._look(audio, before, rows)
            self.known = True
        return [rows] if rows.ndim == 2 else list(rows.swapaxes(0, 1))

    def rows(self, audio: np.ndarray) -> np.ndarray:
        """(batch, dim) or (batch, layers, dim)."""
        from mirbench.evaluation.embedding.rows import as_rows, wanted

        returned = self.function(audio)
        try:
            return as_rows(returned, len(audio))
        except ValueError as error:
            raise MirbenchError(f"{self.name} {wanted(len(audio))}, but returned {error}.") from error

    def _look(self, audio: np.ndarray, before: np.ndarray, rows: np.ndarray) -> None:
        """audio: now; before: as it was when it was given; rows: what was returned for it."""
        import numpy as np

        if not np.array_equal(audio, before):
            raise MirbenchError(f"{self.name} changes the audio that it is given; let it work on a copy, audio.copy().")
        if rows.ndim == 3 and (half := before.shape[1] // 2):
            shorter = None
            with contextlib.suppress(Exception):  # of a function that takes no audio as short
                shorter = self.rows(before[:1, :half].copy())
            if shorter is not None and shorter.ndim == 3 and shorter.shape[1] != rows.shape[1]:
                raise MirbenchError(
                    f"{self.name} returned {rows.shape[1]} layers, and {shorter.shape[1]} for half as much audio: these are frames; let it "
                    "return their mean, (batch, dim)."
                )
        if len(before) > 1:
            alone, beside = (each.astype(np.float64) for each in (self.rows(before[:1].copy()), rows[:1]))
            if alone.shape != beside.shape or np.abs(alone - beside).max() > SAME * np.abs(beside).max():
                raise MirbenchError(
                    f"{self.name} embeds a window alone otherwise than beside others; let its embedding depend on that window and not on "
                    "chance, on the batch or on earlier calls."
                )
