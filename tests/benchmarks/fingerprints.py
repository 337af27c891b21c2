"""What fingerprints find and do not find, and what they cost. Not a test: `python tests/benchmarks/fingerprints.py MANIFEST`.

MANIFEST: of `mini` as rendered, `datasets/KEY/manifest.csv` in the cache. Recall: excerpts of its clips of 8 s, each degraded, that are
found in the clip. False positives: pairs of `mini` that are of different groups, over all splits, and pairs of made sounds that have
much in common. Loops: pieces of `mini` over one drum loop, all through or in their first half, which are not one recording, and excerpts of
them, degraded, which are. The thresholds of mirbench/data/duplicates/matching.py stand between the two; `share` and `missing` are its
measures.
"""

from __future__ import annotations

import argparse
import io
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import butter, lfilter
from timing import seconds

from mirbench.data.audio.audio import read_audio, resample
from mirbench.data.duplicates import matching
from mirbench.data.duplicates.fingerprinting import fingerprint_clips
from mirbench.data.duplicates.fingerprints import FRAME_SECONDS, SAMPLE_RATE, Fingerprint, fingerprint
from mirbench.data.manifests.manifest import read_manifest
from mirbench.data.scans import scan_clips
from mirbench.records import Clip

RATE = 44_100
CLIPS, LENGTHS = 100, (5.0, 4.0, 3.0)
LOOPS, PIECES, LEVELS = 6, 10, (-18, -12, -6, 0, 6)  # drum loops, pieces over each, dB of a piece over its loop
Way = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, int]]


def coded(audio: np.ndarray, format: str, subtype: str, level: float) -> np.ndarray:
    file = io.BytesIO()
    options = {"bitrate_mode": "CONSTANT"} if format == "MP3" else {}
    with soundfile.SoundFile(file, "w", RATE, 1, subtype, format=format, compression_level=level, **options) as out:
        out.write(audio)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def mp3(audio: np.ndarray, kilobits: int) -> np.ndarray:
    return coded(audio, "MP3", "MPEG_LAYER_III", min(0.99, (320 - kilobits) / 288))


def noisy(audio: np.ndarray, snr: float, random: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(random.standard_normal(len(audio)))
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1), len(audio))
    return (audio + noise * np.sqrt((audio**2).mean() / (noise**2).mean() / 10 ** (snr / 10))).astype(np.float32)


