import type { EmbeddedCluster } from '@hq-export/embedded-postgres/embedded-cluster.ts'
import { hqMigrations } from '@hq-export/hq-ingest/db/migrations.ts'
import { dxMigrations } from '@hq-export/outbox-relay/session/migrations.ts'
import type { Migrations } from '@hq-export/runtime/postgres/migrations.ts'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startOwnServer } from '../support/servers/own-server.ts'
import { waitFor } from '../support/wait-for.ts'

/** A server of its own: roles belong to the server, and here nobody has created ours. */
let cluster: EmbeddedCluster
/** Migrates; may create roles, and is no superuser. */
const BOSS = { username: 'boss', password: 'boss' }
const ROLES = ['hq_export_relay', 'hq_ingest_writer', 'hq_reader', 'hq_org_reader', 'hq_console']

beforeAll(async () => {
  cluster = (await startOwnServer('roles')).cluster
  await asAdmin((admin) =>
    admin.query(`create role ${BOSS.username} login createrole password '${BOSS.password}'`),
  )
})

afterAll(() => cluster.remove())

async function asAdmin<T>(work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: cluster.url() })
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.end()
  }
}

function bossUrl(database: string): string {
  return Object.assign(new URL(cluster.url(database)), BOSS).href
}

/**
 * Migrates one database while somebody, as another one is migrated, has run `statement` and not
 * committed it. @returns what was applied.
 */
async function migrateBeside(
  migrations: Migrations,
  { before = 'select', statement }: { before?: string; statement: string },
): Promise<string[]> {
  return asAdmin(async (admin) => {
    await admin.query('create database migrated owner boss')
    const other = new pg.Client({ connectionString: bossUrl('postgres') })
    await other.connect()
    try {
      await other.query(before)
      await other.query('begin')
      await other.query(statement)
      const applying = migrations.apply(bossUrl('migrated'))
      const waits = waitFor('the migration to wait for the other', async () => {
        const { rowCount } = await admin.query(
          `select from pg_stat_activity where datname = 'migrated' and wait_event_type = 'Lock'`,
        )
        return rowCount === 1
      })
      await Promise.race([waits, applying])
      await other.query('commit')
      return await applying
    } finally {
      await other.end()
      await admin.query('drop database migrated with (force)')
      for (const role of ROLES) await admin.query(`drop role if exists ${role}`)
    }
  })
}

test('a role that another database of the server gets at the same moment stops no migration', async () => {
  const sides: [Migrations, string[]][] = [
    [dxMigrations, ['hq_export_relay']],
    [hqMigrations, ['hq_ingest_writer', 'hq_reader', 'hq_org_reader', 'hq_console']],
  ]
  for (const [migrations, roles] of sides) {
    for (const role of roles) {
      const statement = `create role ${role} nologin`
      expect(await migrateBeside(migrations, { statement }), role).toEqual(await migrations.list())
    }
  }
})

test('a membership that the same login gets at the same moment stops no migration', async () => {
  const sides: [Migrations, string][] = [
    [dxMigrations, 'hq_export_relay'],
    [hqMigrations, 'hq_ingest_writer'],
  ]
  for (const [migrations, role] of sides) {
    const applied = await migrateBeside(migrations, {
      before: `create role ${role} nologin`,
      statement: `grant ${role} to ${BOSS.username}`,
    })
    expect(applied, role).toEqual(await migrations.list())
  }
})
