"""What a page has, and what it leaves out where a run has nothing of it; sounds within their room; how a run was made."""

from __future__ import annotations

import json
import re
import shutil

import pages
import pytest
from pages import HOSTILE, whole_run
from synthetic import a_manifest, a_row, results_of, shown

from mirbench.errors import MirbenchError
from mirbench.reporting import html
from mirbench.reporting.page import by_class, heard, making, maps
from mirbench.reporting.sections import sections
from mirbench.results.merging import load
from mirbench.results.run_folder import RunFolder


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def sections_of(page):
    return re.findall(r'<section id="([\w-]+)">', page)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return whole_run(tmp_path_factory.mktemp("pages") / "run", seeds=2, clips=6)


def test_a_run_of_one_encoder_and_one_task_has_no_empty_section_and_no_chart_without_numbers():
    results = results_of({"run": {"encoders": {"a": {"role": "encoder"}}}}, summary=[a_row("summary", encoder="a")])
    page = html.page(results, sections(results))
    assert sections_of(page) == ["answer", "scores", "comparisons", "classes", "encoders", "made"]
    assert re.findall(r'data-chart="(\w+)"', shown(page)) == ["scores"]
    assert "What single labels and clips score is not told, as the folder holds no predictions" in page
    assert re.findall(r'<a href="#([\w-]+)">', page) == sections_of(page)  # the contents


def test_the_page_has_everything_that_lies_in_the_folder_and_names_stay_data(run):
    results = load(run)
    page = html.page(results, sections(results))
    assert sections_of(page) == ["answer", "scores", "comparisons", "corruption", "classes", "embeddings", "listen", "encoders", "made"]
    assert HOSTILE not in page
    data = data_of(page)
    tasks = {task["where"]: task for task in data["classes"]}
    assert tasks["key on mini"]["confusions"].keys() == {"circle of fifths"}
    assert tasks["pitch on mini"]["confusions"].keys() == {"octave", "pitch class"}
    assert {row["label"] for row in tasks["tagging on mini"]["ap"]} <= {"piano", "drums", "slow"}
    (told,) = data["maps"]
    assert told["labels"]["tags"]["of"][0] == ["piano", "slow"]
    assert told["labels"]["pitch"]["numeric"]
    points = told["points"]["0"]
    assert all(0 <= x <= 1 and 0 <= y <= 1 for _, x, y in points)
    assert {max(x for _, x, _ in points) - min(x for _, x, _ in points), max(y for *_, y in points) - min(y for *_, y in points)} & {1.0}
    assert len(data["sounds"]) == 6 + 3 * 4 + 1
    assert "1 min 30 s" in page
    assert "Finished 2026-01-01 12:00 UTC" in page


def test_of_numbers_there_is_a_scatter_plot_of_at_most_so_many_clips(tmp_path, monkeypatch):
    monkeypatch.setitem(pages.TARGETS, "pitch", "regression")
    monkeypatch.setitem(pages.CLASSES, "pitch", ("hertz", "cents"))
    monkeypatch.setattr(by_class, "MOST_POINTS", 4)
    results = load(whole_run(tmp_path / "run", seeds=1, clips=6, listened=False))
    page = html.page(results, sections(results))
    task = next(task for task in data_of(page)["classes"] if task["where"] == "pitch on mini")
    assert task["points"].keys() == {"hertz", "cents"}
    assert task["clips"] == [HOSTILE, "clip-002", "clip-003", "clip-005"]
    assert {len(points) for of in task["points"].values() for points in of.values()} == {4}
    assert 'data-chart="scatter"' in page


def test_a_map_has_the_name_of_its_method_and_no_number_below_nothing():
    told = {"trustworthiness": 0.951, "silhouettes": {"key": {"embedding": -0.001, "map": -0.2}}}
    results = results_of({"run": {"maps": {"mini": {"method": "tsne", "encoders": {"a": told}}}}}, summary=[a_row("summary", encoder="a")])
    (belief,) = maps.beliefs(results)
    assert (belief["method"], belief["trustworthiness"], belief["silhouettes"]) == ("t\u2011SNE", "0.95", {"key": ("0.00", "-0.20")})


