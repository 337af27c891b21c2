"""MagnaTagATune, MTG-Jamendo and OpenMIC-2018: what their miniatures do not show."""

from pathlib import Path

import pytest
from layouts import magnatagatune, openmic_2018

import mirbench
from mirbench import registry


def clips_of(name: str, folder: Path) -> dict[str, mirbench.Clip]:
    return {clip.id: clip for clip in registry.load().datasets[name].clips(folder)}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("inside", ["", "mp3", "audio", "Clips of 29 s"])
def test_magnatagatune_audio_lies_beside_the_table_or_in_a_folder_there(tmp_path, inside):
    magnatagatune.write(tmp_path, inside)
    (tmp_path / "0").mkdir(exist_ok=True)  # what unpacking left
    (tmp_path / "melspectrograms" / "0").mkdir(parents=True)
    (tmp_path / "melspectrograms" / "0" / "one.npy").touch()
    assert all(clip.path.is_relative_to(tmp_path / inside) and clip.path.is_file() for clip in clips_of("magnatagatune", tmp_path).values())


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"2"\t"0"', '"2"\t"yes"', "line 2 has 'yes' as 'no voice', where 0 or 1 belongs"),
        ("f/american_bach", "g/american_bach", "line 2 has 'g/american_bach"),
        ("-30-59.mp3", ".mp3", "line 2 has 'f/american_bach"),
        ('"not rock"', "\"rock'n'roll\"", "line 1 lacks the column 'not rock'"),
    ],
)
def test_magnatagatune_faults_are_named(tmp_path, old, new, told):
    magnatagatune.write(tmp_path)
    edit(tmp_path / "annotations_final.csv", old, new)
    with pytest.raises(mirbench.MirbenchError) as caught:
        clips_of("magnatagatune-all", tmp_path)
    assert f"annotations_final.csv, {told}" in str(caught.value)


def test_a_table_of_the_50_tags_alone_is_read(tmp_path):
    magnatagatune.write(tmp_path)
    whole, table = clips_of("magnatagatune", tmp_path), tmp_path / "annotations_final.csv"
    lines = [line.split("\t") for line in table.read_text().splitlines()]
    kept = [at for at, name in enumerate(lines[0]) if name.strip('"') in ("clip_id", "mp3_path", *magnatagatune.TOP_50)]
    table.write_text("".join("\t".join(line[at] for at in kept) + "\n" for line in lines))
    assert len(kept) == 52
    assert clips_of("magnatagatune", tmp_path) == whole
    with pytest.raises(mirbench.MirbenchError, match="lacks the column 'singer'"):
        clips_of("magnatagatune-all", tmp_path)


def test_no_magnatagatune_song_is_in_two_splits(tmp_path):
    magnatagatune.write(tmp_path)
    edit(tmp_path / "annotations_final.csv", f"0/{magnatagatune.BACH}-117-146", f"e/{magnatagatune.BACH}-117-146")
    clips = clips_of("magnatagatune", tmp_path)
    assert "11" not in clips  # heard in training, it would be in test too
    assert clips["15"].split == "test"


JAMENDO = (  # of the published tables
    "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
    "track_0015159\tartist_002208\talbum_002161\t59/15159.mp3\t277.1\tinstrument---drummachine\tinstrument---electricguitar\t"
    "instrument---piano\tinstrument---violin\n"
    "track_0011756\tartist_000696\talbum_001741\t56/11756.mp3\t509.4\tinstrument---guitar\n"
    "track_0037814\tartist_005188\talbum_004630\t14/37814.mp3\t341.7\tinstrument---piano\n"
)


@pytest.fixture
def jamendo(tmp_path):
    """Writes the three tables of the instrument subset and returns the folder."""

    def write(test: str, train: str = JAMENDO.split("\n")[0], place: str = "data/splits/split-0") -> Path:
        (tmp_path / place).mkdir(parents=True)
        for part, text in {"train": train, "validation": JAMENDO.split("\n")[0], "test": test}.items():
            (tmp_path / place / f"autotagging_instrument-{part}.tsv").write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize("place", ["data/splits/split-0", "splits/split-0", "metadata/data/splits/split-0", "split/splits/split-0"])
def test_jamendo_lines_are_as_long_as_there_are_tags(jamendo, place):
    clips = clips_of("mtg-jamendo-instrument", jamendo(JAMENDO, place=place))
    assert clips["track_0015159"].annotations["tags"] == tuple(
        f"instrument---{name}" for name in ("drummachine", "electricguitar", "piano", "violin")
    )
    assert clips["track_0011756"].annotations["tags"] == ("instrument---guitar",)
    assert {clip.split for clip in clips.values()} == {"test"}


