"""The marts' public interface: columns, types and order, and what must never be in them."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
from conftest import ShapeDatabase, query
from psycopg2 import sql

# As analysts were promised them; a new column goes at the end. A plain numeric may have any precision and scale.
CONTRACT = {
    "campaign_analytics": """
        campaign_id uuid, user_id uuid, campaign_name text, business_type text, location text, status text,
        created_at timestamptz, completed_at timestamptz, budget_limit numeric, lead_target integer,
        total_leads bigint, qualified_leads bigint, exported_leads bigint, failed_leads bigint,
        qualification_rate numeric, avg_confidence_score numeric(5,2), grade_a_leads bigint, grade_b_leads bigint,
        grade_c_leads bigint, grade_d_leads bigint, grade_f_leads bigint, leads_with_email bigint,
        total_emails bigint, deliverable_emails bigint, email_verification_rate numeric,
        leads_with_social_profile bigint, total_cost numeric(12,4), total_api_calls bigint,
        total_api_cost numeric(12,4), api_success_rate numeric, avg_response_time_ms numeric,
        cost_per_lead numeric(12,4), cost_per_qualified_lead numeric(12,4), roi_percentage numeric,
        efficiency_score integer, efficiency_rating text, budget_utilization_percentage numeric,
        recorded_cost numeric, cost_drift numeric, first_lead_at timestamptz, last_lead_at timestamptz""",
    "campaign_performance_daily": """
        campaign_id uuid, user_id uuid, date date, leads_discovered bigint, leads_qualified bigint,
        qualification_rate numeric, lead_cost numeric, api_calls bigint, api_cost numeric, api_errors bigint,
        cumulative_leads bigint, cumulative_lead_cost numeric, cumulative_api_cost numeric,
        budget_utilization_percentage numeric""",
    "campaign_metrics": """
        metric_id text, campaign_id uuid, metric_name text, metric_value numeric, metric_type text, api_service text,
        recorded_at timestamptz, origin text""",
    "api_cost_tracking": """
        id uuid, campaign_id uuid, user_id uuid, api_service text, endpoint text, request_count bigint,
        cost_per_request numeric(12,6), total_cost numeric(12,4), success_count bigint, error_count bigint,
        avg_response_time_ms numeric, rate_limit_remaining integer, credits_used bigint,
        estimated_cost numeric(12,4), is_campaign_deleted boolean, date date, hour integer, created_at timestamptz""",
    "api_service_breakdown": """
        api_service text, date date, total_requests bigint, total_cost numeric, success_rate numeric,
        avg_response_time_ms numeric, p50_response_time_ms numeric, p95_response_time_ms numeric,
        p99_response_time_ms numeric, cost_per_request numeric, list_cost numeric, cost_variance numeric,
        active_campaigns bigint""",
    "service_health_metrics": """
        service_name text, hour_start timestamptz, status text, response_time_ms numeric,
        p95_response_time_ms numeric, error_rate numeric(5,4), rate_limit_remaining integer, requests bigint,
        cost numeric, cost_budget_remaining numeric, requests_today bigint, cost_today numeric,
        last_successful_call timestamptz, last_error text, timestamp timestamptz, is_latest boolean, origin text""",
    "lead_qualification_metrics": """
        id uuid, campaign_id uuid, user_id uuid, total_leads_discovered bigint, leads_qualified bigint,
        qualification_rate numeric(5,4), avg_confidence_score numeric(5,2), total_api_calls bigint,
        total_api_cost numeric, cost_per_qualified_lead numeric, roi_percentage numeric, date date, hour integer,
        created_at timestamptz""",
    "enhanced_leads": """
        id uuid, campaign_id uuid, user_id uuid, business_name text, address text, phone text, website text,
        email text, confidence_score integer, grade text, business_type text[], owner_name text,
        employee_count integer, discovery_source text, enrichment_sources jsonb, discovery_cost numeric,
        enrichment_cost numeric, validation_cost numeric, total_cost numeric, data_completeness_score integer,
        is_qualified boolean, qualification_reason text, processing_stage text, email_count bigint,
        deliverable_email_count bigint, best_email text, email_verified boolean, social_profile_count bigint,
        social_verified boolean, website_status integer, export_status text, exported_at timestamptz,
        latitude numeric, longitude numeric, duplicate_of uuid, source_table text, created_at timestamptz,
        updated_at timestamptz""",
    "budget_status": """
        user_id uuid, date date, spend numeric, daily_budget_limit numeric, daily_utilization_percentage numeric,
        month_to_date_spend numeric, monthly_budget_limit numeric, monthly_utilization_percentage numeric,
        projected_month_spend numeric, alert_level text""",
    "dashboard_exports": """
        id uuid, user_id uuid, campaign_id uuid, campaign_ids uuid[], export_type text, file_format text,
        row_count integer, file_size_mb numeric(8,2), export_status text, expires_at timestamptz,
        is_expired boolean, start_date date, end_date date, created_at timestamptz, completed_at timestamptz,
        source_table text""",
    "api_usage_reconciliation": """
        api_service text, date date, usage_calls bigint, log_calls bigint, tracking_calls bigint,
        paired_calls bigint, usage_only_calls bigint, log_only_calls bigint, tracking_only_calls bigint,
        counted_calls bigint, usage_cost numeric, log_cost numeric, tracking_cost numeric, counted_cost numeric,
        double_count_avoided numeric""",
    "data_quality_issues": """
        issue_id text, issue_type text, severity text, source_table text, record_id text, campaign_id uuid,
        details text, detected_for timestamptz""",
    "mart_freshness": """
        mart text, watermark timestamptz, last_run_at timestamptz, source text, calls_watermark timestamptz,
        leads_watermark timestamptz, last_run_started_at timestamptz, last_run_finished_at timestamptz,
        last_run_status text""",
}
SECRET_COLUMNS = ("api_keys", "download_url", "request_params", "request_data", "response_data", "scraped_data")
OUTPUT_SCHEMAS = ("analytics", "analytics_staging", "analytics_intermediate", "analytics_metrics", "analytics_audit")
# Everything that looks like a secret in the sample data has this in it.
CANARY = "fake-secret"


@pytest.mark.parametrize("mart", CONTRACT)
def test_columns_types_and_order(shape_database: ShapeDatabase, mart: str) -> None:
    found = query(
        shape_database.dsn,
        f"""
        select attname, format_type(atttypid, atttypmod)
        from pg_attribute
        where attrelid = 'analytics.{mart}'::regclass and attnum > 0
        order by attnum
        """,
    )
    # "name type, name type", where a type may hold a comma of its own
    promised = [column.split() for column in CONTRACT[mart].replace(",\n", ", ").replace(", ", "\n").splitlines()]
    promised = [(name, kind) for name, kind in (column for column in promised if column)]
    assert [name for name, _ in found] == [name for name, _ in promised]
    for (name, kind), (_, wanted) in zip(found, promised, strict=True):
        kind = kind.replace("timestamp with time zone", "timestamptz")
        assert kind == wanted or (wanted == "numeric" and kind.startswith("numeric(")), f"{name} is {kind}"


def test_analytics_holds_the_marts_as_views_and_nothing_else(shape_database: ShapeDatabase) -> None:
    relations = query(
        shape_database.dsn, "select relname, relkind::text from pg_class where relnamespace = 'analytics'::regnamespace"
    )
    assert dict(relations) == dict.fromkeys(CONTRACT, "v")


def test_freshness_is_that_of_the_tables_that_a_mart_reads(shape_database: ShapeDatabase) -> None:
    """By what the database knows of views on views, down to the first table on each way, whatever dbt knows."""
    found = query(shape_database.dsn, "select mart, calls_watermark, leads_watermark from analytics.mart_freshness")
    expected = query(
        shape_database.dsn,
        """
        with recursive reads (mart, relation) as (
            select cast(relname as text), oid
            from pg_class
            where relnamespace = 'analytics'::regnamespace and relname <> 'mart_freshness'
            union
            select reads.mart, refobjid
            from reads
            join pg_rewrite on ev_class = relation
            join pg_depend on objid = pg_rewrite.oid and classid = 'pg_rewrite'::regclass
                and refclassid = 'pg_class'::regclass
        ),

        stored as (
            select distinct mart, watermark, rollup ~ 'lead' as is_of_leads
            from reads
            join pg_class on relation = pg_class.oid
            join analytics_staging.rollup_state on rollup = relname
        )

        select
            mart, min(watermark) filter (where not is_of_leads), min(watermark) filter (where is_of_leads)
        from reads
        left join stored using (mart)
        group by mart
        """,
    )
    assert sorted(found) == sorted(expected)
    for watermark, source, *watermarks in query(
        shape_database.dsn, "select watermark, source, calls_watermark, leads_watermark from analytics.mart_freshness"
    ):
        kinds = {kind for kind, time in zip(("api_calls", "leads"), watermarks, strict=True) if time is not None}
        assert kinds == set((source or "").split(", ")) - {""}
        assert watermark == min((time for time in watermarks if time is not None), default=None)
    # Both kinds of NULL are among them, and both kinds of watermark.
    assert {(calls is None, leads is None) for _, calls, leads in found} > {(True, True), (False, True)}


def test_no_secret_leaves_the_source(shape_database: ShapeDatabase) -> None:
    with closing(psycopg2.connect(shape_database.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select table_schema, table_name, column_name from information_schema.columns where table_schema = any(%s)",
            (list(OUTPUT_SCHEMAS),),
        )
        columns = cursor.fetchall()
        assert [column for column in columns if column[2] in SECRET_COLUMNS] == []
        relations = sorted({(schema, relation) for schema, relation, _ in columns})
        for schema, relation in relations:
            name = sql.Identifier(schema, relation)
            cursor.execute(sql.SQL("select count(*) from {} as r where r::text like %s").format(name), (f"%{CANARY}%",))
            assert cursor.fetchone() == (0,), f"{schema}.{relation}"
        cursor.execute("select count(*) from user_settings as r where r::text like %s", (f"%{CANARY}%",))
        assert cursor.fetchone() != (0,), "the sample holds no canary, so this test proves nothing"
    for path in shape_database.target_path.rglob("*"):
        if path.is_file():
            assert CANARY not in path.read_text(encoding="utf-8", errors="ignore"), path
