"""Many rows on one way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stagelight import sink
from stagelight.errors import UnreachableError
from stagelight.sink import Decision, Receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stagelight.sink.rows import Row


class Noting:
    """A sink that remembers what it was handed, and may be away."""

    def __init__(self, *, away: bool = False) -> None:
        self.handed: list[list[Row]] = []
        self.away = away

    def write(self, rows: Sequence[Row]) -> list[Receipt]:
        """Take them."""
        if self.away:
            raise UnreachableError("nobody answers")
        self.handed.append(list(rows))
        return [Receipt("stored", row.decision_id) for row in rows if isinstance(row, Decision)]


def decision(number: int, **more: float) -> Decision:
    """A row."""
    return Decision(decision_id=f"d{number}", arm="a", observed_at=1.0, **more)  # type: ignore[arg-type]


def test_rows_go_together_and_a_bad_one_stops_no_neighbour() -> None:
    """One call of the sink for all that can be kept; each receipt stands in its row's place."""
    noting = Noting()
    with sink.using(noting):
        receipts = sink.write_all([decision(1), decision(2, propensity=7.0), decision(3)])

    assert [(receipt.status, receipt.id) for receipt in receipts] == [
        ("stored", "d1"),
        ("refused", "d2"),
        ("stored", "d3"),
    ]
    assert "propensity" in receipts[1].reason
    assert [[row.decision_id for row in rows] for rows in noting.handed] == [["d1", "d3"]]  # type: ignore[union-attr]


def test_where_the_sink_is_away_or_missing_each_row_is_refused_with_the_reason() -> None:
    """Nothing is raised, and nobody believes that anything was kept."""
    with sink.using(Noting(away=True)):
        away = sink.write_all([decision(1), decision(2)])
    with sink.using(None):
        missing = sink.write_all([decision(1)])

    assert [(receipt.status, receipt.reason) for receipt in away] == [("refused", "nobody answers")] * 2
    assert [(receipt.status, receipt.id) for receipt in missing] == [("refused", "d1")]
    assert "no store configured" in missing[0].reason
    assert sink.write_all([]) == []
