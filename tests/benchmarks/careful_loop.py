"""A clean evaluation of forty files beside the loop that one would write for it. Not a test: `python tests/benchmarks/careful_loop.py`.

Forty made-up files of 30 s in four classes, an untrained mel-cnn, three corruptions at severity 3, a linear and an mlp probe chosen on
valid, without a bootstrap. The loop uses soundfile, torch, audiomentations and scikit-learn, decodes each file once and corrupts test files
alone; it tells accuracy and macro F1, and nothing else. `mirbench run` starts from an empty cache: told to leave out what the loop does not
do (floors, maps, similarity, sounds, figures), then with figures, then as it is. All are processes of their own and take turns; the fastest
counts. The goal is a ratio of wall times of at most 1 for the first.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

RATE, SECONDS, FILES, CLASSES = 22_050, 30, 40, 4
GOAL_RATIO = 1.0
LOOP = """
import csv, sys, warnings
import audiomentations, numpy as np, soundfile, torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from mirbench import build_backbone

warnings.filterwarnings("ignore")
rows = list(csv.DictReader(open(sys.argv[1] + "/songs.csv")))
torch.manual_seed(0)
network, length = build_backbone("mel-cnn").eval(), 59_535

def embed(audio):
    starts = np.ceil(np.linspace(0, len(audio) - length, -(-len(audio) // length))).astype(int)
    with torch.inference_mode():
        return network(torch.from_numpy(np.stack([audio[s : s + length] for s in starts]))).mean(0).numpy()

corruptions = {
    "white-noise": audiomentations.AddGaussianSNR(4, 4, p=1),
    "low-pass": audiomentations.LowPassFilter(470, 470, 24, 24, p=1),
    "clipping": audiomentations.ClippingDistortion(20, 20, p=1),
}
audio = [soundfile.read(sys.argv[1] + "/" + row["path"], dtype="float32")[0] for row in rows]
split, labels = np.array([row["split"] for row in rows]), np.array([row["genre"] for row in rows])
x = np.stack([embed(each) for each in audio])
test = [each for each, where in zip(audio, split) if where == "test"]
tested = {"clean": x[split == "test"]}
for name, corruption in corruptions.items():
    np.random.seed(0)
    tested[name] = np.stack([embed(corruption(each, 22050)) for each in test])
probes = {
    "linear": [LogisticRegression(C=c, max_iter=2000) for c in (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10)],
    "mlp": [MLPClassifier((512,), max_iter=200, early_stopping=True, n_iter_no_change=20, random_state=0)],
}
for name, points in probes.items():
    fitted = [make_pipeline(StandardScaler(), point).fit(x[split == "train"], labels[split == "train"]) for point in points]
    best = max(fitted, key=lambda each: each.score(x[split == "valid"], labels[split == "valid"]))
    for condition, features in tested.items():
        guess, truth = best.predict(features), labels[split == "test"]
        print(name, condition, accuracy_score(truth, guess), f1_score(truth, guess, average="macro"))
"""
LEFT_OUT = ("maps=none", "similarity=false", "sounds=false", "floors=none")


UNDRAWN = """
import sys
from mirbench import cli
from mirbench.reporting import figures
figures.write_figures = lambda *results, **more: []
sys.exit(cli.main(sys.argv[1:]))
"""


def songs(folder: Path) -> None:
    """Noise in four colours under slow envelopes, twenty for training, ten each for validation and test."""
    draw = np.random.default_rng(0)
    with (folder / "songs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "path", "split", "group", "genre"])
        for number in range(FILES):
            kind = number % CLASSES
            noise = draw.standard_normal(RATE * SECONDS).astype(np.float32)
            for _ in range(kind):
                noise = np.convolve(noise, np.ones(6, np.float32) / 6, "same")
            loud = 0.2 + 0.1 * np.sin(np.arange(len(noise)) / RATE * draw.uniform(0.5, 4))
            soundfile.write(folder / f"{number}.flac", noise / np.abs(noise).max() * loud, RATE)
            split = "train" if number < FILES // 2 else ("valid", "test")[number // CLASSES % 2]
            table.writerow([f"song{number}", f"{number}.flac", split, f"artist{number}", f"class{kind}"])


def timed(words: list[str], folder: Path) -> tuple[float, float]:
    """Seconds of wall and of processors."""
    begun, before = time.perf_counter(), os.times()
    subprocess.run(words, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = os.times()
    return time.perf_counter() - begun, sum(after[2:4]) - sum(before[2:4])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        songs(folder)
        (folder / "loop.py").write_text(LOOP)
        command = ["run", "--dataset", "songs.csv", "--encoder", "untrained", "--tasks", "genre", "--quiet", "--severities", "3"]
        command += ["--corruptions", "white-noise,low-pass,clipping", "--probe", "linear,mlp", "--set", "bootstrap.resamples=1"]
        same = [*command, *(word for setting in LEFT_OUT for word in ("--set", setting))]
        mirbench = [sys.executable, "-m", "mirbench"]
        ways = {"loop": [sys.executable, "loop.py", name], "the same": [sys.executable, "-c", UNDRAWN, *same]}
        ways |= {"and figures": [*mirbench, *same], "as it is": [*mirbench, *command]}
        taken: dict[str, list[tuple[float, float]]] = {}
        for turn in range(given.repeats):
            for what, words in ways.items():
                fresh = [] if what == "loop" else ["--cache", f"cache-{what}-{turn}", "--output", f"runs-{what}-{turn}"]
                taken.setdefault(what, []).append(timed([*words, *fresh], folder))
    wall, processors = ({what: min(each[of] for each in found) for what, found in taken.items()} for of in (0, 1))
    print(f"{'':12}{'wall s':>10}{'CPU s':>10}{'wall ratio':>12}{'CPU ratio':>12}")
    for what in taken:
        ratios = wall[what] / wall["loop"], processors[what] / processors["loop"]
        print(f"{what:12}{wall[what]:10.1f}{processors[what]:10.1f}{ratios[0]:12.2f}{ratios[1]:12.2f}")
    print(f"goal: a wall ratio of at most {GOAL_RATIO:g} for the same")


if __name__ == "__main__":
    main()
