"""Data sets of the optional package mirdata (1.x), as its loaders read them: `mirdata:NAME`."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mirbench.data.splits import keep_apart, settle_splits, split_named
from mirbench.errors import MirbenchError, describe, unknown_name
from mirbench.notation import key_name, parse_key, parse_pitch
from mirbench.nouns import Dataset
from mirbench.records import Clip
from mirbench.seeded import seeded

PREFIX = "mirdata:"


def _one(value: Any) -> str | None:
    """A text, or the only one of a list."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    return value.strip() or None if isinstance(value, str) else None


def _genre(value: Any) -> str | None:
    """A text, or the only one of the list `genres` of a mapping."""
    return _one(value.get("genres") if isinstance(value, Mapping) else value if isinstance(value, str) else None)


def _key(value: Any) -> str | None:
    """The key where there is one throughout: of a text, a list of some, or key data with intervals, `N` where there is none."""
    keys = [value] if isinstance(value, str) else value if isinstance(value, list) else getattr(value, "keys", None)
    if not isinstance(keys, list):
        return None
    try:
        named = {key_name(*parse_key(key)) for key in keys if key != "N"}
    except MirbenchError:
        return None
    return named.pop() if len(named) == 1 else None


def _pitch(value: Any) -> int | None:
    try:
        return parse_pitch(value)
    except MirbenchError:
        return None


def _tags(value: Any) -> tuple[str, ...] | None:
    """A list of words, or those of a mapping to how sure people are of each that at least half are for."""
    if isinstance(value, Mapping):
        return tuple(sorted(name for name, score in value.items() if score >= 0.5))
    if isinstance(value, list | tuple) and all(isinstance(tag, str) for tag in value):
        return tuple(sorted(set(value)))
    return None


# annotation -> how a value is read, and the attributes of a track that may have it; the first that can be read is taken
ATTRIBUTES: Mapping[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "genre": (_genre, ("genre", "genres")),
    "key": (_key, ("key",)),
    "pitch": (_pitch, ("pitch_id", "semitone")),
    "tags": (_tags, ("tags", "instruments")),
    "instrument": (_one, ("instrument", "instrument_full")),
    "singer": (_one, ("singer", "singer_id")),
    "technique": (_one, ("technique_full",)),
}
AUDIO = ("audio_path", "audio_mix_path")
GROUPS = (
    *("artist_id", "artist", "artists", "song_id", "singer", "singer_id", "drummer", "player_id", "canonical_title"),
    "sound_info",  # good_sounds: takes of one sound by several microphones
)


