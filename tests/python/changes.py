"""What the application does between two runs, in SQL on a sample database of the shape hybrid."""

from __future__ import annotations

from datetime import datetime

NEW_CALLS = """
insert into api_usage (id, user_id, campaign_id, service, endpoint, cost, success, response_time, created_at)
select md5('usage {n} ' || id)::uuid, user_id, campaign_id, service, endpoint, cost, success, response_time,
    '{now}'::timestamptz - row_number() over (order by id) * interval '{step}'
from (select * from api_usage order by id limit 60) as calls;

insert into api_usage_log (id, campaign_id, api_service, endpoint, request_cost, response_status, created_at)
select md5('log {n} ' || id)::uuid, campaign_id, service, endpoint, cost, 200, created_at + interval '1 second'
from api_usage
where id in (select md5('usage {n} ' || id)::uuid from api_usage);
"""
NEW_EMAILS = """
insert into lead_emails (id, lead_id, email)
select md5('email {n} ' || id)::uuid, id, 'office@{n}.example' from enhanced_leads order by id limit 20;
"""
OTHER_CHANGES = """
update api_usage set cost = coalesce(cost, 0) + 0.01
where id in (select id from api_usage order by md5('{n}' || id) limit 20);
delete from api_usage where id in (select id from api_usage order by md5('gone {n}' || id) limit 5);
delete from api_usage_log where id in (select id from api_usage_log order by md5('gone {n}' || id) limit 5);
update businesses set is_qualified = not coalesce(is_qualified, false)
where id in (select id from businesses order by md5('{n}' || id) limit 20);
"""
# As for the application, some of the sample's rows break them.
DROP_CONSTRAINTS = """
do $$
declare
    statement text;
begin
    for statement in
        select format('alter table %s drop constraint %I', conrelid::regclass, conname)
        from pg_constraint where not convalidated
    loop
        execute statement;
    end loop;
end
$$
"""

NEW_LEADS = """
insert into businesses (id, campaign_id, user_id, business_name, phone, confidence_score, discovery_cost, created_at)
select md5('lead {n} ' || id)::uuid, campaign_id, user_id, business_name, phone, confidence_score, 0.05,
    '{now}'::timestamptz - row_number() over (order by id) * interval '{step}'
from (select * from businesses order by id limit 30) as leads;
"""
OLD_CORRECTIONS = """
update api_usage set cost = coalesce(cost, 0) + 0.03
where id in (select id from api_usage order by created_at, id limit 15);
update api_usage_log set created_at = created_at - interval '1 day'
where id in (
    select id from api_usage_log where created_at < '{now}'::timestamptz - interval '3 days'
    order by md5('{n}' || id) limit 15
);
update businesses set enrichment_cost = coalesce(enrichment_cost, 0) + 0.02
where id in (select id from businesses order by created_at, id limit 15);
-- a call that names a lead learns only with its own block that the lead has gone
delete from businesses where id in (
    select id from businesses
    where id not in (select business_id from api_usage where business_id is not null)
        and id not in (select business_id from api_cost_tracking where business_id is not null)
    order by created_at, id limit 5
);

-- all of an hour
create temporary table hours on commit drop as
select distinct date_trunc('hour', created_at) as hour
from (select created_at from api_usage order by created_at, id limit 3 offset 500) as calls;
delete from api_usage_log where date_trunc('hour', created_at) in (select hour from hours);
delete from api_usage where date_trunc('hour', created_at) in (select hour from hours);
"""
LATE_ROWS = """
-- calls of hours that have been summed
insert into api_usage (id, campaign_id, service, endpoint, cost, success, created_at)
select md5('summed {n} ' || id)::uuid, campaign_id, api_service, endpoint, 0.01, true,
    (date + hour * interval '1 hour' + interval '7 minutes') at time zone 'UTC'
from (select * from api_cost_tracking where date is not null order by id limit 60) as sums;

-- without a cost, in the first hour of the first day of a price
insert into api_usage (id, campaign_id, service, endpoint, success, created_at)
select md5('priced {n} ' || id)::uuid, id, 'hunter_io', 'verify_email', true, '2024-01-01 00:20+00'
from (select * from campaigns order by id limit 3) as campaigns;
"""
"""Both far below the watermark, so that a run must find them and compute those hours anew."""

CALL_ACROSS_THE_WATERMARK = (
    """
    insert into api_usage (id, campaign_id, service, endpoint, cost, success, created_at)
    select md5('across {n} usage ' || id)::uuid, id, 'hunter_io', 'verify_email', 0.05, true,
        watermark - interval '1 second'
    from campaigns, (select max(watermark) as watermark from analytics_staging.rollup_state) as state
    """,
    """
    insert into api_usage_log (id, campaign_id, api_service, endpoint, request_cost, response_status, credits_used,
        created_at)
    select md5('across {n} log ' || id)::uuid, campaign_id, service, endpoint, cost, 200, null,
        created_at + interval '2 seconds'
    from api_usage
    where id in (select md5('across {n} usage ' || id)::uuid from campaigns)
    """,
)
"""The two records of a call of each campaign."""


def at(statements: str, number: int, now: datetime, step: str) -> str:
    """The statements of the change of this number, whose new rows lie `step` apart, back from `now`."""
    for name, value in {"{n}": str(number), "{now}": now.isoformat(), "{step}": step}.items():
        statements = statements.replace(name, value)
    return statements
