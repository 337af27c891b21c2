"""What `mirbench cache` says: pages for people, and mappings for JSON."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirbench.errors import printable
from mirbench.experiment.cached.kinds import FILES, KINDS

if TYPE_CHECKING:
    from mirbench.engine.inventory import Stored
    from mirbench.experiment.cached.cache import CacheContents, Share
    from mirbench.experiment.cached.choosing import Choice, Wanted

WIDTH, MOST = 79, 10
DAY = 86_400


def in_bytes(number: float) -> str:
    """
    >>> in_bytes(0), in_bytes(812), in_bytes(45_300), in_bytes(7_140_000), in_bytes(1.24e9), in_bytes(3.2e13)
    ('0 B', '812 B', '45.3 kB', '7.1 MB', '1.2 GB', '32.0 TB')
    """
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size * 0.99995:
            return f"{number / size:.1f} {unit}"
    return f"{number:.0f} B"


def since(seconds: float) -> str:
    """
    >>> since(30), since(4000), since(3 * 86_400)
    ('now', '1 h ago', '3 d ago')
    """
    if seconds < 60:
        return "now"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.0f} h ago" if seconds < 2 * DAY else f"{seconds / DAY:.0f} d ago"


def contents_page(contents: CacheContents, every: bool = False) -> str:
    inventory, root = contents.inventory, contents.store.root
    if not inventory.bytes and not inventory.entries:
        return f"The cache {root} is empty; a run puts there what it makes."
    free = f"{in_bytes(contents.free)} are free on its disk"
    lines = _wrapped(f"The cache {root}: {in_bytes(inventory.bytes)} in {_entries(len(inventory.entries))}; {free}.")
    for holder in contents.holders:
        lines += _wrapped(f"In use by {holder.in_words}, since {since(contents.now - holder.since)}: what that uses is not removed.")
    lines += ["", *_table(contents, "kind", contents.by_kind(), {name: kind.words for name, kind in KINDS.items()})]
    lines += [
        f"  {name:<22}{'':>8}{in_bytes(size):>10}  {FILES[name].split(':')[0]}"[:WIDTH] for name, size in inventory.files.items() if size
    ]
    for what, shares in (("data set", contents.by_dataset()), ("encoder", contents.by_encoder())):
        lines += ["", *_table(contents, what, shares, {"": "of none, or of several"})]
    lines += ["", *_runs(contents, every)]
    lines += _strange(inventory.strange, inventory.unreadable, every)
    return "\n".join([*lines, "", "mirbench cache show KIND says what such entries are; mirbench cache prune makes room."])


def _table(contents: CacheContents, what: str, shares: Mapping[str, Share], words: Mapping[str, str]) -> list[str]:
    lines = [f"by {what:<21}{'entries':>8}{'size':>10}  {'last used':<12}"]
    for name, share in shares.items():
        shown = printable(name) if name else "-"
        row = f"  {shown:<22}{share.count:>8,}{in_bytes(share.bytes):>10}  {since(contents.now - share.used):<12}{words.get(name, '')}"
        lines.append(row.rstrip())
    return [line.rstrip() for line in lines]


def _runs(contents: CacheContents, every: bool) -> list[str]:
    """alone: what no other run uses, which `--run` removes."""
    shares, named = contents.by_run(), {run.key: run for run in contents.runs}
    lines = [f"by run{'entries':>25}{'size':>10}  {'last used':<12}{'alone':>8}"]
    known = [key for key in named if key in shares]
    for key in known if every else known[:MOST]:
        share = shares[key]
        row = f"{share.count:>8,}{in_bytes(share.bytes):>10}  {since(contents.now - share.used):<12}{in_bytes(share.own):>8}"
        name = printable(named[key].name)
        gone = "" if Path(named[key].folder).is_dir() else "  (its folder is gone)"
        lines += [f"  {name:<21} {row}{gone}"] if len(name) <= 21 else [f"  {name}", f"  {'':<22}{row}{gone}"]
    if len(known) > MOST and not every:
        lines.append(f"  and {len(known) - MOST:,} more, which --all shows")
    if "" in shares:
        left = shares[""]
        row = f"{left.count:>8,}{in_bytes(left.bytes):>10}  {since(contents.now - left.used):<12}"
        lines.append(f"  {'-':<22}{row}of no finished run's results")
    return lines


def _strange(strange: Mapping[str, int], unreadable: Mapping[str, str], every: bool) -> list[str]:
    lines: list[str] = []
    if strange:
        lines += ["", "not made by this version of mirbench, and left alone"]
        shown = list(strange.items()) if every else list(strange.items())[:MOST]
        lines += [f"  {in_bytes(size):>10}  {printable(name)}" for name, size in shown]
        lines += [f"  and {len(strange) - len(shown):,} more, which --all shows"] if len(strange) > len(shown) else []
    if unreadable:
        lines += ["", "cannot be looked into", *(f"  {printable(name)}: {why}" for name, why in unreadable.items())]
    return lines


def kind_page(contents: CacheContents, kind: str) -> str:
    about, share = KINDS[kind], contents.by_kind().get(kind)
    lines = _wrapped(f"{kind}: {about.words}.")
    lines += _wrapped(f"without them: {about.lost}", "  ")
    if share is None:
        return "\n".join([*lines, "  there are none"])
    lines += [f"  {_entries(share.count)}, {in_bytes(share.bytes)}, last used {since(contents.now - share.used)}", ""]
    found = sorted((each for each in contents.inventory.entries if each.kind == kind), key=lambda each: -each.bytes)
    for each in found[:MOST]:
        lines += textwrap.wrap(
            f"{each.key}{in_bytes(each.bytes):>10}  {_title(each)}", WIDTH, initial_indent="  ", subsequent_indent=" " * 34
        )
    lines += [f"  and {len(found) - MOST:,} more, each smaller"] if len(found) > MOST else []
    return "\n".join(lines)


def kind_json(contents: CacheContents, kind: str) -> dict[str, Any]:
    found = [entry_json(contents, each) for each in contents.inventory.entries if each.kind == kind]
    return {"kind": kind, "words": KINDS[kind].words, "lost": KINDS[kind].lost, "entries": found}


def entry_page(contents: CacheContents, entry: Stored) -> str:
    """parts: what the key is the hash of, shortened."""
    subject, names = contents.subjects[entry.name], {run.key: run for run in contents.runs}
    folder = contents.store.folder(*entry.name)
    lines = _wrapped(f"{entry.kind} {_title(entry)}")
    rows = [("is", KINDS[entry.kind].words), ("data set", subject.dataset), ("encoder", subject.encoder), ("size", in_bytes(entry.bytes))]
    rows += [("made", _day(entry.made) if entry.made else ""), ("last used", since(contents.now - entry.used))]
    rows += [("used by", "; ".join(printable(names[key].folder) for key in contents.runs_of(entry)) or "no finished run that is known")]
    rows += [("without it", KINDS[entry.kind].lost), ("folder", str(folder))]
    for name, value in rows:
        lines += _wrapped(f"{name + ':':<12}{value}", "  ", " " * 14) if value else []
    for name, value in entry.parts.items():
        lines += _wrapped(f"{name} = {textwrap.shorten(json.dumps(value, default=str), 240)}", "    ", " " * 8)
    return "\n".join(lines)


def entry_json(contents: CacheContents, entry: Stored) -> dict[str, Any]:
    about = asdict(entry) | asdict(contents.subjects[entry.name])
    return about | {"runs": contents.runs_of(entry), "folder": str(contents.store.folder(*entry.name))}


def contents_json(contents: CacheContents) -> dict[str, Any]:
    inventory = contents.inventory

    def of(shares: Mapping[str, Share]) -> dict[str, Any]:
        return {name: asdict(share) for name, share in shares.items()}

    runs = contents.by_run()
    told = [
        {"key": r.key, "name": r.name, "folder": r.folder, "finished": r.finished, **asdict(runs[r.key])}
        for r in contents.runs
        if r.key in runs
    ]
    return {
        "folder": str(contents.store.root),
        "bytes": inventory.bytes,
        "free": contents.free,
        "kinds": of(contents.by_kind()),
        "files": dict(inventory.files),
        "datasets": of(contents.by_dataset()),
        "encoders": of(contents.by_encoder()),
        "runs": told,
        "of_no_run": asdict(runs[""]) if "" in runs else None,
        "strange": dict(inventory.strange),
        "unreadable": dict(inventory.unreadable),
        "in_use": [{"process": each.process, "host": each.host, "certain": each.certain} for each in contents.holders],
    }


def choice_page(contents: CacheContents, choice: Choice, wanted: Wanted) -> str:
    """What would go, by kind, and what stays though it was asked for."""
    lines: list[str] = []
    if choice.entries:
        what, all_of_it = _entries(len(choice.entries)), contents.inventory.bytes
        then = f"which then takes {in_bytes(all_of_it - choice.bytes)}"
        lines += _wrapped(f"To be removed from {contents.store.root}, {then}: {what}, {in_bytes(choice.bytes)}.")
        lines += ["", *_choice_table(contents, choice.entries)]
    else:
        lines.append(f"There is nothing to remove from {contents.store.root}.")
    if choice.held:
        many = f"{_entries(len(choice.held))}, {in_bytes(sum(each.bytes for each in choice.held))}"
        whose = "; ".join(holder.in_words for holder in contents.holders)
        lines += ["", *_wrapped(f"Not removed, as it may be in use: {many}. At the cache is {whose}.")]
    if choice.shared:
        many = f"{_entries(len(choice.shared))}, {in_bytes(sum(each.bytes for each in choice.shared))}"
        lines += ["", *_wrapped(f"Not removed, as other runs use it too: {many}.")]
    if wanted.most is not None and contents.inventory.bytes - choice.bytes > wanted.most:
        stays = in_bytes(contents.inventory.bytes - choice.bytes)
        why = "files that prune does not remove, or what is in use or was not chosen"
        lines += ["", *_wrapped(f"{stays} stay, more than the {in_bytes(wanted.most)} that were asked for: {why}.")]
    return "\n".join(lines)


def _choice_table(contents: CacheContents, entries: Sequence[Stored]) -> list[str]:
    kinds = dict.fromkeys(each.kind for each in sorted(entries, key=lambda each: KINDS[each.kind].dear))
    lines = [f"{'kind':<24}{'entries':>8}{'size':>10}  {'last used':<12}to have it again takes"]
    for kind in kinds:
        found = [each for each in entries if each.kind == kind]
        used = since(contents.now - max(each.used for each in found))
        row = f"  {kind:<22}{len(found):>8,}{in_bytes(sum(each.bytes for each in found)):>10}  {used:<12}"
        lines += textwrap.wrap(row + KINDS[kind].lost, WIDTH + 8, subsequent_indent=" " * 56, break_long_words=False)
    named = [each for each in entries if each.kind in ("checkpoints", "datasets")]
    return [*lines, *(f"    {each.kind.removesuffix('s')}: {_title(each)}" for each in named[:MOST])]


def removed_line(choice: Choice, gone: Collection[tuple[str, str]], left: Sequence[tuple[str, str]]) -> str:
    removed = [each for each in choice.entries if each.name in gone]
    line = f"Removed {_entries(len(removed))}, {in_bytes(sum(each.bytes for each in removed))}."
    kinds = ", ".join(f"{number} of {kind}" for kind, number in Counter(kind for kind, _ in left).items())
    return f"{line} Left, as somebody began to use it or it cannot be removed: {kinds}." if left else line


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _title(entry: Stored) -> str:
    return printable(entry.title) or "(made by an earlier version, or its description is damaged)"


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def _wrapped(text: str, indent: str = "", further: str | None = None) -> list[str]:
    after = indent + "  " if further is None else further
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=after, break_long_words=False, break_on_hyphens=False)
