"""Names of labels and groups that look like the same one, written in two ways."""

from __future__ import annotations

import contextlib
import html
import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mirbench.errors import MirbenchError
from mirbench.notation import parse_key

RARE = 10  # a name is taken for a typing mistake where another, one letter away, has so many times its clips
SHORTEST = 5  # letters of a word in which one letter is likelier a mistake than another word
WHOLE, PART = 8, 3  # letters of a person's name, and of a word of it, in which one letter may be a mistake
SINGLE = 6  # letters of a name of one word that is likelier another's without its accents than another name
COMPARED = 100_000  # names of persons, at most
_ACCENT = re.compile("([a-z])[\u0300-\u036f]+")
_LIKE = str.maketrans({**dict.fromkeys("’‘ʼ´`", "'"), **dict.fromkeys("‐‑‒–—−", "-"), "_": " "})
_LIKE_IN_ASCII = str.maketrans("`_", "' ")
_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe", "þ": "th", "ł": "l", "đ": "d"})
_ONE_LETTER = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "þ": "th", "ł": "l", "đ": "d"})
_BESIDE = re.compile(r"\s+[(\[]?(?:feat|ft|featuring)(?:\.\s*|\s+)|\s+(?:&|\+|vs\.?)\s+")  # what stands between artists
_WORD = re.compile(r"[^\s,;]+")
_TWO_NUMBERS = re.compile(r"\d[^\s,;]*[\s,;].*\d", re.DOTALL)
_SPACE = re.compile(r"(?<!\d)\s+|\s+(?!\d)")  # but not that between two numbers, without which they are another number


def visible(name: str) -> str:
    """Without characters that are not seen: marks of direction, joiners, soft hyphens, selectors of variants.

    >>> visible("a\u200bb\ufe0f")
    'ab'
    """
    return name if name.isascii() else "".join(c for c in name if unicodedata.category(c) != "Cf" and not "\ufe00" <= c <= "\ufe0f")


def look(name: str) -> str:
    """What names that look alike have in common: without regard to Unicode form, case, spaces, what is not seen, the kind of apostrophes
    and hyphens, what HTML escapes, and the point of a whole number.

    >>> look("THE  Band ") == look("The Band"), look("Zoe\u0301") == look("Zoé"), look("1 12") == look("11 2")
    (True, True, False)
    """
    if name.isascii() and name.isalnum():
        return name.lower()
    return re.sub(r"(?<=\d)\.0+$", "", " ".join(_SPACE.sub("", _folded(name)).split()))


def _folded(name: str) -> str:
    if name.isascii() and "&" not in name:  # the same, sooner
        return name.lower().translate(_LIKE_IN_ASCII)
    plain = visible(unicodedata.normalize("NFKC", html.unescape(name))).translate(_LIKE)
    return unicodedata.normalize("NFKC", plain.casefold())


def words_in_any_order(name: str) -> str:
    """What names of the same words in another order, or without the accents of Latin letters, have in common; nothing of a single word
    below SINGLE letters, and where two words hold digits, whose order is likely to mean something.

    >>> words_in_any_order("Beatles, The") == words_in_any_order("The  beatles"), words_in_any_order("take 1 of song 2")
    (True, '')
    >>> words_in_any_order("Café Nord"), words_in_any_order("Beyoncé"), words_in_any_order("Ünder")
    ('cafe nord', 'beyonce', '')
    """
    if name.isascii() and name.isalnum():
        return name.lower() if len(name) >= SINGLE else ""
    folded = _folded(name)
    if not folded.isascii():
        folded = unicodedata.normalize("NFKC", _ACCENT.sub(r"\1", unicodedata.normalize("NFKD", folded)))
    words = _WORD.findall(folded)
    one = len(words) < 2 and sum(map(len, words)) < SINGLE
    return "" if one or _TWO_NUMBERS.search(folded) else " ".join(sorted(words))


def first_artist(name: str) -> tuple[str, ...]:
    """What the first artist of a name, before `feat.`, `&` and the like, has in common with the same one written in ASCII: in lower case,
    its words in any order, umlauts as two letters and, beside that, as one; nothing of a name without letters of ours.

    >>> first_artist("Jürgen Müller feat. Lumen"), first_artist("Juergen Mueller"), first_artist("Bjørn")
    (('juergen mueller', 'jurgen muller'), ('juergen mueller',), ('bjoern', 'bjorn'))
    """
    folded = _BESIDE.split(_folded(name).strip(), maxsplit=1)[0]
    if _TWO_NUMBERS.search(folded):
        return (folded,)
    forms = (folded.translate(_TWO_LETTERS), folded.translate(_ONE_LETTER))
    plain = (_ACCENT.sub(r"\1", unicodedata.normalize("NFKD", form)) for form in forms)
    return tuple(dict.fromkeys(" ".join(sorted(_WORD.findall(form))) for form in plain if any(map(str.isalpha, form))))


