"""What `mirbench data where` and `verify` say: pages for people, and mappings for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mirbench.cli.checked_text import wrapped
from mirbench.data.asked_for import asked_for
from mirbench.data.findings import count
from mirbench.data.published.fetching import MEGABYTES_A_SECOND, Fetch
from mirbench.data.published.filetree import some
from mirbench.data.published.layout import Counted, Verified, Where
from mirbench.errors import printable
from mirbench.experiment.planning.plan import duration, size
from mirbench.nouns import Dataset

DAMAGED = 10  # files that are cut off, each on a line


def where_page(dataset: Dataset, published: Where | None, read: tuple[Mapping[str, int], str] = ({}, "")) -> str:
    """What a data set is and where its files are looked for. published: where, of a published one; read: as of `clips_read`, where it is
    there."""
    rows = [("version", dataset.version), ("licence", dataset.licence), ("home", dataset.home), ("cite", dataset.citation)]
    lines = wrapped(f"{dataset.name}: {dataset.description}")
    for name, value in (*rows, ("splits", dataset.split_rule), ("to get it", dataset.access)):
        lines += wrapped(f"{name + ':':<11}{value}", "  ", " " * 13) if value else []
    if published is None:
        lines += wrapped(f"{'where:':<11}{elsewhere(dataset)}", "  ", " " * 13)
        return "\n".join(lines)
    lines += wrapped(f"{'where:':<11}{place(published)}", "  ", " " * 13)
    lines += wrapped(f"{'clips:':<11}{_read_in_words(*read)}", "  ", " " * 13) if any(read) else []
    if dataset.downloads and published.folder is None:
        lines.append(f"  {'or:':<11}`mirbench data fetch {asked_for(dataset)}` downloads and unpacks it")
    lines += ["", "  files, in that folder"]
    for files, after in zip(dataset.files, (*dataset.files[1:], None), strict=True):
        many = f", {count(files.count, 'file')}" if files.count > 1 else ""
        lines.append(f"    {files.path}{many}{', can be done without' if files.optional else ''}")
        lines += [f"      md5 {files.md5}"] if files.md5 else []
        lines += [f"      from {files.source}"] if files.source and (after is None or after.source != files.source) else []
    lines += [f"    {each.path}, published checksums, which `mirbench data verify` compares with" for each in dataset.checksums]
    return "\n".join(lines)


def fetch_page(planned: Fetch) -> str:
    """What will be downloaded, under which licence, and what it takes."""
    dataset = planned.dataset
    lines = wrapped(f"{dataset.name}: {dataset.description}")
    for name, value in (("licence", dataset.licence or "none stated"), ("home", dataset.home), ("cite", dataset.citation)):
        lines += wrapped(f"{name + ':':<11}{value}", "  ", " " * 13) if value else []
    speed = f"{duration(planned.seconds)} at {MEGABYTES_A_SECOND:g} MB/s"
    lines += wrapped(f"{'download:':<11}{size(planned.megabytes)} still, about {speed}", "  ", " " * 13)
    disk = f"{size(planned.stays)}, and {size(max(planned.room, planned.stays))} while it is unpacked; {size(planned.free)} are free"
    lines += wrapped(f"{'disk:':<11}about {disk}", "  ", " " * 13)
    lines.append(f"  {'to:':<11}{printable(planned.folder)}")
    for each in planned.wanted:
        lines += [f"  {'from:':<11}{url}" for url in each.urls]
        kind = each.checksum.partition(":")[0]
        how = f"compared with its published {kind}" if kind else "no checksum is published: its files are counted and looked for by name"
        lines += wrapped(f"{size(each.megabytes)}; {how}", " " * 13, " " * 13)
    return "\n".join(lines)


def fetched_before(planned: Fetch) -> str:
    name = planned.dataset.name
    return f"{name} is in {printable(planned.folder)} already; `mirbench data verify {asked_for(planned.dataset)}` compares checksums too."


def place(found: Where) -> str:
    """Where a published data set is, or would be looked for."""
    if found.folder is not None:
        return f"found in {found.folder}"
    names = " or ".join(found.names)
    if found.obstacle:
        return f"not found: {printable(found.obstacle)}"
    if found.root is None:
        return f"not known; name the folder that holds {names} by --data-root DIR, or in MIRBENCH_DATA"
    return f"not in {found.root}, where a folder {names} is looked for"


def elsewhere(dataset: Dataset) -> str:
    """Where a data set that is not published lies, or who makes it."""
    look = f"`mirbench data check {asked_for(dataset)}` says what is in it"
    if dataset.location is not None:
        return f"your own data in {printable(dataset.location)}; {look}"
    if not dataset.prepares:
        return f"wherever its plugin reads it; it states no files to look for; {look}"
    seconds, megabytes = dataset.cost()
    cost = f", in about {duration(seconds)}, {megabytes:.0f} MB" if seconds else ""
    return f"nothing to get: mirbench makes it at the first run, and keeps it in its cache{cost}"


def places_page(found: Sequence[tuple[Dataset, Where | None]], root: Path | None) -> str:
    """A line for each data set: its name, whether it is there, and where it is or what its folder is to be called."""
    rows = [(dataset.name, *_there(dataset, where)) for dataset, where in found]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    lines = [f"{name:<{widths[0]}}  {state:<{widths[1]}}  {at}" for name, state, at in rows]
    told = "no data root; name the folder that holds your data sets by --data-root DIR, or in MIRBENCH_DATA"
    return "\n".join([told if root is None else f"data root {root}", "", *lines])


def _there(dataset: Dataset, where: Where | None) -> tuple[str, str]:
    if where is None:
        if dataset.location is not None:
            return "yours", printable(dataset.location)
        return ("made", "by mirbench, at the first run") if dataset.prepares else ("unknown", "wherever its plugin reads it")
    if where.folder is not None:
        return "found", printable(where.folder)
    return "not found", printable(where.obstacle) if where.obstacle else f"in a folder {' or '.join(where.names)}"


def where_json(dataset: Dataset, place: Where | None) -> dict[str, Any]:
    names = ("name", "description", "version", "licence", "home", "citation", "split_rule", "access")
    facts: dict[str, Any] = {name: getattr(dataset, name) for name in names}
    if place is not None:
        root, folder = (None if path is None else str(path) for path in (place.root, place.folder))
        facts |= {"data_root": root, "folder": folder, "looked_for": place.names, "obstacle": place.obstacle}
        facts |= {name: [asdict(each) for each in getattr(dataset, name)] for name in ("files", "checksums", "downloads")}
    made = place is None and dataset.location is None and dataset.prepares
    return facts | {"location": None if dataset.location is None else str(dataset.location), "made_here": made}


def verified_page(verified: Verified) -> str:
    """What is there of a published data set, pattern by pattern; the verdict last."""
    lines = [f"{verified.dataset.name} in {printable(verified.folder)}"]
    rows = [(_state(each), each.files.path, _in_words(each)) for each in verified.files]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
    for (state, path, told), each in zip(rows, verified.files, strict=True):
        lines.append(f"  {state:<{widths[0]}}  {path:<{widths[1]}}  {told}".rstrip())
        lines += [f"  {'':<{widths[0]}}  missing for example {some(each.missing)}"] if each.missing else []
    for noun, what, names in (
        ("file", "of clips missing", verified.missing),
        ("file", "of clips with 0 bytes", verified.empty),
        ("file", "with 0 bytes, which no clip is of", verified.unused),
        ("folder", "not to be listed", verified.closed),
        ("file", "not needed", verified.extra),
    ):
        lines += wrapped(f"{count(len(names), noun)} {what}: {some(names)}", "  ", "    ") if names else []
    if verified.damaged:
        lines += wrapped(f"{count(len(verified.damaged), 'file')} of clips cut off, or no audio:", "  ", "    ")
        lines += [line for why in verified.damaged[:DAMAGED] for line in wrapped(f"- {printable(why)}", "    ", "      ")]
        lines += [f"    and {len(verified.damaged) - DAMAGED:,} more, which --json has"] if len(verified.damaged) > DAMAGED else []
    lines += _checksums_in_words(verified)
    lines += [f"  clips: {_read_in_words(verified.clips, '')}"] if verified.clips else []
    lines += [f"  its clips {_read_in_words({}, verified.fault)}"] if verified.fault else []
    return "\n".join([*lines, verified_verdict(verified)])


def _read_in_words(clips: Mapping[str, int], fault: str) -> str:
    return f"cannot be listed: {fault}" if fault else ", ".join(f"{n:,} {split}" for split, n in clips.items())


def verified_verdict(verified: Verified) -> str:
    """One line: whether it is whole."""
    name = verified.dataset.name
    if verified.whole:
        return f"{name} is whole."
    if verified.suffices:
        parts = some(each.files.path for each in verified.files if each.in_part)
        return f"{name} has all that its clips need; what can be done without is there in part: {parts}."
    return f"{name} is not whole; `mirbench data where {asked_for(verified.dataset)}` says where to get what is missing or wrong."


def _checksums_in_words(verified: Verified) -> list[str]:
    if not verified.dataset.checksums:
        return []
    named = some(each.path for each in verified.dataset.checksums)
    lines = [f"{count(verified.compared, 'file')} compared" if verified.lists else f"none of its publisher's lists is there, {named}"]
    if verified.differing:
        lines.append(f"{len(verified.differing):,} of other content than published: {some(verified.differing)}")
    if verified.unread:
        lines.append(f"{count(len(verified.unread), 'damaged list')}: {some(verified.unread)}")
    return wrapped(f"checksums: {'; '.join(lines)}", "  ", "    ")


def _state(counted: Counted) -> str:
    if counted.md5:
        return "wrong"
    if counted.in_part:
        return "in part"
    if counted.whole:
        return "ok" if counted.found or not counted.files.optional else "left out"
    return "missing"


def _in_words(counted: Counted) -> str:
    parts = [f"{counted.found:,} of {count(counted.files.count, 'file')}"] if counted.files.count > 1 or not counted.found else []
    if counted.found > counted.files.count:
        parts.append(f"{counted.found - counted.files.count:,} too many")
    if counted.md5:
        parts.append(f"its md5 is {counted.md5}, the published one {counted.files.md5}")
    if counted.called:
        parts.append(f"{printable(counted.called)} is there: write its name as above")
    return "; ".join(parts)


def verified_json(verified: Verified) -> dict[str, Any]:
    names = ("missing", "empty", "unused", "extra", "closed", "damaged", "fault", "suffices", "lists", "compared", "differing", "unread")
    told = [{"whole": each.whole, "in_part": each.in_part, "md5_found": each.md5} for each in verified.files]
    files = [{**asdict(each), **asdict(each.files), **more} for each, more in zip(verified.files, told, strict=True)]
    for each in files:
        del each["files"]
    about: dict[str, Any] = {name: getattr(verified, name) for name in names}
    return {"dataset": verified.dataset.name, "folder": str(verified.folder), "whole": verified.whole, "files": files, **about} | {
        "clips": dict(verified.clips)
    }
