import { readFile } from 'node:fs/promises'

/** True while a process has this id, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives and is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * The process id on the first line of a file; undefined where there is no such file or no id in it.
 */
export async function readPid(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const pid = Number(text.split('\n')[0])
  return Number.isInteger(pid) && pid > 0 ? pid : undefined
}

/**
 * A file of `/proc` about a process, NUL-separated text; empty where it cannot be read, because the
 * process is gone, is somebody else's, or the system has no `/proc`.
 */
export async function readProcFile(pid: number, file: 'cmdline' | 'environ'): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
  return text.split('\0')
}
