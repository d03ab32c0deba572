/** Numbers in order, as many as come, four bytes each. */
export interface NumberColumn {
  push(value: number): void;
  values(): Float32Array;
}

const FIRST_SIZE = 1024;

export function createColumn(): NumberColumn {
  let space = new Float32Array(FIRST_SIZE);
  let length = 0;
  return {
    push(value) {
      if (length === space.length) {
        const larger = new Float32Array(2 * length);
        larger.set(space);
        space = larger;
      }
      space[length++] = value;
    },
    values: () => space.subarray(0, length),
  };
}
