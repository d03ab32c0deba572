import type { RunProgress } from '../contract/run.ts';
import type { Moved } from '../detox/moved.ts';
import type { ProduceProgress } from '../producer/produce.ts';

/** What the program tells whoever called it while it works. None of it holds text of a row. */
export type AppEvent =
  /** Services are opened; the embedded ones take about a second to start. */
  | { readonly type: 'opening-services'; readonly home: string; readonly embedded: boolean }
  | { readonly type: 'services-open' }
  /** Engine processes load models; where `compiling`, nothing is compiled on this machine yet. */
  | { readonly type: 'loading-models'; readonly models: readonly string[]; readonly compiling: boolean }
  | { readonly type: 'reading'; readonly sources: readonly string[] }
  /** What was guessed about a source, or looks wrong in it: a sentence. */
  | { readonly type: 'source-note'; readonly message: string }
  /** The columns that were taken. `guessedFrom`: how many columns the text column was guessed from; null where it was named. */
  | {
      readonly type: 'columns';
      readonly textColumn: string;
      readonly guessedFrom: number | null;
      readonly idColumn: string | null;
      readonly idColumnFound: boolean;
    }
  /** Another run has the same name: it names neither of them any more. */
  | { readonly type: 'name-taken'; readonly name: string }
  | { readonly type: 'toxic-label-guessed'; readonly checkpoint: string; readonly label: string }
  /** The words of a file that are never produced. */
  | {
      readonly type: 'lexicon';
      readonly file: string;
      /** Words that are banned. */
      readonly words: number;
      readonly comments: number;
      /** Words that the tokenizer has no tokens for, so that they never come. */
      readonly unwritable: number;
      /** Lines that are taken as they stand, and look like something else: the first one, and how many. */
      readonly doubtful: { readonly line: number; readonly form: string; readonly count: number } | null;
    }
  | { readonly type: 'calibrating-prefilter'; readonly prefilter: string; readonly rows: number }
  /** The run has so few rows that calibrating takes about as long as the prefilter can save. */
  | { readonly type: 'prefilter-hardly-pays'; readonly rows: number }
  | {
      readonly type: 'prefilter-calibrated';
      readonly sampledRows: number;
      readonly clearedRows: number;
      readonly missedRows: number;
    }
  | { readonly type: 'calibrating-scales'; readonly measuredRows: number; readonly checkedRows: number }
  | { readonly type: 'scales-calibrated'; readonly moved: Moved }
  | { readonly type: 'run-created'; readonly run: string }
  /** A source is read into the ledger and the queue. */
  | { readonly type: 'enqueueing'; readonly run: string; readonly progress: ProduceProgress }
  /** The run is paused, and so is the reading of its source. */
  | { readonly type: 'reading-waits'; readonly run: string }
  /** Rows of a source that could not be read, by code: each is a row error. */
  | { readonly type: 'rows-rejected'; readonly run: string; readonly code: string; readonly rows: number }
  | { readonly type: 'rows-blank'; readonly run: string; readonly rows: number }
  /** A run that this process sees to its end. */
  | { readonly type: 'progress'; readonly progress: RunProgress }
  /** The queue may still hold rows of a run that has ended; the next worker removes them. */
  | { readonly type: 'queue-not-cleared'; readonly run: string; readonly reason: string }
  /** A comparison turns to its next checkpoint. */
  | { readonly type: 'comparing'; readonly checkpoint: string; readonly number: number; readonly of: number };

export type OnEvent = (event: AppEvent) => void;
