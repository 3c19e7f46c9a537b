import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { RepositoryConfig } from '../../config/config.ts';
import { ConvergeError } from '../../base/errors.ts';
import { gitUnavailable } from './errors.ts';
import { patience } from '../patience.ts';
import { createGitHttp, type GitHttp, type GitPatience } from './http.ts';
import { delimiter, flush, packet, readPackets, type Packet } from './pkt-line.ts';

/** The pack that a fetch brought, and where history now ends here. */
export interface FetchedPack {
  readonly pack: Buffer;
  readonly shallow: readonly string[];
  readonly unshallow: readonly string[];
}

export interface PushReport {
  /** `ok`, or why one of the refs was not moved. */
  readonly result: string;
  /** What the host and its hooks printed. */
  readonly words: readonly string[];
}

/**
 * The Git host by the smart HTTP protocol: https://git-scm.com/docs/gitprotocol-http, version 2 of it
 * (https://git-scm.com/docs/gitprotocol-v2) where the host speaks that, and version 0 where it does not.
 */
export interface GitHost {
  /** The commit of a ref (its full name), or undefined where there is none. */
  readRef(name: string): Promise<string | undefined>;
  /** The refs whose names begin with one of these, and their commits. */
  listRefs(prefixes: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The objects that `PackWanted` describes; or, in the host's words, why it does not serve them. */
  fetchPack(fetch: PackWanted): Promise<FetchedPack | { readonly refused: string }>;
  /**
   * Compare-and-swap of refs, with the objects that takes: all of them or none, where the host knows how. Without a
   * commit, a ref is deleted; where nothing else is asked, no pack is sent.
   */
  receivePack(push: PushWanted): Promise<PushReport>;
}

export interface PackWanted {
  /** Commits, each with what it consists of; or trees and blobs. All are sent, whatever the filter leaves out. */
  readonly wants: readonly string[];
  /** Nothing that is behind these is sent again. */
  readonly haves: readonly string[];
  readonly shallow: readonly string[];
  /** How many commits deep; undefined where no commit is wanted. */
  readonly depth: number | undefined;
  /**
   * What is left out behind `wants`: all blobs, or all trees with them. A host that does not filter, or does not serve
   * by their ids what it left out, leaves nothing out: https://git-scm.com/docs/partial-clone
   */
  readonly filter: Filter | undefined;
}

export type Filter = 'blob:none' | 'tree:0';

/** Where a ref is to be, where it is now at `expected`; undefined: nowhere. */
export interface RefMove {
  readonly ref: string;
  readonly expected: string | undefined;
  readonly commit: string | undefined;
}

export interface PushWanted {
  readonly moves: readonly RefMove[];
  readonly pack: () => AsyncIterable<Uint8Array>;
  readonly bytes: number;
}

const noCommit = '0'.repeat(40);

/** @param url without credentials: the subject of errors */
export function createGitHost({
  settings,
  url,
  now,
  times = patience.git,
  mostBytes,
}: {
  settings: RepositoryConfig;
  url: string;
  now: () => Date;
  times?: GitPatience;
  /** Of one answer, where that is not what the memory of this process allows. */
  mostBytes?: number;
}): GitHost {
  const line: Line = {
    url,
    http: createGitHttp({ settings, url, now, times, ...(mostBytes === undefined ? {} : { mostBytes }) }),
    speaks: undefined,
  };
  return {
    listRefs: async (prefixes) => listRefs(line, prefixes),
    readRef: async (name) => (await listRefs(line, [name])).get(name),
    fetchPack: async (fetch) => fetchPack(line, fetch),
    receivePack: async (push) => receivePack(line, push),
  };
}

/** The line to a host. */
interface Line {
  readonly url: string;
  readonly http: GitHttp;
  /** Known after the first look, so that later ones need no more than one request. */
  speaks: Speaks | undefined;
}

interface Speaks {
  readonly version: 0 | 2;
  readonly filters: boolean;
}

/**
 * Reads an answer. Throws `GitUnavailable` (retry) for one that is not what it should be, and, but for `refused`, for
 * what the host says instead.
 */
function parsed<T>(
  { url }: Line,
  bytes: Buffer,
  parse: (packets: readonly Packet[]) => T,
  refused?: (words: string) => T,
): T {
  try {
    const packets = [...readPackets(bytes)];
    const error = packets.find((one) => one instanceof Buffer && one.toString('latin1', 0, 4) === 'ERR ');
    if (error === undefined) return parse(packets);
    const words = text(error).slice(4);
    if (refused !== undefined) return refused(words);
    throw gitUnavailable({ subject: url, message: `the Git host says: ${words}` });
  } catch (error) {
    if (error instanceof ConvergeError) throw error;
    const remedy = 'check whether the URL is that of a repository';
    throw gitUnavailable({ subject: url, message: 'the Git host did not answer as it should', remedy, cause: error });
  }
}

async function uploadPack({ http, speaks }: Line, body: Buffer): Promise<Buffer> {
  const service = 'git-upload-pack';
  const headers = { ...typesOf(service), ...(speaks?.version === 2 ? asks2 : {}) };
  return await http({ method: 'POST', path: `/${service}`, headers, body: () => body });
}

function typesOf(service: string): Record<'content-type' | 'accept', string> {
  return { 'content-type': `application/x-${service}-request`, accept: `application/x-${service}-result` };
}

/** The refs that version 0 lists at once; undefined where the host speaks version 2, which is asked for them. */
async function discover(line: Line): Promise<ReadonlyMap<string, string> | undefined> {
  const answer = await line.http({ method: 'GET', path: '/info/refs?service=git-upload-pack', headers: asks2 });
  return parsed(line, answer, (packets) => {
    whole(packets);
    const lines = packets.map(text).filter((one) => one !== '' && !one.startsWith('# service='));
    if (lines[0] === 'version 2') {
      line.speaks = { version: 2, filters: filters2(lines) };
      return undefined;
    }
    // Version 0 says its capabilities behind the first ref; older hosts say nothing of an empty repository but its two
    // ends.
    const isEmpty = lines.length === 0 && packets.filter((one) => one === 'flush').length === 2;
    if (!isEmpty && lines[0]?.includes('\0') !== true) throw new RangeError('no refs and no version');
    line.speaks = { version: 0, filters: filters0(lines[0]) };
    return new Map(lines.flatMap((one) => refOf(one)));
  });
}

/** Version 2 serves every object by its id. */
function filters2(lines: readonly string[]): boolean {
  return lines.some((one) => one.startsWith('fetch=') && one.slice('fetch='.length).split(' ').includes('filter'));
}

/** Of the ids that version 0 serves, only `any` are those of trees and blobs, too. */
function filters0(first: string | undefined): boolean {
  const capabilities = first?.split('\0')[1]?.split(' ') ?? [];
  return capabilities.includes('filter') && capabilities.includes('allow-any-sha1-in-want');
}

async function listRefs(line: Line, prefixes: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const listed = line.speaks?.version === 2 ? undefined : await discover(line);
  const among = (refs: Iterable<readonly [string, string]>) =>
    new Map([...refs].filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix))));
  if (listed !== undefined) return among(listed);
  const wanted = prefixes.map((prefix) => packet(`ref-prefix ${prefix}\n`));
  const question = Buffer.concat([packet('command=ls-refs\n'), delimiter, ...wanted, flush]);
  return parsed(line, await uploadPack(line, question), (packets) => {
    whole(packets);
    return among(packets.map(text).flatMap((one) => refOf(one)));
  });
}

