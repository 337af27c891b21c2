"""What several test files need: an encoder plugin that tells tones apart, and the rows of a result file."""

import csv

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


def rows(folder, name="scores.csv"):
    with open(folder / name, newline="") as file:
        return list(csv.DictReader(file))
