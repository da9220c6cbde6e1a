-- Calls in both logs and leads, copies of the first ones, in steps back from a moment. %(tag)s tells sets of them apart.
insert into api_usage (id, user_id, campaign_id, service, endpoint, cost, success, response_time, created_at)
select
    md5(%(tag)s || ' usage ' || id)::uuid, user_id, campaign_id, service, endpoint, cost, success, response_time,
    %(now)s - row_number() over (order by id) * %(step)s
from (
    select * from api_usage
    where (campaign_id is null or campaign_id in (select id from campaigns)) and coalesce(cost, 0) >= 0
    order by id limit %(count)s
) as calls;

insert into api_usage_log (id, campaign_id, api_service, endpoint, request_cost, response_status, created_at)
select md5(%(tag)s || ' log ' || id)::uuid, campaign_id, service, endpoint, cost, 200, created_at + interval '1 second'
from api_usage
where id in (select md5(%(tag)s || ' usage ' || id)::uuid from api_usage);

insert into businesses
    (id, campaign_id, user_id, business_name, phone, confidence_score, is_qualified, created_at, updated_at)
select
    md5(%(tag)s || ' lead ' || id)::uuid, campaign_id, user_id, business_name, phone, confidence_score, is_qualified,
    %(now)s - row_number() over (order by id) * %(step)s, %(now)s
from (
    select * from businesses
    where campaign_id in (select id from campaigns) and confidence_score between 0 and 100
    order by id limit %(count)s
) as leads;
