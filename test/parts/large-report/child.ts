/** Makes a report of many environments, each with many incidents, and says as JSON what it took. */
import { emptyMemory, type Memory } from '../../../shared/memory/memory.ts';
import { withIncidents } from '../../../shared/memory/incidents.ts';
import { report } from '../../../shared/pipeline/report.ts';
import type { StateStore } from '../../../shared/ports/storage.ts';
import { peakMemory } from '../../peak-memory.ts';
import { clockAt, environmentText, recordingTopics, repositories, repositoryWith } from '../../unit/pipeline/ports.ts';
import { commit, image, incidentOf, revision, surveyed } from '../../unit/report/reported.ts';

const [environments = 0, incidentsOfEach = 0] = process.argv.slice(2).map(Number);
const hostile = '\u001b[31m<script>alert(1)</script> @channel <!here> [x](https://evil.example.com) \u202e | `';
const names = Array.from({ length: environments }, (_, index) => `environment-${index}`);
const clock = clockAt('2026-11-22T06:00:01Z');

const began = Date.parse('2026-11-21T01:00:00.000Z');
const incidents = Array.from({ length: incidentsOfEach }, (_, index) =>
  incidentOf(
    {
      ...{ id: index.toString(16).padStart(16, '0'), since: new Date(began + index * 1_000).toISOString() },
      ...{ subject: `Deployment acme/web-${index}`, summary: `Deployment acme/web-${index}: image differs ${hostile}` },
    },
    [
      {
        ...{ ...image, name: `web-${index}` },
        fields: image.fields.map((field) => ({ ...field, observed: hostile })),
      },
    ],
  ),
);
const attempted = { commit, revision, at: '2026-11-20T01:00:00.000Z', inputs: {} };
const memory: Memory = { ...emptyMemory(new Date('2026-11-01')), attempted, survey: surveyed };
const text = JSON.stringify(withIncidents(memory, incidents));
const writtenAt = new Date('2026-11-22T05:00:00.000Z');

/** Each read is parsed anew, as of Storage. */
const state: StateStore = {
  async read(path) {
    const facts = { generation: '1', writtenAt, readAt: clock.now() };
    return path.endsWith('/memory.json') ? { ...facts, value: JSON.parse(text) as unknown } : undefined;
  },
  async list(prefix) {
    if (!prefix.startsWith('environments/')) return [];
    const facts = { generation: '1', updatedAt: writtenAt, metadata: {}, bytes: text.length };
    return names.map((name) => ({ path: `${prefix}${name}/memory.json`, ...facts }));
  },
  write: async () => ({ generation: '2' }),
  generationOf: async () => undefined,
  delete: async () => 'deleted',
};
const documents = new Map<string, string>();
const files = Object.fromEntries(names.map((name) => [`environments/${name}.yaml`, environmentText(name)]));
const made = await report(
  {
    ...{ name: 'weekly', chosen: { classes: [], environments: [], labels: {} }, repositories: ['master'] },
    ...{ interval: 300_000, due: new Date('2026-11-22T06:00:00.000Z') },
  },
  {
    ...{ now: clock.now, state, topics: recordingTopics(), repository: repositories(repositoryWith({ files })) },
    documents: {
      async write({ path, text: content }) {
        documents.set(path, content);
        return `gs://family-state/${path}`;
      },
    },
  },
);
console.log(
  JSON.stringify({
    peak: peakMemory() / 1024,
    counts: made.counts,
    listed: made.differing.filter(({ changes }) => changes[0]?.observed?.startsWith('\u001b[31m') === true).length,
    omitted: made.omitted['differing'] ?? 0,
    pages: [...documents.values()],
  }),
);
