const METHODS = ['debug', 'log', 'info', 'warn', 'error', 'trace'] as const;

/**
 * Messages of libraries, and Node's warnings about them, are for developers: they appear at the log levels debug and trace
 * alone. What a user must know, detoxq says in its own words.
 */
export function quietLibraries(logLevel: string | undefined): void {
  if (logLevel === 'debug' || logLevel === 'trace') return;
  process.removeAllListeners('warning');
  for (const method of METHODS) console[method] = () => {};
}
