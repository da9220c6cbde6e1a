alter table user_settings add primary key (user_id);
