/**
 * How TypeScript becomes JavaScript wherever it is run without a build: in Jest and in ts-hooks.mjs.
 * Decorators and their metadata must come out as `tsc` makes them, or Nest injects nothing.
 *
 * @type {import('@swc/core').Options}
 */
export const swcOptions = {
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    keepClassNames: true,
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};
