"""Basic Pitch: a small network for transcription into notes (Bittner, Bosch, Rubinstein, Meseguer-Brocal, Ewert, ICASSP 2022).

The package and its weights are Spotify's. They were trained on what table 1 of the paper says, under noise, equalisation and reverberation
(section 3): the training songs of `medley-solos-db`, which are MedleyDB's, may be audio that it was trained on.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mirbench

from ._packaged import PackagedEncoder

if TYPE_CHECKING:
    import numpy as np

RATE, FFT_HOP = 22_050, 256  # of the package's constants.py: Hz; samples from a frame to the next
WINDOW = 2 * RATE - FFT_HOP  # samples, which give 172 frames
EDGE = 15  # frames at either end of a window that are left to its neighbours
FRAMES_PER_SECOND = RATE // FFT_HOP  # as the package counts those of a clip


class BasicPitch(PackagedEncoder):
    """Mean and maximum over time of all that the network tells: how likely each of 88 notes sounds, begins, and each third of a semitone of
    264 does. 880 numbers."""

    name = "basic-pitch"
    description = "Basic Pitch, trained to transcribe notes of any instrument"
    sample_rate = RATE
    window_seconds = 30.0
    home = "https://github.com/spotify/basic-pitch"
    licence = "Apache-2.0"
    citation = (
        "R. M. Bittner, J. J. Bosch, D. Rubinstein, G. Meseguer-Brocal and S. Ewert, A lightweight instrument-agnostic model for "
        "polyphonic note transcription and multipitch estimation, ICASSP 2022"
    )
    trained_with = "GuitarSet, MAESTRO, Slakh, iKala and MedleyDB"
    packages = {
        "basic_pitch": "pip install --no-deps basic-pitch==0.4.0",
        "onnxruntime": "pip install 'mirbench-audio[models]'",
    }

    def seen_families(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        return ("noise", "filtering", "rooms")

    def embedding_cost(self, options: Mapping[str, Any]) -> float:
        return 0.01

    def weight_files(self, folder: Path | None, options: Mapping[str, Any]) -> list[Path]:
        return [self.folder() / "saved_models" / "icassp_2022" / "nmp.onnx"]

    def count_parameters(self, options: Mapping[str, Any]) -> int | None:
        return mirbench.count_initialisers(self.weight_files(None, options)[0])

    def load(self, folder: Path | None, options: Mapping[str, Any], seed: int, device: str) -> Callable[[np.ndarray], np.ndarray]:
        import numpy as np

        path = str(self.weight_files(folder, options)[0])

        def embed(audio: np.ndarray) -> np.ndarray:
            told = (np.concatenate(posteriorgrams(np.asarray(clip, np.float32), path), axis=1) for clip in audio)
            return np.stack([np.concatenate([each.mean(axis=0), each.max(axis=0)]) for each in told])

        return embed


def posteriorgrams(audio: np.ndarray, path: str) -> list[np.ndarray]:
    """(samples,) -> notes (frames, 88), their onsets (frames, 88) and contours (frames, 264), each in [0, 1], a frame at the least.

    As the package's `run_inference`: windows overlap by 30 frames, of which each gives up half. path: of the network.
    """
    import numpy as np

    session = _session(path, os.getpid())
    padded = np.concatenate([np.zeros(EDGE * FFT_HOP, np.float32), audio])
    found = []
    for start in range(0, len(padded), WINDOW - 2 * EDGE * FFT_HOP):
        window = padded[start : start + WINDOW]
        window = np.pad(window, (0, WINDOW - len(window)))
        found.append([each[0, EDGE:-EDGE] for each in session(window[None, :, None])])
    frames = max(1, len(audio) * FRAMES_PER_SECOND // RATE)
    return [np.concatenate(each)[:frames] for each in zip(*found, strict=True)]


@functools.cache
def _session(path: str, process: int) -> Callable[[np.ndarray], list[np.ndarray]]:
    """(windows, 43844, 1) -> notes, onsets and contours, each (windows, 172, bins), in one thread. process: each has its own, since nothing
    says that one may be used after a fork."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is fatal: the rest is raised as an error
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (audio,) = session.get_inputs()
    names = [f"StatefulPartitionedCall:{number}" for number in (1, 2, 0)]
    return lambda windows: session.run(names, {audio.name: windows})


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [BasicPitch()]
