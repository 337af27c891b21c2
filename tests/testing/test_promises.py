"""Each fault breaks the promise that it is about, and no other."""

from __future__ import annotations

import dataclasses
import mmap
import random
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx_models import external_file

import mirbench
from mirbench import Clip, Corruption, Dataset, Download, Encoder, Files, Options, Task, option, parse_key
from mirbench.testing import check_encoder, embedding, examine
from mirbench.testing.corruptions import CORRUPTION, CorruptionSubject
from mirbench.testing.datasets import DATASET, DatasetSubject
from mirbench.testing.encoders import ENCODER, EncoderSubject
from mirbench.testing.opened import opened
from mirbench.testing.promises import FAIL, PASS, SKIPPED, Examination
from mirbench.testing.tasks import TASK, TaskSubject

RATE = 8000


def examined(kind, noun, subject, promises):
    return {o.promise.name: o for o in Examination(kind, noun.name, subject.title, "a test", "", subject, promises).outcomes()}


def encoder_outcomes(encoder, tmp_path):
    return examined("encoder", encoder, EncoderSubject(encoder, tmp_path), ENCODER)


def broken(outcomes):
    return [name for name, outcome in outcomes.items() if outcome.status == FAIL]


class Sound(Encoder):
    """Statistics, behind a network that is made once."""

    name = "sound"
    sample_rate = RATE
    window_seconds = 0.5

    def network(self):
        return torch.nn.Linear(2, 3)

    def load(self, folder, options, seed, device):
        network = self.network().eval()

        def embed(audio):
            with torch.inference_mode():
                return network(torch.as_tensor(statistics(audio)))

        return embed


def statistics(audio):
    return np.stack([audio.std(axis=1), np.abs(audio).max(axis=1)], axis=1).astype(np.float32)


class InTraining(Sound):
    def load(self, folder, options, seed, device):
        network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Dropout(0.2))
        return torch.no_grad()(lambda audio: network(torch.as_tensor(statistics(audio))))


class RunningMeans(Sound):
    def load(self, folder, options, seed, device):
        network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
        return torch.no_grad()(lambda audio: network(torch.as_tensor(statistics(audio))))


