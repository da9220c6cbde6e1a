"""What the boards must show: each chart's numbers, asked of the marts by other SQL than the boards'.

No filter is set. A table's rows are those of its first page.
"""

from __future__ import annotations

MONEY = "analytics.api_cost_tracking"
CAMPAIGNS = "analytics.campaign_analytics"
LEADS = "analytics.enhanced_leads"
HEALTH = "analytics.service_health_metrics"
BREAKDOWN = "analytics.api_service_breakdown"
DOUBLE = "analytics.api_usage_reconciliation"
ISSUES = "analytics.data_quality_issues"
LAST_HOURS = f"{HEALTH} where hour_start between now() - interval '3 days' and now()"
CALLED = """("timestamp" > now() - interval '24 hours')"""
KNOWN = f"campaign_id in (select campaign_id from {CAMPAIGNS})"
HALF = f"(select least(10, count(*) / 2) from {CAMPAIGNS} where total_cost > 0)"
TODAY = "(select (now() at time zone 'UTC')::date)"

# Board, chart, and a query of one number; a percentage is one as the board prints it.
KPIS = {
    "campaigns": {
        "k_campaigns": f"select count(*) from {CAMPAIGNS}",
        "k_leads": f"select sum(total_leads) from {CAMPAIGNS}",
        "k_qualified": f"select count(*) from {LEADS} where is_qualified and {KNOWN}",
        "k_rate": f"select 100 * sum(qualified_leads) / sum(total_leads) from {CAMPAIGNS}",
        "k_cost": f"select sum(total_cost) from {CAMPAIGNS}",
        "k_price": f"select sum(total_cost) / sum(qualified_leads) from {CAMPAIGNS}",
        # a qualified lead is worth 10 USD
        "k_roi": f"select 100 * (10 * sum(qualified_leads) - sum(total_cost)) / sum(total_cost) from {CAMPAIGNS}",
    },
    "spend": {
        "k_spend": f"select sum(total_cost) from {BREAKDOWN}",
        "k_calls": f"select sum(total_requests) from {BREAKDOWN}",
        "k_price": f"select 1000 * sum(total_cost) / sum(total_requests) from {BREAKDOWN}",
        "k_estimated": f"select sum(estimated_cost) from {MONEY}",
        "k_variance": f"select sum(total_cost) - sum(list_cost) from {BREAKDOWN} where cost_variance is not null",
        "k_avoided": f"select sum(usage_cost + log_cost + tracking_cost) - sum(counted_cost) from {DOUBLE}",
    },
    "service_health": {
        "k_down": f"select count(*) from {HEALTH} where is_latest and status = 'down' and {CALLED}",
        "k_degraded": f"select count(*) from {HEALTH} where is_latest and status = 'degraded' and {CALLED}",
        "k_healthy": f"select count(*) from {HEALTH} where is_latest and status = 'healthy' and {CALLED}",
        "k_idle": f"select count(*) from {HEALTH} where is_latest and not {CALLED}",
        "k_requests": f"select sum(requests) from {LAST_HOURS}",
        "k_errors": f"select 100 * sum(error_rate * requests) / sum(requests) from {LAST_HOURS}",
    },
    "lead_quality": {
        "k_leads": f"select count(*) from {LEADS}",
        "k_rate": f"select 100.0 * count(*) filter (where is_qualified) / count(*) from {LEADS}",
        "k_completeness": f"select sum(data_completeness_score)::numeric / count(data_completeness_score) from {LEADS}",
        "k_email": f"select 100.0 * count(*) filter (where email_count > 0) / count(*) from {LEADS}",
        "k_deliverable": f"select 100 * sum(deliverable_email_count) / sum(email_count) from {LEADS}",
        "k_duplicates": f"select count(duplicate_of) from {LEADS}",
    },
    "data_quality": {
        "k_defects": f"select count(distinct issue_id) from {ISSUES}",
        "k_errors": f"select count(*) from {ISSUES} where severity = 'error'",
        "k_warnings": f"select count(*) from {ISSUES} where severity = 'warning'",
        "k_notes": f"select count(*) from {ISSUES} where severity = 'info'",
    },
}

