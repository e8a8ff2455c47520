-- HQ is told of a repaired run once more when it is proven. Those that were proven before this
-- migration are told with the next run.
--
-- Locks: rows of hq_export.reconciliation that nobody writes any more, but for their deletion after
-- 400 days.

comment on column hq_export.reconciliation.told_at is
  'when HQ was told what it came to; null while it has to be: when it has ended, and of one that was '
  'repaired once more when it is proven';

update hq_export.reconciliation r set told_at = null
where r.proven_at is not null and r.told_at is not null and r.told_at < r.proven_at;