def equalised(audio: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """6 dB up or down below 200 Hz and above 2 kHz."""
    for hertz, kind in ((200, "low"), (2000, "high")):
        gain = 10 ** (6 * random.choice([-1, 1]) / 20)
        audio = audio + (gain - 1) * lfilter(*butter(1, hertz / RATE * 2, kind), audio)
    return audio.astype(np.float32)


WAYS: dict[str, Way] = {
    "16 bit at -20 dB": lambda x, _: (np.round(x * 3277).astype(np.float32) / 32768, RATE),
    "48 kHz": lambda x, _: (resample(x, RATE, 48_000), 48_000),
    "11.025 kHz": lambda x, _: (resample(x, RATE, 11_025), 11_025),
    "mp3, 128 kbit/s": lambda x, _: (mp3(x, 128), RATE),
    "mp3, 64 kbit/s": lambda x, _: (mp3(x, 64), RATE),
    "mp3, 32 kbit/s": lambda x, _: (mp3(x, 32), RATE),
    "vorbis, about 64 kbit/s": lambda x, _: (coded(x, "OGG", "VORBIS", 0.7), RATE),
    "equalised by 6 dB": lambda x, r: (equalised(x, r), RATE),
    "pink noise, 20 dB": lambda x, r: (noisy(x, 20, r), RATE),
    "pink noise, 10 dB": lambda x, r: (noisy(x, 10, r), RATE),
    "all: eq, 30 dB, mp3 64": lambda x, r: (mp3(noisy(equalised(x * 0.25, r), 30, r), 64), RATE),
}


def drums(random: np.random.Generator, kit: int = 1, free: bool = False, length: float = 8.0) -> np.ndarray:
    """A bar of four drums at 120 bpm, again and again. free: any pattern; otherwise four on the floor with a few hits of its own."""
    draw, t = np.random.default_rng(kit), np.arange(int(0.4 * SAMPLE_RATE)) / SAMPLE_RATE
    noise = draw.standard_normal((3, len(t)))
    hits = [
        np.sin(2 * np.pi * (draw.uniform(45, 60) * t + draw.uniform(3, 6) * (1 - np.exp(-t * 30)))) * np.exp(-t * draw.uniform(6, 12)),
        0.6 * noise[0] * np.exp(-t * draw.uniform(12, 25)) + 0.5 * np.sin(2 * np.pi * draw.uniform(170, 220) * t) * np.exp(-t * 20),
        0.2 * np.gradient(np.gradient(noise[1])) * np.exp(-t * draw.uniform(30, 60)),
        0.4 * noise[2] * np.exp(-t * 30),
    ]
    steps = np.arange(16)
    usual = [steps % 4 == 0, steps % 8 == 4, steps % 2 == 0, steps < 0]
    played = [random.random(16) < p for p in (0.3, 0.2, 0.5, 0.15)] if free else [u ^ (random.random(16) < 0.1) for u in usual]
    audio = np.zeros(int((length + 1) * SAMPLE_RATE), np.float32)
    for step in range(int(length * 8)):
        for hit, when in zip(hits, played, strict=True):
            if when[step % 16]:
                audio[step * 1000 : step * 1000 + len(hit)] += hit
    return audio[: int(length * SAMPLE_RATE)] / max(1e-9, np.abs(audio).max())


def arpeggio(random: np.random.Generator, notes: Sequence[int]) -> np.ndarray:
    """Sixteenths of one synthesiser at 120 bpm, of these notes over one of four roots, in an order of its own."""
    audio, t = np.zeros(9 * SAMPLE_RATE, np.float32), np.arange(int(0.3 * SAMPLE_RATE)) / SAMPLE_RATE
    root = 220 * 2 ** (random.integers(4) / 12)
    for step in range(64):
        hertz = root * 2 ** (random.choice(notes) / 12)
        audio[step * 1000 : step * 1000 + len(t)] += sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 6)) * np.exp(-t * 8)
    return audio[: 8 * SAMPLE_RATE] * 0.2


def made(random: np.random.Generator) -> Iterator[tuple[str, list[np.ndarray]]]:
    t = np.arange(8 * SAMPLE_RATE, dtype=np.float32) / SAMPLE_RATE

    def tones(hertz: Sequence[float], level: float = 1e-3) -> np.ndarray:
        return sum(np.sin(2 * np.pi * f * t + random.uniform(0, 6)) for f in hertz) * 0.1 + level * random.standard_normal(len(t))

    yield "drums, any pattern, one kit", [drums(random, free=True) for _ in range(100)]
    yield "drums, four on the floor, one kit", [drums(random) for _ in range(100)]
    yield "drums, four on the floor, other kits", [drums(random, kit) for kit in range(100)]
    yield "arpeggios of 4 notes", [arpeggio(random, (0, 4, 7, 12)) for _ in range(100)]
    yield "arpeggios of 2 notes", [arpeggio(random, (0, 12)) for _ in range(100)]
    yield "white noise", [0.1 * random.standard_normal(len(t)) for _ in range(100)]
    yield "brown noise", [0.01 * np.cumsum(random.standard_normal(len(t))) for _ in range(100)]
    yield "one tone", [tones([440]) for _ in range(50)]
    yield "one chord with tremolo", [(1 + np.sin(12 * np.pi * t) / 2) * tones((220, 277.2, 329.6, 440, 554.4)) for _ in range(50)]
    yield "hum", [tones(range(50, 2000, 50), 0.02) for _ in range(50)]
    yield "clicks at one tempo in noise", [(np.arange(len(t)) % 4000 == 0) + 0.01 * random.standard_normal(len(t)) for _ in range(50)]
    yield "dithered silence", [np.round(random.triangular(-1, 0, 1, len(t))) / 32768 for _ in range(50)]


def pairs_of(prints: Sequence[Fingerprint]) -> list[tuple[int, int]]:
    return [(one, other) for one, other, _ in matching.Index(prints).same(prints) if one < other]


