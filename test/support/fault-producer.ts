/** What the command `resume` does about the source, without its worker: `node fault-producer.ts RUN`. */
import { enqueueAll } from '../../src/app/enqueue.ts';
import { withContext } from '../../src/cli/with-context.ts';
import { reopenDataset } from '../../src/producer/source.ts';
import { getRun } from '../../src/store/runs.ts';

await withContext({}, async (context) => {
  const run = await getRun(context.database, process.argv[2] ?? '');
  const dataset = await reopenDataset(run.source);
  await enqueueAll(context, run, dataset, await context.openQueue(), new AbortController().signal);
  process.stdout.write(`${dataset.bytesRead()}\n`);
});
