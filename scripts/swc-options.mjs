/**
 * How TypeScript becomes JavaScript when it runs without a build: in Jest and in ts-hooks.mjs. Decorators and
 * their metadata must be those that `tsc` writes, or Nest injects nothing.
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
