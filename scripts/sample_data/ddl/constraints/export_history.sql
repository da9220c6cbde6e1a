alter table export_history add primary key (id);
alter table export_history add constraint export_history_campaign_id_fkey
    foreign key (campaign_id) references campaigns (id) on delete cascade;
create index export_history_user_id_idx on export_history (user_id);
