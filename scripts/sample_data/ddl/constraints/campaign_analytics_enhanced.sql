alter table campaign_analytics add primary key (id);
alter table campaign_analytics add constraint campaign_analytics_campaign_id_fkey
    foreign key (campaign_id) references campaigns (id) on delete cascade;
create index campaign_analytics_campaign_id_idx on campaign_analytics (campaign_id, metric_name);
