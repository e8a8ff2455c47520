import {
  checksumSpecs,
  type DatasetName,
  DIGEST_ROWS_PATH,
  DIGESTS_PATH,
  type DigestAnswer,
  type DigestRowsAnswer,
  datasetByName,
  digestAnswerSchema,
  digestRowsAnswerSchema,
} from '@hq-export/contract'
import { postTo, type SendOptions, SOURCE } from './ingest-client.ts'

type Members = Record<string, unknown>

/** A life of the source, and another one. */
export const EPOCH = '7300000000000000001.0b8f4a0e-5a0a-4c37-9d43-0c2f4b6f1a10'
export const OTHER_EPOCH = '7300000000000000001.1c9f5b1f-6b1b-4d48-8e54-1d3a5c7a2b21'
/** Shows transactions below 1000, but for 900. */
export const SNAPSHOT = '900:1000:900'

/** What is asked under a snapshot, `values` on top. */
export function asOf(dataset: DatasetName, values: Members = {}): Members {
  const spec = checksumSpecs(datasetByName(dataset), 'DXC-1').at(-1)?.id
  return { spec, epoch: EPOCH, snapshot: SNAPSHOT, ...values }
}

/** Body of a request that compares a dataset, `beside` on top. */
export function question(dataset: DatasetName, beside: Members = {}): Members {
  return { source: SOURCE, dataset, schema_version: 'v1', as_of: asOf(dataset), ...beside }
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${response.status}: ${text}`)
  return JSON.parse(text)
}

/** Asks for a digest that must be answered 200. */
export async function askDigest(
  url: string,
  body: Members,
  options: SendOptions = {},
): Promise<DigestAnswer> {
  return digestAnswerSchema.parse(await bodyOf(await postTo(url, DIGESTS_PATH, body, options)))
}

/** What HQ has read for a digest. */
export async function digestOf(
  url: string,
  dataset: DatasetName,
  beside: Members = {},
  options: SendOptions = {},
): Promise<NonNullable<DigestAnswer['result']>> {
  const { result } = await askDigest(url, question(dataset, beside), options)
  if (result === undefined) throw new Error('nothing was read')
  return result
}

/** Asks for rows that must be answered 200. */
export async function askRows(
  url: string,
  dataset: DatasetName,
  beside: Members,
  options: SendOptions = {},
): Promise<DigestRowsAnswer> {
  const response = await postTo(url, DIGEST_ROWS_PATH, question(dataset, beside), options)
  return digestRowsAnswerSchema.parse(await bodyOf(response))
}

/** Every bucket. */
export const ALL_BUCKETS = Array.from({ length: 1024 }, (_, bucket) => bucket)
