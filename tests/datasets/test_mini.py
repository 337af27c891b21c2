"""The embedded data set: what must be true of its plan, its sounds and its bytes."""

import csv
import hashlib
import json
import os
import signal
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from mirbench_plugins.datasets.mini import Mini, Shifted, arrange, pieces, sampler, sizes
from mirbench_plugins.datasets.mini import plan as plans
from processes import end_parent

import mirbench
from mirbench.data.splits import check_clips

GOLDEN = Path(__file__).parent.parent / "golden" / "mini.json"
TINY = sizes.Size((2, 1, 1), (1, 1, 1), 3, 15)
SPLIT = {"pretrain": "train"}


@pytest.fixture(scope="module")
def full():
    return plans.plan(sizes.FULL)


def test_no_group_is_in_two_splits_of_any_task(full):
    found = defaultdict(set)
    for item in full:
        found[item.group].add(SPLIT.get(item.split, item.split))
    assert {group for group, splits in found.items() if len(splits) > 1} == set()
    assert len(found) > 1_500


def test_whole_works_are_in_one_group():
    """The movements of a quartet, the chorales of a cantata, the parts of a madrigal, the settings of a tune of one title."""
    with open(pieces.DATA / "PIECES.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    group = {row["source"]: row["group"] for row in rows}
    of_works = defaultdict(set)
    for row in rows:
        folder, name = Path(row["source"]).parent.name, Path(row["source"]).stem
        if row["style"] == "classical" and folder not in ("beethoven", "haydn", "mozart"):
            of_works[folder].add(row["group"])
        if row["style"] == "chorale":
            of_works[name.split(".")[0]].add(row["group"])
    assert len(of_works) > 20
    assert {work: groups for work, groups in of_works.items() if len(groups) > 1} == {}
    assert len({group[f"monteverdi/madrigal.3.{part}.mxl"] for part in (8, 9, 10)}) == 1
    assert len({row["group"] for row in rows if row["title"].upper() == "THE BRINK OF THE WHITE ROCKS"}) == 1


def test_what_a_held_out_instrument_plays_is_in_its_own_split_only(full):
    heard = defaultdict(set)
    for item in full:
        for instrument in item.instruments:
            heard[instrument].add(SPLIT.get(item.split, item.split))
    assert all(heard[name] == {"valid"} for name in plans.VALID_INSTRUMENTS)
    assert all(heard[name] == {"test"} for name in plans.TEST_INSTRUMENTS)
    families = {s: {sampler.catalogue()["instruments"][n]["family"] for n in names}
                for s, names in (("valid", plans.VALID_INSTRUMENTS), ("test", plans.TEST_INSTRUMENTS))}  # fmt: skip
    assert len(families["valid"]) == 11
    assert len(families["test"]) >= 11
    assert len(plans.TEST_INSTRUMENTS) >= 20


def test_held_out_melodies_share_no_long_stretch_with_training_melodies():
    """Independent of how groups were made: ten intervals in a row, apart from commonplaces."""

    def grams(piece):
        line = {}
        for onset, _, pitch in next(v for v, p in zip(piece.voices, piece.programs, strict=True) if p >= 0).tolist():
            line[onset] = max(pitch, line.get(onset, 0))
        steps = [b - a for a, b in pairwise(line[o] for o in sorted(line)) if a != b]
        return {tuple(steps[i : i + 10]) for i in range(len(steps) - 9)}

    split, holders, worst = pieces.split_groups(), defaultdict(set), 0.0
    found = {p.number: grams(p) for p in pieces.load_pieces()}
    for piece in pieces.load_pieces():
        if split[piece.group] == "train":
            for gram in found[piece.number]:
                holders[gram].add(piece.number)
    for piece in pieces.load_pieces():
        if split[piece.group] != "train":
            shared = Counter(other for gram in found[piece.number] for other in holders.get(gram, ()))
            worst = max([worst, *(n / max(20, min(len(found[piece.number]), len(found[o]))) for o, n in shared.items())])
    assert 0 < worst < 0.2  # scales and broken chords


def test_sizes_classes_and_test_pieces(full):
    styles = Counter((i.split, pieces.load_pieces()[i.piece].style) for i in full if "genre" in i.told)
    assert {split: {n for (other, _), n in styles.items() if other == split} for split, _ in styles} == {
        "train": {200},
        "valid": {40},
        "test": {110},
    }
    tested = {i.group for i in full if i.piece >= 0 and i.split == "test"}
    assert len(tested) > 400
    keys = Counter()
    for item in full:
        piece = pieces.load_pieces()[item.piece]
        if "key" in item.told and piece.has_key:
            keys[item.split, (piece.tonic + item.transpose) % 12, piece.mode] += 1
    assert len(keys) == 72
    assert sum(n for (split, *_), n in keys.items() if split == "test") > 800
    for split, mode in {(split, mode) for split, _, mode in keys}:  # every tonic as often as another, as far as the numbers go
        each = [keys[split, tonic, mode] for tonic in range(12)]
        assert max(each) - min(each) <= 2
    notes = Counter((i.split, i.pitch) for i in full if i.piece < 0)
    assert {(split, count) for (split, _), count in notes.items()} == {("train", 14), ("valid", 5), ("test", 10)}
    assert {pitch for _, pitch in notes} == set(range(36, 97))


def test_the_pool_is_music_of_six_seconds_without_labels_and_the_large_size_has_more_of_it(full):
    large = plans.plan(sizes.LARGE)
    pools = [[i for i in items if i.split == "pretrain"] for items in (full, large)]
    assert pools[1][: len(pools[0])] == pools[0]
    assert len(pools[1]) >= 15_000
    assert all(i.seconds >= 6 and i.piece >= 0 and not i.told for i in pools[1])
    assert [i for i in large if i.split != "pretrain"] == [i for i in full if i.split != "pretrain"]


def test_the_instruments_of_a_clip_say_nothing_of_its_style(full):
    """Drums too: how often each plays in tunes is no more different from how often in other music than chance makes it."""
    played = {True: defaultdict(list), False: defaultdict(list)}
    for item in full:
        if "genre" in item.told and item.texture == "ensemble":
            tags = {arrange.instrument_tag(name) for name in item.instruments} | ({"drums"} if item.drums else set())
            for tag in (*plans.music_instruments(), "drums"):
                played[pieces.load_pieces()[item.piece].style in pieces.MELODIES][tag].append(tag in tags)
    for tag, tunes in played[True].items():
        others = played[False][tag]
        assert min(len(tunes), len(others)) > 400
        spread = np.sqrt(np.var(tunes) / len(tunes) + np.var(others) / len(others))
        assert abs(np.mean(tunes) - np.mean(others)) < 3.5 * spread, tag


def test_what_is_shifted_has_the_same_notes_and_labels_and_sounds_otherwise(full):
    shifted = Shifted("mini-shifted", "", sizes.FULL)
    assert shifted.plan() == [i for i in full if i.split == "test"]
    assert {n for i in shifted.plan() for n in i.instruments} <= sampler.catalogue()["instead"].keys()
    likeness = []
    for item in shifted.plan()[::300]:
        (usual, told), (other, again) = plans.render(item, 0), plans.render(item, 0, shifted.player())
        assert told == again
        assert usual.shape == other.shape
        likeness.append(abs(np.corrcoef(usual, other)[0, 1]))
    assert np.mean(likeness) < 0.3


def test_no_instrument_of_the_shifted_ones_plays_far_beyond_what_was_recorded_of_it(full):
    table, far = sampler.catalogue(), Counter()
    for item in full:
        if item.split == "test":
            for note in plans.play(item, 0)[0]:
                if note.instrument != "drums":
                    recorded = table["shifted"][table["instead"][note.instrument]]["pitches"]
                    far[min(abs(pitch - note.pitch) for pitch in recorded)] += 1
    assert max(far) <= 12
    assert sum(n for shift, n in far.items() if shift > 7) < 0.01 * far.total()


def test_every_tag_has_ten_positives_in_every_split(full):
    tags = {"train": Counter(), "valid": Counter(), "test": Counter()}
    for item in full:
        if "tags" in item.told:
            tags[item.split].update(plans.play(item, 0)[1]["tags"])
    assert len(tags["train"]) == 30
    assert set(tags["train"]) == set(tags["valid"]) == set(tags["test"])
    assert min(min(found.values()) for found in tags.values()) >= 10


def test_key_labels_name_the_scale_that_is_played(full):
    """Most of what sounds lies in the labelled key's scale (harmonic minor counted in for minor), and less in the key a tritone off."""
    inside, opposite = [], []
    for item in [i for i in full if i.split == "test" and "key" in i.told][::40]:
        piece = pieces.load_pieces()[item.piece]
        if not piece.has_key:
            continue
        found = arrange.arrange(piece, item.instruments, item.texture, False, item.transpose, item.seconds, plans._rng(0, item.id))
        tonic = (piece.tonic + item.transpose) % 12
        scale = {0, 2, 4, 5, 7, 9, 11} if piece.mode == "major" else {0, 2, 3, 5, 7, 8, 10, 11}
        weights = Counter()
        for note in found.notes:
            weights[(note.pitch - tonic) % 12] += note.seconds
        total = sum(weights.values())
        inside.append(sum(weights[p] for p in scale) / total)
        opposite.append(sum(weights[(p + 6) % 12] for p in scale) / total)
    assert np.mean(inside) > 0.93
    assert np.mean(opposite) < 0.6


@pytest.mark.parametrize("instrument", ["flute", "church-organ", "clarinet", "violin", "trumpet", "nylon-guitar"])
@pytest.mark.parametrize("pitch", [64, 71, 78])
def test_a_note_sounds_at_its_pitch(instrument, pitch):
    """The strongest partial is a whole multiple of the fundamental, within 40 cents."""
    audio = sampler.mix([sampler.Note(0.0, 1.5, pitch, instrument, 1.0)], 2.0)[4000:36768]
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 2**18))
    peak = np.fft.rfftfreq(2**18, 1 / sampler.SAMPLE_RATE)[spectrum[100:].argmax() + 100]
    ratio = peak / (440 * 2 ** ((pitch - 69) / 12))
    assert round(ratio) >= 1
    assert abs(1200 * np.log2(ratio / round(ratio))) < 40


