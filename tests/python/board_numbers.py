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
KNOWN = f"campaign_id in (select campaign_id from {CAMPAIGNS})"
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
        "k_down": f"select count(*) from {HEALTH} where is_latest and status = 'down'",
        "k_degraded": f"select count(*) from {HEALTH} where is_latest and status = 'degraded'",
        "k_healthy": f"select count(*) from {HEALTH} where is_latest and status = 'healthy'",
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

# Board, chart, and a query of the rows, in order; only what the chart marks as numbers is compared.
TABLES = {
    "campaigns": {
        "best": f"""
            select cost_per_qualified_lead, qualified_leads, qualification_rate, roi_percentage
            from {CAMPAIGNS} where qualified_leads > 0
            order by cost_per_qualified_lead, qualified_leads desc, campaign_id limit 10
        """,
        "campaigns": f"""
            select total_leads, qualified_leads, qualification_rate, total_cost, cost_per_qualified_lead,
                roi_percentage, efficiency_score, budget_utilization_percentage
            from {CAMPAIGNS} order by total_cost desc limit 5
        """,
    },
    "spend": {
        "budgets": f"""
            select month_to_date_spend, monthly_budget_limit, monthly_utilization_percentage, projected_month_spend,
                100 * projected_month_spend / nullif(monthly_budget_limit, 0)
            from analytics.budget_status where date = {TODAY}
            order by monthly_utilization_percentage desc nulls last, month_to_date_spend desc, user_id limit 10
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
            order by case status when 'down' then 1 when 'degraded' then 2 else 3 end, "timestamp" desc
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
