"""Ensembles of trees in one form, whatever library trained them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jupyter_deploy.runtime.compiled.rows import Array

AT_MOST, BELOW = 0, 1
"""How a row's number is compared with a threshold for it to go left."""


@dataclass(frozen=True)
class Ensemble:
    """Trees of inner nodes and leaves, numbered through; a row's score is what its leaves add to their targets."""

    targets: int
    roots: Array
    features: Array
    thresholds: Array
    modes: Array
    missing_left: Array
    left: Array
    right: Array
    left_is_leaf: Array
    right_is_leaf: Array
    leaf_targets: Array
    leaf_values: Array


class EnsembleBuilder:
    """Puts trees together, in the order in which the original adds them up."""

    def __init__(self, targets: int) -> None:
        self._targets = targets
        self._parts: list[tuple[Any, ...]] = []
        self._leaf_parts: list[tuple[Any, ...]] = []
        self._roots: list[int] = []
        self._nodes = self._leaves = 0

    @property
    def leaves(self) -> int:
        """Leaves so far."""
        return self._leaves

    def add_constant(self, value: float, target: int) -> None:
        """Add a tree that says the same of every row: what a sum begins with."""
        self.add(np.array([-1]), np.array([-1]), np.zeros(1, int), np.zeros(1), np.array([value]), target=target)

    def add(
        self, left: Array, right: Array, features: Array, thresholds: Array, values: Array, *,
        target: int | Array, missing_left: Array | None = None, mode: int = AT_MOST,
    ) -> None:
        """Add a tree: arrays over its nodes, the root first; a node without a left child (-1) is a leaf of a value.

        `target` is what all its leaves add to, or an array of what each node's value is added to.
        """
        targets = np.broadcast_to(target, len(left))
        if left[0] < 0:  # a root that is a leaf becomes a node with that leaf on both sides
            left, right = np.array([1, -1]), np.array([1, -1])
            features, thresholds = np.zeros(2, int), np.zeros(2)
            values, missing_left, targets = np.array([0.0, values[0]]), None, np.repeat(targets, 2)
        is_leaf = left < 0
        inner, leaf = np.flatnonzero(~is_leaf), np.flatnonzero(is_leaf)
        place = np.empty(len(left), np.int64)
        place[inner] = self._nodes + np.arange(len(inner))
        place[leaf] = self._leaves + np.arange(len(leaf))
        missing = np.zeros(len(inner), np.int64) if missing_left is None else missing_left[inner].astype(np.int64)
        self._roots.append(self._nodes)
        self._parts.append((
            features[inner], thresholds[inner], np.full(len(inner), mode), missing, place[left[inner]],
            place[right[inner]], is_leaf[left[inner]].astype(np.int64), is_leaf[right[inner]].astype(np.int64)))
        self._leaf_parts.append((targets[leaf], values[leaf]))
        self._nodes += len(inner)
        self._leaves += len(leaf)

    def build(self) -> Ensemble:
        """Give the ensemble."""
        nodes = [np.concatenate(column) for column in zip(*self._parts, strict=True)]
        leaves = [np.concatenate(column) for column in zip(*self._leaf_parts, strict=True)]
        return Ensemble(self._targets, np.array(self._roots), *nodes, *leaves)
