"""mirdata as an adapter: with a stand-in of its interface, and its true loaders on miniature data, which need no network."""

import json
import logging
import random
import sys
import types

import pytest

import mirbench
from mirbench.data.manifests.own import own_dataset
from mirbench.data.published.from_mirdata import MirdataDataset
from mirbench.data.splits import check_clips
from mirbench.registry.contract import check_noun


class Track:
    def __init__(self, track_id, **attributes):
        self.track_id = track_id
        self.__dict__.update({"audio_path": f"/audio/{track_id}.wav", **attributes})


class Broken(Track):
    @property
    def genre(self):
        raise self.error


class Source:
    """As mirdata.core.Dataset."""

    def __init__(self, tracks, splits=None, ids=None):
        self.tracks, self.splits, self.ids = {track.track_id: track for track in tracks}, splits, ids

    @property
    def track_ids(self):
        if self.ids:
            raise self.ids
        return list(self.tracks)

    def track(self, track_id):
        return self.tracks[track_id]

    def get_track_splits(self):
        random.random()  # mirdata draws from the global generator here
        if self.splits is None:
            raise NotImplementedError("no official split")
        return self.splits


@pytest.fixture
def mirdata(monkeypatch, tmp_path):
    """Makes a stand-in that has one data set, `tunes`; returns the adapter to it."""

    def made(tracks=(), root=tmp_path, name="tunes", **options):
        module = types.ModuleType("mirdata")
        module.__version__ = "1.0.0"
        module.list_datasets = lambda: ["tunes", "irmas", "gtzan_genre"]
        module.initialize = lambda name, data_home: Source(tracks, **options)
        monkeypatch.setitem(sys.modules, "mirdata", module)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        (tmp_path / name).mkdir(exist_ok=True)
        return MirdataDataset(name, f"mirdata-{name}", root, 0)

    return made


def clips_of(dataset):
    clips = dataset.clips(dataset.location)
    check_clips(dataset.name, clips)
    check_noun("dataset", dataset, "mirdata")
    return clips


