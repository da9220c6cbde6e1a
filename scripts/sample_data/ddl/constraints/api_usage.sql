-- NOT VALID: calls of campaigns and leads that are gone are planted, and negative costs.
alter table api_usage add primary key (id);
alter table api_usage add constraint api_usage_campaign_id_fkey
    foreign key (campaign_id) references campaigns (id) on delete cascade not valid;
alter table api_usage add constraint api_usage_business_id_fkey
    foreign key (business_id) references businesses (id) on delete set null not valid;
alter table api_usage add constraint api_usage_cost_check check (cost >= 0) not valid;
create index api_usage_campaign_id_idx on api_usage (campaign_id);
create index api_usage_created_at_idx on api_usage (created_at);
