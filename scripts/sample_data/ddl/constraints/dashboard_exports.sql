alter table dashboard_exports add primary key (id);
alter table dashboard_exports add constraint dashboard_exports_campaign_id_fkey
    foreign key (campaign_id) references campaigns (id) on delete set null;
create index dashboard_exports_user_id_idx on dashboard_exports (user_id);
