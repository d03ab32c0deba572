import type { Job, JobEnd } from '../../app/job.ts';
import { counted } from '../../util/format.ts';
import { asCalled } from '../as-called.ts';
import { listenForStop } from '../signals.ts';
import { createProgressDisplay } from '../terminal/progress.ts';

/** A shell's code for a command that Ctrl-C ended. */
export const INTERRUPTED = 130;

/** Shows the progress of a job. Ctrl-C stops it in order, and the line that follows says how to go on. */
export async function withProgress(
  job: (shown: Pick<Job, 'signal' | 'onProgress'>) => Promise<JobEnd>,
): Promise<JobEnd> {
  const display = createProgressDisplay();
  const stop = listenForStop((text) => {
    display.end();
    process.stderr.write(`${text}\n`);
  });
  try {
    const end = await job({ signal: stop.signal, onProgress: (progress) => display.update(progress) });
    display.end();
    if (!end.ended) {
      const done = counted(end.rowsDone, 'row');
      process.stderr.write(asCalled(`Stopped with ${done} done. Go on with: detoxq resume ${end.run.id}\n`));
    }
    return end;
  } finally {
    display.end();
    stop.dispose();
  }
}
