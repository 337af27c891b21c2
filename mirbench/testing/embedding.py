"""The promises of what embeds audio: encoders, and the networks of backbones.

PYTEST_DONT_REWRITE: what an assertion says is the whole sentence.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mirbench.engine.global_state import unchanged
from mirbench.nouns import Embed
from mirbench.records import Input
from mirbench.testing.forked import NoAnswer, in_child
from mirbench.testing.means import apart, close, fenced, noise
from mirbench.testing.modules import Modules, graphs
from mirbench.testing.promises import Promise

LONGEST = 30.0  # seconds of the longest sound that all promises but `10 minutes` are looked at with
LEAST_RATE, MOST_RATE = 1_000, 384_000  # Hz
PATIENCE, ALLOWANCE = 60.0, 10.0  # seconds that ten minutes of audio may take at the least, and as a multiple of what they should take
CLIP, MINUTES = 10.0, 600.0  # seconds of a clip that is timed, and of a long one
LEAST_SPEED = 0.1  # seconds of audio a second
BATCH = 32


@dataclass(frozen=True)
class Returned:
    """what: the sound, as messages name it. audio: (2, samples). returned: as it is. wrote: whether it changed the audio."""

    what: str
    audio: np.ndarray
    returned: Any
    wrote: bool

    def rows(self, layer: int | str | None) -> np.ndarray:
        return float32(self.returned, len(self.audio), layer)


class EmbedSubject:
    """What is asked: something that is loaded and embeds audio. A subclass says how it is loaded and what audio it takes."""

    title: str
    source: str = ""
    seed: int = 0
    layer: int | str | None = None  # which layers it was loaded to return; None: it has none
    said_by: str = ""  # who says at which rate it takes audio, as an end of the sentence about it
    of_layer: str = ""  # which of several its dimensions are of, as their beginning

    def load(self) -> Embed:
        """Anew, without a fence."""
        raise NotImplementedError

    @property
    def given(self) -> Input:
        """The audio that it takes."""
        raise NotImplementedError

    def loaded(self, generators: int) -> tuple[Embed, Any, list[str]]:
        """Anew, what it returns of two windows of noise the first time, where it may construct what it draws for, and what other state of
        the process these two changed. generators: where the global ones begin in the first call; in `load` they begin at the seed."""
        loading, first = unchanged("", self.seed, may_draw=True), unchanged("", generators, may_draw=True)
        with loading:
            embed = self.load()
        with first:
            returned = embed(self.window.copy())
        return embed, returned, [*loading.changed, *first.changed]

    @cached_property
    def ready(self) -> tuple[Embed, Any, list[str]]:
        return self.loaded(self.seed)

    def call(self, audio: np.ndarray) -> Any:
        """What it returns of a copy, with the global generators at the seed, whatever it changes."""
        with unchanged("", self.seed, may_draw=True):
            return self.ready[0](audio.copy())

    def rows(self, audio: np.ndarray) -> np.ndarray:
        """(batch, dim) or (batch, layers, dim) float32, as a run makes of what it returns; raises ValueError as that does."""
        return float32(self.call(audio), len(audio), self.layer)

    @cached_property
    def returned(self) -> list[Returned]:
        """What it returned of each sound."""
        found = []
        for what, audio in self.sounds():
            given = audio.copy()
            with unchanged("", self.seed, may_draw=True):
                returned = copy.deepcopy(self.ready[0](given))
            found.append(Returned(what, audio, returned, not np.array_equal(given, audio)))
        return found

    def samples(self, seconds: float) -> int:
        """Of audio of that length, as a run pads it."""
        rate = self.given.sample_rate
        return max(1, round(seconds * rate), round(self.given.shortest_seconds * rate))

    @cached_property
    def window(self) -> np.ndarray:
        """(2, samples) noise of a window."""
        return noise(2, self.samples(min(self.given.window_seconds, LONGEST)))

    def sounds(self) -> Iterator[tuple[str, np.ndarray]]:
        """Noise and silence of several lengths, with their names."""
        longest = min(self.given.window_seconds, LONGEST)
        for samples in dict.fromkeys(map(self.samples, (longest, longest / 2, longest / 3, 0.1))):
            for sound, audio in (("noise", noise(2, samples)), ("silence", np.zeros((2, samples), np.float32))):
                yield f"{self.title} on {samples} samples of {sound}", audio

    @cached_property
    def seconds_of_clip(self) -> float:
        """Processing time of ten seconds of audio, cut as in a run, on one thread."""
        from mirbench.engine.threads import one_thread

        times: list[float] = []
        with one_thread(), unchanged("", self.seed, may_draw=True):
            while len(times) < 3 and sum(times) < 1.0:
                begun = time.perf_counter()
                self.embed_clip(CLIP)
                times.append(time.perf_counter() - begun)
        return min(times)

    def embed_clip(self, seconds: float) -> np.ndarray:
        """One clip of noise as a run embeds it."""
        from mirbench.evaluation.embedding.windows import FrozenEncoder, embed_all

        frozen = FrozenEncoder(self.title, self.ready[0], self.given, self.layer)
        return embed_all([noise(1, round(seconds * self.given.sample_rate))[0]], [f"{seconds:g} s of noise"], [frozen], BATCH)[0]


def float32(returned: Any, count: int, layer: int | str | None) -> np.ndarray:
    """What a run makes of what an encoder returned; raises ValueError as that does."""
    from mirbench.evaluation.embedding.rows import as_rows
    from mirbench.evaluation.embedding.windows import layer_of

    with np.errstate(over="ignore"):
        return layer_of(as_rows(returned, count), layer).astype(np.float32)


def is_number(returned: Any) -> bool:
    """Whether it is an array, or a torch tensor, of numbers that are real."""
    from mirbench.evaluation.embedding.rows import NUMBERS

    if isinstance(returned, np.ndarray):
        return returned.dtype.kind in NUMBERS
    return hasattr(returned, "is_floating_point") and not returned.is_complex() and not returned.is_sparse


def _rate(subject: EmbedSubject) -> str:
    given = subject.given
    fine = LEAST_RATE <= given.sample_rate <= MOST_RATE
    assert fine, f"{subject.title} takes audio of {given.sample_rate:g} Hz; a sample rate is {LEAST_RATE:,} to {MOST_RATE:,} Hz, not in kHz"
    assert given.window_seconds > 0, f"{subject.title} takes windows of {given.window_seconds} s; they should be longer than nothing"
    return f"{given.sample_rate:g} Hz, windows of {given.window_seconds:g} s{subject.said_by}"


def _loads(subject: EmbedSubject) -> str:
    assert callable(subject.ready[0]), f"{subject.title}: load returns {type(subject.ready[0]).__name__}, not a function"
    return ""


def _dtype(subject: EmbedSubject) -> str:
    told = ""
    for each in subject.returned:
        try:
            each.rows(subject.layer)
        except ValueError as error:
            if is_number(each.returned):
                continue  # a matter of shapes
            raise AssertionError(f"{each.what} returns {error}") from error
        array = np.asarray(each.returned.detach().cpu().float() if hasattr(each.returned, "detach") else each.returned)
        with np.errstate(over="ignore"):
            lost = np.isfinite(array) & ~np.isfinite(array.astype(np.float32))
        too_large = f"{each.what} returns values that are not finite as float32: {array.dtype} up to"
        assert not lost.any(), f"{too_large} {np.abs(array[lost]).max():g}"
        told = str(each.returned.dtype).removeprefix("torch.")
    return told if told == "float32" else f"{told or 'numbers'}, taken as float32"


def _shapes(subject: EmbedSubject) -> str:
    shape: tuple[int, ...] = ()
    for each in subject.returned:
        try:
            out = each.rows(subject.layer)
        except ValueError as error:
            raise AssertionError(f"{each.what} returns {error}") from error
        shape = shape or out.shape[1:]
        here, there = (" x ".join(map(str, each)) for each in (out.shape[1:], shape))
        assert here == there, f"{each.what} returns {here} dimensions, and {there} at another length"
    lengths = dict.fromkeys(each.audio.shape[1] for each in subject.returned)
    return f"{subject.of_layer}{' x '.join(map(str, shape))} dimensions at {', '.join(map(str, lengths))} samples"


def _finite(sound: str) -> Any:
    def keeps(subject: EmbedSubject) -> str:
        most = 0.0
        for each in subject.returned:
            if bool(each.audio.any()) == (sound == "noise"):
                out = each.rows(subject.layer)
                assert np.isfinite(out).all(), f"{each.what} returns values that are not finite"
                most = max(most, float(np.abs(out).max()))
        return f"up to {most:.3g}"

    return keeps


def _input_left(subject: EmbedSubject) -> str:
    for each in subject.returned:
        assert not each.wrote, f"{each.what} changes the audio it was given"
    return ""


def _short(subject: EmbedSubject) -> str:
    samples = subject.samples(0.01)
    out, window = subject.rows(noise(2, samples)), subject.rows(subject.window)
    what = f"{subject.title} on {samples} samples, of a clip of 10 ms,"
    assert out.shape[1:] == window.shape[1:], f"{what} returns the shape {out.shape}, and {window.shape} of a window"
    assert np.isfinite(out).all(), f"{what} returns values that are not finite"
    padded = samples > round(0.01 * subject.given.sample_rate)
    return f"{samples} samples{', padded' if padded else ''}"


def _long(subject: EmbedSubject) -> str:
    patience = max(PATIENCE, ALLOWANCE * subject.seconds_of_clip * MINUTES / CLIP)
    try:
        out = in_child(lambda: subject.embed_clip(MINUTES), patience)
    except NoAnswer as error:
        raise AssertionError(f"{subject.title} on a clip of ten minutes {error}") from error
    windows = max(1, round(MINUTES / (subject.given.hop_seconds or subject.given.window_seconds)))
    return f"{out.shape[-1]} dimensions of about {windows} window{'s' * (windows > 1)}"


def _frozen(subject: EmbedSubject) -> str:
    modules = Modules()
    with modules.watched():
        subject.call(subject.window)
    assert not modules.training, f"{subject.title} embeds with {modules.training[0]} in training mode"
    before = modules.digests()
    subject.call(subject.window)
    changed = [name for name, digest in modules.digests().items() if digest != before[name]]
    assert not changed, f"{subject.title} changes {changed[0]} while it embeds"
    return f"{modules.count} torch modules, {len(before)} weights and buffers"


def _no_gradients(subject: EmbedSubject) -> str:
    with graphs() as kept:
        subject.call(subject.window)
    assert not kept, f"{subject.title} keeps {len(kept)} tensors of a window for gradients that nobody asks for"
    return ""


def _determinism(subject: EmbedSubject) -> str:
    pairs = []
    for each in subject.returned:
        pairs.append((each.rows(subject.layer), subject.rows(each.audio)))
        assert close(*pairs[-1]), f"{each.what} returns something else the second time"
    of_loads = [float32(returned, 2, subject.layer) for _, returned, _ in (subject.ready, subject.loaded(subject.seed))]
    same = close(of_loads[0], of_loads[1])
    assert same, f"{subject.title}: two loads with one seed embed the same audio differently; seed what is random"
    return apart(*pairs, (of_loads[0], of_loads[1]))


def _global_state(subject: EmbedSubject) -> str:
    changed = subject.ready[2]
    assert not changed, f"{subject.title}: load and the first call change {' and '.join(changed)}; put back what they change"
    for each in subject.returned[:2]:  # noise and silence of a window
        with fenced(each.what):
            subject.ready[0](each.audio.copy())
    first = float32(subject.ready[1], 2, subject.layer)
    _, other, _ = subject.loaded(subject.seed + 1)
    same = close(first, float32(other, 2, subject.layer))
    assert same, f"{subject.title}: what it constructs in its first call depends on where the global generators stand; construct it in load"
    return ""


def _batch(subject: EmbedSubject) -> str:
    pairs = []
    for each in subject.returned:
        alone = np.concatenate([subject.rows(each.audio[:1]), subject.rows(each.audio[1:])])
        pairs.append((each.rows(subject.layer), alone))
        assert close(*pairs[-1]), f"{each.what} depends on what else is in the batch; put batch normalisation into evaluation mode"
    return apart(*pairs)


def _distinct(subject: EmbedSubject) -> str:
    two = subject.returned[0].rows(subject.layer)
    assert not np.array_equal(two[0], two[1]), f"{subject.title} gives two different sounds the same embedding"
    return ""


def _fork(subject: EmbedSubject) -> str:
    here = subject.rows(subject.window)
    try:
        there = in_child(lambda: subject.rows(subject.window), max(PATIENCE, ALLOWANCE * subject.seconds_of_clip))
    except NoAnswer as error:
        raise AssertionError(f"{subject.title} in a process that was forked after it was loaded {error}") from error
    assert close(here, there), f"{subject.title} returns something else in a process that was forked after it was loaded"
    return apart((here, there))


def _speed(subject: EmbedSubject) -> str:
    speed = CLIP / subject.seconds_of_clip
    slow = f"{subject.title} embeds {speed:.2g} s of audio a second on one core, so that mini's three hours take {3 / speed:.0f} hours"
    assert speed >= LEAST_SPEED, slow
    return (
        f"{speed / CLIP:,.{0 if speed > 1000 else 1}f} clips/s of {CLIP:g} s, {speed:,.{0 if speed > 10 else 1}f} times as fast as it plays"
    )


RATE = Promise("rate", "audio at a sample rate in Hz", "set sample_rate in hertz, such as 16_000, and window_seconds", _rate)
LOAD = Promise("load", "loads and embeds a window", "mend what load or the first call raises", _loads, ("rate",))
USED = (
    Promise(
        "dtype",
        "numbers that float32 holds",
        "return a numpy array or a torch tensor of float32: rows.astype(np.float32)",
        _dtype,
        ("load",),
    ),
    Promise("shapes", "(batch, dim), one dim for all lengths", "pool over time, and return a row for each item", _shapes, ("dtype",)),
    Promise("NaN", "finite on noise", "keep logarithms and divisions away from 0", _finite("noise"), ("shapes",)),
    Promise("silence", "finite on silence", "add a small number before a logarithm or a division", _finite("silence"), ("shapes",)),
    Promise("input", "the audio is left as it is", "work on a copy: audio = audio.copy()", _input_left, ("shapes",)),
    Promise(
        "10 ms",
        "embeds a clip of 10 ms",
        "pad what is too short, or say by input() how short audio may be: mirbench.Input(..., shortest_seconds=SECONDS)",
        _short,
        ("shapes", "NaN"),
    ),
    Promise(
        "frozen",
        "modules in eval mode, weights and buffers unchanged",
        "call .eval() on the network in load, and on no account .train()",
        _frozen,
        ("shapes",),
    ),
    Promise("no gradients", "no graph for gradients is kept", "embed within torch.inference_mode()", _no_gradients, ("shapes",)),
    Promise(
        "determinism",
        "the same again, and of two loads",
        "draw from a generator of its own that begins at the seed: np.random.default_rng(seed)",
        _determinism,
        ("shapes", "frozen"),
    ),
    Promise(
        "global state",
        "generators and settings of the process are left alone",
        "use a generator of its own, and put back what it changes; what draws while it is constructed belongs into load",
        _global_state,
        ("determinism",),
    ),
    Promise(
        "batch",
        "a batch equals its items",
        "normalise each item by itself, and put batch normalisation into evaluation mode",
        _batch,
        ("global state",),
    ),
    Promise(
        "distinct",
        "two sounds have two embeddings",
        "let it depend on the audio that is given: it is the same for two different noises",
        _distinct,
        ("shapes",),
    ),
)
SPEED = Promise(
    "speed",
    "clips/s on one core",
    "embed a batch at once, and make in load what is the same for every batch",
    _speed,
    ("shapes",),
    lengthy=True,
)
FORK = Promise(
    "fork",
    "the same in a forked process",
    "start no threads in load; a library that does, such as onnxruntime, is loaded in the process that uses it (ModelEncoder.forks)",
    _fork,
    ("global state",),
    lengthy=True,
)
LONG = Promise(
    "10 minutes",
    "embeds a clip of ten minutes",
    "set window_seconds, so that long clips are cut into windows of that length",
    _long,
    ("shapes", "NaN", "batch"),
    lengthy=True,
)
