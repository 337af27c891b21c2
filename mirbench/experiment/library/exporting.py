"""An encoder as a model that other programs load: ONNX, TorchScript, or a folder as models are published in.

What is written is loaded again, as `--encoder onnx:FILE` would load it, and compared with the encoder on noise of several lengths.
"""

from __future__ import annotations

import io
import json
import shutil
import uuid
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.engine.files import explain_os_errors, written_whole
from mirbench.errors import MirbenchError, describe
from mirbench.evaluation.embedding.models import NO, ZERO_MEAN
from mirbench.evaluation.embedding.onnx_models import FACTS as ONNX_FACTS
from mirbench.evaluation.embedding.torchscript_models import FACTS as TORCHSCRIPT_FACTS
from mirbench.experiment.library.card import card, config_of
from mirbench.experiment.library.choosing import Chosen
from mirbench.experiment.recipes.checkpoint import write_json
from mirbench.experiment.recipes.embedding import frozen_encoder
from mirbench.experiment.resolve.checkpoints import REPORT, files_of, read_pretraining_clips
from mirbench.pretraining.encoder import BackboneEncoder
from mirbench.records import LAST_LAYER

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

FORMATS = ("onnx", "torchscript", "hub")
OPSET = 17  # the first that has a Fourier transform
TOLERANCE = 1e-5  # of the largest number in the embedding, where that is above 1


def export(chosen: Chosen, form: str, output: Path, run: Path | None = None) -> str:
    """Writes the model, whole or not at all; returns in a line what was written. form: one of FORMATS. run: the folder of a run that scored
    it, for a hub folder. Raises MirbenchError for what cannot be exported, or does not embed as the encoder does."""
    if form not in FORMATS:
        raise MirbenchError(f"--format {form} is none that is written; choose one of {', '.join(FORMATS)}.")
    if run is not None and form != "hub":
        raise MirbenchError("--run is for the card of --format hub; leave it out.")
    entry, name = chosen.entry, chosen.entry.encoder.name
    embed = frozen_encoder(entry, chosen.folder, chosen.seed, chosen.provider, "cpu").embed
    network = _network(chosen)
    if form == "hub":
        return _write_folder(chosen, network, embed, output, run)
    if output.is_dir():
        raise MirbenchError(f"--output {output} is a folder; give the file to be written, such as --output {output / name}.{form}.")
    facts: dict[str, Any] = {"sample_rate": entry.input.sample_rate, "window_seconds": entry.input.window_seconds}
    facts |= {"shortest_seconds": entry.input.shortest_seconds}
    facts |= {"trained_on": sorted(read_pretraining_clips(chosen.folder))} if chosen.folder is not None else {}
    facts |= {"normalises": True} if entry.options.get("normalise", NO) != ZERO_MEAN else {}  # else who loads it is asked to
    with written_whole(output) as part:
        _write_model(_write_onnx if form == "onnx" else _write_torchscript, network, part, facts, chosen, form)
        _compare(chosen, form, part, embed)
    size = sum(each.numel() for each in network.parameters())
    return f"{output}: {name}, {size:,} parameters, {entry.input.sample_rate} Hz; score it by --encoder {form}:{output}"


def _network(chosen: Chosen) -> nn.Module:
    import torch

    entry, encoder = chosen.entry, chosen.entry.encoder
    if entry.embedded_layer not in (None, LAST_LAYER):
        raise MirbenchError(f"the last layer of {encoder.name} is exported; leave options.{encoder.name}.layer out.")
    if entry.input.hop_seconds is not None:
        raise MirbenchError("a model does not say how far windows are apart; leave hop_seconds out, and set it where the model is used.")
    if isinstance(encoder, BackboneEncoder):
        from mirbench.pretraining.network import network_of

        return network_of(encoder, chosen.folder, entry.options, chosen.seed)
    make = getattr(encoder, "module", None)
    network = make(chosen.folder, entry.embedded_options, chosen.seed) if make is not None else None
    if not isinstance(network, torch.nn.Module):
        raise MirbenchError(
            f"encoder '{encoder.name}' (from {chosen.provider}) is no torch module, so it cannot be exported; one that is has a method "
            "module(folder, options, seed) that returns it."
        )
    return network.eval()


def _write_model(write: Callable[..., None], network: nn.Module, part: Path, facts: Mapping[str, Any], chosen: Chosen, form: str) -> None:
    import torch

    draw = torch.Generator().manual_seed(0)
    example = torch.rand(2, round(1.5 * chosen.entry.input.window_seconds * chosen.entry.input.sample_rate), generator=draw) - 0.5
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how it is done
            write(network, example, part, json.dumps(facts))
    except (MirbenchError, OSError, MemoryError):
        raise
    except Exception as error:  # whatever a tracer raises
        raise MirbenchError(f"encoder '{chosen.entry.encoder.name}' cannot be exported to {form} ({describe(error):.300}).") from error


