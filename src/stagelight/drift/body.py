"""A reference as plain JSON, and back to the very same bins and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stagelight.drift.bins import CategoryBins, NumberBins
from stagelight.drift.dependence import Links
from stagelight.drift.grid import Grid
from stagelight.drift.reference import Reference
from stagelight.drift.sketch import Sketch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stagelight.drift.bins import Bins


def to_body(reference: Reference) -> dict[str, Any]:
    """Return what `of_body` makes `reference` of again.

    >>> reference = Reference.of([0.1, 0.25, 0.7])
    >>> of_body(to_body(reference)).id == reference.id
    True
    """
    bins, sketch = reference.bins, reference.sketch
    told: dict[str, Any] = {"kind": bins.kind, "groups": bins.groups.tolist()}
    if isinstance(bins, CategoryBins):
        told["labels"] = list(bins.labels)
    elif isinstance(bins, NumberBins) and bins.grid is not None:
        told["grid"] = {"low": bins.grid.low, "per_unit": bins.grid.per_unit, "starts": bins.grid.starts.tolist()}
    elif isinstance(bins, NumberBins):
        told["edges"] = bins.edges.tolist()
    return told | {"counts": sketch.counts.tolist(), "links": sketch.links.sums.tolist()}


def of_body(body: Mapping[str, Any]) -> Reference:
    """Return the reference that `to_body` wrote."""
    sketch = Sketch(np.array(body["counts"], np.int64), Links(np.array(body["links"], np.int64)))
    return Reference(_bins(body), sketch)


def _bins(body: Mapping[str, Any]) -> Bins:
    groups = np.array(body["groups"], np.intp)
    if body["kind"] == "category":
        return CategoryBins(tuple(body["labels"]), groups)
    if "grid" not in body:
        return NumberBins(np.array(body["edges"], np.float64), groups)
    told = body["grid"]
    grid = Grid(told["low"], told["per_unit"], np.array(told["starts"], np.intp))
    return NumberBins(grid.edges, groups, grid)
