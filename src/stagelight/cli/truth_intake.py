"""Records of truth into the store, in batches; what cannot be read is told, the rest is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from stagelight.cli import output
from stagelight.errors import RowError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stagelight.sink.rows import Truth
    from stagelight.store import Store

BATCH: Final = 1000  #: Committed together.
SHOWN: Final = 5  #: Refused records that are told one by one.
KEPT: Final = 1000  #: Sentences kept of what was refused.


@dataclass(slots=True)
class Intake:
    """Takes records of any origin."""

    store: Store
    names: Mapping[str, str]
    event: str
    tenant: str
    workspace: str
    read_count: int = 0
    refused_count: int = 0
    new: int = 0  #: Which were not there before.
    refused: list[str] = field(default_factory=list)
    _rows: list[Truth] = field(default_factory=list)

    def read(self, where: str, records: Iterator[tuple[int, Any]]) -> None:
        """Take the records of one source."""
        from stagelight.truth.reading import truth_of

        before = self.store.rows.count("truth")
        for number, record in output.counted(records, where):
            try:
                self._rows.append(
                    truth_of(record, names=self.names, event=self.event, tenant=self.tenant, workspace=self.workspace)
                )
            except RowError as error:
                self.refused_count += 1
                if len(self.refused) < KEPT:
                    self.refused.append(f"{where}:{number}: {error}")
            if len(self._rows) >= BATCH:
                self._settle()
        self._settle()
        self.new += self.store.rows.count("truth") - before

    def _settle(self) -> None:
        rows, self._rows = self._rows, []
        self.read_count += len(rows)
        if rows:
            self.store.rows.write(rows)

    def tell(self) -> None:
        """Say what became of them."""
        click.echo(f"read {self.read_count:,} truths, {self.new:,} of them new")
        for line in self.refused[:SHOWN]:
            output.note(f"refused {output.safe(line)}")
        if self.refused_count > SHOWN:
            output.note(f"refused {self.refused_count - SHOWN:,} more; --json lists them")
