/** A PyTorch module, as far as its print and its weights need it. */
export interface Module {
  readonly className: string;
  /** Text between the parentheses of its print (`extra_repr`). */
  readonly extra: string;
  /** Its own, not those of its children. */
  readonly parameters: readonly Parameter[];
  readonly children: readonly (readonly [name: string, module: Module])[];
}

interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Number of outputs of a linear layer's weight, which int8 quantizes; null for any other parameter. */
  readonly outputs: number | null;
}

/** A module with children. `own`: parameters beside theirs. */
export function block(className: string, children: Readonly<Record<string, Module>>, own: readonly Parameter[] = []) {
  return { className, extra: '', parameters: own, children: Object.entries(children) } satisfies Module;
}

export function list(items: readonly Module[]): Module {
  return {
    className: 'ModuleList',
    extra: '',
    parameters: [],
    children: items.map((item, i) => [String(i), item] as const),
  };
}

/** Equal modules, for a list. */
export function repeat(times: number, module: (index: number) => Module): Module[] {
  return Array.from({ length: times }, (_, index) => module(index));
}

/** A module without parameters and children. */
export function leaf(className: string, extra = ''): Module {
  return { className, extra, parameters: [], children: [] };
}

export function own(name: string, shape: readonly number[], outputs: number | null = null): Parameter {
  return { name, shape, outputs };
}

export function linear(inputs: number, outputs: number, bias = true): Module {
  return {
    ...leaf('Linear', `in_features=${inputs}, out_features=${outputs}, bias=${bias ? 'True' : 'False'}`),
    parameters: [own('weight', [outputs, inputs], outputs), ...(bias ? [own('bias', [outputs])] : [])],
  };
}

/** A linear layer with a transposed weight, as in GPT-2. */
export function conv1D(inputs: number, outputs: number): Module {
  return {
    ...leaf('Conv1D', `nf=${outputs}, nx=${inputs}`),
    parameters: [own('weight', [inputs, outputs], outputs), own('bias', [outputs])],
  };
}

export function embedding(rows: number, width: number, padding: number | null = null, className = 'Embedding'): Module {
  return {
    ...leaf(className, `${rows}, ${width}${padding === null ? '' : `, padding_idx=${padding}`}`),
    parameters: [own('weight', [rows, width])],
  };
}

export function layerNorm(width: number, epsilon: number): Module {
  return {
    ...leaf('LayerNorm', `(${width},), eps=${pythonFloat(epsilon)}, elementwise_affine=True, bias=True`),
    parameters: [own('weight', [width]), own('bias', [width])],
  };
}

export function dropout(probability: number): Module {
  return leaf('Dropout', `p=${pythonFloat(probability)}, inplace=False`);
}

/** As Python writes a float: 0.0, 0.1, 1e-05. */
export function pythonFloat(value: number): string {
  const [digits = '', power = ''] = value.toExponential().split('e');
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** The tree as `print(model)` gives it (torch/nn/modules/module.py and container.py, `__repr__`). */
export function printModule({ className, extra, children }: Module): string {
  const printed = children.map(([name, child]) => [name, printModule(child)] as const);
  const lines = (className === 'ModuleList' ? fold(printed) : printed).map(([name, text]) =>
    indent(`(${name}): ${text}`),
  );
  if (lines.length === 0) return `${className}(${extra})`;
  const before = extra === '' ? [] : [indent(extra)];
  return `${className}(\n${[...before, ...lines].join('\n')}\n)`;
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ');
}

/** Neighbours with equal prints become one: `(0-5): 6 x Block(…)`. */
function fold(items: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  const folded: (readonly [string, string])[] = [];
  let first = 0;
  while (first < items.length) {
    let next = first + 1;
    while (next < items.length && items[next]?.[1] === items[first]?.[1]) next++;
    const text = items[first]?.[1] ?? '';
    const count = next - first;
    folded.push(count === 1 ? [String(first), text] : [`${first}-${next - 1}`, `${count} x ${text}`]);
    first = next;
  }
  return folded;
}

/** Every parameter of the tree under its full name, in the order of `named_parameters()`; shared ones under each name. */
export function namedParameters(module: Module, prefix = ''): Parameter[] {
  return [
    ...module.parameters.map((parameter) => ({ ...parameter, name: prefix + parameter.name })),
    ...module.children.flatMap(([name, child]) => namedParameters(child, `${prefix}${name}.`)),
  ];
}