def one_letter_apart(names: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of a name and another that may be one person's, mistyped: both of several words, WHOLE letters or more and no digit, and one of
    the words, of PART letters or more, one letter apart. Those that `words_in_any_order` takes for one are not among them. Of very many
    names none is compared.

    >>> one_letter_apart(["John Smith", "Quartet A", "Ann Lee"], ["Jon Smith", "Quartet B", "Anna Lee"])
    [('John Smith', 'Jon Smith')]
    """
    sides = [{name: words for name in dict.fromkeys(side) if len(words := _words(name)) > 1 and _is_long(name)} for side in (names, others)]
    if sum(map(len, sides)) > COMPARED:
        return []
    near: dict[str, list[str]] = defaultdict(list)
    for other, words in sides[1].items():
        for key in _shortened(words):
            near[key].append(other)
    pairs = {(name, other): None for name, words in sides[0].items() for key in _shortened(words) for other in near.get(key, ())}
    return [
        (name, other)
        for name, other in pairs
        if _one_letter(sides[0][name], sides[1][other], PART) and words_in_any_order(name) != words_in_any_order(other)
    ]


def _is_long(name: str) -> bool:
    return sum(map(str.isalpha, name)) >= WHOLE and not re.search(r"[\d/]", name)


def _shortened(words: Sequence[str]) -> Iterator[str]:
    """The name, and all that it is without one of its letters."""
    text = " ".join(words)
    yield text
    for place in range(len(text)):
        yield text[:place] + text[place + 1 :]


@dataclass(frozen=True)
class SimilarNames:
    """Names of labels, the most frequent first, and in what they differ at most. counts: clips that carry each."""

    names: tuple[str, ...]
    counts: tuple[int, ...]
    why: str


def similar_names(counts: Mapping[str, int]) -> list[SimilarNames]:
    """Groups of label names that look like one name. counts: clips by name.

    The same key or number, the same letters whatever their case, spaces, hyphens and Unicode composition, singular and plural, and a rare
    name one letter away from a frequent one; a pair is reported once, for the first of these.

    >>> [alike.names for alike in similar_names({"C# minor": 9, "Db minor": 2, "Hip-Hop": 5, "hip hop": 4, "violin": 40, "voilin": 1})]
    [('C# minor', 'Db minor'), ('Hip-Hop', 'hip hop'), ('violin', 'voilin')]
    """
    groups: list[SimilarNames] = []
    reported: set[frozenset[str]] = set()

    def tell(names: Iterable[str], why: str) -> None:
        ordered = sorted(names, key=lambda name: (-counts[name], name))
        pairs = set(map(frozenset, itertools.combinations(ordered, 2)))
        if pairs - reported:
            reported.update(pairs)
            groups.append(SimilarNames(tuple(ordered), tuple(counts[name] for name in ordered), why))

    for fold, why in ((_key, "the same key"), (_number, "the same number"), (_letters, "the same letters"), (_singular, "one in plural")):
        for group in _grouped(counts, fold):
            tell(group, why)
    for rare, frequent in _mistyped(counts):
        tell((rare, frequent), "one letter apart")
    return groups


def _grouped(names: Iterable[str], fold: Callable[[str], str]) -> list[list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if folded := fold(name):
            groups[folded].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _key(name: str) -> str:
    with contextlib.suppress(MirbenchError):
        return str(parse_key(name))
    return ""


def _number(name: str) -> str:
    try:
        return repr(float(name))
    except ValueError:
        return ""


def _words(name: str) -> list[str]:
    """In lower case, letters and their accents as one character, `&` as `and`."""
    text = visible(unicodedata.normalize("NFKC", name)).casefold().replace("&", " and ")
    return [word for word in re.split(r"[\s_‐-―−-]+", text) if word]


def _letters(name: str) -> str:
    return "" if _key(name) or _number(name) else "".join(_words(name))


def _singular(name: str) -> str:
    if _key(name) or _number(name):
        return ""
    return "".join(word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in _words(name))


def _mistyped(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """(rare, frequent) names that differ in one letter of a longer word: one too many, too few, another one, or two swapped."""
    words = {name: _words(name) for name in counts if not (_key(name) or re.search(r"\d", name))}
    near: dict[str, list[str]] = defaultdict(list)
    for name, parts in words.items():
        for shortened in _shortened(parts):
            near[shortened].append(name)
    pairs: dict[tuple[str, str], None] = {}
    for group in near.values():
        ordered = sorted(dict.fromkeys(group), key=lambda name: counts[name])
        for rare, frequent in itertools.combinations(ordered, 2):
            if counts[rare] * RARE <= counts[frequent] and _one_letter(words[rare], words[frequent], SHORTEST):
                pairs[rare, frequent] = None
    return list(pairs)


def _one_letter(first: list[str], second: list[str], shortest: int) -> bool:
    """Whether one word differs, by one letter, and is long enough, of `shortest` letters, for that to be a mistake."""
    if len(first) != len(second):
        return False
    differing = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
    if len(differing) != 1 or min(map(len, differing[0])) < shortest:
        return False
    a, b = sorted(differing[0], key=len)
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[start:] == b[start + 1 :] and len(b) - len(a) == 1
    return a[start + 1 :] == b[start + 1 :] or (a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :])
