"""Every data set that people have on disk, on a miniature in the layout that it is published in: layouts/NAME.py, with - as _."""

import builtins
import importlib
import io
import re
import shutil
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
from miniature import Expected

import mirbench
from mirbench import registry, testing
from mirbench.data import splits
from mirbench.data.published import filetree
from mirbench.data.published import layout as published
from mirbench.nouns import Dataset, Task
from mirbench.records import Files

DATASETS = {name: dataset for name, dataset in registry.plugins.current().datasets.items() if dataset.files}
CLASSES = {  # how many REFERENCE.md gives them
    "magnatagatune": {"tags": 50},
    "magnatagatune-all": {"tags": 188},
    "mtg-jamendo-top50": {"tags": 50},
    "mtg-jamendo-genre": {"tags": 87},
    "mtg-jamendo-instrument": {"tags": 40},
    "mtg-jamendo-mood": {"tags": 56},
    "gtzan": {"genre": 10},
    "fma-small": {"genre": 8},
    "nsynth": {"pitch": 128, "instrument": 11},
    "vocalset-singer": {"singer": 20},
    "vocalset-technique": {"technique": 17},
}
TABLES = (".csv", ".tsv", ".txt")


def layout(name: str) -> ModuleType:
    module = f"layouts.{name.replace('-', '_')}"
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        pytest.fail(f"data set '{name}' has no miniature; write tests/datasets/{module.replace('.', '/')}.py")


@pytest.fixture(params=sorted(DATASETS))
def dataset(request) -> Dataset:
    return DATASETS[request.param]


@pytest.fixture
def expected(dataset) -> Expected:
    return layout(dataset.name).EXPECTED


@pytest.fixture(scope="session")
def miniatures(tmp_path_factory):
    """name -> the folder of its miniature, written once."""
    root, written = tmp_path_factory.mktemp("published"), {}

    def folder(dataset: Dataset) -> Path:
        if dataset.name not in written:
            write, inside = layout(dataset.name).write, root / dataset.name
            there = inside / (dataset.folders or (dataset.name,))[0]
            there.mkdir(parents=True)
            write(there)
            written[dataset.name] = published.folder_of(dataset, inside)
        return written[dataset.name]

    return folder


@pytest.fixture
def folder(dataset, miniatures) -> Path:
    return miniatures(dataset)


def tasks_of(dataset: Dataset) -> list[Task]:
    return [task for task in registry.load().tasks.values() if task.annotation in dataset.annotations]


