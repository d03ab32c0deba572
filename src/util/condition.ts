/** Something that code waits for in a loop: `while (!isSo()) await condition.change()`. */
export interface Condition {
  /** Settles at the next call of `wake`. */
  change(): Promise<void>;
  /** Lets everything that waits look again. */
  wake(): void;
}

export function createCondition(): Condition {
  const waiting: (() => void)[] = [];
  return {
    change: () => new Promise((resolve) => waiting.push(resolve)),
    wake() {
      for (const resume of waiting.splice(0)) resume();
    },
  };
}
