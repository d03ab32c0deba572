import { CheckpointError } from '../../contract/errors.ts';
import type { ActivationScales } from '../../contract/models.ts';
import { SCALE } from '../onnx/values.ts';

/** Activation scales, in addition to a precision of int8 or int8-static. */
export interface StaticScales {
  /** Required for `int8-static`. */
  readonly scales?: ActivationScales | undefined;
  /**
   * With `int8`: called with the activation scale that each place of the model would need
   * (docs/decisions/engine-static-scales.md). Such graphs give the same results, but are different graphs and slower.
   */
  readonly onScale?: ((site: string, scale: number) => void) | undefined;
}

/** Keeps the largest scale per place. */
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

/** Five digits are precise enough and keep the settings readable. Rounded up, so that no measured value is cut off. */
function shorten(scale: number): number {
  return Number((scale * (1 + 5e-5)).toPrecision(5));
}

/** Inputs of a graph that are scales, by name. @throws CheckpointError if a scale was not measured */
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
