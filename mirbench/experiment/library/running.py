"""`mirbench.run`, `mirbench.evaluate` and `mirbench.load_results`."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.errors import MirbenchError, in_words
from mirbench.experiment.library.guest import cache_at, check_rate, guest, paths, plain, several
from mirbench.experiment.recipes.embedding import frozen_encoder
from mirbench.experiment.resolve.entries import resolve_entries
from mirbench.experiment.resolve.machine import resolve_machine
from mirbench.experiment.whole_run import run_whole, settled
from mirbench.nouns import Encoder
from mirbench.registry.contract import kebab

if TYPE_CHECKING:
    from mirbench.registry import Registry
    from mirbench.reporting.notebook import Results
    from mirbench.settings.config import RunConfig

FORKLESS = ("jax", "onnxruntime", "tensorflow")  # packages with threads of their own, which a forked process is without
Given = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def run(
    *, config: Given = (), plugins: Given = (), cache: str | os.PathLike[str] | None = None, quiet: bool = False, **settings: Any
) -> Results:
    """What `mirbench run` does: pretrains, freezes and probes encoders, and leaves the same run folder; what is finished is never done
    twice.

    settings: those of `configs/default.yaml` by their names, such as encoders=["semisupcon"], tasks=["key"], seeds=3, corruptions="none",
    options={"semisupcon": {"steps": 100}}; `dataset` will do for `datasets`, and the name of a probe for `probe`. config: a YAML file, the
    name of a shipped one such as "quick", or several. plugins: files or modules. cache: where finished work is kept; None: as for the
    command. quiet: no progress.

    Raises MirbenchError, in the words of the command line, for what is wrong with any of these.
    """
    given = {**({"config": config} if config else {}), **({"plugins": plugins} if plugins else {}), **settings}
    with guest(quiet):
        chosen, registry = _settled(config, plugins, settings)
        return _results(chosen, registry, cache, quiet, "run", given)


def evaluate(
    function: Callable[[Any], Any],
    *,
    sample_rate: int,
    name: str = "",
    identity: str = "",
    config: Given = (),
    plugins: Given = (),
    cache: str | os.PathLike[str] | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Results:
    """Scores a function or a torch module, beside the floors, as `run` scores an encoder.

    function: (batch, samples) float32 in about [-1, 1] at `sample_rate` Hz -> (batch, dim), or (batch, layers, dim), an array or a tensor,
    finite, of one dim for any length; a module is given tensors, in eval mode and without gradients. It is called in forked processes where
    it runs on a CPU, but for a function that is no module where JAX, onnxruntime or TensorFlow has been imported, since these hang there.
    name: in tables; its own by default. identity: what tells this function from others. Embeddings of an earlier call are taken from the
    cache only where that had the same identity: what a function does may depend on anything, so nothing else tells that it is the same.
    Without an identity nothing of it is left in the cache.
    settings: as of `run`, and the options of the function: layer, normalise, window_seconds, hop_seconds, shortest_seconds and batch_size.

    Raises MirbenchError as `run` does, and for a function that raises, changes its input, embeds a window otherwise alone than beside
    others, or returns anything else.
    """
    from mirbench.evaluation.embedding.models import AudioOptions, FunctionEncoder

    if not callable(function) or isinstance(function, type):
        what = f"the class {function.__name__}; give an instance" if isinstance(function, type) else in_words(function)
        raise MirbenchError(f"mirbench.evaluate takes a function (batch, samples) -> (batch, dim), or a torch module, not {what}.")
    for what, value in (("name", name), ("identity", identity)):
        if not isinstance(value, str):
            raise MirbenchError(f"{what} should be text, not {in_words(value)}.")
    called = name or kebab(getattr(function, "__name__", type(function).__name__)) or "function"
    if called != kebab(called):
        raise MirbenchError(f"name={called!r} is no name of an encoder; write it as {kebab(called) or 'mine'!r}.")
    check_rate(sample_rate)
    given = {"sample_rate": sample_rate, **settings}
    own = plain({option: given[option] for option in AudioOptions.declared if option in given})
    settings = {setting: value for setting, value in settings.items() if setting not in own}
    encoder = FunctionEncoder(called, lambda: function, identity)
    encoder.name, encoder.in_workers = called, _is_module(function) or not any(package in sys.modules for package in FORKLESS)
    encoder.held = True
    options = settings.get("options") or {}
    if not isinstance(options, Mapping) or not isinstance(options.get(called, {}), Mapping):
        raise MirbenchError(
            f"options should be a mapping of encoder names to options, such as {{{called!r}: {{...}}}}, not {in_words(options)}."
        )
    own = {**options.get(called, {}), **own}
    settings |= {"encoders": [called, *several(settings.get("encoders"))], "options": {**options, called: own}}
    with guest(quiet), _as_it_was(function):
        chosen, registry = _settled(config, plugins, settings, [encoder])
        _try(encoder, chosen, registry)
        return _results(chosen, registry, cache, quiet, "evaluate", given, called)


def load_results(*folders: Given) -> Results:
    """The results of finished runs as one, as `mirbench report` takes them together: each table is one frame over all of them.

    folders: of runs, by themselves or in lists, or patterns such as "results/*", of which what is no run is passed over. Rows that agree
    are one; an encoder whose numbers differ between runs is called "name (run)". Raises MirbenchError for what is no run or damaged, and
    for runs that do not compare.
    """
    from mirbench.reporting.notebook import shown
    from mirbench.results.merging import load

    chosen: list[Path] = []
    for given in (each for several_folders in folders for each in paths("load_results", several_folders)):
        folder = os.path.expanduser(given)
        found = [folder] if os.path.isdir(folder) or not glob.has_magic(folder) else sorted(glob.glob(folder))
        runs = [path for path in map(Path, found) if path == Path(folder) or (path / "manifest.json").is_file()]
        if not runs:
            raise MirbenchError(f"there is no run in {folder}; give folders that `mirbench run` wrote, such as results/*.")
        chosen += runs
    return shown(load(*chosen))


def _settled(config: Given, plugins: Given, settings: Mapping[str, Any], encoders: Iterable[Encoder] = ()) -> tuple[RunConfig, Registry]:
    named = plain(dict(settings))
    if "dataset" in named:
        if "datasets" in named:
            raise MirbenchError("both dataset and datasets were given, which are one setting; leave one of the two out.")
        named["datasets"] = named.pop("dataset")
    files = [Path(file) for file in paths("config", config)]
    return settled(files, [], named, paths("plugins", plugins), encoders)


def _results(
    config: RunConfig,
    registry: Registry,
    cache: str | os.PathLike[str] | None,
    quiet: bool,
    what: str,
    given: Mapping[str, Any],
    *first: str,
) -> Results:
    """given: as it is told in the manifest, after what comes first."""
    from mirbench import reporting
    from mirbench.reporting.notebook import shown
    from mirbench.results.merging import load

    command = f"mirbench.{what}({', '.join([*first, *(f'{name}={plain(value)!r}' for name, value in given.items())])})"
    folder, _ = run_whole(config, registry, cache_at(cache), command, reporting.WIDTH, quiet=quiet)
    return shown(load(folder))


def _is_module(function: Any) -> bool:
    return "torch" in sys.modules and isinstance(function, sys.modules["torch"].nn.Module)


@contextlib.contextmanager
def _as_it_was(function: Any) -> Iterator[None]:
    """A module is put back into the mode, and onto the device, that it was in."""
    if not _is_module(function):
        yield
        return
    modes = {module: module.training for module in function.modules()}
    device = next((each.device for each in (*function.parameters(), *function.buffers())), None)
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        if device is not None:
            function.to(device)


def _try(encoder: Encoder, config: RunConfig, registry: Registry) -> None:
    """Raises MirbenchError where the function is none that can be scored, by two windows of noise, before anything dear is made."""
    import numpy as np

    from mirbench.evaluation.embedding.windows import embed_all

    entry = next(each for each in resolve_entries(config, registry) if each.encoder is encoder)
    device = resolve_machine(config.device, config.devices).device
    frozen = frozen_encoder(entry, None, 0, registry.provider("encoder", encoder.name), device)

    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, frozen.cut.window)).astype(np.float32)
    embed_all(list(noise), ["a window of noise", "another"], [frozen], len(noise))
