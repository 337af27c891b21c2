"""`HubEncoder`: audio models of the transformers library (`pip install 'mirbench-audio[hf]'`). Imports no torch until used.

Rate, normalisation, layers and the longest input are those that the model's config.json and preprocessor_config.json say. Nothing is
downloaded: what is not on the disk is named with the line that fetches it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from mirbench.errors import MirbenchError, describe
from mirbench.evaluation.embedding.models import NO, ModelEncoder, ModelFacts, ModelOptions
from mirbench.settings.declaring import option

CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
CODECS = ("encodec", "dac")  # what their encoder makes is the one embedding
PATCH = 16  # frames of a patch of an audio spectrogram transformer
UNUSED = re.compile(r"masked_spec_embed$|^decoder\.|^text_")  # weights that no embedding is made of
FRAMES = 100.0  # such frames in a second, where nothing says how far they are apart


class HubOptions(ModelOptions):
    """Of a model of the hub."""

    trust_remote_code = option(False, "whether code that comes with the model is run")


class HubEncoder(ModelEncoder):
    """A model of the hub by its name, at a revision, or in a folder. A subclass with a `name` and a `repository` gives one a short name,
    and says what is known of it.

    >>> class Speech(HubEncoder):
    ...     name, repository, licence = "speech", "facebook/hubert-base-ls960", "Apache-2.0"
    >>> Speech().model
    'hf:facebook/hubert-base-ls960'
    """

    description = "a model of the hub"
    options = HubOptions()
    repository: str = ""
    revision: str = "main"
    marks: ClassVar[tuple[str, ...]] = ("model_type", "auto_map")  # one of these is in the config.json of a model

    def __init__(self, address: str = "") -> None:
        if address:
            repository, _, revision = (address, "", "") if Path(address).is_dir() else address.partition("@")
            self.repository, self.revision = repository, revision or self.revision
        self.model = f"hf:{self.repository}"

    def folder(self) -> Path:
        """Where the model lies. Raises MirbenchError where it is not there."""
        if Path(self.repository).is_dir():
            return Path(self.repository)
        try:
            from huggingface_hub import snapshot_download
            from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
        except ImportError as error:
            raise MirbenchError(self._needs()) from error
        try:
            return Path(snapshot_download(self.repository, revision=self.revision, local_files_only=True))
        except HFValidationError as error:
            raise MirbenchError(f"{self.model} is no folder that is there and no name of a model; write hf:OWNER/NAME.") from error
        except LocalEntryNotFoundError as error:
            fetch = f"hf download {self.repository} --revision {self.revision}"
            raise MirbenchError(f"{self.model} is not on this disk; this line fetches it: {fetch}") from error

    def identity(self, options: Mapping[str, Any] | None = None) -> str:
        """Of all files of the model but its documentation."""
        whole, folder = hashlib.sha256(), self.folder()
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.suffix not in (".md", ".lock") and file.name != ".gitattributes":
                with open(file, "rb") as opened:
                    whole.update(f"{file.relative_to(folder).as_posix()} {hashlib.file_digest(opened, 'sha256').hexdigest()}\n".encode())
        return whole.hexdigest()

    def weight_files(self, folder: Path | None, options: Mapping[str, Any]) -> list[Path]:
        """Those that transformers reads, of which safetensors come first."""
        found = [sorted(self.folder().glob(pattern)) for pattern in ("*.safetensors", "pytorch_model*.bin")]
        return found[0] or found[1]

    def missing(self, options: Mapping[str, Any]) -> str:
        if importlib.util.find_spec("transformers") is None:
            return self._needs()
        try:
            own_code = any("auto_map" in self.read(name) for name in (CONFIG, PREPROCESSOR))
        except MirbenchError as error:
            return str(error)
        if own_code and not options["trust_remote_code"]:
            trust = f"--set options.{self.name}.trust_remote_code=true"
            return f"{self.model} comes with code of its own, which is run where you say that you trust it: {trust}."
        return ""

    def check(self, options: Mapping[str, Any]) -> None:
        if why := self.missing(options):
            raise MirbenchError(why)
        if (channels := self.read(CONFIG).get("audio_channels", 1)) != 1:
            raise MirbenchError(f"{self.model} takes {channels} channels of audio, and there is one here; take a model of mono audio.")
        super().check(options)

    def facts(self, options: Mapping[str, Any]) -> ModelFacts:
        try:
            return self._facts(self.read(CONFIG), self.read(PREPROCESSOR))
        except (TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
            raise MirbenchError(
                f"{self.model}: {CONFIG} or {PREPROCESSOR} holds what is none ({describe(error)}); fetch it again."
            ) from error

    def _facts(self, config: Mapping[str, Any], given: Mapping[str, Any]) -> ModelFacts:
        rates = [given.get("sampling_rate"), config.get("sampling_rate"), config.get("sample_rate")]
        if config.get("model_type") in CODECS:
            rates.reverse()  # what prepares audio for DAC of 44.1 kHz once said 16 kHz
        rate = next((int(rate) for rate in rates if rate), None)
        seconds = given.get("chunk_length") or given.get("max_length_s")  # of whisper and of CLAP
        if config.get("model_type") == "audio-spectrogram-transformer":
            seconds = config.get("max_length", 1024) / _frames_per_second(given)
        strides, kernels = config.get("conv_stride", ()), config.get("conv_kernel", ())
        least = 1 + sum((kernel - 1) * math.prod(strides[:i]) for i, kernel in enumerate(kernels))
        normalises = True if given or config.get("model_type") in CODECS else None
        shortest = least / rate if kernels and rate else 0.0
        layers, size = _layers(config), config.get("hidden_size") or config.get("d_model")
        dims = (int(size),) * layers if size and layers and config.get("model_type") != "clap" else ()
        return ModelFacts(rate, normalises, seconds and float(seconds), shortest, layers, dims=dims)

    def frames(self, options: Mapping[str, Any], device: str) -> Callable[[Any], Any]:
        import torch
        from transformers import AutoFeatureExtractor, AutoModel
        from transformers.utils import logging

        folder, given, config = self.folder(), self.read(PREPROCESSOR), self.read(CONFIG)
        rate, trusted = self.input(options).sample_rate, {"trust_remote_code": options["trust_remote_code"], "local_files_only": True}
        dtype, kind = getattr(torch, options["dtype"]), str(config.get("model_type"))
        logging.set_verbosity_error()
        try:
            model, loaded = AutoModel.from_pretrained(folder, torch_dtype=dtype, output_loading_info=True, **trusted)
            model = model.eval().to(device)
            extract = AutoFeatureExtractor.from_pretrained(folder, **trusted) if given else None
        except Exception as error:  # of many libraries, and of the model's own code
            raise MirbenchError(f"{self.model} cannot be loaded ({describe(error):.300}); see its page for what it needs.") from error
        self._check_whole(model, loaded["missing_keys"])
        if extract is not None and options["normalise"] == NO:
            extract.do_normalize = False

        def frames(audio: Any) -> Any:
            with torch.inference_mode(), torch.random.fork_rng([]):  # wav2vec 2.0 and its kin draw, and leave no layer out
                inputs: dict[str, Any] = {"input_values": torch.as_tensor(audio[:, None] if kind in CODECS else audio)}
                if extract is not None:
                    cut = {"truncation": "rand_trunc"} if kind == "clap" else {}
                    inputs = dict(extract(list(audio), sampling_rate=extract.sampling_rate, return_tensors="pt", **cut))
                inputs = {name: each.to(device, dtype if each.is_floating_point() else each.dtype) for name, each in inputs.items()}
                seconds = audio.shape[1] / rate
                outputs = _outputs(model, kind, inputs, seconds, seconds * _frames_per_second(given))
                return [each.float().cpu().numpy() for each in outputs]

        return frames

    def _check_whole(self, model: Any, missing: Iterable[str]) -> None:
        """Raises MirbenchError where weights are random, since its files are without them. missing: names that are not in the files."""
        known = {name for name, _ in model.named_parameters()}
        if lacking := sorted(name for name in missing if name in known and not UNUSED.search(name)):
            raise MirbenchError(
                f"{self.model} is without {len(lacking)} of the weights that its {CONFIG} asks for, the first {lacking[0]}, which would be "
                "random; fetch it again, or see its page for what it needs."
            )

    def _needs(self) -> str:
        return f"{self.model} needs transformers; pip install 'mirbench-audio[hf]'."

    def read(self, name: str) -> dict[str, Any]:
        """One of the model's files of settings, config.json or preprocessor_config.json; nothing where the latter is not there."""
        file = self.folder() / name
        try:
            read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            read = {}
        except ValueError as error:
            raise MirbenchError(f"{self.model}: {name} is not JSON ({error}); fetch it again.") from error
        if not isinstance(read, dict):
            raise MirbenchError(f"{self.model}: {name} is no mapping of settings; fetch it again.")
        if name == CONFIG and not any(mark in read for mark in self.marks):
            raise MirbenchError(f"{self.model} has no {CONFIG} of a model; give a folder that save_pretrained wrote.")
        return read


