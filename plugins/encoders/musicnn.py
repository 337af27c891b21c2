"""musicnn: a network with musically motivated filters that was trained to tag music (Pons and Serra, ISMIR late-breaking demo 2019).

The package runs on TensorFlow; here its weights `MSD_musicnn` are read and the network is built in torch. Others of the package, trained on
MagnaTagATune, are left out: they would be scored on what they have learnt.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mirbench

from ._packaged import PackagedEncoder

if TYPE_CHECKING:
    import numpy as np
    import torch

RATE, FFT, HOP, BANDS = 16_000, 512, 256, 96  # of the package's configuration.py: Hz, samples, samples, mel bands
FRAMES = 187  # that the network was trained on, 3 s
AT_ONCE = 8  # windows; each takes 9 MB after its first layers
EPSILON = 0.001  # of batch normalisation
UNUSED = {"pooled": ("dense", "batch_normalization_9", "batch_normalization_10"), "penultimate": ("dense_1",), "tags": ()}
FOOTER = 48  # bytes at the end of a table
FIXED32 = 5  # the wire type of four bytes in protocol buffers; 0 is of a varint


class MusicnnOptions(mirbench.Options):
    """Layers that the package's `extractor` gives. Chosen on the validation split of `mini-quick`: pooled has .51 on tagging and .44 on
    genre, penultimate .42 and .25."""

    output = mirbench.option(
        "pooled",
        "the layer: pooled, maximum and mean over time of 753 features; penultimate, 200 numbers; tags, how likely each of 50 is",
        choices=("pooled", "penultimate", "tags"),
    )


class Musicnn(PackagedEncoder):
    """A window is 187 frames of 96 log-mel bands. Their log10(10000 x + 1) is taken in 32 bits; in the package in 16, which loud music
    overflows. Shorter audio is taken as it is."""

    name = "musicnn"
    description = "musicnn, trained on tags of the Million Song Dataset"
    sample_rate = RATE
    window_seconds = (FRAMES - 1) * HOP / RATE
    packages = {"musicnn": "pip install --no-deps musicnn==0.1.0"}
    options = MusicnnOptions()
    home = "https://github.com/jordipons/musicnn"
    licence = "ISC"
    citation = (
        "J. Pons and X. Serra, musicnn: pre-trained convolutional neural networks for music audio tagging, late-breaking demo, ISMIR 2019"
    )
    trained_with = "the Million Song Dataset and 50 last.fm tags of it"

    def embedding_cost(self, options: Mapping[str, Any]) -> float:
        return 0.013

    def weight_files(self, folder: Path | None, options: Mapping[str, Any]) -> list[Path]:
        return [self.folder() / "MSD_musicnn"]

    def count_parameters(self, options: Mapping[str, Any]) -> int:
        unused = UNUSED[options["output"]]
        arrays = read_checkpoint(self.weight_files(None, options)[0])
        return sum(each.size for name, each in arrays.items() if not name.startswith(unused) and "/moving_" not in name)

    def load(self, folder: Path | None, options: Mapping[str, Any], seed: int, device: str) -> Callable[[np.ndarray], np.ndarray]:
        import numpy as np
        import torch

        arrays = read_checkpoint(self.weight_files(folder, options)[0])
        network = Network({name: torch.tensor(array, device=device) for name, array in arrays.items()})

        def embed(audio: np.ndarray) -> np.ndarray:
            bands = log_mel(audio)
            parts = np.array_split(bands, -(-bands.shape[1] // FRAMES), axis=1)
            with torch.inference_mode():
                return np.mean([torch.cat([run(some) for some in torch.as_tensor(part).split(AT_ONCE)]).numpy() for part in parts], axis=0)

        def run(bands: torch.Tensor) -> torch.Tensor:
            return network(bands.to(device))[options["output"]].cpu()

        return embed


def log_mel(audio: np.ndarray) -> np.ndarray:
    """(batch, samples) -> (batch, frames, 96) float32, as the package's `batch_data` with the librosa of its time, which mirrored ends."""
    import librosa
    import numpy as np

    audio = np.pad(np.asarray(audio, np.float32), ((0, 0), (0, max(0, FFT - audio.shape[1]))))
    bands = librosa.feature.melspectrogram(y=audio, sr=RATE, n_fft=FFT, hop_length=HOP, n_mels=BANDS, pad_mode="reflect")
    return np.log10(10_000 * bands + 1).swapaxes(1, 2)


