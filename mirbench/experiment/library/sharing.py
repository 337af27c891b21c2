"""`mirbench share`: scores of a finished run for other people's collections, and for the card of a model.

every-eval-ever: a JSON file for each encoder, as version 0.3.0 of the schema of the EvalEval Coalition has it
(https://github.com/evaleval/every_eval_ever, every_eval_ever/schemas/eval.schema.json), in the folders of its datastore.
eval-results: a YAML file for the folder .eval_results of a model on the hub (https://huggingface.co/docs/hub/eval-results).
model-card: a section of Markdown.
"""

from __future__ import annotations

import json
import math
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mirbench.engine.files import write_atomically
from mirbench.errors import MirbenchError, in_words, unknown_name
from mirbench.records import ALL, CLEAN, MAJORITY, SIMILARITY
from mirbench.results.merging import Results, load
from mirbench.results.run_folder import overlap_in_words

if TYPE_CHECKING:
    import pandas as pd

FORMS = ("every-eval-ever", "eval-results", "model-card")
SCHEMA = "0.3.0"
METHOD = "bootstrap over groups of clips, and the spread of trainings; Student's t on the scale of log odds"
HOME = "mirbench"


def share(
    run: Path, form: str, output: Path, encoder: str | None = None, organization: str | None = None, hub: Sequence[str] = ()
) -> list[Path]:
    """Writes the scores of a run; returns the files.

    form: one of FORMS. output: a new folder of every-eval-ever, else a file. encoder: which; None: all of every-eval-ever, the only one
    of the others. organization: of every-eval-ever, who stands for the encoders. hub: NAME=OWNER/NAME, of data sets of the run that are on
    the hub, which eval-results needs. Raises MirbenchError for what is wrong with any of these, and for a folder that is no run.
    """
    if form not in FORMS:
        raise unknown_name("format", form, FORMS)
    if organization is not None and form != FORMS[0]:
        raise MirbenchError(f"--organization is told in {FORMS[0]}, not in {form}; leave it out.")
    if hub and form == FORMS[2]:
        raise MirbenchError(f"--hub-dataset is told in {FORMS[0]} and {FORMS[1]}, not in {form}; leave it out.")
    results = load(run)
    on_hub = _on_hub(results, hub)
    known = [str(n) for n, role in results.summary.drop_duplicates("encoder")[["encoder", "role"]].itertuples(index=False) if n != MAJORITY]
    if encoder is not None and encoder not in known:
        raise unknown_name("encoder of this run", encoder, known)
    encoders = [encoder] if encoder is not None else _encoders(results) or known
    if form != FORMS[0] and len(encoders) > 1:
        raise MirbenchError(f"{form} is of one model, and the run has {', '.join(encoders)}; say which by --encoder.")
    if form == FORMS[0]:
        return _every_eval_ever(results, encoders, output, organization or "unknown", on_hub)
    if output.is_dir():
        raise MirbenchError(
            f"{output} is a folder; give the file to write, such as {output}/{'mini.yaml' if form == FORMS[1] else 'card.md'}."
        )
    text = _hub_yaml(results, encoders[0], on_hub) if form == FORMS[1] else card_section(results, encoders[0])
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, text)
    return [output]


def _encoders(results: Results) -> list[str]:
    rows = results.summary.drop_duplicates("encoder")
    return [str(name) for name in rows.loc[rows["role"] == "encoder", "encoder"]]


def _on_hub(results: Results, hub: Sequence[str]) -> dict[str, str]:
    found = {}
    names = list(results.manifest.get("datasets") or {})
    for given in hub:
        name, _, address = given.partition("=")
        if len(address.split("/")) != 2 or not all(address.split("/")):
            raise MirbenchError(
                f"--hub-dataset takes NAME=OWNER/NAME, such as {names[0] if names else 'mini'}=owner/name, not {in_words(given)}."
            )
        if name not in names:
            raise unknown_name("data set of this run", name, names)
        found[name] = address
    return found


