"""Power within filters, and the floor made of it, against librosa."""

import librosa
import numpy as np
import pytest
import torch

import mirbench
from mirbench.pretraining.backbones import mel
from mirbench.registry import load

RATE = 22_050
SHAPES = [(1, 132_300), (3, 59_535), (300, 3_000), (2, 100), (1, 22_050 * 30)]


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32) * np.float32(0.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_power_is_that_of_librosa(shape):
    banks = librosa.filters.mel(sr=RATE, n_fft=2048, n_mels=100)  # the last span is not whole
    audio = noise(*shape)
    given = np.pad(audio, ((0, 0), (0, max(0, 2048 - shape[1]))))
    expected = banks @ np.abs(librosa.stft(given, n_fft=2048, hop_length=512)) ** 2
    found = mirbench.FilterBank(torch.from_numpy(banks))(torch.from_numpy(audio))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6 * expected.max())


def test_filters_without_neighbours_and_without_bins_are_filters_too():
    banks = torch.zeros(40, 1025)
    banks[3, 1024], banks[20, 0], banks[39] = 1, 2, 0.5
    power = torch.stft(
        torch.from_numpy(noise(2, 9_000)), 2048, 512, window=torch.hann_window(2048), pad_mode="constant", return_complex=True
    )
    found = mirbench.FilterBank(banks)(torch.from_numpy(noise(2, 9_000)))
    torch.testing.assert_close(found, banks @ power.abs().square(), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("at_once", [1, 7, 64, 10_000])
def test_the_frames_made_together_move_nothing_but_rounding(monkeypatch, at_once):
    bands, audio = mel.MelSpectrogram(RATE, 128), torch.from_numpy(noise(5, 20_000))
    expected = bands(audio)
    monkeypatch.setattr(mel, "AT_ONCE", at_once)
    torch.testing.assert_close(bands(audio), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("shape", [(2, 132_300), (1, 700), (1, 22_050 * 30)])
def test_handcrafted_features_are_those_of_librosa(shape):
    audio = noise(*shape) * np.sin(np.arange(shape[1]) / 3000).astype(np.float32)
    padded = np.pad(audio, ((0, 0), (0, max(0, 9 * 512 - shape[1]))))
    power = np.abs(librosa.stft(padded, n_fft=2048, hop_length=512)) ** 2
    bands = 10 * np.log10(np.maximum(librosa.feature.melspectrogram(S=power, sr=RATE, n_mels=96), 1e-10))
    mfcc = librosa.feature.mfcc(S=bands, n_mfcc=20)
    rows = np.concatenate(
        [bands, mfcc, librosa.feature.delta(mfcc), np.nan_to_num(librosa.feature.chroma_stft(S=power, sr=RATE, tuning=0.0))], axis=1
    )
    expected = np.concatenate([rows.mean(axis=2), rows.std(axis=2)], axis=1)
    found = load().get("encoder", "handcrafted").load(None, {}, 0, "cpu")(audio)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-3)  # decibels


def test_a_convolution_that_computes_its_weights_is_left_as_it_is():
    from mirbench.pretraining.backbones.layers import fuse_norms

    class Standardised(torch.nn.Conv1d):
        def forward(self, x):
            return self._conv_forward(x, self.weight / self.weight.std(), self.bias)

    hooked = torch.nn.Conv1d(1, 3, 5)
    hooked.register_forward_pre_hook(lambda module, given: (2 * given[0],))
    for convolution in (Standardised(1, 3, 5), torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(1, 3, 5)), hooked):
        network = torch.nn.Sequential(convolution, torch.nn.BatchNorm1d(3)).eval()
        network[1].running_mean.normal_()
        audio = torch.from_numpy(noise(2, 1, 50))
        with torch.inference_mode():
            expected = network(audio)
            torch.testing.assert_close(fuse_norms(network)(audio), expected)


def test_batch_norms_go_into_the_convolutions_before_them():
    from mirbench.pretraining.backbones.layers import fuse_norms

    for name in ("mel-cnn-small", "samplecnn"):
        torch.manual_seed(0)
        network = mirbench.build_backbone(name).eval()
        for part in network.modules():
            if isinstance(part, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
        audio = torch.from_numpy(noise(2, 59_535))
        with torch.inference_mode():
            expected = network(audio)
            found = fuse_norms(network)(audio)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
        norms = [part for part in network.modules() if isinstance(part, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d))]
        assert len(norms) == (1 if name == "mel-cnn-small" else 0)  # that of the bands has no convolution before it
