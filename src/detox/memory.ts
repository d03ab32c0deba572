/** A bounded map that forgets what was not used for longest. */
export interface Memory<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
}

/** What an entry takes besides its key: the value, and its place in the map. */
const ENTRY_BYTES = 400;

/**
 * @param maxBytes about how much memory it may take (keys counted at one byte a character)
 * @param parts how many entries' worth of memory a value takes; default 1
 */
export function createMemory<T>(maxBytes: number, parts: (value: T) => number = () => 1): Memory<T> {
  // A Map gives its keys in the order in which they were set: the first one is the one to forget.
  const entries = new Map<string, T>();
  let bytes = 0;
  const cost = (key: string, value: T): number => key.length + ENTRY_BYTES * parts(value);
  const forget = (key: string): void => {
    const value = entries.get(key);
    if (value !== undefined && entries.delete(key)) bytes -= cost(key, value);
  };
  return {
    get(key) {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set(key, value) {
      forget(key);
      if (cost(key, value) > maxBytes) return;
      bytes += cost(key, value);
      entries.set(key, value);
      for (const oldest of entries.keys()) {
        if (bytes <= maxBytes) break;
        forget(oldest);
      }
    },
  };
}