class Network:
    """`build_musicnn` of the package's models.py: (batch, frames, 96) log-mel bands, of any number of frames -> the layers that `output` is
    one of, by name, each (batch, numbers). weights: by their names in TensorFlow."""

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        self.weights = weights

    def __call__(self, bands: torch.Tensor) -> dict[str, torch.Tensor]:
        import torch
        from torch.nn.functional import linear, pad

        x = self.normalised(0, bands[:, None])
        timbral = [self.convolved(number, pad(x, (0, 0, 3, 3))).amax(dim=3) for number in (0, 1)]
        temporal = [self.convolved(number, pad(x, (0, 0, half - 1, half))).amax(dim=3) for number, half in ((2, 64), (3, 32), (4, 16))]
        layers = [torch.cat([*timbral, *temporal], dim=1)]
        for number in (5, 6, 7):
            x = self.convolved(number, pad(layers[-1].transpose(1, 2)[:, None], (0, 0, 3, 3)))[..., 0]
            layers.append(x if number == 5 else x + layers[-1])  # a residual connection
        features = torch.cat(layers, dim=1)
        pooled = torch.stack([features.amax(dim=2), features.mean(dim=2)], dim=2).flatten(1)
        dense = linear(self.normalised(9, pooled), self.weights["dense/kernel"].T, self.weights["dense/bias"]).relu()
        penultimate = self.normalised(10, dense)
        tags = linear(penultimate, self.weights["dense_1/kernel"].T, self.weights["dense_1/bias"]).sigmoid()
        return {"pooled": pooled, "penultimate": penultimate, "tags": tags}

    def convolved(self, number: int, x: torch.Tensor) -> torch.Tensor:
        """Without padding, rectified and then normalised."""
        from torch.nn.functional import conv2d

        name = f"conv2d_{number}" if number else "conv2d"
        kernel = self.weights[f"{name}/kernel"].permute(3, 2, 0, 1)
        return self.normalised(number + 1, conv2d(x, kernel, self.weights[f"{name}/bias"]).relu_())

    def normalised(self, number: int, x: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import batch_norm

        name = f"batch_normalization_{number}" if number else "batch_normalization"
        mean, variance, scale, shift = (self.weights[f"{name}/{part}"] for part in ("moving_mean", "moving_variance", "gamma", "beta"))
        return batch_norm(x, mean, variance, scale, shift, eps=EPSILON)


def read_checkpoint(folder: Path) -> dict[str, np.ndarray]:
    """The variables of a checkpoint of TensorFlow, of its second format, in one file, without the optimiser's: by name, float32 each."""
    import numpy as np

    data, variables = (folder / ".data-00000-of-00001").read_bytes(), {}
    for name, entry in entries((folder / ".index").read_bytes()):
        if name and "/Adam" not in name and not name.endswith("_power"):
            shape = [dict(_fields(dimension))[1] for _, dimension in _fields(entry[2])]
            variables[name] = np.frombuffer(data, "<f4", entry[5] // 4, entry.get(4, 0)).reshape(shape)
    return variables


def entries(index: bytes) -> Iterator[tuple[str, dict[int, Any]]]:
    """(name, fields of its BundleEntryProto) of each variable; the first is of the checkpoint itself and has no name.

    index: a table of LevelDB, not compressed: blocks of entries, a block of where these lie, and a footer that says where that one does.
    fields: by their numbers in TensorFlow's tensor_bundle.proto: 2 is the shape, 4 and 5 where the data lie and how many bytes they are.
    """
    _, _, *place, _ = _varints(index, len(index) - FOOTER, 4)
    for _, handle in _block(index, *place):
        for name, entry in _block(index, *_varints(handle, 0, 2)[:2]):
            yield name.decode(), dict(_fields(entry))


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of each entry, whose key is told by how much of it is as in the key before, and the rest."""
    (restarts,) = struct.unpack_from("<I", table, offset + size - 4)
    at, end, key = offset, offset + size - 4 * (restarts + 1), b""
    while at < end:
        shared, own, length, at = _varints(table, at, 3)
        key = key[:shared] + table[at : at + own]
        at += own + length
        yield key, table[at - length : at]


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field of a protocol buffer: a whole number, or bytes."""
    at = 0
    while at < len(message):
        value: Any
        key, at = _varints(message, at, 1)
        value, at = (4, at) if key & 7 == FIXED32 else _varints(message, at, 1)  # itself, or how many bytes it has
        if key & 7:
            value, at = message[at : at + value], at + value
        yield key >> 3, value


def _varints(data: bytes, at: int, count: int) -> list[int]:
    """So many whole numbers of 7 bits a byte, the lowest first, and where the next byte is."""
    values = []
    for _ in range(count):
        end = next(end for end in range(at, len(data)) if data[end] < 128)
        values.append(sum((data[place] & 127) << 7 * (place - at) for place in range(at, end + 1)))
        at = end + 1
    return [*values, at]


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    return [Musicnn()]
