-- NOT VALID: leads without a campaign, impossible scores and unknown stages are planted.
alter table businesses add primary key (id);
alter table businesses add constraint businesses_campaign_id_fkey
    foreign key (campaign_id) references campaigns (id) on delete cascade not valid;
alter table businesses add constraint businesses_confidence_score_check
    check (confidence_score between 0 and 100) not valid;
alter table businesses add constraint businesses_processing_stage_check
    check (processing_stage in
        ('discovered', 'enriching', 'enriched', 'validating', 'validated', 'qualified', 'failed')) not valid;
create index businesses_campaign_id_idx on businesses (campaign_id);
