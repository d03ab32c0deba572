import { LRUCache } from 'lru-cache';

/** A bounded map that forgets what was not used for longest. */
export interface Memory<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
}

/** What an entry takes besides its key: the value, and its place in the map. */
const ENTRY_BYTES = 400;

/**
 * @param maxBytes about how much memory it may take (keys counted at one byte a character); what alone would take more is not kept
 * @param parts how many entries' worth of memory a value takes; default 1
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
