"""Models of the hub, of tiny random weights, give what the library gives: rate, layers and pooling are the model's own."""

import json

import numpy as np
import pytest
from tiny_hub import clap, encodec, hubert, noise, saved, spectrogram_transformer, torch, transformers, whisper

from mirbench.errors import MirbenchError
from mirbench.records import Input
from mirbench.registry.plugins import load


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "model"


def encoder(folder, **options):
    found = load().add_address("hf", str(folder))
    complete = {**found.options, **options}
    found.check(complete)
    return found, found.input(complete), found.layers(complete), found.load(None, complete, 0, "cpu")


@pytest.mark.parametrize("cls", ["Hubert", "Wav2Vec2", "WavLM", "Data2VecAudio"])
def test_layers_of_a_speech_model_are_its_hidden_states(folder, cls):
    model = saved(hubert, folder, cls=cls)
    found, given, layers, embed = encoder(folder, layer="all")
    assert (found.name, given.sample_rate, given.window_seconds, layers) == ("model", 16_000, 10, 3)
    assert given.shortest_seconds == 400 / 16_000
    audio = noise(0.5, 16_000)
    extracted = transformers.Wav2Vec2FeatureExtractor(do_normalize=True)(list(audio), sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**extracted, output_hidden_states=True).hidden_states
    np.testing.assert_allclose(embed(audio), torch.stack(hidden, dim=1).mean(dim=2), atol=1e-5)
    for pool, expected in (("max", hidden[-1].amax(dim=1)), ("first", hidden[-1][:, 0]), ("mean+std", None)):
        rows = encoder(folder, pool=pool)[3](audio)
        expected = torch.cat([hidden[-1].mean(dim=1), hidden[-1].std(dim=1, correction=0)], dim=1) if expected is None else expected
        np.testing.assert_allclose(rows, expected, atol=1e-5)


def test_audio_is_normalised_as_the_model_says_or_as_is_asked(folder):
    saved(hubert, folder)
    audio = noise(0.5, 16_000)
    own, same = (encoder(folder, normalise=how)[3] for how in ("model", "zero-mean-unit-variance"))
    np.testing.assert_allclose(own(audio), own(4 * audio + 0.1), atol=1e-3)
    np.testing.assert_allclose(own(audio), same(audio), atol=1e-3)