def recall(clips: Sequence[Clip]) -> None:
    random = np.random.default_rng(0)
    music = [read_audio(clips[i].path, RATE) for i in random.permutation(len(clips))[:CLIPS]]
    drummed = [resample(drums(random, kit, free=kit % 2 == 0), SAMPLE_RATE, RATE) for kit in range(50)]
    print(f"\nexcerpts of {len(music)} clips of 8 s, and of {len(drummed)} drum loops, that are found; share, missing: worst 5 % of 5 s")
    print(f"{'':26}" + "".join(f"{length:6.0f} s" for length in LENGTHS) + f"{'share':>8} {'missing':>8} {'drums, 5 s':>11}")
    for name, way in WAYS.items():
        rates, alignments = found(music, way, LENGTHS, random)
        share = np.percentile([each.share for each in alignments], 5)
        missing = np.percentile([each.missing for each in alignments], 95)
        looped = found(drummed, way, LENGTHS[:1], random)[0][0]
        print(f"{name:26}" + "".join(f"{rate:8.1%}" for rate in rates) + f"{share:8.2f} {missing:8.2f} {looped:11.1%}")


def found(
    audio: Sequence[np.ndarray], way: Way, lengths: Sequence[float], random: np.random.Generator
) -> tuple[list[float], list[matching.Alignment]]:
    """The share that is found among all, of each length, and the alignments of the first length where the excerpts truly are."""
    whole = [fingerprint([resample(each, RATE, SAMPLE_RATE)]) for each in audio]
    index = matching.Index(whole)
    parts: list[list[Fingerprint]] = [[] for _ in lengths]
    alignments = []
    for each, own in zip(audio, whole, strict=True):
        degraded, rate = way(each, random)
        for length, some in zip(lengths, parts, strict=True):
            start = random.uniform(0, len(each) / RATE - length)
            cut = degraded[int(start * rate) : int((start + length) * rate)]
            some.append(fingerprint([resample(np.ascontiguousarray(cut, np.float32), rate, SAMPLE_RATE)]))
            if length == lengths[0]:
                alignments.append(matching.align(own, some[-1], round(start / FRAME_SECONDS)))
    return [len({one for one, other, _ in index.same(some) if one == other}) / len(audio) for some in parts], alignments


def false_positives(clips: Sequence[Clip], cache: Path) -> None:
    prints = [Fingerprint.unpack(packed) for packed in fingerprint_clips(clips, cache, 2) if packed]
    begun = time.perf_counter()
    pairs = pairs_of(prints)
    apart = sum(clips[one].group != clips[other].group for one, other in pairs)
    split = sum(clips[one].split != clips[other].split for one, other in pairs)
    total = len(prints) * (len(prints) - 1) // 2
    print(
        f"\nfalse positives\n{'mini':38} {total:9} pairs: {apart} of different groups, {split} across splits, {len(pairs)} in all,"
        f" {time.perf_counter() - begun:.1f} s"
    )
    for name, sounds in made(np.random.default_rng(1)):
        prints = [fingerprint([np.ascontiguousarray(each, np.float32)]) for each in sounds]
        print(f"{name:38} {len(prints) * (len(prints) - 1) // 2:9} pairs: {len(pairs_of(prints))}")


def loops(clips: Sequence[Clip]) -> None:
    """Of pieces of `mini` over the same drums: how many pairs are called one recording, and how many excerpts of 5 s are not found."""
    random = np.random.default_rng(2)
    music = [read_audio(clips[i].path, RATE) for i in random.permutation(len(clips))[: LOOPS * PIECES]]
    kits = [resample(drums(random, 100 + kit, free=kit % 2 == 0), SAMPLE_RATE, RATE) for kit in range(LOOPS + 1)]
    ways = ("mp3, 64 kbit/s", "pink noise, 20 dB", "all: eq, 30 dB, mp3 64")
    print(f"\n{LOOPS * PIECES} pieces of 8 s over {LOOPS} drum loops of 8 s: pairs that are called one recording; excerpts that are missed")
    print(f"{'piece over loop':18}{'loop all through':>18}{'in one half':>14}" + "".join(f"{way:>25}" for way in ways))
    for level in LEVELS:
        whole, half, missed, pairs = 0, 0, dict.fromkeys(ways, 0), 0
        for kit in range(LOOPS):
            pieces = music[kit * PIECES :][:PIECES]
            mixed, other = ([mix(piece, kits[kit], end, level) for piece in pieces] for end in (kits[kit], kits[kit + 1]))
            prints, others = ([fingerprint([resample(each, RATE, SAMPLE_RATE)]) for each in several] for several in (mixed, other))
            pairs += PIECES * (PIECES - 1) // 2
            whole += len(pairs_of(prints))
            half += len({(one, at) for one, at, _ in matching.Index(prints).same(others) if one < at})
            for way in ways:
                missed[way] += round((1 - found(mixed, WAYS[way], LENGTHS[:1], random)[0][0]) * PIECES)
        shares = "".join(f"{missed[way] / len(music):25.1%}" for way in ways)
        print(f"{level:+4} dB{'':11}{whole:9} of {pairs:4} {half:6} of {pairs:3}{shares}")