def _layers(config: Mapping[str, Any]) -> int | None:
    """What comes out of the first block, and behind each."""
    if config.get("model_type") in CODECS:
        return None
    if config.get("model_type") == "clap":
        return len((config.get("audio_config") or {}).get("depths", (2, 2, 6, 2))) + 2  # and the embedding that is compared with texts
    blocks = config.get("encoder_layers") or config.get("num_hidden_layers")
    return int(blocks) + 1 if blocks else 0


def _frames_per_second(given: Mapping[str, Any]) -> float:
    """Of an audio spectrogram transformer. given: by what comes with it to prepare audio."""
    return given["sampling_rate"] / given["hop_length"] if "hop_length" in given else FRAMES


def _outputs(model: Any, kind: str, inputs: Mapping[str, Any], seconds: float, frames: float) -> list[Any]:
    """Of each layer (batch, frames, dim), or (batch, dim). seconds, frames: of audio, as opposed to what was put behind it."""
    if kind in CODECS:
        return [model.encoder(inputs["input_values"]).transpose(1, 2)]
    if kind == "clap":
        hidden = model.audio_model(**inputs, output_hidden_states=True).hidden_states
        return [*(each.flatten(2).transpose(1, 2) for each in hidden), model.get_audio_features(**inputs)]
    module = model.get_encoder() if kind == "whisper" else model
    hidden = module(**inputs, output_hidden_states=True).hidden_states
    if not hidden:
        raise MirbenchError(f"a model of the type {kind} returns no hidden states with this version of transformers; take 4.57.")
    if kind == "whisper":
        kept = max(1, math.ceil(hidden[0].shape[1] * seconds / 30))
        return [each[:, :kept] for each in hidden]
    if kind == "audio-spectrogram-transformer":
        return [_heard(each, model.config, frames) for each in hidden]
    return list(hidden)


def _heard(tokens: Any, config: Any, frames: float) -> Any:
    """The tokens of the whole, and the patches of audio, without those of what was put behind it."""
    bands = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
    special, patches = tokens[:, :2], tokens[:, 2:].unflatten(1, (bands, -1))
    kept = max(1, math.ceil((frames - PATCH) / config.time_stride) + 1)
    import torch

    return torch.cat([special, patches[:, :, :kept].flatten(1, 2)], dim=1)
