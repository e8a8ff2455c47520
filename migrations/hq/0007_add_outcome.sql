-- An additive column of v1 (contract, Schema Governance). `status` is the contract's closed set; a
-- source whose own words say more, such as found and not_found, keeps them here, so that a provider
-- that suddenly finds nothing shows.
--
-- Locks: ACCESS EXCLUSIVE on the table for the moment of a catalog change; a nullable column
-- rewrites no row.

alter table hq.dx_operation_runs_v1 add column outcome text;

comment on column hq.dx_operation_runs_v1.outcome is
  'the source''s own word for how the run ended, such as not_found';
