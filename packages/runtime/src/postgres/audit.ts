import type pg from 'pg'

/** What an operator did. */
export interface AuditEntry {
  /** Who; undefined for the login role of the session. */
  readonly actor: string | undefined
  /** `<thing>.<verb>`, such as `key.revoke`. */
  readonly action: string
  readonly subject: string
  /** Never a secret, never a value of a row. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/** Writes what was done into the audit of a schema of ours, in the transaction that does it. */
export function auditOf(
  schema: 'hq_export' | 'ingest',
): (client: pg.ClientBase, entry: AuditEntry) => Promise<void> {
  const record = /* sql */ `
insert into ${schema}.audit (actor, action, subject, detail)
values (coalesce($1, session_user), $2, $3, $4::jsonb)`
  return async (client, { actor = null, action, subject, detail = {} }) => {
    await client.query(record, [actor, action, subject, JSON.stringify(detail)])
  }
}