async function fetchPack(line: Line, fetch: PackWanted): Promise<FetchedPack | { readonly refused: string }> {
  if (line.speaks === undefined) await discover(line);
  const answer = await uploadPack(line, fetchQuestion(line, fetch));
  return parsed(
    line,
    answer,
    (packets) => packIn(line, packets),
    (words) => ({ refused: words }),
  );
}

function fetchQuestion({ speaks }: Line, { wants, haves, shallow, depth, filter }: PackWanted): Buffer {
  const filtered = speaks?.filters === true && filter !== undefined ? [packet(`filter ${filter}\n`)] : [];
  const limits = [
    ...shallow.map((id) => packet(`shallow ${id}\n`)),
    ...(depth === undefined ? [] : [packet(`deepen ${depth}\n`)]),
    ...filtered,
  ];
  const known = [...haves.map((id) => packet(`have ${id}\n`)), packet('done\n')];
  const options = ['ofs-delta', 'no-progress'];
  const wanted = wants.map((id) => `want ${id}`);
  if (speaks?.version === 2) {
    const lines = [...options, ...wanted].map((line) => packet(`${line}\n`));
    return Buffer.concat([packet('command=fetch\n'), delimiter, ...lines, ...limits, ...known, flush]);
  }
  const asked = ['side-band-64k', ...options, ...(filtered.length > 0 ? ['filter'] : [])].join(' ');
  const lines = wanted.map((line, index) => packet(`${line}${index === 0 ? ` ${asked}` : ''}\n`));
  return Buffer.concat([...lines, ...limits, flush, ...known]);
}

