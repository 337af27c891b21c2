"""What a plugin must keep to: its hooks, and the nouns they return. Every breach is one sentence that names the plugin."""

from __future__ import annotations

import inspect
import itertools
import math
import re
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pluggy

from mirbench.errors import MirbenchError, beginning, did_you_mean
from mirbench.nouns import Backbone, Corruption, Dataset, Encoder, Probe, Scheme, Supervision, Task
from mirbench.records import CLEAN, MAJORITY, OF_CORRUPTIONS, SEVERITIES, SIMILARITY, Checksums, Download, Files
from mirbench.settings.declaring import Option, Options
from mirbench.settings.size import TooMuch, check_size

KINDS: dict[str, type] = {
    "encoder": Encoder,
    "dataset": Dataset,
    "task": Task,
    "corruption": Corruption,
    "backbone": Backbone,
    "supervision": Supervision,
    "probe": Probe,
    "scheme": Scheme,
}
PROSE = {kind: kind for kind in KINDS} | {"dataset": "data set"}
RESERVED = {
    "all": "it means every one",
    "none": "it means not one",
    MAJORITY: "it is the majority-class floor",
    CLEAN: "it is audio that was left alone",
    SIMILARITY: "it is the task of what is measured of embeddings without a probe",
}
DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}  # of a checksum
TARGETS = ("multiclass", "multilabel", "regression")
OF_ANY_SUPERVISION = ("name", "annotation", "weight")  # keys of its setting, beside its own options

HOOKS = {kind: f"register_{kind}s" for kind in KINDS}

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def check_noun(kind: str, noun: Any, label: str) -> None:
    """Raises MirbenchError where `noun` is not what a hook may return. label: who provides it, e.g. `plugin mine.py`."""
    cls = KINDS[kind]
    if isinstance(noun, type) and issubclass(noun, cls):
        raise MirbenchError(f"{label}: {HOOKS[kind]} returned the class {noun.__name__}; return an instance, {noun.__name__}().")
    if not isinstance(noun, cls):
        raise MirbenchError(f"{label}: {HOOKS[kind]} returned {_named(noun)}, which is not a mirbench.{cls.__name__}.")
    what = type(noun).__name__
    name: Any = noun.name  # type: ignore[attr-defined]
    if not isinstance(name, str) or not name:
        raise MirbenchError(f"{label}: {what} has no name; set name = '{kebab(what)}'.")
    if not _NAME.fullmatch(name):
        hint = f", such as '{kebab(name)}'" if kebab(name) else ""
        raise MirbenchError(f"{label}: {what} is named '{name}'; write lower-case letters and digits with hyphens between{hint}.")
    if name in RESERVED:
        raise MirbenchError(f"{label}: {what} is named '{name}', which is reserved ({RESERVED[name]}); choose another name.")
    wrong = _WRONG[kind](noun)
    if wrong:
        raise MirbenchError(f"{label}: {PROSE[kind]} '{name}' {wrong}.")


def _wrong_encoder(encoder: Encoder) -> str:
    cls = type(encoder)
    if cls.embed is Encoder.embed and cls.load is Encoder.load:
        return "has neither embed nor load; override one"
    if encoder.trainable and cls.pretrain is Encoder.pretrain:
        return "says it is trainable but has no pretrain"
    if not _number(encoder.sample_rate) or encoder.sample_rate <= 0:
        return f"has sample_rate = {encoder.sample_rate!r}; it should be a number of hertz above 0"
    if not _number(encoder.window_seconds) or encoder.window_seconds <= 0:
        return f"has window_seconds = {encoder.window_seconds!r}; it should be a number of seconds above 0"
    if isinstance(encoder.trained_on, str) or not all(isinstance(name, str) for name in encoder.trained_on):
        return f"has trained_on = {beginning(encoder.trained_on)}; it should be a tuple of names of data sets, such as ('nsynth',)"
    return _wrong_options(encoder.options)


