"""FMA: what its table of three lines of headings may hold, and which audio `fma` takes."""

import csv

import pytest
from layouts import fma_small

from mirbench import MirbenchError, registry

DATASETS = registry.plugins.current().datasets


@pytest.mark.parametrize(
    ("there", "taken", "clips"),
    [
        (("small",), "small", 4),
        (("small", "medium"), "medium", 6),
        (("medium", "full"), "full", 8),
        (("small", "medium", "large", "full"), "large", 8),
    ],
)
def test_fma_is_the_most_that_is_there(tmp_path, there, taken, clips):
    fma_small.metadata(tmp_path)
    for part in there:
        (tmp_path / f"fma_{part}").mkdir()
    found = DATASETS["fma"].clips(tmp_path)
    assert {clip.path.relative_to(tmp_path).parts[0] for clip in found} == {f"fma_{taken}"}
    assert len(found) == clips
    assert found[0].path == tmp_path / f"fma_{taken}" / "000" / "000002.mp3"


def test_a_folder_without_audio_is_named(tmp_path):
    fma_small.metadata(tmp_path)
    with pytest.raises(MirbenchError, match="has no folder fma_large or fma_full or fma_medium or fma_small; unpack it there"):
        DATASETS["fma"].clips(tmp_path)


def test_a_missing_table_is_to_be_got_from_its_archive(tmp_path):
    (tmp_path / "fma_small").mkdir()
    with pytest.raises(MirbenchError) as caught:
        DATASETS["fma-small"].clips(tmp_path)
    told = "is missing; get it from https://os.unil.cloud.switch.ch/fma/fma_metadata.zip."
    assert str(caught.value) == f"{tmp_path / 'fma_metadata' / 'tracks.csv'} {told}"


def test_a_biography_may_be_longer_than_the_csv_module_allows(tmp_path):
    fma_small.metadata(tmp_path)
    (tmp_path / "fma_small").mkdir()
    table = tmp_path / "fma_metadata" / "tracks.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("A collective", "A collective " * 20_000), encoding="utf-8")
    limit = csv.field_size_limit()
    assert len(DATASETS["fma-small"].clips(tmp_path)) == 4
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("track_id,", "id,", "line 3 does not begin with track_id"),
        (",split,", ",part,", "line 1 and 2, the headings, lack set split"),
        ("\n5,", "\nfive,", "line 8 has 'five', 'train"),
        ("test,small", "tests,small", "line 11 has '190', 'tests', 'small', '55', 'Rock'"),
        ("test,small", "test,tiny", "line 11 has '190', 'test', 'tiny'"),
        (",Folk,", ",Polk,", "line 10 has '140', 'validation', 'small', '54', 'Polk'"),
        ("\n190,", "\n190,,", "line 11 has 54 cells where 53 belong"),
        ("\n190,", '\n190,"', "cells where 53 belong"),
    ],
)
def test_what_is_not_as_published_is_named(tmp_path, old, new, told):
    fma_small.write(tmp_path)
    table = tmp_path / "fma_metadata" / "tracks.csv"
    text = table.read_bytes().decode()
    assert old in text
    table.write_bytes(text.replace(old, new, 1).encode())
    with pytest.raises(MirbenchError) as caught:
        DATASETS["fma-small"].clips(tmp_path)
    assert str(table) in str(caught.value)
    assert told in str(caught.value)
    assert str(caught.value).endswith("get it again from https://os.unil.cloud.switch.ch/fma/fma_metadata.zip.")


def test_bytes_that_are_no_text_are_named(tmp_path):
    fma_small.write(tmp_path)
    table = tmp_path / "fma_metadata" / "tracks.csv"
    table.write_bytes(table.read_bytes().replace("Ü".encode(), b"\xdc"))
    with pytest.raises(MirbenchError, match=r"tracks\.csv cannot be read .*get it again"):
        DATASETS["fma-small"].clips(tmp_path)
