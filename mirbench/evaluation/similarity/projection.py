"""Test clips in two dimensions, for people to look at, and how far what they see there can be believed.

Embeddings are standardised by the clean training clips, as before probes, reduced to 50 principal components of those clips, and mapped by
t-SNE (van der Maaten and Hinton 2008) or UMAP (McInnes et al. 2018). A map shows who is near whom: distances between far clusters, their
sizes and its axes say nothing. So beside it stand its trustworthiness (Venna and Kaski 2001), 1 where all neighbours in the map are
neighbours in the embedding, too, and the silhouette (Rousseeuw 1987) of each labelling in both spaces, by Euclidean distance: t-SNE makes
clusters of what has few, and the silhouette in the embedding says whether there are any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mirbench.evaluation.similarity.directions import standardiser
from mirbench.notation import parse_pitch
from mirbench.records import Embeddings

FEWEST = 5  # clips of a map
COMPONENTS = 50
ITERATIONS = 750  # of t-SNE; 1,000 take a third longer and lower its loss by 2 %
NEIGHBOURS = 15  # of trustworthiness, and of UMAP
MOST_LABELS = 20  # of many labels a clip, the most common, that a silhouette is the mean over
PITCH, PITCH_CLASS = "pitch", "pitch class"  # an annotation, and another labelling of it


@dataclass(frozen=True)
class Labels:
    """Of an annotation. target, targets: as `records.Predictions` has them, of these clips."""

    annotation: str
    target: str
    classes: tuple[str, ...]
    clip_ids: tuple[str, ...]
    targets: np.ndarray


@dataclass(frozen=True)
class Projection:
    """points: (clips, 2) float32. silhouettes: by labelling, `embedding` and `map`, in [-1, 1], and of how many `clips` and `labels`."""

    clip_ids: tuple[str, ...]
    points: np.ndarray
    components: int
    perplexity: float | None
    neighbours: int
    trustworthiness: float
    silhouettes: Mapping[str, Mapping[str, Any]]


def project(
    train: Embeddings, test: Embeddings, labels: Sequence[Labels], method: str, most: int, perplexity: float, seed: int
) -> Projection | None:
    """At most `most` test clips, evenly spread; None of fewer than FEWEST.

    train, test: clean, (clips, dim), of one layer. method: tsne or umap. perplexity: of t-SNE; of few clips it is a third of them.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import trustworthiness
    from sklearn.metrics import pairwise_distances
    from threadpoolctl import threadpool_limits

    if len(test.clip_ids) < FEWEST:
        return None
    rows = np.unique(np.linspace(0, len(test.clip_ids) - 1, min(len(test.clip_ids), most)).astype(int))
    learnt = np.asarray(train.matrix, np.float64)
    standardised = standardiser(learnt)
    space, clips = standardised(test.matrix[rows]), len(rows)
    components = min(COMPONENTS, space.shape[1], len(learnt) - 1)
    perplexity, neighbours = min(perplexity, (clips - 1) / 3), min(NEIGHBOURS, (clips - 1) // 2)
    with threadpool_limits(1):  # the same map, however many cores there are
        points = np.zeros((clips, 2), np.float32)  # where nothing tells one clip from another
        if np.ptp(standardised(learnt), axis=0).max() > 0:
            pca = PCA(components, svd_solver="full" if len(learnt) < 1000 else "covariance_eigh").fit(standardised(learnt))
            reduced = pca.transform(space)
            reduced = np.pad(reduced, ((0, 0), (0, max(2 - components, 0))))  # one dimension lies on a line
            if np.ptp(reduced, axis=0).max() > 0:
                points = np.asarray(_mapped(reduced, method, perplexity, neighbours, seed), np.float32)
        ids = tuple(test.clip_ids[row] for row in rows)
        spaces = {"embedding": pairwise_distances(space), "map": pairwise_distances(points.astype(np.float64))}
        for distances in spaces.values():
            np.fill_diagonal(distances, 0)
        found = {name: each for name, about in _labellings(labels, ids).items() if (each := _silhouettes(spaces, *about)) is not None}
        trusted = float(trustworthiness(spaces["embedding"], points, n_neighbors=neighbours, metric="precomputed"))
    return Projection(ids, points, components, perplexity if method == "tsne" else None, neighbours, trusted, found)


def _mapped(reduced: np.ndarray, method: str, perplexity: float, neighbours: int, seed: int) -> np.ndarray:
    """(clips, 2)."""
    if method == "umap":
        import umap

        return np.asarray(umap.UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1).fit_transform(reduced))
    from sklearn.manifold import TSNE

    return np.asarray(TSNE(perplexity=perplexity, init="pca", max_iter=ITERATIONS, random_state=seed, n_jobs=1).fit_transform(reduced))


def _labellings(labels: Sequence[Labels], ids: Sequence[str]) -> dict[str, tuple[list[int], np.ndarray]]:
    """By name, the places of the clips that are labelled, and their labels: one each, (clips,), or many, (clips, labels) 0, 1 or -1."""
    place = {clip: row for row, clip in enumerate(ids)}
    found: dict[str, tuple[list[int], np.ndarray]] = {}
    for each in labels:
        rows = [row for row, clip in enumerate(each.clip_ids) if clip in place]
        places, targets = [place[each.clip_ids[row]] for row in rows], each.targets[rows]
        if each.target != "regression":
            found[each.annotation] = places, targets
        if each.annotation == PITCH and each.target == "multiclass":
            found[PITCH_CLASS] = places, np.array([parse_pitch(name) % 12 for name in each.classes])[targets]
    return found


def _silhouettes(spaces: Mapping[str, np.ndarray], places: list[int], labels: np.ndarray) -> dict[str, Any] | None:
    """Of many labels the mean over the most common, clips with one against clips without; None where no label has two clips, or all."""
    from sklearn.metrics import silhouette_score

    columns = [labels] if labels.ndim == 1 else sorted(labels.T, key=lambda column: -(column > 0).sum())[:MOST_LABELS]
    values: dict[str, list[float]] = {name: [] for name in spaces}
    counts, clips = 0, set[int]()
    for column in columns:
        judged = np.flatnonzero(column >= 0)
        known, at = column[judged], [places[i] for i in judged]
        sizes = np.unique(known, return_counts=True)[1]
        if len(sizes) < 2 or sizes.max() < 2 or len(sizes) > len(known) - 1:
            continue
        clips |= set(at)
        counts += len(sizes) if labels.ndim == 1 else 1
        for name, distances in spaces.items():
            values[name].append(float(silhouette_score(distances[np.ix_(at, at)], known, metric="precomputed")))
    return {name: float(np.mean(each)) for name, each in values.items()} | {"clips": len(clips), "labels": counts} if counts else None
