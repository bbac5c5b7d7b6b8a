"""Where a router's draws come from: seeded by the process's own source of ids, one generator for each process. Pure."""

from __future__ import annotations

import os

import numpy as np


class Chance:
    """A generator of random numbers that a forked child does not share with its parent."""

    def __init__(self, seed: int) -> None:
        """Draw as `seed` says; the same seed draws the same."""
        self._seed = seed
        self._process = os.getpid()
        self._rng = np.random.default_rng(seed)

    @property
    def rng(self) -> np.random.Generator:
        """The generator; use it under a lock."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._rng = np.random.default_rng([self._seed, self._process])
        return self._rng
