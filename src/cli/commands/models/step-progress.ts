import { type Terminal, terminal } from '../../terminal/terminal.ts';

export interface StepProgress {
  update(text: string): void;
  /** Ends the line, so that what follows starts on its own. */
  end(): void;
}

/** One line that says what goes on, rewritten on a terminal; elsewhere one line per step. */
export function createStepProgress(screen: Terminal = terminal): StepProgress {
  return {
    update(text) {
      if (screen.isTerminal) screen.step(text);
      else process.stderr.write(`${text}\n`);
    },
    end: screen.clear,
  };
}
