"""How clips are split where nobody has done it, and what must hold of any data set before a number is computed on it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mirbench.data.bundles import bundles_of, split_bundles
from mirbench.data.similar_names import first_artist, look, one_letter_apart, words_in_any_order
from mirbench.errors import MirbenchError, did_you_mean, printable
from mirbench.nouns import Dataset
from mirbench.records import SPLITS, Clip

SHARES = {"train": 0.7, "valid": 0.15, "test": 0.15}
_MEANT = {
    **{name: name for name in SPLITS},
    **dict.fromkeys(("training",), "train"),
    **dict.fromkeys(("validation", "val", "dev"), "valid"),
    **dict.fromkeys(("testing", "eval", "evaluation"), "test"),
}


def split_named(text: str) -> str:
    """The split that is meant. Raises MirbenchError for what is none.

    >>> split_named("Validation"), split_named("dev"), split_named("train")
    ('valid', 'valid', 'train')
    """
    split = _MEANT.get(text.strip().lower())
    if split is None:
        hint = did_you_mean(text.lower(), _MEANT)
        raise MirbenchError(f"split is '{printable(text):.60}'{';' + hint if hint else ';'} it must be one of {', '.join(SPLITS)}.")
    return split


def assign_splits(
    clips: Sequence[Clip], shares: Mapping[str, float] = SHARES, seed: int = 0, annotations: Collection[str] | None = None
) -> list[Clip]:
    """The clips, in their order, each with a new split: whole groups, in about these shares of the clips, labels spread alike.

    shares: by split, relative to each other. seed: another seed, another split; the order of the clips does not matter. Clips of one file
    stay together too, whatever their groups, and so do groups whose names look alike or hold the same words in another order. Labels are
    those of `annotations`, or of all, several of a multilabel one; one that has as many groups as there are splits comes into each where
    the others allow it. The rarest label goes first, its largest group first, each to the split that lacks most of it (iterative
    stratification, Sechidis et al. 2011, of groups).
    Raises MirbenchError where there are fewer groups than splits, or the shares are none.

    >>> clips = [Clip(str(i), Path(f"{i}.wav"), "", f"artist {i // 2}", annotations={"genre": "ab"[i // 2 % 2]}) for i in range(40)]
    >>> sorted(Counter(clip.split for clip in assign_splits(clips)).items())
    [('test', 6), ('train', 28), ('valid', 6)]
    """
    if not shares or not set(shares) <= set(SPLITS) or not all(math.isfinite(share) and share > 0 for share in shares.values()):
        raise MirbenchError(f"the shares {dict(shares)} are none; give each of some of {', '.join(SPLITS)} a number above 0.")
    bundles, bundle_of = bundles_of(clips, seed, annotations)
    chosen = split_bundles(bundles, shares)
    return [replace(clip, split=chosen[bundle]) for clip, bundle in zip(clips, bundle_of, strict=True)]


def settle_splits(
    clips: Sequence[Clip],
    seed: int,
    *,
    given: str = "as its split column says",
    missing: str = "no split column",
    grouped_by: str = "group",
    annotations: Collection[str] | None = None,
) -> tuple[list[Clip], str]:
    """The clips with a split each, and in words what was done; `given` and `missing` say where the splits come from. annotations: those
    whose labels are spread; all are where none of these is there.

    Clips without splits are split as `assign_splits` does, groups without any label for pretraining. Where there are train and test
    clips and none of valid, some of train become valid.
    """
    there = dict.fromkeys(name for clip in clips for name in clip.annotations)
    spread = None if annotations is None else [name for name in there if name in annotations] or None
    of = f" of {', '.join(map(printable, spread))}" if spread and len(spread) < len(there) else ""
    seeded = f"labels{of} spread alike, split seed {seed}"
    if not clips[0].split:
        bundles, bundle_of = bundles_of(clips, seed, spread)
        labelled = [number for number, bundle in enumerate(bundles) if bundle.labels]
        if not labelled:
            return [replace(clip, split="pretrain") for clip in clips], "no labels: all clips are for pretraining"
        chosen = split_bundles([bundles[number] for number in labelled], SHARES)
        split_of = dict.fromkeys(range(len(bundles)), "pretrain") | {labelled[at]: split for at, split in chosen.items()}
        shares = "/".join(f"{100 * share:g}" for share in SHARES.values())
        rule = f"{missing}: whole groups (by {grouped_by}), {shares} % {'/'.join(SHARES)}, {seeded}"
        rule += "; groups without labels are for pretraining" if len(labelled) < len(bundles) else ""
        return [replace(clip, split=split_of[bundle]) for clip, bundle in zip(clips, bundle_of, strict=True)], rule
    splits = {clip.split for clip in clips}
    if "valid" in splits or not {"train", "test"} <= splits or not there:
        return list(clips), given
    share = SHARES["valid"]
    try:
        moved = iter(assign_splits([clip for clip in clips if clip.split == "train"], {"train": 1 - share, "valid": share}, seed, spread))
    except MirbenchError as error:
        raise MirbenchError(f"no clip has the split valid, and none of train can be taken for it: {error}") from None
    rule = f"{given}; no valid split: {100 * share:g} % of train, by whole groups (by {grouped_by}), {seeded}"
    return [next(moved) if clip.split == "train" else clip for clip in clips], rule


def keep_apart(clips: Sequence[Clip]) -> list[Clip]:
    """Without the clips that would make their group span splits: a group with test clips has none in the others, and one with valid clips
    none in train or pretrain. Groups whose names look alike are one.

    >>> clips = [Clip(split, Path("a.wav"), split, "one artist") for split in ("train", "test")]
    >>> [clip.split for clip in keep_apart(clips)]
    ['test']
    """
    rank = {"test": 2, "valid": 1}
    highest: dict[str, int] = defaultdict(int)
    of_group = {group: look(str(group)) for group in dict.fromkeys(clip.group for clip in clips)}
    for clip in clips:
        group = of_group[clip.group]
        highest[group] = max(highest[group], rank.get(clip.split, 0))
    return [clip for clip in clips if rank.get(clip.split, 0) == highest[of_group[clip.group]]]


@dataclass(frozen=True)
class Leak:
    """A group in more than one split. names: it has, with the number of clips in each split; several where they look alike."""

    names: Mapping[str, Mapping[str, int]]

    @property
    def spans(self) -> bool:
        """Whether there are two splits or more."""
        return len(set().union(*self.names.values())) > 1

    def in_words(self, lines: Mapping[tuple[str, str], str] | None = None) -> str:
        """lines: by name and split, where they stand.

        >>> Leak({"one": {"test": 1, "train": 2}}).in_words({("one", "test"): "line 4"})
        "'one' in test (1, line 4) and train (2)"
        """
        where = {at: f", {line}" for at, line in (lines or {}).items()}
        each = {name: [f"{s} ({n}{where.get((name, s), '')})" for s, n in sorted(of.items())] for name, of in self.names.items()}
        said = [f"'{printable(name)}' in {' and '.join(splits)}" for name, splits in each.items()]
        return ", ".join(said[:-1]) + " and " * (len(said) > 1) + said[-1]


def leaks(clips: Iterable[Clip], alike: bool = False) -> list[Leak]:
    """The groups in more than one split, sorted; `pretrain` counts as `train`. alike: whether names that look alike are one group's."""
    splits_of = _splits_of(clips)
    names_of: dict[str, dict[str, Counter[str]]] = defaultdict(dict)
    for name in sorted(splits_of):
        names_of[look(name) if alike else name][name] = splits_of[name]
    return [leak for names in names_of.values() if (leak := Leak(names)).spans]


def in_another_order(clips: Sequence[Clip]) -> list[Leak]:
    """The groups whose names hold the words of another's in another order or without accents, together with that, sorted; in one split or
    more."""
    names_of: dict[str, list[str]] = defaultdict(list)
    for name in sorted({clip.group for clip in clips}):
        if words := words_in_any_order(name):
            names_of[words].append(name)
    several = [names for names in names_of.values() if len(names) > 1 and len(set(map(look, names))) > 1]
    wanted = {name for names in several for name in names}
    splits_of = _splits_of(clip for clip in clips if clip.group in wanted) if wanted else {}
    return [Leak({name: splits_of[name] for name in names}) for names in several]


def mistyped_apart(clips: Sequence[Clip]) -> list[Leak]:
    """Groups in different splits whose names are `one_letter_apart`, each pair."""
    splits_of = _splits_of(clips)
    held_out = sorted(name for name, of in splits_of.items() if of.keys() - {"train"})
    pairs = dict.fromkeys(tuple(sorted(pair)) for pair in one_letter_apart(sorted(splits_of), held_out))
    return [leak for pair in pairs if (leak := Leak({name: splits_of[name] for name in pair})).spans]


def perhaps_one_artist(clips: Sequence[Clip]) -> list[Leak]:
    """Groups in different splits whose names have `first_artist` in common, and are not alike otherwise, those of one artist together."""
    names_of: dict[str, list[str]] = defaultdict(list)
    for name in sorted({clip.group for clip in clips}):
        for form in first_artist(name):
            names_of[form].append(name)
    several = dict.fromkeys(tuple(names) for names in names_of.values() if len({words_in_any_order(n) or look(n) for n in names}) > 1)
    wanted = {name for names in several for name in names}
    splits_of = _splits_of(clip for clip in clips if clip.group in wanted) if wanted else {}
    return [leak for names in several if (leak := Leak({name: splits_of[name] for name in names})).spans]


def _splits_of(clips: Iterable[Clip]) -> dict[str, Counter[str]]:
    splits_of: dict[str, Counter[str]] = defaultdict(Counter)
    for clip in clips:
        splits_of[clip.group]["train" if clip.split == "pretrain" else clip.split] += 1
    return splits_of


def spelled_freely(dataset: Dataset) -> bool:
    """Whether group names that look alike are one group's: they are where a plugin gives them, not of a manifest, which was read so that
    only names of files still look alike, nor of a published data set, whose names nobody can mend."""
    return not dataset.on_disk


def check_clips(name: str, clips: Sequence[Clip], alike: bool = False) -> None:
    """Raises MirbenchError where a clip's id, path or group is of another kind, ids repeat, a split is unknown, or a group is in two
    splits (`pretrain` counts as `train`). alike: as in `leaks`."""
    if not clips:
        raise MirbenchError(f"data set '{name}' has no clips.")
    for clip in clips:
        for field, kind, value in (("id", str, clip.id), ("path", Path, clip.path), ("group", str, clip.group)):
            if not isinstance(value, kind) or not str(value):
                wanted = "a pathlib.Path" if kind is Path else "text"
                raise MirbenchError(f"data set '{name}' has a clip with {field} = {value!r}; it should be {wanted}.")
    twice = [i for i, n in Counter(c.id for c in clips).items() if n > 1]
    if twice:
        raise MirbenchError(
            f"data set '{name}' has {len(twice)} clip ids more than once, the first '{printable(twice[0])}'; ids must be unique."
        )
    for clip in clips:
        if clip.split not in SPLITS:
            raise MirbenchError(
                f"data set '{name}', clip {printable(clip.id)}: split '{printable(clip.split)}' is none of {', '.join(SPLITS)}."
            )
    if found := leaks(clips, alike):
        mend = ", and names that look alike are one group's" if any(len(leak.names) > 1 for leak in found) else ""
        raise MirbenchError(
            f"data set '{name}' leaks: {len(found)} group{'s are' if len(found) > 1 else ' is'} in two splits, "
            f"{found[0].in_words()}; every group must be in one split{mend}."
        )
