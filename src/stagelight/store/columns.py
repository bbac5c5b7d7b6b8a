"""What tables are made of: the kinds of column that all of them share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, Text

metadata = MetaData()

#: 64 bits; SQLite gives row numbers only to a column which it calls INTEGER.
Big = BigInteger().with_variant(Integer, "sqlite")


def text(name: str) -> Column[str]:
    """Text, empty unless given."""
    return Column(name, Text, nullable=False, server_default="")


def whole(name: str) -> Column[int]:
    """A whole number of 64 bits, 0 unless given."""
    return Column(name, Big, nullable=False, server_default="0")


def number(name: str) -> Column[float]:
    """A number, 0 unless given."""
    return Column(name, Float(53), nullable=False, server_default="0")


def owner(*, key: bool = False) -> tuple[Column[str], Column[str]]:
    """Whose the row is."""
    return (
        Column("tenant", Text, nullable=False, primary_key=key),
        Column("workspace", Text, nullable=False, primary_key=key),
    )


def key(name: str, kind: type[Text] = Text) -> Column[str]:
    """A part of the key."""
    return Column(name, kind, primary_key=True, nullable=False)


def key_number(name: str) -> Column[int]:
    """A whole number that is part of the key."""
    return Column(name, Big, primary_key=True, nullable=False, autoincrement=False)