# Board, chart, and a query of the numbers of all marks, in any order.
MARKS = {
    "campaigns": {
        "leads_by_week": f"""
            select unnest(array[
                count(*) filter (where is_qualified), count(*) filter (where is_qualified is not true)
            ])
            from {LEADS}
            where created_at < now() and {KNOWN}
            group by date_trunc('week', created_at at time zone 'UTC')
        """,
        "price_by_week": f"""
            select sum(total_cost) / nullif(count(*) filter (where is_qualified), 0)
            from {LEADS}
            where created_at < now() and {KNOWN}
            group by date_trunc('week', created_at at time zone 'UTC')
        """,
        "grades": f"""
            select count(*) from {LEADS} where {KNOWN}
            group by coalesce(grade, 'none')
        """,
        "stages": f"""
            select unnest(array[
                sum(total_leads), sum(total_leads) - sum(failed_leads), sum(qualified_leads), sum(exported_leads)
            ])
            from {CAMPAIGNS}
        """,
    },
    "spend": {
        "by_day": f"select total_cost from {BREAKDOWN} where total_cost > 0 and date <= {TODAY}",
        "by_service": f"select sum(total_cost) from {BREAKDOWN} group by api_service having sum(total_cost) > 0",
        "against_list": f"""
            select unnest(array[sum(total_cost), sum(list_cost)])
            from {BREAKDOWN}
            where cost_variance is not null
            group by api_service
            having sum(list_cost) > 0
        """,
    },
    "service_health": {
        "error_rate": f"select 100 * error_rate from {LAST_HOURS} and error_rate is not null",
        "p95": f"select p95_response_time_ms from {LAST_HOURS} and p95_response_time_ms is not null",
        "headroom": f"""
            select unnest(array[
                min(rate_limit_remaining), (array_agg(rate_limit_remaining order by hour_start desc))[1]
            ])
            from {LAST_HOURS} and rate_limit_remaining is not null
            group by service_name
        """,
    },
    "lead_quality": {
        "grades": f"select count(*) from {LEADS} group by grade",
        "completeness": f"""
            select count(*) from {LEADS}
            group by case when data_completeness_score = 100 then 11 else floor(data_completeness_score / 10.0) end
        """,
        "rates": f"""
            select 100.0 * count(*) filter (where is_qualified) / count(*) from {LEADS} where created_at < now()
            group by date_trunc('week', created_at at time zone 'UTC')
        """,
        "emails": f"""
            select 100 * sum(deliverable_email_count) / nullif(sum(email_count), 0)
            from {LEADS}
            where created_at < now()
            group by date_trunc('week', created_at at time zone 'UTC')
        """,
    },
    "data_quality": {
        "by_type": f"select count(*) from {ISSUES} group by issue_type, severity",
        "by_week": f"""
            select count(*) from {ISSUES} where detected_for < now()
            group by date_trunc('week', detected_for at time zone 'UTC'), severity
        """,
    },
}

HOUR, DAY, WEEK = 3600, 86_400, 604_800
# Board, line chart, the seconds from one point to the next, and a query of all points: series, seconds, value.
LINES = {
    "campaigns": {
        "price_by_week": (
            WEEK,
            f"""
            select '', extract(epoch from date_trunc('week', created_at at time zone 'UTC')),
                sum(total_cost) / count(*) filter (where is_qualified)
            from {LEADS}
            where created_at < now() and {KNOWN}
            group by date_trunc('week', created_at at time zone 'UTC')
            having count(*) filter (where is_qualified) > 0
            """,
        )
    },
    "spend": {
        # what each of six has spent by each day of the month, whether or not the day has a call
        "burn": (
            DAY,
            f"""
            with users as (
                select user_id, monthly_budget_limit
                from analytics.budget_status
                where date = {TODAY} and month_to_date_spend > 0 and monthly_budget_limit > 0
                order by month_to_date_spend / monthly_budget_limit desc limit 6
            )
            select user_id::text, extract(epoch from day), 100 / monthly_budget_limit * coalesce((
                select sum(spend) from analytics.budget_status as spent
                where spent.user_id = users.user_id and date between date_trunc('month', {TODAY}) and day
            ), 0)
            from users cross join generate_series(
                date_trunc('month', {TODAY})::timestamp, {TODAY}, interval '1 day'
            ) as day
            """,
        )
    },
    "service_health": {
        "error_rate": (
            HOUR,
            f"select service_name, extract(epoch from hour_start), error_rate from {LAST_HOURS} and error_rate >= 0",
        ),
        "p95": (
            HOUR,
            f"""
            select service_name, extract(epoch from hour_start), p95_response_time_ms
            from {LAST_HOURS} and p95_response_time_ms >= 0
            """,
        ),
    },
    "lead_quality": {
        "rates": (
            WEEK,
            f"""
            select '', extract(epoch from date_trunc('week', created_at at time zone 'UTC')),
                1.0 * count(*) filter (where is_qualified) / count(*)
            from {LEADS} where created_at < now() group by 2
            """,
        ),
        "emails": (
            WEEK,
            f"""
            select '', extract(epoch from date_trunc('week', created_at at time zone 'UTC')),
                1.0 * sum(deliverable_email_count) / sum(email_count)
            from {LEADS} where created_at < now() group by 2 having sum(email_count) > 0
            """,
        ),
    },
}

