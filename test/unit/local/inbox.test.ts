import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startInbox, type Inbox } from '../../../local/parts/inbox.ts';
import { createSinks } from '../../../shared/adapters/sinks.ts';
import { sinksSchema } from '../../../shared/config/sinks.ts';
import type { Alert } from '../../../shared/events/alert.ts';
import { noticeOf } from '../../../shared/notices/notice.ts';
import { deliveryOf } from '../../sink-delivery.ts';
import { closed, hostile, news, opened } from '../adapters/sinks/alerts.ts';

let inbox: Inbox;
beforeEach(async () => {
  inbox = await startInbox();
});
afterEach(async () => inbox.stop());

async function tell(alert: Alert, { isTold = false } = {}): Promise<void> {
  const sinks = createSinks({ answer: 5_000 });
  for (const sink of sinksSchema.parse(inbox.sinks))
    await sinks.deliver(deliveryOf({ sink, alert, notice: noticeOf(alert, { isTold }) }));
}
const shown = () => inbox.messages().map(({ by, state, title }) => [by, state, title]);
const opening = 'master/acme-production Drifted: Deployment acme/web: image differs';

describe('the inbox', () => {
  it('shows what was told by mail and by webhook, in order', async () => {
    await tell(opened());
    await tell(closed);
    expect(shown()).toEqual([
      ['mail', 'opened', `[Converge] ${opening}`],
      ['webhook', 'opened', opening],
      ['mail', 'closed', '[Converge] master/acme-production converged'],
      ['webhook', 'closed', 'master/acme-production converged'],
    ]);
    expect(new Set(inbox.messages().map(({ incident }) => incident))).toEqual(new Set(['4be0d1a2c3f40516']));
    const [mail, webhook] = inbox.messages();
    expect(mail?.lines).toEqual(webhook?.lines);
    expect(mail?.lines).toContain('At main@sha1:9f2c in production-eu');
  });

  it('shows what is of no incident as such', async () => {
    await tell(news);
    expect(shown()).toEqual([['webhook', 'news', 'master/acme-production converged']]);
  });

  it('is a page, and JSON for programs', async () => {
    await tell(opened());
    const page = await fetch(inbox.url);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain(`<h2>[Converge] ${opening}</h2>`);
    const messages = z.array(z.unknown()).parse(await (await fetch(`${inbox.url}messages`)).json());
    expect(messages).toEqual(inbox.messages());
  });

  it('shows names as they are', async () => {
    await tell(hostile);
    const page = await (await fetch(inbox.url)).text();
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).not.toContain('<script>');
  });

  it('takes nothing that is no alert', async () => {
    const post = async (body: string): Promise<number> =>
      (await fetch(`${inbox.url}webhook`, { method: 'POST', body })).status;
    expect([await post('{'), await post('{"data":{}}'), await post('x'.repeat(2 ** 20 + 1))]).toEqual([400, 400, 400]);
    expect((await fetch(`${inbox.url}other`)).status).toBe(404);
    expect(inbox.messages()).toEqual([]);
  });

  it('tells who waits that something came', async () => {
    const came = inbox.next(AbortSignal.timeout(10_000));
    await tell(opened());
    await came;
    await expect(inbox.next(AbortSignal.abort(new Error('enough')))).rejects.toThrow();
  });
});