def _wrong_dataset(dataset: Dataset) -> str:
    if type(dataset).clips is Dataset.clips:
        return "has no clips; override clips(self, folder)"
    for attribute in ("annotations", "folders"):
        value = getattr(dataset, attribute)
        if isinstance(value, str) or not all(isinstance(name, str) for name in value):
            return f"has {attribute} = {beginning(value)}; it should be a tuple of names, such as ('genre',)"
    if isinstance(dataset.files, Files) or not all(isinstance(some, Files) for some in dataset.files):
        return f"has files = {beginning(dataset.files)}; it should be a tuple of mirbench.Files"
    if isinstance(dataset.checksums, Checksums) or not all(isinstance(some, Checksums) for some in dataset.checksums):
        return f"has checksums = {beginning(dataset.checksums)}; it should be a tuple of mirbench.Checksums"
    if wrong := _wrong_downloads(dataset):
        return wrong
    if not isinstance(dataset.classes, Mapping):
        return f"has classes = {beginning(dataset.classes)}; it should be a mapping of annotations to class names in their order"
    return ""


def _wrong_downloads(dataset: Dataset) -> str:
    downloads = dataset.downloads
    if isinstance(downloads, Download) or not all(isinstance(some, Download) for some in downloads):
        return f"has downloads = {beginning(downloads)}; it should be a tuple of mirbench.Download"
    for each in downloads:
        kind, _, digest = each.checksum.partition(":")
        if not all(url.startswith(("https://", "http://")) for url in each.urls):
            return f"has a download of {each.url}, whose addresses should begin with https:// or http://"
        if not any(files.source.startswith(each.url) for files in dataset.files):
            return f"has a download of {each.url}, which is the source of none of its files"
        if each.archive not in ("", "zip", "tar") or bool(each.archive) != (each.unpacked > 0) or each.megabytes <= 0:
            told = "a file has megabytes alone, an archive is 'zip' or 'tar' and says how many it has unpacked too"
            return f"has a download of {each.url} with archive = {each.archive!r}; {told}"
        if each.checksum and (len(digest) != DIGITS.get(kind) or each.more):
            told = "it should be md5:, sha1: or sha256: with the digest, and is of one file, not of parts"
            return f"has a download of {each.url} with checksum = {each.checksum!r}; {told}"
    return ""


def _wrong_task(task: Task) -> str:
    if not task.annotation or not isinstance(task.annotation, str):
        return "has no annotation; name the one that it predicts, such as annotation = 'genre'"
    if wrong := _wrong_target(task.target):
        return wrong
    if isinstance(task.metrics, str):
        return f"has metrics = {task.metrics!r}; it should be a tuple, ({task.metrics!r},)"
    if not task.metrics:
        return "has no metrics; name one or more, the headline first, such as metrics = ('accuracy', 'macro_f1')"
    if isinstance(task.classes, str) or not all(isinstance(name, str) for name in task.classes):
        return f"has classes = {beginning(task.classes)}; it should be a tuple of class names"
    if len(set(task.classes)) < len(task.classes):
        return "names a class twice in classes"
    return _wrong_words("changed_by", task.changed_by)


def _wrong_corruption(corruption: Corruption) -> str:
    levels, cls = corruption.levels, type(corruption)
    if not isinstance(corruption.others, int) or isinstance(corruption.others, bool) or corruption.others < 0:
        return f"has others = {corruption.others!r}; it should be how many other clips it mixes in, 0 for none"
    if corruption.others and cls.mix is Corruption.mix:
        return f"mixes in {corruption.others} other clips but has no mix; override mix(self, audio, others, sample_rate, level, seed)"
    if not corruption.others and cls.apply is Corruption.apply:
        return "has no apply; override apply(self, audio, sample_rate, level, seed)"
    if isinstance(levels, str) or not isinstance(levels, Iterable) or not 1 <= len(list(levels)) <= SEVERITIES:
        return (
            f"has levels = {beginning(levels)}; it should be {SEVERITIES} levels, one for each severity, or fewer where there are no more"
        )
    if not all(_number(level) for level in levels):
        return f"has levels = {beginning(levels)}; each should be a finite number"
    steps = [b - a for a, b in itertools.pairwise(levels)]
    if not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
        return f"has levels = {beginning(levels)}; they should rise, or fall, from each severity to the next"
    if not isinstance(corruption.family, str) or (corruption.family and not _NAME.fullmatch(corruption.family)):
        return f"has family = {beginning(corruption.family)}; it should be one of {', '.join(OF_CORRUPTIONS)}, or a name like these"
    return _wrong_words("alters", corruption.alters)


