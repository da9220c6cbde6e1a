alter table campaign_analytics add primary key (id);
alter table campaign_analytics add constraint campaign_analytics_campaign_id_fkey
    foreign key (campaign_id) references campaigns (id) on delete cascade;
-- The loaded rows brought their own ids: the next one follows them.
select setval(pg_get_serial_sequence('campaign_analytics', 'id'), max(id)) from campaign_analytics;
