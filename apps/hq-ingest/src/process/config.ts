import { KeyFormatError } from '@hq-export/contract'
import { LOG_LEVELS, type LogLevel } from '@hq-export/observability/logger.ts'
import {
  databaseUrlSetting,
  type Environment,
  httpUrlSetting,
  parseSettings,
  portSetting,
} from '@hq-export/runtime/settings.ts'
import { z } from 'zod'
import { type IngestKey, parseIngestKeys } from '../keys/ingest-key.ts'
import { type MasterKey, parseMasterKey } from '../keys/master-key.ts'

/** Settings of the gateway, read once and frozen. */
export interface IngestConfig {
  readonly databaseUrl: string
  readonly host: string
  /** 0 asks the system for a free port. */
  readonly port: number
  readonly metricsPort: number
  /** How long a stop announces itself before it takes no more. */
  readonly drainDelayMs: number
  readonly logLevel: LogLevel
  /** Where alerts are told, in Alertmanager's webhook format; nowhere if undefined. */
  readonly alertWebhookUrl: string | undefined
  readonly keys: readonly IngestKey[]
  /** How long HQ keeps the answer to a batch at least. */
  readonly ledgerDays: number
  /** The first one seals secrets, all of them open. */
  readonly masterKeys: readonly MasterKey[]
}

const MAX_DRAIN_SECONDS = 60
const SECRET_VARIABLES = new Set([
  'ALERT_WEBHOOK_URL',
  'HQ_DATABASE_URL',
  'INGEST_KEYS',
  'INGEST_MASTER_KEY',
  'INGEST_MASTER_KEY_PREVIOUS',
])

const ledgerDaysRule = 'must be a number of days, 1 to 3650'
const ledgerDaysSchema = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, ledgerDaysRule)
  .default('30')
  .transform(Number)
  .refine((days) => days <= 3650, ledgerDaysRule)

const drainRule = `must be seconds, 0 to ${MAX_DRAIN_SECONDS}`
const drainSchema = z
  .string()
  .regex(/^\d{1,2}(?:\.\d{1,3})?$/, drainRule)
  .default('1')
  .transform(Number)
  .refine((seconds) => seconds <= MAX_DRAIN_SECONDS, drainRule)

const keysSchema = z
  .string()
  .transform((text, context): readonly IngestKey[] => {
    const { keys, problems } = parseIngestKeys(text)
    for (const message of problems) context.addIssue({ code: 'custom', message })
    return keys
  })
  .default([])

/** INGEST_MASTER_KEY. */
export const masterKeySchema = z.string('must be set').transform((text, context): MasterKey => {
  try {
    return parseMasterKey(text)
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    context.addIssue({ code: 'custom', message: error.message })
    return z.NEVER
  }
})

const SETTINGS = {
  HQ_DATABASE_URL: databaseUrlSetting(),
  INGEST_HOST: z.string().default('127.0.0.1'),
  INGEST_PORT: portSetting(8080),
  INGEST_METRICS_PORT: portSetting(8081),
  INGEST_KEYS: keysSchema,
  INGEST_LEDGER_DAYS: ledgerDaysSchema,
  INGEST_MASTER_KEY: masterKeySchema.optional(),
  INGEST_MASTER_KEY_PREVIOUS: masterKeySchema.optional(),
  INGEST_DRAIN_SECONDS: drainSchema,
  ALERT_WEBHOOK_URL: httpUrlSetting().optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be ${LOG_LEVELS.join(', ')}`).default('info'),
} as const

/** Names of all settings. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS)

/**
 * Reads every setting of the gateway from `env`.
 * @throws {ConfigError} with all problems; secrets appear as `<set>`.
 */
export function loadConfig(env: Environment): IngestConfig {
  const settings = parseSettings(SETTINGS, env, SECRET_VARIABLES)
  return Object.freeze({
    databaseUrl: settings.HQ_DATABASE_URL,
    host: settings.INGEST_HOST,
    port: settings.INGEST_PORT,
    metricsPort: settings.INGEST_METRICS_PORT,
    drainDelayMs: settings.INGEST_DRAIN_SECONDS * 1_000,
    logLevel: settings.LOG_LEVEL,
    alertWebhookUrl: settings.ALERT_WEBHOOK_URL,
    keys: Object.freeze(settings.INGEST_KEYS),
    ledgerDays: settings.INGEST_LEDGER_DAYS,
    masterKeys: Object.freeze(
      [settings.INGEST_MASTER_KEY, settings.INGEST_MASTER_KEY_PREVIOUS].filter(
        (key) => key !== undefined,
      ),
    ),
  })
}

/**
 * Reads the master keys alone, for a command that seals: the current one, and the one before where
 * it is set.
 * @throws {ConfigError} when the current one is missing or one of them is not a key.
 */
export function loadMasterKeys(env: Environment): readonly [MasterKey, ...MasterKey[]] {
  const settings = parseSettings(
    {
      INGEST_MASTER_KEY: masterKeySchema,
      INGEST_MASTER_KEY_PREVIOUS: SETTINGS.INGEST_MASTER_KEY_PREVIOUS,
    },
    env,
    SECRET_VARIABLES,
  )
  const { INGEST_MASTER_KEY: current, INGEST_MASTER_KEY_PREVIOUS: previous } = settings
  return previous === undefined ? [current] : [current, previous]
}

/**
 * Reads the one setting that `migrate` and `status` need.
 * @throws {ConfigError} when it is missing or not a PostgreSQL URL.
 */
export function loadDatabaseUrl(env: Environment): string {
  const { HQ_DATABASE_URL } = SETTINGS
  return parseSettings({ HQ_DATABASE_URL }, env, SECRET_VARIABLES).HQ_DATABASE_URL
}