class MirdataDataset(Dataset):
    """A data set of mirdata that lies in the data root, or where mirdata puts it."""

    home = "https://mirdata.readthedocs.io"
    location: Path

    def __init__(self, source: str, name: str, root: Path | None, split_seed: int) -> None:
        """source: mirdata's name of it. Raises MirbenchError where mirdata is not installed or knows no such name."""
        try:
            import mirdata
        except ImportError as error:
            sentence = f"{PREFIX}{source} needs the package mirdata; install it by pip install 'mirbench-audio[mirdata]'."
            raise MirbenchError(sentence) from error
        if source not in mirdata.list_datasets():
            raise unknown_name("data set of mirdata", source, mirdata.list_datasets())
        self.source, self.name, self.split_seed = source, name, split_seed
        self.version = f"mirdata {mirdata.__version__}"
        self.description = f"{source} as mirdata reads it"
        usual = Path.home() / "mir_datasets" / source
        self.location = usual if root is None or (usual.is_dir() and not (root / source).is_dir()) else root / source
        self._kept: tuple[list[Clip], str] | None = None

    def clips(self, folder: Path) -> list[Clip]:
        return list(self._read()[0])

    @property
    def annotations(self) -> tuple[str, ...]:  # type: ignore[override]
        names = {name for clip in self._read()[0] for name in clip.annotations}
        return tuple(sorted(name for name in names if not name.endswith("_unknown")))

    @property
    def split_rule(self) -> str:  # type: ignore[override]
        return self._read()[1]

    def identity(self) -> str:
        return f"{self.name} {self.version} {os.path.abspath(self.location)} {self._read()[1]}"

    def _read(self) -> tuple[list[Clip], str]:
        if self._kept is None:
            if not self.location.is_dir():
                raise MirbenchError(f"mirdata's {self.source} is not in {self.location}; {self._get()}.")
            with _quiet(), seeded(0):
                self._kept = self._split(*self._tracks())
        return self._kept

    def _get(self, part: str = "") -> str:
        where = os.path.abspath(self.location)
        return f'get it by python -c "import mirdata; mirdata.initialize({self.source!r}, data_home={where!r}).download({part})"'

    def _tracks(self) -> tuple[list[Clip], dict[str, str]]:
        """The clips, with split '', and the split that mirdata has for each id, where it has any."""
        try:
            import mirdata

            source = mirdata.initialize(self.source, data_home=os.fspath(self.location))
        except ImportError as error:
            raise MirbenchError(
                f"mirdata's loader of {self.source} needs a package that is not installed; pip install 'mirdata[{self.source}]'."
            ) from error
        try:
            ids = list(source.track_ids)
        except FileNotFoundError as error:
            index = self._get("partial_download=['index']")
            raise MirbenchError(f"mirdata's index of {self.source} is not on this machine; {index}.") from error
        except AttributeError as error:
            raise MirbenchError(f"mirdata's {self.source} has no tracks, only multitracks, which mirbench does not read.") from error
        if not ids:
            raise MirbenchError(f"mirdata's {self.source} has no tracks; {self._get()}.")
        tracks = {str(track_id): source.track(track_id) for track_id in ids}
        clips = [clip for track_id, track in tracks.items() if (clip := self._clip(track_id, track))]
        scores = {clip.id: self._of(tracks[clip.id], "instruments") for clip in clips if "tags" in clip.annotations}
        unknown = _unknown({clip: value for clip, value in scores.items() if isinstance(value, Mapping)})
        clips = [replace(c, annotations={**c.annotations, "tags_unknown": unknown[c.id]}) if c.id in unknown else c for c in clips]
        if not clips:
            raise MirbenchError(f"mirdata's {self.source} has no audio of its tracks; choose another data set.")
        return clips, self._told_splits(source, tracks)

    def _clip(self, track_id: str, track: Any) -> Clip | None:
        path = next(filter(None, (self._of(track, name) for name in AUDIO)), None)
        if path is None:
            return None
        annotations: dict[str, Any] = {}
        for annotation, (read, attributes) in ATTRIBUTES.items():
            for attribute in attributes:
                value = self._of(track, attribute)
                if attribute == "key" and isinstance(value, str) and self.source == "fma_keys":
                    value = f"{value} {self._of(track, 'mode')}"
                found = None if value is None else read(value)
                if found is not None:
                    annotations[annotation] = found
                    break
        return Clip(track_id, Path(path), "", self._group(track_id, track), annotations=annotations)

    def _group(self, track_id: str, track: Any) -> str:
        if self.source == "irmas":  # excerpts 0001__1, 0001__2 ... are of one recording
            return track_id.split("__")[0]
        for attribute in GROUPS:
            value = self._of(track, attribute)
            if isinstance(value, Mapping):
                value = value.get("player") or value.get("id")
            if isinstance(value, list | tuple):
                value = ", ".join(sorted(map(str, value)))
            if isinstance(value, str | int) and str(value).strip():
                return str(value)
        return track_id

    def _of(self, track: Any, attribute: str) -> Any:
        """An attribute of a track, None where it has none."""
        try:
            return getattr(track, attribute, None)
        except FileNotFoundError as error:
            raise MirbenchError(
                f"mirdata's {self.source} is not complete in {self.location} ({describe(error)}); {self._get()}."
            ) from error
        except Exception as error:
            raise MirbenchError(
                f"mirdata cannot read '{attribute}' of {self.source}, track {track.track_id} ({describe(error)}); {self._get()}."
            ) from error

    def _told_splits(self, source: Any, tracks: Mapping[str, Any]) -> dict[str, str]:
        """The split of each id that has one, as its last word says (`split01_train`); nothing where those are folds, or there are none."""
        try:
            given = {str(i): str(split) for split, ids in source.get_track_splits().items() for i in ids}
        except (NotImplementedError, AttributeError):
            given = {i: str(self._of(track, "subset") or "") for i, track in tracks.items()}
        try:
            return {i: split_named(split.rpartition("_")[2]) for i, split in given.items() if split not in ("", "None", "omitted")}
        except MirbenchError:
            return {}

    def _split(self, clips: Sequence[Clip], splits: Mapping[str, str]) -> tuple[list[Clip], str]:
        grouped_by = "track" if all(clip.group == clip.id for clip in clips) else "artist, player or song"
        told_of = [replace(clip, split=splits[clip.id]) for clip in clips if clip.id in splits]
        if not told_of:
            return settle_splits(clips, self.split_seed, missing="no published split", grouped_by=grouped_by)
        apart = keep_apart(told_of)
        without = len(clips) - len(apart)
        rule = "as mirdata says" + (f", without {without:,} clips that are in no split or whose group is in a later one" if without else "")
        return settle_splits(apart, self.split_seed, given=rule, grouped_by=grouped_by)


def _unknown(judged: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """By clip, the labels that somebody judged of other clips and nobody of this one. judged: by clip."""
    classes = {label for labels in judged.values() for label in labels}
    return {clip: tuple(sorted(classes.difference(labels))) for clip, labels in judged.items()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """mirdata sets up the root logger when it is imported; here that is put back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
