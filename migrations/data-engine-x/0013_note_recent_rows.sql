-- `bind` puts the rows of the last moments before it on the settle list only after it has let go of
-- their table.
--
-- Locks: ACCESS EXCLUSIVE on hq_export.binding for the moment of a catalog change (no rewrite). No
-- capture reads it.

alter table hq_export.binding add column noting_since timestamptz;
comment on column hq_export.binding.noting_since is
  'when bind began to settle the dataset, while the rows that were written shortly before are not '
  'on the settle list yet; bind again puts them there';
