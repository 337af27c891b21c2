"""What clips of a manifest are called in findings: by their ids, and by their lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from mirbench.data.findings import NUMBERED, count, lines_in_words, unique
from mirbench.data.manifests.own import OwnDataset
from mirbench.data.manifests.paths import readable
from mirbench.data.published.filetree import composed
from mirbench.errors import printable
from mirbench.nouns import Dataset
from mirbench.records import Clip


class ClipNames:
    """A clip's id, its file where the id does not say it, and its line in a manifest. clips: all of the data set, as it lists them."""

    def __init__(self, dataset: Dataset, clips: Sequence[Clip]) -> None:
        self.clips, self.own = clips, isinstance(dataset, OwnDataset)
        self.numbers, self.unit = (dataset.numbers, dataset.unit) if isinstance(dataset, OwnDataset) else ((), "line")

    def __call__(self, clip: Clip) -> str:
        name = readable(composed(clip.path.name))
        beside = [*([] if name in clip.id else [name]), *filter(None, [self.lines([clip])])]
        return printable(f"{clip.id} ({', '.join(beside)})" if beside else clip.id)

    def lines(self, clips: Iterable[Clip]) -> str:
        return lines_in_words([self.number[clip.id] for clip in clips if clip.id in self.number], self.unit)

    def where(self, clips: Sequence[Clip]) -> str:
        if self.numbers or not self.own:
            return self.lines(clips)
        more = f" and {count(len(clips) - NUMBERED, 'other')}" if len(clips) > NUMBERED else ""
        return f"{', '.join(map(self, clips[:NUMBERED]))}{more}"

    @cached_property
    def number(self) -> dict[str, int]:
        """By id, the line."""
        return dict(zip((clip.id for clip in unique(self.clips)), self.numbers, strict=False)) if self.numbers else {}
