// Writes docs/reference.md from the commands, the schema of a run's settings and the environment of src/config.ts.
// `node scripts/reference.ts` writes the page; a test (test/unit/docs.test.ts) fails where it is stale.
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { Command, type Option } from 'commander';
import { z } from 'zod';
import { addVerbs } from '../src/cli/verbs.ts';
import { environment, terminalEnvironment } from '../src/config.ts';
import { runSettings } from '../src/contract/settings.ts';

const PAGE = new URL('../docs/reference.md', import.meta.url);

/** Commands that create runs. Options that all of them have in the same words stand once, under a heading of their own. */
const RUN_COMMANDS = ['run', 'enqueue', 'models compare'];

/** Commands in which a model writes. */
const GENERATION_COMMANDS = [...RUN_COMMANDS, 'models generate'];

/** Meaning of each setting, and what sets it. Paths are those of `runs.settings`; the schema decides which there are. */
const SETTINGS: Readonly<Record<string, readonly [setBy: string, meaning: string]>> = {
  detoxifier: ['`--detoxifier`', 'model that rewrites'],
  'detoxifier.name': ['', 'as it was named: bundled, pulled, or a path'],
  'detoxifier.architecture': ['', 'class in its `config.json`'],
  'detoxifier.digest': ['', 'sha256 over every file that can change a result'],
  'detoxifier.precision': ['`--precision`', 'number format of the compiled model'],
  scorer: ['`--scorer`', 'model that scores; the same members as `detoxifier`'],
  toxicLabels: ['`--toxic-label`', 'labels that mean toxic; absent where a label is called toxic'],
  'toxicLabels.scorer': ['', 'label of the scorer, in a list of one'],
  'toxicLabels.prefilter': ['', 'label of the prefilter, in a list of one'],
  prefilter: ['`--prefilter`', 'small scorer that clears rows, with its calibration; absent without one'],
  'prefilter.scorer': ['', 'the model; the same members as `detoxifier`'],
  'prefilter.clearBelow': ['', 'probability below which a row is `clean` without a look of the scorer'],
  'prefilter.maxMiss': ['`--prefilter-max-miss`', 'share of all rows that may be missed, as asked for'],
  'prefilter.missBound': ['', 'bound of that share with 95 % confidence, as calibrated'],
  'prefilter.sampledRows': ['', 'rows of the calibration sample'],
  'prefilter.toxicRows': ['', 'rows of the sample that the scorer calls toxic (runs of 0.1 only)'],
  'prefilter.clearedRows': ['', 'rows of the sample that the prefilter clears'],
  'prefilter.missedRows': ['', 'cleared rows of the sample that the scorer calls toxic'],
  staticScales: [
    '`--precision int8-static`',
    'activation scales, measured on rows of the run; absent in other precisions',
  ],
  'staticScales.scales': ['', 'scale of each place, per model: `scorer`, `detoxifier`, `prefilter`'],
  'staticScales.maxMoved': ['`--static-max-moved`', 'share of labels and of words that may move, as asked for'],
  'staticScales.measuredRows': ['', 'rows that the scales were measured on'],
  'staticScales.checkedRows': ['', 'other rows that were compared with int8'],
  'staticScales.movedLabels': ['', 'checked rows that are toxic in one form and not in the other'],
  'staticScales.labelBound': ['', 'bound of that share with 95 % confidence'],
  'staticScales.rewrittenRows': ['', 'checked rows that are toxic in both forms and were rewritten'],
  'staticScales.words': ['', 'words of their rewrites'],
  'staticScales.movedWords': ['', 'words that differ from those in int8'],
  threshold: ['`--threshold`', 'probability from which on a row is toxic, 0 to 1'],
  generation: ['generation options', 'options that were asked for, under their Hugging Face names'],
  prompt: ['`--prompt`', 'template with `{text}`; absent: the text alone'],
  similarity: ['', 'metric of the column `similarity`: `chrf`'],
};

