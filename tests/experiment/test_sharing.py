"""Scores for other people's collections: valid by their schemas, complete, and without what is of this machine alone."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml
from finished import LEVELS, a_finished_run

from mirbench.engine.files import sealed
from mirbench.errors import MirbenchError
from mirbench.experiment.library.sharing import share
from mirbench.records import Condition

GOLDEN = Path(__file__).parents[1] / "golden"
REFERENCE = Path(__file__).parents[2] / "results" / "reference"
NOISE = [Condition("white-noise", s, float(LEVELS["white-noise"][s - 1]), "dB") for s in (1, 3)]


def valid(told: object, schema: str) -> None:
    jsonschema.validate(told, json.loads((GOLDEN / schema).read_text()), jsonschema.Draft7Validator)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "one"
    return a_finished_run(folder, {"semi/sup": (0.7, (0, 1)), "simclr": (0.5, (0,))}, ("genre", "key"), NOISE, clips=60, resamples=40)


def test_every_encoder_has_a_file_that_is_valid_by_the_schema(run, tmp_path):
    files = share(run, "every-eval-ever", tmp_path / "out", organization="me & co")
    assert [path.parent.relative_to(tmp_path / "out").as_posix() for path in files] == [
        "data/mirbench/me%20%26%20co/semi%2Fsup",
        "data/mirbench/me%20%26%20co/simclr",
    ]
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json", path.name) for path in files)
    for path in files:
        valid(json.loads(path.read_text()), "every_eval_ever.schema.json")
    told = json.loads(files[1].read_text())
    assert told["evaluation_id"] == f"mirbench/me & co/simclr/{told['retrieved_timestamp']}"
    assert len(told["evaluation_results"]) == 2 * 2 * 3  # tasks, metrics, conditions
    first, noisy = told["evaluation_results"][:2]
    assert first["evaluation_name"] == "genre on mini"
    assert first["score_details"]["uncertainty"]["num_samples"] == 60
    interval = first["score_details"]["uncertainty"]["confidence_interval"]
    assert interval["lower"] < first["score_details"]["score"] < interval["upper"]
    assert noisy["metric_config"]["additional_details"] == {"probe": "linear", "condition": "white-noise, severity 1", "level": "40 dB"}


def test_the_schema_refuses_what_is_no_such_record(run, tmp_path):
    """So that the test above can fail."""
    told = json.loads(share(run, "every-eval-ever", tmp_path / "out", "simclr")[0].read_text())
    told["evaluation_results"][0]["metric_config"].pop("min_score")
    with pytest.raises(jsonschema.ValidationError, match="min_score"):
        valid(told, "every_eval_ever.schema.json")


def test_a_published_run_is_valid_too(tmp_path):
    files = share(REFERENCE / "robustness", "every-eval-ever", tmp_path / "out")
    assert [path.parent.name for path in files] == ["semisupcon", "simclr", "supcon", "supervised"]
    for path in files:
        told = json.loads(path.read_text())
        valid(told, "every_eval_ever.schema.json")
        assert told["source_metadata"]["source_organization_name"] == "unknown"


def test_a_metric_that_is_not_ours_has_no_bounds_and_paths_are_left_out(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    for name in ("scores.csv", "summary.csv"):
        (folder / name).write_text((folder / name).read_text().replace("macro_f1", "mine"))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest.pop("seal", None)
    manifest["encoders"]["simclr"]["options"] = {"weights": "/home/somebody/weights.pt", "layer": None}
    (folder / "manifest.json").write_text(sealed(json.dumps(manifest)))
    (path,) = share(folder, "every-eval-ever", tmp_path / "out", "simclr", hub=["mini=me/mini"])
    told = json.loads(path.read_text())
    valid(told, "every_eval_ever.schema.json")
    assert {of["metric_config"]["max_score"] for of in told["evaluation_results"] if of["metric_config"]["metric_id"] == "mine"} == {None}
    assert told["model_info"]["additional_details"]["option weights"] == "weights.pt"
    assert told["evaluation_results"][0]["source_data"]["hf_repo"] == "me/mini"
    assert "somebody" not in path.read_text()


def test_results_for_the_hub_are_valid_by_what_it_asks_for(run, tmp_path):
    (path,) = share(run, "eval-results", tmp_path / ".eval_results" / "mini.yaml", "semi/sup", hub=["mini=me/mini"])
    told = yaml.safe_load(path.read_text())
    valid(told, "hub_eval_results.schema.json")
    assert [each["dataset"] for each in told] == [{"id": "me/mini", "task_id": task} for task in ("genre", "key")]
    assert re.fullmatch(r"accuracy \[0\.\d{3}, 0\.\d{3}\], 60 test clips, linear probe, 2 seeds, mirbench 0\.1\.0", told[0]["notes"])
    del told[0]["dataset"]["task_id"]
    with pytest.raises(jsonschema.ValidationError, match="task_id"):
        valid(told, "hub_eval_results.schema.json")


def test_a_card_has_the_scores_of_one_encoder_beside_the_floors(tmp_path):
    (path,) = share(REFERENCE / "robustness", "model-card", tmp_path / "card.md", "semisupcon")
    text = path.read_text()
    assert text.startswith("## Scores\n\n| encoder ")
    assert "simclr" not in text
    assert "| untrained " in text
    assert "### Retained under corruption" in text
    assert "- Made with mirbench 0.1.0 (pip install mirbench-audio), run 1841df4374139a11637d." in text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"form": "every-evil-ever"}, r"no format is named 'every-evil-ever'; did you mean 'every-eval-ever'\?"),
        ({"form": "model-card"}, r"model-card is of one model, and the run has semi/sup, simclr; say which by --encoder\."),
        ({"form": "model-card", "encoder": "simclar"}, r"no encoder of this run is named 'simclar'; did you mean 'simclr'\?"),
        ({"form": "model-card", "organization": "me"}, r"--organization is told in every-eval-ever, not in model-card; leave it out\."),
        ({"form": "model-card", "hub": ["mini=a/b"]}, r"--hub-dataset is told in every-eval-ever and eval-results, not in model-card"),
        ({"form": "eval-results", "encoder": "simclr"}, r"say which mini is by --hub-dataset mini=OWNER/NAME\."),
        (
            {"form": "eval-results", "hub": ["mini=mine"]},
            r"--hub-dataset takes NAME=OWNER/NAME, such as mini=owner/name, not 'mini=mine'\.",
        ),
        ({"form": "eval-results", "hub": ["mimi=a/b"]}, r"no data set of this run is named 'mimi'; did you mean 'mini'\?"),
    ],
)
def test_what_is_wrong_is_one_sentence(run, tmp_path, given, told):
    with pytest.raises(MirbenchError, match=told):
        share(run, output=tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    with pytest.raises(MirbenchError, match=r"out is there already; give a new folder\."):
        share(run, "every-eval-ever", tmp_path / "out")
    with pytest.raises(MirbenchError, match=r"out is a folder; give the file to write, such as .*out/card\.md\."):
        share(run, "model-card", tmp_path / "out", "simclr")
