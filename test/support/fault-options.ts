/** What a test tells fault-worker.ts. */
export interface FaultWorkerOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly queue: string;
  /** As `Redelivery` of src/queue/bull-consumer.ts; 30,000 and 10,000 in the product. */
  readonly lockMs: number;
  readonly checkMs: number;
  /** 10,000 in the product. */
  readonly reconcileMs: number;
  readonly processes: number;
  /** Each row takes so long in the engine. */
  readonly rowMs: number;
  readonly hangAfterMs: number;
  readonly maxRssBytes: number;
  readonly answerTimeoutMs: number;
  readonly drainMs: number;
  /** How far its wall clock is off. */
  readonly clockMs: number;
}
