"""What a training says while it goes on."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

METRICS, EVENTS = "metrics.jsonl", "tensorboard"


class TrainingLog:
    """metrics.jsonl, and TensorBoard's events where that is installed. done: steps to keep of an earlier log."""

    def __init__(self, folder: Path, done: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / METRICS
        old = path.read_text(encoding="utf-8").splitlines() if done and path.is_file() else []
        kept = [line for line in old if line.endswith("}") and json.loads(line)["step"] <= done]
        self.file = path.open("w", encoding="utf-8")
        self.file.writelines(line + "\n" for line in kept)
        self.board: Any = None
        if importlib.util.find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(folder / EVENTS), purge_step=done + 1)

    def write(self, line: dict[str, Any]) -> None:
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()
        if self.board:
            for name in line.keys() - {"step"}:
                self.board.add_scalar(name, line[name], line["step"])

    def close(self) -> None:
        self.file.close()
        if self.board:
            self.board.close()
