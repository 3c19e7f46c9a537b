import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRepositories } from '../../shared/adapters/git.ts';
import { entryHeader, objectId, packHeader, type ObjectType } from '../../shared/adapters/git/pack.ts';
import type { GitHost } from '../../shared/adapters/git/smart-http.ts';
import { configSchema } from '../../shared/config/config.ts';
import { emptyMemory } from '../../shared/memory/memory.ts';
import { statePaths } from '../../shared/memory/state-paths.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import { checkDrift } from '../../shared/pipeline/check-drift.ts';
import { commitStatus } from '../../shared/pipeline/commit-status.ts';
import { land } from '../../shared/pipeline/copy-artifact/land.ts';
import { fanOut } from '../../shared/pipeline/fan-out.ts';
import { history } from '../../shared/pipeline/history.ts';
import { openNotes } from '../../shared/pipeline/common/notes.ts';
import type { Repository } from '../../shared/ports/git.ts';
import { reconcile } from '../../shared/pipeline/reconcile.ts';
import { memoryOf } from '../../shared/pipeline/common/remembered-environments.ts';
import { rollback } from '../../shared/pipeline/act/rollback.ts';
import { status } from '../../shared/pipeline/status.ts';
import { trace } from '../../shared/pipeline/trace.ts';
import { parseCommit } from '../../shared/source/commit-object.ts';
import { emptyLedger } from '../../shared/source/ledger.ts';
import { notesRef } from '../../shared/source/convergence-note.ts';
import {
  clockAt,
  environmentText,
  noSignatures,
  recordingLog,
  recordingTopics,
  stateInMemory,
} from '../unit/pipeline/ports.ts';

/*
 * Commits that somebody's program wrote, or that somebody made on purpose, at every reader of commits. A round is made
 * from its seed: CONVERGE_MUTATION_SEED makes all of them others.
 */
const rounds = 10_000;
const seed = Number(process.env['CONVERGE_MUTATION_SEED'] ?? 20_261_127);
/** Heads that are also built upon: each writes a pack. */
const builtUpon = 100;

const clock = clockAt('2026-11-21T01:00:00Z');
const limits = configSchema.shape.limits.parse(undefined);
const environment = 'acme';

interface Written {
  readonly id: string;
  readonly type: ObjectType;
  readonly content: Buffer;
}

function written(type: ObjectType, content: Buffer | string): Written {
  const bytes = Buffer.from(content);
  return { id: objectId({ type, content: bytes }), type, content: bytes };
}

function treeOf(...entries: [mode: string, name: string, of: Written][]): Written {
  return written(
    'tree',
    Buffer.concat(
      entries.map(([mode, name, { id }]) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])),
    ),
  );
}

