"""Somebody's own file or folder as a data set."""

import os
import sys

import pytest

import mirbench
from mirbench.data.manifests.own import is_own, own_dataset
from mirbench.data.splits import check_clips
from mirbench.registry.contract import check_noun


def own(given, taken=(), data_root=None, allow_outside=False, split_seed=0):
    return own_dataset(str(given), taken, data_root=data_root, allow_outside=allow_outside, split_seed=split_seed)


def clips_of(dataset):
    clips = dataset.clips(dataset.location)
    check_clips(dataset.name, clips)
    check_noun("dataset", dataset, "own")
    return clips


def manifest(folder, name="my.csv", heading="path,genre", rows=40):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(heading + "\n" + "".join(f"{i}.wav,{'ab'[i % 2]}\n" for i in range(rows)))
    return path


def audio(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def refused(*given, **options):
    with pytest.raises(mirbench.MirbenchError) as caught:
        clips_of(own(*given, **options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("given", ["a/b", "./songs", "songs/", ".", "..", "~", "my.csv", "MY.TSV", "a.jsonl.gz", "a.parquet", "mirdata:x"])
def test_what_is_ones_own(given):
    assert is_own(given)


@pytest.mark.parametrize("given", ["mini", "mini-quick", "songs", "csv", "gtzan.old", ""])
def test_what_is_a_name(given):
    assert not is_own(given)


def test_a_manifest_without_splits(tmp_path):
    data = own(manifest(tmp_path))
    assert (data.name, data.annotations, data.location) == ("my", ("genre",), tmp_path / "my.csv")
    assert data.on_disk
    assert not data.files
    assert data.split_rule == ("no split column: whole groups (by file), 70/15/15 % train/valid/test, labels spread alike, split seed 0")
    clips = clips_of(data)
    assert [clip.path.name for clip in clips] == [f"{i}.wav" for i in range(40)]
    assert sum(clip.split == "train" for clip in clips) == 28


def test_the_seed_is_of_the_identity_only_where_it_is_used(tmp_path):
    path = manifest(tmp_path)
    assert own(path).identity() == own(path).identity() != own(path, split_seed=1).identity()
    path.write_text("path,genre,split\n" + "".join(f"{s},a,{s}\n" for s in ("train", "valid", "test")))
    assert own(path).split_rule == "as its split column says"
    assert own(path).identity() == own(path, split_seed=1).identity()
    path.write_text("path,genre,split\n" + "".join(f"{s},a,{s}\n" for s in ("train", "train2", "test")).replace("train2\n", "train\n"))
    assert own(path).split_rule.startswith("as its split column says; no valid split: 15 % of train, by whole groups (by file), ")
    assert own(path).identity() != own(path, split_seed=1).identity()


def test_a_manifest_is_read_once_and_again_when_it_has_changed(tmp_path, monkeypatch):
    from mirbench.data.manifests import own as module

    read = []
    monkeypatch.setattr(module, "load_manifest", lambda path, **kw: read.append(path) or module_load(path, **kw))
    from mirbench.data.manifests.manifest import load_manifest as module_load

    path = manifest(tmp_path)
    data = own(path)
    assert read == []
    before = data.identity()
    assert (data.annotations, len(data.clips(tmp_path)), len(data.split_rule) > 0, len(read)) == (("genre",), 40, True, 1)
    data.clips(tmp_path).clear()
    assert len(data.clips(tmp_path)) == 40
    manifest(tmp_path, rows=41)
    assert (len(data.clips(tmp_path)), len(read)) == (41, 2)
    assert data.identity() != before


def test_without_labels_it_is_for_pretraining_only(tmp_path):
    path = tmp_path / "bare.csv"
    path.write_text("path,artist\na.wav,x\nb.wav,x\n")
    data = own(path)
    assert (data.annotations, data.split_rule) == ((), "no labels: all clips are for pretraining")
    assert [clip.split for clip in clips_of(data)] == ["pretrain", "pretrain"]


def test_unknown_labels_are_no_annotation_of_its_own(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("path,tags,tags_unknown\n" + "".join(f"{i},a|b,c\n" for i in range(9)))
    data = own(path)
    assert data.annotations == ("tags",)
    assert clips_of(data)[0].annotations["tags_unknown"] == ("c",)


def test_names(tmp_path):
    def name(file, *taken):
        return own(manifest(tmp_path, file), taken).name

    assert name("My Songs_v2.csv") == "my-songs-v2"
    assert name("Été.csv.gz") == "ete"
    assert name("音楽.csv") == "own"
    assert name("all.csv").endswith("-all")
    assert name("jazz/data.csv", "data") == "jazz-data"
    assert name("jazz/data.csv", "data", "jazz-data") == "data-2"
    assert own(audio(tmp_path / "My Folder.v1", "a.wav")).name == "my-folder-v1"


def test_a_folder_of_here_is_named_after_it(tmp_path, monkeypatch):
    monkeypatch.chdir(audio(tmp_path / "songs", "a.wav"))
    assert (own(".").name, [clip.id for clip in own(".").clips(tmp_path)]) == ("songs", ["a.wav"])


def test_what_is_not_there_names_what_is_beside_it(tmp_path):
    manifest(tmp_path, "songs.csv")
    assert refused(tmp_path / "song.csv") == (
        f"there is no file or folder {tmp_path / 'song.csv'} to read a data set from; did you mean 'songs.csv'?"
    )
    assert refused(tmp_path / "x.csv").endswith(f"to read a data set from; look for it in {tmp_path}.")
    assert refused(tmp_path / "no" / "x.csv").endswith("; its folder is not there either.")


def test_what_is_no_data_set(tmp_path):
    (tmp_path / "empty.csv").touch()
    assert refused(tmp_path / "empty.csv") == f"the manifest {tmp_path / 'empty.csv'} is empty; it needs a line per clip, with its path."
    assert "has a heading and no clips" in refused(manifest(tmp_path, "heading.csv", rows=0))
    audio(tmp_path, "a.wav", "notes.xlsx", "folder/readme.txt")
    assert refused(tmp_path / "a.wav") == f"{tmp_path / 'a.wav'} is an audio file; give the folder that holds it, or a manifest."
    assert "is no manifest: it has none of the endings .csv, .tsv, " in refused(tmp_path / "notes.xlsx")
    assert refused(tmp_path / "folder") == (
        f"the folder {tmp_path / 'folder'} holds no audio file; 1 other file ignored; give one that holds some."
    )
    said = refused(manifest(tmp_path, "one.csv", rows=1))
    assert said.startswith(f"{tmp_path / 'one.csv'}: the clips are of 1 group, which cannot be split into train, valid, test: ")
    assert "cannot be read" in refused("a\0b/c.csv") or "there is no file" in refused("a\0b/c.csv")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other pipes and links")
def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    assert refused(tmp_path / "pipe.csv") == (
        f"the manifest {tmp_path / 'pipe.csv'} is a named pipe; give a file, since it is read more than once."
    )
    (tmp_path / "endless.csv").symlink_to("/dev/zero")
    assert "endless.csv is a device; give a file" in refused(tmp_path / "endless.csv")
    with pytest.raises(mirbench.MirbenchError, match="is a named pipe"):
        mirbench.read_manifest(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert refused(tmp_path / "loop.csv") == f"{tmp_path / 'loop.csv'} is a link that leads back to itself; give the file or folder itself."
    (tmp_path / "broken.csv").symlink_to("gone.csv")
    assert "broken.csv is a link to a file that is missing; give" in refused(tmp_path / "broken.csv")


def test_the_root_and_the_permission_reach_the_manifest(tmp_path):
    path = tmp_path / "lists" / "a.csv"
    path.parent.mkdir()
    path.write_text("path,genre\n../x.wav,a\n../y.wav,b\n../z.wav,a\n")
    assert "give --allow-outside" in refused(path)
    for options in ({"data_root": tmp_path}, {"allow_outside": True}):
        assert clips_of(own(path, **options))[0].path == tmp_path / "x.wav"


GENRES = [f"{genre}/{i}.wav" for genre in ("jazz", "rock") for i in range(10)]


def test_sub_folders_are_genres(tmp_path):
    audio(tmp_path, *GENRES, "rock/live/deep/x.MP3", "rock/cover.jpg", "loose.flac", "Thumbs.db")
    audio(tmp_path, ".hidden/a.wav", "rock/.b.wav", "rock/._0.wav", "__MACOSX/rock/0.wav")
    data = own(tmp_path)
    clips = {clip.id: clip for clip in clips_of(data)}
    assert len(clips) == 22
    assert list(clips) == sorted(clips)
    assert data.annotations == ("genre",)
    assert clips["rock/live/deep/x.MP3"].annotations == {"genre": "rock"}
    assert clips["jazz/3.wav"].path == tmp_path / "jazz" / "3.wav"
    assert (clips["loose.flac"].annotations, clips["loose.flac"].split) == ({}, "pretrain")
    assert data.split_rule == (
        "no split folders: whole groups (by file), 70/15/15 % train/valid/test, labels spread alike, split seed 0; "
        "groups without labels are for pretraining; 1 other file ignored"
    )
    for genre in ("jazz", "rock"):
        assert {clip.split for clip in clips.values() if clip.annotations.get("genre") == genre} == {"train", "valid", "test"}


def test_one_sub_folder_is_no_genre(tmp_path):
    data = own(audio(tmp_path, "songs/a.wav", "songs/b.wav", "pictures/c.jpg"))
    assert (data.annotations, {clip.split for clip in clips_of(data)}) == ((), {"pretrain"})


def test_folders_named_after_splits(tmp_path):
    audio(tmp_path, *(f"{split}/{name}" for split in ("Training", "val", "test") for name in ("a/1.wav", "b/1.wav")))
    data = own(tmp_path)
    assert data.split_rule == "as its folders say"
    found = {clip.id: (clip.split, clip.annotations["genre"]) for clip in clips_of(data)}
    assert found["Training/a/1.wav"] == ("train", "a")
    assert found["val/b/1.wav"] == ("valid", "b")
    assert own(tmp_path).identity() == own(tmp_path, split_seed=1).identity()


def test_split_folders_without_valid(tmp_path):
    audio(tmp_path, *(f"{split}/{name}" for split in ("train", "test") for name in GENRES))
    data = own(tmp_path)
    assert data.split_rule.startswith("as its folders say; no valid split: 15 % of train, by whole groups (by file), ")
    assert {clip.split for clip in clips_of(data) if clip.id.startswith("train/")} == {"train", "valid"}
    assert {clip.split for clip in clips_of(data) if clip.id.startswith("test/")} == {"test"}


def test_links_are_followed_and_circles_are_not(tmp_path):
    audio(tmp_path / "data", "a/1.wav", "a/2.wav", "b/1.wav", "b/2.wav")
    audio(tmp_path / "elsewhere", "3.wav")
    (tmp_path / "data" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "a" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "0 also a").symlink_to(tmp_path / "data" / "a")
    (tmp_path / "data" / "b" / "same.wav").symlink_to(tmp_path / "data" / "a" / "1.wav")
    (tmp_path / "data" / "b" / "loop.wav").symlink_to(tmp_path / "data" / "b" / "loop.wav")
    (tmp_path / "data" / "loop").symlink_to(tmp_path / "data" / "loop")
    (tmp_path / "data" / "b" / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    clips = {clip.id: clip for clip in clips_of(own(tmp_path / "data"))}
    assert sorted(clips) == ["a/1.wav", "a/2.wav", "b/1.wav", "b/2.wav", "b/gone.wav", "b/loop.wav", "b/same.wav", "c/3.wav"]
    assert clips["b/same.wav"].group == clips["a/1.wav"].group == "a/1.wav"
    assert clips["b/same.wav"].split == clips["a/1.wav"].split


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_file_is_left_to_whoever_reads_it(tmp_path):
    audio(tmp_path, "a/1.wav", "b/folder.wav/2.wav")
    os.mkfifo(tmp_path / "a" / "pipe.wav")
    assert [clip.id for clip in own(tmp_path).clips(tmp_path)] == ["a/1.wav", "a/pipe.wav", "b/folder.wav/2.wav"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names their own way")
def test_names_that_are_not_utf8_or_that_read_alike(tmp_path):
    raw = os.fsencode(tmp_path)
    for name in (b"caf\xe9/1.wav", "e\u0301/2.wav".encode(), "é/2.wav".encode(), b"rock/\xff\n.wav"):
        os.makedirs(os.path.dirname(raw + b"/" + name), exist_ok=True)
        with open(raw + b"/" + name, "wb"):
            pass
    clips = clips_of(own(tmp_path))
    assert [clip.id for clip in clips] == ["caf\\xe9/1.wav", "rock/\\xff\n.wav", "é/2.wav", "é/2.wav#2"]
    assert {clip.annotations["genre"] for clip in clips} == {"caf\\xe9", "rock", "é"}
    assert all(clip.path.exists() for clip in clips)
    assert "\ufffd" not in own(tmp_path).identity()
    own(tmp_path).identity().encode()


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid"), reason="no permissions of this kind")
def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    audio(tmp_path, *GENRES, "closed/a.wav")
    scandir = os.scandir

    def closed(path):
        if os.fspath(path) in shut:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    shut = {str(tmp_path / "closed")}
    monkeypatch.setattr(os, "scandir", closed)
    data = own(tmp_path)
    assert data.split_rule.endswith("split seed 0; folders that cannot be read: closed")
    shut.add(str(tmp_path))
    assert f"the folder {tmp_path} cannot be read (PermissionError: " in refused(tmp_path)


def test_another_file_in_the_folder_is_another_identity(tmp_path):
    before = own(audio(tmp_path, *GENRES)).identity()
    assert own(tmp_path).identity() == before
    assert own(audio(tmp_path, "rock/new.wav")).identity() != before


def test_a_fault_of_a_row_is_told_with_what_tells_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.csv").write_text("path,start\na.wav,x\nb.wav,y\n")
    with pytest.raises(mirbench.MirbenchError) as refused:
        own_dataset("my.csv", (), data_root=None, allow_outside=False, split_seed=0).clips(tmp_path)
    assert str(refused.value).startswith("my.csv, line 2: ")
    assert str(refused.value).endswith("; `mirbench data check my.csv` tells all.")