def _rows(results: Results, encoder: str) -> pd.DataFrame:
    """The scores of an encoder under every condition, without means over tasks and what is measured without a probe."""
    rows = results.summary[results.summary["encoder"] == encoder]
    rows = rows[~rows["task"].isin([ALL, SIMILARITY]) & rows["value"].notna()]
    return rows.sort_values(["task", "dataset", "metric_place", "corruption", "severity"])


def _every_eval_ever(results: Results, encoders: Sequence[str], output: Path, organization: str, hub: Mapping[str, str]) -> list[Path]:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise MirbenchError(f"{output} is there already; give a new folder.")
    files = []
    for encoder in encoders:
        path = output / "data" / HOME / quote(organization, safe="") / quote(encoder, safe="")
        path.mkdir(parents=True, exist_ok=True)
        files.append(path / f"{uuid.uuid4()}.json")
        told = record(results, encoder, organization, hub, time.time())
        write_atomically(files[-1], json.dumps(told, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return files


def record(results: Results, encoder: str, organization: str, hub: Mapping[str, str], now: float) -> dict[str, Any]:
    """What every-eval-ever has of an encoder. now: seconds since 1970."""
    manifest = results.manifest
    about, versions = (manifest.get("encoders") or {}).get(encoder) or {}, manifest.get("versions") or {}
    model = f"{organization}/{encoder}"
    options = {f"option {name}": _text(value) for name, value in (about.get("options") or {}).items()}
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"{HOME}/{model}/{now:.3f}",
        "retrieved_timestamp": f"{now:.3f}",
        "source_metadata": {
            "source_name": HOME,
            "source_type": "evaluation_run",
            "source_organization_name": organization,
            "evaluator_relationship": "first_party" if about.get("checkpoints") else "other",
        },
        "eval_library": {
            "name": HOME,
            "version": str(versions.get("mirbench", "unknown")),
            "additional_details": {"commit": _text(manifest.get("git_commit")), "key": _text(manifest.get("key"))},
        },
        "model_info": {
            "name": encoder,
            "id": model,
            "developer": organization,
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "unknown",
                "description": _text(about.get("description")),
                "seeds": _text(about.get("seeds")),
                **options,
            },
        },
        "evaluation_results": list(_results(results, encoder, hub)),
    }


def _results(results: Results, encoder: str, hub: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    from mirbench.evaluation.probing.metric_table import METRICS

    manifest = results.manifest
    config = manifest.get("config") or {}
    probe = {"probe": _text((config.get("probe") or {}).get("kind"))}
    resamples = (config.get("bootstrap") or {}).get("resamples")
    for row in _rows(results, encoder).to_dict("records"):
        task, metric = (manifest.get("tasks") or {}).get(row["task"]) or {}, METRICS.get(str(row["metric"]))
        condition = CLEAN if row["corruption"] == CLEAN else f"{row['corruption']}, severity {row['severity']}"
        level = {} if math.isnan(row["level"]) else {"level": f"{row['level']:g} {row['unit']}".strip()}
        sure = not math.isnan(row["ci_low"] + row["ci_high"])
        interval = {"lower": row["ci_low"], "upper": row["ci_high"], "confidence_level": 0.95, "method": METHOD}
        yield {
            "evaluation_result_id": f"{row['dataset']}/{row['task']}/{row['metric']}/{condition}",
            "evaluation_name": f"{row['task']} on {row['dataset']}{'' if condition == CLEAN else f', {condition}'}",
            "source_data": _source(manifest, str(row["dataset"]), hub),
            "metric_config": {
                "evaluation_description": f"{task.get('description') or row['task']}, by a probe on frozen embeddings",
                "metric_id": str(row["metric"]),
                "metric_name": str(row["label"]),
                "metric_kind": str(row["metric"]),
                "lower_is_better": False,
                "score_type": "continuous",
                "min_score": None if metric is None else "-Infinity" if "regression" in metric.targets else 0,
                "max_score": None if metric is None or not math.isfinite(metric.best) else metric.best,
                "additional_details": {**probe, "condition": condition, **level},
            },
            "score_details": {
                "score": float(row["value"]),
                "details": {"seeds": str(row["n_seeds"]), "groups": str(row["n_groups"]), "by_seed": str(row["by_seed"])},
                "uncertainty": {
                    **({"confidence_interval": interval} if sure else {}),
                    "num_samples": int(row["n_test"]),
                    **({"num_bootstrap_samples": int(resamples)} if sure and resamples else {}),
                },
            },
        }


def _source(manifest: Mapping[str, Any], dataset: str, hub: Mapping[str, str]) -> dict[str, Any]:
    about = (manifest.get("datasets") or {}).get(dataset) or {}
    details = {"additional_details": {name: _text(about.get(name)) for name in ("version", "licence", "split_rule") if about.get(name)}}
    if dataset in hub:
        return {"dataset_name": dataset, "source_type": "hf_dataset", "hf_repo": hub[dataset], "hf_split": "test", **details}
    return {"dataset_name": dataset, "source_type": "other", **details}


def _hub_yaml(results: Results, encoder: str, hub: Mapping[str, str]) -> str:
    """The headline metric of each task on clean audio, of those data sets that are on the hub."""
    import yaml

    rows = _rows(results, encoder)
    rows = rows[rows["headline"] & (rows["corruption"] == CLEAN)]
    datasets = list(dict.fromkeys(map(str, rows["dataset"])))
    if not hub:
        raise MirbenchError(
            f"a score on the hub is of a data set there; say which {datasets[0]} is by --hub-dataset {datasets[0]}=OWNER/NAME."
        )
    probe = _text(((results.manifest.get("config") or {}).get("probe") or {}).get("kind"))
    version = (results.manifest.get("versions") or {}).get("mirbench", "of unknown version")
    entries = []
    for row in rows.to_dict("records"):
        if row["dataset"] in hub:
            made = f"{row['n_test']} test clips, {probe} probe, {row['n_seeds']} seed{'s'[: row['n_seeds'] != 1]}, mirbench {version}"
            notes = f"{row['label']}{_bracketed(row['ci_low'], row['ci_high'])}, {made}"
            about = {"id": hub[row["dataset"]], "task_id": str(row["task"])}
            entries.append({"dataset": about, "value": float(row["value"]), "notes": notes})
    return str(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=1000))


