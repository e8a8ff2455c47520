-- Findings of reconciliations may be keys that HQ has as rows of another source, and any finding may
-- say what is wrong beside.
--
-- Locks: none but on what the comments are of.

comment on column ingest.reconciliation_finding.class is
  'missing, stale, different, ahead, extra, foreign (HQ has the key as a row of another source), or '
  'refused: known, and no difference';
comment on column ingest.reconciliation_finding.reason is
  'why it was refused; of another class what is wrong with HQ''s row beside, if anything';
