"""The checks for plugin authors must let the sound pass and catch each fault with its own sentence."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from mirbench import Backbone, Clip, Corruption, Dataset, Encoder, LayerOptions, Supervision, Task
from mirbench.errors import MirbenchError
from mirbench.testing import check_backbone, check_corruption, check_dataset, check_encoder, check_supervision, check_task


class Loudness(Encoder):
    name = "loudness"
    window_seconds = 0.5

    def embed(self, audio):
        return np.stack([audio.std(axis=1), np.abs(audio).max(axis=1)], axis=1).astype(np.float32)


def global_numpy(self, audio):
    return Loudness.embed(self, audio) + np.float32(1e-9 * np.random.rand())


def global_random(self, audio):
    random.random()
    return Loudness.embed(self, audio)


def in_place(self, audio):
    audio *= 0.5
    return Loudness.embed(self, audio)


def forgetful():
    calls = []

    def embed(self, audio):
        calls.append(1)
        return Loudness.embed(self, audio) + np.float32(len(calls))

    return embed


def test_a_sound_encoder_passes():
    check_encoder(Loudness())


@pytest.mark.parametrize(
    ("embed", "sentence"),
    [
        (lambda self, audio: Loudness.embed(self, audio).astype(np.complex64), "returns complex64, not float32"),
        (lambda self, audio: Loudness.embed(self, audio).astype(str), "returns <U32, not float32"),
        (lambda self, audio: Loudness.embed(self, audio).astype(object), "returns object, not float32"),
        (lambda self, audio: Loudness.embed(self, audio)[:, :0], "returns an embedding without dimensions"),
        (lambda self, audio: np.where(audio.any(), 1e300, 1.0) * Loudness.embed(self, audio), "noise returns values that are not finite"),
        (lambda self, audio: Loudness.embed(self, audio).tolist(), "returns list, not a numpy array"),
        (lambda self, audio: Loudness.embed(self, audio)[0], "returns the shape (2,), not (batch, dim)"),
        (lambda self, audio: Loudness.embed(self, audio)[:1], "returns 1 rows for a batch of 2"),
        (lambda self, audio: np.log(Loudness.embed(self, audio)), "silence returns values that are not finite"),
        (lambda self, audio: audio, "dimensions, and 11025 at another length"),
        (lambda self, audio: audio[:, :2] - audio[:, :2].mean(axis=0), "depends on what else is in the batch"),
        (lambda self, audio: np.ones((len(audio), 2), np.float32), "gives two different sounds the same embedding"),
        (global_numpy, "changes the global random state of numpy.random"),
        (global_random, "changes the global random state of random"),
        (in_place, "changes the audio it was given"),
        (forgetful(), "returns something else the second time"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_faulty_encoder_is_caught(embed, sentence):
    faulty = type("Faulty", (Loudness,), {"embed": embed})()
    with pytest.raises(AssertionError) as caught:
        check_encoder(faulty)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("encoder 'loudness'")


@pytest.mark.parametrize(
    "embed",
    [
        lambda self, audio: Loudness.embed(self, audio).astype(np.float64),
        lambda self, audio: (1e4 * Loudness.embed(self, audio)).astype(np.int64),
        lambda self, audio: torch.as_tensor(Loudness.embed(self, audio)).requires_grad_(),
        lambda self, audio: torch.as_tensor(Loudness.embed(self, audio)).half(),
    ],
)
def test_numbers_of_any_width_and_tensors_pass_as_in_a_run(embed):
    check_encoder(type("Other", (Loudness,), {"embed": embed})())


class Layered(Loudness):
    options = LayerOptions()

    def layers(self, options):
        return 3

    def load(self, folder, options, seed, device):
        def embed(audio):
            last = Loudness.embed(self, audio)
            return last if options["layer"] == "last" else np.stack([0 * last, last + 1, last], axis=1)

        return embed


def test_an_encoder_with_layers_passes():
    check_encoder(Layered())


def test_the_layer_that_is_asked_for_is_embedded():
    check_encoder(Layered(), options={"layer": 1})
    with pytest.raises(MirbenchError, match=r"options\.loudness\.layer is 3, and there are the layers 0 to 2\."):
        check_encoder(Layered(), options={"layer": 3})

    class Swapped(Layered):
        def load(self, folder, options, seed, device):
            every = super().load(folder, options, seed, device)
            return lambda audio: every(audio)[:, [1, 1, 2]] if options["layer"] == 1 else every(audio) + (options["layer"] == "all")

    with pytest.raises(AssertionError, match="layer 1 of all layers is not what that layer alone is"):
        check_encoder(Swapped(), options={"layer": 1})


@pytest.mark.parametrize(
    ("layers", "stacked", "sentence"),
    [
        (2, lambda last: np.stack([last, last, last], axis=1), "returns 3 layers, and layers() says 2"),
        (2, lambda last: np.stack([last, last + 1], axis=1), "the last of all layers is not what the last alone is"),
        (2, lambda last: last, "which has no layers"),
        (0, lambda last: np.stack([last, 0 * last], axis=1), "the last of all layers is not what the last alone is"),
    ],
)
def test_faulty_layers_are_caught(layers, stacked, sentence):
    class Faulty(Layered):
        def layers(self, options):
            return layers

        def load(self, folder, options, seed, device):
            return lambda audio: Loudness.embed(self, audio) if options["layer"] == "last" else stacked(Loudness.embed(self, audio))

    with pytest.raises(AssertionError) as caught:
        check_encoder(Faulty())
    assert sentence in str(caught.value)


def test_what_is_drawn_at_construction_begins_at_the_seed_as_in_a_run():
    class Drawn(Loudness):
        def load(self, folder, options, seed, device):
            layer, weight = torch.nn.Linear(2, 3), np.float32(np.random.uniform(1, 2) + random.random())
            return torch.inference_mode()(lambda audio: layer(torch.as_tensor(weight * self.embed(audio))))

    before = np.random.get_state()[1].tolist()
    check_encoder(Drawn())
    assert np.random.get_state()[1].tolist() == before


def test_an_unseeded_load_is_caught():
    class Unseeded(Loudness):
        def load(self, folder, options, seed, device):
            weight = np.float32(np.random.default_rng().uniform(1, 2))
            return lambda audio: self.embed(audio) * weight

    with pytest.raises(AssertionError, match="two loads with one seed"):
        check_encoder(Unseeded())


class Trained(Loudness):
    name = "trained"
    trainable = True
    options = {"steps": 5}

    def pretrain(self, job):
        assert job.options == {"steps": 1}
        assert {clip.split for clip in job.clips} <= {"train", "pretrain"}
        assert all(clip.path.is_file() for clip in job.clips)
        job.report["steps"] = 1
        (job.folder / "gain.txt").write_text(str(len(job.clips)))

    def load(self, folder, options, seed, device):
        gain = np.float32((folder / "gain.txt").read_text())
        return lambda audio: gain * self.embed(audio)


def test_a_trainable_encoder_is_pretrained_first():
    check_encoder(Trained(), options={"steps": 1})
    with pytest.raises(AssertionError, match=r"encoder 'trained' has no option 'stps'; it has steps"):
        check_encoder(Trained(), options={"stps": 1})
    with pytest.raises(AssertionError, match=r"encoder 'trained': option steps should be a whole number \(default 5\), not 1.5"):
        check_encoder(Trained(), options={"steps": 1.5})


def test_a_pretrain_that_leaves_nothing_is_caught():
    class Lazy(Trained):
        def pretrain(self, job):
            pass

    with pytest.raises(AssertionError, match=r"pretrain left nothing in job\.folder"):
        check_encoder(Lazy())


class Three(Dataset):
    name = "three"

    def prepare(self, folder: Path) -> None:
        for name in ("a", "b", "c"):
            (folder / f"{name}.wav").touch()

    def clips(self, folder: Path) -> list[Clip]:
        return [
            Clip("a", folder / "a.wav", "train", "A", annotations={"tags": ("x",)}),
            Clip("b", folder / "b.wav", "pretrain", "A"),
            Clip("c", folder / "c.wav", "test", "C", duration=1.0),
        ]


def test_a_sound_data_set_passes_and_pretraining_may_share_groups_with_training(tmp_path):
    assert len(check_dataset(Three(), tmp_path / "new")) == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": "a"}, "data set 'three' has two clips with the id 'a'"),
        ({"split": "dev"}, "data set 'three', clip 'c': its split is 'dev'; it should be one of train, valid, test, pretrain"),
        ({"group": "A"}, "data set 'three': the group 'A' is in two splits, train and pretrain and test"),
        ({"group": ""}, "data set 'three', clip 'c' has no group; name what must not span splits, or give each clip its own"),
        ({"path": Path("nowhere.wav")}, "data set 'three', clip 'c': there is no file nowhere.wav"),
        ({"start": -1.0}, "data set 'three', clip 'c' starts at -1.0 s"),
        ({"duration": 0.0}, "data set 'three', clip 'c' lasts 0.0 s"),
        ({"annotations": {"key": {1, 2}}}, "data set 'three', clip 'c': its annotations cannot be written as JSON"),
    ],
)
def test_a_faulty_data_set_is_caught(tmp_path, change, sentence):
    class Faulty(Three):
        def clips(self, folder):
            *first, last = super().clips(folder)
            return [*first, Clip(**{**vars(last), **change})]

    with pytest.raises(AssertionError) as caught:
        check_dataset(Faulty(), tmp_path)
    assert str(caught.value).startswith(sentence)


def test_an_unstable_list_of_clips_is_caught(tmp_path):
    class Faulty(Three):
        count = 0

        def clips(self, folder):
            self.count += 1
            return super().clips(folder)[: -self.count or None]

    with pytest.raises(AssertionError, match="clips\\(\\) changes from call to call"):
        check_dataset(Faulty(), tmp_path)


class Mood(Task):
    name = "mood"
    annotation = "mood"
    metrics = ("accuracy",)
    classes = ("calm", "tense")


def test_a_sound_task_passes():
    check_task(Mood(), ["calm"])


@pytest.mark.parametrize(
    ("attributes", "values", "sentence"),
    [
        ({"metrics": ("acuracy",)}, [], "task 'mood': no metric is named 'acuracy'; did you mean 'accuracy'? Known: "),
        ({"metrics": ("macro_roc_auc",)}, [], "task 'mood': metric 'macro_roc_auc' does not fit multiclass targets"),
        ({"target": "binary"}, [], "task 'mood' has target = 'binary'. It should be one of multiclass, multilabel, regression."),
        ({"label": lambda self, value: value.upper()}, [], "task 'mood': label('calm') is 'CALM', which is not among the classes"),
        ({}, ["angry"], "task 'mood': label('angry') is 'angry', which is not one of its classes"),
        ({"classes": (), "label": lambda self, value: 3}, ["x"], "task 'mood': label('x') is 3; a class name is text"),
        (
            {"classes": (), "target": "multilabel", "metrics": ("macro_roc_auc",), "label": lambda self, value: value},
            ["x"],
            "task 'mood': label('x') is 'x'; a multilabel label is a tuple of class names",
        ),
        (
            {"classes": (), "target": "regression", "metrics": ("r2",), "label": lambda self, value: float("nan")},
            ["x"],
            "task 'mood': label('x') is nan; a regression label is finite",
        ),
    ],
)
def test_a_faulty_task_is_caught(attributes, values, sentence):
    with pytest.raises(AssertionError) as caught:
        check_task(type("Faulty", (Mood,), attributes)(), values)
    assert str(caught.value).startswith(sentence)


class Hiss(Corruption):
    name = "hiss"
    unit = "dB"
    levels = (40, 30, 20, 10, 0)

    def apply(self, audio, sample_rate, level, seed):
        noise = np.random.default_rng(seed).standard_normal(len(audio))
        return (audio + 10 ** (-level / 20) * noise).astype(np.float32)


def test_a_sound_corruption_passes_and_the_check_leaves_the_random_state_alone():
    random.seed(1)
    np.random.seed(1)
    before = (random.getstate(), np.random.get_state()[1].tolist())
    check_corruption(Hiss())
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def fenced_but_unseeded(self, audio, sample_rate, level, seed):
    state = np.random.get_state()
    out = (audio + np.random.standard_normal(len(audio))).astype(np.float32)
    np.random.set_state(state)
    return out


@pytest.mark.parametrize(
    ("apply", "sentence"),
    [
        (lambda self, audio, *rest: audio[:-1], "returns the shape (22050,), not (22051,)"),
        (lambda self, audio, *rest: audio.astype(np.float64), "returns float64, not float32"),
        (lambda self, audio, *rest: audio / np.float32(0), "returns values that are not finite"),
        (lambda self, audio, *rest: np.negative(audio, out=audio), "changes the audio it was given"),
        (lambda self, audio, *rest: audio + np.float32(np.random.rand()), "changes the global random state of numpy.random"),
        (lambda self, audio, *rest: audio, "corruption 'hiss', severity 5, on noise leaves the audio as it was"),
        (fenced_but_unseeded, "returns something else for the same seed"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_a_faulty_corruption_is_caught(apply, sentence):
    with pytest.raises(AssertionError) as caught:
        check_corruption(type("Faulty", (Hiss,), {"apply": apply})())
    assert sentence in str(caught.value)


def test_a_noun_that_the_registry_would_refuse_is_caught():
    with pytest.raises(AssertionError, match=r"^corruption 'hiss' has levels = "):
        check_corruption(type("Faulty", (Hiss,), {"levels": ()})())
    with pytest.raises(AssertionError, match=r"^Faulty is named 'My Hiss'; write lower-case"):
        check_corruption(type("Faulty", (Hiss,), {"name": "My Hiss"})())


def clipping(self, audio, sample_rate, level, seed):
    return np.clip(Hiss.apply(self, audio, sample_rate, level, seed), -1, 1)


def test_peaks_may_be_flattened_only_where_limits_says_so():
    with pytest.raises(AssertionError) as caught:
        check_corruption(type("Clipped", (Hiss,), {"apply": clipping})())
    assert str(caught.value) == (
        "corruption 'hiss', severity 1, flattens peaks beyond full scale; leave them as they are, or set limits = True"
    )
    check_corruption(type("Clipped", (Hiss,), {"apply": clipping, "limits": True})())


@pytest.mark.parametrize(
    "apply",
    [
        lambda self, audio, rate, level, seed: audio * np.float32(level > 5),  # silence in the end
        lambda self, audio, rate, level, seed: np.round(audio * (level + 2)) / np.float32(level + 2),  # steps
        lambda self, audio, rate, level, seed: np.repeat(audio[::50], 50)[: len(audio)],  # held
    ],
    ids=["silence", "steps", "held"],
)
def test_flat_parts_that_are_no_peaks_pass(apply):
    check_corruption(type("Flat", (Hiss,), {"apply": apply})())


class Nearness(Supervision):
    name = "nearness"
    annotation = "tempo"
    target = "regression"

    def label(self, value):
        return float(value)

    def encode(self, labels, options):
        return torch.tensor([[label] for label in labels])

    def similarity(self, encoded, options):
        return 1 / (1 + (encoded - encoded.T).abs())


def test_a_sound_supervision_passes():
    check_supervision(Nearness(), [1, "2", 4.5])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"label": lambda self, value: value}, "label('2') is '2'; a regression label is a number or several"),
        ({"encode": lambda self, labels, options: labels}, "encode returns list, not a tensor"),
        ({"encode": lambda self, labels, options: torch.tensor(labels)}, "encode returns the shape (3,), not (3, features)"),
        ({"encode": lambda self, labels, options: torch.zeros(3, 1).double()}, "encode returns float64, not float32"),
        ({"similarity": lambda self, encoded, options: encoded @ encoded.T}, "a similarity is 20.25, above 1"),
        ({"similarity": lambda self, encoded, options: encoded.exp() / encoded.exp().sum() + 0 * encoded.T}, "similarity is not symmetric"),
        ({"similarity": lambda self, encoded, options: -Nearness.similarity(self, encoded, {})}, "a similarity is -1.0, below 0"),
        ({"similarity": lambda self, encoded, options: encoded / 9}, "similarity returns the shape (3, 1), not (3, 3)"),
        ({"similarity": lambda self, encoded, options: encoded.zero_() @ encoded.T}, "similarity changes what encode returned"),
        (
            {"similarity": lambda self, encoded, options: Nearness.similarity(self, encoded, {}) / len(encoded)},
            "how alike two clips are depends on which others are in the batch",
        ),
        (
            {"similarity": lambda self, encoded, options: Nearness.similarity(self, encoded, {}) * torch.rand(())},
            "similarity changes the global random state of torch",
        ),
    ],
)
def test_a_faulty_supervision_is_caught(change, sentence):
    with pytest.raises(AssertionError) as caught:
        check_supervision(type("Faulty", (Nearness,), change)(), [1, "2", 4.5])
    assert str(caught.value).startswith(f"supervision 'nearness': {sentence}")


class Loud(torch.nn.Module):
    sample_rate, dim = 22_050, 2

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)

    def forward(self, audio):
        return self.layer(torch.stack([audio.square().mean(1), audio.abs().amax(1)], 1))


class LoudBackbone(Backbone):
    name = "loud"

    def build(self):
        return Loud()


def test_a_sound_backbone_passes():
    check_backbone(LoudBackbone())


def changed(**attributes):
    return lambda self: type("Changed", (Loud,), attributes)()


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda self: 3, ": build returns int, not a torch.nn.Module"),
        (changed(sample_rate=0), ": sample_rate is 0; it should be a number of hertz above 0"),
        (changed(dim=None), ": dim is None; it should be the number of values it returns of a clip"),
        (changed(dim=3), " returns the shape (2, 2), not (batch, 3), as its dim says"),
        (lambda self, **options: Loud(), ": build takes an option that it does not have; it should raise TypeError"),
        (changed(forward=lambda self, audio: Loud.forward(self, audio) - audio.mean()), " on 59535 samples of noise depends on what else"),
        (
            changed(forward=lambda self, audio: Loud.forward(self, audio).detach() + torch.zeros((), requires_grad=True)),
            ": no weight gets a gradient",
        ),
        (changed(forward=lambda self, audio: (out := Loud.forward(self, audio)) + (0 * out).abs().sqrt()), ": a gradient is not finite"),
    ],
)
def test_a_faulty_backbone_is_caught(build, sentence):
    with pytest.raises(AssertionError) as caught:
        check_backbone(type("Faulty", (LoudBackbone,), {"build": build})())
    assert str(caught.value).startswith(f"backbone 'loud'{sentence}")


def test_a_backbone_with_weights_of_its_own_is_caught():
    def zeros(self):
        network = Loud()
        torch.nn.init.zeros_(network.layer.weight)
        torch.nn.init.zeros_(network.layer.bias)
        return network

    with pytest.raises(AssertionError, match="two networks built with different seeds have the same weights"):
        check_backbone(type("Faulty", (LoudBackbone,), {"build": zeros})())
