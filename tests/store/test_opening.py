"""Opening: where the store is, what it looks like inside, and which databases are refused."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from stagelight.config.paths import state_folder
from stagelight.errors import ConfigurationError, MissingExtraError, StoreUnavailableError, StoreVersionError
from stagelight.sink.rows import Truth
from stagelight.store import facade, migrate, open_store
from stagelight.store.tables import metadata
from stored import trace


def run(code: str, *arguments: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_nothing_said_means_the_users_state_folder() -> None:
    """Without a target the store is stagelight.db in the user's state folder, and says so."""
    with open_store() as store:
        assert store.path == state_folder() / "stagelight.db"
        assert store.path.is_file()


def test_a_url_and_a_path_open_the_same_file(tmp_path: Path) -> None:
    """What was written by path is there by URL."""
    with open_store(tmp_path / "a.db") as store:
        store.traces.write(trace())

    with open_store(f"sqlite:///{tmp_path / 'a.db'}") as store:
        assert store.url == f"sqlite:///{tmp_path / 'a.db'}"
        assert store.traces.get(trace()[0].trace_id) is not None


def test_every_table_is_keyed_by_tenant_and_workspace() -> None:
    """No table can mix two owners: both columns are part of a key of each."""
    for table in metadata.tables.values():
        keys = [set(table.primary_key.columns.keys())]
        keys += [{c.name for c in one.columns} for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
        assert any({"tenant", "workspace"} <= key for key in keys), table.name


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    """A database made by the migrations has exactly the tables, columns and indexes which the code asks for."""
    with open_store(tmp_path / "a.db"):
        pass
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}")

    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_head_is_the_newest_migration() -> None:
    """The version that the code compares with is the newest file's."""
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))

    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_an_up_to_date_store_opens_without_alembic(tmp_path: Path) -> None:
    """Opening again costs one SELECT: Alembic is not imported."""
    code = "import sys; from stagelight.store import open_store; open_store(sys.argv[1]).close(); print('alembic' in sys.modules)"

    assert run(code, str(tmp_path / "a.db")) == "True"
    assert run(code, str(tmp_path / "a.db")) == "False"


def test_importing_the_room_loads_no_database() -> None:
    """A program that never opens a store does not pay for SQLAlchemy."""
    code = "import sys, stagelight.store; print('sqlalchemy' in sys.modules)"

    assert run(code) == "False"


