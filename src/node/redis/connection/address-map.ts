export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Of servers that call themselves by other addresses than those by which they are reached from here. */
export type AddressMap =
  Readonly<Record<string, Address>> | ((address: string) => Address | null | undefined);

/** Where a server is reached that others know by this address. */
export function reachable(address: Address, map: AddressMap | null | undefined): Address {
  const key = `${address.host}:${address.port}`;
  const mapped = typeof map === 'function' ? map(key) : map?.[key];
  return mapped ?? address;
}
