-- A logical upgrade copies tables and leaves sequences where they began. The relay sets ours above
-- what the tables hold, when it begins to lead.
--
-- Locks: none on a table.

grant update on sequence hq_export.outbox_seq, hq_export.ack_seq to hq_export_relay;
grant select, update on sequence hq_export.dead_letter_id_seq, hq_export.backfill_id_seq,
  hq_export.settled_id_seq, hq_export.apart_sequence to hq_export_relay;
