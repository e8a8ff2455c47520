/** Where in the repository everything stands that is governed. */
export const CONTRACT_FOLDER = 'packages/contract'
export const LOCK_FILE = `${CONTRACT_FOLDER}/contract.lock.json`
export const LOCKS_FOLDER = `${CONTRACT_FOLDER}/locks`
export const RELEASES_FILE = `${CONTRACT_FOLDER}/releases.json`
export const CONSUMERS_FOLDER = `${CONTRACT_FOLDER}/consumers`
export const WAIVERS_FILE = `${CONTRACT_FOLDER}/waivers.json`

/** What counts of a commit. */
export const GOVERNED = [LOCK_FILE, LOCKS_FOLDER, RELEASES_FILE, CONSUMERS_FOLDER]

/** Files of one tree, by their path from its root: the working tree, or a commit. */
export interface Tree {
  /** Text of a file; undefined where there is none. */
  read(path: string): string | undefined
  /** Names of the files of a folder, none where there is no such folder. */
  list(folder: string): string[]
}
