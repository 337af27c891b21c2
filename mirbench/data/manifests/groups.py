"""Groups, artists and ids as people write them: one name in several spellings, and words that name nobody."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from mirbench.data.findings import Finding, count, counted
from mirbench.data.manifests.cells import RowLocator
from mirbench.data.manifests.columns import MISSING
from mirbench.data.similar_names import look

_NOBODY = MISSING | {
    *("unknown", "unknown artist", "unknown group", "unbekannt", "inconnu", "desconocido", "desconhecido", "sconosciuto"),
    *("various", "various artist", "various artists", "various performers", "va", "v.a.", "v/a", "v. a.", "diverse", "verschiedene"),
    *("verschiedene interpreten", "artistes variés", "artistes divers", "varios artistas", "vários artistas", "artisti vari"),
    *("anonymous", "anon", "anon.", "no artist", "no name", "not available", "not specified", "unspecified", "undefined", "missing"),
    *("n.a.", "tbd", "misc", "miscellaneous", "compilation", "other", "others"),
}


def is_placeholder(name: str) -> bool:
    """Whether it stands where a name should, and names nobody.

    >>> is_placeholder("Various Artists"), is_placeholder("[unknown]"), is_placeholder("?"), is_placeholder("The Unknown")
    (True, True, True, False)
    """
    text = " ".join(unicodedata.normalize("NFKC", name).split()).casefold()
    return text in _NOBODY or text.strip("[](){}<>\"' ") in _NOBODY


class Groups:
    """The group of each row: `group`, else `artist`, else the file; placeholders are as if the cell were empty.

    names: of the groups; by: how many rows have it of each of these three. given: ids, '' where there is none; files: names of files.
    Names that look alike are one, the most frequent of them; so are files of rows whose ids look alike.
    """

    def __init__(self, given: Sequence[str], groups: Sequence[str], artists: Sequence[str], files: Sequence[str]) -> None:
        self.placeholders: dict[str, dict[str, list[int]]] = {"group": {}, "artist": {}}
        self.nameless = [at for at, (group, artist) in enumerate(zip(groups, artists, strict=True)) if not group and not artist]
        self.alike_ids: list[int] = []
        groups, artists = self._real("group", groups), self._real("artist", artists)
        said = [group or artist for group, artist in zip(groups, artists, strict=True)]
        self.by = Counter("group" if g else "artist" if a else "file" for g, a in zip(groups, artists, strict=True))
        self.spellings = _spellings(said)
        one = {name: max(alike, key=lambda each: len(alike[each])) for alike in self.spellings for name in alike}
        first_of: dict[str, tuple[str, str]] = {}
        self.names: list[str] = []
        for at, (name, file, clip_id) in enumerate(zip(said, files, given, strict=True)):
            if not name and clip_id:
                first_id, first_file = first_of.setdefault(look(clip_id), (clip_id, file))
                if first_id != clip_id and first_file != file:
                    self.alike_ids.append(at)
                    file = first_file
            self.names.append(one.get(name, name) if name else file)

    def _real(self, column: str, names: Sequence[str]) -> list[str]:
        known = {name: "" if name and is_placeholder(name) else name for name in set(names)}
        found = self.placeholders[column]
        for at, name in enumerate(names):
            if name and not known[name]:
                found.setdefault(name, []).append(at)
        return [known[name] for name in names]

    def findings(self, where: RowLocator) -> Iterator[Finding]:
        """What is told of spellings and placeholders."""
        if self.spellings:
            told = [
                " and ".join(counted(name, len(places), where.lines(places)) for name, places in alike.items()) for alike in self.spellings
            ]
            text = f"{count(len(told), 'group')} written in several ways that look alike (Unicode form, case, spaces); each is one group."
            yield Finding("warning", text, tuple(told), "group names")
        if self.alike_ids:
            text = f"{count(len(self.alike_ids), 'clip')} with an id that looks like that of another, with which it is one group."
            yield Finding("warning", text, (where.lines(self.alike_ids),), "group names")
        if self.nameless and len(self.nameless) < self.by.total():
            text = f"{count(len(self.nameless), 'clip')} without a group or artist: grouped by file."
            yield Finding("note", text, (where.lines(self.nameless),), "group names")
        for column, found in self.placeholders.items():
            if found:
                instead = "artist, or else by file" if column == "group" else "file"
                many = count(sum(map(len, found.values())), "clip")
                text = (
                    f"{many} with a word for no {column} in particular, which is no group: they are grouped by "
                    f"{instead}, so the clips of one {column} may come into several splits."
                )
                most = sorted(found.items(), key=lambda item: -len(item[1]))
                told = [counted(name, len(places), where.lines(places)) for name, places in most]
                yield Finding("warning", text, tuple(told), "group names")


def _spellings(names: Sequence[str]) -> list[dict[str, list[int]]]:
    """The names that look alike, each with the rows that it stands in, the first one first."""
    alike: dict[str, set[str]] = defaultdict(set)
    for name in dict.fromkeys(filter(None, names)):
        alike[look(name)].add(name)
    several = {name for found in alike.values() if len(found) > 1 for name in found}
    places: dict[str, list[int]] = {}
    for at, name in enumerate(names) if several else ():
        if name in several:
            places.setdefault(name, []).append(at)
    found: dict[str, dict[str, list[int]]] = {}
    for name, at_rows in places.items():
        found.setdefault(look(name), {})[name] = at_rows
    return list(found.values())
