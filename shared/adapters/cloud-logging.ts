import { z } from 'zod';
import { ConvergeError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { LogEntry, Logs, Mention } from '../ports/logs.ts';
import { askGoogle, type GoogleResponse } from './google/api.ts';
import { createTokens, type Tokens } from './google/tokens.ts';

/** https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry */
const entrySchema = z.object({
  insertId: z.string(),
  timestamp: z.string(),
  severity: z.string().default('DEFAULT'),
  jsonPayload: z.looseObject({ message: z.string().default('') }).optional(),
  textPayload: z.string().optional(),
  resource: z.object({ labels: z.record(z.string(), z.string()).default({}) }).optional(),
});

/** https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list */
const pageSchema = z.object({
  entries: z.array(entrySchema).default([]),
  nextPageToken: z.string().optional(),
});

const largestPage = 1000;
/** Pages may be empty while Cloud Logging still searches. */
const mostPages = 50;

/**
 * The log of the functions, from Cloud Logging by `entries:list`: what Cloud Run wrote of them in the project of the
 * configuration. Asks for `roles/logging.viewer`.
 */
export function createCloudLogging(
  { project, google }: Pick<Config, 'project' | 'google'>,
  tokens: Tokens = createTokens(),
): Logs {
  const url = `${google.logging}/v2/entries:list`;
  return {
    async read({ since, mentions, limit }) {
      const found: LogEntry[] = [];
      let pageToken: string | undefined;
      for (let page = 0; page < mostPages && found.length < limit; page++) {
        const body = {
          resourceNames: [`projects/${project}`],
          filter: filterOf({ since, mentions }),
          orderBy: 'timestamp desc',
          pageSize: Math.min(largestPage, limit),
          ...(pageToken === undefined ? {} : { pageToken }),
        };
        const { entries, nextPageToken } = parsed(await askGoogle({ url, tokens, body }), project);
        found.push(...entries.map(entryOf));
        pageToken = nextPageToken;
        if (pageToken === undefined) break;
      }
      const mayBeMore = pageToken !== undefined || found.length > limit;
      return { entries: found.slice(0, limit).toReversed(), mayBeMore };
    },
  };
}

/** A text alone is looked for in all fields. https://cloud.google.com/logging/docs/view/logging-query-language */
function filterOf({ since, mentions }: { since: Date; mentions: readonly Mention[] }): string {
  const quoted = (text: string): string => `"${text.replaceAll(/[\\"]/g, '\\$&')}"`;
  const texts = mentions.map((mention) => `(${mention.map(quoted).join(' AND ')})`);
  return [
    'resource.type="cloud_run_revision"',
    `timestamp>="${since.toISOString()}"`,
    'jsonPayload.message:*',
    `(${texts.join(' OR ')})`,
  ].join(' AND ');
}

function entryOf({
  insertId,
  timestamp,
  severity,
  jsonPayload,
  textPayload,
  resource,
}: z.infer<typeof entrySchema>): LogEntry {
  const { message = textPayload ?? '', ...fields } = jsonPayload ?? {};
  const service = resource?.labels['service_name'];
  return {
    id: insertId,
    time: timestamp,
    severity,
    message,
    fields: { ...(service === undefined ? {} : { service }), ...fields },
  };
}

function parsed(answer: GoogleResponse, project: string): z.infer<typeof pageSchema> {
  const failed = (message: string, remedy?: string) =>
    new ConvergeError({
      ...{ code: 'LogsUnavailable', subject: `project ${project}`, message, disposition: 'retry' },
      ...(remedy === undefined ? {} : { remedy }),
    });
  switch (answer.answer) {
    case 'none':
      throw failed(`Cloud Logging cannot be asked: ${answer.why}`);
    case 'refused':
      throw failed(`Cloud Logging answered ${answer.status}: ${answer.message}`, remedyFor(answer.status));
    case 'ok': {
      const page = pageSchema.safeParse(answer.body);
      if (!page.success) throw failed('Cloud Logging answered what is no list of entries');
      return page.data;
    }
  }
}

function remedyFor(status: number): string | undefined {
  if (status === 401) return 'gcloud auth application-default login';
  return status === 403
    ? 'give yourself roles/logging.viewer on the project, and enable logging.googleapis.com in it'
    : undefined;
}
