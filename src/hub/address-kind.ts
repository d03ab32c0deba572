import { BlockList, isIP } from 'node:net';

/**
 * Kind of an address: `loopback` is this machine, `private` the network of an organization, `special` an address that no hub
 * has: link-local (with the metadata service of a cloud), multicast, unspecified and reserved ones.
 */
export type AddressKind = 'public' | 'private' | 'loopback' | 'special';

const RANGES: Readonly<Record<Exclude<AddressKind, 'public'>, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7', 'fec0::/10'],
  special: [
    ...['0.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '192.0.2.0/24', '198.18.0.0/15', '198.51.100.0/24'],
    ...['203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4', '::/128', '100::/64', '2001:db8::/32', 'fe80::/10', 'ff00::/8'],
    // Metadata services of Alibaba and Oracle, and Amazon's over IPv6. Their ranges are otherwise private or public.
    ...['100.100.100.200/32', '192.0.0.192/32', 'fd00:ec2::254/128'],
  ],
};

const LISTS = Object.entries(RANGES).map(([kind, ranges]) => {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/');
    list.addSubnet(address, Number(prefix), address.includes(':') ? 'ipv6' : 'ipv4');
  }
  return { kind: kind as AddressKind, list };
});
const SPECIAL_FIRST = LISTS.reverse();

/** @param address an IP address; IPv6 without brackets */
export function addressKind(address: string): AddressKind {
  const [plain = ''] = address.split('%');
  const inner = isIP(plain) === 6 ? carriedIpv4(plain) : null;
  const tried = inner ?? plain;
  const family = isIP(tried) === 6 ? 'ipv6' : 'ipv4';
  return SPECIAL_FIRST.find(({ list }) => list.check(tried, family))?.kind ?? 'public';
}

/** The IPv4 address inside an IPv6 address: mapped, compatible, NAT64 or 6to4; null if there is none. */
function carriedIpv4(address: string): string | null {
  const groups = ipv6Groups(address);
  const text = (high = 0, low = 0): string => [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const zeros = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0);
  if (zeros(0, 5) && groups[5] === 0xffff) return text(groups[6], groups[7]);
  // `::` and `::1` have their own meaning.
  if (zeros(0, 6) && groups[6] !== 0) return text(groups[6], groups[7]);
  if (groups[0] === 0x64 && groups[1] === 0xff9b && zeros(2, 6)) return text(groups[6], groups[7]);
  if (groups[0] === 0x2002) return text(groups[1], groups[2]);
  return null;
}

/** The URL parser writes every form in hexadecimal groups. */
function ipv6Groups(address: string): number[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const before = parse(head);
  const after = tail === undefined ? [] : parse(tail);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}
