from __future__ import annotations

import pytest

from jupyter_deploy.runtime.split import Split


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.1, 1 / 3, 0.5, 0.9, 0.9999])
def test_of_any_number_of_requests_the_share_is_taken_to_one_request(share):
    split, taken = Split(share, "v"), 0
    for number in range(1, 20_001):
        taken += split.takes(None)
        assert abs(taken - number * round(share * 10_000) / 10_000) < 1


def test_a_key_is_taken_or_not_always_and_more_are_at_a_larger_share():
    keys = [f"user-{number}".encode() for number in range(2000)]
    before: set[bytes] = set()
    for share in (0.05, 0.2, 0.7):
        split = Split(share, "version")
        taken = {key for key in keys if split.takes(key)}
        assert taken == {key for key in keys if split.takes(key)}
        assert abs(len(taken) / len(keys) - share) < 0.05
        assert before <= taken
        before = taken
    assert {key for key in keys if Split(0.7, "another").takes(key)} != before


def test_keys_do_not_disturb_the_even_split():
    split = Split(0.5, "v")
    seen = []
    for number in range(20):
        split.takes(str(number).encode())
        seen.append(split.takes(None))
    assert seen == [False, True] * 10
