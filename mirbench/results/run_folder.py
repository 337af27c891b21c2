"""The run folder: write and read. results/README.md explains every file and column; reporting reads through here."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from mirbench.engine.files import digest_of, explain_os_errors, is_sealed, locked, sealed, write_atomically
from mirbench.errors import MirbenchError, describe, printable
from mirbench.records import Predictions
from mirbench.results.cells import file_name
from mirbench.results.csvfile import damaged, read_table
from mirbench.results.predictions import read_predictions, write_predictions
from mirbench.results.schema import ALL_TABLES

if TYPE_CHECKING:
    import pandas as pd

RESAMPLES = "resamples.npz"
MOST_SKIPPED = 5  # clips named in the printed summary


class RunFolder:
    """What one `mirbench run` leaves behind. Every reader raises MirbenchError for a file that is missing or damaged.

    >>> import tempfile
    >>> run = RunFolder.create(Path(tempfile.mkdtemp()) / "first")
    >>> row = {"encoder": "semisupcon", "task": "genre", "dataset": "mini", "metric": "accuracy", "value": 0.618}
    >>> run.write("summary", ALL_TABLES["summary"].frame([{**row, "ci_low": 0.58, "ci_high": 0.65, "n_seeds": 3, "n_test": 48}]))
    >>> run.read("summary").loc[0, "value"]
    np.float64(0.618)
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: Path | str) -> RunFolder:
        """The folder, made if it is not there."""
        run = cls(path)
        with explain_os_errors("making the run folder", run.path):
            run.path.mkdir(parents=True, exist_ok=True)
        return run

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """While the block runs, nobody else writes into the folder in such a block."""
        path = self.path.resolve()
        with locked(path.with_name(file_name([f".{path.name}"], "", ".lock")), "writing a run"):
            yield

    def is_whole(self, key: str) -> bool:
        """Whether the folder holds a finished run of this key, each of whose files is as it was written."""
        names = ("manifest.json", *(schema.file for schema in ALL_TABLES.values() if not schema.optional))
        if not all((self.path / name).is_file() for name in names):
            return False
        try:
            manifest = self.read_manifest()
        except MirbenchError:
            return False
        return manifest.get("key") == key and not self.changed(manifest)

    def changed(self, manifest: Mapping[str, Any]) -> list[str]:
        """The files that are not as the run wrote them, or are gone; none where the manifest does not say."""
        files = manifest.get("files", {})
        return [name for name, digest in files.items() if not _is(self.path / name, digest)]

    def changed_files(self) -> list[str]:
        """As `changed`, of a folder that may hold no run; the manifest where that is damaged itself."""
        if not (self.path / "manifest.json").is_file():
            return []
        try:
            return self.changed(self.read_manifest())
        except MirbenchError:
            return ["manifest.json"]

    def _compare(self, path: Path) -> None:
        """Raises MirbenchError where a file is not as the run wrote it."""
        written = self._as_written(path)
        if written is not None and path.exists() and not _is(path, written):
            raise _not_as_written(path)

    def _as_written(self, path: Path) -> Sequence[Any] | None:
        """The digest of a file as the manifest has it; None where it does not say."""
        files = self.read_manifest().get("files", {}) if (self.path / "manifest.json").exists() else {}
        return files.get(path.relative_to(self.path).as_posix()) if isinstance(files, dict) else None

    def digests(self) -> dict[str, list[Any]]:
        """Of each table, file of predictions and sound: bytes, and a hexadecimal BLAKE2b."""
        tables = (self.path / schema.file for schema in ALL_TABLES.values())
        files = [
            *tables,
            self.path / RESAMPLES,
            *sorted((self.path / "predictions").glob("*.csv")),
            *sorted((self.path / "sounds").glob("*.mp3")),
        ]
        return {path.relative_to(self.path).as_posix(): list(digest_of(path)) for path in files if path.is_file()}

    def clear(self) -> None:
        """Takes away what an earlier run left; the manifest first, so that a kill leaves no whole-looking mixture."""
        (self.path / "manifest.json").unlink(missing_ok=True)
        for name in ("predictions", "sounds", "tables", "figures"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in ("report.html", RESAMPLES, *(schema.file for schema in ALL_TABLES.values() if schema.optional)):
            (self.path / name).unlink(missing_ok=True)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Any mix of dicts, sequences, paths and numpy numbers; a number that is not finite is written as null."""
        from pydantic_core import to_json

        def plain(value: Any) -> Any:
            return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)

        text = to_json(manifest, indent=2, inf_nan_mode="null", fallback=plain).decode()
        write_atomically(self.path / "manifest.json", sealed(text) + "\n")

    def read_manifest(self) -> dict[str, Any]:
        path = self.path / "manifest.json"
        text = self._text(path)
        try:
            manifest = json.loads(text)
        except json.JSONDecodeError as error:
            raise damaged(path, error.lineno, f"is not valid JSON ({error.msg})") from error
        if not isinstance(manifest, dict):
            raise damaged(path, 1, "holds no JSON object")
        if not is_sealed(text):
            raise _not_as_written(path)
        manifest.pop("seal", None)
        return manifest

    def write(self, table: str, frame: pd.DataFrame) -> None:
        """table: a name of schema.ALL_TABLES. Of some tables, no rows are no file. Raises ValueError for a frame that is no such table."""
        schema = ALL_TABLES[table]
        if schema.optional and not len(frame):
            (self.path / schema.file).unlink(missing_ok=True)
        else:
            write_atomically(self.path / schema.file, schema.text(frame))

    def read(self, table: str) -> pd.DataFrame:
        """table: a name of schema.ALL_TABLES. Without rows where there is no file and need not be one; raises MirbenchError where the run
        wrote one."""
        schema = ALL_TABLES[table]
        path = self.path / schema.file
        self._compare(path)
        if schema.optional and not path.exists() and self._as_written(path) is None:
            return schema.frame([])
        return read_table(path, self._text(path), schema)

    def write_resamples(self, resampled: np.ndarray) -> None:
        """resampled: (lines of scores.csv, resamples), what each is in each resample of the groups."""
        file = io.BytesIO()
        np.savez_compressed(file, resampled=np.asarray(resampled, np.float32))
        write_atomically(self.path / RESAMPLES, file.getvalue())

    def read_resamples(self) -> np.ndarray:
        """(lines of scores.csv, resamples) float32, line by line what that score is in each resample of the groups.

        The draws depend on the set of groups alone (`bootstrap_weights(groups, resamples)`), so what is of the same groups can be
        subtracted resample by resample, of other runs too.
        """
        path = self.path / RESAMPLES
        self._compare(path)
        try:
            with np.load(path) as found:
                resampled: np.ndarray = found["resampled"]
        except FileNotFoundError as error:
            raise MirbenchError(f"the run {self.path} has no {RESAMPLES}, as one of an earlier version; run it again.") from error
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise MirbenchError(f"{path} cannot be read ({describe(error)}); run it again.") from error
        return resampled

    def predictions_path(self, encoder: str, dataset: str, task: str, seed: int) -> Path:
        """Characters of a name that are unfit for a file name, and its dots, are percent-quoted; the end of a very long name is a hash."""
        parts = [quote(name, safe="").replace(".", "%2E") for name in (dataset, task, encoder)]
        return self.path / "predictions" / file_name(parts, ".", f".seed{seed}.csv")

    def has_predictions(self, encoder: str, dataset: str, task: str, seed: int) -> bool:
        """Whether they were kept: of a folder without any nobody expects them, and one file that is gone from among the others is damage,
        of which reading it tells."""
        path = self.predictions_path(encoder, dataset, task, seed)
        return path.is_file() or (path.parent.is_dir() and self._as_written(path) is not None)

    def write_predictions(self, encoder: str, dataset: str, task: str, seed: int, predictions: Predictions) -> None:
        write_predictions(self.predictions_path(encoder, dataset, task, seed), predictions)

    def read_predictions(self, encoder: str, dataset: str, task: str, seed: int) -> Predictions:
        path = self.predictions_path(encoder, dataset, task, seed)
        self._compare(path)
        return read_predictions(path, self._text(path))

    def _text(self, path: Path) -> str:
        if not (self.path / "manifest.json").exists() and not path.exists():
            what = "no manifest.json" if self.path.is_dir() else "no such folder"
            raise MirbenchError(f"{self.path} is not a run folder ({what}); give a folder that `mirbench run` wrote.")
        try:
            return path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError as error:
            raise MirbenchError(f"the run {self.path} has no {path.relative_to(self.path)}; run it again to complete it.") from error
        except UnicodeDecodeError as error:
            raise damaged(path, error.object[: error.start].count(b"\n") + 1, "is not UTF-8 text") from error
        except OSError as error:
            raise MirbenchError(f"cannot read {path} ({error.strerror}); check the file and its permissions.") from error


def _is(path: Path, digest: Sequence[Any]) -> bool:
    try:
        return list(digest_of(path)) == list(digest)
    except OSError:
        return False


def _not_as_written(path: Path) -> MirbenchError:
    return MirbenchError(
        f"{path} is not as the run wrote it; give the command of the run again, which writes it anew, or, if you changed it yourself, take "
        "`files` and `seal` out of manifest.json."
    )


def troubles(manifest: Mapping[str, Any]) -> Iterator[str]:
    """What a reader of the scores should know first, a line each: clips that were skipped, tasks that were left out."""
    for name, about in manifest.get("datasets", {}).items():
        yield from skipped_in_words(f"of {name}", about.get("skipped", {}))
    for name, about in manifest.get("encoders", {}).items():
        for told in list(about.get("checkpoints", {}).values())[:1]:
            yield from skipped_in_words(f"that {name} is pretrained on", told.get("skipped", {}))
    for name, told in manifest.get("left_out_of_pretraining", {}).items():
        yield f"{told['clips']} clip{'s'[: told['clips'] != 1]} of {name} left out of pretraining: the same audio is validated or tested on"
    for each in manifest.get("left_out", []):
        yield f"{each['task']} is not run on {each['dataset']}: {each['why']}"


def overlap_in_words(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Sentences for each encoder that was pretrained on audio that it is tested on, or trained on it by its authors."""
    for name, about in manifest.get("overlap", {}).items():
        clips = [f"{n} {split} clip{'s'[: n != 1]} of {d}" for d, counts in about["clips"].items() for split, n in counts.items()]
        if clips:
            yield f"{name}: it was pretrained on the audio of {' and '.join(clips)}, so its scores there say less."
        if about.get("trained_on"):
            names = " and ".join(about["trained_on"])
            yield f"{name}: its authors trained it on {names}, in whole or in part, so its scores there say less."


def skipped_in_words(whose: str, skipped: Mapping[str, str], rest: str = "manifest.json") -> Iterator[str]:
    """A line on clips that were skipped, and one for each of the first few. whose: clips; rest: the file that has them all."""
    if skipped:
        yield f"{len(skipped)} clip{'s'[: len(skipped) != 1]} {whose} {'were' if len(skipped) != 1 else 'was'} skipped:"
        yield from (f"  {printable(clip)}: {printable(why)}" for clip, why in list(skipped.items())[:MOST_SKIPPED])
        if len(skipped) > MOST_SKIPPED:
            yield f"  and {len(skipped) - MOST_SKIPPED} more, in {rest}"
