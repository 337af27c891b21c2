"""Models of the hub, of tiny random weights, in a folder or in a cache of the hub. Imported where transformers is not installed, the tests
of the module are skipped."""

import importlib
import importlib.util
import json
from typing import Any

import numpy as np
import pytest
import torch

if importlib.util.find_spec("transformers") is None:
    pytest.skip("the extra hf is not installed", allow_module_level=True)


class _Late:
    """A module that is imported when something of it is asked for, and not where tests are collected."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)


transformers: Any = _Late("transformers")

SMALL = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "hidden_size": 16}
WAV2VEC = {**SMALL, "conv_dim": [8] * 7, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
MAEST_CODE = """
import numpy as np
import torch
from transformers.feature_extraction_sequence_utils import SequenceFeatureExtractor
from transformers.feature_extraction_utils import BatchFeature


class MAESTFeatureExtractor(SequenceFeatureExtractor):
    model_input_names = ["input_values"]

    def __init__(self, feature_size=1, sampling_rate=16000, padding_value=0.0, max_length=1876, hop_length=256, do_normalize=True, **more):
        super().__init__(feature_size=feature_size, sampling_rate=sampling_rate, padding_value=padding_value, **more)
        self.max_length, self.hop_length, self.do_normalize = max_length, hop_length, do_normalize

    def __call__(self, raw_speech, sampling_rate=None, return_tensors=None):
        bands = torch.zeros(len(raw_speech), self.max_length, 96)
        for clip, audio in zip(bands, raw_speech):
            frames = torch.tensor(np.pad(audio, (0, 256))).unfold(0, 256, self.hop_length).abs().mean(dim=1)[: self.max_length]
            clip[: len(frames)] = frames[:, None] * torch.linspace(0, 1, 96)
        return BatchFeature({"input_values": (bands - 2) / 2.5 if self.do_normalize else bands})
"""


def hubert(folder, cls="Hubert", extractor=True, rate=16_000, **config):
    model = getattr(transformers, f"{cls}Model")(getattr(transformers, f"{cls}Config")(**WAV2VEC, **config))
    if extractor:
        transformers.Wav2Vec2FeatureExtractor(do_normalize=True, sampling_rate=rate).save_pretrained(folder)
    return model


def whisper(folder):
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    small = {f"{side}_{what}": value for side in ("encoder", "decoder")
             for what, value in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 16))}  # fmt: skip
    tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    return transformers.WhisperModel(transformers.WhisperConfig(d_model=16, vocab_size=50, **small, **tokens))


def spectrogram_transformer(folder):
    transformers.ASTFeatureExtractor().save_pretrained(folder)
    return transformers.ASTModel(transformers.ASTConfig(**SMALL))


def maest(folder):
    """A spectrogram transformer with code of its own that prepares the audio, in frames of 16 ms."""
    folder.mkdir(parents=True)
    (folder / "feature_extraction_maest.py").write_text(MAEST_CODE)
    about = {"sampling_rate": 16_000, "hop_length": 256, "max_length": 1876, "feature_extractor_type": "MAESTFeatureExtractor"}
    about["auto_map"] = {"AutoFeatureExtractor": "feature_extraction_maest.MAESTFeatureExtractor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    return transformers.ASTModel(transformers.ASTConfig(num_mel_bins=96, max_length=1876, **SMALL))


def clap(folder):
    transformers.ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(folder)
    audio = transformers.ClapAudioConfig(
        depths=[1, 1], num_attention_heads=[2, 2], patch_embeds_hidden_size=16, hidden_size=32, num_hidden_layers=2, projection_dim=24
    )
    text = transformers.ClapTextConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=50)
    config = transformers.ClapConfig(text_config=text.to_dict(), audio_config=audio.to_dict(), projection_dim=24)
    return transformers.ClapModel(config)


def encodec(folder, rate=24_000):
    transformers.EncodecFeatureExtractor(sampling_rate=rate).save_pretrained(folder)
    small = {"num_filters": 4, "hidden_size": 8, "codebook_size": 16, "num_residual_layers": 1}
    return transformers.EncodecModel(transformers.EncodecConfig(sampling_rate=rate, **small))


def dac(folder, extractor_rate=44_100):
    transformers.DacFeatureExtractor(sampling_rate=extractor_rate, hop_length=8).save_pretrained(folder)
    small = {"encoder_hidden_size": 4, "decoder_hidden_size": 16, "n_codebooks": 2, "codebook_size": 16, "codebook_dim": 4}
    ratios = {"downsampling_ratios": [2, 4], "upsampling_ratios": [4, 2]}
    return transformers.DacModel(transformers.DacConfig(sampling_rate=44_100, hidden_size=8, hop_length=8, **small, **ratios))


def saved(make, folder, **about):
    torch.manual_seed(0)
    model = make(folder, **about).eval()
    model.save_pretrained(folder)
    return model


def in_cache(cache, repository, revision):
    """The folder of a model's revision, as the hub lays it out in a cache."""
    whole = cache / f"models--{repository.replace('/', '--')}"
    commit = revision if revision != "main" else "0" * 40
    (whole / "refs").mkdir(parents=True)
    (whole / "refs" / revision).write_text(commit)
    return whole / "snapshots" / commit


def noise(seconds, rate, count=2):
    return np.random.default_rng(0).uniform(-0.5, 0.5, (count, round(seconds * rate))).astype(np.float32)
