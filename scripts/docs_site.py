"""Write the docs site: one page, site/index.html, that opens from disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dbt_progress import Dbt
from embedded_postgres import REPOSITORY
from psycopg2.extensions import connection as Connection

SITE = REPOSITORY / "site"
DOCUMENTED = ("dbt_project.yml", "models", "macros", "seeds", "tests/dbt")


def write_docs_site(dbt: Dbt, connection: Connection) -> Path:
    """Write the page, unless it describes this project and this database already; returns its path."""
    page, stamp = SITE / "index.html", SITE / "fingerprint"
    fingerprint = _fingerprint(connection)
    if page.exists() and stamp.exists() and stamp.read_text() == fingerprint:
        return page
    SITE.mkdir(exist_ok=True)
    stamp.unlink(missing_ok=True)
    dbt.write_docs()
    page.write_text(static_page(REPOSITORY / "target"), encoding="utf-8")
    stamp.write_text(fingerprint)
    return page


def static_page(target: Path) -> str:
    """dbt's page of a target folder, in which comments that the database has on its tables cannot be markup.

    dbt puts its JSON files into a script as they are, where `</script>` in a text ends the script.
    """
    page = (target / "static_index.html").read_text(encoding="utf-8")
    for name in ("manifest.json", "catalog.json"):
        data = (target / name).read_text(encoding="utf-8")
        page = page.replace(data, data.replace("<", "\\u003c"))
    return page


def _fingerprint(connection: Connection) -> str:
    """Changes with the project's files and with the tables and columns of the database."""
    digest = hashlib.sha256()
    for name in DOCUMENTED:
        root = REPOSITORY / name
        for path in sorted([root] if root.is_file() else (path for path in root.rglob("*") if path.is_file())):
            digest.update(f"{path.relative_to(REPOSITORY)}\n".encode() + path.read_bytes())
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select
                current_database(),
                md5(string_agg(concat_ws(' ', table_schema, table_name, column_name, data_type), ',' order by
                    table_schema, table_name, ordinal_position))
            from information_schema.columns
            where table_schema not in ('pg_catalog', 'information_schema')
            """
        )
        digest.update(repr(cursor.fetchone()).encode())
    return digest.hexdigest()
