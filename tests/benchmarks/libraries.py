"""Pieces of ours beside the libraries that do the like, in the same run. Not a test:
`OMP_NUM_THREADS=1 python tests/benchmarks/libraries.py [PIECE ...]`, all of them in a minute or two.

What was decided, and why, is in CONTRIBUTING.md. Only libraries that mirbench or its dependencies install are here. Times are of the
processor, the fastest of several, but for worker processes, by the clock; a ratio above 1 says that the library takes longer.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torchaudio
from scipy import ndimage, stats
from sklearn.model_selection import StratifiedGroupKFold
from timing import seconds

from mirbench.data.audio.audio import resample
from mirbench.data.duplicates.fingerprints import NEAR_BINS, NEAR_FRAMES, _greatest
from mirbench.data.splits import SHARES, assign_splits
from mirbench.engine.files import Presence, locked
from mirbench.engine.sources import SourceTree
from mirbench.engine.store import Store
from mirbench.engine.workers import map_in_workers
from mirbench.evaluation.probing.metrics import evaluate
from mirbench.evaluation.statistics.resampling import bootstrap_weights
from mirbench.pretraining.backbones.mel import FLOOR, HOP, N_FFT, MelSpectrogram
from mirbench.pretraining.views.pitch_shift import pitch_shift
from mirbench.records import Clip, Predictions

RATE = 22_050
Call = Callable[[], object]


def compare(what: str, ours: Call, theirs: Call, library: str, repeats: int = 5) -> None:
    mine, its = (seconds(call, repeats, time.process_time) * 1e3 for call in (ours, theirs))
    print(f"  {what:<44} {mine:10.3f} ms   {library:<42} {its:10.3f} ms   ratio {its / mine:.2g}")


def locks() -> None:
    from filelock import FileLock, ReadWriteLock

    folder = Path(tempfile.mkdtemp())

    def ours() -> None:
        with locked(folder / "ours.lock", "measuring"):
            pass

    def theirs() -> None:
        with FileLock(folder / "theirs.lock"):
            pass

    def present() -> None:
        with Presence(folder / "present.lock") as presence:
            assert presence.alone()

    def shared() -> None:
        lock = ReadWriteLock(folder / "shared.lock", is_singleton=False)
        with lock.read_lock():
            pass
        with lock.write_lock():
            pass
        lock.close()

    compare("a lock, 100 times", lambda: [ours() for _ in range(100)], lambda: [theirs() for _ in range(100)], "filelock.FileLock")
    compare("a shared lock, 100 times", lambda: [present() for _ in range(100)], lambda: [shared() for _ in range(100)], "ReadWriteLock")
    print(f"  files left: {sorted(path.name for path in folder.iterdir())}")


class Model(torch.nn.Module):
    """200 MB."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.ones(50_000_000), requires_grad=False)


def private_megabytes(model: Model) -> float:
    """Of this process alone, once the model was used."""
    float(model.weights.sum())
    time.sleep(0.3)  # so that each worker gets one
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1000


def workers() -> None:
    from joblib import Parallel, delayed

    model = Model()
    for name, call in {
        "ours": lambda: list(map_in_workers(lambda _: private_megabytes(model), range(4), workers=4)),
        "joblib, loky": lambda: Parallel(4, backend="loky")(delayed(private_megabytes)(model) for _ in range(4)),
        "joblib, multiprocessing": lambda: Parallel(4, backend="multiprocessing")(delayed(private_megabytes)(model) for _ in range(4)),
    }.items():
        begun = time.perf_counter()
        megabytes = call()
        print(f"  {name:<24} four workers with a model of 200 MB: {time.perf_counter() - begun:5.1f} s, {max(megabytes):4.0f} MB more each")


