/**
 * SQL: the privilege of `pg_has_role` that lets a login say SET ROLE. Since PostgreSQL 16 a member
 * may be kept from it, and before, the server does not know the word.
 */
export const ACT_AS = `
case when pg_catalog.current_setting('server_version_num')::int4 >= 160000
  then 'set' else 'member' end`
