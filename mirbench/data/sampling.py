"""A few clips in the place of many: every split is there, and of each the annotations, the labels and the groups are spread."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from mirbench.data.bundles import labels_of
from mirbench.records import SPLITS, Clip

LEAST = 0.1  # of a sample is of each split that there is


def choose_sample(clips: Sequence[Clip], most: int, seed: int = 0, usable: Callable[[Clip], bool] = lambda clip: True) -> list[Clip]:
    """At most so many of the clips, in their order. usable: whether a clip can be taken; it is asked only of those that would be.

    Splits have their share of the clips, but each a tenth of the sample where it has as many. Within a split the annotation that fewest of
    the chosen carry is next, of that the label that fewest have, first those that most splits and then most clips have, and of that a clip
    of a group that has given fewest, drawn by the seed; clips without labels come last.
    """
    of_split = {split: [clip for clip in clips if clip.split == split] for split in SPLITS}
    quotas = split_quotas({split: len(found) for split, found in of_split.items() if found}, most)
    having = Counter((label, clip.split) for clip in clips for label in labels_of(clip))
    splits, many = Counter(label for label, _ in having), Counter[tuple[str, str]]()
    for (label, _), count in having.items():
        many[label] += count
    order = {label: rank for rank, label in enumerate(sorted(many, key=lambda label: (-splits[label], -many[label], label)))}
    chosen: set[str] = set()
    for split, quota in quotas.items():
        chosen.update(clip.id for clip in _usable(_spread(of_split[split], seed, order), quota, usable))
    return [clip for clip in clips if clip.id in chosen]


def split_quotas(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """How many clips of each split.

    >>> split_quotas({"train": 9000, "valid": 500, "test": 500}, 100), split_quotas({"train": 9, "test": 1}, 100)
    ({'train': 80, 'valid': 10, 'test': 10}, {'train': 9, 'test': 1})
    """
    total = sum(counts.values())
    most = min(most, total)
    quotas = {split: min(count, max(1, round(LEAST * most), round(most * count / total))) for split, count in counts.items()}
    while (over := sum(quotas.values()) - most) > 0:
        largest = max(quotas, key=lambda split: quotas[split])
        below = max((quota for split, quota in quotas.items() if split != largest), default=0)
        quotas[largest] -= min(over, max(1, quotas[largest] - below))
    while (under := most - sum(quotas.values())) > 0:
        roomy = max(quotas, key=lambda split: counts[split] - quotas[split])
        quotas[roomy] += min(under, counts[roomy] - quotas[roomy])
    return quotas


def _usable(clips: Iterator[tuple[Clip, Callable[[], None]]], most: int, usable: Callable[[Clip], bool]) -> Iterator[Clip]:
    taken = 0
    while taken < most and (offered := next(clips, None)) is not None:
        clip, take = offered
        if usable(clip):
            take()
            taken += 1
            yield clip


def _spread(clips: Sequence[Clip], seed: int, order: Mapping[tuple[str, str], int]) -> Iterator[tuple[Clip, Callable[[], None]]]:
    """All clips, the one that is next best after those that were taken, each with what is to be called where it is. order: of labels."""
    drawn = sorted(clips, key=lambda clip: hashlib.blake2b(f"{seed} {clip.id}".encode("utf-8", "surrogatepass")).digest())
    given: Counter[str] = Counter()
    rounds: list[tuple[int, int]] = []
    for at, clip in enumerate(drawn):
        rounds.append((given[clip.group], at))
        given[clip.group] += 1
    waiting: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))  # annotation -> label -> clips, the next one last
    for _, at in sorted(rounds, reverse=True):
        for annotation, label in labels_of(drawn[at]):
            waiting[annotation][label].append(at)
    heaps = {annotation: [(0, order[annotation, label], label) for label in labels] for annotation, labels in waiting.items()}
    for heap in heaps.values():
        heapq.heapify(heap)
    having: Counter[tuple[str, str]] = Counter()
    carrying: Counter[str] = Counter()
    offered: set[int] = set()

    def take(clip: Clip) -> None:
        having.update(labels_of(clip))
        carrying.update({annotation for annotation, _ in labels_of(clip)})

    while heaps:
        annotation = min(heaps, key=lambda name: (carrying[name], name))
        heap = heaps[annotation]
        if not heap:
            del heaps[annotation]
            continue
        count, rank, label = heapq.heappop(heap)
        left = waiting[annotation][label]
        while left and left[-1] in offered:
            left.pop()
        if not left:
            continue
        now = having[annotation, label]
        heapq.heappush(heap, (now, rank, label))
        if now == count:
            offered.add(left[-1])
            clip = drawn[left.pop()]
            yield clip, lambda clip=clip: take(clip)  # type: ignore[misc]
    for _, at in sorted(rounds):
        if at not in offered:
            yield drawn[at], lambda: None
