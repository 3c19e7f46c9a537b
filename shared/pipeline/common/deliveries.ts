import { createHash } from 'node:crypto';
import { z } from 'zod';
import { noLaterThan, parseTime } from '../../base/time.ts';
import type { WebhookHost } from '../../config/config.ts';
import type { Ports } from '../../ports/ports.ts';
import { readState, valueOrNone, type StateAccess } from './read-state.ts';

/**
 * How long a delivery is remembered. An older replay says what the branch is no longer: it is looked at, and nothing is
 * due.
 */
const rememberedMilliseconds = 24 * 3_600_000;

const deliverySchema = z.object({ at: z.iso.datetime() });

/**
 * Where a delivery is remembered in the state bucket: `deliveries/<host>/<id>.json`. Hosts sign the body and not the
 * id: where the body says when it was pushed, it is remembered by its hash as well, so that a replay under another id
 * is recognised.
 *
 * @param delivery.signedBody only where no two pushes have the same
 */
export function deliveryPaths({
  host,
  delivery,
  signedBody,
}: {
  host: WebhookHost;
  delivery: string | undefined;
  signedBody: Uint8Array | undefined;
}): readonly string[] {
  const ids = [
    ...(delivery === undefined
      ? []
      : [/^[A-Za-z0-9-]{1,100}$/.test(delivery) ? delivery : `id-${hash(Buffer.from(delivery))}`]),
    ...(signedBody === undefined ? [] : [`body-${hash(signedBody)}`]),
  ];
  return ids.map((id) => `deliveries/${host}/${id}.json`);
}

/** When it was announced: no later than that was written. */
function decodeDelivery(value: unknown, { writtenAt }: { readonly writtenAt: Date }): string | undefined {
  const delivery = deliverySchema.safeParse(value).data;
  return delivery === undefined ? undefined : noLaterThan(writtenAt, delivery.at);
}

/** Whether one of them is remembered. What nobody can read remembers nothing. */
export async function wasDelivered(
  paths: readonly string[],
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<boolean> {
  const found = await Promise.all(
    paths.map(async (path) => valueOrNone(await readState({ path, decode: decodeDelivery }, ports))),
  );
  return found.some((at) => at !== undefined && ports.now().getTime() - parseTime(at) < rememberedMilliseconds);
}

/** Of two calls at once the first one writes; both have announced the same event. */
export async function rememberDelivery(
  paths: readonly string[],
  ports: StateAccess & Pick<Ports, 'now'>,
): Promise<void> {
  const { state, now } = ports;
  for (const path of paths) {
    const value = { at: now().toISOString() };
    if ((await state.write({ path, value, ifGeneration: 'absent' })) !== 'conflict') continue;
    if (!(await wasDelivered([path], ports))) await state.write({ path, value, ifGeneration: 'any' });
  }
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
