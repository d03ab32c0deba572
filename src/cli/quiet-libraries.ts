const METHODS = ['debug', 'log', 'info', 'warn', 'error', 'trace'] as const;

/**
 * What libraries print by themselves, and Node's warnings about them, are for developers: they appear at the log levels
 * debug and trace alone. What a user has to know of it, detoxq says in its own words.
 */
export function quietLibraries(logLevel: string | undefined): void {
  if (logLevel === 'debug' || logLevel === 'trace') return;
  process.removeAllListeners('warning');
  for (const method of METHODS) console[method] = () => {};
}