def card_section(results: Results, encoder: str) -> str:
    """Scores of an encoder for the card of a model, beside the floors."""
    from mirbench.reporting.tables.robustness import by_measure
    from mirbench.reporting.tables.scores import scores
    from mirbench.reporting.tables.table import escape
    from mirbench.reporting.words import caveats, interval_of, of_clean_audio, panels, size

    shown = results.summary[(results.summary["encoder"] == encoder) | (results.summary["role"] == "floor")]
    rows = of_clean_audio(shown)
    kept = results.robustness[results.robustness["encoder"] == encoder]
    manifest = results.manifest
    probe = _text(((manifest.get("config") or {}).get("probe") or {}).get("kind"))
    sizes = dict.fromkeys(f"{panel.title}: {size(panel.of(rows))}" for panel in panels(rows))
    notes = [
        f"Scores of a {probe} probe on frozen embeddings, test split, clean audio, mean over seeds; in brackets the {interval_of(rows)}.",
        *sizes,
        *caveats(rows),
        *overlap_in_words({"overlap": {n: of for n, of in (manifest.get("overlap") or {}).items() if n == encoder}}),
        f"Made with mirbench {(manifest.get('versions') or {}).get('mirbench', 'of unknown version')} (pip install mirbench-audio), run "
        f"{manifest.get('key', 'unknown')}.",
    ]
    parts = ["## Scores", scores(shown).markdown()]
    if len(kept) and "retained" in (tables := by_measure(kept)):
        parts += ["### Retained under corruption", tables["retained"].markdown()]
    return "\n\n".join([*parts, "\n".join(f"- {escape(note)}" for note in notes)]) + "\n"


def _bracketed(low: float, high: float) -> str:
    return "" if math.isnan(low + high) else f" [{low:.3f}, {high:.3f}]"


def _text(value: Any) -> str:
    """A fact as text, which is all that additional details may be; of a path on this machine the name alone."""
    if value is None:
        return "unknown"
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    if isinstance(value, str):
        return os.path.basename(value) if os.path.isabs(value) else value
    return json.dumps(value, default=str, ensure_ascii=False)
