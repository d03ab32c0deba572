import { CheckpointError } from '../../contract/errors.ts';
import type { ActivationScales } from '../../contract/models.ts';
import { SCALE } from '../onnx/values.ts';

/** How activations become bytes, beside a precision of int8 or int8-static. */
export interface StaticScales {
  /** For `int8-static`, which cannot do without. */
  readonly scales?: ActivationScales | undefined;
  /**
   * With `int8`: told, call after call, which scale each place would do with (docs/decisions/engine-static-scales.md). For that the graphs
   * are others, with the same results, and slower.
   */
  readonly onScale?: ((site: string, scale: number) => void) | undefined;
}

/** Keeps the largest scale of each place. */
export function collectScales(): {
  readonly onScale: NonNullable<StaticScales['onScale']>;
  scales(): ActivationScales;
} {
  const largest = new Map<string, number>();
  return {
    onScale(site, scale) {
      largest.set(site, Math.max(scale, largest.get(site) ?? 0));
    },
    scales: () => Object.fromEntries([...largest].map(([site, scale]) => [site, shorten(scale)])),
  };
}

/** Five digits are plenty, and settings that people can read. Upwards, so that nothing that was seen is cut off. */
function shorten(scale: number): number {
  return Number((scale * (1 + 5e-5)).toPrecision(5));
}

/** What the inputs of a graph are that are scales, by their names. @throws CheckpointError where one was not measured */
export function scaleInputs(
  inputNames: readonly string[],
  scales: ActivationScales | undefined,
  label: string,
): Record<string, number> {
  const sites = inputNames.filter((name) => name.startsWith(SCALE)).map((name) => name.slice(SCALE.length));
  return Object.fromEntries(
    sites.map((site) => {
      const scale = scales && Object.hasOwn(scales, site) ? scales[site] : undefined;
      if (scale === undefined || !(scale > 0 && Number.isFinite(scale))) {
        throw new CheckpointError(`${label} needs a scale for ${site}: int8-static is for runs that were calibrated`);
      }
      return [`${SCALE}${site}`, scale];
    }),
  );
}