/** Variables that docs name and that are not read by detoxq itself. */
export const FOREIGN_VARIABLES: Readonly<Record<string, readonly [readBy: string, meaning: string]>> = {
  NODE_EXTRA_CA_CERTS: ['Node', 'file of certificate authorities, for Postgres, Redis and hubs'],
  LD_LIBRARY_PATH: ['the loader of Linux', 'folders of CUDA and cuDNN, for `--device cuda`'],
  NVIDIA_TF32_OVERRIDE: ['CUDA', '`0`: products in fp32 are not rounded to TF32'],
  ONNXRUNTIME_NODE_INSTALL: ['onnxruntime-node', '`skip`: its install script downloads nothing'],
  ORT_DISABLE_TELEMETRY: ['onnxruntime', 'detoxq sets it to `1` for its own processes'],
  DETOXQ_DATA: ['`docker-compose.yml`', 'folder that containers see as `/data`. Default: `./examples`'],
  DETOXQ_PROCESSES: ['`docker-compose.yml`', 'engine processes of each worker. Default: 1'],
  POSTGRES_PASSWORD: ['`docker-compose.yml`', 'password of Postgres; has no default'],
  POSTGRES_PORT: ['`docker-compose.yml`', 'port of Postgres on 127.0.0.1. Default: 15432'],
};

/** Members that every model has: described once, at `detoxifier`. */
const SAME_AS_DETOXIFIER = /^(scorer|prefilter\.scorer)\.|^staticScales\.scales\./;

interface NamedCommand {
  readonly name: string;
  readonly command: Command;
}

/** Options that stand once for several commands. */
interface SharedOptions {
  readonly link: string;
  readonly commands: readonly string[];
  readonly rows: readonly string[];
}

