-- NOT VALID: leads without a campaign and impossible scores are planted.
alter table enhanced_leads add primary key (id);
alter table enhanced_leads add constraint enhanced_leads_campaign_id_fkey
    foreign key (campaign_id) references campaigns (id) on delete cascade not valid;
alter table enhanced_leads add constraint enhanced_leads_confidence_score_check
    check (confidence_score between 0 and 100) not valid;
alter table enhanced_leads add constraint enhanced_leads_data_completeness_score_check
    check (data_completeness_score between 0 and 100) not valid;
create index enhanced_leads_campaign_id_idx on enhanced_leads (campaign_id);
