"""Checksums: the lists of them that come with a data set, and those of files on disk."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from mirbench.errors import printable
from mirbench.progress import progress_bar
from mirbench.records import Checksums

BLOCK = 1 << 20  # bytes read at a time
KINDS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}  # by the digits of a digest
_LINE = re.compile(r"(\\?)([0-9A-Fa-f]+)(?: [ *]?(\S.*)|\s*)", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\nr])")


def kind_of(digest: str) -> str:
    """
    >>> kind_of("d41d8cd98f00b204e9800998ecf8427e")
    'md5'
    """
    return KINDS[len(digest)]


def read_list(path: Path) -> tuple[dict[str, str], str]:
    """The digests of a list, in small letters, by the name of their file, which is empty where a digest stands alone; and what is wrong
    with the list, or nothing."""
    digests: dict[str, str] = {}
    try:
        lines = os.fsdecode(path.read_bytes()).split("\n")
    except OSError as error:
        return {}, f"unreadable ({error.strerror})"
    wrong = 0
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line.removesuffix("\r"))
        if match is not None and len(match[2]) in KINDS:
            name = match[3] or ""
            if match[1]:  # names with line breaks or backslashes are escaped
                name = _ESCAPED.sub(lambda mark: {"n": "\n", "r": "\r"}.get(mark[1], mark[1]), name)
            digests[name] = match[2].lower()
        elif line.strip():
            wrong = wrong or number
    return digests, f"line {wrong} is no checksum" if wrong else "" if digests else "without a checksum"


def stated(
    folder: Path, lists: Iterable[tuple[Checksums, str]], there: Mapping[str, str], plain: Callable[[str], str]
) -> tuple[dict[str, set[str]], tuple[str, ...]]:
    """The digests of those files of the lists that are there, by path, and what is wrong with the lists. Several lists may name one file:
    it is as published where it has one of their digests.

    lists: with the path of each. there: paths below the folder as `plain` spells them -> as they are on disk.
    """
    digests: dict[str, set[str]] = defaultdict(set)
    unread = []
    for published, path in lists:
        read, wrong = read_list(folder / there[path])
        unread += [f"{there[path]}: {wrong}"] if wrong else []
        for place, digest in _placed(published, path, read, there, plain):
            digests[place].add(digest)
    return digests, tuple(unread)


def _placed(
    published: Checksums, path: str, digests: Mapping[str, str], there: Collection[str], plain: Callable[[str], str]
) -> Iterator[tuple[str, str]]:
    """(path, digest) of those of the files of one list that are there. path: of the list."""
    folder, stem = posixpath.dirname(path), posixpath.splitext(posixpath.basename(path))[0]
    names = {name: posixpath.normpath(plain(published.of).removeprefix("**/").replace("{}", plain(name or stem))) for name in digests}
    if not published.of.startswith("**/"):
        places = {name: posixpath.normpath(posixpath.join(folder, of)) for name, of in names.items()}
        yield from ((place, digests[name]) for name, place in places.items() if place in there)
        return
    depths, by_ending = {of.count("/") + 1 for of in names.values()}, defaultdict(list)
    for place in there:
        parts = place.split("/")
        for depth in depths:
            by_ending["/".join(parts[-depth:])].append(place)
    yield from ((place, digests[name]) for name, of in names.items() for place in by_ending.get(of, ()))


def read_digests(folder: Path, sizes: Mapping[str, int], kinds: Mapping[str, Collection[str]]) -> dict[str, dict[str, str]]:
    """The digests of files by path and kind, or why a file cannot be read in the place of each. Each file is read once.

    sizes: bytes, by path below the folder; kinds: such as `md5`, by path.
    """
    digests = {}
    total = sum(sizes[path] for path in kinds)
    with progress_bar(total=total, unit="B", unit_scale=True, desc=f"checksums of {printable(folder.name)}") as bar:
        for path in kinds:
            hashes = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds[path]}
            try:
                with open(folder / path, "rb") as file:
                    while block := file.read(BLOCK):
                        for each in hashes.values():
                            each.update(block)
                        bar.update(len(block))
                digests[path] = {kind: each.hexdigest() for kind, each in hashes.items()}
            except OSError as error:
                digests[path] = dict.fromkeys(hashes, f"unreadable ({error.strerror})")
    return digests
