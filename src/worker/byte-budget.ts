/** Bounds what is in memory at a time. */
export interface ByteBudget {
  /** Resolves, in the order of the calls, when there is room; with what gives the room back. More than the budget waits for all of it. */
  acquire(bytes: number): Promise<() => void>;
}

export function createByteBudget(mostBytes: number): ByteBudget {
  let free = mostBytes;
  const waiting: { readonly bytes: number; admit(): void }[] = [];
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined && next.bytes <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.bytes;
      next.admit();
    }
  };
  return {
    acquire: (asked) =>
      new Promise((resolve) => {
        const bytes = Math.min(asked, mostBytes);
        const release = (): void => {
          free += bytes;
          admit();
        };
        waiting.push({ bytes, admit: () => resolve(release) });
        admit();
      }),
  };
}