def keys() -> None:
    """Whether a helper that changes is seen, and what it costs to find what is there."""
    from joblib import Memory

    folder = Path(tempfile.mkdtemp())
    job = "import helping\n\n\ndef work(x):\n    return x * helping.factor()\n"
    (folder / "working.py").write_text(job)
    run = f"from joblib import Memory; import working; print(Memory({str(folder / 'cache')!r}, verbose=0).cache(working.work)(21))"
    told, digests = [], []
    for factor in (2, 3):
        (folder / "helping.py").write_text(f"def factor():\n    return {factor}\n")
        done = subprocess.run([sys.executable, "-B", "-c", run], cwd=folder, capture_output=True, text=True, check=True)
        told.append(int(done.stdout))
        files = {name: folder / f"{name}.py" for name in ("working", "helping")}
        digests.append(SourceTree(files).used_by("working:work").digest)
    print(f"  21 times a helper's 2, then 3: joblib.Memory says {told[0]}, then {told[1]}; our key moves: {digests[0] != digests[1]}")
    store = Store(folder)
    with store.writing("kind", "key") as made:
        (made / "x.txt").write_text("1")
    cached = Memory(str(folder / "memory"), verbose=0).cache(importlib.import_module("math").sqrt)
    cached(4.0)
    compare("what is there, 100 times", lambda: [store.has("kind", "key") for _ in range(100)],
            lambda: [cached(4.0) for _ in range(100)], "joblib.Memory")  # fmt: skip


def resampling() -> None:
    rate, wanted = 44_100, RATE
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {"soxr": lambda audio: resample(audio, rate, wanted)}
    for name, options in {
        "torchaudio": {},
        "torchaudio, best": {
            "lowpass_filter_width": 64,
            "rolloff": 0.9475937,
            "resampling_method": "sinc_interp_kaiser",
            "beta": 14.769656,
        },
    }.items():
        transform = torchaudio.transforms.Resample(rate, wanted, **options)
        ways[name] = lambda audio, transform=transform: transform(torch.from_numpy(audio)).numpy()
    at = np.arange(30 * rate) / rate
    noise = np.random.default_rng(0).standard_normal(len(at)).astype(np.float32)
    for name, way in ways.items():
        levels = []
        for share in (0.95, 1.08):  # of the Nyquist frequency: what should stay, and what should go
            found = way(np.sin(2 * np.pi * share * wanted / 2 * at).astype(np.float32))[wanted:-wanted]
            levels.append(10 * np.log10(2 * np.mean(found**2) + 1e-20))
        took = seconds(lambda way=way: way(noise), 5, time.process_time) * 1e3
        print(f"  {name:<18} 30 s of 44.1 kHz to 22.05 in {took:5.1f} ms; below the edge {levels[0]:6.1f} dB, above it {levels[1]:6.1f} dB")


def mel_bands() -> None:
    audio = 0.1 * torch.randn(64, 59_049, generator=torch.Generator().manual_seed(0))
    ours = MelSpectrogram(RATE, 128)
    power = torchaudio.transforms.MelSpectrogram(
        RATE, N_FFT, hop_length=HOP, f_min=30.0, n_mels=128, norm="slaney", mel_scale="slaney", pad_mode="constant"
    )

    def theirs(audio: torch.Tensor) -> torch.Tensor:
        return power(audio).clamp_min(FLOOR).log10()

    compare("log-mel bands of 64 views of 2.7 s", lambda: ours(audio), lambda: theirs(audio), "torchaudio.transforms.MelSpectrogram")
    with torch.autocast("cpu", torch.bfloat16):
        half = float((theirs(audio).float() - ours(audio)).abs().max())
    print(f"  largest difference {float((ours(audio) - theirs(audio)).abs().max()):.1e}, in a network of bfloat16 {half:.1e}")


def pitch() -> None:
    audio = 0.1 * torch.randn(1, 59_049, generator=torch.Generator().manual_seed(0))
    theirs = torchaudio.functional.pitch_shift
    for semitones in (3, -1):  # whose ratios of rates are a simple and a less simple fraction; at 4 semitones theirs takes half a minute
        compare(
            f"a view {semitones:+} semitones up",
            lambda by=semitones: pitch_shift(audio, torch.tensor([float(by)])),
            lambda by=semitones: theirs(audio, RATE, by),
            "torchaudio.functional.pitch_shift",
            1,
        )


