"""mirbench: is this music representation any good, and does it survive real-world audio?

Public names only. Those that need torch are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from mirbench.errors import MirbenchError
from mirbench.hookspecs import hookimpl
from mirbench.nouns import (
    Backbone,
    Corruption,
    Dataset,
    Encoder,
    Metric,
    Probe,
    Scheme,
    Staged,
    Supervision,
    Task,
)
from mirbench.records import Checksums, Clip, Download, Embeddings, Files, Input, PretrainJob
from mirbench.seeded import seeded

__version__ = "0.1.0"

_LATE = {
    "AudioError": "mirbench.data.audio.audio",
    "AudioFile": "mirbench.data.audio.audio",
    "BackboneEncoder": "mirbench.pretraining.encoder",
    "CentroidClassifier": "mirbench.evaluation.estimators.centroid",
    "ContrastiveOptions": "mirbench.pretraining.settings",
    "AudioOptions": "mirbench.evaluation.embedding.models",
    "FunctionEncoder": "mirbench.evaluation.embedding.models",
    "HubEncoder": "mirbench.evaluation.embedding.hub",
    "HubOptions": "mirbench.evaluation.embedding.hub",
    "FilterBank": "mirbench.pretraining.backbones.mel",
    "LabelOptions": "mirbench.pretraining.settings",
    "LayerOptions": "mirbench.settings.declaring",
    "LoadedEncoder": "mirbench.experiment.library.loading",
    "LogisticClassifier": "mirbench.evaluation.estimators.logistic",
    "Options": "mirbench.settings.declaring",
    "Spec": "mirbench.settings.declaring",
    "option": "mirbench.settings.declaring",
    "MLPClassifier": "mirbench.evaluation.estimators.mlp",
    "MLPRegressor": "mirbench.evaluation.estimators.mlp",
    "MelCNN": "mirbench.pretraining.backbones.mel_cnn",
    "MelCNNSmall": "mirbench.pretraining.backbones.mel_cnn",
    "OnnxEncoder": "mirbench.evaluation.embedding.onnx_models",
    "OnnxOptions": "mirbench.evaluation.embedding.onnx_models",
    "TorchScriptEncoder": "mirbench.evaluation.embedding.torchscript_models",
    "TorchScriptOptions": "mirbench.evaluation.embedding.torchscript_models",
    "model_files": "mirbench.evaluation.embedding.model_files",
    "ModelEncoder": "mirbench.evaluation.embedding.models",
    "ModelFacts": "mirbench.evaluation.embedding.models",
    "ModelOptions": "mirbench.evaluation.embedding.models",
    "PoolOptions": "mirbench.evaluation.embedding.models",
    "Results": "mirbench.reporting.notebook",
    "SampleCNN": "mirbench.pretraining.backbones.samplecnn",
    "SampleCNNXL": "mirbench.pretraining.backbones.samplecnn",
    "SemiSupervisedOptions": "mirbench.pretraining.settings",
    "TUNe": "mirbench.pretraining.backbones.tune",
    "TUNePlus": "mirbench.pretraining.backbones.tune",
    "TrainingOptions": "mirbench.pretraining.settings",
    "WaveformViews": "mirbench.pretraining.views.waveforms",
    "assign_splits": "mirbench.data.splits",
    "build_backbone": "mirbench.pretraining.backbones",
    "count_initialisers": "mirbench.evaluation.embedding.initialisers",
    "describe_audio": "mirbench.data.audio.audio",
    "evaluate": "mirbench.experiment.library.running",
    "gather_views": "mirbench.pretraining.losses",
    "keep_apart": "mirbench.data.splits",
    "key_name": "mirbench.notation",
    "label_targets": "mirbench.pretraining.supervision",
    "load": "mirbench.experiment.library.loading",
    "load_results": "mirbench.experiment.library.running",
    "map_in_workers": "mirbench.engine.workers",
    "parse_key": "mirbench.notation",
    "parse_pitch": "mirbench.notation",
    "progress_bar": "mirbench.progress",
    "read_audio": "mirbench.data.audio.audio",
    "read_clip": "mirbench.data.audio.audio",
    "read_manifest": "mirbench.data.manifests.manifest",
    "read_pieces": "mirbench.data.audio.audio",
    "read_table": "mirbench.data.published.tables",
    "resample": "mirbench.data.audio.audio",
    "run": "mirbench.experiment.library.running",
    "semisupcon_loss": "mirbench.pretraining.losses",
    "table_rows": "mirbench.data.published.tables",
    "write_manifest": "mirbench.data.manifests.manifest",
}

__all__ = [
    "Backbone",
    "Checksums",
    "Clip",
    "Corruption",
    "Dataset",
    "Download",
    "Embeddings",
    "Encoder",
    "Files",
    "Input",
    "Metric",
    "MirbenchError",
    "Options",
    "PretrainJob",
    "Probe",
    "Scheme",
    "Spec",
    "Staged",
    "Supervision",
    "Task",
    "__version__",
    "hookimpl",
    "option",
    "seeded",
    *sorted(_LATE),
]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"module 'mirbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
