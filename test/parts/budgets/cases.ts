import { gzipSync } from 'node:zlib';
import { createHmac } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { unpackArchive } from '../../../shared/adapters/archive.ts';
import { configSchema, webhookHosts } from '../../../shared/config/config.ts';
import { parseEnvironmentFile } from '../../../shared/environment/environment-file.ts';
import { readEvent } from '../../../shared/events/read-event.ts';
import { webhookOf } from '../../../shared/events/push/webhooks.ts';
import { archiveLimits, layOutArchive } from '../../../shared/source/archive.ts';
import { safePath, destinationOf } from '../../../shared/source/artifact.ts';
import { copyMessage, parseProvenance } from '../../../shared/source/commit-message.ts';
import type { Draw } from '../../seeded-draw.ts';
import { header, padded, record } from '../../tar-blocks.ts';

export type Kind = keyof typeof kinds;

/** Reads an input that was made. */
type Read = () => void | Promise<void>;

/**
 * What strangers reach: without credentials (webhooks, events), or by an upload. Each makes an input by a draw, and
 * says how it is read.
 */
export const kinds = {
  webhook(draw: Draw): Read {
    const rawBody = Buffer.from(jsonOf(draw));
    const secret = 'secret';
    const signature = `sha256=${createHmac('sha256', secret).update(rawBody).digest('hex')}`;
    const headers = {
      'x-github-event': draw.one(['push', 'ping', text(draw)]),
      'x-hub-signature-256': draw.chance(80) ? signature : text(draw),
      ...(draw.chance(30)
        ? { 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': draw.chance(50) ? secret : text(draw) }
        : {}),
      ...(draw.chance(30)
        ? { 'x-event-key': draw.one(['repo:push', 'repo:refs_changed']), 'x-hub-signature': signature }
        : {}),
      ...(draw.chance(20) ? { 'x-gitea-event': 'push', 'x-gitea-signature': signature.slice(7) } : {}),
    };
    return () => {
      const found = webhookOf({ headers, configured: webhookHosts });
      if (found === undefined) return;
      found.webhook.isAuthentic({ headers, rawBody, secret, now: new Date(0) });
      found.webhook.kindOf(headers);
      found.webhook.deliveryOf(headers);
      found.webhook.parsePush({ headers, rawBody });
    };
  },

  event(draw: Draw): Read {
    const headers = draw.chance(50)
      ? { 'ce-specversion': '1.0', 'ce-id': text(draw), 'ce-type': text(draw), 'ce-source': text(draw) }
      : {};
    const body = draw.chance(30)
      ? JSON.stringify({
          message: {
            data: Buffer.from(jsonOf(draw)).toString('base64'),
            attributes: { 'ce-id': text(draw), 'ce-specversion': '1.0', 'ce-type': 'a', 'ce-source': 'b' },
          },
        })
      : jsonOf(draw);
    const bytes = Buffer.from(body);
    return () => void readEvent({ headers, body: bytes });
  },

  gzip(draw: Draw): Read {
    const inner = draw.one<() => Buffer>([
      () => Buffer.alloc(draw.below(8_000_000)),
      () => gzipSync(Buffer.alloc(draw.below(8_000_000))),
      () => Buffer.from(text(draw)),
      () => tarOf(draw),
    ])();
    const packed = gzipSync(inner, { level: draw.one([1, 9]) });
    const sent = draw.one<() => Buffer>([
      () => packed,
      () => packed.subarray(0, draw.below(packed.length)),
      () => Buffer.concat([packed, packed]),
      () => Buffer.concat([packed, Buffer.from(text(draw))]),
    ])();
    return async () => unpack(sent);
  },

  tar(draw: Draw): Read {
    const sent = gzipSync(tarOf(draw), { level: 9 });
    return async () => unpack(sent);
  },

  yaml(draw: Draw): Read {
    const written = yamlOf(draw);
    return () => void parseEnvironmentFile({ file: 'environments/acme.yaml', text: written });
  },

  path(draw: Draw): Read {
    const part = (): string =>
      draw.one<() => string>([
        () => text(draw),
        () => 'a'.repeat(draw.below(300)),
        () => draw.one(['..', '.git', '', '.', 'é', '\u200c', 'C:']),
      ])();
    const inside = Array.from({ length: draw.one([1, 3, draw.below(2000)]) }, part).join('/');
    // Cloud Storage has no longer names. https://docs.cloud.google.com/storage/docs/objects#naming
    const name = `${Buffer.from(inside).subarray(0, 1000).toString('utf8')}${draw.one(['', '.tgz'])}`;
    return () => {
      destinationOf({ bucket: 'b', name, generation: '1' });
      layOutArchive({
        files: [{ path: safePath({ path: inside, subject: 's' }), blob: 'b', executable: false }],
        subject: 's',
      });
    };
  },

  metadata(draw: Draw): Read {
    const value = (): string =>
      draw.one<() => string>([
        () => text(draw),
        () => 'x\n'.repeat(draw.below(8000)),
        () => 'gpgsig a\nArtifact: gs://b/a#1\n\nUploaded-By: eve',
        () => '\u2028\r\u0085Artifact: gs://b/a#1',
      ])();
    const metadata = { 'converge-author': value(), 'converge-build': value(), 'converge-commit': value() };
    return () => {
      const message = copyMessage([{ bucket: 'b', name: 'config/a.yaml', generation: '7', metadata }]);
      const { artifacts } = parseProvenance(message);
      if (artifacts.length !== 1 || artifacts[0]?.generation !== '7' || /^gpgsig/m.test(message))
        throw new Error(`a value of metadata became a line of its own: ${JSON.stringify(message.slice(0, 500))}`);
    };
  },
} as const;

function text(draw: Draw): string {
  const length = draw.one([0, 1, 5, 50, 8000]);
  let made = '';
  for (let index = 0; index < length; index += 8)
    made += String.fromCodePoint(draw.one([97, 10, 0, 0xd800, 0x1f600, 39, 34, 47, 0x130, 0x212a, 58, 45])).repeat(
      Math.min(8, length),
    );
  return made;
}

function jsonOf(draw: Draw): string {
  return draw.one<() => string>([
    () => '['.repeat(draw.below(1_000_000)),
    () => `${'{"a":'.repeat(draw.below(200_000))}1${'}'.repeat(draw.below(200_000))}`,
    () =>
      JSON.stringify({
        ref: text(draw),
        before: '0'.repeat(40),
        after: 'a'.repeat(40),
        repository: { full_name: text(draw), clone_url: text(draw) },
      }),
    () =>
      JSON.stringify({
        commits: Array.from({ length: draw.below(20_000) }, () => ({ id: 'a'.repeat(40) })),
        ref: 'refs/heads/main',
      }),
    () =>
      JSON.stringify({
        push: {
          changes: Array.from({ length: draw.below(5000) }, () => ({
            new: null,
            old: { target: { hash: text(draw).slice(0, 40) } },
          })),
        },
      }),
    () => text(draw),
    () => '{"__proto__":{"a":1},"constructor":1}',
    () => `"${'\\u0061'.repeat(draw.below(100_000))}`,
  ])();
}

function yamlOf(draw: Draw): string {
  const head =
    'apiVersion: converge.dev/v1\nkind: Environment\nmetadata: { name: acme }\nspec:\n  cluster: c\n  namespace: n\n';
  const count = draw.one([1, 10, 300, 2000]);
  const list = (make: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => make(index)).join(', ');
  return draw.one<() => string>([
    () => `${head}  sources: [${list((index) => `{ manifests: m${index} }`)}]\n`,
    () =>
      `${head}  sources: [{ manifests: m }]\n  ignore:\n  - &r { target: { kind: Deployment }, paths: [${list((index) => `/spec/f${index}`)}] }\n${'  - *r\n'.repeat(count)}`,
    () =>
      `a0: &a0 [${list(() => '1')}]\n${Array.from({ length: 8 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}, *a${n}, *a${n}, *a${n}, *a${n}]`).join('\n')}\n`,
    () => `${head}${Array.from({ length: count * 10 }, (_, index) => `  k${index}: 1`).join('\n')}\n`,
    () => `${'['.repeat(draw.below(300_000))}`,
    () => `${'- '.repeat(draw.below(100_000))}a`,
    () => `${'{a: '.repeat(draw.below(100_000))}`,
    () => `&a [${'*a, '.repeat(count)}]`,
    () =>
      `${head}  sources: [{ manifests: m }]\n  health: [{ target: { kind: A }, healthy: ${JSON.stringify(`${'('.repeat(draw.below(20_000))}true`)} }]\n`,
    () =>
      `${head}  sources: [{ manifests: m }]\n  health: [{ target: { kind: A }, healthy: ${JSON.stringify(`a${' || a'.repeat(draw.below(20_000))}`)} }]\n`,
    () => `${head}  sources: [{ manifests: m }]\n  timeout: ${JSON.stringify('1h'.repeat(draw.below(50_000)))}\n`,
    () => `? ${text(draw)}\n: ${text(draw)}\n`,
    () => `${'<<: *a\n'.repeat(count)}`,
    () => text(draw),
    () =>
      `a: !!binary ${'A'.repeat(draw.below(200_000))}\nb: !!timestamp ${text(draw)}\nc: |\n${'  x\n'.repeat(count)}`,
  ])();
}

function tarOf(draw: Draw): Buffer {
  const blocks: Buffer[] = [];
  const entries = draw.one([1, 3, 3, 30]);
  for (let index = 0; index < entries; index++) {
    const name = draw.one<() => Buffer>([
      () => Buffer.from(`a/${index}`),
      () => Buffer.from(text(draw)),
      () => Buffer.from([0x61, 0xfc, 0x62]),
      () => Buffer.from('a/'.repeat(50)),
      () => Buffer.from(`._${index}`),
    ])();
    if (draw.chance(30)) {
      const value = draw.one<() => string>([
        () => 'a/'.repeat(draw.below(200_000)),
        () => text(draw),
        () => 'x'.repeat(draw.below(4_000_000)),
      ])();
      const body = Buffer.from(record(draw.one(['path', 'linkpath', 'size', 'GNU.sparse.size', 'comment']), value));
      blocks.push(
        header({ name: Buffer.from('PaxHeader'), size: body.length, typeflag: draw.one(['x', 'g', 'L', 'K']) }),
        padded(body),
      );
    }
    const content = Buffer.alloc(draw.one([0, 1, 511, 5000]), 'a');
    const lies = draw.chance(20);
    blocks.push(
      header({
        name,
        size: lies ? draw.one([2 ** 33 - 1, 100, 0]) : content.length,
        typeflag: draw.one(['0', '0', '0', '5', '1', '2', 'S', 'Z']),
      }),
      padded(content),
    );
  }
  if (draw.chance(80)) blocks.push(Buffer.alloc(draw.one([512, 1024, 4_000_000])));
  return Buffer.concat(blocks);
}

const limits = configSchema.shape.limits.parse({});

async function unpack(packed: Buffer): Promise<void> {
  await unpackArchive({
    format: 'tar.gz',
    packed: (async function* () {
      for (let at = 0; at < packed.length; at += 65_536) yield packed.subarray(at, at + 65_536);
    })(),
    limits: archiveLimits({ packedBytes: packed.length, limits }),
    subject: 'gs://b/a.tgz#1',
    store: async ({ chunks }) => String((await buffer(chunks)).length),
  });
}
