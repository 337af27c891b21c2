"""What columns of a manifest are called: by the names that are read, and by others that people use."""

from __future__ import annotations

import re
from collections.abc import Collection

CORE = ("path", "id", "start", "duration", "end", "split", "group", "artist")
"""What is no annotation."""

CLASSES = ("genre", "key", "pitch", "instrument", "singer", "technique")
"""Annotations of which a clip has one."""

LABELS = ("tags", *CLASSES)
"""Annotations whose values are classes."""

KNOWN = (*LABELS, "mood", "emotion", "arousal", "valence")
"""Annotations that tasks of the field read: whose labels are spread over splits that are made here."""

PLAIN_NAMES = (*CORE, *KNOWN)
"""Columns that are known in any case; every other is an annotation of the very name that it has."""

CALLED_PATH = {"file", "filename", "file_name", "filepath", "file_path", "audio", "audio_path", "audio_file", "track", "wav"}

MISSING = frozenset(
    (
        *("", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "nil", "null", "(null)", "<null>", "#null!", "none", "(none)", "<none>"),
        *("?", "-", "--", "–", "—", ".", "\\n"),
    )
)
"""Words for a missing value, in lower case: in any cell they mean that it is unknown."""

_CALLED = {
    "start": "offset onset begin begin_time starttime start_time start_sec start_secs start_seconds start_s segment_start clip_start "
    "start_offset",
    "end": "end_time end_sec end_secs end_seconds end_s stop stop_time segment_end clip_end",
    "duration": "length dur length_sec length_seconds duration_s duration_sec duration_secs duration_seconds clip_duration",
    "split": "subset set fold partition data_split dataset_split split_name set_name usage is_test is_train",
    "group": "group_id recording_id work_id album_id speaker_id",
    "artist": "artist_id artist_name artists artist_names artistid track_artist album_artist albumartist performer band composer author",
    "id": "clip_id track_id",
    "tags": "tag labels keywords tag_list",
    "genre": "genres genre_top genre_label top_genre track_genre style",
    "key": "tonality key_label initialkey initial_key musical_key",
    "pitch": "midi note midi_note midi_pitch note_name note_number midi_number pitch_midi pitch_hz f0 f0_hz",
    "instrument": "instruments instrument_name instrument_label instrument_family",
    "mood": "moods mood_label",
    "singer": "singer_id singer_name",
    "technique": "techniques playing_technique",
    "arousal": "arousal_mean",
    "valence": "valence_mean",
    "tempo": "bpm tempo_bpm",
}
_MEANT = {other: name for name, others in _CALLED.items() for other in others.split()}
_A_LABEL = {"label", "class", "target", "category", "y", "class_label", "label_name", "class_name"}


def meant_by(column: str, there: Collection[str]) -> str:
    """The name that is read for what a column of another name is likely to hold; `a label` where it may be that of several; nothing
    where that is there already, or not known. there: the names of all columns.

    >>> meant_by("Track Artist", ["path"]), meant_by("artist_id", ["artist"]), meant_by("label", []), meant_by("title", [])
    ('artist', '', 'a label', '')
    >>> meant_by("startTime", []), meant_by("Start (s)", []), meant_by("offset_ms", []), meant_by("Classes", []), meant_by("album", [])
    ('start', 'start', 'start', 'a label', '')
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", re.sub(r"[(\[].*?[)\]]", "", column).strip())
    plain = re.sub(r"[\s.:-]+", "_", words.lower()).strip("_")
    bare = re.sub(r"_(ms|msec|s|sec|secs|seconds|samples?|frames?|id|ids|name|names)$", "", plain)
    forms = [plain, bare, bare.replace("_", ""), bare.removesuffix("s"), bare.removesuffix("es")]
    if plain not in _MEANT and any(form in _A_LABEL for form in forms):
        return "" if set(LABELS) & set(there) else "a label"
    meant = (_MEANT.get(form, form if form in CORE and form != column.strip().lower() else "") for form in forms)
    name = next(filter(None, meant), "")
    return "" if name in there else name


def is_missing(text: str) -> bool:
    """
    >>> is_missing(" N/A"), is_missing("-"), is_missing("nana")
    (True, True, False)
    """
    return text.strip().lower() in MISSING
