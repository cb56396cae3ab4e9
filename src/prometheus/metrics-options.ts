/** What the registry of prom-client is used for: an object without it is none. */
const REGISTRY = ['registerMetric', 'getSingleMetric'] as const;

const KNOWN = ['register', 'acquireBuckets', 'holdBuckets', 'waitBuckets'];

/**
 * Throws a `TypeError` for what are no options of `lockMetrics()`. Metrics in another registry than the one
 * that is scraped are found by nobody.
 */
export function assertMetricsOptions(options: unknown): void {
  if (isRegistry(options))
    throw new TypeError('lockMetrics takes an object of options: give the registry as { register }');
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new TypeError(`lockMetrics takes an object of options, got ${shown(options)}`);
  if ('subscribe' in options)
    throw new TypeError('lockMetrics takes no manager: write manager.subscribe(lockMetrics())');
  const unknown = Object.keys(options).find((option) => !KNOWN.includes(option));
  if (unknown !== undefined)
    throw new TypeError(
      `lockMetrics: unknown option "${unknown.slice(0, 80)}"; the options are ${KNOWN.join(', ')}`,
    );
  const { register } = options as { readonly register?: unknown };
  if (register !== undefined && !isRegistry(register))
    throw new TypeError(`register must be a registry of prom-client, got ${shown(register)}`);
}

/** Throws for bounds that do not ascend: prom-client takes them, and puts values into the wrong buckets. */
export function assertBounds(option: string, bounds: readonly number[]): void {
  if (!Array.isArray(bounds))
    throw new TypeError(`${option} must be a list of numbers, got ${shown(bounds)}`);
  if (bounds.every((bound, index) => Number.isFinite(bound) && bound > (bounds[index - 1] ?? 0))) return;
  const given = bounds.join(', ').slice(0, 200);
  throw new RangeError(`${option} must be numbers above zero in ascending order, got ${given}`);
}

const isRegistry = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  REGISTRY.every((method) => typeof (value as Record<string, unknown>)[method] === 'function');

/** A number, or what else was given: something with a password may stand in the wrong place. */
const shown = (value: unknown): string =>
  value === null || typeof value === 'number' ? String(value) : typeof value;