def mix(piece: np.ndarray, loop: np.ndarray, end: np.ndarray, level: float) -> np.ndarray:
    """A piece over drums, of which the second half is from another loop. level: dB of the piece over them."""
    drummed = np.concatenate([loop[: len(piece) // 2], end[len(piece) // 2 : len(piece)]])
    piece, drummed = (each[: len(drummed)] / np.sqrt((each**2).mean()) for each in (piece, drummed))
    return (0.05 * (drummed + 10 ** (level / 20) * piece)).astype(np.float32)


def cost(clips: Sequence[Clip]) -> None:
    audio = np.concatenate([read_audio(clip.path, SAMPLE_RATE) for clip in clips[:4]])[: 30 * SAMPLE_RATE]
    print(f"30 s: {1e3 * seconds(lambda: fingerprint([audio]), 7):.1f} ms after decoding, {len(fingerprint([audio]).pack())} bytes")


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def scale(many: int, few: int) -> None:
    """Points at random, as many as of music, 450 in 30 s; one in a hundred of the many is the second half of one of the few."""
    random = np.random.default_rng(0)

    def drawn() -> Fingerprint:
        keys = np.unique(random.integers(0, 937, 450) << 10 | (random.beta(1.2, 4, 450) * 472).astype(np.int64))
        return Fingerprint(b"", keys >> 10, keys & 1023)

    begun, before = time.perf_counter(), memory()
    some = [drawn() for _ in range(few)]
    index = matching.Index(some)
    print(
        f"\nindex of {few} clips of 30 s: {time.perf_counter() - begun:.1f} s, {len(index.codes)} groups; peak {memory() - before:+.0f} MB"
    )
    spent, hits = 0.0, 0
    for block in range(0, many, 500):
        passing = []
        for number in range(block, block + 500):
            made_up = drawn()
            if number % 100 == 0:
                own, late = some[number % few], some[number % few].frames >= 468
                made_up = Fingerprint(b"", own.frames[late] - 468, own.bins[late])
            passing.append(made_up)
        begun = time.perf_counter()
        hits += len(list(index.same(passing)))
        spent += time.perf_counter() - begun
    print(f"{many} clips against it: {spent:.1f} s, {hits} of {many // 100} found; peak {memory() - before:+.0f} MB")


def scans(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "0.wav"
        soundfile.write(first, np.zeros(800), 8000)
        clips = []
        for number in range(count):
            path = Path(folder) / f"{number}.wav"
            if number:
                path.write_bytes(first.read_bytes())
            clips.append(Clip(str(number), path, "train", "all"))
        for what in ("new", "known"):
            begun = time.perf_counter()
            scan_clips(clips, Path(folder) / "cache", 2)
            print(f"{count} files, {what}: {time.perf_counter() - begun:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--short", action="store_true", help="without the 100,000 clips")
    given = parser.parse_args()
    clips = read_manifest(given.manifest)
    music = [clip for clip in clips if clip.duration == 8]
    cost(music)
    recall(music)
    loops(music)
    with tempfile.TemporaryDirectory() as cache:
        false_positives(clips, Path(cache))
    if not given.short:
        scale(100_000, 10_000)
        scans(100_000)


if __name__ == "__main__":
    main()
