"""musicnn against its own package: the checksums of its checkpoint, and its models.py run on a TensorFlow of numpy."""

import importlib.util
import itertools
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from mirbench_plugins.encoders import musicnn

from mirbench import registry
from mirbench.testing import check_encoder

SPEC = importlib.util.find_spec("musicnn")
pytestmark = pytest.mark.skipif(SPEC is None, reason="musicnn is not installed; pip install --no-deps musicnn==0.1.0")
RATE = 16_000
SECONDS = np.arange(6 * RATE) / RATE


def encoder():
    return registry.load().encoders["musicnn"]


def checkpoint():
    return encoder().folder() / "MSD_musicnn"


def loaded(output):
    return encoder().load(None, {"output": output}, 0, "cpu")


class Layers:
    """What models.py calls of TensorFlow, in numpy, with the variables of a checkpoint under the names that TensorFlow counts out."""

    def __init__(self, variables):
        self.variables, self.used, self.counts = variables, set(), {}

    def named(self, kind):
        number = self.counts[kind] = self.counts.get(kind, -1) + 1
        return f"{kind}_{number}" if number else kind

    def of(self, name, *parts):
        self.used |= {f"{name}/{part}" for part in parts}
        return [self.variables[f"{name}/{part}"].astype(float) for part in parts]

    def batch_normalization(self, x, training):
        assert not training
        mean, variance, gamma, beta = self.of(self.named("batch_normalization"), "moving_mean", "moving_variance", "gamma", "beta")
        return gamma * (x - mean) / np.sqrt(variance + 0.001) + beta

    def conv2d(self, inputs, filters, kernel_size, padding, activation):
        """(batch, height, width, channels), a row of the kernel at a time."""
        kernel, bias = self.of(self.named("conv2d"), "kernel", "bias")
        assert kernel.shape == (*kernel_size, inputs.shape[3], filters)
        if padding == "same":
            all_of_it = [size - 1 for size in kernel_size]
            inputs = np.pad(inputs, [(0, 0), *((total // 2, total - total // 2) for total in all_of_it), (0, 0)])
        height, width = (inputs.shape[axis] - kernel.shape[axis - 1] + 1 for axis in (1, 2))
        out = np.zeros((len(inputs), height, width, filters))
        for row, column in itertools.product(*map(range, kernel_size)):
            out += inputs[:, row : row + height, column : column + width] @ kernel[row, column]
        return activation(out + bias)

    def max_pooling2d(self, inputs, pool_size, strides):
        assert pool_size == strides == [1, inputs.shape[2]]
        return inputs.max(axis=2, keepdims=True)

    def dense(self, inputs, units, activation):
        kernel, bias = self.of(self.named("dense"), "kernel", "bias")
        assert kernel.shape[1] == units
        return (activation or (lambda x: x))(inputs @ kernel + bias)

    def dropout(self, x, rate, training):
        assert not training
        return x

    def flatten(self, x):
        return x.reshape(len(x), -1)


def tensorflow(layers):
    found = ModuleType("tensorflow")
    found.nn = SimpleNamespace(relu=lambda x: np.maximum(x, 0), moments=lambda x, axes: (x.mean(axis=axes[0]), x.var(axis=axes[0])))
    found.compat = SimpleNamespace(v1=SimpleNamespace(layers=layers, logging=SimpleNamespace(ERROR=0, set_verbosity=lambda level: None)))
    found.pad = lambda x, widths, mode: np.pad(x, widths)
    found.reduce_max = lambda x, axis: x.max(axis=axis)
    found.squeeze = lambda x, axes: x.squeeze(axes[0])
    found.expand_dims, found.concat, found.transpose, found.add = np.expand_dims, np.concatenate, np.transpose, np.add
    return found


@pytest.fixture
def package(monkeypatch):
    """(variables) -> (define_model of the package on a TensorFlow of numpy, its layers)."""

    def package(variables):
        layers = Layers(variables)
        monkeypatch.setitem(sys.modules, "tensorflow", tensorflow(layers))
        monkeypatch.delitem(sys.modules, "musicnn.models", raising=False)
        models = importlib.import_module("musicnn.models")
        monkeypatch.delitem(sys.modules, "musicnn.models")
        return models.define_model, layers

    return package


def crc32c(data):
    """Castagnoli's, bit by bit, a table of bytes, masked as TensorFlow keeps it."""
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_variables_have_the_checksums_that_tensorflow_left():
    variables = musicnn.read_checkpoint(checkpoint())
    sums = {name: int.from_bytes(fields[6], "little") for name, fields in musicnn.entries((checkpoint() / ".index").read_bytes()) if name}
    assert len(sums) == 150
    assert sum(array.size for array in variables.values()) == 792_079
    small = {name: array for name, array in variables.items() if array.nbytes < 50_000}
    assert len(small) > 50
    assert {name: crc32c(array.tobytes()) for name, array in small.items()} == {name: sums[name] for name in small}


def test_layers_are_those_of_the_package_and_every_variable_is_used(package):
    variables = musicnn.read_checkpoint(checkpoint())
    define_model, layers = package(variables)
    audio = 0.3 * np.random.default_rng(0).standard_normal((2, 16 * RATE // 10)).astype(np.float32)
    bands = musicnn.log_mel(audio)
    logits, *_, mean, largest, penultimate = define_model(bands.astype(float), False, "MSD_musicnn", 50)
    assert layers.used == variables.keys()
    wanted = {"penultimate": penultimate, "pooled": np.stack([largest, mean], axis=2).reshape(2, -1), "tags": 1 / (1 + np.exp(-logits))}
    assert {name: each.shape for name, each in wanted.items()} == {"penultimate": (2, 200), "pooled": (2, 1506), "tags": (2, 50)}
    for output, each in wanted.items():
        np.testing.assert_allclose(loaded(output)(audio), each, rtol=1e-3, atol=1e-4, err_msg=output)


def test_bands_are_those_of_the_package_but_for_its_half_precision():
    import librosa

    config = importlib.import_module("musicnn.configuration")
    assert (musicnn.RATE, musicnn.FFT, musicnn.HOP, musicnn.BANDS) == (config.SR, config.FFT_SIZE, config.FFT_HOP, config.N_MELS)
    assert 1 + librosa.time_to_frames(3, sr=RATE, n_fft=config.FFT_SIZE, hop_length=config.FFT_HOP) == musicnn.FRAMES
    audio = 0.2 * np.sin(2 * np.pi * 440 * SECONDS[: round(RATE * encoder().window_seconds)]).astype(np.float32)
    bands = librosa.feature.melspectrogram(y=audio, sr=RATE, hop_length=config.FFT_HOP, n_fft=config.FFT_SIZE, n_mels=config.N_MELS).T
    assert bands.shape == (musicnn.FRAMES, 96)
    with np.errstate(over="ignore"):
        half = 10_000 * bands.astype(np.float16)
    fits = np.isfinite(half)
    assert 0.9 < fits.mean() < 1
    found = musicnn.log_mel(audio[None])[0]
    assert np.isfinite(found).all()
    inner = slice(1, -1)  # at the ends librosa pads with zeros today
    np.testing.assert_allclose(found[inner][fits[inner]], np.log10(half + 1)[inner][fits[inner]], atol=0.01)


def house():
    """A kick at 128 a minute, a hi-hat between, a bass."""
    beats, random = 60 / 128, np.random.default_rng(0)
    kick = np.sin(2 * np.pi * (50 * SECONDS + 12 * (1 - np.exp(-30 * SECONDS)))) * np.exp(-12 * SECONDS)
    hat = random.standard_normal(len(SECONDS)) * np.exp(-80 * SECONDS)
    bass = sum(np.sin(2 * np.pi * 55 * k * SECONDS) / k for k in range(1, 12)) * np.exp(-12 * SECONDS)
    out = np.zeros(len(SECONDS))
    for quarter in range(int(SECONDS[-1] / beats * 4)):
        start = round(quarter * beats / 4 * RATE)
        sound = (0.9 * kick, 0.25 * bass, 0.25 * hat + 0.25 * bass, 0.25 * bass)[quarter % 4]
        out[start:] += sound[: len(out) - start]
    return out


def pad_chord():
    """Sines that swell and beat against each other."""
    voices = [110 * 2 ** (semitones / 12) * (1 + detuned) for semitones in (0, 7, 12, 16) for detuned in (-0.003, 0, 0.003)]
    return 0.05 * sum(np.sin(2 * np.pi * hertz * SECONDS) for hertz in voices) * (1 - np.cos(2 * np.pi * SECONDS / 6)) / 2


def test_a_beat_is_tagged_as_house_and_a_swelling_chord_as_ambient():
    labels = importlib.import_module("musicnn.configuration").MSD_LABELS
    beat, chord = (dict(zip(labels, tags, strict=True)) for tags in loaded("tags")(np.stack([house(), pad_chord()]).astype(np.float32)))
    assert max(chord, key=chord.get) == "ambient"
    assert max(beat, key=beat.get) == "electronic"
    assert beat["House"] > 5 * chord["House"]
    assert beat["dance"] > 5 * chord["dance"]
    assert chord["ambient"] > 5 * beat["ambient"]


@pytest.mark.parametrize("output", ["pooled", "penultimate", "tags"])
def test_it_keeps_to_the_contract(output):
    check_encoder(encoder(), options={"output": output})


def test_clips_of_any_length_and_loudness():
    audio = np.random.default_rng(0).standard_normal((1, 21 * RATE)).astype(np.float32)
    embed = loaded("penultimate")
    assert np.isfinite(embed(100 * audio[:, : 2 * RATE])).all()
    for samples in (1, 160, 511, 513, audio.shape[1]):
        assert embed(audio[:, :samples]).shape == (1, 200)
    frames = 1 + audio.shape[1] // musicnn.HOP
    parts = np.array_split(musicnn.log_mel(audio), -(-frames // musicnn.FRAMES), axis=1)
    assert {part.shape[1] for part in parts} <= {164, 165}
