"""The schema: one truth, reached from anywhere, by any number of pods at once."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from trader.adapters.sql.connecting import make_engine
from trader.adapters.sql.migrating import newest, revision, upgrade
from trader.adapters.sql.tables import metadata
from trader.engine.ports import StoreAway

pytestmark = pytest.mark.component

TRADER = Path(__file__).parents[3] / "trader"


def differences(url: str) -> list[object]:
    engine = make_engine(url)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    return list(found)


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(url: str) -> None:
    """Nothing missing, nothing more; and a second run changes nothing."""
    upgrade(url)

    assert differences(url) == []


def test_a_database_that_is_up_to_date_needs_no_alembic(url: str) -> None:
    """Loading it is a tenth of a restart; a fresh interpreter that finds nothing to do has not loaded it."""
    script = (
        "import sys; from trader.adapters.sql.migrating import newest, revision, upgrade\n"
        "upgrade(sys.argv[1]); assert revision(sys.argv[1]) == newest()\n"
        "assert not [name for name in sys.modules if name.startswith('alembic')]"
    )
    done = subprocess.run([sys.executable, "-c", script, url], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


def test_the_newest_revision_is_alembic_s_own_head(tmp_path: Path) -> None:
    """Read from the files' text, equal to what Alembic makes of them; an empty database stands at none."""
    config = Config()
    config.set_main_option("script_location", "trader.adapters.sql:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == newest()
    assert revision(f"sqlite:///{tmp_path / 'empty.db'}") is None


def alembic(url: str, *arguments: str) -> "subprocess.Popen[str]":
    """`alembic …` from the trader's folder, as a process of its own."""
    run = [str(Path(sys.executable).parent / "alembic"), *arguments]
    environment = {**os.environ, "TRADER_DATABASE_URL": url}
    return subprocess.Popen(run, cwd=TRADER, env=environment, stderr=subprocess.PIPE, text=True)


def test_pods_that_start_at_once_all_find_the_schema(new_database: Callable[[], str]) -> None:
    """One migrates, the others wait for it and find nothing to do."""
    url = new_database()
    for pod in [alembic(url, "upgrade", "head") for _ in range(3)]:
        _, said = pod.communicate(timeout=20)
        assert pod.returncode == 0, said

    assert differences(url) == []


def test_plain_alembic_goes_all_the_way_back(new_database: Callable[[], str]) -> None:
    """Up, down and up again leave what up alone leaves."""
    url = new_database()
    for command in (("upgrade", "head"), ("downgrade", "base"), ("upgrade", "head")):
        pod = alembic(url, *command)
        _, said = pod.communicate(timeout=20)
        assert pod.returncode == 0, said

    assert differences(url) == []


def test_a_database_that_does_not_answer_is_told_apart_from_a_wrong_url() -> None:
    """The boot waits for the one and gives up on the other."""
    with pytest.raises(StoreAway):
        upgrade("postgresql://postgres@127.0.0.1:1/none")
    with pytest.raises(ValueError, match="expected a postgresql:// or sqlite:/// URL"):
        upgrade("mysql://nobody@127.0.0.1/none")
