/**
 * Gives the memory of a large buffer back at once. Left to the garbage collector, a program under
 * load keeps tens of megabytes of buffers that nobody uses. Small buffers stand in memory that
 * others share, and are left alone.
 * @param buffer the only view of its memory, which nobody uses any more: no reader, and no socket
 * that still writes it. It is empty afterwards.
 */
export function freeMemory({ buffer: memory, byteLength }: Buffer): void {
  if (memory instanceof ArrayBuffer && byteLength > Buffer.poolSize) memory.transfer(0)
}