def test_a_recording_is_detuned_by_at_most_35_cents_and_never_clips():
    tone = np.sin(2 * np.pi * 1000 * np.arange(44_100) / 22_050).astype(np.float32)
    cents = []
    for seed in range(40):
        found = sampler.record(tone, np.random.default_rng(seed))
        assert found.dtype == np.int16
        assert len(found) == len(tone)
        assert 500 < np.abs(found.astype(int)).max() < 32_767
        spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found)), 2**18))
        cents.append(1200 * np.log2(np.fft.rfftfreq(2**18, 1 / 22_050)[spectrum.argmax()] / 1000))
    assert max(map(abs, cents)) < 36
    assert np.std(cents) > 12


@pytest.mark.slow
def test_audio_is_the_same_for_one_or_two_processes_and_in_any_order(tmp_path):
    hashes = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        Mini("mini-test", "", TINY, workers=workers).prepare(folder)
        hashes.append({p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()})
    assert hashes[0] == hashes[1]
    dataset = Mini("mini-test", "", TINY)
    clips = dataset.clips(tmp_path / "1")
    check_clips("mini-test", clips)
    assert len(clips) == len(hashes[0]) - 1 == len(plans.plan(TINY))
    audio, _ = plans.render(next(i for i in plans.plan(TINY) if i.id == clips[-1].id), 0)
    assert np.array_equal(soundfile.read(clips[-1].path, dtype="int16")[0], audio)
    carried = {name for clip in clips for name in clip.annotations}
    assert carried == set(dataset.annotations)
    assert all(not c.annotations for c in clips if c.id.startswith("pool"))
    assert all(c.annotations.keys() == {"key"} for c in clips if c.id.startswith("key"))


