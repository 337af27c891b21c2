"""What a split must keep whole, and how it is spread over splits so that each has its share of every label."""

from __future__ import annotations

import hashlib
import heapq
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mirbench.data.similar_names import look, words_in_any_order
from mirbench.errors import MirbenchError
from mirbench.records import SPLITS, Clip


@dataclass
class Bundle:
    """What is kept whole: a group, or groups that share a file or, by their names, may be one. order: a number drawn by the seed; labels:
    how many clips have each."""

    order: bytes
    clips: int
    labels: Counter[tuple[str, str]]


def bundles_of(clips: Sequence[Clip], seed: int, annotations: Collection[str] | None = None) -> tuple[list[Bundle], list[int]]:
    """All bundles, in an order drawn by the seed, and the bundle of each clip. annotations: whose labels are counted; None is all."""
    numbers, first_of_file = dict[str, int](), dict[str, int]()  # of groups
    parent: list[int] = []

    def root(number: int) -> int:
        while (above := parent[number]) != number:
            parent[number] = number = parent[above]
        return number

    for clip in clips:
        number = numbers.setdefault(clip.group, len(parent))
        if number == len(parent):
            parent.append(number)
        if (other := first_of_file.setdefault(os.fspath(clip.path), number)) != number:
            parent[root(other)] = root(number)
    del first_of_file
    for form in (look, words_in_any_order):
        first_of_form = dict[str, int]()
        for group, number in numbers.items():
            if (common := form(str(group))) and (other := first_of_form.setdefault(common, number)) != number:
                parent[root(other)] = root(number)
    members: dict[int, list[int]] = defaultdict(list)
    for at, clip in enumerate(clips):
        members[root(numbers[clip.group])].append(at)
    bundles = []
    for ats in members.values():
        name = min(clips[at].group for at in ats)
        order = hashlib.blake2b(f"{seed} {name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        labels = Counter(label for at in ats for label in labels_of(clips[at]) if annotations is None or label[0] in annotations)
        bundles.append((Bundle(order, len(ats), labels), ats))
    bundles.sort(key=lambda bundle: bundle[0].order)
    bundle_of = [0] * len(clips)
    for number, (_, ats) in enumerate(bundles):
        for at in ats:
            bundle_of[at] = number
    return [bundle for bundle, _ in bundles], bundle_of


def labels_of(clip: Clip) -> Iterator[tuple[str, str]]:
    """(annotation, label) of what is known of a clip; '' is the label where none applies."""
    for name, value in clip.annotations.items():
        if not name.endswith("_unknown"):
            several = value if isinstance(value, tuple | list) else value.split("|") if isinstance(value, str) else (value,)
            yield from ((name, str(label)) for label in dict.fromkeys(several or ("",)))


_ANY = ("", "")  # the label of every clip, so that splits have their share of all and none is empty


def split_bundles(bundles: Sequence[Bundle], shares: Mapping[str, float]) -> dict[int, str]:
    """The split of each bundle, by its number."""
    if len(bundles) < len(shares):
        there = "1 group" if len(bundles) == 1 else f"{len(bundles)} groups"
        raise MirbenchError(
            f"the clips are of {there}, which cannot be split into {', '.join(shares)}: a group is kept whole, and each split needs one; "
            "tell more groups apart, or write a split for each clip."
        )
    return _Splitter(bundles, shares).all()


class _Splitter:
    """Gives bundles to splits, label by label. `due` is how many clips of a label a split is still to get."""

    def __init__(self, bundles: Sequence[Bundle], shares: Mapping[str, float]) -> None:
        self.splits = [split for split in SPLITS if split in shares]
        self.share = {split: shares[split] / sum(shares.values()) for split in self.splits}
        self.bundles = bundles
        self.bundles_of_label: dict[tuple[str, str], list[int]] = defaultdict(list)
        total: Counter[tuple[str, str]] = Counter()
        for number, bundle in enumerate(bundles):
            bundle.labels[_ANY] = bundle.clips
            total.update(bundle.labels)
            for label in bundle.labels:
                self.bundles_of_label[label].append(number)
        self.bundles_of_label = {label: found for label, found in self.bundles_of_label.items() if len(found) > 1 or label == _ANY}
        self.clips = total[_ANY]
        self.due = {label: {split: share * total[label] for split, share in self.share.items()} for label in self.bundles_of_label}
        self.unassigned = {label: len(found) for label, found in self.bundles_of_label.items()}
        self.lacking = {label: set(self.splits) for label, found in self.bundles_of_label.items() if len(found) >= len(self.splits)}
        self.chosen: dict[int, str] = {}

    def all(self) -> dict[int, str]:
        """The split of each bundle."""
        rarest = [(len(found), label) for label, found in self.bundles_of_label.items()]
        heapq.heapify(rarest)
        while rarest:
            count, label = heapq.heappop(rarest)
            if count != self.unassigned[label]:  # others have taken some of its bundles along
                heapq.heappush(rarest, (self.unassigned[label], label))
                continue
            waiting = [number for number in self.bundles_of_label[label] if number not in self.chosen]
            for number in sorted(waiting, key=lambda number: -self.bundles[number].labels[label]):
                self._give(number, self._best(number, label))
        return self.chosen

    def _give(self, number: int, split: str) -> None:
        self.chosen[number] = split
        for label, count in self.bundles[number].labels.items():
            if label in self.bundles_of_label:
                self.due[label][split] -= count
                self.unassigned[label] -= 1
                if label in self.lacking:
                    self.lacking[label].discard(split)

    def _best(self, number: int, label: tuple[str, str]) -> str:
        """Where a label would else run out before each split has it, there; else where most of the label is due, and of splits that are
        within this bundle of each other, but for those that it would overfill by half, the one that lacks most clips for its share."""
        bundle = self.bundles[number]
        splits = self.splits
        for urgent in ((_ANY,), bundle.labels):
            last = [self.lacking[name] for name in urgent if name in self.lacking and self.unassigned[name] <= len(self.lacking[name])]
            served = Counter(split for lacking in last for split in lacking if split in splits)
            if served:
                splits = [split for split in splits if served[split] == max(served.values())]
        due = self.due[label]
        near = max(due[split] for split in splits) - bundle.labels[label]
        lacks, half = self.due[_ANY], 0.5 * self.clips
        return max(
            (split for split in splits if due[split] >= near),
            key=lambda split: (min(0.0, lacks[split] + half * self.share[split] - bundle.clips), lacks[split] / self.share[split]),
        )
