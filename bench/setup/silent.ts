import type { Log } from '../../src/contract/log.ts';

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
