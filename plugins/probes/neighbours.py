"""Probes that learn nothing but where clips lie: the nearest clips, and the nearest mean of a class."""

from __future__ import annotations

from typing import Any

import mirbench


class NearestNeighbours(mirbench.Probe):
    name = "knn"
    description = "the nearest training clips by cosine, each counted by one over its distance"
    grid = {"n_neighbors": (30, 10, 5, 3, 1)}
    targets = ("multiclass", "multilabel", "regression")
    seeded = False

    def build(self, target: str) -> Any:
        from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

        return (KNeighborsRegressor if target == "regression" else KNeighborsClassifier)(weights="distance", metric="cosine")


def nearest_centroid() -> Any:
    return mirbench.CentroidClassifier()


@mirbench.hookimpl
def register_probes() -> list[mirbench.Probe]:
    centroid = mirbench.Probe(
        "nearest-centroid",
        nearest_centroid,
        description="the class whose mean is nearest",
        targets=("multiclass", "multilabel"),
        seeded=False,
    )
    return [NearestNeighbours(), centroid]
