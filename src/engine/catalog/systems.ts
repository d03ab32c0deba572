/** The five systems that detoxq is about, and the bundled checkpoint of the same class that stands in for each. */
export const SYSTEMS = [
  { alias: 'bart-base-detox', standIn: 'nano-bart' },
  { alias: 't5-paraphrase', standIn: 'nano-t5' },
  { alias: 'gpt2', standIn: 'nano-gpt2' },
  { alias: 'bert-base-uncased', standIn: 'nano-bert' },
  { alias: 'roberta-toxicity', standIn: 'nano-roberta' },
] as const;