class CountsIn(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.count += 1
        return x


class ChangesBuffer(Sound):
    def network(self):
        return torch.nn.Sequential(torch.nn.Linear(2, 3), CountsIn())


class OverBatch(Sound):
    def embed_of(self, rows):
        return (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-3)

    def load(self, folder, options, seed, device):
        return lambda audio: self.embed_of(statistics(audio))


class WritesInput(Sound):
    def load(self, folder, options, seed, device):
        def embed(audio):
            audio *= 0.5
            return statistics(audio)

        return embed


class GlobalGenerator(Sound):
    def load(self, folder, options, seed, device):
        return lambda audio: statistics(audio) + np.random.rand(len(audio), 2).astype(np.float32)


class LazilyRandom(Sound):
    """Constructs its network in the first call, and leaves the weights as they were drawn."""

    def load(self, folder, options, seed, device):
        made = []

        def embed(audio):
            made[:] = made or [self.network().eval()]
            with torch.inference_mode():
                return made[0](torch.as_tensor(statistics(audio)))

        return embed


class OwnGenerator(Sound):
    def load(self, folder, options, seed, device):
        draw = np.random.default_rng()
        return lambda audio: statistics(audio) + draw.random((len(audio), 2)).astype(np.float32)


class TooLarge(Sound):
    def load(self, folder, options, seed, device):
        return lambda audio: 1e300 * (1 + statistics(audio).astype(np.float64))


class Gradients(Sound):
    def load(self, folder, options, seed, device):
        network = self.network().eval()
        return lambda audio: network(torch.as_tensor(statistics(audio))).detach().numpy()


class NotOfSilence(Sound):
    def load(self, folder, options, seed, device):
        return np.errstate(divide="ignore")(lambda audio: np.log(statistics(audio)))


class NeedsFrames(Sound):
    def load(self, folder, options, seed, device):
        return lambda audio: statistics(np.lib.stride_tricks.sliding_window_view(audio, 512, axis=1)[:, 0])


class InKilohertz(Sound):
    sample_rate = 16


class Hangs(Sound):
    window_seconds = 1e6

    def load(self, folder, options, seed, device):
        def embed(audio):
            if audio.shape[1] > 500 * RATE:
                time.sleep(1000)
            return statistics(audio)

        return embed


class DiesInFork(Sound):
    def load(self, folder, options, seed, device):
        import os

        loaded = os.getpid()

        def embed(audio):
            if os.getpid() != loaded:
                raise RuntimeError("the threads are gone")
            return statistics(audio)

        return embed

    window_seconds = 0.5


@pytest.mark.parametrize(
    ("fault", "promise", "sentence"),
    [
        (InTraining, "frozen", "encoder 'sound' embeds with Dropout(p=0.2, inplace=False) in training mode"),
        (RunningMeans, "frozen", "embeds with BatchNorm1d(3"),
        (ChangesBuffer, "frozen", "changes count of CountsIn 3 while it embeds"),
        (OverBatch, "batch", "depends on what else is in the batch"),
        (WritesInput, "input", "changes the audio it was given"),
        (GlobalGenerator, "global state", "changes the global random state of numpy.random"),
        (LazilyRandom, "global state", "what it constructs in its first call depends on where the global generators stand"),
        (OwnGenerator, "determinism", "returns something else the second time"),
        (TooLarge, "dtype", "not finite as float32: float64 up to 1."),
        (Gradients, "no gradients", "for gradients that nobody asks for"),
        (NotOfSilence, "silence", "of silence returns values that are not finite"),
        (NeedsFrames, "10 ms", "encoder 'sound' raises"),
        (InKilohertz, "rate", "takes audio of 16 Hz; a sample rate is 1,000 to 384,000 Hz, not in kHz"),
        (DiesInFork, "fork", "forked after it was loaded raises RuntimeError: the threads are gone"),
    ],
)
def test_a_faulty_encoder_breaks_one_promise(fault, promise, sentence, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "MINUTES", 20.0)
    if fault is DiesInFork:
        monkeypatch.setattr(embedding.LONG.keeps, "__code__", (lambda subject: "").__code__)
    outcomes = encoder_outcomes(fault(), tmp_path)
    assert broken(outcomes) == [promise]
    assert sentence in outcomes[promise].told


def test_ten_minutes_that_never_end(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "PATIENCE", 1.0)
    monkeypatch.setattr(embedding, "ALLOWANCE", 0.0)
    outcomes = encoder_outcomes(Hangs(), tmp_path)
    assert broken(outcomes) == ["10 minutes"]
    assert outcomes["10 minutes"].told == "encoder 'sound' on a clip of ten minutes does not come back within 1 s"


class Saved(Sound):
    """What it reads may be named by an option, told by identity, or known to nobody."""

    path = ""

    def load(self, folder, options, seed, device):
        network = self.network().eval()  # which draws
        network.load_state_dict(torch.load(options.get("file") or self.path))

        def embed(audio):
            with torch.inference_mode():
                return network(torch.as_tensor(statistics(audio)))

        return embed


def weights(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.eye(3)[:, :2].clone(), "bias": torch.zeros(3)}, path)
    return str(path)


def test_weights_from_a_file_that_is_not_declared_are_in_no_key(tmp_path):
    outcomes = encoder_outcomes(type("Undeclared", (Saved,), {"path": weights(tmp_path)})(), tmp_path / "scratch")
    assert broken(outcomes) == ["weights"]
    assert outcomes["weights"].told.startswith("encoder 'sound' reads 'weights.pt', which is in no key")


def test_weights_that_are_declared_or_told_are_in_the_key_and_a_module_may_draw_while_it_is_made(tmp_path):
    path = weights(tmp_path)
    declared = type("Weights", (Options,), {"file": option(path, "weights", file=True)})()
    for attributes in ({"options": declared}, {"path": path, "identity": lambda self, options=None: "version 3"}):
        outcomes = encoder_outcomes(type("Known", (Saved,), attributes)(), tmp_path / "scratch")
        assert broken(outcomes) == []
    assert outcomes["weights"].told == "1 file, which identity() tells"
    check_encoder(type("Known", (Saved,), {"options": declared})())


@pytest.mark.parametrize(("hashed", "lost"), [((), "net.onnx"), (("net.onnx",), "beside it"), (("net.onnx", "beside it"), "")])
def test_what_a_model_in_onnx_names_beside_it_must_be_in_the_key_too(hashed, lost, tmp_path):
    """By a file that the encoder reads, and an identity() that tells some of the files."""
    external_file(tmp_path / "net.onnx", "beside it")

    class Undeclared(Sound):
        def load(self, folder, options, seed, device):
            assert (tmp_path / "net.onnx").read_bytes()
            return statistics

    if hashed:
        Undeclared.identity = lambda self, options=None: str([(tmp_path / name).read_bytes() for name in hashed])
    outcomes = encoder_outcomes(Undeclared(), tmp_path / "scratch")
    assert broken(outcomes) == ["weights"] * bool(lost)
    assert outcomes["weights"].told.startswith(f"encoder 'sound' reads '{lost}', which" if lost else "2 files, which identity() tells")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell")
