import type { NodeSettings } from '../../node-options.js';

export interface ServerSettings extends NodeSettings {
  /** Set if the server is a shard of a Cluster. */
  readonly shard?: {
    /** The key of its marker now. */
    marker(): string;
  };
}