function packIn({ speaks }: Line, packets: readonly Packet[]): FetchedPack | { readonly refused: string } {
  const beginsAt = packets.findIndex(
    (one) =>
      one instanceof Buffer && (speaks?.version === 2 ? text(one) === 'packfile' : /^(NAK|ACK .*)$/.test(text(one))),
  );
  if (beginsAt === -1) throw new RangeError('no pack in the answer');
  const before = packets.slice(0, beginsAt).map(text);
  const idsOf = (word: string): string[] =>
    before.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
  const { data: pack, fatal } = sideBand(packets.slice(beginsAt + 1));
  if (fatal !== undefined) return { refused: fatal };
  const hash = createHash('sha1').update(pack.subarray(0, -20)).digest();
  if (!hash.equals(pack.subarray(-20))) throw new RangeError('the pack is not whole');
  return { pack, shallow: idsOf('shallow'), unshallow: idsOf('unshallow') };
}

async function receivePack(line: Line, { moves, pack, bytes }: PushWanted): Promise<PushReport> {
  const service = 'git-receive-pack';
  const isDeletion = moves.every(({ commit }) => commit === undefined);
  const command = commandsOf(moves);
  async function* body(): AsyncGenerator<Uint8Array> {
    yield command;
    if (!isDeletion) yield* pack();
  }
  const headers = { ...typesOf(service), 'content-length': String(command.length + (isDeletion ? 0 : bytes)) };
  const answer = await line.http({
    method: 'POST',
    path: `/${service}`,
    headers,
    body: () => Readable.from(body(), { objectMode: false }),
  });
  return parsed(line, answer, (packets) => reportOf(moves, packets));
}

/** What is wanted of the host stands behind the first. A host that knows no `atomic` passes it over. */
function commandsOf(moves: readonly RefMove[]): Buffer {
  const deletes = moves.some(({ commit }) => commit === undefined);
  const wants = ['report-status', 'side-band-64k', ...(deletes ? ['delete-refs'] : [])];
  const asked = [...wants, ...(moves.length > 1 ? ['atomic'] : [])].join(' ');
  const lines = moves.map(({ ref, expected = noCommit, commit = noCommit }, index) =>
    packet(`${expected} ${commit} ${ref}${index === 0 ? `\0 ${asked}` : ''}\n`),
  );
  return Buffer.concat([...lines, flush]);
}

/** Of several refs that were not moved, the reason of one that kept the others from moving. */
function reportOf(moves: readonly RefMove[], packets: readonly Packet[]): PushReport {
  const { data, words, fatal } = sideBand(packets);
  if (fatal !== undefined) throw new RangeError(fatal);
  const lines = [...readPackets(data)].map(text);
  const unpacked = lines.find((line) => line.startsWith('unpack '))?.slice('unpack '.length);
  if (unpacked === undefined) throw new RangeError('no report');
  if (unpacked !== 'ok') return { result: unpacked, words };
  const reasons = moves.flatMap(({ ref }) => {
    if (lines.includes(`ok ${ref}`)) return [];
    return lines.find((line) => line.startsWith(`ng ${ref} `))?.slice(`ng ${ref} `.length) ?? 'without a reason';
  });
  const own = reasons.find((reason) => !/^(atomic|transaction)/.test(reason)) ?? reasons[0];
  return { result: own ?? 'ok', words };
}

/** An answer that was cut off must not be taken for one that names no ref. */
function whole(packets: readonly Packet[]): void {
  if (packets.at(-1) !== 'flush') throw new RangeError('the answer ends early');
}

const asks2 = { 'git-protocol': 'version=2' };

function text(one: Packet): string {
  return one instanceof Buffer ? one.toString('utf8').replace(/\n$/, '') : '';
}

/** `ID NAME`, the first line of version 0 with capabilities behind a zero byte. */
function refOf(line: string): [string, string][] {
  const [, id = '', name = ''] = /^([0-9a-f]{40}) ([^\0\s]+)/.exec(line) ?? [];
  return name === '' ? [] : [[name, id]];
}

/** Band 1 is data, band 2 what people are to read, band 3 the end of it all. */
function sideBand(packets: readonly Packet[]): { data: Buffer; words: string[]; fatal?: string } {
  const [data, words]: [Buffer[], string[]] = [[], []];
  for (const one of packets) {
    if (!(one instanceof Buffer)) continue;
    if (one[0] === 1) data.push(one.subarray(1));
    else if (one[0] === 2) words.push(one.toString('utf8', 1));
    else if (one[0] === 3)
      return { data: Buffer.alloc(0), words: [], fatal: [...words, one.toString('utf8', 1)].join(' ').trim() };
    else throw new RangeError('no band');
  }
  return {
    data: Buffer.concat(data),
    words: words
      .join('')
      .split(/[\r\n]+/)
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  };
}