@pytest.mark.parametrize(("access", "seen"), [(mmap.ACCESS_READ, True), (mmap.ACCESS_WRITE, False)])
def test_what_is_mapped_is_seen_where_it_is_not_written(access, seen, tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(bytes(4096))
    with open(path, "r+b") as file, opened() as paths:
        mapped = mmap.mmap(file.fileno(), 0, access=access)
    assert (str(path) in paths) == seen
    mapped.close()


def test_how_to_mend_follows_from_what_is_raised(tmp_path):
    class Short(mirbench.ModelEncoder):
        name, model, options, least = "short", "short.bin", mirbench.ModelOptions(), 0.04

        def facts(self, options):
            return mirbench.ModelFacts(sample_rate=8_000, normalises=True)

        def frames(self, options, device):
            def run(audio):
                if audio.shape[1] < 8_000 * self.least:
                    raise ValueError(f"{audio.shape[1]} samples are too short")
                return [statistics(audio)]

            return run

    outcomes = encoder_outcomes(Short(), tmp_path / "one")
    assert outcomes["10 ms"].promise.mend.endswith("mirbench.ModelFacts(..., shortest_seconds=0.05), the shortest that was found to work")
    assert outcomes["rate"].told.endswith("8000 Hz, windows of 10 s; the rate is what facts() says, and cannot be verified from the file")
    subject = EncoderSubject(Short(), tmp_path)
    for error, mend in (
        (FileNotFoundError(2, "no such file", "short.bin"), "put the file there, or say where it is by the option that names it"),
        (RuntimeError("Invalid rank for input: audio Got: 2 Expected: 3"), "give the audio as many axes as the model takes, such as "),
        (RuntimeError("Got: 10 Expected: 20"), "if it takes one length of audio alone, let facts() say so"),
        (RuntimeError("out of luck"), ""),
    ):
        told = subject.mend("load", error)
        assert told.startswith(mend)
        assert bool(told) == bool(mend)


def test_weights_that_a_reader_opens_past_python_are_seen(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.eye(3)[:, :2].clone(), "bias": torch.zeros(3)}, path)

    class Undeclared(Saved):
        def load(self, folder, options, seed, device):
            from safetensors.torch import load_file

            network = self.network().eval()
            network.load_state_dict(load_file(path))
            return torch.inference_mode()(lambda audio: network(torch.as_tensor(statistics(audio))))

    assert broken(encoder_outcomes(Undeclared(), tmp_path / "scratch")) == ["weights"]


def test_a_module_that_is_made_in_the_first_call_and_then_loaded_is_no_fault(tmp_path):
    class Late(LazilyRandom):
        def network(self):
            network = torch.nn.Linear(2, 3)
            network.load_state_dict({"weight": torch.eye(3)[:, :2], "bias": torch.zeros(3)})
            return network

    assert broken(encoder_outcomes(Late(), tmp_path)) == []


def test_an_encoder_that_learns_may_draw_from_the_global_generators(tmp_path):
    class Learns(Sound):
        trainable = True

        def pretrain(self, job):
            torch.save(self.network().state_dict(), job.folder / "weights.pt")

        def load(self, folder, options, seed, device):
            network = self.network().eval()
            network.load_state_dict(torch.load(folder / "weights.pt"))
            return torch.inference_mode()(lambda audio: network(torch.as_tensor(statistics(audio))))

    outcomes = encoder_outcomes(Learns(), tmp_path)
    assert broken(outcomes) == []
    assert outcomes["pretrain"].told.startswith("1 file, ")


def test_the_sound_encoder_keeps_all_and_tells_numbers(tmp_path):
    outcomes = encoder_outcomes(Sound(), tmp_path)
    assert {name for name, each in outcomes.items() if each.status != PASS} == {"import time"}  # it has no file
    assert outcomes["shapes"].told == "3 dimensions at 4000, 2000, 1333, 800 samples"
    assert outcomes["rate"].told == "8000 Hz, windows of 0.5 s"
    assert outcomes["10 minutes"].told == "3 dimensions of about 1200 windows"
    assert "clips/s of 10 s" in outcomes["speed"].told


def test_what_needs_a_broken_promise_is_not_looked_at(tmp_path):
    outcomes = encoder_outcomes(GlobalGenerator(), tmp_path)
    assert (outcomes["batch"].status, outcomes["batch"].told) == (SKIPPED, "needs global state")


