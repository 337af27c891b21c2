"""What corruptions promise.

PYTEST_DONT_REWRITE: what an assertion says is the whole sentence.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mirbench import seeded
from mirbench.engine.global_state import unchanged
from mirbench.nouns import Corruption
from mirbench.testing.forked import NoAnswer, in_child
from mirbench.testing.importing import IMPORTED
from mirbench.testing.means import contract, noise
from mirbench.testing.promises import WRITTEN, Promise

FLAT = 1e-3  # of the samples, at the peak
SEED = 7
CLIP, MINUTES = 10.0, 600.0  # seconds of a clip that is timed, and of a long one
PATIENCE, ALLOWANCE = 60.0, 10.0  # seconds that ten minutes of audio may take at the least, and as a multiple of what they should take
LEAST_SPEED = 1.0  # seconds of audio a second


@dataclass(frozen=True)
class Returned:
    """what: the sound and severity, as messages name them. wrote: whether it changed the audio. changed: what of the process it changed."""

    what: str
    severity: int
    level: float
    audio: np.ndarray
    out: Any
    wrote: bool
    changed: list[str]


class CorruptionSubject:
    source = ""

    def __init__(self, corruption: Corruption, sample_rate: int = 22_050) -> None:
        self.corruption, self.sample_rate, self.title = corruption, sample_rate, f"corruption '{corruption.name}'"

    def apply(self, audio: np.ndarray, level: float) -> Any:
        level = float(level)  # as a run has it
        if self.corruption.others:
            return self.corruption.mix(audio, noise(self.corruption.others, len(audio)), self.sample_rate, level, SEED)
        return self.corruption.apply(audio, self.sample_rate, level, SEED)

    def fenced(self, audio: np.ndarray, level: float, generators: int = 0) -> Any:
        """Of a copy, whatever it changes. generators: where the global ones begin."""
        with unchanged("", generators, may_draw=True):
            return self.apply(audio.copy(), level)

    @cached_property
    def returned(self) -> list[Returned]:
        """What it returned of noise and silence at each severity."""
        sounds = {"noise": noise(1, self.sample_rate + 1)[0], "silence": np.zeros(self.sample_rate // 2, np.float32)}
        found = []
        for severity, level in enumerate(self.corruption.levels, start=1):
            for sound, audio in sounds.items():
                own, state = audio.copy(), unchanged("", 0)
                with state:
                    out = copy.deepcopy(self.apply(own, level))
                what = f"{self.title}, severity {severity}, on {sound}"
                found.append(Returned(what, severity, level, audio, out, not np.array_equal(own, audio), state.changed))
        return found

    @cached_property
    def seconds_of_clip(self) -> float:
        """Of ten seconds at the last severity."""
        audio = noise(1, round(CLIP * self.sample_rate))[0]
        times: list[float] = []
        while len(times) < 3 and sum(times) < 1.0:
            begun = time.perf_counter()
            self.fenced(audio, self.corruption.levels[-1])
            times.append(time.perf_counter() - begun)
        return min(times)


def _contract(subject: CorruptionSubject) -> str:
    contract("corruption", subject.corruption)
    return f"{len(subject.corruption.levels)} severities in {subject.corruption.unit or 'no unit'}"


def _shapes(subject: CorruptionSubject) -> str:
    for each in subject.returned:
        assert isinstance(each.out, np.ndarray), f"{each.what} returns {type(each.out).__name__}, not a numpy array"
        assert each.out.shape == each.audio.shape, f"{each.what} returns the shape {each.out.shape}, not {each.audio.shape}"
    return f"{subject.sample_rate + 1} samples"


def _dtype(subject: CorruptionSubject) -> str:
    for each in subject.returned:
        assert each.out.dtype == np.float32, f"{each.what} returns {each.out.dtype}, not float32"
    return "float32"


def _finite(sound: str) -> Any:
    def keeps(subject: CorruptionSubject) -> str:
        most = 0.0
        for each in subject.returned:
            if bool(each.audio.any()) == (sound == "noise"):
                assert np.isfinite(each.out).all(), f"{each.what} returns values that are not finite"
                most = max(most, float(np.abs(each.out).max()))
        return f"peaks of {most:.2g}"

    return keeps


def _input_left(subject: CorruptionSubject) -> str:
    for each in subject.returned:
        assert not each.wrote, f"{each.what} changes the audio it was given"
    return ""


def _global_state(subject: CorruptionSubject) -> str:
    for each in subject.returned:
        names = " and ".join(each.changed)
        assert not names, f"{each.what} changes {names}; use a generator of its own, and put back what it changes"
    return ""


def _determinism(subject: CorruptionSubject) -> str:
    for each in subject.returned:
        with seeded(each.severity):  # the global generators in another state, so that what draws from them shows
            again = subject.apply(each.audio.copy(), each.level)
        same = np.array_equal(each.out, again, equal_nan=True)
        assert same, f"{each.what} returns something else for the same seed"
    return ""


def _audible(subject: CorruptionSubject) -> str:
    last = subject.returned[-2]  # noise
    assert not np.array_equal(last.out, last.audio), f"{last.what} leaves the audio as it was"
    with np.errstate(divide="ignore"):
        ratio = np.square(last.audio).mean() / np.square(last.out - last.audio).mean()
    return f"{10 * np.log10(ratio):.1f} dB of signal to change at the last severity"


def _peaks(subject: CorruptionSubject) -> str:
    if subject.corruption.limits:
        return "it limits"
    for severity, level in enumerate(subject.corruption.levels, start=1):
        flat = flat_tops(subject.fenced(3 * noise(1, subject.sample_rate + 1)[0], level))
        what = f"{subject.title}, severity {severity}, flattens peaks beyond full scale"
        assert not flat, f"{what}; leave them as they are, or set limits = True"
    return ""


def _changes(subject: CorruptionSubject) -> str:
    corruption, found = subject.corruption, set[str]()
    for severity, level in enumerate(corruption.levels, start=1):
        change = dict(corruption.changes(level, SEED))
        what = f"{subject.title}, severity {severity}, changes {', '.join(change)}"
        assert set(change) <= set(corruption.alters), f"{what}, which is not all in its alters"
        found |= set(change)
    return f"tells {', '.join(sorted(found))}" if found else f"alters {', '.join(sorted(corruption.alters)) or 'nothing'}"


def _short(subject: CorruptionSubject) -> str:
    samples = max(1, round(0.01 * subject.sample_rate))
    for severity, level in enumerate(subject.corruption.levels, start=1):
        out = subject.fenced(noise(1, samples)[0], level)
        what = f"{subject.title}, severity {severity}, on 10 ms"
        assert out.shape == (samples,), f"{what} returns the shape {out.shape}, not {(samples,)}"
        assert np.isfinite(out).all(), f"{what} returns values that are not finite"
    return f"{samples} samples"


def _speed(subject: CorruptionSubject) -> str:
    speed = CLIP / subject.seconds_of_clip
    assert speed >= LEAST_SPEED, f"{subject.title} takes {1 / speed:.2g} s for a second of audio on one core"
    return (
        f"{speed / CLIP:,.{0 if speed > 1000 else 1}f} clips/s of {CLIP:g} s, {speed:,.{0 if speed > 10 else 1}f} times as fast as it plays"
    )


def _long(subject: CorruptionSubject) -> str:
    audio, level = noise(1, round(MINUTES * subject.sample_rate))[0], subject.corruption.levels[-1]
    try:
        shape = in_child(lambda: subject.fenced(audio, level).shape, max(PATIENCE, ALLOWANCE * subject.seconds_of_clip * MINUTES / CLIP))
    except NoAnswer as error:
        raise AssertionError(f"{subject.title} on ten minutes {error}") from error
    assert shape == audio.shape, f"{subject.title} on ten minutes returns the shape {shape}, not {audio.shape}"
    return ""


def flat_tops(audio: np.ndarray) -> bool:
    """Whether more than one sample of a thousand is at the peak, above or below, and at least twice as many as just under it.

    The second so that steps, as of fewer bits, are none: they hold as many samples elsewhere. Silence is not flat.
    """
    for side in (audio, -audio):
        peak = side.max()
        under = side[side < peak * (1 - 1e-6)]
        count, step = len(side) - len(under), under.max(initial=0)
        beside = np.count_nonzero(under >= step * (1 - 1e-6)) if step > 0 else 0
        if peak > 0 and count > max(FLAT * len(side), 2 * beside):
            return True
    return False


CORRUPTION = (
    Promise("contract", "what the registry asks of a corruption", WRITTEN.format("corruption"), _contract),
    IMPORTED,
    Promise("shapes", "as many samples as it was given", "cut or pad what it makes to len(audio)", _shapes, ("contract",)),
    Promise("dtype", "float32", "return it as float32: out.astype(np.float32)", _dtype, ("shapes",)),
    Promise("NaN", "finite on noise", "keep logarithms and divisions away from 0", _finite("noise"), ("dtype",)),
    Promise("silence", "finite on silence", "divide by np.maximum(x, 1e-30)", _finite("silence"), ("dtype",)),
    Promise("input", "the audio is left as it is", "work on a copy: audio = audio.copy()", _input_left, ("dtype",)),
    Promise(
        "global state",
        "generators and settings of the process are left alone",
        "draw by np.random.default_rng(seed), or call what draws from the global generators in a mirbench.seeded(seed) block",
        _global_state,
        ("dtype",),
    ),
    Promise("determinism", "the same again for a seed", "draw by np.random.default_rng(seed) alone", _determinism, ("global state",)),
    Promise("audible", "changes the audio at the last severity", "let the levels begin at what can be heard", _audible, ("NaN",)),
    Promise(
        "changes", "changes() names what `alters` has", "add the word to alters, such as frozenset({'pitch'})", _changes, ("contract",)
    ),
    Promise("peaks", "peaks beyond full scale are left", "clip nothing to [-1, 1], or set limits = True", _peaks, ("NaN",)),
    Promise("10 ms", "corrupts 10 ms", "leave audio that is too short for it as it is, or pad and cut it", _short, ("NaN",)),
    Promise("speed", "clips/s on one core", "let numpy or scipy work on the whole array", _speed, ("dtype",), lengthy=True),
    Promise(
        "10 minutes",
        "corrupts ten minutes",
        "work in blocks of some seconds, whose number alone grows with the length",
        _long,
        ("dtype",),
        lengthy=True,
    ),
)
