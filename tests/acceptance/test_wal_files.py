"""config/make_wal_files.sql: what a new PostgreSQL has ahead of the first order."""
import pathlib

from private_postgres import PrivatePostgres

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_a_new_server_has_wal_files_that_no_commit_waits_for():
    postgres = PrivatePostgres((ROOT / "config/postgresql.conf").read_text(encoding="ascii"))
    try:
        postgres.start()
        postgres.query((ROOT / "config/make_wal_files.sql").read_text(encoding="ascii"), "postgres")
        [[now]] = postgres.query("select pg_walfile_name(pg_current_wal_lsn())", "postgres")
        ahead = [name for name in (path.name for path in (postgres.data / "pg_wal").iterdir()) if len(name) == 24 and name > now]
        assert len(ahead) >= 120
    finally:
        postgres.close()
