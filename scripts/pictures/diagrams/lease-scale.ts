/** Maps an instant of the lease to its place in the picture. */
export const xOf = (atMs: number): number => 48 + atMs * 0.22;
