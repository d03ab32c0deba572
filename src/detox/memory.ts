import { LRUCache } from 'lru-cache';

/** A bounded map that drops the entry that was unused for longest. */
export interface Memory<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
}

/** Memory of an entry besides its key: the value, and its place in the map. */
const ENTRY_BYTES = 400;

/**
 * @param maxBytes approximate memory limit (keys count one byte per character); a larger single entry is not kept
 * @param parts number of entries' worth of memory that a value takes; default 1
 */
export function createMemory<T extends NonNullable<unknown>>(
  maxBytes: number,
  parts: (value: T) => number = () => 1,
): Memory<T> {
  return new LRUCache<string, T>({
    maxSize: maxBytes,
    sizeCalculation: (value, key) => key.length + ENTRY_BYTES * parts(value),
  });
}
