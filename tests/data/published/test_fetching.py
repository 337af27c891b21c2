"""`mirbench data fetch` against a server on this machine: what is broken off goes on, what is wrong is refused, and nothing leaves its
folder."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest
from publisher import Publisher, publishing

import mirbench
from mirbench.data.published import downloading, fetching, unpacking
from mirbench.errors import MirbenchError
from mirbench.records import Clip
from mirbench.registry.contract import check_noun

AUDIO = {f"songs/{n}.wav": bytes(100) + os.urandom(1 << 17) for n in range(4)}
PIECE = 1 << 14  # bytes that are written at a time
TABLE = b"id,genre\n"


class Songs(mirbench.Dataset):
    name = "songs"
    licence = "CC0"
    annotations = ("genre",)

    def __init__(self, url: str, archive: bytes, kind: str = "zip", parts: int = 1, checked: bool = True) -> None:
        address, more = f"{url}/audio.{kind}", tuple(f"{url}/audio.{kind}.{n}" for n in range(1, parts))
        self.files = (mirbench.Files("table.csv", source=f"{url}/table.csv"), mirbench.Files("songs/*.wav", 4, source=address))
        checksum = f"md5:{hashlib.md5(archive).hexdigest()}" if checked and not more else ""
        unpacked = sum(map(len, AUDIO.values())) / 1e6
        self.downloads = (
            mirbench.Download(f"{url}/table.csv", 0.1, checksum=f"sha256:{hashlib.sha256(TABLE).hexdigest()}"),
            mirbench.Download(address, len(archive) / 1e6, kind, unpacked, checksum, more=more),
        )

    def clips(self, folder: Path) -> list[Clip]:
        return [Clip(path, folder / path, "train", path) for path in AUDIO]


def zipped(files=AUDIO, **options) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", **options) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return packed.getvalue()


def tarred(files=AUDIO, *members: tarfile.TarInfo, mode: str = "w:gz") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return packed.getvalue()


@pytest.fixture
def publisher(monkeypatch):
    monkeypatch.setattr(downloading, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(downloading, "PIECE", PIECE)
    monkeypatch.setenv("MIRBENCH_QUIET", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with publishing() as server:
        yield server


def songs(publisher: Publisher, archive: bytes, kind: str = "zip", parts: int = 1, checked: bool = True) -> Songs:
    """The data set of an archive that the server has, maybe in parts."""
    dataset = Songs(publisher.url, archive, kind, parts, checked)
    size = -(-len(archive) // parts)
    urls = dataset.downloads[1].urls
    publisher.files |= {url.removeprefix(publisher.url): archive[n * size : (n + 1) * size] for n, url in enumerate(urls)}
    publisher.files["/table.csv"] = TABLE
    return dataset


def fetched(dataset: Songs, root: Path) -> Path:
    """The folder of a data set that is fetched and whole."""
    verified = fetching.fetch(fetching.plan_fetch(dataset, root))
    assert verified.whole
    return verified.folder


def refusal(dataset: Songs, root: Path) -> str:
    with pytest.raises(MirbenchError) as refused:
        fetching.fetch(fetching.plan_fetch(dataset, root))
    return str(refused.value)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def below(root: Path) -> list[str]:
    """What is there but what a download goes on from."""
    return [name for name in files_in(root) if fetching.UNFINISHED not in name]


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize(("kind", "archive"), [("zip", zipped()), ("tar", tarred()), ("tar", tarred(mode="w:xz"))])
def test_what_is_published_is_brought_and_whole_and_nothing_else_stays(publisher, tmp_path, kind, archive, parts):
    dataset = songs(publisher, archive, kind, parts)
    folder = fetched(dataset, tmp_path / "new" / "root")
    assert files_in(folder) == {"table.csv": TABLE, **AUDIO}
    assert folder == tmp_path / "new" / "root" / "songs"
    asked = len(publisher.asked)
    assert fetching.plan_fetch(dataset, tmp_path / "new" / "root").wanted == ()
    assert len(publisher.asked) == asked == 1 + parts


def test_what_is_there_already_is_not_asked_for(publisher, tmp_path):
    dataset = songs(publisher, zipped())
    fetched(dataset, tmp_path)
    (tmp_path / "songs" / "songs" / "2.wav").unlink()
    publisher.asked.clear()
    assert files_in(fetched(dataset, tmp_path)) == {"table.csv": TABLE, **AUDIO}
    assert [path for path, _ in publisher.asked] == ["/audio.zip"]


def test_a_broken_connection_goes_on_by_itself(publisher, tmp_path):
    archive = zipped()
    publisher.stops = [len(TABLE), 6 * PIECE, 3 * PIECE]
    fetched(songs(publisher, archive), tmp_path)
    assert [wanted for path, wanted in publisher.asked if path == "/audio.zip"] == [None, f"bytes={6 * PIECE}-", f"bytes={9 * PIECE}-"]


def test_a_command_that_gave_up_goes_on_where_it_was(publisher, tmp_path):
    dataset = songs(publisher, zipped())
    publisher.stops = [len(TABLE), 6 * PIECE] + [0] * downloading.TRIES
    assert "audio.zip cannot be had now (the connection was broken off); what is there of it is kept" in refusal(dataset, tmp_path)
    assert below(tmp_path) == ["songs/table.csv"]
    planned = fetching.plan_fetch(dataset, tmp_path)
    assert planned.megabytes == pytest.approx(dataset.downloads[1].megabytes - 6e-6 * PIECE)
    publisher.asked.clear()
    publisher.stops.clear()
    fetched(dataset, tmp_path)
    assert publisher.asked == [("/audio.zip", f"bytes={6 * PIECE}-")]


@pytest.mark.parametrize("tags", [True, False])
def test_a_file_that_is_another_one_by_now_is_begun_anew(publisher, tmp_path, tags):
    old, new = zipped(), zipped({name: content[::-1] + b"longer" for name, content in AUDIO.items()})
    publisher.tags, publisher.stops = tags, [len(TABLE), 6 * PIECE] + [0] * downloading.TRIES
    refusal(songs(publisher, old), tmp_path)
    publisher.stops.clear()
    folder = fetched(songs(publisher, new), tmp_path)
    assert (folder / "songs" / "0.wav").read_bytes().endswith(b"longer")


def test_a_server_that_ignores_ranges_is_asked_for_all_of_it(publisher, tmp_path):
    publisher.ranges, publisher.stops = False, [len(TABLE), 6 * PIECE]
    assert files_in(fetched(songs(publisher, zipped()), tmp_path)) == {"table.csv": TABLE, **AUDIO}


def test_a_file_that_is_whole_beside_its_place_is_taken(publisher, tmp_path):
    dataset = songs(publisher, zipped())
    fetched(dataset, tmp_path)
    shutil.rmtree(tmp_path / "songs" / "songs")
    content = publisher.files["/audio.zip"]
    part = tmp_path / "songs" / fetching.UNFINISHED / "audio.zip.part"
    part.parent.mkdir()
    part.write_bytes(content)
    note = {"tag": f'"{hashlib.md5(content).hexdigest()}"', "bytes": len(content)}
    part.with_name("audio.zip.part.json").write_text(json.dumps(note))
    publisher.asked.clear()
    fetched(dataset, tmp_path)
    assert publisher.asked == [("/audio.zip", f"bytes={len(content)}-")]


def test_a_busy_server_is_asked_again_and_a_redirect_followed(publisher, tmp_path):
    dataset = songs(publisher, zipped())
    publisher.files["/moved/elsewhere.zip"] = publisher.files.pop("/audio.zip")
    publisher.moved["/audio.zip"] = "/moved/elsewhere.zip"
    publisher.busy, publisher.stops = 2, [len(TABLE), 6 * PIECE]
    assert files_in(fetched(dataset, tmp_path)) == {"table.csv": TABLE, **AUDIO}
    assert ("/moved/elsewhere.zip", f"bytes={6 * PIECE}-") in publisher.asked


def test_a_server_that_stays_busy_or_is_not_there_is_told(publisher, tmp_path):
    publisher.busy = downloading.TRIES
    assert "table.csv cannot be had now (the server answers 503)" in refusal(songs(publisher, zipped()), tmp_path)
    publisher.url = "http://127.0.0.1:9"  # where nobody listens
    assert "table.csv cannot be had now (its server cannot be reached)" in refusal(songs(publisher, zipped()), tmp_path)


def test_what_is_said_to_be_compressed_is_kept_as_it_is(publisher, tmp_path):
    archive = tarred()
    dataset = songs(publisher, archive, "tar")
    publisher.encoding = "gzip"
    dataset.downloads = dataset.downloads[1:]
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "table.csv").write_bytes(TABLE)
    fetched(dataset, tmp_path)


def test_a_missing_address_is_named(publisher, tmp_path):
    dataset = songs(publisher, zipped())
    del publisher.files["/audio.zip"]
    told = refusal(dataset, tmp_path)
    assert f"{publisher.url}/audio.zip is not there (404)" in told
    assert "home page" in told
    assert len(publisher.asked) == 2  # and is not asked for again


def test_another_checksum_is_refused_and_the_file_removed(publisher, tmp_path):
    dataset = songs(publisher, zipped())
    publisher.files["/audio.zip"] = zipped({"songs/0.wav": b"other"})
    told = refusal(dataset, tmp_path)
    assert "/audio.zip is of other content than its publisher states" in told
    assert dataset.downloads[1].checksum.removeprefix("md5:") in told
    assert hashlib.md5(publisher.files["/audio.zip"]).hexdigest() in told
    assert below(tmp_path) == ["songs/table.csv"]
    assert not list(tmp_path.rglob("audio.zip*"))


def test_too_little_disk_is_told_before_anything_is_asked(publisher, tmp_path, monkeypatch):
    dataset = songs(publisher, zipped())
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    assert "make room, or name another disk" in refusal(dataset, tmp_path)
    assert publisher.asked == []


def test_a_disk_that_fills_keeps_what_is_there(publisher, tmp_path, monkeypatch):
    dataset = songs(publisher, zipped())

    class Full(io.FileIO):
        def write(self, data):
            if self.tell() + len(data) > 90_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(downloading, "open", lambda path, mode: Full(path, mode.replace("b", "")), raising=False)
    assert f"the disk of {tmp_path / 'songs'} is full; make room, and the same command goes on" in refusal(dataset, tmp_path)
    monkeypatch.undo()
    publisher.asked.clear()
    monkeypatch.setenv("MIRBENCH_QUIET", "1")
    fetched(dataset, tmp_path)
    ((path, wanted),) = publisher.asked
    assert path == "/audio.zip"
    assert 0 < int(wanted.removeprefix("bytes=").removesuffix("-")) <= 90_000


def test_a_folder_that_cannot_be_written_is_a_sentence(publisher, tmp_path):
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / fetching.UNFINISHED).write_text("in the way")
    assert "cannot" in refusal(songs(publisher, zipped()), tmp_path)
    (tmp_path / "file").touch()
    assert "is not a folder" in refusal(songs(publisher, zipped()), tmp_path / "file")


@pytest.mark.parametrize("path", ["../out.wav", "/out.wav", "songs/../../out.wav", "songs\\..\\..\\out.wav", "C:/out.wav", "\\out.wav"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_no_path_leaves_the_folder(publisher, tmp_path, kind, path):
    files = {path: b"x"}
    archive = zipped(files) if kind == "zip" else tarred(files)
    told = refusal(songs(publisher, archive, kind), tmp_path / "root")
    assert "would lie outside the folder" in told
    assert below(tmp_path) == ["root/songs/table.csv"]


def linked(kind: bytes) -> bytes:
    member = tarfile.TarInfo("songs/link.wav")
    member.type, member.linkname = kind, "../../../etc/passwd"
    return tarred({}, member)


def zipped_link() -> bytes:
    info = zipfile.ZipInfo("songs/link.wav")
    info.external_attr = 0o120777 << 16
    return zipped({info: "/etc/passwd"})


@pytest.mark.parametrize(
    ("kind", "archive"),
    [("zip", zipped_link()), *(("tar", linked(kind)) for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE))],
)
def test_links_and_devices_are_refused(publisher, tmp_path, kind, archive):
    assert "is a link, or no file at all" in refusal(songs(publisher, archive, kind), tmp_path)
    assert below(tmp_path) == ["songs/table.csv"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_bomb_is_stopped(publisher, tmp_path, kind):
    bomb = {"songs/0.wav": bytes(4 << 20)}
    archive = zipped(bomb, compression=zipfile.ZIP_DEFLATED) if kind == "zip" else tarred(bomb)
    assert len(archive) < 10_000
    assert "twice what the data set is known to have" in refusal(songs(publisher, archive, kind), tmp_path)
    assert below(tmp_path) == ["songs/table.csv"]


def test_an_archive_of_too_many_files_is_stopped(publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MOST_FILES", 2)
    assert "not unpacked any further" in refusal(songs(publisher, zipped()), tmp_path)


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("checked", [True, False])
def test_a_damaged_archive_is_got_anew_where_no_checksum_vouches_for_it(publisher, tmp_path, kind, checked):
    whole = zipped() if kind == "zip" else tarred()
    archive = whole[: len(whole) // 2 + 5000] if kind == "tar" else whole[:-30]
    dataset = songs(publisher, archive, kind, checked=checked)
    assert f"audio.{kind} is damaged" in refusal(dataset, tmp_path)
    assert bool(list(tmp_path.rglob(f"audio.{kind}"))) is checked
    publisher.asked.clear()
    fetched(songs(publisher, whole, kind, checked=checked), tmp_path)
    assert [path for path, _ in publisher.asked] == [f"/audio.{kind}"]


def test_unpacking_goes_on_after_the_files_that_are_there(tmp_path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped())
    (tmp_path / "out" / "songs").mkdir(parents=True)
    size = len(AUDIO["songs/1.wav"])
    (tmp_path / "out" / "songs" / "1.wav").write_bytes(bytes(size))  # of the same size: as it is
    (tmp_path / "out" / "songs" / "2.wav").write_bytes(b"half")
    assert unpacking.unpack([archive], "zip", tmp_path / "out", 1e9) == 4
    assert files_in(tmp_path / "out") == {**AUDIO, "songs/1.wav": bytes(size)}


def test_an_archive_with_a_folder_of_its_own_is_found_in_it(publisher, tmp_path):
    archive = zipped({f"songs-v2/{path}": content for path, content in (AUDIO | {"table.csv": TABLE}).items()})
    dataset = songs(publisher, archive)
    dataset.downloads = dataset.downloads[1:]
    dataset.files = tuple(mirbench.Files(files.path, files.count, source=dataset.downloads[0].url) for files in dataset.files)
    publisher.stops = [6 * PIECE] + [0] * downloading.TRIES
    refusal(dataset, tmp_path)
    publisher.stops.clear()
    assert fetched(dataset, tmp_path) == tmp_path / "songs" / "songs-v2"
    assert fetching.plan_fetch(dataset, tmp_path).wanted == ()


def test_what_cannot_be_fetched_says_what_to_do():
    class Form(mirbench.Dataset):
        name, access = "form", "Fill in the form."
        files = (mirbench.Files("a.csv"),)

    class Own(mirbench.Dataset):
        name, location = "own", Path("songs.csv")

    for dataset, words in ((Form(), "to get it: Fill in the form; `mirbench data where form`"), (Own(), "`mirbench data check songs.csv`")):
        with pytest.raises(MirbenchError) as refused:
            fetching.plan_fetch(dataset, None)
        assert words in str(refused.value)


def test_the_place_must_be_named(publisher):
    with pytest.raises(MirbenchError, match="--data-root DIR"):
        fetching.plan_fetch(songs(publisher, zipped()), None)


@pytest.mark.parametrize(
    ("downloads", "words"),
    [
        (mirbench.Download("https://a.org/b.csv", 1), "a tuple of mirbench.Download"),
        ((mirbench.Download("ftp://a.org/b.csv", 1),), "begin with https:// or http://"),
        ((mirbench.Download("https://a.org/other.csv", 1),), "the source of none of its files"),
        ((mirbench.Download("https://a.org/b.csv", 1, "rar", 2),), "'zip' or 'tar'"),
        ((mirbench.Download("https://a.org/b.csv", 1, "zip"),), "how many it has unpacked"),
        ((mirbench.Download("https://a.org/b.csv", 1, checksum="md5:abc"),), "with the digest"),
        ((mirbench.Download("https://a.org/b.csv", 1, checksum="md5:" + 32 * "0", more=("https://a.org/c",)),), "not of parts"),
    ],
)
def test_a_plugin_that_states_downloads_amiss_is_refused(downloads, words):
    dataset = Songs("https://a.org", b"")
    dataset.files = (mirbench.Files("b.csv", source="https://a.org/b.csv"),)
    dataset.downloads = (mirbench.Download("https://a.org/b.csv", 1),)
    check_noun("dataset", dataset, "songs.py")
    dataset.downloads = downloads
    with pytest.raises(MirbenchError) as refused:
        check_noun("dataset", dataset, "songs.py")
    assert words in str(refused.value)