def _write_onnx(network: nn.Module, example: Any, path: Path, facts: str) -> None:
    import torch

    from mirbench.pretraining.backbones.tracing import traceable

    try:
        import onnx
        import onnxruntime  # noqa: F401  by which it is compared
    except ImportError as error:
        raise MirbenchError("exporting to onnx needs onnx and onnxruntime; pip install 'mirbench-audio[onnx]'.") from error
    axes = {"audio": {0: "batch", 1: "samples"}, "embedding": {0: "batch"}}
    names: dict[str, Any] = {"input_names": ["audio"], "output_names": ["embedding"], "dynamic_axes": axes}
    torch.onnx.export(traceable(network, real=True), (example,), str(path), dynamo=False, opset_version=OPSET, **names)
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {ONNX_FACTS: facts})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _write_torchscript(network: nn.Module, example: Any, path: Path, facts: str) -> None:
    import torch

    from mirbench.pretraining.backbones.tracing import traceable

    traced = torch.jit.trace(traceable(network), example, check_trace=False)  # compared with the encoder, more than with itself
    written = io.BytesIO()  # since some names of files are none to torch
    torch.jit.save(traced, written, _extra_files={TORCHSCRIPT_FACTS: facts})
    path.write_bytes(written.getvalue())


def _compare(chosen: Chosen, form: str, path: Path, embed: Callable[[np.ndarray], np.ndarray]) -> None:
    """Raises MirbenchError where the model does not give what the encoder gives, for noise in other batches and of other lengths than it
    was traced with; a short one is left out where the encoder does not take it."""
    import numpy as np

    entry = chosen.entry
    model = chosen.registry.schemes[form].encoder(str(path))
    options = {**model.options, **({"normalise": ZERO_MEAN} if entry.options.get("normalise") == ZERO_MEAN else {})}
    model.check(options)
    loaded = model.load(None, options, 0, "cpu")
    window = round(entry.input.window_seconds * entry.input.sample_rate)
    for batch, samples in ((1, window), (3, window // 40), (2, 3 * window + 7)):
        audio = np.random.default_rng(samples).uniform(-0.5, 0.5, (batch, samples)).astype(np.float32)
        try:
            wanted = np.asarray(embed(audio.copy()))
        except Exception:  # of whatever network
            if samples != window // 40:
                raise
            continue
        try:
            found = np.asarray(loaded(audio))
            same = found.shape == wanted.shape and np.abs(found - wanted).max() <= TOLERANCE * max(1.0, float(np.abs(wanted).max()))
        except Exception as error:
            raise MirbenchError(f"{_not_the_same(chosen, form, audio)}, but raises {describe(error):.300}.") from error
        if not same:
            raise MirbenchError(f"{_not_the_same(chosen, form, audio)}; what it does depends on that shape, or on chance, in its own code.")


def _not_the_same(chosen: Chosen, form: str, audio: np.ndarray) -> str:
    return f"encoder '{chosen.entry.encoder.name}' in {form} does not embed audio of the shape {audio.shape} as it does itself"


def _write_folder(chosen: Chosen, network: nn.Module, embed: Callable[[np.ndarray], np.ndarray], output: Path, run: Path | None) -> str:
    import numpy as np

    from mirbench.pretraining.checkpoints import WEIGHTS, weights_folder

    name = chosen.entry.encoder.name
    if chosen.folder is None:
        raise MirbenchError(f"--format hub is of a checkpoint, and {name} has none; give a folder that `mirbench pretrain` printed.")
    files = files_of(weights_folder(chosen.folder, chosen.entry.options))
    if WEIGHTS not in files:
        raise MirbenchError(
            f"the checkpoint {chosen.folder} has no {WEIGHTS}, of which a hub folder is made; export it as torchscript or onnx."
        )
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise MirbenchError(f"--output {output} is there already; remove it, or name a new folder.")
    report = json.loads(files[REPORT].read_text(encoding="utf-8")) if REPORT in files else {}
    told = {key: value for key, value in report.items() if key != "skipped"}  # which names files of this machine
    dim = np.asarray(embed(np.zeros((1, chosen.entry.input.sample_rate), np.float32))).shape[1]
    config = config_of(chosen, dim, sum(each.numel() for each in network.parameters()))
    text, part = card(chosen, config, report, output.name, run), output.with_name(f".part-{uuid.uuid4().hex[:8]}-{output.name}")
    with explain_os_errors("writing a folder", output):
        try:
            part.mkdir(parents=True)
            for file, path in files.items():
                shutil.copyfile(path, part / file)
            write_json(part / REPORT, told)
            write_json(part / "config.json", config)
            (part / "README.md").write_text(text, encoding="utf-8")
            part.replace(output)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return f'{output}: {name}, with its card; load it by mirbench.load("{output}")'
