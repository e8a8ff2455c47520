import { EMPTY_LOCK, type Lock, lockSchema } from '@hq-export/contract'
import { consumerSchema } from '@hq-export/contract/lock/consumers.ts'
import { OperatorError } from '@hq-export/runtime/operator-error.ts'
import type { z } from 'zod'
import type { ContractState } from '../records/contract-state.ts'
import { releasesSchema } from '../records/release.ts'
import { type Waiver, waiversSchema } from '../records/waiver.ts'
import {
  CONSUMERS_FOLDER,
  LOCK_FILE,
  LOCKS_FOLDER,
  RELEASES_FILE,
  type Tree,
  WAIVERS_FILE,
} from './contract-files.ts'

/**
 * A file of the contract's folder as what it must be.
 * @throws {OperatorError} that names the file, and what is wrong with it first.
 */
function parse<T>(path: string, text: string, schema: z.ZodType<T>): T {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    throw new OperatorError(`${path} is no JSON; restore it from git`)
  }
  const result = schema.safeParse(data)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new OperatorError(`${path}: /${issue?.path.join('/')}: ${issue?.message}; restore it`)
}

/** The lock of a tree; one of nothing where there is none yet. */
export function readLock(tree: Tree): Lock {
  const text = tree.read(LOCK_FILE)
  return text === undefined ? EMPTY_LOCK : parse(LOCK_FILE, text, lockSchema)
}

/** Everything that is governed in a tree. @throws {OperatorError} */
export function readState(tree: Tree): ContractState {
  const releases = tree.read(RELEASES_FILE)
  const textOf = (path: string) => tree.read(path) ?? ''
  const frozen = tree.list(LOCKS_FOLDER).map((name): [string, string] => {
    const path = `${LOCKS_FOLDER}/${name}`
    const text = textOf(path)
    parse(path, text, lockSchema)
    return [name, text]
  })
  return {
    lock: readLock(tree),
    releases: releases === undefined ? [] : parse(RELEASES_FILE, releases, releasesSchema),
    consumers: tree.list(CONSUMERS_FOLDER).map((name) => {
      const path = `${CONSUMERS_FOLDER}/${name}`
      const consumer = parse(path, textOf(path), consumerSchema)
      if (`${consumer.name}.json` === name) return consumer
      throw new OperatorError(`${path} names ${consumer.name}; name the file after the consumer`)
    }),
    frozen: Object.fromEntries(frozen),
  }
}

/** The waivers of a tree. @throws {OperatorError} */
export function readWaivers(tree: Tree): Waiver[] {
  const text = tree.read(WAIVERS_FILE)
  return text === undefined ? [] : parse(WAIVERS_FILE, text, waiversSchema)
}
