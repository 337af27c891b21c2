"""What stands beside weights that are given away: config.json for programs, and a card for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mirbench import __version__
from mirbench.errors import MirbenchError
from mirbench.experiment.library.choosing import Chosen
from mirbench.experiment.resolve.checkpoints import read_pretraining_clips
from mirbench.reporting.sections import of_clean_audio
from mirbench.reporting.tables.table import escape
from mirbench.results.merging import load


def config_of(chosen: Chosen, dim: int, parameters: int) -> dict[str, Any]:
    """What the model is, for config.json."""
    entry, given = chosen.entry, chosen.entry.input
    about = {"model_type": "mirbench", "mirbench_version": __version__, "encoder": entry.encoder.name, "seed": chosen.seed}
    audio = {"sample_rate": given.sample_rate, "window_seconds": given.window_seconds}
    return {**about, **audio, "dim": dim, "parameters": parameters, "options": dict(entry.options)}


def card(chosen: Chosen, config: Mapping[str, Any], report: Mapping[str, Any], folder: str, run: Path | None = None) -> str:
    """README.md of a folder of that name. config: of `config_of`. report: what pretraining reported. run: of which scores are given. Raises
    MirbenchError where that is no run, or did not score this checkpoint."""
    encoder, backbone = chosen.entry.encoder, config["options"].get("backbone", "")
    title = f"{encoder.name}{f', {backbone}' if backbone else ''}"
    tags = ["audio", "music", "feature-extraction", encoder.name, *([backbone] if backbone else [])]
    about = f"{encoder.description[:1].upper()}{encoder.description[1:]}. A frozen encoder of music audio, made by mirbench {__version__}."
    lines = ["---", "library_name: mirbench", f"tags: [{', '.join(tags)}]", "---", "", f"# {title}", "", about]
    lines += [
        "",
        f"Mono audio at {config['sample_rate']} Hz, (batch, samples) float32 in about [-1, 1], becomes (batch, {config['dim']}); a clip is "
        f"cut into windows of {config['window_seconds']:g} s, whose embeddings are averaged. {config['parameters']:,} parameters.",
        "",
        "## Use",
        "",
        "```python",
        "import mirbench  # pip install mirbench-audio",
        "",
        f'encoder = mirbench.load("{folder}")',
        'encoder("song.mp3")  # a vector',
        "```",
        "",
        "## How it was trained",
        "",
        *_training(chosen, report),
        "",
        "## On what",
        "",
        *_data(chosen, report),
        "",
        "## Licence",
        "",
        "The licence of these weights is for those who publish them to state. Of the audio that they were trained on it is:",
        "",
        *_licences(chosen),
        "",
        "## Scores",
        "",
        *(_scores(chosen, report, run) if run is not None else ["None are given."]),
    ]
    return "\n".join(lines) + "\n"


def _training(chosen: Chosen, report: Mapping[str, Any]) -> Iterator[str]:
    counts = {"views_seen": "views", "steps": "steps", "seconds": "seconds"}
    told = [f"{report[key]:,} {word}" for key, word in counts.items() if key in report]
    precision = f", in {report['precision']}" if "precision" in report else ""
    yield f"{', '.join(told) or 'Its checkpoint does not say how long'}{precision}, seed {chosen.seed}. Its options:"
    yield from ("", "| option | value |", "|---|---|")
    for name, value in chosen.entry.options.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        yield f"| {escape(name)} | {escape(text)} |"


def _data(chosen: Chosen, report: Mapping[str, Any]) -> Iterator[str]:
    assert chosen.folder is not None
    pretrained_on = read_pretraining_clips(chosen.folder)
    for name, about in pretrained_on.items():
        noun = chosen.registry.datasets.get(name)
        told = [
            f"{len(about['clips']):,} clips",
            *([escape(noun.description)] if noun else []),
            *([noun.home] if noun and noun.home else []),
        ]
        yield f"- {escape(name)}: {', '.join(told)}"
    if not pretrained_on:
        yield "Its checkpoint does not say."
    if "labelled_clips" in report:
        yield from ("", f"The labels of {report['labelled_clips'] or 'no'} clips were used.")


def _licences(chosen: Chosen) -> Iterator[str]:
    assert chosen.folder is not None
    for name in read_pretraining_clips(chosen.folder) or ["not known"]:
        noun = chosen.registry.datasets.get(name)
        yield f"- {escape(name)}: {escape(noun.licence) if noun and noun.licence else 'not stated'}"


def _scores(chosen: Chosen, report: Mapping[str, Any], run: Path) -> list[str]:
    results = load(run)
    if not any(_is_of(about, chosen, report) for about in results.manifest.get("encoders", {}).values()):
        raise MirbenchError(
            f"the run {run} did not score this checkpoint; give one that did, as by mirbench run --checkpoint {chosen.folder}."
        )
    section = of_clean_audio(results)
    return [section.tables[""].markdown(), "", *(f"- {escape(note)}" for note in section.below)]


def _is_of(about: Mapping[str, Any], chosen: Chosen, report: Mapping[str, Any]) -> bool:
    """Whether what a manifest says of an encoder is of this training: the seconds and losses of two are not the same."""
    told = about.get("checkpoints", {}).get(str(chosen.seed), {})
    same = bool(report) and all(told.get(key) == value for key, value in report.items() if key != "labelled_clip_ids")
    options = about.get("options", {})
    return (
        same and about.get("encoder") == chosen.entry.encoder.name and options.get("checkpoint") == chosen.entry.options.get("checkpoint")
    )
