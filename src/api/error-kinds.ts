// A registered symbol: two copies of this package in one process see each other's errors.
const KIND = Symbol.for('quorlock:error');

/** Names a class of errors, for `isOfKind`. The name must not depend on a minifier. */
export function nameKind(errorClass: { readonly prototype: object }, name: string): void {
  Object.defineProperty(errorClass.prototype, KIND, { value: name });
}

/**
 * Whether `value instanceof errorClass`, where an error of another copy of the package is one, too. An
 * application may have two copies: a module and its plugin have their own, or one of them is loaded as ES
 * module and the other one as CommonJS. A class that a user has derived has no name here: for it, only its
 * own instances count.
 */
export function isOfKind(errorClass: { readonly prototype: object }, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const kind = ownKindOf(errorClass.prototype);
  for (
    let prototype = Object.getPrototypeOf(value) as object | null;
    prototype !== null;
    prototype = Object.getPrototypeOf(prototype) as object | null
  ) {
    if (prototype === errorClass.prototype) return true;
    if (kind !== undefined && ownKindOf(prototype) === kind) return true;
  }
  return false;
}

const ownKindOf = (prototype: object): unknown => Object.getOwnPropertyDescriptor(prototype, KIND)?.value;
