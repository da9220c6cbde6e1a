-- NOT VALID: calls of campaigns that are gone are planted, and negative costs.
alter table api_usage_log add primary key (id);
alter table api_usage_log add constraint api_usage_log_campaign_id_fkey
    foreign key (campaign_id) references campaigns (id) on delete set null not valid;
alter table api_usage_log add constraint api_usage_log_request_cost_check check (request_cost >= 0) not valid;
create index api_usage_log_campaign_id_idx on api_usage_log (campaign_id);
create index api_usage_log_created_at_idx on api_usage_log (created_at);
