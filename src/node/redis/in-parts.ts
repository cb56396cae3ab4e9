/**
 * Sends a batch in as many parts as it has kinds of items, all at once: one after the other on the same connection, without
 * waiting for an answer in between. The order stays within each.
 */
export const inParts =
  <Item>(send: (part: readonly Item[]) => Promise<void>, kindOf: (item: Item) => number) =>
  async (batch: readonly Item[]): Promise<void> => {
    const parts = new Map<number, Item[]>();
    for (const item of batch) {
      const kind = kindOf(item);
      const part = parts.get(kind);
      if (part === undefined) parts.set(kind, [item]);
      else part.push(item);
    }
    await Promise.all([...parts.values()].map(send));
  };
