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
OLD_CHANGES = """
update api_usage set cost = coalesce(cost, 0) + 0.03
where id in (select id from api_usage order by created_at, id limit 15);
update api_usage_log set created_at = created_at - interval '1 day'
where id in (select id from api_usage_log order by md5('moved {n}' || id) limit 15);
update businesses set enrichment_cost = coalesce(enrichment_cost, 0) + 0.02
where id in (select id from businesses order by created_at, id limit 15);
delete from businesses where id in (select id from businesses order by md5('gone {n}' || id) limit 5);
"""
"""Far below the watermark, so that a run must find the change and compute those hours anew."""


def at(statements: str, number: int, now: datetime, step: str) -> str:
    """The statements of the change of this number, whose new rows lie `step` apart, back from `now`."""
    for name, value in {"{n}": str(number), "{now}": now.isoformat(), "{step}": step}.items():
        statements = statements.replace(name, value)
    return statements