def test_jamendo_tags_outside_the_classes_are_passed_over(jamendo):
    text = JAMENDO.replace("instrument---guitar", "instrument---ukulele").replace("instrument---violin", "instrument---piano")
    clips = clips_of("mtg-jamendo-instrument", jamendo(text))
    assert "track_0011756" not in clips
    known = ("instrument---drummachine", "instrument---electricguitar", "instrument---piano")
    assert clips["track_0015159"].annotations["tags"] == known


def test_of_two_qualities_the_better_is_heard(jamendo):
    folder = jamendo(JAMENDO)
    for path in ("audio-low/59/15159.low.mp3", "audio/59/15159.mp3", "audio/56/11756.low.mp3"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    found = {clip.path.relative_to(folder).as_posix() for clip in clips_of("mtg-jamendo-instrument", folder).values()}
    assert found == {"audio/59/15159.mp3", "audio/56/11756.low.mp3", "audio/14/37814.mp3"}  # the last is missing, where it should be


@pytest.mark.parametrize("place", ["audio", "raw_30s/audio", "raw_30s_audio-low", "", "mtg-jamendo-dataset/songs"])
def test_jamendo_audio_is_found_up_to_two_folders_deep(jamendo, place):
    folder = jamendo(JAMENDO)
    path = folder / place / "59" / "15159.low.mp3"
    path.parent.mkdir(parents=True)
    path.touch()
    assert clips_of("mtg-jamendo-instrument", folder)["track_0015159"].path == path


def test_no_jamendo_artist_is_in_two_splits(jamendo):
    train = JAMENDO.replace("track_", "track_9").replace("artist_005188", "artist_000001")
    clips = clips_of("mtg-jamendo-instrument", jamendo(JAMENDO, train))
    assert {name for name, clip in clips.items() if clip.split == "train"} == {"track_90037814"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("instrument---guitar", "guitar", "line 3 has the tag 'guitar'"),
        ("56/11756.mp3", "../11756.mp3", "line 3 has '../11756.mp3' as PATH"),
        ("\t509.4\tinstrument---guitar", "", "line 3 has 4 cells where 6 belong"),
    ],
)
def test_jamendo_faults_are_named(jamendo, old, new, told):
    with pytest.raises(mirbench.MirbenchError) as caught:
        clips_of("mtg-jamendo-instrument", jamendo(JAMENDO.replace(old, new)))
    assert f"autotagging_instrument-test.tsv, {told}" in str(caught.value)


def test_openmic_groups_are_tracks_where_artists_are_not_told(tmp_path):
    openmic_2018.write(tmp_path)
    (tmp_path / "openmic-2018-metadata.csv").unlink()
    clips = clips_of("openmic-2018", tmp_path)
    assert clips["000046_3840"].group == "track 000046"
    assert len(clips) == len(openmic_2018.TRAIN) + len(openmic_2018.TEST)


def test_openmic_says_nothing_of_a_clip_that_nobody_judged(tmp_path):
    openmic_2018.write(tmp_path)
    edit(tmp_path / "openmic-2018-aggregated-labels.csv", "001035_637440,drums,1.0,3\n", "")
    assert clips_of("openmic-2018", tmp_path)["001035_637440"].annotations == {}


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("openmic-2018-aggregated-labels.csv", "flute,0.0", "flute,1.5", "line 3 has 1.5 for 'flute'"),
        ("openmic-2018-aggregated-labels.csv", "flute,0.0", "flute,maybe", "line 3 has 'maybe' as relevance, which is not a number"),
        ("openmic-2018-aggregated-labels.csv", "flute", "kazoo", "line 3 has 0 for 'kazoo'"),
        ("partitions/split01_train.csv", "000135_483840", "000135.ogg", "line 2 is '000135.ogg'"),
        ("partitions/split01_test.csv", "000178_3840", "../178_3840", "line 1 is '../178_3840'"),
    ],
)
def test_openmic_faults_are_named(tmp_path, file, old, new, told):
    openmic_2018.write(tmp_path)
    edit(tmp_path / file, old, new)
    with pytest.raises(mirbench.MirbenchError) as caught:
        clips_of("openmic-2018", tmp_path)
    assert f"{Path(file).name}, {told}" in str(caught.value)
