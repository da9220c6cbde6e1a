-- The application declares both against enhanced_leads although most leads live in businesses, hence NOT VALID.
alter table lead_emails add constraint lead_emails_lead_id_fkey
    foreign key (lead_id) references enhanced_leads (id) on delete cascade not valid;
alter table lead_social_profiles add constraint lead_social_profiles_lead_id_fkey
    foreign key (lead_id) references enhanced_leads (id) on delete cascade not valid;