class Mood(Task):
    name = "mood"
    annotation = "mood"
    metrics = ("accuracy",)
    classes = ("calm", "tense")

    def label(self, value):
        return {"calm": "calm", "tense": "tense", "quiet": "calm"}[value]


def test_a_label_that_raises_on_half_the_values():
    task = Mood()
    outcomes = examined("task", task, TaskSubject(task, ["calm", "loud", "quiet", "wild"]), TASK)
    assert broken(outcomes) == ["labels"]
    assert outcomes["labels"].told == "task 'mood': label('loud') raises KeyError: 'loud', as 2 of 4 values do"
    assert outcomes["global state"].status == SKIPPED
    assert broken(examined("task", task, TaskSubject(task, ["calm", "quiet"]), TASK)) == []


def test_a_label_that_draws():
    class Drawn(Mood):
        def label(self, value):
            random.random()
            return value

    task = Drawn()
    assert broken(examined("task", task, TaskSubject(task), TASK)) == ["global state"]


class Tones(Dataset):
    name = "tones"
    annotations = ("genre",)
    groups = ("a", "b", "c")

    def prepare(self, folder):
        import soundfile

        for name in "abc":
            soundfile.write(folder / f"{name}.wav", 0.1 * np.ones(RATE), RATE)

    def clips(self, folder):
        splits = ("train", "valid", "test")
        return [
            Clip(name, folder / f"{name}.wav", split, group, annotations={"genre": "x"})
            for name, split, group in zip("abc", splits, self.groups, strict=True)
        ]


TURNS = []


def shuffled(clips):
    TURNS.append(1)
    return clips[:: (-1) ** len(TURNS)]


@pytest.mark.parametrize(
    ("attributes", "promises"),
    [
        ({}, []),
        ({"groups": ("a", "a", "c")}, ["groups"]),
        ({"groups": ("Ann Lee", "b", "ann  lee")}, ["groups"]),
        ({"annotations": ("genre", "key")}, ["annotations"]),
        ({"prepare": lambda self, folder: [(folder / f"{name}.wav").touch() for name in "abc"]}, ["audio"]),
        ({"identity": lambda self: str(time.perf_counter_ns())}, ["identity"]),
        ({"clips": lambda self, folder: random.sample(Tones.clips(self, folder), 3)}, ["global state"]),
        ({"clips": lambda self, folder: shuffled(Tones.clips(self, folder))}, ["determinism"]),
    ],
)
def test_a_faulty_data_set_breaks_its_promises(attributes, promises, tmp_path):
    dataset = type("Faulty", (Tones,), attributes)()
    outcomes = examined("dataset", dataset, DatasetSubject(dataset, tmp_path), DATASET)
    assert broken(outcomes) == promises


PUBLISHED = {"prepare": Dataset.prepare, "files": (Files("*.wav"),)}


