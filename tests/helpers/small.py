"""What several test files need: an encoder plugin that tells tones apart, a data set of tones, and the rows of a result file."""

import csv

TASKS = "emotion, genre, instrument, key, pitch, singer, tagging, technique"  # all that are built in

LOUD = """
import numpy as np
import mirbench

class Loud(mirbench.Encoder):
    name = "loud"

    def embed(self, audio):
        crossings = (np.diff(np.sign(audio), axis=1) != 0).mean(axis=1)
        return np.stack([crossings, audio.std(axis=1)], axis=1).astype(np.float32)

@mirbench.hookimpl
def register_encoders():
    return [Loud()]
"""

TONES = """
import numpy as np, soundfile
import mirbench

class Tones(mirbench.Dataset):
    name = "tones"
    annotations = ("genre",)
    made = {made}

    def prepare(self, folder):
        (folder / "audio").mkdir()
        clips = []
        for i in range({count}):
            split = ("train", "valid", "test")[i % 3]
            path = folder / "audio" / f"{{i}}.wav"
            soundfile.write(path, 0.3 * np.sin(np.arange(22050) * 0.02 * (1 + i % 2)), 22050)
            group = "shared" if {leak} and i < 2 else f"g{{i}}"
            clips.append(mirbench.Clip(str(i), path, split, group, annotations={{"genre": "ab"[i % 2]}}))
        for i in range({broken}):
            clips[i].path.write_bytes(b"<html>not found</html>")
        mirbench.write_manifest(folder / "manifest.csv", clips)

    def clips(self, folder):
        return mirbench.read_manifest(folder / "manifest.csv")

@mirbench.hookimpl
def register_datasets():
    return [Tones()]
"""


def rows(folder, name="scores.csv"):
    """Without those of the task similarity, which every run has too."""
    with open(folder / name, newline="") as file:
        return [row for row in csv.DictReader(file) if row["task"] != "similarity"]
