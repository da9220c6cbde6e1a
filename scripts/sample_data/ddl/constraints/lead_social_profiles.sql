alter table lead_social_profiles add primary key (id);
alter table lead_social_profiles add unique (lead_id, platform);
