import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { HubError } from '../contract/errors.ts';
import { type AddressKind, addressKind } from './address-kind.ts';

/** Refuses addresses that a hub has no reason to point to. */
interface AddressGuard {
  /** Checks an address that is written as an IP address. @throws HubError */
  check(url: URL): void;
  /** Looks names up when it connects, so that the address that was checked is the one that is used. */
  readonly lookup: LookupFunction;
}

type AllLookup = (
  name: string,
  options: LookupOptions & { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A hub may redirect to the public internet. It may redirect to this machine or a private network only if the endpoint itself
 * is there. Otherwise a hub could make this machine call services that only this machine can reach.
 *
 * @param endpoint its own address is always allowed, because the user named it
 */
export function createAddressGuard(endpoint: URL, resolve: AllLookup = lookup): AddressGuard {
  const home = hostOf(endpoint);
  const homeKinds = new Set<AddressKind>(isIP(home) === 0 ? [] : [addressKind(home)]);

  const allowed = (kind: AddressKind): boolean =>
    kind === 'public' || homeKinds.has(kind) || (kind === 'private' && homeKinds.has('loopback'));
  const refusal = (host: string, address: string): HubError =>
    new HubError(
      `the hub redirects to ${host}${host === address ? '' : ` (${address})`}, ${PLACES[addressKind(address)]}: refused, ` +
        `since HF_ENDPOINT (${endpoint.origin}) is not there itself`,
    );

  return {
    check(url) {
      const host = hostOf(url);
      if (host !== home && isIP(host) !== 0 && !allowed(addressKind(host))) throw refusal(host, host);
    },
    lookup(asked, options, done) {
      const name = asked.replace(/\.$/, '');
      resolve(asked, { ...options, all: true }, (error, addresses) => {
        if (error) return done(error, '');
        if (name === home) for (const { address } of addresses) homeKinds.add(addressKind(address));
        const wrong = addresses.find(({ address }) => name !== home && !allowed(addressKind(address)));
        if (wrong) return done(refusal(name, wrong.address), '');
        const [first] = addresses;
        if (options.all === true) return done(null, addresses);
        return first ? done(null, first.address, first.family) : done(new Error('no address'), '');
      });
    },
  };
}

const PLACES: Readonly<Record<AddressKind, string>> = {
  public: 'a public address',
  private: 'an address of a private network',
  loopback: 'an address of this machine',
  special: 'a link-local or reserved address',
};

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}
