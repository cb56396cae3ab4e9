/** A source of a node, after it was read and checked. */
export interface PostgresPlace {
  readonly name: string;
  readonly address: string;
  readonly source: object;
  readonly schema: string;
  readonly migrate: boolean;
  readonly durable: boolean;
  readonly secrets: readonly string[];
}
