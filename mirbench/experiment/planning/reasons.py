"""Why something is done again: what differs between a job's key and that of the last one of its name in the store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mirbench.engine.jobs import Job
from mirbench.engine.store import Entry, Store
from mirbench.experiment.planning.graph import RunGraph

WORDS = {
    "data": "the data have changed",
    "identity": "the identity has changed",
    "source": "its source has changed",
    "code": "its code has changed",
    "decoders": "its files are decoded by another package, or another version of one",
    "files": "the files of the checkpoint have changed",
}
DIGEST = re.compile(r"[0-9a-f]{40,}")
SETTINGS = {"batch": "batch_size", "resamples": "bootstrap.resamples"}  # parts that are settings of another name
SECTIONS = ("probe",)  # parts that are sections of the settings
MADE_OF_OTHERS = "what it is made of has changed"


class Reasons:
    """Of the jobs of a run. A part that is the key of another job has that job's reason."""

    def __init__(self, run: RunGraph) -> None:
        self.store: Store = run.resolved.store
        self.last: dict[str, dict[str, Entry]] = {}
        self.reasons: dict[str, str] = {}
        self.by_key = {job.key: job for job in run.graph.jobs}

    def of(self, missing: Iterable[Job]) -> dict[str, str]:
        """By key; empty where nothing of its name was made before, or what was made is no longer there."""
        return {job.key: self._reason(job) for job in missing}

    def _reason(self, job: Job) -> str:
        if job.key not in self.reasons:
            self.reasons[job.key] = ""  # should two name each other
            last = self._last(job.kind).get(job.title)
            self.reasons[job.key] = self._difference(job.parts, last.parts) if last and last.parts else ""
        return self.reasons[job.key]

    def _last(self, kind: str) -> Mapping[str, Entry]:
        if kind not in self.last:
            entries = sorted(self.store.entries(kind), key=lambda entry: entry.made)
            self.last[kind] = {entry.title: entry for entry in entries if entry.title}
        return self.last[kind]

    def _difference(self, new: Mapping[str, Any], old: Mapping[str, Any], where: str = "") -> str:
        """The first that is found; versions and options before what follows from them."""
        names = [name for name in dict.fromkeys([*new, *old]) if new.get(name) != old.get(name)]
        for name in sorted(names, key=lambda name: (not isinstance(new.get(name), Mapping), name in ("data", "code", "source"))):
            after, before = new.get(name), old.get(name)
            if isinstance(after, Mapping) and isinstance(before, Mapping) and (deeper := self._difference(after, before, name)):
                return deeper
            if isinstance(after, Mapping) and isinstance(before, Mapping):
                continue
            keys = [key for key in (after if isinstance(after, list) else [after]) if isinstance(key, str) and key in self.by_key]
            if deeper := next((reason for key in keys if (reason := self._reason(self.by_key[key]))), ""):
                return deeper
            if name in WORDS:
                return WORDS[name] if not where else f"{WORDS[name]} ({where})"
            if not keys:
                setting = f"{where}.{name}" if where in SECTIONS else SETTINGS.get(name, name)
                return _change(setting, before, after)
        return MADE_OF_OTHERS if names and not where else ""


def _change(setting: str, before: Any, after: Any) -> str:
    """In words, without what only a program reads: parts that have parts, and digests.

    >>> _change("genre", {"code": "009b91c1a7"}, None), _change("dropout", 0.1, 0.2), _change("weights", "ab" * 32, "cd" * 32)
    ('genre is no longer there', 'dropout 0.1 -> 0.2', 'weights has changed')
    """
    if _is_shown(before) and _is_shown(after):
        return f"{setting} {_shown(before)} -> {_shown(after)}"
    return f"{setting} is {'new' if before is None else 'no longer there'}" if None in (before, after) else f"{setting} has changed"


def _is_shown(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_shown, value))
    return not isinstance(value, Mapping) and DIGEST.fullmatch(str(value)) is None


def _shown(value: Any) -> str:
    text = "nothing" if value is None else ", ".join(map(str, value)) or "nothing" if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
