import {
  KeyFormatError,
  parseSigningKey,
  type SigningKey,
  SOURCE_PATTERN,
} from '@hq-export/contract'
import { LOG_LEVELS, type LogLevel } from '@hq-export/observability/logger.ts'
import {
  databaseUrlSetting,
  type Environment,
  httpUrlSetting,
  originSetting,
  parseSettings,
  portSetting,
} from '@hq-export/runtime/settings.ts'
import { z } from 'zod'
import { type CronTime, parseCronTime } from './cron-time.ts'

/** Settings of the relay, read once; durations in milliseconds, sizes in bytes. */
export interface RelayConfig {
  readonly databaseUrl: string
  readonly ingestUrl: string
  readonly signingKeys: readonly SigningKey[]
  readonly source: string
  readonly compression: 'zstd' | 'gzip' | 'none'
  /** Of `/metrics`, `/livez`, `/readyz` on 127.0.0.1; 0 asks the system for a free port. */
  readonly metricsPort: number
  readonly logLevel: LogLevel
  /** Where alerts are told, in Alertmanager's webhook format; nowhere if undefined. */
  readonly alertWebhookUrl: string | undefined
  /** When everything is compared with HQ by itself; never if undefined. */
  readonly reconcileAt?: CronTime | undefined
  /** How often keys that changed lately are compared with HQ; never if undefined. */
  readonly followSeconds?: number | undefined
}

const SECRET_VARIABLES = new Set([
  'ALERT_WEBHOOK_URL',
  'DX_DATABASE_URL',
  // Somebody may put a password into it.
  'HQ_INGEST_URL',
  'HQ_SIGNING_SECRET',
])

const signingSecretSchema = z.string('must be set').superRefine((text, context) => {
  for (const key of text.split(/\s+/)) {
    try {
      parseSigningKey(key)
    } catch (error) {
      if (!(error instanceof KeyFormatError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
    }
  }
})

/** Word for a thing that is not to be done. */
const OFF = 'off'
const MIN_FOLLOW_SECONDS = 30
const MAX_FOLLOW_SECONDS = 86_400

const reconcileAtSchema = z
  .string()
  .default('0 3 * * *')
  .transform((text, context) => {
    if (text === OFF) return undefined
    const time = parseCronTime(text)
    if (time !== undefined) return time
    const message = `must be a cron expression of five fields, in UTC, or ${OFF}`
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })

const followSecondsSchema = z
  .string()
  .default('300')
  .refine(
    (text) =>
      text === OFF ||
      (/^\d{1,5}$/.test(text) &&
        Number(text) >= MIN_FOLLOW_SECONDS &&
        Number(text) <= MAX_FOLLOW_SECONDS),
    `must be ${MIN_FOLLOW_SECONDS} to ${MAX_FOLLOW_SECONDS}, or ${OFF}`,
  )
  .transform((text) => (text === OFF ? undefined : Number(text)))

const SETTINGS = {
  DX_DATABASE_URL: databaseUrlSetting(
    'must be a postgres:// URL of a direct connection, not of a transaction pooler',
  ),
  HQ_INGEST_URL: originSetting(
    "must be the gateway's http:// or https:// URL without a path, such as https://hq.example; " +
      'the relay adds the paths',
  ),
  HQ_SIGNING_SECRET: signingSecretSchema,
  RELAY_SOURCE: z
    .string()
    .regex(SOURCE_PATTERN, 'must be 1 to 64 letters, digits, dots, dashes or underscores')
    .default('data-engine-x'),
  RELAY_RECONCILE_AT: reconcileAtSchema,
  RELAY_FOLLOW_SECONDS: followSecondsSchema,
  RELAY_METRICS_PORT: portSetting(8082),
  ALERT_WEBHOOK_URL: httpUrlSetting().optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be ${LOG_LEVELS.join(', ')}`).default('info'),
  RELAY_COMPRESSION: z.enum(['zstd', 'gzip', 'none'], 'must be zstd, gzip or none').default('zstd'),
} as const

/** Names of all settings. */
export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS)

/**
 * Settings of `relay -- run`.
 * @throws {ConfigError} with every problem.
 */
export function loadConfig(env: Environment): RelayConfig {
  const settings = parseSettings(SETTINGS, env, SECRET_VARIABLES)
  return Object.freeze({
    databaseUrl: settings.DX_DATABASE_URL,
    ingestUrl: settings.HQ_INGEST_URL,
    signingKeys: settings.HQ_SIGNING_SECRET.split(/\s+/).map(parseSigningKey),
    source: settings.RELAY_SOURCE,
    compression: settings.RELAY_COMPRESSION,
    metricsPort: settings.RELAY_METRICS_PORT,
    logLevel: settings.LOG_LEVEL,
    alertWebhookUrl: settings.ALERT_WEBHOOK_URL,
    reconcileAt: settings.RELAY_RECONCILE_AT,
    followSeconds: settings.RELAY_FOLLOW_SECONDS,
  })
}

/**
 * The one setting of the commands that only look at or prepare data-engine-x.
 * @throws {ConfigError} when it is missing or malformed.
 */
export function loadDatabaseUrl(env: Environment): string {
  const { DX_DATABASE_URL } = SETTINGS
  return parseSettings({ DX_DATABASE_URL }, env, SECRET_VARIABLES).DX_DATABASE_URL
}
