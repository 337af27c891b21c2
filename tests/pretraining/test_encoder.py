"""Encoders that learn, on a handful of tones: what they are taught, what they report, and what they refuse."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

import mirbench
from mirbench import registry
from mirbench.errors import MirbenchError
from mirbench.pretraining import trainer
from mirbench.pretraining.backbones.mel_cnn import MelCNN
from mirbench.pretraining.encoder import _kind
from mirbench.records import Clip
from mirbench.settings.options import encoder_options

RATE = 22_050


@pytest.fixture(scope="module")
def encoders():
    return registry.load().encoders


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """60 clips of 1 s: half with tags and genre, a fifth with a key, some with a pitch, some with nothing."""
    folder = tmp_path_factory.mktemp("tones")
    found = []
    for i in range(60):
        path = folder / f"{i}.wav"
        soundfile.write(path, 0.3 * np.sin(np.arange(RATE) * 0.02 * (1 + i % 5)), RATE)
        known = {}
        if i % 2:
            known = {"tags": ("tone", f"low{i % 3}") if i != 7 else ("tone", "rare"), "genre": "ab"[i % 4 // 2]}
        elif i % 5 == 0:
            known = {"key": ["C major", "A minor", "G major"][i // 10 % 3]}
        elif i % 3 == 0:
            known = {"pitch": 60 + i % 7}
        found.append(Clip(f"d/{i}", path, "train", f"g{i}", annotations=known))
    return found


@pytest.fixture
def pretrain(encoders, clips, tmp_path, tmp_path_factory):
    """(encoder name, **options) -> (encoder, its options, folder, report); the valid clips are the last ten."""
    cache = tmp_path_factory.getbasetemp() / "audio_cache"

    def make(name, validation=True, devices=1, **options):
        encoder = encoders[name]
        small = {"steps": 3, "batch_views": 16, "view_seconds": 0.4, "backbone": "mel-cnn", "precision": "float32"}
        if "supervision" in encoder.options:
            small["supervision"] = "shared-tags"
        chosen = encoder_options(encoder, {name: small | options})
        encoder.check(chosen)
        folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        valid = clips[50:] if validation else ()
        job = mirbench.PretrainJob(clips[:50], chosen, 0, folder, cache, "cpu", validation=valid, unfinished=folder, devices=devices)
        encoder.pretrain(job)
        return encoder, chosen, folder, job.report

    return make


@pytest.mark.parametrize(("name", "labelled"), [("simclr", 0), ("semisupcon", 4), ("supcon", 8), ("supervised", 8)])
def test_every_encoder_says_what_it_saw(pretrain, name, labelled):
    encoder, options, folder, report = pretrain(name)
    assert (report["steps"], report["views_seen"], report["labelled_views_seen"]) == (3, 48, 3 * 2 * labelled)
    assert report["labelled_clips"] == (25 if labelled else 0)
    assert len(report["labelled_clip_ids"]) == report["labelled_clips"]
    assert report["labels_used"] == ({"low0": 8, "low1": 8, "low2": 8, "rare": 1, "tone": 25} if labelled else {})
    assert report["seconds"] > 0
    about = json.loads((folder / "last" / "encoder.json").read_text())
    assert (about["encoder"], about["seed"], about["options"]["backbone"]) == (name, 0, "mel-cnn")
    embedded = encoder.load(folder, options, 0, "cpu")(np.zeros((2, RATE), np.float32))
    assert embedded.shape == (2, about["backbone_dim"])
    assert np.isfinite(embedded).all()


def test_a_label_budget_leaves_the_labels_of_validation_alone(pretrain):
    """They teach nothing, and the loss of a handful of clips says nothing."""
    whole, little = (pretrain("semisupcon", label_fraction=share)[3] for share in (1.0, 0.08))
    assert (whole["labelled_clips"], little["labelled_clips"]) == (25, 2)
    assert little["validation_labelled_clips"] == whole["validation_labelled_clips"] == 5


def test_the_automatic_share_is_reported_with_what_it_is_drawn_from(pretrain):
    report = pretrain("semisupcon", labelled_share="auto", most_repeats=0.2)[3]
    assert report["unlabelled_clips"] == 25
    assert report["labelled_share"] == pytest.approx(0.2 / 1.2)
    assert pretrain("semisupcon", labelled_share="auto")[3]["labelled_share"] == 0.5


def test_clips_no_longer_than_a_view_are_drawn_for_their_labels_alone(pretrain, clips, encoders, tmp_path):
    """Two views of one would begin and end alike. Where there are no longer ones, they are drawn all the same."""
    long = tmp_path / "long.wav"
    soundfile.write(long, 0.3 * np.sin(np.arange(3 * RATE) * 0.02), RATE)
    chosen = encoder_options(
        encoders["semisupcon"], {"semisupcon": {"steps": 2, "batch_views": 16, "view_seconds": 1.1, "supervision": "shared-tags"}}
    )
    job = mirbench.PretrainJob([*clips, Clip("d/long", long, "train", "long")], chosen, 0, tmp_path, tmp_path / "cache", "cpu")
    encoders["semisupcon"].pretrain(job)
    assert [job.report[f"{which}_clips"] for which in ("labelled", "unlabelled", "too_short")] == [30, 1, 30]
    assert pretrain("semisupcon", view_seconds=1.1)[3]["unlabelled_clips"] == 25


def test_all_begin_with_the_same_network_and_training_changes_it(pretrain, encoders):
    fresh = encoders["untrained"]._build({"backbone": "mel-cnn"}, 0).state_dict()
    for name in ("simclr", "supervised"):
        _, _, folder, _ = pretrain(name, learning_rate=0.0)
        still = load_file(folder / "last" / "weights.safetensors")
        assert all(torch.equal(still[k], fresh[k]) for k in fresh if "running" not in k and "num_batches" not in k)
    _, _, folder, _ = pretrain("simclr")
    moved = load_file(folder / "last" / "weights.safetensors")
    assert not all(torch.equal(moved[k], fresh[k]) for k in fresh if k.endswith("weight"))


@pytest.mark.slow
def test_smaller_budgets_are_inside_larger_ones_and_keep_the_rare_tag(pretrain):
    found = {share: set(pretrain("semisupcon", label_fraction=share)[3]["labelled_clip_ids"]) for share in (0.2, 0.4, 1.0)}
    assert [len(ids) for ids in found.values()] == [5, 10, 25]
    assert found[0.2] < found[0.4] < found[1.0]
    assert "d/7" in found[0.2]
    assert set(pretrain("semisupcon", label_fraction=0.2, label_seed=1)[3]["labelled_clip_ids"]) != found[0.2]
    assert set(pretrain("semisupcon", label_fraction=0.2, label_seed=0)[3]["labelled_clip_ids"]) == found[0.2]  # by the training's own, 0
    assert set(pretrain("supervised", label_fraction=0.2)[3]["labelled_clip_ids"]) == found[0.2]


@pytest.mark.parametrize("name", ["semisupcon", "supcon", "supervised"])
@pytest.mark.parametrize(
    ("supervision", "labelled"),
    [
        ("dice", 25),
        ({"name": "same-class", "annotation": "genre"}, 25),
        ("key-distance", 5),
        ({"name": "regression", "annotation": "pitch", "bandwidth": 3}, 7),
        ([{"name": "pitch-distance", "weight": 2}, "key-distance", {"name": "shared-tags", "threshold": 2}], 37),
    ],
)
def test_every_supervision_teaches_every_encoder(pretrain, name, supervision, labelled):
    report = pretrain(name, supervision=supervision)[3]
    assert report["labelled_clips"] == labelled
    assert np.isfinite(report["final_loss"])
    assert report["labels_used"]


@pytest.mark.parametrize("name", ["semisupcon", "supervised"])
@pytest.mark.parametrize("supervision", ["dice", {"name": "regression", "annotation": "pitch", "bandwidth": 3}])
def test_labels_outside_the_budget_move_nothing(encoders, clips, tmp_path, name, supervision):
    """Two trainings whose clips differ in labels that may not be used end with the same weights."""
    encoder = encoders[name]
    small = {"steps": 3, "batch_views": 16, "view_seconds": 0.4, "precision": "float32", "label_fraction": 0.4, "supervision": supervision}
    chosen = encoder_options(encoder, {name: small})
    found, told = [], ()
    for changed in (False, True):
        heard = [replace(c, annotations=other_labels(c)) if changed and c.id not in told else c for c in clips]
        folder = tmp_path / f"{changed}"
        folder.mkdir()
        job = mirbench.PretrainJob(heard, chosen, 0, folder, tmp_path / "cache", "cpu", unfinished=folder)
        encoder.pretrain(job)
        told = job.report["labelled_clip_ids"]
        found.append(load_file(folder / "last" / "weights.safetensors"))
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


def other_labels(clip):
    """Of the same kind and, for tags, of the same names, so that the same clips are chosen."""
    return {**clip.annotations, **({"pitch": clip.annotations["pitch"] + 30} if "pitch" in clip.annotations else {})}


def test_all_encoders_hear_the_same_batches_where_the_same_clips_are_labelled(pretrain, monkeypatch):
    seen = {}
    train = trainer.train
    for name in ("supcon", "supervised"):
        monkeypatch.setattr(trainer, "train", lambda training, name=name: seen.update({name: training.stream}) or train(training))
        pretrain(name)
    for step in range(3):
        first, second = (seen[name].sampler.batch(step) for name in ("supcon", "supervised"))
        assert torch.equal(first.clips, second.clips)
        assert torch.equal(first.starts, second.starts)
        assert torch.equal(seen["supcon"][step][0], seen["supervised"][step][0])


def test_a_plugin_files_parts_are_refused_on_several_devices(pretrain, monkeypatch):
    monkeypatch.setattr(MelCNN, "__module__", "mirbench_plugin_mine_1234")
    with pytest.raises(
        MirbenchError, match="MelCNN comes from a plugin file, which the processes of several devices cannot import; install"
    ):
        pretrain("simclr", devices=2)


@pytest.mark.parametrize("augment", ["bands", "waveform"])
@pytest.mark.parametrize("views", [2, 4])
def test_bands_and_waveforms_with_any_number_of_views(pretrain, augment, views):
    report = pretrain("semisupcon", augment=augment, views=views, unlabelled_in_denominator=False)[3]
    assert report["views_seen"] == 48
    assert np.isfinite(report["final_loss"])


def test_best_is_loaded_where_it_is_asked_for(pretrain, monkeypatch):
    monkeypatch.setattr("mirbench.pretraining.trainer.VALIDATIONS", 3)
    encoder, options, folder, report = pretrain("simclr", learning_rate=0.5, schedule="constant", warm_up=0.0, steps=6, severity=0.0)
    assert report["best"]["step"] < 6
    audio = np.random.default_rng(0).normal(size=(2, RATE)).astype(np.float32) * 0.1
    last, best = (encoder.load(folder, {**options, "checkpoint": which}, 0, "cpu")(audio) for which in ("last", "best"))
    assert not np.allclose(last, best)
    np.testing.assert_array_equal(encoder.load(folder / "best", options, 0, "cpu")(audio), best)
    encoder, options, folder, _ = pretrain("simclr", validation=False)
    with pytest.raises(MirbenchError, match="has no best: no clips of the valid split could be used to choose it; set checkpoint=last"):
        encoder.load(folder, {**options, "checkpoint": "best"}, 0, "cpu")
    with pytest.raises(MirbenchError, match="checkpoint=best is chosen on clips of the valid split"):
        pretrain("simclr", validation=False, checkpoint="best")


@pytest.mark.slow
def test_two_devices_share_a_batch(pretrain):
    assert pretrain("semisupcon", devices=2)[3]["devices"] == 2
    with pytest.raises(MirbenchError, match="a batch of 8 clips cannot be shared among 3 devices evenly"):
        pretrain("semisupcon", devices=3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"views": 3}, "batch_views 16 is no multiple of views 3 that holds two clips; choose such as 15."),
        ({"views": 33}, "option views is 33; it must lie between 2 and 32."),
        ({"schedule": "cosin"}, "no schedule option is named 'cosin'; did you mean 'cosine'? Known: constant, cosine."),
        ({"augment": "bands", "backbone": "samplecnn"}, "backbone 'samplecnn' listens to waveforms; set augment=waveform, or auto."),
        ({"backbone": "mel-cn"}, "did you mean 'mel-cnn'?"),
        ({"supervision": "tags"}, "tags"),
        (
            {"supervision": ["dice", {"name": "pitch-distance"}], "label_fraction": 0.04},
            "but none of the 1 clips in its label budget carries that annotation; use a larger label_fraction.",
        ),
        ({"supervision": {"name": "same-class", "annotation": "mood"}}, "is supervised by 'mood', but no pretraining clip carries that"),
        ({"supervision": ["dice", {"name": "same-class", "annotation": "mood"}]}, "reads one of: genre, key, pitch, tags."),
        ({"supervision": {"name": "shared-tags", "threshold": 9}}, "finds no two of its 25 labelled clips alike under shared-tags; choose"),
    ],
)
def test_what_cannot_work_is_refused(pretrain, options, sentence):
    with pytest.raises(MirbenchError) as error:
        pretrain("semisupcon", **options)
    assert sentence in str(error.value)


class Bands(torch.nn.Module):
    """A front end with a part that has settings of its own."""

    def __init__(self, hop, log=None):
        super().__init__()
        self.part = torch.nn.Module()
        self.part.hop, self.log = hop, log
        self.register_buffer("window", torch.ones(4))


def test_front_ends_are_shared_where_all_settings_and_tensors_agree():
    assert _kind(Bands(160), "cpu") == _kind(Bands(160), "cpu")
    assert _kind(Bands(160), "cpu") != _kind(Bands(320), "cpu")
    assert _kind(Bands(160), "cpu") != _kind(Bands(160), "cuda")
    other = Bands(160)
    other.window[1] = 0
    assert _kind(Bands(160), "cpu") != _kind(other, "cpu")
    first, second = Bands(160, torch.log), Bands(160, torch.log)
    assert _kind(first, "cpu") != _kind(second, "cpu")  # a function cannot be compared
    assert _kind(MelCNN().mel, "cpu") == _kind(MelCNN().mel, "cpu")
    assert _kind(MelCNN().mel, "cpu") != _kind(MelCNN(bands=64).mel, "cpu")


@pytest.mark.parametrize(
    ("name", "options", "families"),
    [
        ("semisupcon", {}, ["noise", "filtering", "level", "rooms", "time"]),
        ("simclr", {}, ["noise", "filtering", "level", "rooms", "time"]),
        ("supervised", {"detune_cents": 0.0}, ["noise", "filtering", "level", "rooms"]),
        ("semisupcon", {"detune_cents": 0.0, "augment": "waveform"}, ["noise", "filtering", "level", "rooms", "time"]),
        ("semisupcon", {"severity": 0.0}, []),
        ("untrained", {}, []),
        ("handcrafted", {}, []),
    ],
)
def test_an_encoder_knows_the_families_of_its_augmentations(name, options, families):
    encoder = registry.load().get("encoder", name)
    assert list(encoder.seen_families({**encoder.options, **options})) == families
