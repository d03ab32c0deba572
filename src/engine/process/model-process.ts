import type { Detoxifier, ModelIdentity, Rewrite } from '../../contract/models.ts';
import { createPolicy } from '../../detox/policy.ts';
import { loadDetoxifier } from '../models/detoxifier.ts';
import { loadScorer } from '../models/scorer.ts';
import { endWithSupervisor } from './end-with-supervisor.ts';
import type { FromModel, ModelOptions, TextScore, ToModel } from './model-protocol.ts';

/*
 * An engine process of one model, for programs that use the engine alone. It answers calls one after the other, and holds no
 * state about them: when it dies, its supervisor gives the call to another process.
 */

interface Model {
  readonly identity: ModelIdentity;
  readonly maxInputTokens: number;
  answer(texts: readonly string[]): Promise<readonly (TextScore | Rewrite)[]>;
}

function send(message: FromModel): void {
  // The supervisor may be gone: then `disconnect` ends this process.
  process.send?.(message, undefined, {}, () => {});
}

/** No probability reaches it: a policy with this threshold scores, and never rewrites. */
const ABOVE_ALL = 2;

async function load(options: ModelOptions): Promise<Model> {
  if (options.role === 'detoxifier') {
    const detoxifier = await loadDetoxifier(options);
    return { ...detoxifier, answer: (texts) => detoxifier.rewrite(texts) };
  }
  const scorer = await loadScorer(options);
  const none: Detoxifier = {
    identity: scorer.identity,
    maxInputTokens: scorer.maxInputTokens,
    knownWords: null,
    countTokens: scorer.countTokens,
    rewrite: () => Promise.reject(new Error('a scorer was asked for a rewrite')),
  };
  const policy = createPolicy({ scorer, detoxifier: none, threshold: ABOVE_ALL });
  return {
    identity: scorer.identity,
    maxInputTokens: scorer.maxInputTokens,
    async answer(texts) {
      const results: TextScore[] = [];
      const rows = texts.map((text, rowNo) => ({ rowNo, rowKey: null, text, meta: null }));
      await policy.process(rows, (item) => {
        if ('fault' in item) throw new Error(`text ${item.rowNo}: ${item.fault.message}`);
        results[item.rowNo] = { toxicity: item.toxicityBefore, tokens: item.tokensIn };
      });
      return results;
    },
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

endWithSupervisor();
let model: Promise<Model> | undefined;
let last: Promise<void> = Promise.resolve();
process.on('message', (message: ToModel) => {
  if (message.type === 'start') {
    model = load(message.options);
    model.then(
      ({ identity, maxInputTokens }) => send({ type: 'ready', identity, maxInputTokens }),
      (error: unknown) => {
        send({ type: 'refused', message: textOf(error) });
        process.disconnect?.();
      },
    );
    return;
  }
  const { texts } = message;
  const loaded = model;
  if (loaded === undefined) throw new Error('a call came before the model');
  last = last.then(async () => {
    try {
      send({ type: 'answer', results: await (await loaded).answer(texts) });
    } catch (error) {
      send({ type: 'failed', message: textOf(error) });
    }
  });
});
