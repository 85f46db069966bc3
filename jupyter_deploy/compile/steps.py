"""What stands before a model in a pipeline, described for the runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from jupyter_deploy.compile.errors import NotCompiled
from jupyter_deploy.runtime.compiled.description import Description

_COLUMNS = "sklearn.compose._column_transformer.ColumnTransformer"
_PIPELINE = "sklearn.pipeline.Pipeline"
_IMPUTER = "sklearn.impute._base.SimpleImputer"
_ENCODERS = ("sklearn.preprocessing._encoders.OneHotEncoder", "sklearn.preprocessing._encoders.OrdinalEncoder")


def own_name(value: object) -> str:
    """Name a value's class by its module: a subclass has another."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def describe_steps(transformers: Sequence[Any], *, checks: bool) -> list[Description]:
    """Describe the transformers of a pipeline (raises `NotCompiled`).

    `checks` has them refuse infinity themselves, because the model behind them takes it.
    """
    if not transformers:
        return []
    first, rest = transformers[0], transformers[1:]
    if own_name(first) == _COLUMNS:
        described = [_describe_columns(first, checks=checks)]
    elif any(own_name(one) in _ENCODERS for one in transformers):
        # Encoders take labels, which only the choice of columns hands on as they are.
        width = int(first.n_features_in_)
        part = _describe_part(transformers, list(range(width)), checks=checks)
        return [_whole(first, width, [part])]
    else:
        described, rest = [], transformers
    return [*described, *(_describe_step(one, checks=checks) for one in rest)]


def _whole(owner: Any, width: int, parts: list[Description]) -> Description:
    names = getattr(owner, "feature_names_in_", None)
    return {"step": "columns", "parts": parts, "width": width, "owner": type(owner).__name__,
            "names": None if names is None else [str(name) for name in names]}


def _describe_columns(columns: Any, *, checks: bool) -> Description:
    _check_output(columns)
    if columns.transformer_weights:
        raise NotCompiled("a ColumnTransformer with transformer_weights has no compiled form")
    parts = []
    for name, transformer, _ in columns.transformers_:
        places = [int(place) for place in columns._transformer_to_input_indices[name]]
        if places and not (isinstance(transformer, str) and transformer == "drop"):
            parts.append(_describe_part(list(_flatten(transformer)), places, checks=checks))
    if not parts:
        raise NotCompiled("its ColumnTransformer keeps no column")
    return _whole(columns, int(columns.n_features_in_), parts)


def _flatten(transformer: Any) -> Iterator[Any]:
    if own_name(transformer) == _PIPELINE:
        for _, step in transformer.steps:
            yield from _flatten(step)
    elif not _does_nothing(transformer):
        yield transformer


def _does_nothing(transformer: Any) -> bool:
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return True
    named = own_name(transformer) == "sklearn.preprocessing._function_transformer.FunctionTransformer"
    return named and transformer.func is None and not transformer.validate


def _describe_part(transformers: Sequence[Any], places: list[int], *, checks: bool) -> Description:
    encoders = [number for number, one in enumerate(transformers) if own_name(one) in _ENCODERS]
    if len(encoders) > 1:
        raise NotCompiled("an encoder behind an encoder has no compiled form")
    before = transformers[: encoders[0]] if encoders else ()
    if any(own_name(one) != _IMPUTER for one in before):
        raise NotCompiled(f"{type(before[0]).__name__} before an encoder has no compiled form")
    labels = [_label_imputer(one) for one in before]
    rest = [_describe_step(one, checks=checks) for one in transformers[len(labels):]]
    return {"places": places, "labels": bool(encoders), "steps": [*labels, *rest]}


def _describe_step(transformer: Any, *, checks: bool) -> Description:
    _check_output(transformer)
    describe = _STEPS.get(own_name(transformer))
    if describe is None:
        raise NotCompiled(f"there is no compiled form of {type(transformer).__name__}")
    return {**describe(transformer), "checks": checks}


def _check_output(transformer: Any) -> None:
    config = getattr(transformer, "_sklearn_output_config", {})
    if config.get("transform", "default") != "default":
        raise NotCompiled(f"{type(transformer).__name__} with set_output(transform={config['transform']!r}) "
                          "has no compiled form")