# Board, chart, and a query of the rows, in order; only what the chart marks as numbers is compared.
TABLES = {
    "campaigns": {
        "best": f"""
            select cost_per_qualified_lead, qualified_leads, qualification_rate, roi_percentage
            from {CAMPAIGNS} where qualified_leads > 0
            order by cost_per_qualified_lead, qualified_leads desc, campaign_id limit {HALF}
        """,
        "worst": f"""
            select cost_per_qualified_lead, qualified_leads, qualification_rate, roi_percentage
            from {CAMPAIGNS} where total_cost > 0
            order by qualified_leads = 0 desc, cost_per_qualified_lead desc, total_cost desc, campaign_id desc
            limit {HALF}
        """,
        "campaigns": f"""
            select total_leads, qualified_leads, qualification_rate, total_cost, cost_per_qualified_lead,
                roi_percentage, efficiency_score, budget_utilization_percentage
            from {CAMPAIGNS} order by total_cost desc limit 5
        """,
    },
    "spend": {
        # of two limits, the one with the larger part spent; nothing is no part of a limit of 0, and all else all of it
        "budgets": f"""
            select spent, spending.limit, round(100 * spent / nullif(spending.limit, 0), 6), projected_month_spend,
                100 * projected_month_spend / nullif(monthly_budget_limit, 0)
            from analytics.budget_status as status
            cross join lateral (
                select spent, spending.limit,
                    case
                        when spending.limit > 0 then spent / spending.limit
                        when spending.limit = 0 and spent > 0 then 1e9
                    end as part
                from (values (2, spend, daily_budget_limit), (1, month_to_date_spend, monthly_budget_limit))
                    as spending (preference, spent, "limit")
                order by part desc nulls last, spending.limit is null, preference
                limit 1
            ) as spending
            where date = {TODAY}
            order by case alert_level when 'exceeded' then 1 when 'critical' then 2 when 'warning' then 3 else 4 end,
                part desc nulls last, month_to_date_spend desc, user_id limit 10
        """,
        "counted": f"""
            select sum(usage_cost) + sum(log_cost) + sum(tracking_cost), sum(counted_cost), sum(double_count_avoided)
            from {DOUBLE} group by api_service having sum(usage_cost) + sum(log_cost) + sum(tracking_cost) > 0
            order by 3 desc, api_service
        """,
    },
    "service_health": {
        "now": f"""
            select error_rate, requests, response_time_ms, p95_response_time_ms, rate_limit_remaining
            from {HEALTH} where is_latest
            order by
                case
                    when status = 'healthy' and {CALLED} then 6 when status = 'healthy' then 5
                    when status = 'down' and {CALLED} then 1 when {CALLED} then 2 when status = 'down' then 3 else 4
                end, "timestamp" desc
        """,
        "percentiles": f"""
            select total_requests, success_rate, p50_response_time_ms, p95_response_time_ms, p99_response_time_ms
            from {BREAKDOWN} where date between {TODAY} - 13 and {TODAY} order by date desc, api_service limit 12
        """,
    },
    "lead_quality": {
        "by_location": f"""
            select count(*), 1.0 * count(*) filter (where is_qualified) / count(*),
                -- as the board does, of the leads with a grade
                1.0 * count(*) filter (where grade in ('A', 'B')) / nullif(count(grade), 0),
                avg(data_completeness_score), 1.0 * count(*) filter (where email_count > 0) / count(*),
                sum(deliverable_email_count) / nullif(sum(email_count), 0), count(duplicate_of)
            from {LEADS} left join {CAMPAIGNS} as campaigns using (campaign_id)
            group by campaigns.location order by 1 desc, coalesce(campaigns.location, '(not recorded)') limit 15
        """,
    },
    "data_quality": {
        "by_table": f"""
            select count(*) from {ISSUES} group by source_table, issue_type, severity
            order by case severity when 'error' then 1 when 'warning' then 2 else 3 end, 1 desc, source_table,
                issue_type
            limit 15
        """,
    },
}
