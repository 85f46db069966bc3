import json

import numpy as np
import pytest

from jupyter_deploy.runtime.blocks import LEAST, read_floats
from jupyter_deploy.runtime.decode import InvalidInput, compile_type_decoder

ROWS, COLUMNS = 40, 30
TABLE = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
SPEC = {"kind": "array", "dtype": "float64", "shape": [-1, COLUMNS]}


def table():
    return json.loads(json.dumps(TABLE.tolist()))


def test_a_table_of_floats_is_read_to_the_last_bit_and_may_be_written_to():
    found = read_floats(table(), -1, COLUMNS)
    assert found.dtype == np.float64
    assert found.tobytes() == TABLE.tobytes()
    found[0, 0] = 1.0
    assert found.flags.c_contiguous


@pytest.mark.parametrize("odd", [1, True, None, "Infinity", "1.5", [1.5], {}, 2**70])
def test_anything_else_among_the_floats_is_left_to_the_way_that_looks_at_each(odd):
    rows = table()
    rows[17][5] = odd
    assert read_floats(rows, -1, COLUMNS) is None


def test_other_shapes_are_left_to_it_as_well():
    assert read_floats(table(), -1, COLUMNS + 1) is None
    assert read_floats(table(), ROWS + 1, -1) is None
    assert read_floats(table()[: (LEAST - 1) // COLUMNS], -1, COLUMNS) is None
    ragged = table()
    ragged[3], ragged[4] = ragged[3][:-1], [*ragged[4], 1.0]
    assert read_floats(ragged, -1, -1) is None
    assert read_floats([*table()[:-1], tuple(TABLE[-1])], -1, COLUMNS) is None
    assert read_floats([*table()[:-1], {"a": 1.0}], -1, COLUMNS) is None


@pytest.mark.parametrize(("odd", "field"), [("no", "rows[17][5]"), (True, "rows[17][5]"), (None, "rows[17][5]")])
def test_the_decoder_still_names_what_does_not_fit(odd, field):
    decode = compile_type_decoder(SPEC)
    assert (decode(table(), "rows") == TABLE).all()
    rows = table()
    rows[17][5] = odd
    with pytest.raises(InvalidInput) as caught:
        decode(rows, "rows")
    assert caught.value.field == field


def test_whole_numbers_and_infinities_among_floats_are_read_as_ever():
    decode = compile_type_decoder(SPEC)
    rows = table()
    rows[0][0], rows[1][1] = 3, "Infinity"
    found = decode(rows, "rows")
    assert (found[0, 0], found[1, 1]) == (3.0, float("inf"))
    assert found[2:].tobytes() == TABLE[2:].tobytes()
