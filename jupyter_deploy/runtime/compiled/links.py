"""From a model's scores to probabilities and classes, each with the very operations of the original."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .rows import Array

Link = Callable[[Array], Array]


def _expit(value: float) -> float:
    """Give the logistic function by the C library's exponential, as SciPy does: NumPy's own differs."""
    try:
        return 1.0 / (1.0 + math.exp(-value))
    except OverflowError:
        return 0.0


def binomial(scores: Array) -> Array:
    """Give both classes' probabilities from one column of scores."""
    flat = [one for chance in map(_expit, scores[:, 0].tolist()) for one in (1.0 - chance, chance)]
    return np.array(flat).reshape(-1, 2)


def softmax(scores: Array) -> Array:
    """Give each class's probability from a column of scores for each."""
    chances = scores - scores.max(axis=1).reshape(-1, 1)
    np.exp(chances, out=chances)
    chances /= chances.sum(axis=1).reshape(-1, 1)
    return chances


def softmax_by_column(scores: Array) -> Array:
    """Give the same, added up one class after the other, which is the same for one row and for many."""
    chances = np.exp(scores - scores.max(axis=1).reshape(-1, 1))
    total = chances[:, 0].copy()
    for column in range(1, chances.shape[1]):
        total += chances[:, column]
    chances /= total.reshape(-1, 1)
    return chances


def exponential_of_c(scores: Array) -> Array:
    """Give the exponential function by the C library, rounded to the scores' own precision."""
    return np.array([_exp(score) for score in scores.ravel().tolist()], scores.dtype).reshape(scores.shape)


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def binomial_float32(scores: Array) -> Array:
    """Give both classes' probabilities in single precision."""
    one = np.float32(1)
    chances = np.empty((len(scores), 2), np.float32)
    with np.errstate(over="ignore"):
        chances[:, 1] = one / (exponential_of_c(-scores[:, 0]) + one)
    np.subtract(one, chances[:, 1], out=chances[:, 0])
    return chances


def softmax_float32(scores: Array) -> Array:
    """Give each class's probability in single precision, added up in double."""
    chances = exponential_of_c(scores - scores.max(axis=1).reshape(-1, 1))
    total = np.zeros(len(scores))
    for column in range(chances.shape[1]):
        total += chances[:, column]
    chances /= total.astype(np.float32).reshape(-1, 1)
    return chances


def softmax_in_turn(scores: Array) -> Array:
    """Give each class's probability by the C library's exponential, added up one class after the other."""
    chances = exponential_of_c(scores - scores.max(axis=1).reshape(-1, 1))
    total = np.zeros(len(scores))
    for column in range(chances.shape[1]):
        total += chances[:, column]
    chances /= total.reshape(-1, 1)
    return chances


LINKS: dict[str, Link] = {
    "itself": lambda scores: scores,
    "binomial": binomial,
    "binomial_float32": binomial_float32,
    "softmax": softmax,
    "softmax_by_column": softmax_by_column,
    "softmax_float32": softmax_float32,
    "softmax_in_turn": softmax_in_turn,
    "exponential": np.exp,
    "exponential_of_c": exponential_of_c,
}


Choice = Callable[[Array, Link], Array]
"""Gives the place of each row's class, from its scores and the link that makes probabilities of them."""

CHOICES: dict[str, Choice] = {
    "above": lambda scores, _: (scores[:, 0] > 0).astype(np.intp),
    "from": lambda scores, _: (scores[:, 0] >= 0).astype(np.intp),
    "largest": lambda scores, _: scores.argmax(axis=1),
    "likeliest": lambda scores, link: link(scores).argmax(axis=1),
    "above_half": lambda scores, link: (link(scores)[:, 1] > 0.5).astype(np.intp),
}
"""Of equal scores, the first class's counts; which of two it is at the very boundary differs from model to model."""
