export interface StepProgress {
  update(text: string): void;
  /** Ends the line, so that what follows starts on its own. */
  end(): void;
}

/** One line that says what goes on, rewritten on a terminal; elsewhere a line a step. */
export function createStepProgress(stream: NodeJS.WriteStream = process.stderr): StepProgress {
  let drawn = false;
  return {
    update(text) {
      stream.write(stream.isTTY ? `\r\x1b[2K${text.slice(0, (stream.columns || 80) - 1)}` : `${text}\n`);
      drawn = stream.isTTY;
    },
    end() {
      if (drawn) stream.write('\r\x1b[2K');
      drawn = false;
    },
  };
}
