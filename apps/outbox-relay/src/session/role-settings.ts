/**
 * SQL of a relation (place, setting): what `alter role` and `alter database` have set for sessions
 * of this database, as `name=value`, and for whom.
 */
export const ROLE_SETTINGS = /* sql */ `
  select coalesce('role ' || r.rolname::text, 'every role')
      || ' in ' || coalesce('database ' || d.datname::text, 'every database') as place, setting
  from pg_catalog.pg_db_role_setting s
  cross join lateral pg_catalog.unnest(s.setconfig) setting
  left join pg_catalog.pg_database d on d.oid = s.setdatabase
  left join pg_catalog.pg_roles r on r.oid = s.setrole
  where s.setdatabase = 0 or d.datname = pg_catalog.current_database()`
