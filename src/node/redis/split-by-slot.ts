/**
 * Sends a batch in as many parts as it has kinds of items, all at once: one after the other on the same connection, without
 * waiting for an answer in between. The order stays within each.
 */
export const splitBySlot =
  <Item>(send: (part: readonly Item[], done: () => void) => void, kindOf: (item: Item) => number) =>
  (batch: readonly Item[], done: () => void): void => {
    const parts = new Map<number, Item[]>();
    for (const item of batch) {
      const kind = kindOf(item);
      const part = parts.get(kind);
      if (part === undefined) parts.set(kind, [item]);
      else part.push(item);
    }
    let underWay = parts.size;
    const answered = (): void => {
      if (--underWay === 0) done();
    };
    for (const part of parts.values()) send(part, answered);
  };
