"""`mirbench data fetch` and `mirbench data sample`, as they are typed."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from publisher import publishing
from songs import songs

from mirbench.cli import data as cli_data
from mirbench.errors import MirbenchError

PLUGIN = """
import mirbench

class Published(mirbench.Dataset):
    name = "published"
    licence = "CC BY 4.0"
    annotations = ("genre",)
    files = (mirbench.Files("songs.csv", source="URL/all.zip"), mirbench.Files("*.wav", 30, source="URL/all.zip"))
    downloads = (mirbench.Download("URL/all.zip", 1.5, "zip", 1.5, "md5:DIGEST"),)

    def clips(self, folder):
        return mirbench.read_manifest(folder / "songs.csv")

@mirbench.hookimpl
def register_datasets():
    return [Published()]
"""


@pytest.fixture
def publisher(tmp_path, monkeypatch, built_in):
    """A server with a data set, and songs.py, which knows of it."""
    for name, value in (("MIRBENCH_QUIET", "1"), ("TQDM_DISABLE", "1"), ("NO_PROXY", "127.0.0.1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MIRBENCH_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    songs(Path("here"), seconds=0.2)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(Path("here").iterdir()):
            archive.write(path, path.name)
    with publishing() as server:
        server.files["/all.zip"] = packed.getvalue()
        digest = hashlib.md5(packed.getvalue()).hexdigest()
        Path("songs.py").write_text(PLUGIN.replace("URL", server.url).replace("DIGEST", digest))
        yield server


def run(capsys, *args: str) -> tuple[int, str]:
    """Exit code and output of a command; an error is code 2 and its sentence."""
    try:
        code = cli_data.app(args=list(args), prog_name="mirbench data", standalone_mode=False) or 0
    except MirbenchError as error:
        return 2, capsys.readouterr().out + str(error)
    return code, capsys.readouterr().out


FETCH = ("fetch", "published", "--plugin", "songs.py", "--data-root", "root")


def test_what_it_takes_is_told_and_the_licence_accepted_first(publisher, capsys):
    code, page = run(capsys, *FETCH)
    assert code == 2
    assert "licence:   CC BY 4.0" in page
    assert "2 MB still, about 0 s at 10 MB/s" in page
    assert "compared with its published md5" in page
    assert "add --accept-licence" in page
    assert "downloads and unpacks it" in run(capsys, "where", "published", *FETCH[2:])[1]
    assert run(capsys, *FETCH, "--plan")[0] == 0
    assert not Path("root").exists()
    assert publisher.asked == []
    code, page = run(capsys, *FETCH, "--accept-licence")
    assert (code, page.splitlines()[-1]) == (0, "published is whole.")
    assert "in root/published already" in run(capsys, *FETCH)[1]
    assert run(capsys, *FETCH, "--quiet")[1] == "root/published\n"
    assert "downloads and unpacks it" not in run(capsys, "where", "published", *FETCH[2:])[1]


@pytest.mark.parametrize("answer", [True, False])
def test_at_a_terminal_the_licence_is_asked_for(publisher, capsys, monkeypatch, answer):
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(getattr(cli_data.sys, stream), "isatty", lambda: True, raising=False)
    asked = []
    monkeypatch.setattr(cli_data.typer, "confirm", lambda text, **_: asked.append(text) or answer)
    assert run(capsys, *FETCH)[0] == (0 if answer else 2)
    assert "licence of published" in asked[0]
    assert Path("root").exists() is answer


def test_what_is_not_whole_in_the_end_is_code_2(publisher, capsys):
    Path("songs.py").write_text(Path("songs.py").read_text().replace("30, source", "31, source"))
    code, page = run(capsys, *FETCH, "--accept-licence")
    assert code == 2
    assert "published is not whole" in page


@pytest.mark.parametrize("source", ["manifest", "published"])
def test_a_sample_is_a_data_set_of_its_own(publisher, capsys, source):
    if source == "published":
        run(capsys, *FETCH, "--accept-licence")
        where = ("published", *FETCH[2:])
    else:
        where = ("here/songs.csv",)
    code, told = run(capsys, "sample", *where, "-n", "12", "-o", "new/few", "--cache", "cache")
    assert code == 0
    assert told.startswith("new/few: 12 of 30 clips of ")
    assert "mirbench data check new/few/manifest.csv" in told
    assert "in no training clip" not in told
    with open("new/few/manifest.csv") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["split"] for row in rows) == {"train": 5, "test": 5, "valid": 2}
    assert set(Counter(row["genre"] for row in rows).values()) <= {5, 6, 7}
    for row in rows:
        name = Path(row["path"]).name
        assert (Path("new/few") / row["path"]).read_bytes() == (Path("here") / name).read_bytes()
        assert row["group"].endswith(Path(name).stem)
    about = json.loads(Path("new/few/manifest.json").read_text())
    assert (about["clips"], about["seed"], about["sample_of"]["clips"]) == (12, 0, 30)
    assert run(capsys, "check", "new/few/manifest.csv", "--no-listen", "--tasks", "genre", "--encoder", "handcrafted", "--quiet")[0] == 0
    assert run(capsys, "sample", *where, "-o", "new/few", "--cache", "cache")[0] == 2


def test_a_sample_of_too_few_clips_says_so_and_is_named_after_its_folder(publisher, capsys):
    lines = Path("here/songs.csv").read_text().splitlines()
    Path("here/songs.csv").write_text("\n".join([f"{lines[0]},tags", *(f"{line},t{i % 13}" for i, line in enumerate(lines[1:]))]) + "\n")
    code, told = run(capsys, "sample", "here/songs.csv", "-n", "5", "-o", "new/My Few", "--cache", "cache")
    assert code == 0
    assert re.search(r"Of so few clips, \d labels? of its test clips (is|are) in no training clip; take more by -n\.", told)
    code, verdict = run(capsys, "check", "new/My Few/manifest.csv", "--no-listen", "--quiet")
    assert verdict.startswith("my-few: ")


def test_files_of_one_name_and_missing_ones(publisher, capsys):
    for place in ("here", "there"):
        Path(place).mkdir(exist_ok=True)
        Path(place, "A.wav").write_bytes(Path("here/train0.wav").read_bytes())
        Path(place, "a.wav").write_bytes(Path("here/train1.wav").read_bytes())
    lines = [f"{place}/{name}.wav,train" for place in ("here", "there") for name in "Aa"] + ["gone.wav,train", "here/A.wav,train"]
    Path("odd.csv").write_text("\n".join(["path,split", *lines[:5], ""]))
    code, told = run(capsys, "sample", "odd.csv", "-o", "few", "--cache", "cache")
    assert code == 0
    assert "1 clip would have been taken and have no file, the first gone.wav" in told
    names = sorted(path.name for path in Path("few/audio").iterdir())
    assert len({name.casefold() for name in names}) == len(names) == 4
