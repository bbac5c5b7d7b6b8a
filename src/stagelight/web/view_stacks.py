"""Stacked bars over time as SVG paths: what a whole is made of, and how that changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLOURS: Final = 6  #: Layers with a colour of their own; what is more of them is drawn as one.
HEIGHT: Final = 100.0
OTHERS: Final = "others"


@dataclass(frozen=True, slots=True)
class Layer:
    """One of the parts, at all times."""

    name: str
    colour: int  #: 1 to `COLOURS`, and 0 for what is drawn together.
    path: str  #: Of SVG; a unit wide for each step, `HEIGHT` high in all.
    values: tuple[float, ...]  #: By step.

    @property
    def total(self) -> float:
        """All steps together."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class Stack:
    """A picture of layers one upon the other, the first at the foot."""

    layers: tuple[Layer, ...]
    steps: int
    highest: float  #: What `HEIGHT` stands for; 1 where shares are shown.

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return any(layer.path for layer in self.layers)

    def colour(self, name: str) -> int:
        """The colour in which `name` is drawn."""
        return next((layer.colour for layer in self.layers if layer.name == name), 0)


def stack(values: Mapping[str, Sequence[float]], *, shares: bool = False) -> Stack:
    """Return the picture of `values`, by name and step; with `shares` every step is as high as any other.

    >>> stack({"a": [1, 0], "b": [3, 2]}, shares=True).layers[1].path
    'M0,0h1v75h-1zM1,0h1v100h-1z'
    """
    steps = max((len(row) for row in values.values()), default=0)
    totals = [sum(row[step] for row in values.values()) for step in range(steps)]
    highest = max(totals, default=0.0)
    feet = [0.0] * steps
    layers = []
    for name, colour, row in _grouped(values, steps):
        path = ""
        for step, value in enumerate(row):
            whole = totals[step] if shares else highest
            if value > 0:
                size = HEIGHT * value / whole
                feet[step] += size
                path += f"M{step},{_short(HEIGHT - feet[step])}h1v{_short(size)}h-1z"
        layers.append(Layer(name, colour, path, tuple(row)))
    return Stack(tuple(layers), steps, 1.0 if shares else highest)


def _grouped(values: Mapping[str, Sequence[float]], steps: int) -> list[tuple[str, int, Sequence[float]]]:
    """Return the parts with their colours; where there are many, the smaller ones as one."""
    order = {name: at for at, name in enumerate(values)}
    largest = sorted(values, key=lambda name: -sum(values[name]))
    own = sorted(largest[:COLOURS], key=order.__getitem__) if len(largest) > COLOURS else list(values)
    found = [(name, colour, values[name]) for colour, name in enumerate(own, 1)]
    if rest := [name for name in values if name not in own]:
        found.append((OTHERS, 0, [sum(values[name][step] for name in rest) for step in range(steps)]))
    return found


def _short(value: float) -> str:
    """Return a coordinate without what no eye sees."""
    return f"{max(0.0, value):.2f}".rstrip("0").rstrip(".")
