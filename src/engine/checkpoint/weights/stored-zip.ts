import { CheckpointError } from '../../../contract/errors.ts';
import type { ByteFile } from './byte-file.ts';

/** An uncompressed member of an archive. */
export interface StoredEntry {
  /** Bytes from the start of the file. */
  readonly position: number;
  readonly size: number;
}

const END_BYTES = 22;
const MAX_COMMENT_BYTES = 65_535;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
/** The directory of the largest checkpoints, with thousands of tensors and names of 100 bytes, takes less than 1 MB. */
const MAX_DIRECTORY_BYTES = 64 << 20;
const FULL32 = 0xffff_ffff;
const FULL16 = 0xffff;

interface Directory {
  readonly count: number;
  readonly size: number;
  readonly position: number;
}

interface Member {
  readonly name: string;
  readonly size: number;
  readonly header: number;
}

/**
 * Reads the directory of a ZIP archive as `torch.save` writes it (PKWARE APPNOTE 6.3, with ZIP64). Its members are stored,
 * not compressed, so a tensor can be read in place. Everything is checked against the size of the file before it is used:
 * both headers of a member agree, members are between the start and the directory, and none overlap.
 */
export function readStoredZip(file: ByteFile): ReadonlyMap<string, StoredEntry> {
  const wrong = (what: string) => new CheckpointError(`${file.path} is not an archive that torch.save wrote: ${what}`);
  const directory = findDirectory(file, wrong);
  if (directory.size > MAX_DIRECTORY_BYTES) throw wrong(`its directory takes ${directory.size} bytes`);
  if (directory.position + directory.size > file.size) throw wrong('its directory lies outside the file');
  const members = readMembers(file, directory, wrong);

  const entries = new Map<string, StoredEntry>();
  let end = 0;
  for (const { name, size, header } of members.sort((a, b) => a.header - b.header)) {
    if (header < end) throw wrong(`member ${JSON.stringify(name)} overlaps another one`);
    if (header + LOCAL_BYTES > directory.position) throw wrong(`member ${JSON.stringify(name)} lies outside the file`);
    const position = header + LOCAL_BYTES + checkLocalHeader(file, { name, size, header }, wrong);
    end = position + size;
    if (end > directory.position) throw wrong(`member ${JSON.stringify(name)} lies outside the file`);
    if (entries.has(name)) throw wrong(`it has two members ${JSON.stringify(name)}`);
    entries.set(name, { position, size });
  }
  return entries;
}

type Wrong = (what: string) => CheckpointError;

function view(bytes: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(bytes.buffer);
}

function read64(data: DataView, at: number, wrong: Wrong): number {
  const value = Number(data.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw wrong('a size or place in it has more than 53 bits');
  return value;
}

function findDirectory(file: ByteFile, wrong: Wrong): Directory {
  if (file.size < END_BYTES) throw wrong('it is too short');
  const length = Math.min(file.size, END_BYTES + MAX_COMMENT_BYTES);
  const tail = view(file.read(file.size - length, length));
  // The last record whose comment ends with the file. A comment may contain bytes that look like a record.
  let at = length - END_BYTES;
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === 0x0605_4b50 && tail.getUint16(at + 20, true) === length - END_BYTES - at)
  )
    at--;
  if (at < 0) throw wrong('it has no end-of-archive record, so it may be cut short');
  const disks = [tail.getUint16(at + 4, true), tail.getUint16(at + 6, true)];
  if (disks.some((disk) => disk !== 0 && disk !== FULL16)) throw wrong('it is a part of a split archive');
  const small = {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    position: tail.getUint32(at + 16, true),
  };
  const locatorAt = file.size - length + at - LOCATOR_BYTES;
  if (locatorAt >= 0) {
    const locator = view(file.read(locatorAt, LOCATOR_BYTES));
    if (locator.getUint32(0, true) === 0x0706_4b50) return readEnd64(file, read64(locator, 8, wrong), locatorAt, wrong);
  }
  if (small.count === FULL16 || small.size === FULL32 || small.position === FULL32) {
    throw wrong('its ZIP64 record is missing');
  }
  return small;
}

