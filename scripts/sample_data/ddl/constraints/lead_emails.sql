-- NOT VALID: impossible scores are planted.
alter table lead_emails add primary key (id);
alter table lead_emails add unique (lead_id, email);
alter table lead_emails add constraint lead_emails_verification_score_check
    check (verification_score between 0 and 100) not valid;