def test_the_normalisation_of_a_model_can_be_left_out(folder):
    model = saved(spectrogram_transformer, folder)
    audio = noise(10.24, 16_000, 1)
    extracted = transformers.ASTFeatureExtractor(do_normalize=False)(list(audio), sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        expected = model(**extracted, output_hidden_states=True).hidden_states[-1].mean(dim=1)
    np.testing.assert_allclose(encoder(folder, normalise="none")[3](audio), expected, atol=1e-5)
    assert np.abs(encoder(folder)[3](audio) - expected.numpy()).max() > 1e-3


def test_what_nothing_says_is_asked_for(folder):
    saved(hubert, folder, extractor=False)
    with pytest.raises(
        MirbenchError,
        match=r"rate it takes audio and whether audio is normalised; give both: --set 'options.model={sample_rate: HERTZ, ",
    ):
        encoder(folder)
    with pytest.raises(
        MirbenchError, match=r"does not say at which sample rate it takes audio; give it: --set options\.model\.sample_rate=HERTZ\."
    ):
        encoder(folder, normalise="none")
    with pytest.raises(MirbenchError, match=r"does not say whether audio is normalised; give it: --set options\.model\.normalise=none, or"):
        encoder(folder, sample_rate=24_000)
    _, given, _, embed = encoder(folder, sample_rate=24_000, normalise="none", window_seconds=5.0, hop_seconds=2.0, batch_size=3)
    assert given == Input(24_000, 5.0, 2.0, 400 / 24_000 if given.shortest_seconds else 0.0, 3)
    assert embed(noise(0.5, 24_000)).shape == (2, 16)


def test_of_whisper_the_silence_behind_the_audio_counts_for_nothing(folder):
    model = saved(whisper, folder)
    _, given, layers, embed = encoder(folder)
    assert (given.sample_rate, given.window_seconds, layers) == (16_000, 30, 3)
    audio = noise(3.0, 16_000)
    extracted = transformers.WhisperFeatureExtractor()(list(audio), sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        hidden = model.encoder(**extracted).last_hidden_state
    np.testing.assert_allclose(embed(audio), hidden[:, :150].mean(dim=1), atol=1e-5)


def test_of_an_audio_spectrogram_transformer_too(folder):
    model = saved(spectrogram_transformer, folder)
    _, given, layers, embed = encoder(folder)
    assert (given.sample_rate, given.window_seconds, layers) == (16_000, 10.24, 3)
    audio = noise(10.24, 16_000)
    extracted = transformers.ASTFeatureExtractor()(list(audio), sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**extracted, output_hidden_states=True).hidden_states[-1]
    np.testing.assert_allclose(embed(audio), hidden.mean(dim=1), atol=1e-5)
    short = audio[:, :32_000]
    with torch.inference_mode():
        extracted = transformers.ASTFeatureExtractor()(list(short), sampling_rate=16_000, return_tensors="pt")
        hidden = model(**extracted, output_hidden_states=True).hidden_states[-1]
    patches = hidden[:, 2:].unflatten(1, (12, 101))[:, :, :20].flatten(1, 2)
    np.testing.assert_allclose(embed(short), torch.cat([hidden[:, :2], patches], dim=1).mean(dim=1), atol=1e-5)


def test_of_clap_the_last_layer_is_what_is_compared_with_texts(folder):
    model = saved(clap, folder)
    _, given, layers, embed = encoder(folder, layer="all")
    assert (given.sample_rate, given.window_seconds) == (48_000, 10)
    audio = noise(2.0, 48_000)
    rows = embed(audio)
    assert rows.shape[:2] == (2, layers)
    extract = transformers.ClapFeatureExtractor(truncation="rand_trunc")
    with torch.inference_mode():
        expected = model.get_audio_features(**extract(list(audio), sampling_rate=48_000, return_tensors="pt"))
    np.testing.assert_allclose(rows[:, -1, :24], expected, atol=1e-5)


def test_of_a_codec_the_embedding_is_what_its_encoder_makes(folder):
    model = saved(encodec, folder)
    _, given, layers, embed = encoder(folder)
    assert (given.sample_rate, layers) == (24_000, None)
    audio = noise(1.0, 24_000)
    with torch.inference_mode():
        np.testing.assert_allclose(embed(audio), model.encoder(torch.as_tensor(audio)[:, None]).mean(dim=2), atol=1e-5)
    with pytest.raises(MirbenchError, match=r"has no layers to choose from; leave --set options\.model\.layer out"):
        encoder(folder, layer="all")


def test_other_weights_are_another_identity_and_a_page_about_them_is_not(folder):
    saved(hubert, folder)
    found = load().add_address("hf", str(folder))
    before = found.identity()
    (folder / "README.md").write_text("a page")
    assert found.identity() == before
    torch.manual_seed(1)
    hubert(folder).save_pretrained(folder)
    assert found.identity() != before


def test_a_model_that_is_not_there_is_named_with_the_line_that_fetches_it(folder):
    with pytest.raises(
        MirbenchError, match=r"hf:nobody/nothing is not on this disk; this line fetches it: hf download nobody/nothing --rev"
    ):
        encoder("nobody/nothing@abc")
    with pytest.raises(MirbenchError, match="is no folder that is there and no name of a model; write hf:OWNER/NAME"):
        encoder("no/such/folder")


def test_code_that_comes_with_a_model_is_run_only_where_it_is_trusted(folder):
    saved(hubert, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "own.py").write_text("raise RuntimeError('ran')")
    (folder / "config.json").write_text(
        json.dumps({**config, "model_type": "own", "auto_map": {"AutoModel": "own.Own", "AutoConfig": "own.C"}})
    )
    with pytest.raises(MirbenchError, match=r"comes with code of its own, .*: --set options\.model\.trust_remote_code=true"):
        encoder(folder)
    with pytest.raises(MirbenchError, match=r"cannot be loaded \(RuntimeError: ran\)"):
        encoder(folder, trust_remote_code=True)


def test_a_folder_that_holds_no_model_is_told(folder):
    folder.mkdir()
    with pytest.raises(MirbenchError, match=r"has no config\.json of a model; give a folder that save_pretrained wrote"):
        encoder(folder)
    saved(hubert, folder)
    (folder / "model.safetensors").write_bytes(b"no")
    with pytest.raises(MirbenchError, match=r"hf:.* cannot be loaded \("):
        encoder(folder)


def test_weights_that_are_not_in_the_files_are_not_drawn(folder):
    saved(hubert, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(
        MirbenchError, match=r"is without \d+ of the weights that .* the first encoder\.layers\.2\..*, which would be random"
    ):
        encoder(folder)
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 24}))
    with pytest.raises(MirbenchError, match=r"cannot be loaded \(RuntimeError: Error\(s\) in loading .*: size mismatch for"):
        encoder(folder)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("[1]", r"preprocessor_config\.json is no mapping of settings; fetch it again"),
        (
            '{"sampling_rate": "fast"}',
            r"config\.json or preprocessor_config\.json holds what is none \(ValueError: .*fast.*\); fetch it again",
        ),
    ],
)
def test_settings_that_are_none_are_a_sentence(folder, settings, sentence):
    saved(hubert, folder)
    (folder / "preprocessor_config.json").write_text(settings)
    with pytest.raises(MirbenchError, match=sentence):
        encoder(folder)


def test_a_codec_needs_no_file_that_says_how_audio_is_prepared_and_takes_one_channel(folder):
    saved(encodec, folder)
    audio = noise(0.5, 24_000)
    expected = encoder(folder)[3](audio)
    (folder / "preprocessor_config.json").unlink()
    np.testing.assert_allclose(encoder(folder)[3](audio), expected, atol=1e-6)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "audio_channels": 2}))
    with pytest.raises(MirbenchError, match="takes 2 channels of audio, and there is one here; take a model of mono audio"):
        encoder(folder)


def test_a_window_is_no_shorter_than_a_model_takes(folder):
    saved(hubert, folder)
    with pytest.raises(MirbenchError, match=r"window_seconds=0\.01 is less than hf:.* takes, 0\.025 s; give more, or leave it out"):
        encoder(folder, window_seconds=0.01)
    assert encoder(folder, window_seconds=0.05)[3](noise(0.05, 16_000)).shape == (2, 16)
