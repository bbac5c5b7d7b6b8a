"""The images and their damage: every refusal has its cause in the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digits.image import BlankImageError, MalformedImageError, darkest, decode, encode, look, windows
from digits.routing import choose
from digits.uploads import HTML, SHARES, Kind, body, stream

if TYPE_CHECKING:
    from digits.models import Digits


@given(st.lists(st.lists(st.integers(0, 16), min_size=8, max_size=8), min_size=8, max_size=8))
def test_what_is_encoded_is_decoded(rows: list[list[int]]) -> None:
    """A page with something on it comes back as it was sent, grey for grey."""
    page = np.array(rows) / 16
    page[0, 0] = 1.0

    assert np.array_equal(decode(encode(page)), page)


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (HTML, "not a portable graymap: it begins with b'<!doctyp'"),
        (encode(np.ones((8, 8)))[:40], "cut short: 8 x 8 pixels promised, 30 of 64 bytes came"),
        (b"P5 3 3 16\n" + bytes(9), "3 x 3 pixels of 16 greys cannot hold a digit"),
        (b"P5 8 8 0\n" + bytes(64), "8 x 8 pixels of 0 greys cannot hold a digit"),
    ],
)
def test_a_damaged_image_is_refused_with_its_reason(sent: bytes, says: str) -> None:
    """The sender reads what was wrong with the bytes."""
    with pytest.raises(MalformedImageError) as refused:
        decode(sent)

    assert str(refused.value) == says


def test_an_empty_field_is_refused() -> None:
    """A proper image with nothing on it holds no digit."""
    with pytest.raises(BlankImageError, match="nothing is written"):
        decode(encode(np.zeros((8, 8))))


def test_the_darkest_part_of_a_sheet_is_its_ink() -> None:
    """On a sheet with one dark square, the darkest part is centred on it."""
    page = np.zeros((30, 20))
    page[11:15, 5:9] = 1

    assert darkest(page)[2:6, 2:6].sum() == 16


def test_windows_cover_every_part_once() -> None:
    """A search looks at each place where a digit could stand."""
    page = np.arange(110.0).reshape(11, 10)
    parts = list(windows(page))

    assert [len(row) for row in parts] == [3, 3, 3, 3]
    assert np.array_equal(parts[3][2], page[3:11, 2:10].ravel())


def test_the_stream_is_the_same_for_the_same_seed(digits: tuple[Digits, Digits]) -> None:
    """A run can be repeated, and another seed gives other requests."""
    first, again, other = (list(stream(digits[1], 200, seed=seed)) for seed in (1, 1, 2))

    assert first == again
    assert [each.body for each in first] != [each.body for each in other]


def test_the_stream_holds_every_kind_in_its_share(digits: tuple[Digits, Digits]) -> None:
    """Each kind of upload comes about as often as the table says."""
    kinds = [upload.kind for upload in stream(digits[1], 4000, seed=3)]

    for kind, share in SHARES.items():
        expected = 4000 * share / sum(SHARES.values())
        assert abs(kinds.count(kind) - expected) <= 5 * expected**0.5, kind


@pytest.mark.parametrize(
    ("kind", "error"), [("blank", BlankImageError), ("cut", MalformedImageError), ("foreign", MalformedImageError)]
)
def test_damage_is_in_the_bytes(kind: Kind, error: type[Exception], digits: tuple[Digits, Digits]) -> None:
    """Nothing but the bytes tells the pipeline that an upload is damaged."""
    rng = np.random.default_rng(0)
    for page in digits[1].pages[:50]:
        with pytest.raises(error):
            decode(body(page, kind, rng))


def test_dust_tells_a_dirty_page_from_a_clean_one(digits: tuple[Digits, Digits]) -> None:
    """The policy sends dusty pages to the best model, and leaves clean ones with the cheaper two."""
    rng = np.random.default_rng(0)
    chosen = {
        kind: {choose(look(decode(body(page, kind, rng))), "user-01").version for page in digits[1].pages[:200]}
        for kind in ("clean", "dusty", "note")
    }

    assert chosen == {"clean": chosen["clean"] - {"forest-3"}, "dusty": {"forest-3"}, "note": {"forest-3"}}


def test_a_person_stays_with_one_model(digits: tuple[Digits, Digits]) -> None:
    """Clean pages of one user go to one version; among many users both cheap versions are in use."""
    page = look(digits[1].pages[0])
    versions = {user: choose(page, user).version for user in (f"user-{n:02}" for n in range(40))}

    assert set(versions.values()) == {"bayes-1", "linear-2"}
    assert versions == {user: choose(page, user).version for user in versions}