def _wrong_backbone(backbone: Backbone) -> str:
    return "has no build; override build(self, **options)" if type(backbone).build is Backbone.build else ""


def _wrong_supervision(supervision: Supervision) -> str:
    cls = type(supervision)
    if cls.encode is Supervision.encode:
        return "has no encode; override encode(self, labels, options)"
    if cls.similarity is Supervision.similarity:
        return "has no similarity; override similarity(self, encoded, options)"
    if not isinstance(supervision.annotation, str):
        return f"has annotation = {supervision.annotation!r}; it should be the name of one, such as 'genre', or empty where it has none"
    if wrong := _wrong_options(supervision.options):
        return wrong
    if taken := [name for name in OF_ANY_SUPERVISION if name in supervision.options]:
        return f"has an option '{taken[0]}', which every supervision has already; choose another name for it"
    return _wrong_target(supervision.target)


def _wrong_probe(probe: Probe) -> str:
    if type(probe).build is Probe.build and not (callable(probe.estimator) or hasattr(probe.estimator, "fit")):
        given = "no estimator" if probe.estimator is None else f"estimator = {beginning(probe.estimator)}"
        return f"has {given}; give it a scikit-learn estimator, such as estimator=SVC(), or a function that makes one"
    if not isinstance(probe.grid, Mapping) or not all(isinstance(name, str) for name in probe.grid):
        return f"has grid = {beginning(probe.grid)}; it should be a mapping of parameters to their values, such as {{'C': [0.1, 1, 10]}}"
    for name, values in probe.grid.items():
        if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or not values:
            return (
                f"has {beginning(values)} for '{name}' in its grid; it should be a list of values, such as [0.1, 1, 10] or "
                "np.logspace(-3, 1, 5).tolist()"
            )
    if probe.targets is not None and (isinstance(probe.targets, str) or not probe.targets or not set(probe.targets) <= set(TARGETS)):
        return f"has targets = {beginning(probe.targets)}; it should be a tuple of some of {', '.join(TARGETS)}"
    return ""


def _wrong_scheme(scheme: Scheme) -> str:
    return "has no encoder; override encoder(self, rest)" if type(scheme).encoder is Scheme.encoder else ""


def _wrong_options(options: Any) -> str:
    if isinstance(options, type) and issubclass(options, Options):
        return f"has options = {options.__name__}, a class; give an instance, {options.__name__}()"
    if not isinstance(options, Mapping):
        return f"has options = {beginning(options)}; it should be a mapping of option names to defaults"
    if strange := [name for name in options if not isinstance(name, str)]:
        return f"has an option {strange[0]!r}, whose name is no text; put quotes around it"
    if loose := [name for name in options if isinstance(options[name], Option)]:
        return f"declares the option '{loose[0]}' in a mapping; declare options in a class of mirbench.Options, and give an instance of it"
    for name in options:
        try:
            check_size(options[name])
        except TooMuch as error:
            return f"has an option '{name}' whose default holds too much: {error}"
    return ""


def _wrong_target(target: Any) -> str:
    if target in TARGETS:
        return ""
    hint = did_you_mean(str(target), TARGETS)
    return f"has target = {target!r}{';' + hint if hint else '.'} It should be one of {', '.join(TARGETS)}"


def _wrong_words(attribute: str, words: Any) -> str:
    if isinstance(words, str) or not isinstance(words, Iterable):
        return f"has {attribute} = {words!r}; it should be a set of words, such as frozenset({{'pitch'}})"
    return ""


_WRONG: dict[str, Any] = {
    "encoder": _wrong_encoder,
    "dataset": _wrong_dataset,
    "task": _wrong_task,
    "corruption": _wrong_corruption,
    "backbone": _wrong_backbone,
    "supervision": _wrong_supervision,
    "probe": _wrong_probe,
    "scheme": _wrong_scheme,
}