function readEnd64(file: ByteFile, position: number, limit: number, wrong: Wrong): Directory {
  if (position + END64_BYTES > limit) throw wrong('its ZIP64 record lies outside the file');
  const end = view(file.read(position, END64_BYTES));
  if (end.getUint32(0, true) !== 0x0606_4b50) throw wrong('its ZIP64 record is not where it should be');
  return { count: read64(end, 32, wrong), size: read64(end, 40, wrong), position: read64(end, 48, wrong) };
}

function readMembers(file: ByteFile, directory: Directory, wrong: Wrong): Member[] {
  const bytes = file.read(directory.position, directory.size);
  const data = view(bytes);
  const members: Member[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + CENTRAL_BYTES > bytes.length || data.getUint32(at, true) !== 0x0201_4b50) {
      throw wrong('its directory is broken');
    }
    const nameBytes = data.getUint16(at + 28, true);
    const extraBytes = data.getUint16(at + 30, true);
    const nameAt = at + CENTRAL_BYTES;
    const next = nameAt + nameBytes + extraBytes + data.getUint16(at + 32, true);
    if (next > bytes.length) throw wrong('its directory is broken');
    const name = Buffer.from(bytes.buffer, nameAt, nameBytes).toString('utf8');
    checkName(name, wrong);
    if (data.getUint16(at + 8, true) & 1) throw wrong(`member ${JSON.stringify(name)} is encrypted`);
    if (data.getUint16(at + 10, true) !== 0) throw wrong(`member ${JSON.stringify(name)} is compressed`);
    const [size, stored, header] = wideFields(data, at, [nameAt + nameBytes, extraBytes], wrong);
    if (size !== stored) throw wrong(`member ${JSON.stringify(name)} has two sizes, ${size} and ${stored}`);
    members.push({ name, size, header });
    at = next;
  }
  if (members.length !== directory.count) {
    throw wrong(`its directory has ${members.length} members, its end record says ${directory.count}`);
  }
  return members;
}

/** Size, compressed size and position of a member. Values beyond 32 bits are in the ZIP64 extra field. */
function wideFields(
  data: DataView,
  at: number,
  [extraAt, extraBytes]: readonly [number, number],
  wrong: Wrong,
): [number, number, number] {
  const fields: [number, number, number] = [
    data.getUint32(at + 24, true),
    data.getUint32(at + 20, true),
    data.getUint32(at + 42, true),
  ];
  const wide = [0, 1, 2].filter((index) => fields[index] === FULL32);
  if (wide.length === 0) return fields;
  for (let place = extraAt; place + 4 <= extraAt + extraBytes; place += 4 + data.getUint16(place + 2, true)) {
    const length = data.getUint16(place + 2, true);
    if (data.getUint16(place, true) !== 1) continue;
    if (length < 8 * wide.length || place + 4 + length > extraAt + extraBytes) break;
    wide.forEach((index, order) => {
      fields[index] = read64(data, place + 4 + 8 * order, wrong);
    });
    return fields;
  }
  throw wrong('the ZIP64 field of a member is missing');
}

/** Members are never unpacked to disk, but no valid archive has a name that leaves its folder. */
function checkName(name: string, wrong: Wrong): void {
  const parts = name.split('/');
  if (/[\\\0:\ufffd]/.test(name) || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw wrong(`it has a member with the name ${JSON.stringify(name.slice(0, 200))}`);
  }
}

/** Bytes of name and extra field before the data of a member. */
function checkLocalHeader(file: ByteFile, { name, size, header }: Member, wrong: Wrong): number {
  const local = view(file.read(header, LOCAL_BYTES));
  const disagrees = (what: string) => wrong(`the two headers of member ${JSON.stringify(name)} disagree on ${what}`);
  if (local.getUint32(0, true) !== 0x0403_4b50) throw wrong(`member ${JSON.stringify(name)} has no header`);
  if (local.getUint16(8, true) !== 0) throw disagrees('compression');
  // With bit 3 the sizes follow the data.
  const stated = local.getUint32(18, true);
  if (!(local.getUint16(6, true) & 8) && stated !== size && stated !== FULL32) throw disagrees('its size');
  const nameBytes = local.getUint16(26, true);
  if (header + LOCAL_BYTES + nameBytes > file.size) throw disagrees('its name');
  const localName = Buffer.from(file.read(header + LOCAL_BYTES, nameBytes).buffer).toString('utf8');
  if (localName !== name) throw disagrees('its name');
  return nameBytes + local.getUint16(28, true);
}
