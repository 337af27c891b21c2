"""Short names of audio models that are well known. What is told of each is told as on its page on the hub and in its paper.

None was tried with its true weights: the tests run random ones of the same architectures. Rate, layers and the like are read from the
model's own files (see `mirbench.HubEncoder`); the rates and windows that stand here are for `mirbench list`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import mirbench

from ._packaged import not_installed

JAMENDO = ("mtg-jamendo-genre", "mtg-jamendo-instrument", "mtg-jamendo-mood", "mtg-jamendo-top50")
MERT = "Y. Li, R. Yuan, G. Zhang et al., MERT: acoustic music understanding model with large-scale self-supervised training, ICLR 2024"
CLAP = (
    "Y. Wu, K. Chen, T. Zhang, Y. Hui, T. Berg-Kirkpatrick and S. Dubnov, Large-scale contrastive language-audio pretraining with feature "
    "fusion and keyword-to-caption augmentation, ICASSP 2023"
)


class KnownModel(mirbench.HubEncoder):
    """families: of corruptions that its training audio was under, as its authors say."""

    window_seconds = 10.0
    untried = True
    families: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.home = f"https://huggingface.co/{self.repository}"

    def seen_families(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        return self.families


class Mert95M(KnownModel):
    name = "mert-95m"
    description = "MERT of 95 M weights, trained on music without labels"
    repository, revision = "m-a-p/MERT-v1-95M", "12af15fef9d0ac838c3f475bfbbf26d2060dd4f5"
    sample_rate = 24_000
    licence = "CC-BY-NC-4.0"
    citation = MERT
    trained_with = "20,000 hours of music, of which it is not said which"
    families = ("mixing",)


class Mert330M(Mert95M):
    name = "mert-330m"
    description = "MERT of 330 M weights, trained on music without labels"
    repository, revision = "m-a-p/MERT-v1-330M", "5240c2708a5acaee1007f43fb9735c7dcd0b78c9"
    trained_with = "160,000 hours of music, of which it is not said which"


class Music2Vec(KnownModel):
    name = "music2vec"
    description = "music2vec, data2vec trained on music without labels"
    repository, revision = "m-a-p/music2vec-v1", "f166e594406cf5f0fa9486df21ac503ce9b7f4fb"
    sample_rate = 16_000
    licence = "CC-BY-NC-4.0"
    citation = (
        "Y. Li, R. Yuan, G. Zhang et al., MAP-Music2Vec: a simple and effective baseline for self-supervised music audio representation "
        "learning, late-breaking demo, ISMIR 2022"
    )
    trained_with = "1,000 hours of music, of which it is not said which"


class MuqLarge(KnownModel):
    """By the package of its authors, in float32 alone: they warn of NaN in others."""

    name = "muq-large"
    description = "MuQ of 300 M weights, trained on music without labels"
    repository, revision = "OpenMuQ/MuQ-large-msd-iter", "0562a57814f6f8bbd9fdea0a25921a2fce1a841a"
    sample_rate = 24_000
    licence = "CC-BY-NC-4.0"
    citation = (
        "H. Zhu, Y. Zhou, H. Chen et al., MuQ: self-supervised music representation learning with mel residual vector quantization, 2025 "
        "(arXiv:2501.01108)"
    )
    trained_with = "the Million Song Dataset"
    marks = ("encoder_depth",)

    def missing(self, options: Mapping[str, Any]) -> str:
        return not_installed(self.name, {"muq": "pip install 'mirbench-audio[muq]'"}) or super().missing(options)

    def check(self, options: Mapping[str, Any]) -> None:
        super().check(options)
        if options["dtype"] != "float32":
            raise mirbench.MirbenchError(f"{self.model} computes in float32 alone; leave --set options.{self.name}.dtype out.")

    def facts(self, options: Mapping[str, Any]) -> mirbench.ModelFacts:
        """Its mel bands are normalised inside."""
        return mirbench.ModelFacts(self.sample_rate, normalises=True, layers=self.read("config.json")["encoder_depth"] + 1)

    def frames(self, options: Mapping[str, Any], device: str) -> Callable[[Any], Any]:
        import muq
        import torch

        model = muq.MuQ.from_pretrained(str(self.folder())).eval().to(device)

        def frames(audio: Any) -> Any:
            with torch.inference_mode(), torch.random.fork_rng([]):
                hidden = model(torch.as_tensor(audio, device=device), output_hidden_states=True).hidden_states
                return [each.cpu().numpy() for each in hidden]

        return frames


class ClapMusic(KnownModel):
    name = "clap-music"
    description = "the larger CLAP of LAION, trained on music with texts"
    repository, revision = "laion/larger_clap_music", "a0b4534a14f58e20944452dff00a22a06ce629d1"
    sample_rate = 48_000
    licence = "Apache-2.0"
    citation = CLAP
    trained_with = "music, of which its page does not say which"


class ClapGeneral(ClapMusic):
    name = "clap-general"
    description = "the larger CLAP of LAION, trained on any audio with texts"
    repository, revision = "laion/larger_clap_general", "ada0c23a36c4e8582805bb38fec3905903f18b41"
    trained_with = "general audio, music and speech, of which its page does not say which"


class ClapUnfused(ClapMusic):
    name = "clap-unfused"
    description = "CLAP of LAION, trained on any audio with texts"
    repository, revision = "laion/clap-htsat-unfused", "8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a"
    trained_with = "LAION-Audio-630K, and maybe others of the paper's: AudioSet, AudioCaps and Clotho"


class Encodec24(KnownModel):
    name = "encodec-24khz"
    description = "EnCodec of 24 kHz, a codec, before it quantises"
    repository, revision = "facebook/encodec_24khz", "c1dbe2ae3f1de713481a3b3e7c47f357092ee040"
    sample_rate = 24_000
    licence = "MIT for the code; none is stated for the weights"
    citation = "A. Défossez, J. Copet, G. Synnaeve and Y. Adi, High fidelity neural audio compression, 2022 (arXiv:2210.13438)"
    trained_on = JAMENDO
    trained_with = "DNS Challenge 4, Common Voice, AudioSet, FSD50K and the Jamendo data set"
    families = ("level", "rooms", "mixing")


class Encodec32(KnownModel):
    name = "encodec-32khz"
    description = "EnCodec of 32 kHz, the codec of MusicGen, before it quantises"
    repository, revision = "facebook/encodec_32khz", "d0c45384f6c44db055f78200cfdcb9c1c8706727"
    sample_rate = 32_000
    licence = "CC-BY-NC-4.0"
    citation = "J. Copet, F. Kreuk, I. Gat et al., Simple and controllable music generation, NeurIPS 2023"
    trained_with = "20,000 hours of music: 10,000 tracks of Meta's own, ShutterStock and Pond5"


class Dac44(KnownModel):
    name = "dac-44khz"
    description = "Descript Audio Codec of 44.1 kHz, before it quantises"
    repository, revision = "descript/dac_44khz", "c1bc521685adf9cfe247bc39a5ca58917eda1ac4"
    sample_rate = 44_100
    licence = "MIT"
    citation = (
        "R. Kumar, P. Seetharaman, A. Luebs, I. Kumar and K. Kumar, High-fidelity audio compression with improved RVQGAN, NeurIPS 2023"
    )
    trained_on = (*JAMENDO, "vocalset-singer", "vocalset-technique")
    trained_with = "DAPS, DNS Challenge 4, Common Voice, VCTK, VocalSet, MUSDB, the Jamendo data set and AudioSet"


class Maest30(KnownModel):
    name = "maest-30s"
    description = "MAEST of 30 s, a spectrogram transformer trained on music styles"
    repository = "mtg-upf/discogs-maest-30s-pw-73e-ts"
    sample_rate = 16_000
    window_seconds = 30.016
    licence = "CC-BY-NC-SA-4.0"
    citation = (
        "P. Alonso-Jiménez, X. Serra and D. Bogdanov, Efficient supervised training of audio transformers for music representation "
        "learning, ISMIR 2023"
    )
    trained_with = "Discogs20, its authors' own with 400 music styles of Discogs, from weights of PaSST, which are of AudioSet"


class Ast(KnownModel):
    name = "ast"
    description = "AST, a spectrogram transformer trained on the labels of AudioSet"
    repository, revision = "MIT/ast-finetuned-audioset-10-10-0.4593", "f826b80d28226b62986cc218e5cec390b1096902"
    sample_rate = 16_000
    window_seconds = 10.24
    licence = "BSD-3-Clause"
    citation = "Y. Gong, Y.-A. Chung and J. Glass, AST: audio spectrogram transformer, Interspeech 2021"
    trained_with = "AudioSet, from weights of ImageNet"
    families = ("mixing",)


class WhisperSmall(KnownModel):
    name = "whisper-small"
    description = "the encoder of Whisper small, trained to transcribe speech"
    repository, revision = "openai/whisper-small", "973afd24965f72e36ca33b3055d56a652f456b4d"
    sample_rate = 16_000
    window_seconds = 30.0
    licence = "Apache-2.0"
    citation = (
        "A. Radford, J. W. Kim, T. Xu, G. Brockman, C. McLeavey and I. Sutskever, Robust speech recognition via large-scale weak "
        "supervision, ICML 2023"
    )
    trained_with = "680,000 hours of speech from the internet with transcripts"


class HubertBase(KnownModel):
    name = "hubert-base"
    description = "HuBERT base, trained on speech without labels"
    repository, revision = "facebook/hubert-base-ls960", "dba3bb02fda4248b6e082697eee756de8fe8aa8a"
    sample_rate = 16_000
    licence = "Apache-2.0"
    citation = (
        "W.-N. Hsu, B. Bolte, Y.-H. H. Tsai, K. Lakhotia, R. Salakhutdinov and A. Mohamed, HuBERT: self-supervised speech representation "
        "learning by masked prediction of hidden units, IEEE/ACM Transactions on Audio, Speech, and Language Processing 29, 2021"
    )
    trained_with = "960 hours of speech of LibriSpeech"


class Wav2Vec2Base(KnownModel):
    name = "wav2vec2-base"
    description = "wav2vec 2.0 base, trained on speech without labels"
    repository, revision = "facebook/wav2vec2-base", "0b5b8e868dd84f03fd87d01f9c4ff0f080fecfe8"
    sample_rate = 16_000
    licence = "Apache-2.0"
    citation = (
        "A. Baevski, H. Zhou, A. Mohamed and M. Auli, wav2vec 2.0: a framework for self-supervised learning of speech representations, "
        "NeurIPS 2020"
    )
    trained_with = "960 hours of speech of LibriSpeech"


class WavlmBasePlus(KnownModel):
    name = "wavlm-base-plus"
    description = "WavLM base+, trained on speech without labels"
    repository, revision = "microsoft/wavlm-base-plus", "4c66d4806a428f2e922ccfa1a962776e232d487b"
    sample_rate = 16_000
    licence = "CC-BY-SA-3.0"
    citation = (
        "S. Chen, C. Wang, Z. Chen et al., WavLM: large-scale self-supervised pre-training for full stack speech processing, IEEE Journal "
        "of Selected Topics in Signal Processing 16(6), 2022"
    )
    trained_with = "94,000 hours of speech: Libri-Light, GigaSpeech and VoxPopuli"
    families = ("noise", "mixing")


class Data2VecAudioBase(KnownModel):
    name = "data2vec-audio-base"
    description = "data2vec base, trained on speech without labels"
    repository = "facebook/data2vec-audio-base"
    sample_rate = 16_000
    licence = "Apache-2.0"
    citation = (
        "A. Baevski, W.-N. Hsu, Q. Xu, A. Babu, J. Gu and M. Auli, data2vec: a general framework for self-supervised learning in speech, "
        "vision and language, ICML 2022"
    )
    trained_with = "960 hours of speech of LibriSpeech"


@mirbench.hookimpl
def register_encoders() -> list[mirbench.Encoder]:
    music = [Mert95M(), Mert330M(), Music2Vec(), MuqLarge(), ClapMusic(), Encodec32(), Maest30()]
    sound = [ClapGeneral(), ClapUnfused(), Encodec24(), Dac44(), Ast()]
    return [*music, *sound, WhisperSmall(), HubertBase(), Wav2Vec2Base(), WavlmBasePlus(), Data2VecAudioBase()]