def test_two_programs_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Both get a working store; the tables are made once."""
    code = (
        "import sys; from stagelight.store import open_store; s = open_store(sys.argv[1]); print(s.admin.size().traces)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.db")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]

    for program in both:
        out, error = program.communicate(timeout=60)
        assert (out.strip(), error) == ("0", "")


def older(path: Path, version: str) -> dict[str, list[tuple[object, ...]]]:
    """A database as an earlier version left it, with two rows in every table; what is in it, by table."""
    database = facade.Database(sa.URL.create("sqlite", database=str(path)))
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        tables = sa.MetaData()
        tables.reflect(connection)
        for table in tables.tables.values():
            if table.name != "alembic_version":
                for number in (1, 2):
                    values = {c.name: number if c.type.python_type is not str else str(number) for c in table.columns}
                    connection.execute(sa.insert(table).values(values))
    database.close()
    return contents(path)


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with closing(sqlite3.connect(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


@pytest.mark.parametrize("version", [f"{number:04}" for number in range(1, int(migrate.HEAD))])
def test_an_older_database_keeps_every_row(tmp_path: Path, version: str) -> None:
    """Opening the database of each earlier version adds what is new, and changes not a row of what was there."""
    before = older(tmp_path / "old.db", version)
    assert all(rows for rows in before.values())

    with open_store(tmp_path / "old.db"):
        after = contents(tmp_path / "old.db")

    assert after.pop("alembic_version") == [(migrate.HEAD,)]
    before.pop("alembic_version")
    # New columns stand behind the old ones, whose values are what they were.
    width = {name: len(rows[0]) for name, rows in before.items()}
    assert {name: [row[: width[name]] for row in after[name]] for name in before} == before
    assert [row for name in set(after) - set(before) for row in after[name]] == []


@pytest.mark.parametrize("version", ["0099", "a1b2c3d4"])
def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path, version: str) -> None:
    """One sentence says what was found, what is known and what to do; not a byte changes."""
    path = tmp_path / "a.db"
    with open_store(path):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    before = path.read_bytes()

    with pytest.raises(
        StoreVersionError, match=f"newer stagelight .tables {version}, this one knows up to {migrate.HEAD}.: upgrade"
    ):
        open_store(path)

    assert path.read_bytes() == before


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """A file in which a table of ours has another's content is refused, and none of our tables appear in it."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE traces (x)")

    with pytest.raises(StoreUnavailableError, match="is a database of another program"):
        open_store(path)

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("traces",)]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The path and the reason are in one sentence."""
    path = tmp_path / "notes.txt"
    path.write_text("this is not a database\n" * 100)

    with pytest.raises(StoreUnavailableError, match=r"notes\.txt cannot be used: file is not a database"):
        open_store(path)


def test_a_file_that_was_overwritten_cannot_be_written(tmp_path: Path) -> None:
    """Other bytes over an open store are a store that is away, to a writer as to a reader: rows go to the spool then."""
    path = tmp_path / "s.db"
    with open_store(path) as store:
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE other (x)")
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with path.open("r+b") as file:
            file.write(b"x" * 4096)

        with pytest.raises(StoreUnavailableError, match=r"s\.db cannot be used: file is not a database"):
            store.rows.write([Truth(truth_id="t", event="cancelled", entity="c", observed_at=1.0)])
        with pytest.raises(StoreUnavailableError, match=r"s\.db cannot be used: file is not a database"):
            store.rows.count("truth")


def test_a_missing_store_is_not_made_unless_asked(tmp_path: Path) -> None:
    """With `create=False` a missing file is an error, and stays missing."""
    with pytest.raises(StoreUnavailableError, match="there is no store at"):
        open_store(tmp_path / "none.db", create=False)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file where a folder should be is said, not a traceback about it."""
    (tmp_path / "file").touch()

    with pytest.raises(StoreUnavailableError, match=r"the folder .*file cannot be made"):
        open_store(tmp_path / "file" / "a.db")


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("sqlite://", "a database in memory is not shared"),
        ("nosuch://host/db", "no database 'nosuch' is known"),
        ("://", "expected a path or an address"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(target: str, sentence: str) -> None:
    """What was found and what was expected is said at once."""
    with pytest.raises(ConfigurationError, match=sentence):
        open_store(target)


def test_a_missing_driver_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL without its driver says what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'stagelight\[postgres\]'"):
        open_store("postgresql+psycopg://localhost/none")


def test_a_missing_sqlalchemy_names_its_extra() -> None:
    """The bare core says what to install instead of failing at an import."""
    code = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from stagelight.store import open_store\n"
        "try: open_store()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    assert (
        run(code)
        == "MissingExtraError the store needs packages that are not installed: pip install 'stagelight[store]'"
    )


def test_the_migrations_travel_with_the_package(tmp_path: Path) -> None:
    """A copy of the package's folder elsewhere migrates a new database: nothing points back into the repository."""
    source = Path(migrate.__file__).parent.parent
    shutil.copytree(source, tmp_path / "lib" / "stagelight")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from stagelight import store; "
        "print(store.__file__.startswith(sys.argv[1]), store.open_store(sys.argv[2]).admin.size().spans)"
    )

    assert run(code, str(tmp_path / "lib"), str(tmp_path / "a.db")) == "True 0"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """The lazily loaded room behaves as a module does."""
    from stagelight import store

    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = store.nothing
