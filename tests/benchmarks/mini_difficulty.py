"""How hard the tasks of `mini` are: chance, what gives classes away that should not, and what can be told from the notes. Not a test:
`python tests/benchmarks/mini_difficulty.py [--size mini-large] [--write]` takes some minutes and prints a table; --write: into
plugins/datasets/mini/data/PROVENANCE.md and results/README.md. Detectable differences are of the reference runs (spreads.py).

Every number is a headline metric on test clips, of a classifier that was fitted on training clips. Loudness: level, peak and crest factor
of the recording. Spectrum: its mean level in 40 bands. Tags: how many play, drums and the instruments, for genre and key. Tempo: fast or
slow. Notes: of the score as it is played, which no recording tells fully: pitch classes, intervals, lengths and onsets; for key, pitch
classes in all twelve transpositions.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import mir_eval
import numpy as np
import pandas as pd
from mirbench_plugins.datasets.mini import plan as plans
from mirbench_plugins.datasets.mini import sampler
from mirbench_plugins.datasets.mini.arrange import instrument_tag
from mirbench_plugins.datasets.mini.pieces import STYLES
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mirbench.experiment.planning import power

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "plugins/datasets/mini/data/PROVENANCE.md", ROOT / "results/README.md")
TABLE = re.compile(r"(?s)(?<=<!-- difficulty -->\n).*?(?=<!-- end of difficulty -->)")
METRICS = {"tagging": "average precision", "genre": "accuracy", "key": "MIREX", "pitch": "accuracy"}
TEMPI = {"fast", "slow"}
BANDS = 40
TREES = 400


class Clips:
    """Of one split: plans, what sounds, annotations, and the recordings."""

    def __init__(self, items: Sequence[plans.Plan]) -> None:
        self.items = list(items)
        played = [plans.play(item, 0) for item in self.items]
        self.notes, self.told = [notes for notes, _, _ in played], [told for _, told, _ in played]

    @cache  # noqa: B019  one process, two instances
    def recordings(self) -> tuple[np.ndarray, np.ndarray]:
        """(clips, 3) level, peak and crest factor in dB; (clips, BANDS) mean level in bands evenly spaced in log frequency, in dB."""
        found = [_of_recording(plans.render(item, 0)[0] / 32_768) for item in self.items]
        return np.array([loudness for loudness, _ in found]), np.array([spectrum for _, spectrum in found])


def _of_recording(audio: np.ndarray) -> tuple[list[float], np.ndarray]:
    level, peak = 20 * np.log10(np.sqrt((audio**2).mean()) + 1e-9), 20 * np.log10(np.abs(audio).max() + 1e-9)
    power = np.abs(np.fft.rfft(audio)) ** 2
    edges = np.geomspace(40, 11_000, BANDS + 1) / 22_050 * len(audio)
    bands = [power[int(a) : max(int(a) + 1, int(b))].mean() for a, b in itertools.pairwise(edges)]
    spectrum = 10 * np.log10(np.array(bands) + 1e-9)
    return [level, peak, peak - level], spectrum - spectrum.mean()


def tags_alone(clips: Clips, tempo: bool = False) -> np.ndarray:
    """(clips, tags): those of the tempo, or all but these and the styles."""
    names = sorted(TEMPI if tempo else {tag for told in clips.told for tag in told.get("tags", ())} - set(STYLES) - TEMPI)
    return np.array([[tag in told.get("tags", ()) for tag in names] for told in clips.told], float)


def of_notes(clips: Clips) -> np.ndarray:
    return np.array([_of_notes(notes) for notes in clips.notes])


def _of_notes(notes: Sequence[sampler.Note]) -> np.ndarray:
    """Histograms, free of key: pitch classes above the commonest, intervals and onset steps of the highest line, lengths, voices, drums."""
    pitched = sorted((n.start, n.seconds, n.pitch) for n in notes if n.instrument != "drums")
    onsets = np.array([n[0] for n in pitched])
    pitches, lengths = np.array([n[2] for n in pitched]), np.array([n[1] for n in pitched])
    classes = np.bincount(pitches % 12, lengths, minlength=12)
    classes = np.roll(classes, -int(classes.argmax())) / max(classes.sum(), 1e-9)
    line: dict[int, int] = {}
    for at, pitch in zip(np.round(onsets / 0.04).astype(int).tolist(), pitches.tolist(), strict=True):
        line[at] = max(pitch, line.get(at, 0))
    at = np.array(sorted(line))
    steps = np.clip(np.diff([line[i] for i in at]), -12, 12) if len(at) > 1 else np.zeros(1, int)
    gaps = np.clip(np.diff(at), 0, 24) if len(at) > 1 else np.zeros(1, int)
    half = np.median(gaps) if len(gaps) else 1
    ratios = np.histogram(np.log2(np.maximum(gaps, 1) / max(half, 1)), bins=np.linspace(-3, 3, 13))[0]
    together = np.histogram([(np.abs(onsets - x) < 0.03).sum() for x in onsets], bins=[0.5, 1.5, 2.5, 3.5, 4.5, 99])[0]
    drums = [n.pitch for n in notes if n.instrument == "drums"]
    instruments = {n.instrument for n in notes} - {"drums"}
    shares = [
        np.bincount(steps + 12, minlength=25),
        np.bincount(gaps, minlength=25),
        ratios,
        np.histogram(lengths, [0, 0.1, 0.2, 0.35, 0.6, 1, 2, 9])[0],
        together,
    ]
    parts = [np.asarray(share, float) / max(1, np.sum(share)) for share in shares]
    few = [len(pitched) / 8, len(drums) / 8, len(set(drums)), pitches.std(), pitches.mean(), len(instruments), float(half)]
    return np.concatenate([classes, *parts, few])


def tag_features(clips: Clips) -> np.ndarray:
    """What of_notes has, and the families that play."""
    tags = sorted({instrument_tag(name) for name in sampler.catalogue()["instruments"]})
    playing = [{instrument_tag(n.instrument) for n in notes if n.instrument != "drums"} for notes in clips.notes]
    return np.concatenate([of_notes(clips), [[tag in each for tag in tags] for each in playing]], axis=1)


def pitch_classes(clips: Clips) -> np.ndarray:
    """(clips, 24): sounding pitch classes, and those of the lowest note at each onset."""
    rows = []
    for notes in clips.notes:
        pitched = [n for n in notes if n.instrument != "drums"]
        every = np.bincount([n.pitch % 12 for n in pitched], [n.seconds * n.gain for n in pitched], minlength=12)
        lowest: dict[int, int] = {}
        for n in pitched:
            at = round(n.start / 0.1)
            lowest[at] = min(n.pitch, lowest.get(at, 200))
        bass = np.bincount([p % 12 for p in lowest.values()], minlength=12)
        rows.append(np.concatenate([np.sqrt(every / max(every.sum(), 1e-9)), np.sqrt(bass / max(bass.sum(), 1))]))
    return np.array(rows)


def key_from_notes(train: Clips, train_keys: list[str], test: Clips) -> list[str]:
    """Fitted to all twelve transpositions of each clip, which makes one profile for each mode."""
    rows, keys = pitch_classes(train), []
    turned = []
    for shift in range(12):
        turned.append(np.concatenate([np.roll(rows[:, :12], shift, axis=1), np.roll(rows[:, 12:], shift, axis=1)], axis=1))
        keys += [f"{plans.KEYS[(plans.KEYS.index(k.split()[0]) + shift) % 12]} {k.split()[1]}" for k in train_keys]
    found: Any = LogisticRegression(C=10, max_iter=2000).fit(np.concatenate(turned), keys)
    return list(found.predict(pitch_classes(test)))


def mirex(truth: Sequence[str], said: Sequence[str]) -> float:
    return float(np.mean([mir_eval.key.weighted_score(_mir_eval(a), _mir_eval(b)) for a, b in zip(truth, said, strict=True)]))


def _mir_eval(key: str) -> str:
    return key.replace("Eb", "D#").replace("Ab", "G#").replace("Bb", "A#")


def linear(features: np.ndarray, labels: Any, others: np.ndarray) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(features, labels).predict(others)


def forest(features: np.ndarray, labels: Any, others: np.ndarray) -> Any:
    return ExtraTreesClassifier(TREES, random_state=0, n_jobs=-1, max_features=0.3).fit(features, labels).predict(others)


def average_precision(train: np.ndarray, truth: np.ndarray, test: np.ndarray, test_truth: np.ndarray, trees: bool) -> float:
    """Macro mean over tags."""
    if trees:
        fitted = ExtraTreesClassifier(TREES, random_state=0, n_jobs=-1, max_features=0.3).fit(train, truth)
        scores = np.stack([p[:, 1] for p in fitted.predict_proba(test)], axis=1)
    else:
        scores = np.stack(
            [
                make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(train, column).decision_function(test)
                for column in truth.T
            ],
            axis=1,
        )
    return float(average_precision_score(test_truth, scores, average="macro"))


def measure(dataset: str) -> pd.DataFrame:
    mini = importlib.import_module("mirbench_plugins.datasets.mini")
    size = {noun.name: noun for noun in mini.register_datasets()}[dataset].size
    items = plans.plan(size)
    train, test = ([i for i in items if i.split == split] for split in ("train", "test"))
    music, keyed, notes = ([Clips([i for i in split if name in i.told]) for split in (train, test)] for name in ("tags", "key", "pitch"))
    return pd.DataFrame([_tagging(*music), _genre(*music), _key(*keyed), _pitch(*notes)]).set_index("task")


def _tagging(train: Clips, test: Clips) -> dict[str, Any]:
    names = sorted({tag for told in train.told for tag in told["tags"]})
    truth = [np.array([[tag in told["tags"] for tag in names] for told in clips.told], int) for clips in (train, test)]

    def score(features: Callable[[Clips], np.ndarray], trees: bool = False) -> float:
        return average_precision(features(train), truth[0], features(test), truth[1], trees)

    return {
        "task": "tagging",
        "chance": float(truth[1].mean(axis=0).mean()),
        "loudness": score(lambda clips: clips.recordings()[0]),
        "spectrum": score(lambda clips: clips.recordings()[1]),
        "notes": score(tag_features, trees=True),
    }


def _genre(train: Clips, test: Clips) -> dict[str, Any]:
    labels, truth = ([told["genre"] for told in clips.told] for clips in (train, test))
    said = {
        "loudness": linear(train.recordings()[0], labels, test.recordings()[0]),
        "spectrum": linear(train.recordings()[1], labels, test.recordings()[1]),
        "tags": linear(tags_alone(train), labels, tags_alone(test)),
        "tempo": linear(tags_alone(train, tempo=True), labels, tags_alone(test, tempo=True)),
        "notes": forest(of_notes(train), labels, of_notes(test)),
    }
    return {"task": "genre", "chance": 1 / len(STYLES), **{name: accuracy_score(truth, each) for name, each in said.items()}}


def _key(train: Clips, test: Clips) -> dict[str, Any]:
    first, other = (_those(clips, ["key" in told for told in clips.told]) for clips in (train, test))
    labels, truth = ([str(told["key"]) for told in clips.told] for clips in (first, other))
    said = {
        "chance": [max(set(labels), key=labels.count)] * len(truth),
        "loudness": linear(first.recordings()[0], labels, other.recordings()[0]),
        "spectrum": linear(first.recordings()[1], labels, other.recordings()[1]),
        "tags": linear(tags_alone(first), labels, tags_alone(other)),
        "tempo": linear(tags_alone(first, tempo=True), labels, tags_alone(other, tempo=True)),
        "notes": key_from_notes(first, labels, other),
    }
    return {"task": "key", **{name: mirex(truth, each) for name, each in said.items()}}


def _pitch(train: Clips, test: Clips) -> dict[str, Any]:
    labels, truth = ([told["pitch"] for told in clips.told] for clips in (train, test))
    said = {
        "loudness": linear(train.recordings()[0], labels, test.recordings()[0]),
        "spectrum": linear(train.recordings()[1], labels, test.recordings()[1]),
    }
    notes = {"notes": 1.0}  # the note is the label
    return {"task": "pitch", "chance": 1 / len(plans.NOTES), **{name: accuracy_score(truth, each) for name, each in said.items()}, **notes}


def _those(clips: Clips, chosen: Sequence[bool]) -> Clips:
    return Clips([item for item, wanted in zip(clips.items, chosen, strict=True) if wanted])


def page(table: pd.DataFrame) -> str:
    heads = ["chance", "loudness", "spectrum", "tags", "tempo", "notes"]
    lines = [f"| task | metric | {' | '.join(heads)} | detectable |", f"|---|---|{'---:|' * (len(heads) + 1)}"]
    detectable = _detectable()
    for task, row in table.iterrows():
        cells = ["–" if pd.isna(row[head]) else f"{row[head]:.2f}" for head in heads]
        lines.append(f"| {task} | {METRICS[str(task)]} | {' | '.join(cells)} | {detectable.get(str(task), '–')} |")
    return "\n".join(lines) + "\n"


def _detectable() -> dict[str, str]:
    """With three seeds each, between contrastive encoders, from the spread of the reference runs."""
    return {
        task: f"{spread.detectable(3):.2f}" for (task, dataset, _), spread in power._by_task(power._shipped()).items() if dataset == "mini"
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="mini")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    text = page(measure(asked.size))
    print(text)
    for path in PAGES if asked.write else ():
        path.write_text(TABLE.sub(lambda _: text, path.read_text(encoding="utf-8")), encoding="utf-8")
