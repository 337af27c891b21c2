"""The samples that encoders are given, apart from any encoder: for files of them, and for checksums by which two people see that their
encoders were given the same."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mirbench import AudioError, read_clip
from mirbench.errors import describe
from mirbench.evaluation.embedding.corruption import Fault, corrupt
from mirbench.evaluation.embedding.mixing import mixing_pool, other_clips
from mirbench.nouns import Corruption
from mirbench.records import Clip, Condition

SAMPLED, DIGITS = 3, 16  # clips whose samples a manifest has checksums of; hexadecimal digits of one


@dataclass(frozen=True)
class CorruptedAudio:
    """How clips of one data set are corrupted, for encoders and for files. pool: as `mixing_pool` gives it."""

    corruptions: Mapping[str, Corruption]
    sample_rate: int  # Hz
    replicate: int = 0
    pool: Sequence[tuple[Clip, np.ndarray]] = ()

    @classmethod
    def mixing(cls, corruptions: Mapping[str, Corruption], sample_rate: int, replicate: int, background: Sequence[Clip]) -> CorruptedAudio:
        """background: clips that may be mixed in, which are decoded where a corruption mixes some in."""
        mixes = any(corruption.others for corruption in corruptions.values())
        return cls(corruptions, sample_rate, replicate, mixing_pool(background, sample_rate) if mixes else ())

    def under(self, condition: Condition, clip: Clip, samples: np.ndarray) -> np.ndarray:
        """samples: (samples,) float32 of that clip at `sample_rate`. Returns what an encoder of that rate is given under the condition:
        the same shape and dtype. Raises Fault where the corruption breaks its promises."""
        if not condition.severity:
            return samples
        corruption = self.corruptions[condition.corruption]
        others = other_clips(self.pool, clip.group) if corruption.others else None
        return corrupt(corruption, condition, samples, self.sample_rate, clip.id, self.replicate, others)


def condition_name(condition: Condition) -> str:
    """Such as `mp3-4`, or `clean`.

    >>> condition_name(Condition("mp3", 4, 32.0, "kbit/s")), condition_name(Condition())
    ('mp3-4', 'clean')
    """
    return f"{condition.corruption}-{condition.severity}" if condition.severity else condition.corruption


def checksum_of(samples: np.ndarray) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the samples as little-endian 32-bit floats.

    >>> checksum_of(np.zeros(2, np.float32)) == hashlib.sha256(bytes(8)).hexdigest()[:16]
    True
    """
    return hashlib.sha256(samples.astype("<f4", copy=False).tobytes()).hexdigest()[:DIGITS]


def sampled(clip_ids: Iterable[str]) -> list[str]:
    """The few of these whose samples a manifest has checksums of: the first by id.

    >>> sampled(["d", "b", "a", "c"])
    ['a', 'b', 'c']
    """
    return sorted(clip_ids)[:SAMPLED]


def sample_checksums(audio: CorruptedAudio, clips: Sequence[Clip], conditions: Iterable[Condition]) -> dict[str, dict[str, str]]:
    """Of the few clips that `sampled` chooses: `condition_name` -> clip id -> `checksum_of` what an encoder of that rate is given.

    Raises nothing for a file: a clip that cannot be read, and a condition under which a corruption breaks its promises, is not there.
    """
    wanted = set(sampled(clip.id for clip in clips))
    found = [(clip, read_or_why(clip, [audio.sample_rate])) for clip in clips if clip.id in wanted]
    read = [(clip, at[audio.sample_rate]) for clip, at in found if not isinstance(at, str)]
    checksums: dict[str, dict[str, str]] = {}
    for condition in conditions:
        with contextlib.suppress(Fault):
            checksums[condition_name(condition)] = {clip.id: checksum_of(audio.under(condition, clip, samples)) for clip, samples in read}
    return checksums


def read_or_why(clip: Clip, rates: Iterable[int]) -> dict[int, np.ndarray] | str:
    """A clip at each sample rate as `read_clip` gives it, or in a sentence why it cannot be read; raises MemoryError alone."""
    try:
        return {rate: read_clip(clip, rate) for rate in rates}
    except AudioError as error:
        return str(error)
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder raises
        return f"{clip.path} cannot be decoded: {describe(error)}."
