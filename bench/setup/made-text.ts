const WORDS = 'the a you they never always comment people think stupid really because money time idiot good'.split(' ');

/** About 120 characters; different for each row. */
export function textOf(rowNo: number): string {
  const words = Array.from({ length: 20 }, (_, at) => WORDS[(rowNo * 7 + at * at * 13 + (rowNo >> at)) % WORDS.length]);
  return `${words.join(' ')} ${rowNo}.`;
}