@pytest.mark.parametrize(
    ("attributes", "there", "promise", "mend"),
    [
        (PUBLISHED, "bc", "files", "put a.wav into {folder}, or list no clip of it: if path.is_file(); `mirbench data where faulty` says"),
        (
            {
                "prepare": Dataset.prepare,
                "files": (Files("*.wav", source="https://tones.example/a.wav"),),
                "downloads": (Download("https://tones.example/a.wav", 0.1),),
            },
            "bc",
            "files",
            "put a.wav into {folder}, or list no clip of it: if path.is_file(); `mirbench data fetch faulty` gets it again, and "
            "`mirbench data verify faulty` names all that is missing",
        ),
        (PUBLISHED, "", "files", "none of its files is in {folder}, such as a.wav: look at how clips() makes paths"),
        ({"prepare": Dataset.prepare}, "ac", "files", "let prepare() write b.wav, or clips() list no clip of it"),
        (
            {"clips": lambda self, folder: Tones.clips(self, folder.parent / "elsewhere")},
            "",
            "files",
            'make paths of the folder that clips() is given: folder / "a.wav"',
        ),
        (
            {**PUBLISHED, "files": (Files("labels.csv"),), "clips": lambda self, folder: (folder / "labels.csv").read_text()},
            "abc",
            "clips",
            "put labels.csv into {folder}; `mirbench data where faulty` says where to get it, and `mirbench data verify faulty` names",
        ),
    ],
)
def test_what_mends_a_missing_file_names_it_and_how_it_comes_back(attributes, there, promise, mend, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in there:
        (folder / f"{name}.wav").touch()
    dataset = type("Faulty", (Tones,), {**attributes, "name": "faulty"})()
    outcome = examined("dataset", dataset, DatasetSubject(dataset, folder), DATASET)[promise]
    assert (outcome.status, outcome.promise.mend[: len(mend.format(folder=folder))]) == (FAIL, mend.format(folder=folder))


class Songs(Tones):
    labels = ("rock", "jazz", "rock")
    classes = {"genre": ("jazz", "rock")}

    def clips(self, folder):
        return [
            dataclasses.replace(clip, annotations={"genre": label}) for clip, label in zip(super().clips(folder), self.labels, strict=True)
        ]


class Keys(Task):
    name, annotation = "keys", "genre"

    def label(self, value):
        return str(parse_key(value))


class Moods(Task):
    name, annotation, target = "moods", "genre", "multilabel"

    def label(self, value):
        return value.split("|") if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("attributes", "tasks", "status", "told"),
    [
        ({}, ["genre"], PASS, "read by genre"),
        ({}, [], SKIPPED, "no task that reads"),
        ({"labels": ("C major", "D", ""), "classes": {}}, ["keys"], PASS, "read by keys"),
        (
            {"labels": ("rock", "jazz", "polka")},
            ["genre"],
            FAIL,
            "data set 'tones', genre: 'polka' is not among the classes that the data set declares (jazz, rock)",
        ),
        ({"labels": ("rock", "jazz", "polka"), "classes": {}}, ["genre"], PASS, "read by genre"),
        ({"labels": ("C major", "D", "Q# major"), "classes": {}}, ["keys"], FAIL, "data set 'tones', genre: no task can read 'Q# major'"),
        ({"labels": ("C major", "D", "Q# major"), "classes": {}}, ["keys", "genre"], PASS, "read by keys, genre"),
        (
            {"labels": ("rock; loud", "jazz", "folk"), "classes": {}},
            ["moods"],
            FAIL,
            "data set 'tones', genre: 'rock; loud' looks like several labels in one text; give a tuple of them",
        ),
        ({"labels": (("rock; loud",), "jazz|folk", ()), "classes": {}}, ["moods"], PASS, "read by moods"),
    ],
)
def test_labels_are_read_and_of_the_classes_that_are_declared(attributes, tasks, status, told, tmp_path):
    known = {"keys": Keys(), "genre": type("Genre", (Task,), {"name": "genre", "annotation": "genre"})(), "moods": Moods()}
    dataset = type("Own", (Songs,), attributes)()
    subject = DatasetSubject(dataset, tmp_path, [known[name] for name in tasks])
    outcome = examined("dataset", dataset, subject, DATASET)["labels"]
    assert (outcome.status, outcome.told[: len(told)]) == (status, told)


class Hiss(Corruption):
    name = "hiss"
    unit = "dB"
    levels = (40, 20, 0)

    def apply(self, audio, sample_rate, level, seed):
        noise = np.random.default_rng(seed).standard_normal(len(audio))
        return (audio + 10 ** (-level / 20) * noise).astype(np.float32)


@pytest.mark.parametrize(
    ("apply", "promises"),
    [
        (Hiss.apply, []),
        (lambda self, audio, *rest: Hiss.apply(self, audio, *rest)[1:], ["shapes"]),
        (lambda self, audio, *rest: Hiss.apply(self, audio, *rest).astype(np.float64), ["dtype"]),
        (lambda self, audio, *rest: Hiss.apply(self, audio, *rest) / np.abs(audio).max(), ["silence"]),
        (lambda self, audio, *rest: audio + np.float32(np.random.rand()), ["global state"]),
        (lambda self, audio, *rest: Hiss.apply(self, audio, *rest[:2], time.perf_counter_ns()), ["determinism"]),
        (lambda self, audio, *rest: audio, ["audible"]),
        (lambda self, audio, *rest: np.clip(Hiss.apply(self, audio, *rest), -1, 1), ["peaks"]),
        (lambda self, audio, *rest: Hiss.apply(self, np.convolve(audio, np.ones(999) / 999, "same").astype(np.float32), *rest), ["10 ms"]),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_a_faulty_corruption_breaks_one_promise(apply, promises, monkeypatch):
    monkeypatch.setattr("mirbench.testing.corruptions.MINUTES", 20.0)
    corruption = type("Faulty", (Hiss,), {"apply": apply})()
    assert broken(examined("corruption", corruption, CorruptionSubject(corruption, RATE), CORRUPTION)) == promises


def test_every_list_of_promises_can_be_followed():
    """Names are there once, what comes after another comes behind it, and each says how it is mended."""
    for promises in examine.PROMISES.values():
        names = [promise.name for promise in promises]
        assert len(set(names)) == len(names)
        for place, promise in enumerate(promises):
            assert set(promise.after) <= set(names[:place])
            assert promise.about
            assert promise.mend or promise.name == "usable", "which a sentence tells"
