"""What all thirteen layers of a model cost beside one, in a pass over corrupted audio: one forward pass, at most 1.15 times as much. Not a
test: `python tests/benchmarks/layers.py` takes a minute or two.

A HuBERT of the base's depth with random weights, by its address, embeds clips of 10 s under white noise as a run does it: corrupted,
resampled, embedded, pooled and stored. Last layer and all layers take turns, and the least processor time of each counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import transformers
from timing import seconds

from mirbench import registry
from mirbench.evaluation.embedding.partial import PartialEmbeddings
from mirbench.evaluation.embedding.passes import EmbeddingPass, chunks_of, embed_passes
from mirbench.evaluation.embedding.windows import FrozenEncoder
from mirbench.records import ALL_LAYERS, LAST_LAYER, Clip, Condition

LAYERS, SECONDS, RATE = 12, 10.0, 22_050
NOISE = Condition("white-noise", 1, 10.0, "dB SNR")
GOAL = 1.15


def model(folder: Path, width: int) -> str:
    config = transformers.HubertConfig(hidden_size=width, num_hidden_layers=LAYERS, num_attention_heads=4, intermediate_size=4 * width)
    transformers.HubertModel(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True, sampling_rate=16_000).save_pretrained(folder)
    return str(folder)


def noise(folder: Path, count: int) -> list[Clip]:
    for number in range(count):
        audio = np.random.default_rng(number).normal(scale=0.1, size=round(SECONDS * RATE))
        soundfile.write(folder / f"{number}.wav", audio, RATE)
    return [Clip(str(number), folder / f"{number}.wav", "test", str(number), duration=SECONDS) for number in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=12, metavar="N")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--width", type=int, default=384, help="numbers of a layer; 768 in the base")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known, clips = registry.load(), noise(folder, given.clips)
        encoder = known.get("scheme", "hf").encoder(model(folder / "model", given.width))
        noun = known.get("corruption", "white-noise")

        def one_pass(layer: str) -> int:
            options = {**encoder.options, "layer": layer}
            frozen = FrozenEncoder("hubert", loaded[layer], encoder.input(options), layer)
            embedding = EmbeddingPass([frozen], [NOISE], {noun.name: noun}, workers=1)
            with tempfile.TemporaryDirectory() as own:
                partial = PartialEmbeddings(Path(own) / "partial", [clip.id for clip in clips], chunks_of(clips), "benchmark")
                for heard in embed_passes(embedding, clips, "embedding"):
                    partial.add(heard.chunk, heard.rows[0], heard.skipped)
                partial.store(Path(own))
                return sum(path.stat().st_size for path in Path(own).glob("*.npy"))

        loaded = {layer: encoder.load(None, {**encoder.options, "layer": layer}, 0, "cpu") for layer in (LAST_LAYER, ALL_LAYERS)}
        sizes = {layer: one_pass(layer) for layer in loaded}
        took = dict.fromkeys(loaded, float("inf"))
        for _ in range(given.repeats):
            for layer in loaded:
                took[layer] = min(took[layer], seconds(lambda layer=layer: one_pass(layer), 1, time.process_time))
    ratio = took[ALL_LAYERS] / took[LAST_LAYER]
    what = f"{given.clips} clips of {SECONDS:g} s, {LAYERS + 1} layers of {given.width}"
    times = f"the last layer {took[LAST_LAYER]:.2f} s, all {took[ALL_LAYERS]:.2f} s, {ratio:.3f} times as much, goal {GOAL}"
    print(f"{what}; processor time: {times}; disk {sizes[ALL_LAYERS] / sizes[LAST_LAYER]:.1f} times")


if __name__ == "__main__":
    main()
