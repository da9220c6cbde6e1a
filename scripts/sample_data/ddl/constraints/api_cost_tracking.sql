-- NOT VALID: rows of campaigns that are gone are planted, and negative costs.
alter table api_cost_tracking add primary key (id);
alter table api_cost_tracking add constraint api_cost_tracking_campaign_id_fkey
    foreign key (campaign_id) references campaigns (id) on delete cascade not valid;
alter table api_cost_tracking add constraint api_cost_tracking_business_id_fkey
    foreign key (business_id) references enhanced_leads (id) on delete set null not valid;
alter table api_cost_tracking add constraint api_cost_tracking_total_cost_check check (total_cost >= 0) not valid;
create index api_cost_tracking_campaign_id_date_hour_idx on api_cost_tracking (campaign_id, date, hour);
