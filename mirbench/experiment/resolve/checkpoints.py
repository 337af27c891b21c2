"""Checkpoint folders: which encoder, options and seed one is of, which files it has, and what it was pretrained on."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.engine.files import sha256
from mirbench.engine.store import ENTRY, damage, key_of
from mirbench.errors import MirbenchError
from mirbench.experiment.resolve.records import Data
from mirbench.records import ABOUT, TESTED_SPLITS

REPORT = "report.json"
CLIPS = "pretraining_clips.json"  # {data set: {"key": its key, "clips": [ids]}}; not in checkpoints made elsewhere
FINGERPRINTS = "pretraining.fingerprints"  # of those clips; not in checkpoints made elsewhere, nor of audio that was made here
VALID_FINGERPRINTS = "valid.fingerprints"  # of the valid clips beside them, by which a checkpoint may have been chosen
FORMER_NAMES = {CLIPS: "heard.json", FINGERPRINTS: "heard.prints", VALID_FINGERPRINTS: "valid.prints"}


@dataclass(frozen=True)
class ClipFingerprint:
    """What is kept of a clip. packed: its fingerprint, None of what cannot be decoded; file: of `file_key`."""

    packed: bytes | None
    file: str


def read_metadata(path: Path) -> tuple[str, dict[str, Any], int]:
    """(encoder, options, seed) of a checkpoint folder; raises MirbenchError for what is none, and for one with a link that leaves it."""
    if path.is_file():
        raise MirbenchError(f"checkpoint {path} is a file; give the folder that `mirbench pretrain` printed.")
    if not path.is_dir():
        raise MirbenchError(f"there is no checkpoint folder {path}; give one that `mirbench pretrain` printed.")
    file = path / ABOUT
    if os.path.lexists(file):
        _refuse_links(path)
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        name, options, seed = about["encoder"], about["options"], about["seed"]
    except FileNotFoundError:
        raise MirbenchError(f"{path} is no checkpoint: it has no {ABOUT}; give a folder that `mirbench pretrain` printed.") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        name, options, seed = None, None, None
    if not isinstance(name, str) or not isinstance(options, dict) or not isinstance(seed, int):
        raise MirbenchError(
            f"{file} does not say which encoder, options and seed it is of; give a folder that `mirbench pretrain` printed."
        )
    entry = checkpoint_of(path)
    if (entry / ENTRY).is_file() and (changed := damage(entry)):
        raise MirbenchError(
            f"{entry / changed} is not as it was written; give another checkpoint, or, if you changed it yourself, remove {entry / ENTRY}."
        )
    return name, options, seed


def _refuse_links(path: Path) -> None:
    """A checkpoint from a stranger may name any file of this machine, which would be read, and copied into the cache and the results."""
    folder = checkpoint_of(path)
    root = Path(os.path.realpath(folder))
    for file in (*path.rglob("*"), *folder.iterdir()):
        if file.is_symlink() and not Path(os.path.realpath(file)).is_relative_to(root):
            raise MirbenchError(
                f"checkpoint {path} has a link that leaves its folder, {file.relative_to(folder)} to {os.readlink(file)}; copy what it "
                "should hold (cp -rL), and give the copy."
            )


def checkpoint_of(path: Path) -> Path:
    """The checkpoint that a folder is, or is the `last` or `best` of."""
    path = path.resolve() if path.name in ("", "..") else path
    return path.parent if not _file(path, CLIPS).is_file() and (path.parent / ABOUT).is_file() else path


def files_of(path: Path) -> dict[str, Path]:
    """By their name in it, the files that make up a checkpoint; of a `last` or `best` with what stands beside it."""
    inside = [file for file in sorted(path.rglob("*")) if file.is_file() and file.name != ENTRY]
    beside = {name: _file(checkpoint_of(path), name) for name in (REPORT, CLIPS, FINGERPRINTS, VALID_FINGERPRINTS)}
    return {
        **{file.name: file for file in beside.values() if file.is_file()},
        **{file.relative_to(path).as_posix(): file for file in inside},
    }


def digests_of(path: Path) -> dict[str, str]:
    """Of each file of a checkpoint."""
    return {name: sha256(file) for name, file in files_of(path).items()}


def read_pretraining_clips(path: Path) -> dict[str, dict[str, Any]]:
    """data set -> {"key", "clips"} of what a checkpoint was pretrained on; nothing where it does not say."""
    file = _file(checkpoint_of(path), CLIPS)
    try:
        return {name: {"key": str(of["key"]), "clips": list(of["clips"])} for name, of in json.loads(file.read_text("utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MirbenchError(
            f"{file} does not say which clips the checkpoint was pretrained on; pretrain it again, or remove that file."
        ) from error


def check_pretraining_clips(given: Path, scored: Iterable[Data]) -> None:
    """Raises MirbenchError where a checkpoint was pretrained on clips that a prepared data set now validates or tests on."""
    pretrained_on = read_pretraining_clips(given)
    for data in scored:
        if data.name not in pretrained_on or data.noun.location is not None or not data.prepared:
            continue  # somebody's own may be other data of the same name: their fingerprints are compared
        known = set(pretrained_on[data.name]["clips"])
        if leaked := [clip for clip in data.of(*TESTED_SPLITS) if clip.id in known]:
            raise MirbenchError(
                f"checkpoint {given} was pretrained on {len(leaked)} clip{'s'[: len(leaked) > 1]} of data set '{data.name}' that "
                f"are for validation or test now, the first '{leaked[0].id}' ({leaked[0].split}); pretrain again on the splits as "
                "they are."
            )


def file_key(path: Path) -> str:
    """Of the file that this is, wherever a link to it lies; '' where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return ""
    return key_of(path=os.path.realpath(path), size=found.st_size, time=found.st_mtime_ns)


def write_fingerprints(path: Path, fingerprints: Mapping[str, ClipFingerprint], name: str = FINGERPRINTS) -> None:
    """fingerprints: by clip. name: FINGERPRINTS or VALID_FINGERPRINTS."""
    lines = [json.dumps([clip, base64.b64encode(of.packed or b"").decode(), of.file]) for clip, of in fingerprints.items()]
    (path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_fingerprints(path: Path, name: str = FINGERPRINTS) -> dict[str, ClipFingerprint]:
    """As `write_fingerprints` was given them; nothing where a checkpoint does not say."""
    file = _file(checkpoint_of(path), name)
    if not file.is_file():
        return {}
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        return {clip: ClipFingerprint(base64.b64decode(packed) or None, of) for clip, packed, of in lines}
    except (OSError, ValueError, TypeError) as error:
        raise MirbenchError(
            f"{file} is damaged, so what the checkpoint was pretrained on is not known; pretrain it again, or remove it."
        ) from error


def _file(folder: Path, name: str) -> Path:
    """Under the name that earlier versions gave it, where it has that."""
    former = folder / FORMER_NAMES.get(name, name)
    return former if former.is_file() and not (folder / name).is_file() else folder / name
