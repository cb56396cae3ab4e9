export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where servers are reached from here, by the addresses that they announce. NAT and containers differ. */
export type AddressMap =
  Readonly<Record<string, Address>> | ((address: string) => Address | null | undefined);

/** The address by which a server is reached from here; others know it by `address`. */
export function reachable(address: Address, map: AddressMap | null | undefined): Address {
  const key = `${address.host}:${address.port}`;
  const mapped = typeof map === 'function' ? map(key) : map?.[key];
  return mapped ?? address;
}
