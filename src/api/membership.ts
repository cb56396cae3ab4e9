/**
 * The list of nodes that a lock manager votes under, as `LockManager.membership()` shows it.
 *
 * @example
 * { nodes: ['10.0.0.1:6379', '10.0.0.2:6379'], epoch: 1, isActive: true, isOwn: true, behind: [] }
 */
export interface Membership {
  /** The members: their names, or their addresses where this manager does not have them in its own list. */
  readonly nodes: readonly string[];
  /** The number of the list, which grows with each change. `undefined`: no list is known, or none is kept. */
  readonly epoch: number | undefined;
  /**
   * Whether the change to this list is complete. Until then the list before it is in use as well. It is false
   * again when the nodes have gone on to later lists, and this process can lock nothing.
   */
  readonly isActive: boolean;
  /** Whether it has exactly the nodes of the `nodes` option. */
  readonly isOwn: boolean;
  /** The members that do not have the latest list yet: they are away, or have lost their memory. */
  readonly behind: readonly string[];
}
