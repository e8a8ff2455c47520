-- How an operator settles a dead letter: by sending the row again (relay -- dead-letters replay),
-- or by giving it up (discard).
--
-- Locks: ACCESS EXCLUSIVE on hq_export.dead_letter for the moment of a catalog change (no rewrite:
-- every default is a constant). Only the relay and its command line write there.

alter table hq_export.dead_letter
  add column resolved_at  timestamptz,
  add column replay_count integer not null default 0,
  add column resolution   text,
  add column note         text,
  add constraint dead_letter_resolution_check
    check (resolution in ('replayed', 'gone', 'discarded')),
  add constraint dead_letter_resolved_check check ((resolved_at is null) = (resolution is null)),
  add constraint dead_letter_replay_count_check check (replay_count >= 0);

-- Open ones are what everybody asks for; the resolved ones only grow.
create index dead_letter_open_idx on hq_export.dead_letter (last_failed_at, id)
  where resolved_at is null;
-- Every refusal of one row: which versions of it HQ has called a conflict.
create index dead_letter_key_idx on hq_export.dead_letter (dataset, key);

comment on column hq_export.dead_letter.resolved_at is
  'when an operator settled it; null while it is open. A row captured after this moment and '
  'refused opens it again';
comment on column hq_export.dead_letter.resolution is
  'replayed: the row was sent again; gone: nothing left to send, the source has deleted the row; '
  'discarded: given up';
comment on column hq_export.dead_letter.replay_count is 'how often the row was sent again';
comment on column hq_export.dead_letter.note is 'why, in the words of the operator';
