"""Whether encoders, data sets, tasks, corruptions, backbones and supervisions keep to the contract."""

from __future__ import annotations

import contextlib
import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mirbench.engine.global_state import unchanged
from mirbench.errors import MirbenchError
from mirbench.nouns import Backbone, Corruption, Dataset, Embed, Encoder, Supervision, Task
from mirbench.records import ALL_LAYERS, LAST_LAYER, LAYER, SPLITS, Clip, Input, PretrainJob
from mirbench.registry.contract import check_noun, wrong_label
from mirbench.seeded import seeded
from mirbench.settings.validation import WrongOption, validated

FLAT = 1e-3  # of the samples, at the peak
SIDES = {"train": "train and pretrain", "pretrain": "train and pretrain", "valid": "valid", "test": "test"}


def check_encoder(
    encoder: Encoder,
    *,
    options: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    clips: Sequence[Clip] | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> None:
    """Embeds noise and silence of several lengths: finite (batch, dim), one dim for all, the same again, and alone as in a batch; where it
    has layers, the last and all, (batch, layers, dim), as many as it says, of which the last is what the last alone is. As in a
    run, numbers of any width and torch tensors are taken as float32, and `load` may draw from the global generators, which begin at `seed`.

    options: instead of some defaults, e.g. {"steps": 2} to keep a test short. A trainable encoder is first pretrained in a new
    folder on `clips` (default: twelve short tones with tags, key, pitch and genre), or taken from `folder` where that is given.
    """
    contract("encoder", encoder)
    name = f"encoder '{encoder.name}'"
    with tempfile.TemporaryDirectory() as scratch:
        complete = _complete(name, encoder.options, options or {})
        if encoder.trainable and folder is None:
            folder = Path(scratch) / "checkpoint"
            _pretrain(encoder, complete, clips or _tones(Path(scratch), encoder.sample_rate), folder, seed, device)
        given, layers = encoder.input(complete), encoder.layers(complete)

        def load(layer: str) -> Embed:
            asked = complete if layers is None else {**complete, LAYER: layer}
            with fenced(f"{name}: load", seed):
                return encoder.load(folder, asked, seed, device)

        layer = None if layers is None else LAST_LAYER
        embed = load(LAST_LAYER)
        _check_embed(name, embed, given, layer)
        audio, again = _noise(2, round(given.window_seconds * given.sample_rate)), load(LAST_LAYER)
        assert _close(_float32(embed(audio), 2, layer), _float32(again(audio), 2, layer)), (
            f"{name}: two loads with one seed embed the same audio differently; seed what is random"
        )
        if layers is not None:
            every = load(ALL_LAYERS)
            _check_embed(f"{name}, all layers", every, given, ALL_LAYERS)
            rows = _float32(every(audio), 2, ALL_LAYERS)
            assert layers in (0, rows.shape[1]), f"{name} returns {rows.shape[1]} layers, and layers() says {layers}"
            assert _close(rows[:, -1], _float32(embed(audio), 2, layer)), f"{name}: the last of all layers is not what the last alone is"


def _pretrain(encoder: Encoder, options: Mapping[str, Any], clips: Sequence[Clip], folder: Path, seed: int, device: str) -> None:
    cache = folder.with_name(f"{folder.name}-cache")
    for path in (folder, cache):
        path.mkdir(parents=True)
    heard = [clip for clip in clips if clip.split in ("train", "pretrain")]
    job = PretrainJob(clips=heard, options=options, seed=seed, folder=folder, cache=cache, device=device)
    with fenced(f"encoder '{encoder.name}': pretrain"):
        encoder.pretrain(job)
    assert any(folder.iterdir()), f"encoder '{encoder.name}': pretrain left nothing in job.folder, so load has nothing to read"
    _json(f"encoder '{encoder.name}': job.report", job.report)


def _check_embed(name: str, embed: Embed, given: Input, layer: str | None) -> None:
    """layer: which it was loaded to return; None: it has none."""
    window, shortest = (round(seconds * given.sample_rate) for seconds in (given.window_seconds, given.shortest_seconds))
    shape: tuple[int, ...] = ()
    for wanted in (window, window // 2, window // 3, max(1, given.sample_rate // 10)):
        samples = max(wanted, shortest)  # to which a run pads
        for sound, audio in (("noise", _noise(2, samples)), ("silence", np.zeros((2, samples), np.float32))):
            what = f"{name} on {samples} samples of {sound}"
            before = audio.copy()
            with fenced(what):
                out = embed(audio)
            try:
                out = _float32(out, 2, layer)
            except ValueError as error:
                raise AssertionError(f"{what} returns {error}") from error
            assert np.isfinite(out).all(), f"{what} returns values that are not finite"
            assert np.array_equal(before, audio), f"{what} changes the audio it was given"
            shape = shape or out.shape[1:]
            here, there = (" x ".join(map(str, each)) for each in (out.shape[1:], shape))
            assert here == there, f"{what} returns {here} dimensions, and {there} at another length"
            assert _close(out, _float32(embed(audio), 2, layer)), f"{what} returns something else the second time"
            alone = np.concatenate([_float32(embed(audio[:1]), 1, layer), _float32(embed(audio[1:]), 1, layer)])
            assert _close(out, alone), f"{what} depends on what else is in the batch; put batch normalisation into evaluation mode"
    two = _float32(embed(_noise(2, window)), 2, layer)
    assert not np.array_equal(two[0], two[1]), f"{name} gives two different sounds the same embedding"


def _float32(returned: Any, count: int, layer: str | None) -> np.ndarray:
    """What a run makes of what an encoder returned; raises ValueError as that does."""
    from mirbench.evaluation.embedding.rows import as_rows
    from mirbench.evaluation.embedding.windows import layer_of

    with np.errstate(over="ignore"):
        return layer_of(as_rows(returned, count), layer).astype(np.float32)


def check_dataset(dataset: Dataset, folder: Path) -> list[Clip]:
    """Prepares the data set in `folder` and checks its clips: unique ids, known splits, files that are there, no group in two splits.

    `train` and `pretrain` may share groups, since pretraining hears both. Returns the clips.
    """
    contract("dataset", dataset)
    name = f"data set '{dataset.name}'"
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    assert dataset.identity() == dataset.identity(), f"{name}: identity() changes from call to call"
    seconds, megabytes = dataset.cost()
    assert seconds >= 0 and megabytes >= 0, f"{name}: cost() is {(seconds, megabytes)}; both should be at least 0"  # noqa: PT018
    with fenced(f"{name}: prepare"):
        dataset.prepare(folder)
    with fenced(f"{name}: clips"):
        clips = dataset.clips(folder)
    assert clips, f"{name} has no clips"
    assert [clip.id for clip in dataset.clips(folder)] == [clip.id for clip in clips], f"{name}: clips() changes from call to call"
    seen: set[str] = set()
    side_of: dict[str, str] = {}
    for clip in clips:
        assert isinstance(clip, Clip), f"{name}: clips() holds {clip!r:.60}, not a mirbench.Clip"
        what = f"{name}, clip '{clip.id}'"
        assert isinstance(clip.id, str), f"{what}: its id is not text"
        assert clip.id, f"{name} has a clip without an id"
        assert clip.id not in seen, f"{name} has two clips with the id '{clip.id}'"
        seen.add(clip.id)
        assert clip.split in SPLITS, f"{what}: its split is '{clip.split}'; it should be one of {', '.join(SPLITS)}"
        assert clip.group, f"{what} has no group; name what must not span splits, or give each clip its own"
        side = side_of.setdefault(clip.group, SIDES[clip.split])
        assert side == SIDES[clip.split], f"{name}: the group '{clip.group}' is in two splits, {side} and {SIDES[clip.split]}"
        assert Path(clip.path).is_file(), f"{what}: there is no file {clip.path}"
        assert math.isfinite(clip.start) and clip.start >= 0, f"{what} starts at {clip.start} s"  # noqa: PT018
        assert clip.duration is None or 0 < clip.duration < math.inf, f"{what} lasts {clip.duration} s"
        _json(f"{what}: its annotations", dict(clip.annotations))
    return clips


def check_task(task: Task, values: Iterable[Any] = ()) -> None:
    """Checks target, metrics and classes, and that `label` makes a right label of each class and of each of `values`."""
    contract("task", task)
    from mirbench.evaluation.probing import metrics

    name = f"task '{task.name}'"
    for metric in task.metrics:
        try:
            metrics.check_fits(metrics.resolve(metric), task.target)
        except MirbenchError as error:
            raise AssertionError(f"{name}: {error}") from error
    for value in task.classes if task.target != "regression" else ():  # whose classes are names of numbers
        label = task.label(value if task.target != "multilabel" else (value,))
        assert set(label if task.target == "multilabel" else [label]) <= set(task.classes), (
            f"{name}: label({value!r}) is {label!r}, which is not among the classes"
        )
    for value in values:
        label = task.label(value)
        what = f"{name}: label({value!r}) is {label!r}"
        _check_label(what, task, value, label, task.classes)


def _check_label(what: str, reader: Task | Supervision, value: Any, label: Any, classes: Sequence[str] = ()) -> None:
    """Whether it is right for the target, the same the next time, and of these classes where there are any."""
    assert repr(reader.label(value)) == repr(label), f"{what} once and something else the next time"
    wrong = wrong_label(reader.target, classes, label)
    assert not wrong, f"{what}{',' if wrong.startswith('which') else ';'} {wrong.removeprefix('and ')}"


def check_corruption(corruption: Corruption, sample_rate: int = 22_050) -> None:
    """Applies every severity to noise and silence: the same shape, float32, finite, the same again, and audible at the last severity.

    Unless it `limits`, it is given louder noise too, with peaks of 1.5, which must not come out with flat tops.
    """
    contract("corruption", corruption)

    def apply(audio: np.ndarray, level: float) -> Any:
        level = float(level)  # as a run has it
        if corruption.others:
            return corruption.mix(audio, _noise(corruption.others, len(audio)), sample_rate, level, 7)
        return corruption.apply(audio, sample_rate, level, 7)

    for severity, level in enumerate(corruption.levels, start=1):
        last = severity == len(corruption.levels)
        for sound, audio in (("noise", _noise(1, sample_rate + 1)[0]), ("silence", np.zeros(sample_rate // 2, np.float32))):
            what = f"corruption '{corruption.name}', severity {severity}, on {sound}"
            given = audio.copy()
            with fenced(what):
                out = apply(audio, level)
            assert isinstance(out, np.ndarray), f"{what} returns {type(out).__name__}, not a numpy array"
            assert out.shape == audio.shape, f"{what} returns the shape {out.shape}, not {audio.shape}"
            assert out.dtype == np.float32, f"{what} returns {out.dtype}, not float32"
            assert np.isfinite(out).all(), f"{what} returns values that are not finite"
            assert np.array_equal(given, audio), f"{what} changes the audio it was given"
            with seeded(severity):  # the global generators in another state, so that what draws from them shows
                again = apply(audio, level)
            assert np.array_equal(out, again), f"{what} returns something else for the same seed"
            assert sound == "silence" or not last or not np.array_equal(out, audio), f"{what} leaves the audio as it was"
            change = dict(corruption.changes(level, 7))
            assert set(change) <= set(corruption.alters), f"{what} changes {', '.join(change)}, which is not all in its alters"
        what = f"corruption '{corruption.name}', severity {severity}, flattens peaks beyond full scale"
        flat = not corruption.limits and _flat_tops(apply(3 * _noise(1, sample_rate + 1)[0], level))
        assert not flat, f"{what}; leave them as they are, or set limits = True"


def _flat_tops(audio: np.ndarray) -> bool:
    """Whether more than one sample of a thousand is at the peak, above or below, and at least twice as many as just under it.

    The second so that steps, as of fewer bits, are none: they hold as many samples elsewhere. Silence is not flat.
    """
    for side in (audio, -audio):
        peak = side.max()
        under = side[side < peak * (1 - 1e-6)]
        count, step = len(side) - len(under), under.max(initial=0)
        beside = np.count_nonzero(under >= step * (1 - 1e-6)) if step > 0 else 0
        if peak > 0 and count > max(FLAT * len(side), 2 * beside):
            return True
    return False


def check_backbone(backbone: Backbone, *, options: Mapping[str, Any] | None = None) -> None:
    """Builds it and embeds noise and silence of several lengths, as `check_encoder` does, and learns from a batch.

    options: given to `build`, e.g. {"channels": 8} to keep a test short. One seed of torch must give the same weights again, and another
    others; an option that it does not have must be a TypeError; every gradient must be finite.
    """
    contract("backbone", backbone)
    import torch

    name = f"backbone '{backbone.name}'"

    def build(seed: int) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return backbone.build(**(options or {}))

    with fenced(f"{name}: build"):
        network = build(0)
    assert isinstance(network, torch.nn.Module), f"{name}: build returns {type(network).__name__}, not a torch.nn.Module"
    rate, dim = getattr(network, "sample_rate", None), getattr(network, "dim", None)
    assert isinstance(rate, (int, float)) and rate > 0, f"{name}: sample_rate is {rate!r}; it should be a number of hertz above 0"  # noqa: PT018
    assert isinstance(dim, int) and dim > 0, f"{name}: dim is {dim!r}; it should be the number of values it returns of a clip"  # noqa: PT018
    weights, again, other = ([p.detach() for p in each.parameters()] for each in (network, build(0), build(1)))
    assert all(map(torch.equal, weights, again)), f"{name}: two networks built with one seed differ; draw weights from torch's generator"
    drawn = not weights or not all(map(torch.equal, weights, other))
    assert drawn, f"{name}: two networks built with different seeds have the same weights"
    try:
        backbone.build(no_such_option=1)
    except TypeError:
        pass
    else:
        raise AssertionError(f"{name}: build takes an option that it does not have; it should raise TypeError")

    def embed(audio: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            out = network.eval()(torch.as_tensor(audio))
        assert isinstance(out, torch.Tensor), f"{name} returns {type(out).__name__}, not a tensor"
        assert out.shape[1:] == (dim,), f"{name} returns the shape {tuple(out.shape)}, not (batch, {dim}), as its dim says"
        return out.numpy()

    if backbone.bands:
        audio = torch.as_tensor(_noise(2, 40_000))
        with torch.inference_mode():
            bands: Any = network.eval()
            mel = bands.mel(audio)
            given = mel.clone()
            same = torch.allclose(bands(audio), bands.encode(mel), rtol=1e-4, atol=1e-5)
        assert torch.equal(given, mel), f"{name}: encode changes the bands that it is given"
        assert same, f"{name} says it has bands, but what it makes of audio is not encode(mel(audio))"
    given_audio = Input(sample_rate=round(rate))
    _check_embed(name, embed, given_audio, None)
    network.train()(torch.as_tensor(_noise(4, round(given_audio.window_seconds * rate)))).square().mean().backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert gradients or not weights, f"{name}: no weight gets a gradient"
    assert all(bool(torch.isfinite(g).all()) for g in gradients), f"{name}: a gradient is not finite"


def check_supervision(supervision: Supervision, values: Sequence[Any], *, options: Mapping[str, Any] | None = None) -> None:
    """Reads `values`, as clips carry them, encodes them, and checks that their similarities are finite, in [0, 1], symmetric, and for
    each pair the same whatever else is in the batch and in whatever order.

    values: some annotations, of which several differ. options: instead of some defaults.
    """
    contract("supervision", supervision)
    import torch

    name = f"supervision '{supervision.name}'"
    complete = _complete(name, supervision.options, options or {})
    assert len(values) > 1, f"{name}: give two values or more to check it with"
    supervision.check(complete)
    labels = [supervision.label(value) for value in values]
    for value, label in zip(values, labels, strict=True):
        _check_label(f"{name}: label({value!r}) is {label!r}", supervision, value, label)
    with fenced(f"{name}: encode"):
        encoded = supervision.encode(labels, complete)
    n = len(labels)
    _check_tensor(f"{name}: encode", encoded, (n, None))
    given = encoded.clone()
    with fenced(f"{name}: similarity"):
        alike = supervision.similarity(encoded, complete)
    assert torch.equal(given, encoded), f"{name}: similarity changes what encode returned"
    _check_tensor(f"{name}: similarity", alike, (n, n))
    assert alike.min() >= 0, f"{name}: a similarity is {float(alike.min())}, below 0"
    assert alike.max() <= 1 + 1e-5, f"{name}: a similarity is {float(alike.max())}, above 1"
    assert torch.allclose(alike, alike.T, atol=1e-6), f"{name}: similarity is not symmetric"
    for rows in (list(reversed(range(n))), list(range(0, n, 2)), [0]):
        some = supervision.similarity(encoded[rows], complete)
        same = some.shape == (len(rows), len(rows)) and torch.allclose(some, alike[rows][:, rows], atol=1e-6)
        assert same, f"{name}: how alike two clips are depends on which others are in the batch"


def _check_tensor(what: str, found: Any, shape: tuple[int | None, ...]) -> None:
    import torch

    wanted = "(" + ", ".join("features" if size is None else str(size) for size in shape) + ")"
    assert isinstance(found, torch.Tensor), f"{what} returns {type(found).__name__}, not a tensor"
    fits = found.ndim == len(shape) and all(size in (None, given) for size, given in zip(shape, found.shape, strict=True))
    assert fits, f"{what} returns the shape {tuple(found.shape)}, not {wanted}"
    assert found.dtype == torch.float32, f"{what} returns {str(found.dtype).removeprefix('torch.')}, not float32"
    assert torch.isfinite(found).all(), f"{what} returns values that are not finite"


def contract(kind: str, noun: Any) -> None:
    try:
        check_noun(kind, noun, "contract")
    except MirbenchError as error:
        raise AssertionError(str(error).removeprefix("contract: ")) from error


def _complete(name: str, defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults with what is given instead of some."""
    unknown = sorted(set(given) - set(defaults))
    assert not unknown, f"{name} has no option '{', '.join(unknown)}'; it has {', '.join(defaults) or 'none'}"
    try:
        return {**defaults, **validated(defaults, given)}
    except WrongOption as error:
        raise AssertionError(f"{name}: {error.text if error.whole else f'option {error.name} {error.text}'}") from error


def _json(what: str, value: Any) -> None:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what} cannot be written as JSON ({error}); use text, numbers, lists and mappings") from error


def _noise(batch: int, samples: int) -> np.ndarray:
    return np.random.default_rng(samples).uniform(-0.5, 0.5, (batch, samples)).astype(np.float32)


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal up to what the order of summation can move in float32."""
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-3, atol=1e-4 * (1e-6 + float(np.abs(a).max()))))


@contextlib.contextmanager
def fenced(what: str, seed: int | None = None) -> Iterator[None]:
    """AssertionError where the block leaves a global generator, or another state of the process, changed. seed: where the generators begin
    for a block that may draw from them."""
    state = unchanged("", seed, may_draw=seed is not None)
    with state:
        yield
    changed = " and ".join(state.changed)
    assert not changed, f"{what} changes {changed}; use a generator of its own, and put back what it changes"


def _tones(folder: Path, sample_rate: int) -> list[Clip]:
    """Twelve tones of three seconds, half of them `train`, with an annotation of each kind."""
    import soundfile

    clips = []
    for index in range(12):
        pitch = 57 + index
        time = np.arange(3 * sample_rate) / sample_rate
        path = folder / f"tone-{pitch}.wav"
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time), sample_rate)
        known = {"tags": ("low" if index < 6 else "high", "tone"), "key": "A minor", "pitch": pitch, "genre": f"style-{index % 2}"}
        split = "train" if index % 2 else "pretrain"
        clips.append(Clip(f"tone-{pitch}", path, split, f"group-{index}", annotations=known))
    return clips