def test_audio_is_byte_for_byte_what_it_was(full):
    """The same on every supported Python; a change here moves every published number and needs a new version of the data set."""
    golden = json.loads(GOLDEN.read_text())
    chosen = {i.id: i for i in full}
    found = {name: hashlib.sha256(plans.render(chosen[name], 0)[0].tobytes()).hexdigest() for name in golden["mini"]}
    assert found == golden["mini"]
    shifted = {
        name: hashlib.sha256(plans.render(chosen[name], 0, sampler.OTHER)[0].tobytes()).hexdigest() for name in golden["mini-shifted"]
    }
    assert shifted == golden["mini-shifted"]
    assert (len(golden["mini"]), len(golden["mini-shifted"])) >= (12, 4)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_written_is_what_it_was_whatever_the_processes(full, tmp_path, workers, nothing_left, monkeypatch):
    golden = json.loads(GOLDEN.read_text())["mini"]
    monkeypatch.setattr(plans, "plan", lambda size, seed: [item for item in full if item.id in golden])
    (tmp_path / "mini").mkdir()
    Mini("mini", "", sizes.FULL, workers).prepare(tmp_path / "mini")
    files = {path.stem: path for path in (tmp_path / "mini" / "audio").iterdir()}
    assert {name: hashlib.sha256(soundfile.read(path, dtype="int16")[0].tobytes()).hexdigest() for name, path in files.items()} == golden


def test_a_worker_that_dies_is_told_with_what_it_rendered(tmp_path, nothing_left, monkeypatch):
    monkeypatch.setattr(plans, "render", lambda *_: os._exit(9))
    first, *_, last = (item.id for item in plans.plan(TINY)[:40])
    sentence = (
        rf"^a worker process ended abruptly \(exit code 9\) while it worked on tiny, clips {first} to {last}, perhaps for want of memory; "
        r"run the same command again\.$"
    )
    monkeypatch.setattr(plans, "plan", lambda size, seed, whole=plans.plan: whole(size, seed)[:40])
    with pytest.raises(mirbench.MirbenchError, match=sentence):
        Mini("tiny", "", TINY, workers=2).prepare(tmp_path)


RENDERING = """
from pathlib import Path
from mirbench_plugins.datasets.mini import Mini, sizes
print("ready", flush=True)
Mini("mini-quick", "", sizes.QUICK, workers=2).prepare(Path("."))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_a_parent_that_is_ended_while_rendering(tmp_path, by):
    _, below, alive = end_parent(RENDERING, by, tmp_path, lambda: len(list(tmp_path.glob("audio/*.flac"))) > 10)
    assert len(below) == 2
    assert alive == set()
