import { eventId } from '../../events/cloud-event.ts';
import type { Report } from '../../events/report.ts';
import type { SinkDelivery } from '../../ports/messages.ts';
import { renderHtml } from '../../report/html.ts';
import { renderText } from '../../report/plain.ts';

export interface MailContent {
  readonly messageId: string;
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly html: string;
}

/**
 * A mail of a report: the whole page, as far as it has room, and the same as text. `Message-ID` derives from the report's
 * event, so that a mail that is sent again is the same to who looks at it.
 *
 * @param domain of whom it is from
 */
export function reportMail(
  { notice, id, perhaps }: Pick<SinkDelivery, 'notice' | 'id' | 'perhaps'>,
  { report, domain }: { report: Report; domain: string },
): MailContent {
  const remarks = [
    ...(report.kept === null ? [] : [`All of it is kept: ${report.kept.html}`]),
    ...(perhaps ? ['This may have been told before: an answer was lost.'] : []),
  ];
  return {
    ...{ messageId: `<${eventId('report', id)}.report@${domain}>`, subject: `[Converge] ${notice.title}` },
    headers: {
      'Auto-Submitted': 'auto-generated',
      'X-Converge-Report': encodeURIComponent(report.name.toWellFormed()),
    },
    text: [renderText(report), ...remarks.map((remark) => `${remark}\n`)].join('\n'),
    html: renderHtml(report, { remarks }),
  };
}
