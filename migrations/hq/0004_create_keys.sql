-- Keys that sources sign their batches with, when each was last used, and who did what by hand.
--
-- Whoever can read ingest.key cannot forge a batch: an HMAC secret is stored under AES-256-GCM,
-- sealed by the gateway's INGEST_MASTER_KEY, which is never in the database; of an ed25519 key HQ
-- has the public half only. Nobody but the writer is granted anything. A key is never deleted,
-- because the ledger names the key of every batch, and what was audited stays: so the owner itself
-- gives up the right to delete, and for the audit the right to change. An owner can take such a
-- right back, which leaves a trace and does not happen by mistake.
--
-- Locks: creates new objects only.

create table ingest.key (
  created_at          timestamptz not null default pg_catalog.clock_timestamp(),
  not_before          timestamptz,
  not_after           timestamptz,
  revoked_at          timestamptz,
  bytes_per_minute    bigint,
  requests_per_minute integer,
  id                  text        not null,
  source              text        not null,
  kind                text        not null,
  label               text,
  orgs                uuid[],
  datasets            text[],
  public_key          text,
  master_key_id       text,
  nonce               bytea,
  sealed_secret       bytea,
  constraint key_pkey primary key (id),
  constraint key_has_material check (
    case kind
      when 'hmac' then
        public_key is null and master_key_id is not null
        and pg_catalog.octet_length(nonce) is not distinct from 12 and sealed_secret is not null
      when 'ed25519' then
        public_key is not null and master_key_id is null and nonce is null and sealed_secret is null
      else false
    end),
  constraint key_window_is_not_empty check (not_before < not_after),
  -- An empty list would be a key that may write nothing; that is what revoking is for.
  constraint key_scopes_are_not_empty
    check (pg_catalog.cardinality(orgs) > 0 and pg_catalog.cardinality(datasets) > 0),
  -- Above 2^53 - 1 a quota could not be counted exactly.
  constraint key_quotas_are_positive
    check (requests_per_minute > 0 and bytes_per_minute between 1 and 9007199254740991)
);

comment on table ingest.key is
  'keys that may sign batches; the gateway reads them every 2 seconds. '
  'Those of INGEST_KEYS are not here';
comment on column ingest.key.created_at is 'when it was added';
comment on column ingest.key.not_before is 'believed from then on; null: at once';
comment on column ingest.key.not_after is 'believed until then; null: without end';
comment on column ingest.key.revoked_at is 'when it was taken back, for good; null: it was not';
comment on column ingest.key.bytes_per_minute is 'quota of body bytes as sent; null: none';
comment on column ingest.key.requests_per_minute is 'quota of requests; null: none';
comment on column ingest.key.id is
  'start of the SHA-256 of the key''s text, as in ingest.batch.key_id; tells nothing about the key';
comment on column ingest.key.source is 'source whose batches it signs';
comment on column ingest.key.kind is 'hmac or ed25519';
comment on column ingest.key.label is 'what it is for, in the operator''s words';
comment on column ingest.key.orgs is 'orgs that it may write; null: every org';
comment on column ingest.key.datasets is
  'datasets that it may write, the heartbeat always; null: every dataset';
comment on column ingest.key.public_key is 'ed25519: whpk_ and the public key';
comment on column ingest.key.master_key_id is 'hmac: which master key sealed the secret';
comment on column ingest.key.nonce is 'hmac: nonce of AES-256-GCM, 96 random bits';
comment on column ingest.key.sealed_secret is
  'hmac: ciphertext and tag of AES-256-GCM; id and source are authenticated with it';

-- Apart from ingest.key, so that keys of INGEST_KEYS have a row, too, and so that the one frequent
-- write does not touch the rows that every gateway reads. A gateway writes a key at most once a
-- minute, in place (no index holds the time).
create table ingest.key_use (
  last_used_at timestamptz not null,
  key_id       text        not null,
  source       text        not null,
  constraint key_use_pkey primary key (key_id)
) with (fillfactor = 50);

comment on table ingest.key_use is
  'when each key last signed a batch that was believed, to the minute';
comment on column ingest.key_use.last_used_at is 'clock of the gateway';
comment on column ingest.key_use.key_id is
  'the key; one that ingest.key does not have stands in INGEST_KEYS';
comment on column ingest.key_use.source is 'source of the key';

create table ingest.audit (
  id      bigint      generated always as identity,
  at      timestamptz not null default pg_catalog.clock_timestamp(),
  actor   text        not null,
  action  text        not null,
  subject text        not null,
  detail  jsonb       not null default '{}',
  constraint audit_pkey primary key (id)
);

create index audit_subject_idx on ingest.audit (subject, id);

comment on table ingest.audit is
  'what operators did by hand, written in the transaction that did it; rows are only ever added';
comment on column ingest.audit.id is 'number of the entry';
comment on column ingest.audit.at is 'when';
comment on column ingest.audit.actor is 'who: --by of the command, or the login role';
comment on column ingest.audit.action is 'what, such as key.revoke';
comment on column ingest.audit.subject is 'to what, such as the id of a key';
comment on column ingest.audit.detail is 'circumstances; never a secret, never a value of a row';

alter table ingest.key owner to hq_ingest_writer;
alter table ingest.key_use owner to hq_ingest_writer;
alter table ingest.audit owner to hq_ingest_writer;
revoke delete, truncate on ingest.key from hq_ingest_writer;
revoke update, delete, truncate on ingest.audit from hq_ingest_writer;
