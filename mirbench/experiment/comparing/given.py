"""What a comparison is given: run folders, and checkpoints, whose scores are looked for in those runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirbench.errors import MirbenchError
from mirbench.experiment.comparing.measured import Entry
from mirbench.experiment.resolve.checkpoints import REPORT, checkpoint_of, read_metadata, read_pretraining_clips
from mirbench.records import ABOUT


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A folder that `mirbench pretrain` printed. report: what pretraining reported, nothing of one that was made elsewhere."""

    label: str
    path: Path
    encoder: str
    options: Mapping[str, Any]
    seed: int
    report: Mapping[str, Any]

    def settings(self) -> dict[str, Any]:
        """As `settings_of` a run."""
        clips = read_pretraining_clips(self.path)
        of_data = {f"pretrained on.{name}": f"{len(about['clips']):,} clips ({about['key']})" for name, about in clips.items()}
        told = ("steps", "views_seen", "labelled_views_seen", "labelled_clips", "precision", "seconds")
        options = {f"options.{name}": value for name, value in self.options.items()}
        counts = {name.replace("_", " "): self.report[name] for name in told if name in self.report}
        return {"encoder": self.encoder, "seed": self.seed, **options, **of_data, **counts}

    def is_of(self, entry: Entry) -> bool:
        """Whether an encoder of a run was trained so: what two trainings report, seconds and losses among it, is not the same."""
        about = (entry.run.manifest.get("encoders") or {}).get(entry.own) or {}
        told = (about.get("checkpoints") or {}).get(str(self.seed)) or {}
        reported = {key: value for key, value in self.report.items() if key != "labelled_clip_ids"}
        return bool(reported) and about.get("encoder") == self.encoder and all(told.get(key) == value for key, value in reported.items())


def sorted_out(paths: Sequence[Path]) -> tuple[list[Path], list[Checkpoint]]:
    """Runs and checkpoints, each once. Raises MirbenchError for what is neither, and where fewer than two are left."""
    given = list(dict.fromkeys(Path(path).resolve() for path in paths))
    for path in paths:
        if not Path(path).is_dir():
            raise MirbenchError(
                f"there is no folder {path}; give folders that `mirbench run` wrote, such as results/NAME, or that `mirbench pretrain` "
                "printed."
            )
    if len(given) < 2:
        again = f"{paths[0]} was given {len(paths)} times" if len(paths) > 1 else f"{paths[0]} was given alone"
        raise MirbenchError(f"a comparison takes two runs or checkpoints that are not the same, and {again}; name another one.")
    by_path = dict(zip((Path(path).resolve() for path in paths), map(Path, paths), strict=True))
    runs = [by_path[path] for path in given if not (path / ABOUT).is_file()]
    checkpoints = [by_path[path] for path in given if (path / ABOUT).is_file()]
    if len(checkpoints) == 1:
        raise MirbenchError(f"{checkpoints[0]} is the only checkpoint among them; give another one, or runs alone.")
    return runs, [_read(path, checkpoints) for path in checkpoints]


def _read(path: Path, others: Sequence[Path]) -> Checkpoint:
    encoder, options, seed = read_metadata(path)
    file = checkpoint_of(path) / REPORT
    try:
        report = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise MirbenchError(f"{file} is damaged; give another checkpoint, or pretrain it again.") from error
    label = f"{encoder}, seed {seed}"
    same = [other for other in others if read_metadata(other)[::2] == (encoder, seed)]
    return Checkpoint(label if len(same) == 1 else f"{label} ({path.resolve().name})", path, encoder, options, seed, report)
