/** How many methods with the same key a message names. */
const MOST_METHODS = 5;

/** Two classes may have the same name, and then by default the same keys. */
interface User {
  /** The class. */
  readonly owner: unknown;
  readonly method: string;
}

/** The methods with a fixed key, and the elections, by their keys. */
export class UsersOfKeys {
  readonly #users = new Map<string, readonly User[]>();

  /**
   * An override and the locked method that it overrides count once: the inner call runs under the outer
   * call's lease. So do the methods that run on one leader.
   */
  add(key: string, owner: unknown, method: string): void {
    const users = this.#users.get(key) ?? [];
    if (users.some((user) => owner === user.owner && method === user.method)) return;
    this.#users.set(key, [...users, { owner, method }]);
  }

  /** A message for each key that several have. */
  duplicates(): string[] {
    return [...this.#users].flatMap(([key, users]) => {
      if (users.length < 2) return [];
      const names = users.slice(0, MOST_METHODS).map(({ method }) => method);
      const more = users.length > MOST_METHODS ? [`${users.length - MOST_METHODS} more`] : [];
      const methods = [...names, ...more].join(' and ');
      return [`${methods} have the same lock key "${key}": only one of them runs at a time`];
    });
  }
}