def refused(make, *given, **options):
    with pytest.raises(mirbench.MirbenchError) as caught:
        clips_of(make(*given, **options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_mirdata_is_optional(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mirdata", None)
    with pytest.raises(mirbench.MirbenchError) as caught:
        own_dataset("mirdata:tunes", (), data_root=tmp_path, allow_outside=False, split_seed=0)
    assert str(caught.value) == "mirdata:tunes needs the package mirdata; install it by pip install 'mirbench-audio[mirdata]'."


def test_an_unknown_name(mirdata):
    mirdata()
    with pytest.raises(mirbench.MirbenchError) as caught:
        own_dataset("mirdata:gtzan", (), data_root=None, allow_outside=False, split_seed=0)
    assert str(caught.value) == ("no data set of mirdata is named 'gtzan'; did you mean 'gtzan_genre'? Known: gtzan_genre, irmas, tunes.")


def test_its_name_and_where_it_lies(mirdata, tmp_path):
    mirdata()
    options = {"allow_outside": False, "split_seed": 0}
    data = own_dataset("mirdata:tunes", ("mirdata-tunes",), data_root=tmp_path, **options)
    assert (data.name, data.location, data.version) == ("mirdata-tunes-2", tmp_path / "tunes", "mirdata 1.0.0")
    assert data.on_disk
    usual = tmp_path / "home" / "mir_datasets" / "tunes"
    assert own_dataset("mirdata:tunes", (), data_root=None, **options).location == usual
    usual.mkdir(parents=True)
    assert own_dataset("mirdata:tunes", (), data_root=tmp_path, **options).location == tmp_path / "tunes"
    assert own_dataset("mirdata:tunes", (), data_root=tmp_path / "other", **options).location == usual


def test_annotations_of_the_attributes_that_tracks_have(mirdata):
    class Keys:
        keys = ["N", "Eb:min", "D# minor"]

    tracks = [
        Track("1", genre="rock", key="Gb major\n", pitch_id=60, tags=["b", "a", "b"], instrument="flute", artist="x"),
        Track("2", genres={"genres": ["techno"], "sub_genres": []}, key=["Bbm"], semitone="61", instrument=["cel"], technique_full="trill"),
        Track("3", genres={"genres": ["a", "b"]}, key=["C", "D"], instrument=["a", "b"], pitch=[1.0, 2.0], singer_id="s"),
        Track("4", key="x", tags=None, pitch_id=500, genre="", genres=["folk"]),
        Track("5", key=Keys(), instruments={"flute": 0.9, "harp": 0.1}),
        Track("6", key="F# minor", mode="solo", instruments={"drums": 0.5}),
        Track("7", audio_path=None),
        Track("8", audio_path=None, audio_mix_path="/audio/mix.wav"),
    ]
    data = mirdata(tracks)
    clips = {clip.id: clip for clip in clips_of(data)}
    assert {name: clip.annotations for name, clip in clips.items()} == {
        "1": {"genre": "rock", "key": "F# major", "pitch": 60, "tags": ("a", "b"), "instrument": "flute"},
        "2": {"genre": "techno", "key": "Bb minor", "pitch": 61, "instrument": "cel", "technique": "trill"},
        "3": {"singer": "s"},
        "4": {},
        "5": {"key": "Eb minor", "tags": ("flute",), "tags_unknown": ("drums",)},
        "6": {"key": "F# minor", "tags": ("drums",), "tags_unknown": ("flute", "harp")},
        "8": {},
    }
    assert data.annotations == ("genre", "instrument", "key", "pitch", "singer", "tags", "technique")
    assert (clips["1"].group, clips["3"].group, clips["4"].group, clips["8"].path.name) == ("x", "s", "4", "mix.wav")


def test_groups(mirdata):
    tracks = [
        Track("1", artist_id="artist_1", artist="x"),
        Track("2", artists=["b", "a"]),
        Track("3", song_id=7),
        Track("4", sound_info={"id": 3, "player": None}),
        Track("5", artist=float("nan"), song_id=None),
        Track("6", artist=" "),
    ]
    assert [clip.group for clip in clips_of(mirdata(tracks))] == ["artist_1", "a, b", "7", "3", "5", "6"]
    excerpts = [Track(f"{i}__{j}", genre="a") for i in range(9) for j in range(3)]
    assert {clip.group for clip in clips_of(mirdata(excerpts, name="irmas"))} == {str(i) for i in range(9)}


def many(count=40, **attributes):
    return [Track(str(i), genre="ab"[i % 2], **{name: value(i) for name, value in attributes.items()}) for i in range(count)]


def test_splits_that_mirdata_has(mirdata):
    splits = {"split01_train": [str(i) for i in range(20)], "validation": ["20", "21"], "test": ["22", "23"], "omitted": ["24"], "": ["25"]}
    data = mirdata(many(26), splits=splits)
    assert [clip.split for clip in clips_of(data)] == ["train"] * 20 + ["valid"] * 2 + ["test"] * 2
    assert data.split_rule == "as mirdata says, without 2 clips that are in no split or whose group is in a later one"


def test_a_split_of_its_attribute(mirdata):
    data = mirdata(many(subset=lambda i: "training" if i < 20 else "validation" if i < 30 else "test"))
    assert {clip.split for clip in clips_of(data)} == {"train", "valid", "test"}
    assert data.split_rule == "as mirdata says"


def test_splits_without_valid_and_with_groups_across(mirdata):
    splits = {"train": [str(i) for i in range(30)], "test": [str(i) for i in range(30, 40)]}
    data = mirdata(many(artist=lambda i: f"a{i % 35}"), splits=splits)
    clips = clips_of(data)
    assert len(clips) == 35
    assert data.split_rule.startswith(
        "as mirdata says, without 5 clips that are in no split or whose group is in a later one; no valid split"
    )
    assert {clip.split for clip in clips} == {"train", "valid", "test"}


@pytest.mark.parametrize("splits", [None, {0: ["0"], 1: ["1"]}, {"benchmark": ["0"]}, {"train": ["elsewhere"]}])
def test_no_splits_or_folds_are_assigned(mirdata, splits):
    data = mirdata(many(), splits=splits)
    assert {clip.split for clip in clips_of(data)} == {"train", "valid", "test"}
    assert data.split_rule.startswith("no published split: whole groups (by track), 70/15/15 % train/valid/test")


def test_the_global_generators_are_left_as_they_were(mirdata):
    data = mirdata(many())
    state = random.getstate()
    clips_of(data)
    assert random.getstate() == state


def test_what_is_missing(mirdata, tmp_path):
    get = "get it by python -c \"import mirdata; mirdata.initialize('tunes', data_home="
    missing = FileNotFoundError("This dataset's index must be downloaded. Did you run .download()?")
    assert refused(mirdata, ids=missing).startswith(f"mirdata's index of tunes is not on this machine; {get}")
    assert refused(mirdata, ids=missing).endswith(".download(partial_download=['index'])\".")
    assert refused(mirdata, root=tmp_path / "no").startswith(f"mirdata's tunes is not in {tmp_path / 'no' / 'tunes'}; {get}")
    assert "has no tracks, only multitracks" in refused(mirdata, ids=AttributeError("no tracks"))
    assert "has no audio of its tracks" in refused(mirdata, [Track("1", audio_path=None)])
    gone = Broken("1", error=FileNotFoundError("Metadata not found.\nDid you run .download()?"))
    assert f"mirdata's tunes is not complete in {tmp_path / 'tunes'} (FileNotFoundError: Metadata not found." in refused(mirdata, [gone])
    assert "mirdata cannot read 'genre' of tunes, track 1 (KeyError: 'x')" in refused(mirdata, [Broken("1", error=KeyError("x"))])


# The true package: its loaders read files that are written here, and an index of them in the place of the one that is downloaded.


@pytest.fixture
def real(monkeypatch, tmp_path):
    """Returns a function that gives the adapter to a true loader, of an index of tracks and the text of files."""
    core = pytest.importorskip("mirdata.core")
    monkeypatch.setattr(core.Index, "get_path", lambda self: str(tmp_path / "index.json"))

    def made(name, tracks, files=()):
        (tmp_path / "index.json").write_text(json.dumps({"version": "1.0", "tracks": tracks}))
        for path, text in dict(files).items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        (tmp_path / name).mkdir(exist_ok=True)
        return MirdataDataset(name, "mirdata-it", tmp_path, 0)

    return made


def one(name, **files):
    return {part: [path, "0" * 32] for part, path in files.items()}


def test_true_gtzan(real, tmp_path):
    tracks = {
        f"{genre}.{i:05d}": one("x", audio=f"gtzan_genre/genres/{genre}/{genre}.{i:05d}.wav", beats=None, tempo=None)
        for genre in ("blues", "hiphop")
        for i in range(10)
    }
    handlers = list(logging.getLogger().handlers)
    clips = clips_of(real("gtzan_genre", tracks))
    assert logging.getLogger().handlers == handlers
    assert {clip.annotations["genre"] for clip in clips} == {"blues", "hip-hop"}
    assert clips[0].path == tmp_path / "gtzan_genre" / "gtzan_genre" / "genres" / "blues" / "blues.00000.wav"
    assert {clip.split for clip in clips} == {"train", "valid", "test"}


@pytest.mark.parametrize("name", ["giantsteps_key", "beatport_key"])
def test_true_keys(real, name):
    meta = {"bpm": 120, "artists": [{"name": "b"}, {"name": "a"}], "genres": [{"name": "Techno"}], "sub_genres": []}
    files = {"1.key": "Eb minor", "2.key": "D minor | E major" if name == "beatport_key" else "d\n", "m.json": json.dumps(meta)}
    tracks = {i: one(i, audio=f"{i}.mp3", key=f"{i}.key", meta="m.json") for i in ("1", "2")}
    data = real(name, tracks, {**files, "3.key": "A major"})
    with pytest.raises(mirbench.MirbenchError, match="cannot be split"):  # of one group of artists
        clips_of(data)
    found = data._tracks()[0]
    assert [clip.annotations for clip in found] == [{"genre": "Techno", "key": "Eb minor"}, {"genre": "Techno"}]
    assert {clip.group for clip in found} == {"a, b"}


def test_true_fma_keys_have_a_mode(real):
    text = "track_id,spotify_uri,key_and_mode\n1,u,F# minor\n2,u,C Major\n"
    data = real("fma_keys", {i: one(i, audio=f"{i}.mp3") for i in "12"}, {"fma_keys_metadata.csv": text})
    assert [clip.annotations["key"] for clip in data._tracks()[0]] == ["F# minor", "C major"]


def test_true_medley_solos(real):
    rows = [("a", "training", 0), ("b", "training", 1), ("c", "validation", 2), ("d", "test", 3)]
    text = "subset,instrument,instrument_id,song_id,uuid4\n" + "".join(f"{s},flute,3,{n},{i}\n" for i, s, n in rows)
    tracks = {i: one(i, audio=f"audio/{i}.wav") for i, _, _ in rows}
    data = real("medley_solos_db", tracks, {"annotation/Medley-solos-DB_metadata.csv": text})
    assert [(c.split, c.group, c.annotations) for c in clips_of(data)] == [
        ("train", "0", {"instrument": "flute"}),
        ("train", "1", {"instrument": "flute"}),
        ("valid", "2", {"instrument": "flute"}),
        ("test", "3", {"instrument": "flute"}),
    ]
    assert data.split_rule == "as mirdata says"


def test_true_tinysol_has_folds(real):
    head = "Path,Fold,Family,Instrument (abbr.),Instrument (in full),Technique (abbr.),Technique (in full),Pitch,Pitch ID,"
    head += "Dynamics,Dynamics ID,Instance ID,String ID (if applicable),Needed digital retuning\n"
    row = "Brass/{0}.wav,{1},Brass,BTb,Bass Tuba,ord,ordinario,A#1,34,ff,4,0,,FALSE\n"
    text = head + "".join(row.format(i, i % 5) for i in range(10))
    data = real("tinysol", {str(i): one(i, audio=f"audio/Brass/{i}.wav") for i in range(10)}, {"annotation/TinySOL_metadata.csv": text})
    clips = clips_of(data)
    assert clips[0].annotations == {"pitch": 34, "instrument": "Bass Tuba", "technique": "ordinario"}
    assert data.split_rule.startswith("no published split: whole groups (by track), ")


def test_true_jamendo_moods(real):
    names = {"train": ["1", "2"], "validation": ["3"], "test": ["4"]}
    head = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
    row = "{0}\tartist_{0}\talbum\t{0}.mp3\t10.0\tmood/theme---happy\tmood/theme---sad\n"
    files = {"data/autotagging_moodtheme.tsv": head + "".join(row.format(i) for i in "1234")}
    for number in range(5):
        for split, ids in names.items():
            path = f"data/splits/split-{number}/autotagging_moodtheme-{split}.tsv"
            files[path] = head + "".join(row.format(i) for i in (ids if number == 0 else ["1"]))
    data = real("mtg_jamendo_autotagging_moodtheme", {i: one(i, audio=f"audios/{i}.mp3") for i in "1234"}, files)
    clips = clips_of(data)
    assert [clip.split for clip in clips] == ["train", "train", "valid", "test"]
    assert (clips[0].annotations, clips[0].group) == ({"tags": ("happy", "sad")}, "artist_1")


def test_true_irmas(real):
    names = [f"audio/train/cel/[cel][cla]{i:04d}__{j}.wav" for i in range(4) for j in (1, 2)]
    tracks = {f"{i // 2:04d}__{i % 2 + 1}": {"audio": [name, ""], "annotation": [None, None]} for i, name in enumerate(names)}
    tracks["1"] = {"audio": ["audio/test/x.wav", ""], "annotation": ["audio/test/x.txt", ""]}
    data = real("irmas", tracks, {"audio/test/x.txt": "cel\t\nvio\t\n"})
    clips = {clip.id: clip for clip in clips_of(data)}
    assert clips["0000__1"].annotations == {"genre": "cla", "instrument": "cel"}
    assert clips["0000__1"].split == clips["0000__2"].split
    assert (clips["1"].split, clips["1"].annotations) == ("test", {})


def test_true_data_that_are_not_downloaded(real, tmp_path):
    with pytest.raises(mirbench.MirbenchError, match=r"mirdata's fma_keys is not complete in .* \(FileNotFoundError: Metadata not found"):
        clips_of(real("fma_keys", {"1": one("1", audio="1.mp3")}))
    data = real("gtzan_genre", {})
    (tmp_path / "index.json").unlink()
    with pytest.raises(mirbench.MirbenchError, match="mirdata's index of gtzan_genre is not on this machine; get it by python -c "):
        clips_of(data)


def test_true_openmic(real):
    rows = [("0_1", "train"), ("1_1", "train"), ("2_1", "test"), ("3_1", "test")]
    text = "track_genres,track_title,artist_name,sample_key,x\n"
    text += "".join(f"\"[{{'genre_title': 'Rock'}}]\",t,artist {i},{key},0\n" for i, (key, _) in enumerate(rows))
    labels = "sample_key,instrument,relevance,num_responses\n0_1,flute,0.9,3\n0_1,organ,0.1,3\n"
    labels += "1_1,organ,0.7,3\n2_1,flute,0.2,3\n3_1,organ,1.0,3\n"
    files = {"openmic-2018-metadata.csv": text, "openmic-2018-aggregated-labels.csv": labels}
    for split in ("train", "test"):
        files[f"partitions/split01_{split}.csv"] = "".join(f"{key}\n" for key, of in rows if of == split)
    clips = clips_of(real("openmic2018", {key: one(key, audio=f"audio/{key}.ogg", vggish="v.json") for key, _ in rows}, files))
    assert sorted(clip.split for clip in clips) == ["test", "test", "train", "valid"]
    assert [clip.annotations for clip in clips] == [
        {"tags": ("flute",), "tags_unknown": ()},
        {"tags": ("organ",), "tags_unknown": ("flute",)},
        {"tags": (), "tags_unknown": ("organ",)},
        {"tags": ("organ",), "tags_unknown": ("flute",)},
    ]
    assert clips[0].group == "artist 0"


def test_true_good_sounds(real):
    sounds = {str(i): {"id": i, "instrument": "flute", "semitone": 60 + i, "player": f"p{i}", "klass": "", "pack_id": 1} for i in range(4)}
    takes = {str(i): {"sound_id": i // 2, "microphone": "x"} for i in range(8)}
    files = {"sounds.json": json.dumps(sounds), "takes.json": json.dumps(takes), "packs.json": "{}", "ratings.json": "{}"}
    clips = clips_of(real("good_sounds", {i: one(i, audio=f"{i}.wav") for i in takes}, files))
    assert [(clip.group, clip.annotations) for clip in clips[:2]] == [("p0", {"pitch": 60, "instrument": "flute"})] * 2
    assert clips[0].split == clips[1].split
