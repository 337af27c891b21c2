"""Where the archive may have been unpacked, songs in two subsets, and lines that are not as they should be."""

import pytest
from layouts import medley_solos_db as layout

import mirbench
from mirbench import registry
from mirbench.data.published.layout import folder_of, where

MEDLEY = registry.plugins.current().datasets["medley-solos-db"]
LINE = "training,clarinet,0,139,163fd2b1-8e98-515a-f501-4742cc6d066f"


def written(folder, table=layout.TABLE, audio="audio"):
    (folder / "Medley-solos-DB_metadata.csv").write_text(table)
    (folder / audio).mkdir(exist_ok=True)
    (folder / audio / "Medley-solos-DB_test-0_0e4371ac-1c6a-51ab-fdb7-f8abd5fbf1a3.wav").touch()
    return folder


@pytest.mark.parametrize("audio", ["audio", "Medley-solos-DB", "."])
def test_the_archive_may_lie_in_any_folder(audio, tmp_path):
    (tmp_path / "a folder of something else").mkdir()
    clips = MEDLEY.clips(written(tmp_path, audio=audio))
    assert {c.path.parent for c in clips} == {tmp_path / audio}
    assert clips[0].path.is_file()


@pytest.mark.parametrize("name", ["medley_solos_db", "medley-solos-db"])
def test_as_mirdata_lays_it_out_the_sentence_says_how_to_read_it(tmp_path, name):
    folder = tmp_path / name
    (folder / "annotation").mkdir(parents=True)
    (folder / "annotation" / "Medley-solos-DB_metadata.csv").write_text(layout.TABLE)
    (folder / "audio").mkdir()
    (folder / "audio" / "Medley-solos-DB_test-0_0e4371ac-1c6a-51ab-fdb7-f8abd5fbf1a3.wav").touch()
    with pytest.raises(mirbench.MirbenchError) as caught:
        folder_of(MEDLEY, tmp_path)
    assert f"{folder} is as mirdata lays it out; name it mirdata:medley_solos_db" in str(caught.value)
    assert ("after renaming that folder to medley_solos_db" in str(caught.value)) == (name != "medley_solos_db")
    assert "mirdata:medley_solos_db" in where(MEDLEY, tmp_path).obstacle
    written(folder)  # and as published, too
    assert folder_of(MEDLEY, tmp_path) == folder


def test_keys_as_mirdata_lays_them_out_too(tmp_path):
    (tmp_path / "giantsteps_key" / "keys_gs+").mkdir(parents=True)
    with pytest.raises(mirbench.MirbenchError, match="name it mirdata:giantsteps_key"):
        folder_of(registry.load().datasets["giantsteps"], tmp_path)


def test_without_audio_it_says_what_to_unpack(tmp_path):
    (tmp_path / "Medley-solos-DB_metadata.csv").write_text(layout.TABLE)
    with pytest.raises(mirbench.MirbenchError, match=r"has no files like Medley-solos-DB_test-0_....wav; unpack Medley-solos-DB.tar.gz"):
        MEDLEY.clips(tmp_path)


def test_a_song_in_two_subsets_is_in_one_split(tmp_path):
    table = layout.TABLE.replace("training,clarinet,0,139", "training,clarinet,0,000")
    clips = MEDLEY.clips(written(tmp_path, table))
    assert {c.split for c in clips if c.group == "song 0"} == {"test"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (LINE.replace("training", "train"), "has the subset 'train', where one of training, validation, test belongs"),
        (LINE.replace("clarinet", "oboe"), "has the instrument 'oboe' with the number '0', which is not its own"),
        (LINE.replace(",0,", ",3,"), "has the instrument 'clarinet' with the number '3', which is not its own"),
        (LINE.replace("139", "1.5"), "has '1.5' as song_id, where a number belongs"),
        (LINE.replace("163fd2b1", "../163fd"), "as uuid4, where 36 characters like those of a file belong"),
    ],
)
def test_a_line_that_is_wrong_is_named(line, message, tmp_path):
    with pytest.raises(mirbench.MirbenchError) as caught:
        MEDLEY.clips(written(tmp_path, layout.TABLE.replace(LINE, line)))
    assert "Medley-solos-DB_metadata.csv, line 5 " in str(caught.value)
    assert message in str(caught.value)
