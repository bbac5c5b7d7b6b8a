"""Portable graymaps (PGM, `P5`) into arrays: what a page holds, and every reason to refuse one. Pure: bytes in, numbers out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Page: TypeAlias = NDArray[np.float64]  #: Ink from 0 to 1; shape (rows, columns).
SIDE = 8  #: A digit is 8 by 8 pixels.
HEADER = re.compile(rb"P5\s+(\d{1,5})\s+(\d{1,5})\s+(\d{1,3})\s")
FAINT = 0.3  #: Ink fainter than this may be dust.


class RefusedError(ValueError):
    """The upload holds nothing that can be read; the caller is told why."""


class MalformedImageError(RefusedError):
    """The bytes are not a whole graymap."""


class BlankImageError(RefusedError):
    """A proper graymap with nothing written on it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one glance at a page tells, for the routing policy."""

    digit_sized: bool  #: The digit fills the page; otherwise it must first be found.
    dust: float  #: Share of pixels that are faint, yet not white.


def decode(body: bytes) -> Page:
    """Return the page in `body`.

    Raises:
        MalformedImageError: Not a graymap, or not all of it.
        BlankImageError: Nothing is written on it.

    >>> decode(encode(np.eye(8))).sum()
    np.float64(8.0)
    """
    header = HEADER.match(body)
    if header is None:
        raise MalformedImageError(f"not a portable graymap: it begins with {body[:8]!r}")
    columns, rows, white = (int(part) for part in header.groups())
    expected, found = rows * columns, len(body) - header.end()
    if found != expected:
        raise MalformedImageError(f"cut short: {columns} x {rows} pixels promised, {found} of {expected} bytes came")
    if rows < SIDE or columns < SIDE or not white:
        raise MalformedImageError(f"{columns} x {rows} pixels of {white} greys cannot hold a digit")
    page: Page = np.frombuffer(body, np.uint8, offset=header.end()).reshape(rows, columns) / white
    if page.max() <= FAINT:
        raise BlankImageError("nothing is written on it")
    return page


def encode(page: Page) -> bytes:
    """Return `page` as a graymap of 17 greys, as the scanner sends it."""
    rows, columns = page.shape
    return b"P5 %d %d 16\n" % (columns, rows) + np.rint(page * 16).astype(np.uint8).tobytes()


def look(page: Page) -> Look:
    """Return what the routing policy may know of `page`."""
    dust = float(np.mean((page > 0) & (page <= FAINT)))
    return Look(digit_sized=page.shape == (SIDE, SIDE), dust=dust)


def darkest(page: Page) -> Page:
    """Return the 8 by 8 part of `page` with the most ink: quick, and now and then half beside the digit."""
    sums = np.pad(page, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    ink = sums[SIDE:, SIDE:] - sums[:-SIDE, SIDE:] - sums[SIDE:, :-SIDE] + sums[:-SIDE, :-SIDE]
    row, column = np.argwhere(ink > ink.max() - 0.01).mean(0).astype(int)  # a digit's white edge makes several equal
    return page[row : row + SIDE, column : column + SIDE]


def windows(page: Page) -> Iterator[Page]:
    """Yield every 8 by 8 part of `page`, a row of them at a time; each item has shape (parts, 64)."""
    parts = np.lib.stride_tricks.sliding_window_view(page, (SIDE, SIDE))
    for row in parts:
        yield row.reshape(-1, SIDE * SIDE)
