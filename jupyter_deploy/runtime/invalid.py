"""The one error that decoding a request can raise, and how it words what it found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class InvalidInput(ValueError):
    """A request does not fit the entry's types.

    Parameters
    ----------
    field
        The path of the offending value, `rows[3].age`.
    expected
        What the notebook's function takes there.
    found
        What came instead.

    """

    def __init__(self, field: str, expected: str, found: str) -> None:
        super().__init__(f"{field or 'the request'}: expected {expected}, found {found}")
        self.field = field
        self.expected = expected
        self.found = found


def name_found(value: object) -> str:
    """Name a JSON value in an error, short whatever its size."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'the text "{_shorten(value)}"'
    if isinstance(value, int):
        return f"the integer {_shorten(str(value))}" if value.bit_length() < 1000 else "a huge integer"
    if isinstance(value, float):
        return f"the number {value!r}"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, Mapping):
        return f"an object with {name_some(value)}" if value else "an empty object"
    return f"a {type(value).__name__}"


def name_some(names: Iterable[object], limit: int = 4) -> str:
    """List the first few of some names: `age, plan, income, …`."""
    shown = [_shorten(str(name)) for name in names]
    return ", ".join(shown[:limit]) + (", …" if len(shown) > limit else "")


def name_unknown(name: object, known: Iterable[object]) -> str:
    """Name an unknown key, with the known one that it was probably meant to be."""
    # Imported only once something is wrong: it would cost every start-up
    import difflib

    near = difflib.get_close_matches(str(name)[:100], [str(each) for each in known], n=1)
    hint = f' (did you mean "{near[0]}"?)' if near else ""
    return f'the unknown "{_shorten(str(name))}"{hint}'


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
