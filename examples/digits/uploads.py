"""What people send: scikit-learn's handwritten digits as graymaps, with the damage that scanners, forms and networks do.

Nothing here raises or asks for an error: the images themselves are damaged, and the pipeline finds out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .image import SIDE, Page, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .models import Digits

Kind = Literal["clean", "dusty", "note", "poster", "blank", "cut", "foreign"]

SHARES: dict[Kind, float] = {
    "clean": 0.80,  # one digit fills the image
    "dusty": 0.12,  # the scanner's glass wants a wipe
    "note": 0.015,  # the digit stands somewhere on a small sheet, and must be found
    "poster": 0.002,  # on a sheet so large that looking everywhere takes longer than anybody waits
    "blank": 0.016,  # an empty field of the form
    "cut": 0.02,  # the connection broke in the middle of the upload
    "foreign": 0.01,  # somebody's proxy answered with a page of HTML, and that was uploaded
}
SHEETS = {"note": 20, "poster": 64 * SIDE}  #: Pixels on a side.
BLOT = 6  #: Pixels on a side.
PEOPLE = 40
UPLOADS_PER_SESSION = 12
HTML = b"<!doctype html><title>502 Bad Gateway</title>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One request."""

    id: str
    user: str
    session: str
    body: bytes
    label: int  #: What was really written. The pipeline never looks; it comes back later as truth, for some.
    kind: Kind  #: How it was made; for tests and tallies alone.


def stream(digits: Digits, count: int, *, seed: int = 0, shares: dict[Kind, float] = SHARES) -> Iterator[Upload]:
    """Yield `count` requests drawn from `digits`; the same seed gives the same requests.

    Args:
        digits: What to draw from; digits that no model was trained on.
        count: How many requests.
        seed: Of everything random here.
        shares: How often each kind of image comes; change them on the way, and the input has drifted.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.choice(list(shares), count, p=np.array(list(shares.values())) / sum(shares.values()))
    for number, kind in enumerate(kinds):
        row = int(rng.integers(len(digits.labels)))
        person = int(rng.integers(PEOPLE))
        yield Upload(
            id=f"upload-{seed}-{number}",
            user=f"user-{person:02}",
            session=f"session-{person:02}-{number // (PEOPLE * UPLOADS_PER_SESSION)}",
            body=body(digits.pages[row], kind, rng),
            label=int(digits.labels[row]),
            kind=kind,
        )


def body(page: Page, kind: Kind, rng: np.random.Generator) -> bytes:
    """Return the bytes that arrive when `page` is sent in the way that `kind` says."""
    if kind == "foreign":
        return HTML
    if kind == "blank":
        return encode(np.zeros_like(page))
    if kind == "dusty":
        return encode(np.clip(page + 0.3 * rng.random(page.shape), 0, 1))
    if kind in SHEETS:
        return encode(_on_a_sheet(page, SHEETS[kind], rng))
    whole = encode(page)
    return whole[: int(rng.integers(len(whole) // 2, len(whole)))] if kind == "cut" else whole


def _on_a_sheet(page: Page, side: int, rng: np.random.Generator) -> Page:
    """Put `page` somewhere on a sheet, and a blot of ink, darker than any digit, below it."""
    sheet = np.zeros((side, side))
    row, column, blot = rng.integers((side - 2 * SIDE, side - SIDE, side - BLOT))
    sheet[row : row + SIDE, column : column + SIDE] = page
    sheet[-BLOT:, blot : blot + BLOT] = 1.0
    return sheet
