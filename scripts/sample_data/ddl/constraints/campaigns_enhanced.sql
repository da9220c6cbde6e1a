-- NOT VALID: the loaded rows hold statuses that no release of the application knows.
alter table campaigns add primary key (id);
alter table campaigns add constraint campaigns_status_check
    check (status in ('running', 'paused', 'completed', 'cancelled')) not valid;
create index campaigns_user_id_idx on campaigns (user_id);
