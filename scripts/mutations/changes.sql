-- What else the application does between two runs, whose watermarks are %(first)s and %(second)s.

-- a call in both logs, with the second watermark between the two
insert into api_usage (id, campaign_id, service, endpoint, cost, success, created_at)
select
    md5('border usage')::uuid, min(id::text)::uuid, 'hunter', 'verify_email', 0.049, true,
    %(second)s - interval '1 second'
from campaigns;
insert into api_usage_log (id, campaign_id, api_service, endpoint, request_cost, response_status, created_at)
select md5('border log')::uuid, campaign_id, service, endpoint, cost, 200, created_at + interval '2 seconds'
from api_usage
where id = md5('border usage')::uuid;

-- late calls in hours of which there was only a recorded sum
with hours as (
    select *, (date + hour * interval '1 hour') at time zone 'UTC' as hour_start
    from api_cost_tracking
    where campaign_id in (select id from campaigns)
),

logged as (
    select campaign_id, date_trunc('hour', created_at, 'UTC') as hour_start from api_usage
    union all
    select campaign_id, date_trunc('hour', created_at, 'UTC') as hour_start from api_usage_log
)

insert into api_usage (id, campaign_id, service, endpoint, cost, success, created_at)
select
    md5('late usage ' || id)::uuid, campaign_id, api_service, endpoint, 0.01, true, hour_start + interval '45 minutes'
from hours
where
    not exists (
        select from logged where logged.campaign_id = hours.campaign_id and logged.hour_start = hours.hour_start
    )
order by id limit 5;

-- corrections and deletions, farther back than the lookback
update api_usage set cost = coalesce(cost, 0) + 0.01
where
    id in (
        select id from api_usage where created_at < %(first)s - interval '3 days' order by md5(id::text) limit 20
    );
update businesses set is_qualified = not coalesce(is_qualified, false)
where id in (select id from businesses order by md5(id::text) limit 20);
delete from api_usage
where created_at between %(first)s - interval '20 days' and %(first)s - interval '19 days';
delete from api_usage_log
where created_at between %(first)s - interval '20 days' and %(first)s - interval '19 days';
delete from campaigns
where
    id = (
        select campaign_id from api_usage where campaign_id in (select id from campaigns)
        group by campaign_id having count(*) > 10 order by md5(campaign_id::text) limit 1
    );

-- e-mails of leads that were there
insert into lead_emails (id, lead_id, email, created_at)
select md5('email ' || id)::uuid, id, 'office@new.example', %(first)s from enhanced_leads order by id limit 20;

-- somebody gives a right that the next run has to take back
grant select on analytics.enhanced_leads to anon;

-- as waiting would
update analytics_intermediate.int_source_changes set watermark = %(second)s where watermark is not null;