@pytest.mark.parametrize("name", ["maps.csv", "predictions/mini.key.semisupcon.seed0.csv"])
def test_a_file_that_the_run_wrote_and_that_is_gone_is_told(run, tmp_path, name):
    folder = shutil.copytree(run, tmp_path / "run")
    manifest = {**json.loads((run / "manifest.json").read_text()), "files": RunFolder(run).digests()}
    manifest.pop("seal", None)
    RunFolder(folder).write_manifest(manifest)
    (folder / name).unlink()
    with pytest.raises(MirbenchError, match=rf"has no {re.escape(name)}; run it again to complete it"):
        list(by_class.kept_predictions(load(folder)))


def test_sounds_end_where_the_page_has_no_more_room_and_a_lost_one_is_told(run, monkeypatch):
    whole = heard.sounds(load(run))
    monkeypatch.setattr(heard, "MEGABYTES", 3.5 * (run / "sounds" / "0000.mp3").stat().st_size / 1e6)
    assert heard.sounds(load(run)) == whole[:3]
    (run / "sounds" / "0001.mp3").rename(run / "sounds" / "lost")
    try:
        with pytest.raises(MirbenchError, match=r"has no sounds/0001\.mp3 .* run it again to complete it"):
            heard.sounds(load(run))
    finally:
        (run / "sounds" / "lost").rename(run / "sounds" / "0001.mp3")


def test_a_run_clears_the_sounds_of_an_earlier_one_and_notices_a_changed_one(run, tmp_path):
    folder = RunFolder(run)
    digests = folder.digests()
    assert {"sounds.csv", "sounds/0000.mp3"} <= digests.keys()
    (run / "sounds" / "0000.mp3").write_bytes(b"other")
    assert folder.changed({"files": digests}) == ["sounds/0000.mp3"]
    folder.clear()
    assert not (run / "sounds").exists()
    assert not (run / "sounds.csv").exists()


def test_settings_that_differ_from_the_default_come_by_dotted_name_with_it():
    config = {"seeds": 3, "seed": 0, "probe": {"kind": ["knn"], "draws": 10}, "options": {"simclr": {"steps": 5}}, "gone": 1}
    assert making.settings({"config": config}) == [
        ("seeds", 3, 1),
        ("probe.kind", ["knn"], ["linear"]),
        ("options.simclr.steps", 5, None),
        ("gone", 1, None),
    ]
    assert making.settings({}) == []


def test_the_usual_options_of_encoders_are_those_of_the_manifest():
    about = {"a": {"encoder": "a", "defaults": {"steps": 400}}, "b": {"encoder": "b"}, "broken": "x"}
    config = {"options": {"a": {"steps": 40}, "b": {"steps": 50}}}
    assert making.settings({"config": config, "encoders": about}) == [("options.a.steps", 40, 400), ("options.b.steps", 50, None)]
    about = {share: {"encoder": "a", "options": {"steps": 400, "share": float(share)}, "defaults": {}} for share in ("0.1", "1.0")}
    about["0.1"]["defaults"] = {"share": 1.0}
    assert making.settings({"config": {"options": {"a": {"steps": 400, "share": 0.1}}}, "encoders": about}) == [
        ("options.a.share", 0.1, 1.0)
    ]


def test_time_is_told_by_stage_and_what_was_left_out_with_the_reason():
    manifest = {
        "timings": {"checkpoints: a, seed 0": 60.0, "checkpoints: a, seed 1": 30.5, "corrupted-embeddings: a": 2.0},
        "left_out": [{"task": "key", "dataset": "mini", "why": "no label in valid"}],
        "datasets": {"mini": {"skipped": {"clip-1": "it is empty."}}},
    }
    assert making.stages(manifest) == [("pretraining", 90.5, 2), ("corrupting", 2.0, 1)]
    assert making.left_out(manifest) == ["key on mini: no label in valid", "mini, clip clip-1: it is empty."]


def test_a_manifest_of_strange_values_is_no_reason_to_fail():
    manifest = {**a_manifest(), "config": None, "timings": None, "datasets": [], "left_out": "?"}
    assert (making.settings(manifest), making.stages(manifest), making.left_out(manifest)) == ([], [], [])
