/** The classes that use each default key of a module, in all applications that run in this process. */
const classesByKey = new Map<string, unknown[]>();

/** The default keys of one application. */
export class DefaultKeys {
  readonly #classes = new Map<string, unknown>();

  /** `module` is the name of the module instance: two of one application have different nodes. */
  constructor(private readonly module: string) {}

  get keys(): Iterable<string> {
    return this.#classes.keys();
  }

  /** The method of a class uses this key. Two classes of one application are reported elsewhere. */
  add(key: string, owner: unknown): void {
    if (this.#classes.has(key)) return;
    this.#classes.set(key, owner);
    const id = this.#idOf(key);
    classesByKey.set(id, [...(classesByKey.get(id) ?? []), owner]);
  }

  /**
   * The keys that another application in this process uses for a class of its own. The same class in two
   * applications is two workers of one.
   */
  sharedKeys(): string[] {
    const isShared = (key: string, owner: unknown): boolean =>
      classesByKey.get(this.#idOf(key))?.some((other) => other !== owner) === true;
    return [...this.#classes].filter(([key, owner]) => isShared(key, owner)).map(([key]) => key);
  }

  /** The application has ended. */
  close(): void {
    for (const [key, owner] of this.#classes) {
      const id = this.#idOf(key);
      const classes = classesByKey.get(id) ?? [];
      const index = classes.indexOf(owner);
      const others = classes.filter((_, position) => position !== index);
      if (others.length > 0) classesByKey.set(id, others);
      else classesByKey.delete(id);
    }
    this.#classes.clear();
  }

  #idOf(key: string): string {
    return JSON.stringify([this.module, key]);
  }
}
