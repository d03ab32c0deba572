import { type Command, Option } from 'commander';
import { resolveGeneration } from '../../../app/generation.ts';
import { CPU } from '../../../contract/device.ts';
import type { Precision, Rewrite, RewriteCandidate } from '../../../contract/models.ts';
import { fitsWindow } from '../../../detox/reading.ts';
import { identifyCheckpoint, loadDetoxifier, readTemplate, TEXT_ALONE } from '../../../engine/index.ts';
import { addGenerationOptions, type GivenOptions, givenGeneration } from '../../options/generation-options.ts';
import { type DeviceOption, deviceOption } from '../../options/options.ts';
import { sayEvent } from '../../terminal/events.ts';
import { print } from '../../terminal/standard-streams.ts';
import { visible } from '../../terminal/visible.ts';
import { localCheckpoints } from '../../with-context.ts';
import { textGroups } from './texts.ts';

interface Options extends GivenOptions, DeviceOption {
  readonly precision: Precision;
  readonly prompt?: string;
  readonly badWords?: string;
  readonly json?: boolean;
}

export function addModelsGenerateCommand(models: Command): void {
  const command = models
    .command('generate')
    .argument('<checkpoint>', 'a bundled checkpoint, an alias, or a folder')
    .argument('[texts...]', 'texts (default: the lines of standard input)')
    .description('let a model write: no queue, no database')
    .addOption(precisionOption())
    .addOption(deviceOption());
  addGenerationOptions(command, {
    ...{ sequences: true, longest: "the checkpoint's own" },
    prompt: 'the text alone',
  })
    .option('--json', 'one JSON object a text: text, input_tokens, tokens, output, logprob, …')
    .addHelpText(
      'after',
      `
Examples:
  detoxq models generate nano-bart "who the hell wrote this ?"
  detoxq models generate nano-bart --num-beams 5 --num-return-sequences 3 --json < texts.txt
  detoxq models generate ./my-model --do-sample --top-p 0.9 --seed 7 "this is a damn mess ."

The model gets the text as it is, and what it writes is printed as it is, so that you can compare with transformers: in
fp32 the tokens are those of model.generate() with the same options. Models that paraphrase or continue may need a prompt,
which runs take from the checkpoint: --prompt "paraphrase: {text}". A run also puts texts into the form that the model was
trained on, takes long ones apart and fits the answers in: try that with "detoxq run".`,
    )
    .action(async (name: string, texts: string[], options: Options) => {
      const { find, cacheFolder } = localCheckpoints();
      const { folder, name: known } = find(name);
      const { precision, device = CPU } = options;
      const source = { folder, name: known, precision, device, cacheFolder };
      const identity = await identifyCheckpoint(source);
      const generation = await resolveGeneration(
        { folder, architecture: identity.architecture },
        givenGeneration(options),
        options.badWords,
        sayEvent,
      );
      const own = readTemplate(folder, undefined, known);
      if (options.prompt === undefined && own !== TEXT_ALONE) {
        process.stderr.write(`${known} was trained on a prompt, which runs use: --prompt ${JSON.stringify(own)}\n`);
      }
      const prompt = options.prompt ?? TEXT_ALONE;
      const model = await loadDetoxifier({ ...source, generation, prompt, logprobs: true });
      try {
        for await (const group of textGroups(texts)) {
          const longer = group.filter((text) => !fitsWindow(text, model)).length;
          if (longer > 0) {
            const what = longer === 1 ? 'A text is' : `${longer} texts are`;
            const read = `longer than the ${model.maxInputTokens} tokens that the model reads`;
            process.stderr.write(`${what} ${read}: the answer is to the beginning alone.\n`);
          }
          const rewrites = await model.rewrite(group);
          for (const [i, rewrite] of rewrites.entries()) {
            const text = group[i] ?? '';
            await print(options.json ? jsonLine(text, model.encode(text), rewrite) : plainLines(rewrite));
          }
        }
      } finally {
        await model.close();
      }
    });
}

/** fp32 by default: what people compare with transformers is not quantized there. */
export function precisionOption(): Option {
  return new Option('--precision <precision>', 'int8 is what runs use by default, fp16 what they use on a GPU')
    .choices(['fp32', 'fp16', 'int8'])
    .default('fp32');
}

function jsonLine(text: string, inputTokens: readonly number[], rewrite: Rewrite): string {
  const several = rewrite.candidates.length > 0 ? { candidates: rewrite.candidates.map(toJson) } : {};
  return `${JSON.stringify({ text, input_tokens: inputTokens, ...toJson(rewrite), ...several })}\n`;
}

function toJson({ tokens, text, logprob, score, finished }: RewriteCandidate) {
  return { tokens, output: text, logprob, score, finished };
}

function plainLines({ text, candidates }: Rewrite): string {
  if (candidates.length === 0) return `${visible(text)}\n`;
  const lines = candidates.map(({ score, text: output }) => `${(score ?? 0).toFixed(4)}  ${visible(output)}\n`);
  return `${lines.join('')}\n`;
}
