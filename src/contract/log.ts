/** What stages write logs through (pino's shape). Fields hold ids, counts and reasons, never the text of a row. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