function packOf(objects: readonly Written[]): Buffer {
  const body = Buffer.concat([
    packHeader(objects.length),
    ...objects.flatMap(({ type, content }) => [entryHeader({ type, bytes: content.length }), deflateSync(content)]),
  ]);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

/** mulberry32: the same numbers for the same seed everywhere. */
function randomOf(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const declared = written('blob', environmentText(environment));
const manifest = written('blob', 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n');
const shop = treeOf(['100644', 'a.yaml', manifest]);
const root = treeOf(
  ['40000', 'environments', treeOf(['100644', `${environment}.yaml`, declared])],
  ['40000', 'manifests', treeOf(['40000', 'shop', shop])],
);
const objects = [
  declared,
  manifest,
  shop,
  treeOf(['100644', `${environment}.yaml`, declared]),
  treeOf(['40000', 'shop', shop]),
  root,
];
const person = 'Ada <ada@example.com> 1795222800 +0000';
const first = written('commit', `tree ${root.id}\nauthor ${person}\ncommitter ${person}\n\nFirst\n`);
const second = written(
  'commit',
  `tree ${root.id}\nparent ${first.id}\nauthor ${person}\ncommitter ${person}\n\nSecond\n\nArtifact: gs://b/a#1\n`,
);

/** What a mutation begins with: plain, merged, signed, tagged, reverting, in another encoding. */
const lines = {
  start: `tree ${root.id}\nparent ${second.id}\n`,
  people: `author ${person}\ncommitter ${person}\n`,
  signature:
    'gpgsig -----BEGIN SSH SIGNATURE-----\n U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg\n -----END SSH SIGNATURE-----\n',
  mergetag: `mergetag object ${first.id}\n type commit\n tag v1\n tagger ${person}\n \n v1\n`,
};
const bases = [
  `${lines.start}${lines.people}\nThird\n`,
  `${lines.start}parent ${first.id}\n${lines.people}${lines.mergetag}\nMerge\n`,
  `${lines.start}${lines.people}${lines.signature}\nSigned\n`,
  `${lines.start}${lines.people}\nCopy a\n\nArtifact: gs://b/a#2\nBuild: 7\n`,
  `${lines.start}${lines.people}\nRoll back\n\nReverts: ${second.id}\nEnvironment: acme\nRolled-Back-From: main@sha1:${second.id}\nRolled-Back-To: main@sha1:${first.id}\n`,
  `${lines.start}${lines.people}encoding ISO-8859-1\n\nGr\xf6\xdfe\n`,
];
const oddValues = [
  '',
  ' ',
  '\0',
  '\r',
  '\n',
  '\n\n',
  '\xff\xfe',
  '\xed\xa0\x80',
  '<',
  '>',
  '<gh <x>>',
  '-100',
  '99999999999',
  '18446744073709551616',
  '1e9',
  '+051800',
  '-700',
  'NaN',
  '__proto__',
  'x'.repeat(5_000),
  'encoding UTF-16\n',
  'encoding hz-gb-2312\n',
  'encoding \n',
  'committer \n',
  'author\n',
  `parent ${'0'.repeat(40)}\n`,
  `parent ${second.id}\n`,
  'tree \n',
  'gpgsig -----BEGIN PGP SIGNATURE-----\n \n',
  'gpgsig-sha256 x\n',
  'Artifact: gs://b/../x#99999999999999999999\n',
  'Reverts: x\n',
  `object ${first.id}\ntype commit\n`,
];

function mutated(random: (below: number) => number): Buffer {
  let text = bases[random(bases.length)] ?? '';
  for (let times = 1 + random(3); times > 0; times--) text = mutatedOnce(text, random);
  return Buffer.from(text, 'latin1');
}

function mutatedOnce(text: string, random: (below: number) => number): string {
  const at = random(text.length + 1);
  const split = text.split('\n');
  const line = random(split.length);
  const odd = oddValues[random(oddValues.length)] ?? '';
  switch (random(9)) {
    case 0:
      return `${text.slice(0, at)}${String.fromCharCode(random(256))}${text.slice(at + 1)}`;
    case 1:
      return `${text.slice(0, at)}${odd}${text.slice(at)}`;
    case 2:
      return `${text.slice(0, at)}${text.slice(at + 1 + random(20))}`;
    case 3:
      return text.slice(0, at);
    case 4:
      return split.toSpliced(line, 1).join('\n');
    case 5:
      return split.toSpliced(line, 0, split[random(split.length)] ?? '').join('\n');
    case 6:
      return split.toSpliced(line, 1, `${(split[line] ?? '').split(' ')[0]} ${odd}`).join('\n');
    case 7:
      return text.replaceAll('\n', random(2) === 0 ? '\r\n' : '\n\n');
    default:
      return split
        .map((one) => (one.startsWith('author') || one.startsWith('committer') ? `${one.split(' ')[0]} ${odd}` : one))
        .join('\n');
  }
}

const commits = Array.from({ length: rounds }, (_one, index) => ({
  round: index,
  ...written('commit', mutated(randomOf(seed + index))),
}));
let folder: string;
let head = second.id;
let repository: Repository;

/** A host in this process, whose branch and notes are where the round wants them. */
function connect(): GitHost {
  const whole = packOf([...new Map([...objects, first, second, ...commits].map((one) => [one.id, one])).values()]);
  const refs = (): ReadonlyMap<string, string> =>
    new Map([
      ['refs/heads/main', head],
      [notesRef, head],
    ]);
  return {
    readRef: async (name) => refs().get(name),
    listRefs: async (prefixes) =>
      new Map([...refs()].filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix)))),
    // A clone that grew large is begun anew, and has nothing.
    fetchPack: async ({ haves }) => ({ pack: haves.length === 0 ? whole : packOf([]), shallow: [], unshallow: [] }),
    receivePack: async () => ({ result: 'ok', words: [] }),
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-mutated-'));
  const repositories = configSchema.shape.repositories.parse({
    master: { url: 'https://git.example.com/r.git', branch: 'main', bucket: 'b' },
  });
  repository = createRepositories({
    config: { repositories },
    author: { name: 'Converge', email: 'c@example.com' },
    cacheFolder: folder,
    now: clock.now,
    connect,
  })('master');
  await repository.fetchHead();
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

/** The environment converged at `second`, and was healthy. */
async function portsOfRound(round: number) {
  const state = stateInMemory(clock.now);
  const at = '2026-11-21T00:00:00.000Z';
  const settled = {
    commit: second.id,
    revision: `main@sha1:${second.id}`,
    at,
    inputs: { [`environments/${environment}.yaml`]: declared.id, 'manifests/shop': shop.id },
  };
  const memory = {
    ...emptyMemory(clock.now()),
    cluster: 'sandbox',
    namespace: 'acme',
    health: 'Healthy',
    attempted: settled,
    converged: { ...settled, renderKey: 'k' },
    previous: { ...settled, commit: first.id },
  };
  await state.write({
    path: statePaths({ repository: 'master', environment }).memory,
    value: memory,
    ifGeneration: 'absent',
  });
  const refuse = async (): Promise<never> => {
    throw new ConvergeError({
      code: 'ClusterRefused',
      subject: 'sandbox',
      message: 'is not asked in this test',
      disposition: 'refuse',
    });
  };
  return {
    ...{ now: clock.now, sleep: async () => {}, log: recordingLog(), state, topics: recordingTopics() },
    repository: () => repository,
    cluster: refuse,
    renderer: { render: refuse, version: async () => '1', kept: { find: () => [], keep: () => {} } },
    signatures: {
      ...noSignatures,
      trustRoot: async () =>
        round % 2 === 0
          ? undefined
          : {
              allowedSigners: 'ada ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIiuQzPLiZVlsnvRKGPLqB7JAlBQmGBjP4BsxzEHJzbJ\n',
              openpgpKeys: undefined,
            },
    },
  };
}

/** What a reader says of it: its answer, or an error that somebody foresaw. */
async function answerOf<T>(round: number, reader: string, work: Promise<T>): Promise<T | ConvergeError> {
  return await work.catch((error: unknown) => {
    if (error instanceof ConvergeError) return error;
    throw new Error(`round ${round} (seed ${seed}): ${reader} threw what nobody foresaw`, { cause: error });
  });
}

it(`lets no reader of ${rounds} mutated commits meet an error that nobody foresaw, and none say that all is well`, async () => {
  const met = { read: 0, unreadable: 0, withoutItsTree: 0 };
  for (const { round, id, content } of commits) {
    head = id;
    const ports = await portsOfRound(round);
    const parsed = parseCommit(content);
    const read = async <T>(reader: string, work: Promise<T>): Promise<T | ConvergeError> =>
      await answerOf(round, reader, work);
    const job = { repository: 'master', environment, cause: 'schedule' } as const;
    const settings = { limits, holder: 'test', event: String(round), writeback: true };
    const run = await read('reconcile', reconcile(job, ports, settings));
    const shown = await read('status', status({ repositories: ['master'], interval: 24 * 3_600_000 }, ports));
    const [environmentStatus] = shown instanceof ConvergeError ? [] : shown.environments;

    if ('problem' in parsed) {
      met.unreadable += 1;
      expect([round, run]).toEqual([
        round,
        expect.objectContaining({
          outcome: 'diverged',
          reason: 'Failed',
          summary: expect.stringMatching(`^UnreadableObject: commit ${id}: `),
        }),
      ]);
      expect(ports.topics.published.map(({ topic }) => topic)).toEqual(['diff']);
      expect([round, environmentStatus?.state, environmentStatus?.health]).toEqual([round, 'Failed', 'Unknown']);
    } else if (parsed.tree === root.id) {
      met.read += 1;
      expect([round, run]).toEqual([round, expect.objectContaining({ outcome: 'diverged' })]);
      expect(await repository.readFile({ commit: id, path: 'manifests/shop/a.yaml' })).toEqual(manifest.content);
    } else {
      met.withoutItsTree += 1;
      expect(run).toBeInstanceOf(ConvergeError);
      expect([round, environmentStatus?.state]).toEqual([round, 'Unknown']);
    }

    const memory = await memoryOf({ repository: 'master', environment }, ports);
    const known = { repository: 'master', environment, memory, isRemembered: true };
    await read('checkDrift', checkDrift({ repositories: ['master'], tick: String(round) }, ports));
    await read(
      'fanOut',
      fanOut(
        { repository: 'master', url: repository.url, branch: 'main', commit: id, previous: null, artifacts: [] },
        ports,
      ),
    );
    await read('history', history(known, { milliseconds: 86_400_000, entries: 10 }, ports));
    await read('commitStatus', commitStatus({ repository: 'master', commit: id }, ports));
    await read(
      'trace',
      trace(
        {
          kind: 'ConfigMap',
          name: 'a',
          namespace: undefined,
          environment,
          repositories: ['master'],
          milliseconds: 86_400_000,
        },
        ports,
      ),
    );
    await read(
      'rollback',
      rollback({ target: `master/${environment}`, to: first.id, by: 'Ada', dryRun: round >= builtUpon }, ports, {
        repositories: ['master'],
      }),
    );
    await read(
      'notes',
      openNotes(repository).then(async (notes) => await notes.read(first.id)),
    );
    await read('isAncestor', repository.isAncestor({ ancestor: first.id, descendant: id }));
    if (round >= builtUpon) continue;
    const note = { commit: first.id, text: 'acme converged' };
    await read('writeNotes', repository.writeNotes({ ref: notesRef, at: head, notes: [note], refs: [] }));
    const upload = {
      live: { bucket: 'b', name: 'a', generation: '5', bytes: 1, createdAt: clock.now(), metadata: {} },
      destination: { kind: 'file', path: 'a' },
      files: [],
    } as const;
    await read(
      'land',
      land({
        uploads: [upload],
        ledger: emptyLedger,
        repository,
        ports,
        settings: { conflicts: 'artifact-wins' },
        lease: { assertHeld: async () => {} },
      }),
    );
  }
  // Each kind came: what git reads, what it does not, and a tree that is nowhere.
  expect(Math.min(met.read, met.unreadable, met.withoutItsTree)).toBeGreaterThanOrEqual(10);
}, 600_000);
