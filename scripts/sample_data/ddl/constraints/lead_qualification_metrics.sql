alter table lead_qualification_metrics add primary key (id);
alter table lead_qualification_metrics add constraint lead_qualification_metrics_campaign_id_fkey
    foreign key (campaign_id) references campaigns (id) on delete cascade;
create index lead_qualification_metrics_campaign_id_idx on lead_qualification_metrics (campaign_id, date, hour);