def bootstrap() -> None:
    draw, count, groups = np.random.default_rng(0), 360, 36
    truth = draw.integers(0, 24, count)
    scores = draw.standard_normal((count, 24)) + 2 * np.eye(24)[truth]
    group, named = np.arange(count) % groups, tuple(str(i % groups) for i in range(count))
    predictions = Predictions(tuple(map(str, range(count))), named, tuple(map(str, range(24))), "multiclass", truth, scores)
    correct = (scores.argmax(axis=1) == truth).astype(float)
    members = [np.flatnonzero(group == number) for number in range(groups)]

    def of_drawn(numbers: np.ndarray) -> float:
        return float(correct[np.concatenate([members[int(number)] for number in numbers])].mean())

    compare("accuracy of 360 clips, 1,000 resamples", lambda: evaluate("accuracy", predictions, bootstrap_weights(named)),
            lambda: stats.bootstrap((np.arange(groups),), of_drawn, n_resamples=1000, vectorized=False, method="percentile"),
            "scipy.stats.bootstrap, over group numbers")  # fmt: skip


def label_structures() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(what it is like, label of each clip, group of each clip)."""
    draw = np.random.default_rng(0)
    group, genre = draw.integers(0, 200, 1000), draw.integers(0, 10, 200)
    yield "10 genres, 200 artists of one genre each", genre[group], group
    group, rare = draw.integers(0, 300, 2000), np.minimum(draw.zipf(1.6, 300), 30)
    yield "30 labels, most of them rare, 300 artists", rare[group], group
    yield "24 keys, 100 albums of many keys", draw.integers(0, 24, 2000), draw.integers(0, 100, 2000)
    yield "17 techniques, 12 singers", draw.integers(0, 17, 1500), draw.integers(0, 12, 1500)
    weight = draw.pareto(1.2, 150) + 0.1
    group, label = draw.choice(150, 2000, p=weight / weight.sum()), draw.integers(0, 8, 150)
    yield "8 labels, 150 artists of unequal size", label[group], group
    yield "50 labels, each clip its own group", np.minimum(draw.zipf(1.5, 1000), 50), np.arange(1000)


def splits() -> None:
    names, wanted = list(SHARES), np.array(list(SHARES.values()))

    def ours(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
        clips = [Clip(str(i), Path(f"{i}.wav"), "", str(groups[i]), annotations={"label": str(labels[i])}) for i in range(len(labels))]
        return np.array([clip.split for clip in assign_splits(clips, seed=seed)])

    def theirs(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
        """One fold of seven is test, and of the rest one of six valid: 14.3 % each, the nearest to 15 there is."""
        found, rest = np.full(len(labels), "train"), np.arange(len(labels))
        for split, folds in (("test", 7), ("valid", 6)):
            folding = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
            part = next(folding.split(rest, labels[rest], groups[rest]))[1]
            found[rest[part]] = split
            rest = np.delete(rest, part)
        return found

    for what, labels, groups in label_structures():
        told = []
        for way in (ours, theirs):
            apart, lacking = [], []
            for seed in range(10):
                found = way(labels, groups, seed)
                shares = np.array([[np.mean(found[labels == label] == name) for name in names] for label in np.unique(labels)])
                many = np.array([len(np.unique(groups[labels == label])) >= len(names) for label in np.unique(labels)])
                apart.append(np.abs(shares - wanted).sum(axis=1).mean() / 2)
                lacking.append((shares[many] == 0).sum())
            told.append(f"{100 * np.mean(apart):5.1f} % of a label's clips misplaced, {np.mean(lacking):4.1f} lacking")
        print(f"  {what:<42} ours {told[0]};  StratifiedGroupKFold {told[1]}")


def neighbourhoods() -> None:
    power = np.random.default_rng(0).random((940, 472), np.float32)  # 30 s

    def ours() -> np.ndarray:
        return _greatest(_greatest(power, NEAR_FRAMES).T, NEAR_BINS).T

    def theirs() -> np.ndarray:
        return ndimage.maximum_filter(power, (2 * NEAR_FRAMES + 1, 2 * NEAR_BINS + 1), mode="constant")

    np.testing.assert_array_equal(ours(), theirs())
    compare("loudest of each neighbourhood of 30 s", ours, theirs, "scipy.ndimage.maximum_filter")


PIECES: dict[str, Callable[[], None]] = {
    "locks": locks, "workers": workers, "keys": keys, "resampling": resampling, "mel": mel_bands, "pitch": pitch,
    "bootstrap": bootstrap, "splits": splits, "fingerprints": neighbourhoods,
}  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name in sys.argv[1:] or PIECES:
        print(name, flush=True)
        PIECES[name]()


if __name__ == "__main__":
    main()