/** The whole page. */
export async function referencePage(): Promise<string> {
  const program = new Command('detoxq');
  await addVerbs(program, undefined);
  const commands = program.commands.flatMap((command) => {
    const inner = command.commands.filter((each) => each.name() !== 'help');
    return inner.length === 0
      ? [{ name: command.name(), command }]
      : inner.map((each) => ({ name: `${command.name()} ${each.name()}`, command: each }));
  });
  const groups: readonly SharedOptions[] = [
    {
      link: '[options of a run](#options-of-a-run)',
      commands: RUN_COMMANDS,
      rows: common(commands, RUN_COMMANDS, ({ helpGroupHeading }) => helpGroupHeading === undefined),
    },
    {
      link: '[generation options](#generation-options)',
      commands: GENERATION_COMMANDS,
      rows: common(commands, GENERATION_COMMANDS, ({ helpGroupHeading }) => helpGroupHeading !== undefined),
    },
  ];
  return [
    '# Reference: commands, settings, environment',
    'Generated by `node scripts/reference.ts` from the sources; a test fails where this page is stale. Do not edit it by hand.',
    contents(),
    '## Commands',
    table(
      ['command', 'what it does'],
      commands.map(({ name, command }) => [
        `[\`${name}\`](#detoxq-${name.replaceAll(' ', '-')})`,
        command.description(),
      ]),
    ),
    '`detoxq COMMAND --help` prints the same with examples. Exit codes: [operations](operations.md#files-pipes-and-exit-codes).',
    '## Options of a run',
    `${commandList(RUN_COMMANDS)} have all of these.`,
    optionTable(groups[0]?.rows ?? []),
    '## Generation options',
    `${commandList(GENERATION_COMMANDS)} have all of these. Names and defaults are those of Hugging Face: [generation](generation.md).`,
    optionTable(groups[1]?.rows ?? []),
    '## Command by command',
    ...commands.flatMap(({ name, command }) => commandSection(name, command, groups)),
    '## Settings of a run',
    'A run freezes its settings in `runs.settings` (jsonb) and their sha256 in `runs.settings_hash`. A run never changes them.',
    table(['setting', 'type', 'set by', 'meaning'], settingRows()),
    '## Environment variables',
    'A variable that is empty counts as not set. Addresses: [operations](operations.md#addresses).',
    table(['variable', 'default', 'meaning'], variableRows(environment)),
    'How output looks on a terminal:',
    table(['variable', 'default', 'meaning'], variableRows(terminalEnvironment)),
    '## Variables of other programs',
    'detoxq does not read these. Libraries, Node or the files for Docker Compose do.',
    table(
      ['variable', 'read by', 'meaning'],
      Object.entries(FOREIGN_VARIABLES).map(([name, words]) => [`\`${name}\``, ...words]),
    ),
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n');
}

function contents(): string {
  const headings = [
    'Commands',
    'Options of a run',
    'Generation options',
    'Command by command',
    'Settings of a run',
    'Environment variables',
    'Variables of other programs',
  ];
  return headings.map((heading) => `[${heading}](#${heading.toLowerCase().replaceAll(' ', '-')})`).join(' · ');
}

function commandList(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}

/** Options that all of these commands have in the same words. */
function common(
  commands: readonly NamedCommand[],
  names: readonly string[],
  isMeant: (option: Option) => boolean,
): string[] {
  const [first = [], ...others] = names.map((name) => find(commands, name).command.options.filter(isMeant).map(row));
  return first.filter((each) => others.every((rows) => rows.includes(each)));
}

function find(commands: readonly NamedCommand[], name: string): NamedCommand {
  const found = commands.find((each) => each.name === name);
  if (found === undefined) throw new Error(`There is no command ${name}; scripts/reference.ts names it.`);
  return found;
}

function commandSection(name: string, command: Command, shared: readonly SharedOptions[]): string[] {
  const rows = command.options.map(row);
  const groups = shared.filter((group) => group.commands.includes(name));
  const own = rows.filter((each) => !groups.some((group) => group.rows.includes(each)));
  const description = command.description();
  return [
    `### detoxq ${name}`,
    `${description.charAt(0).toUpperCase()}${description.slice(1)}.`,
    `    detoxq ${name} ${command.usage()}`,
    ...(command.registeredArguments.length === 0
      ? []
      : [command.registeredArguments.map((each) => `- \`${each.name()}\`: ${cell(each.description)}`).join('\n')]),
    ...(groups.length === 0 ? [] : [`With the ${groups.map(({ link }) => link).join(' and the ')}.`]),
    ...(own.length === 0 ? [] : [optionTable(own)]),
  ];
}

/** One option as a row of a table. A default that the description says in words goes to its column. */
function row(option: Option): string {
  const said = / ?\(default: (.*)\)$|^default: by (.*)$/.exec(option.description);
  const given = option.defaultValue === undefined || option.defaultValue === false ? '' : `\`${option.defaultValue}\``;
  const words = said?.[1] ?? (said?.[2] === undefined ? given : `by ${said[2]}`);
  const meaning = said === null ? option.description : option.description.slice(0, said.index);
  const choices = option.argChoices?.map((each) => `\`${each}\``).join(', ');
  const parts = [...(choices === undefined ? [] : [`one of ${choices}`]), ...(meaning === '' ? [] : [meaning])];
  return `| \`${option.flags}\` | ${cell(words)} | ${cell(parts.join('; '))} |`;
}

function optionTable(rows: readonly string[]): string {
  return ['| option | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  return [
    `| ${titles.join(' | ')} |`,
    `|${'---|'.repeat(titles.length)}`,
    ...rows.map((each) => `| ${each.map(cell).join(' | ')} |`),
  ].join('\n');
}

function cell(text: string): string {
  return text
    .replaceAll('\n', ' ')
    .replaceAll('|', '\\|')
    .replace(/<(\w+)>/g, '`<$1>`');
}

function settingRows(): string[][] {
  const paths = pathsOf(z.toJSONSchema(runSettings), '').filter(([path]) => !SAME_AS_DETOXIFIER.test(path));
  const known = new Set(paths.map(([path]) => path));
  const unknown = Object.keys(SETTINGS).filter((path) => !known.has(path));
  if (unknown.length > 0)
    throw new Error(`scripts/reference.ts describes settings that do not exist: ${unknown.join(', ')}`);
  return paths.map(([path, type]) => {
    const described = SETTINGS[path];
    if (described === undefined) throw new Error(`scripts/reference.ts does not describe the setting ${path}`);
    return [`\`${path}\``, type, ...described];
  });
}

type Schema = z.core.JSONSchema.BaseSchema;

/** Every member of an object, depth first, with its type in words. */
function pathsOf(schema: Schema, prefix: string): (readonly [path: string, type: string])[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    if (typeof member === 'boolean') return [];
    const path = `${prefix}${name}`;
    return [[path, typeOf(member)] as const, ...pathsOf(member, `${path}.`)];
  });
}

function typeOf({ type, enum: values, const: value, items }: Schema): string {
  if (values !== undefined) return values.map((each) => `\`${each}\``).join(', ');
  if (value !== undefined) return `\`${value}\``;
  if (type === 'array' && items !== undefined && !Array.isArray(items) && typeof items !== 'boolean')
    return `list of ${items.type}s`;
  return typeof type === 'string' ? type : 'any';
}

function variableRows(schema: z.ZodObject): string[][] {
  return Object.entries(z.toJSONSchema(schema, { io: 'input' }).properties ?? {}).map(([name, member]) => {
    const { description, default: given } = typeof member === 'boolean' ? {} : member;
    if (description === undefined) throw new Error(`src/config.ts does not describe ${name}`);
    const [meaning = '', words] = description.split('. Default: ');
    return [`\`${name}\``, words ?? (given === undefined || given === '' ? '' : `\`${given}\``), meaning];
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(PAGE, await referencePage());