def _scaler(scaler: Any) -> Description:
    return {"step": "scale", "mean": scaler.mean_ if scaler.with_mean else None,
            "scale": scaler.scale_ if scaler.with_std else None}


def _stretcher(scaler: Any) -> Description:
    return {"step": "stretch", "scale": scaler.scale_, "shift": scaler.min_,
            "range": list(map(float, scaler.feature_range)) if scaler.clip else None}


def _robust(scaler: Any) -> Description:
    return {"step": "scale", "mean": scaler.center_ if scaler.with_centering else None,
            "scale": scaler.scale_ if scaler.with_scaling else None}


def _check_imputer(imputer: Any, *, numbers: bool) -> None:
    missing = imputer.missing_values
    is_nan = isinstance(missing, float) and np.isnan(missing)
    if imputer.add_indicator or not (is_nan or (missing is None and not numbers)):
        raise NotCompiled("SimpleImputer with add_indicator, or with another missing value than NaN, "
                          "has no compiled form")


def _imputer(imputer: Any) -> Description:
    _check_imputer(imputer, numbers=True)
    values = np.asarray(imputer.statistics_)
    if values.dtype.kind not in "fiu":
        raise NotCompiled("a SimpleImputer of labels without an encoder has no compiled form")
    values = values.astype(np.float64)
    empty = np.isnan(values)
    if not empty.any():
        return {"step": "impute", "values": values, "kept": None}
    if imputer.keep_empty_features:
        return {"step": "impute", "values": np.where(empty, 0.0, values), "kept": None}
    return {"step": "impute", "values": values[~empty], "kept": np.flatnonzero(~empty)}


def _label_imputer(imputer: Any) -> Description:
    _check_output(imputer)
    _check_imputer(imputer, numbers=False)
    values = _plain_labels(imputer.statistics_)
    if any(value is None or value != value for value in values):
        raise NotCompiled("a SimpleImputer of a column without values has no compiled form")
    return {"step": "impute_labels", "values": values, "none": imputer.missing_values is None}


def _one_hot(encoder: Any) -> Description:
    strict = encoder.handle_unknown == "error"
    if not strict and encoder.handle_unknown not in ("ignore", "infrequent_if_exist"):
        raise NotCompiled(f"OneHotEncoder with handle_unknown={encoder.handle_unknown!r} has no compiled form")
    _check_frequencies(encoder)
    drop = [None] * len(encoder.categories_) if encoder.drop_idx_ is None else list(encoder.drop_idx_)
    return {"step": "one_hot", "categories": list(map(_plain_labels, encoder.categories_)), "strict": strict,
            "drop": [None if one is None else int(one) for one in drop], "dtype": np.dtype(encoder.dtype).str}


def _ordinal(encoder: Any) -> Description:
    _check_frequencies(encoder)
    codes = [np.arange(len(labels), dtype=np.float64) for labels in encoder.categories_]
    for column, place in getattr(encoder, "_missing_indices", {}).items():
        codes[column][place] = encoder.encoded_missing_value
    strict = encoder.handle_unknown == "error"
    unknown = None if strict or np.isnan(encoder.unknown_value) else float(encoder.unknown_value)
    return {"step": "ordinal", "categories": list(map(_plain_labels, encoder.categories_)), "codes": codes,
            "strict": strict, "unknown": unknown, "dtype": np.dtype(encoder.dtype).str}


def _check_frequencies(encoder: Any) -> None:
    if encoder.min_frequency is not None or encoder.max_categories is not None:
        raise NotCompiled(f"{type(encoder).__name__} with infrequent categories has no compiled form")


def _plain_labels(labels: Any) -> list[Any]:
    plain = [one.item() if isinstance(one, np.generic) else one for one in np.asarray(labels).tolist()]
    if not all(one is None or isinstance(one, (str, bool, int, float)) for one in plain):
        raise NotCompiled("it has categories that are neither text nor numbers")
    return plain


_SCALERS = "sklearn.preprocessing._data"
_STEPS: dict[str, Callable[[Any], Description]] = {
    f"{_SCALERS}.StandardScaler": _scaler, f"{_SCALERS}.MinMaxScaler": _stretcher,
    f"{_SCALERS}.RobustScaler": _robust, _IMPUTER: _imputer, _ENCODERS[0]: _one_hot, _ENCODERS[1]: _ordinal,
}
"""How to describe a transformer, by its class: a subclass may do anything."""