def wrong_label(target: str, classes: Collection[str], label: Any) -> str:
    """What is wrong with a label that `Task.label` made, as the end of a sentence, or nothing. classes: those that the task fixes.

    >>> wrong_label("multiclass", ("calm", "tense"), "angry"), wrong_label("multilabel", (), "calm")
    ('which is not one of its classes (calm, tense)', 'and a multilabel label is a tuple of class names')
    """
    if target == "regression":
        try:
            numbers = [float(x) for x in (label if isinstance(label, Iterable) and not isinstance(label, (str, bytes)) else [label])]
        except (TypeError, ValueError):
            numbers = []
        if isinstance(label, (str, bytes)) or not numbers:
            return "and a regression label is a number or several"
        return "" if all(map(math.isfinite, numbers)) else "and a regression label is finite"
    if target == "multilabel" and (isinstance(label, (str, bytes)) or not isinstance(label, Iterable) or isinstance(label, Iterator)):
        return "and a multilabel label is a tuple of class names"
    names = [label] if target == "multiclass" else list(label)
    if not all(isinstance(name, str) for name in names):
        return "and a class name is text"
    if classes and (strange := [name for name in names if name not in classes]):
        first = ", ".join(itertools.islice(classes, 5)) + (", ..." if len(classes) > 5 else "")
        return (
            f"which is not one of its classes ({first})"
            if target == "multiclass"
            else f"and {strange[0]!r} is none of its classes ({first})"
        )
    return ""


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def kebab(name: str) -> str:
    """A name as mirbench would write it.

    >>> kebab("MyBig Task_2")
    'my-big-task-2'
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def hook_result(result: Any, hook: str, label: str) -> list[Any]:
    """What a hook returned, as a list."""
    if isinstance(result, (str, bytes, Mapping)) or not isinstance(result, Iterable):
        raise MirbenchError(f"{label}: {hook} returned {_named(result)}, not a list; return a list of instances, such as [Mine()].")
    return list(result)


def broken_hook(manager: pluggy.PluginManager, module: Any, label: str) -> str:
    """What is wrong with a plugin's hooks, as a sentence: a name that no hook carries, or arguments that no hook has."""
    for name in dir(module):
        options = manager.parse_hookimpl_opts(module, name)
        if options is None:
            continue
        hook = options.get("specname") or name
        if hook not in HOOKS.values():
            hint, known = did_you_mean(hook, HOOKS.values()), ", ".join(HOOKS.values())
            return f"{label} has a hook '{hook}' that mirbench does not know{';' + hint if hint else '.'} Known: {known}."
        wanted = [argument for argument in inspect.signature(getattr(module, name)).parameters if argument != "self"]
        if wanted:
            return f"{label}: its hook {hook} asks for '{', '.join(wanted)}', but mirbench calls it with nothing; write def {hook}():."
    return ""


def no_hook(module: Any, label: str) -> str:
    """The sentence for a plugin that was named and has no hook."""
    for name, thing in vars(module).items():
        if inspect.isfunction(thing) and name in HOOKS.values():
            return f"{label} registers nothing: put @mirbench.hookimpl above its function {name}."
    hooks = ", ".join(HOOKS.values())
    return f"{label} registers nothing; give it a function marked @mirbench.hookimpl and named one of {hooks}."


def reason_of(error: BaseException, file: str | None = None) -> str:
    """`file:line: Exception: message`, at the deepest line outside the import machinery (of `file`, where it is on the way)."""
    text = " ".join(str(error).split())
    machinery = ("importlib", "/pluggy/", "/mirbench/registry/")
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if not any(part in frame.filename.replace("\\", "/") for part in machinery)]
    if isinstance(error, SyntaxError):
        where, text = f"{error.filename}:{error.lineno}: ", error.msg
    elif frames:
        own = [frame for frame in frames if frame.filename == (file or frames[0].filename)] or frames
        where = f"{own[-1].filename}:{own[-1].lineno}: "
    else:
        where = ""
    return f"{where}{type(error).__name__}" + (f": {text.removesuffix('.')}" if text else "")


def file_of(module: Any) -> str:
    """Where a module, a class or an instance was written, or nothing."""
    target = module if inspect.ismodule(module) or inspect.isclass(module) or inspect.isfunction(module) else type(module)
    try:
        return inspect.getsourcefile(target) or ""
    except TypeError:
        return ""


def _named(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"{beginning(thing)}"
