import type pg from 'pg'

/** What an operator did at the source. */
export interface AuditEntry {
  /** Who; undefined for the login role of the session. */
  readonly actor: string | undefined
  /** `<thing>.<verb>`, such as `dead_letter.discard`. */
  readonly action: string
  readonly subject: string
  /** Never a secret, never a value of a row. */
  readonly detail?: Readonly<Record<string, unknown>>
}

const RECORD = /* sql */ `
insert into hq_export.audit (actor, action, subject, detail)
values (coalesce($1, session_user), $2, $3, $4::jsonb)`

/** Writes what was done, in the transaction that does it. */
export async function recordAudit(client: pg.ClientBase, entry: AuditEntry): Promise<void> {
  const { actor = null, action, subject, detail = {} } = entry
  await client.query(RECORD, [actor, action, subject, JSON.stringify(detail)])
}
