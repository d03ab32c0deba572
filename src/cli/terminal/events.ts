import { movedText } from '../../app/calibrate-scales.ts';
import type { AppEvent } from '../../app/events.ts';
import { LEXICON_FORM } from '../../app/lexicon.ts';
import { counted, formatCount } from '../../util/format.ts';
import { asCalled } from '../as-called.ts';
import { servicesStep } from '../first-word.ts';
import { formatPercent } from './format.ts';
import { terminal } from './terminal.ts';
import { visible } from './visible.ts';

/** Words what the program tells while it works: steps on a terminal, notes on standard error. Progress has a display of its own. */
export function sayEvent(event: AppEvent): void {
  switch (event.type) {
    case 'opening-services':
      terminal.step(servicesStep({ home: event.home, databaseUrl: event.embedded ? undefined : '' }));
      break;
    case 'services-open':
      terminal.clear();
      break;
    case 'loading-models': {
      const names = event.models.map(visible).join(', ');
      terminal.step(event.compiling ? `Compiling ${names} …` : `Loading ${names} (compiled at their first use) …`);
      break;
    }
    case 'reading':
      terminal.step(`Reading ${event.sources.map(visible).join(', ')} …`);
      break;
    case 'source-note':
      sayNote(event.message);
      break;
    case 'columns':
      sayColumns(event);
      break;
    default: {
      const text = noteOf(event);
      if (text !== null) process.stderr.write(`${text}\n`);
    }
  }
}

/** A line of standard error; null where nothing is said. */
export function noteOf(event: AppEvent): string | null {
  switch (event.type) {
    case 'name-taken':
      return `Another run is named ${event.name}, too: use the id to name either of them.`;
    case 'toxic-label-guessed':
      return guessedLabelText(event.checkpoint, event.label);
    case 'lexicon':
      return lexiconText(event);
    case 'calibrating-prefilter':
      return `Calibrating the prefilter ${event.prefilter} on ${formatCount(event.rows)} rows of the run.`;
    case 'prefilter-hardly-pays':
      return `The run has only ${formatCount(event.rows)} rows: calibrating takes about as long as the prefilter can save.`;
    case 'prefilter-calibrated':
      return (
        `It clears ${formatPercent(event.clearedRows, event.sampledRows)} of them; ` +
        `${formatCount(event.missedRows)} of those are toxic by the scorer.`
      );
    case 'calibrating-scales':
      return `Calibrating int8-static: scales from ${event.measuredRows} rows of the run, compared with int8 on ${formatCount(event.checkedRows)} others.`;
    case 'scales-calibrated':
      return movedText(event.moved);
    case 'reading-waits':
      return asCalled(`Run ${event.run} is paused, and reading waits. Go on: detoxq resume ${event.run} --detach`);
    case 'rows-rejected':
      return `${counted(event.rows, 'row')} could not be read (${event.code}): ${event.rows === 1 ? 'it is a row error, with its line' : 'they are row errors, with their lines'}.`;
    case 'rows-blank':
      return `${counted(event.rows, 'blank row')}: outcome clean, not scored.`;
    case 'queue-not-cleared':
      return `The queue may still hold rows of run ${event.run}: the next worker that has it removes them. Not now: ${event.reason}`;
    case 'comparing':
      return `${event.number} of ${event.of}: ${event.checkpoint}`;
    default:
      return null;
  }
}

/** The columns that were taken, and how: what was guessed is printed. */
function sayColumns({ textColumn, guessedFrom, idColumn, idColumnFound }: AppEvent & { type: 'columns' }): void {
  const guessed = guessedFrom === null ? '' : ` (${guessedText(guessedFrom)}; --text-column to change)`;
  sayNote(`Text column: ${textColumn}${guessed}`);
  if (idColumn === null) return;
  sayNote(`Id column: ${idColumn}${idColumnFound ? ' (found by its name; --id-column to change)' : ''}`);
}

export function guessedText(columns: number): string {
  return columns === 1 ? 'the only column' : `guessed from ${columns} columns`;
}

/** What is said of a label that was guessed. */
export function guessedLabelText(checkpoint: string, label: string): string {
  return `The label ${JSON.stringify(label)} of ${checkpoint} is taken for toxic, which is a guess; --toxic-label NAME says which one is.`;
}

/** What is said of a lexicon: how many words are banned, what is left out, what looks wrong. */
export function lexiconText({ file, words, comments, unwritable, doubtful }: AppEvent & { type: 'lexicon' }): string {
  const ignored = [
    ...(comments > 0 ? [`${counted(comments, 'comment line')}`] : []),
    ...(unwritable > 0
      ? [`${formatCount(unwritable)} that the tokenizer has no tokens for, so that they never come`]
      : []),
  ];
  const left = ignored.length === 0 ? '' : `; left out: ${ignored.join('; ')}`;
  const bans = `The lexicon ${visible(file)} bans ${counted(words, 'word')}${left}.`;
  if (doubtful === null) return bans;
  const more = doubtful.count > 1 ? ` (and ${formatCount(doubtful.count - 1)} more)` : '';
  return `${bans} Line ${doubtful.line}${more} is taken as one phrase, but ${doubtful.form}. ${LEXICON_FORM}`;
}

const said = new Set<string>();

/** What was guessed about a source, or looks wrong in it: a line of standard error. Once: a command may open a file several times. */
function sayNote(note: string): void {
  if (said.has(note)) return;
  said.add(note);
  process.stderr.write(`${visible(note)}\n`);
}
