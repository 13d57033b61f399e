"""A sum in front of an object tells damage; what has none is as good as it says."""

import json

import pytest

from flows.files.sealed import seal, unseal

BODY = json.dumps({"version": 1, "rows": ["a", 2, None]}).encode()


def test_a_sealed_object_is_the_object_with_its_sum():
    assert json.loads(unseal(seal(BODY))).items() > json.loads(BODY).items()


def test_no_bit_can_change_unnoticed():
    sealed = seal(BODY)
    for at in range(8 * len(sealed)):
        damaged = bytearray(sealed)
        damaged[at // 8] ^= 1 << at % 8
        try:
            found = json.loads(unseal(bytes(damaged)))
        except ValueError:
            continue
        assert found.items() >= json.loads(BODY).items()


def test_an_object_without_a_sum_is_read_and_a_cut_one_is_not():
    assert unseal(BODY) == BODY
    with pytest.raises(ValueError, match="sum"):
        unseal(seal(BODY)[:-3])