def opened_by(dataset: Dataset, folder: Path, monkeypatch) -> list[str]:
    """The files below the folder that `clips` opens, relative to it."""
    opened, really = [], io.open

    def spy(file, *args, **kwargs):
        if isinstance(file, str | Path) and Path(file).is_file() and Path(file).is_relative_to(folder):
            opened.append(Path(file).relative_to(folder).as_posix())
        return really(file, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", spy)
        patch.setattr(io, "open", spy)
        dataset.clips(folder)
    return sorted(set(opened))


def entry_of(dataset: Dataset, path: str) -> Files | None:
    return next((files for files in dataset.files if filetree.matcher(files.path).fullmatch(path)), None)


def annotation_files(dataset: Dataset, folder: Path, monkeypatch) -> list[str]:
    """Those that are one of a kind; of a kind with hundreds, one may be missing."""
    found = [path for path in opened_by(dataset, folder, monkeypatch) if entry_of(dataset, path)]
    return [path for path in found if entry_of(dataset, path).count == 1]


def test_they_are_there():
    assert {*CLASSES, "fma-medium", "giantsteps", "emomusic", "openmic-2018"} <= set(DATASETS)


def test_it_can_be_fetched_or_says_how_it_is_got(dataset):
    for download in dataset.downloads:
        held = [files for files in dataset.files if files.source.startswith(download.url)]
        if not download.archive:  # which is put where it belongs by the name in its address
            assert [files.path for files in held] == [download.url.rpartition("/")[2]]
        assert download.unpacked >= download.megabytes or not download.archive
    assert dataset.downloads or dataset.access


def test_it_says_where_it_is_from_and_what_it_is_made_of(dataset):
    for what in ("description", "version", "licence", "citation", "split_rule"):
        assert len(getattr(dataset, what)) > 2, f"{dataset.name} has no {what}"
    assert re.match("https?://", dataset.home)
    assert dataset.annotations
    assert dataset.access or all(files.source for files in dataset.files if not files.optional)
    assert any(not files.optional for files in dataset.files)
    assert len({files.path for files in dataset.files}) == len(dataset.files)
    for files in dataset.files:
        one = files.count == 1
        assert files.count > 0
        assert one or filetree.is_pattern(files.path), f"{files.path} can only be one file"
        assert not files.md5 or (one and re.fullmatch("[0-9a-f]{32}", files.md5)), f"{files.path} has an odd md5"
        assert not files.path.startswith("/")


def test_it_has_as_many_classes_as_the_reference_says(dataset):
    counts = {annotation: len(set(classes)) for annotation, classes in dataset.classes.items()}
    assert set(counts) <= set(dataset.annotations)
    assert counts == {annotation: len(classes) for annotation, classes in dataset.classes.items()}
    assert counts == CLASSES.get(dataset.name, counts)
    if dataset.name == "gtzan":
        assert all(size in dataset.split_rule for size in ("443", "197", "290"))


def test_clips_are_as_expected(dataset, folder, expected):
    clips = {clip.id: clip for clip in dataset.clips(folder)}
    assert Counter(clip.split for clip in clips.values()) == expected.splits
    for annotation, values in expected.labels.items():
        assert {name: clips[name].annotations.get(annotation) for name in values} == dict(values)
    assert {name: clips[name].group for name in expected.groups} == dict(expected.groups)
    assert {name: tuple(dataset.classes[name]) for name in expected.classes} == dict(expected.classes)
    for part in expected.left_out:
        assert not [clip for clip in clips.values() if part in clip.path.as_posix()], f"{part} should have been left out"


def test_clips_keep_the_contract(dataset, folder):
    clips = testing.check_dataset(dataset, folder)
    splits.check_clips(dataset.name, clips)
    known = {*dataset.annotations, *(f"{name}_unknown" for name in dataset.annotations)}
    carried = {name for clip in clips for name in clip.annotations}
    assert set(dataset.annotations) <= carried <= known


def test_audio_reads(dataset, folder):
    for clip in dataset.clips(folder):
        audio = mirbench.read_audio(clip.path, 22_050, clip.start, clip.duration)
        assert len(audio) > 0


def test_tasks_can_read_every_label_and_know_its_class(dataset, folder):
    clips = dataset.clips(folder)
    for task in tasks_of(dataset):
        values = [clip.annotations[task.annotation] for clip in clips if task.annotation in clip.annotations]
        found = [task.label(value) for value in values]
        if task.target == "regression":
            continue
        classes = set(task.classes or dataset.classes.get(task.annotation, ()))
        assert classes, f"{dataset.name} gives no order of classes for {task.annotation}"
        assert {name for label in found for name in (label if task.target == "multilabel" else [label])} <= classes
        for clip in clips if task.target == "multilabel" else []:
            unknown = set(clip.annotations.get(f"{task.annotation}_unknown", ()))
            assert unknown <= classes
            assert not unknown & set(clip.annotations.get(task.annotation, ()))


def test_what_it_reads_is_among_its_files(dataset, folder, monkeypatch):
    there, closed = filetree.list_files(folder)
    assert not closed
    for files in dataset.files:
        matches = [path for path in there if filetree.matcher(files.path).fullmatch(path)]
        assert matches or files.optional, f"{files.path} matches nothing in the miniature"
        assert files.count > 1 or len(matches) <= 1, f"{files.path} is not one file: {matches}"
    lists = [filetree.matcher(each.path) for each in dataset.checksums]
    for path in [clip.path.relative_to(folder).as_posix() for clip in dataset.clips(folder)] + opened_by(dataset, folder, monkeypatch):
        assert entry_of(dataset, path) or any(each.fullmatch(path) for each in lists), (
            f"{path} is read, and none of {[files.path for files in dataset.files]}"
        )


def test_nothing_is_found_wrong_with_what_is_published(dataset, folder):
    assert published.verify(dataset, folder, headers=True).damaged == ()
    assert splits.in_another_order(dataset.clips(folder)) == []


def test_published_checksums_are_those_of_its_files(dataset, folder, tmp_path):
    if not dataset.checksums:
        pytest.skip("its publisher ships no checksums of the files in it")
    verified = published.verify(dataset, folder)
    assert verified.lists
    assert verified.compared
    assert (verified.differing, verified.unread) == ((), ())
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    for clip in dataset.clips(copy)[:1]:
        with clip.path.open("r+b") as file:
            file.write(b"ID3x")
        path = clip.path.relative_to(copy).as_posix()
        assert published.verify(dataset, copy).differing == (path,)


def test_no_audio_is_decoded(dataset, folder, monkeypatch):
    import soundfile

    def refuse(*args, **kwargs):
        raise AssertionError("clips() opens audio")

    for name in ("SoundFile", "read", "info", "blocks"):
        monkeypatch.setattr(soundfile, name, refuse)
    assert dataset.clips(folder)


def test_clips_come_in_one_order(dataset, folder):
    first, second = dataset.clips(folder), dataset.clips(folder)
    assert [(clip.id, clip.split, clip.path) for clip in first] == [(clip.id, clip.split, clip.path) for clip in second]


def test_its_folder_is_found_by_any_of_its_names(dataset, tmp_path):
    for given in dataset.folders or (dataset.name,):
        for name in {given, given.upper(), given.lower()}:
            root = tmp_path / f"root of {name}"
            (root / name).mkdir(parents=True)
            assert published.folder_of(dataset, root).name == name


def kinds(dataset: Dataset) -> list[Files]:
    return [files for files in dataset.files if not files.optional and not files.path.startswith("**")]


def test_it_is_found_where_an_archive_brought_a_folder_of_its_own(dataset, folder, tmp_path):
    (tmp_path / folder.name).mkdir()
    (tmp_path / folder.name / "unpacked").symlink_to(folder)
    found = published.folder_of(dataset, tmp_path)
    assert found.name == ("unpacked" if kinds(dataset) else folder.name)
    assert len(dataset.clips(found)) == len(dataset.clips(folder))


def test_it_is_found_in_the_data_root_itself(dataset, folder, tmp_path):
    if not kinds(dataset):
        pytest.skip("nothing tells its folder from others")
    root = tmp_path / "root"
    root.symlink_to(folder)
    assert published.folder_of(dataset, root) == root
    with pytest.raises(mirbench.MirbenchError, match="is not in the data root"):
        published.folder_of(dataset, tmp_path)


def remove(path: Path, files: Files) -> bool:
    path.unlink()
    return not files.optional


def cut_last_line(path: Path, files: Files) -> bool:
    """As a download that broke off leaves it."""
    *lines, last = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines, last[: len(last) // 4]]), encoding="utf-8")
    return True


def rename_columns(path: Path, files: Files) -> bool:
    first, *lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([re.sub(r"(\w)(?=\W*([\t,;]|$))", r"\1x", first), *lines]) + "\n", encoding="utf-8")
    return path.suffix in TABLES


@pytest.mark.parametrize("spoil", [remove, cut_last_line, rename_columns])
def test_a_faulty_annotation_file_is_named(spoil, dataset, folder, tmp_path, monkeypatch):
    for place, path in enumerate(annotation_files(dataset, folder, monkeypatch)):
        copy = tmp_path / str(place) / folder.name
        shutil.copytree(folder, copy)
        if not spoil(copy / path, entry_of(dataset, path)):
            continue
        with pytest.raises(mirbench.MirbenchError) as caught:
            dataset.clips(copy)
        assert Path(path).name in str(caught.value)
        if spoil is not remove and Path(path).suffix in TABLES:
            assert re.search(r"line \d", str(caught.value)), f"no line is named: {caught.value}"
