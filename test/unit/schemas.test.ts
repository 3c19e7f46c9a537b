import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  deadLettersOutputSchema,
  doctorOutputSchema,
  errorOutputSchema,
  historyOutputSchema,
  importOutputSchema,
  logsOutputSchema,
  rbacOutputSchema,
  renderOutputSchema,
  validateOutputSchema,
  newOutputSchema,
  planOutputSchema,
  testSinkOutputSchema,
  acknowledgeOutputSchema,
  alertsOutputSchema,
  reconcileOutputSchema,
  revertOutputSchema,
  resumeOutputSchema,
  rollbackOutputSchema,
  suspendOutputSchema,
  traceOutputSchema,
  uploadOutputSchema,
} from '../../cli/output-schemas.ts';
import {
  diffAnswerSchema,
  eventsAnswerSchema,
  objectsAnswerSchema,
  whyAnswerSchema,
} from '../../shared/pipeline/inspect/answers.ts';
import { configSchema } from '../../shared/config/config.ts';
import { environmentFileSchema, environmentJsonSchema } from '../../shared/environment/environment-file.ts';
import { lookTimesSchema } from '../../shared/memory/look-times.ts';
import { memorySchema, readMemory } from '../../shared/memory/memory.ts';
import { convergedSchema, convergedType, diffSchema, diffType } from '../../shared/events/alert.ts';
import {
  uploadAcceptedSchema,
  uploadAcceptedType,
  uploadRefusedSchema,
  uploadRefusedType,
} from '../../shared/events/upload-alert.ts';
import { changeCommittedSchema, changeCommittedType } from '../../shared/events/change-committed.ts';
import { planRequestedSchema, planRequestedType } from '../../shared/events/plan-requested.ts';
import { deadLetterSchema, deadLetterType } from '../../shared/events/dead-letter.ts';
import { reportSchema, reportType } from '../../shared/events/report.ts';
import { reconcileRequestedSchema, reconcileRequestedType } from '../../shared/events/reconcile-requested.ts';
import { applySetOf, hookMarks, memberMarks, parentObject } from '../../shared/inventory/applyset.ts';
import { convergedRecord, hooksAnnotation, readHookRecord } from '../../shared/inventory/hook-record.ts';
import { desiredObjects, type Marks } from '../../shared/desired/desired.ts';
import { commitStatusSchema } from '../../shared/pipeline/commit-status.ts';
import { redrivenSchema } from '../../shared/pipeline/act/redrive.ts';
import { statusSchema } from '../../shared/pipeline/common/environment-status.ts';
import { deliverySchema } from '../../shared/notices/delivery-record.ts';
import { webhookBodySchema } from '../../shared/notices/webhook-body.ts';
import { branchHeadSchema } from '../../shared/source/branch-head.ts';
import {
  dependencyReachableSchema,
  dependencyUnreachableSchema,
  reachableType,
  unreachableType,
} from '../../shared/events/dependency-alert.ts';
import { acceptResultSchema } from '../../shared/pipeline/act/accept.ts';
import { unreachableSchema } from '../../shared/memory/unreachable.ts';
import { unreadableSchema } from '../../shared/memory/unreadable.ts';
import { ledgerSchema } from '../../shared/source/ledger.ts';
import { keyDescriptions } from './schema-descriptions.ts';
import { contracts } from '../contracts.ts';
import { keysOf } from './schema-keys.ts';

/*
 * The published schemas are generated from the code: vitest run --project unit test/unit/schemas.test.ts -u
 * writes them anew. A difference is a change of a contract: its page below docs/contracts/ changes with it.
 */
const docs = join(import.meta.dirname, '..', '..', 'docs');

const messages = {
  'change-committed': { schema: changeCommittedSchema, type: changeCommittedType },
  'plan-change': { schema: planRequestedSchema, type: planRequestedType },
  reconcile: { schema: reconcileRequestedSchema, type: reconcileRequestedType },
  diff: { schema: diffSchema, type: diffType },
  converged: { schema: convergedSchema, type: convergedType },
  'dependency-unreachable': { schema: dependencyUnreachableSchema, type: unreachableType },
  'dependency-reachable': { schema: dependencyReachableSchema, type: reachableType },
  report: { schema: reportSchema, type: reportType },
  'dead-letter': { schema: deadLetterSchema, type: deadLetterType },
  'upload-refused': { schema: uploadRefusedSchema, type: uploadRefusedType, io: 'input' },
  'upload-accepted': { schema: uploadAcceptedSchema, type: uploadAcceptedType, io: 'input' },
} as const;
/** What `--output json` prints, by command; `status` and `report` print what the function and the message do, and those that look into a cluster what `inspect` answers. */
const outputs: Readonly<Record<string, z.ZodType>> = {
  upload: uploadOutputSchema,
  history: historyOutputSchema,
  trace: traceOutputSchema,
  rollback: rollbackOutputSchema,
  'reconcile-request': reconcileOutputSchema,
  revert: revertOutputSchema,
  suspend: suspendOutputSchema,
  resume: resumeOutputSchema,
  accept: acceptResultSchema,
  acknowledge: acknowledgeOutputSchema,
  alerts: alertsOutputSchema,
  logs: logsOutputSchema,
  'dead-letters': deadLettersOutputSchema,
  redrive: redrivenSchema,
  'test-sink': testSinkOutputSchema,
  rbac: rbacOutputSchema,
  import: importOutputSchema,
  render: renderOutputSchema,
  validate: validateOutputSchema,
  'new-customer': newOutputSchema,
  get: objectsAnswerSchema,
  'environment-diff': diffAnswerSchema,
  events: eventsAnswerSchema,
  why: whyAnswerSchema,
  plan: planOutputSchema,
  doctor: doctorOutputSchema,
  'command-error': errorOutputSchema,
};
/** `diff` is the name of a message. */
const named: Readonly<Record<string, string>> = {
  'command-error': 'a command that fails',
  'environment-diff': 'converge diff',
  'reconcile-request': 'converge reconcile',
};
const commandOf = (name: string): string => named[name] ?? `converge ${name}`;
const files: Readonly<Record<string, { schema: z.ZodType; json: unknown; title: string }>> = {
  environment: {
    schema: environmentFileSchema,
    json: environmentJsonSchema(),
    title: 'Converge: environments/<name>.yaml',
  },
  config: {
    schema: configSchema,
    json: z.toJSONSchema(configSchema, { io: 'input' }),
    title: "Converge: the operator's configuration",
  },
  ledger: { schema: ledgerSchema, json: z.toJSONSchema(ledgerSchema), title: 'Converge: the ledger of one bucket' },
  unreadable: {
    schema: unreadableSchema,
    json: z.toJSONSchema(unreadableSchema),
    title: 'Converge: something that could not be read',
  },
  unreachable: {
    schema: unreachableSchema,
    json: z.toJSONSchema(unreachableSchema),
    title: 'Converge: something that does not answer',
  },
  heads: {
    schema: branchHeadSchema,
    json: z.toJSONSchema(branchHeadSchema),
    title: 'Converge: where a branch was seen last',
  },
  delivery: {
    schema: deliverySchema,
    json: z.toJSONSchema(deliverySchema),
    title: 'Converge: what one sink was told of an incident',
  },
  webhook: {
    schema: webhookBodySchema,
    json: z.toJSONSchema(webhookBodySchema, { io: 'input' }),
    title: 'Converge: what a webhook is posted, with body: cloudevents',
  },
  looks: {
    schema: lookTimesSchema,
    json: z.toJSONSchema(lookTimesSchema),
    title: 'Converge: when environments were looked at by one instance',
  },
  status: {
    schema: statusSchema,
    json: z.toJSONSchema(statusSchema),
    title: 'Converge: what the function status answers',
  },
  'commit-status': {
    schema: commitStatusSchema,
    json: z.toJSONSchema(commitStatusSchema),
    title: 'Converge: what became of a commit',
  },
  ...Object.fromEntries(
    Object.entries(outputs).map(([name, schema]) => [
      name,
      { schema, json: z.toJSONSchema(schema), title: `Converge: what ${commandOf(name)} prints with --output json` },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(messages).map(([name, { schema, type, ...written }]) => [
      name,
      { schema, json: z.toJSONSchema(schema, written), title: `Converge: data of ${type}` },
    ]),
  ),
};

/** What people write: a key that is not known is a mistake. All else is sent, and its readers are promised that keys may come. */
const inputs = ['config', 'environment'];
const isSent = (name: string): boolean => !inputs.includes(name);

type Json = z.infer<ReturnType<typeof z.json>>;

/** A schema that takes keys it does not name, wherever the one before did not. */
function opened(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(opened);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !(key === 'additionalProperties' && value === false))
      .map(([key, value]) => [key, opened(value)]),
  );
}

/** A published schema: named, and its keys described where that is known; a key below another by its path. */
function publishedOf(name: string): { [key: string]: Json } {
  const { json, title = '' } = files[name] ?? {};
  const schema = z.record(z.string(), z.json()).parse(isSent(name) ? opened(z.json().parse(json)) : json);
  const described = describedBelow(schema, keyDescriptions[name] ?? {}, '');
  return { $id: `https://converge.dev/schemas/${name}.json`, title, ...described };
}

const objects = z.record(z.string(), z.record(z.string(), z.json()));

/** @param prefix the path of what the schema is of, with its dot: `spec.`, and `spec.sources[].` of the items of a list */
function describedBelow(
  schema: { [key: string]: Json },
  descriptions: Readonly<Record<string, string>>,
  prefix: string,
): { [key: string]: Json } {
  const properties = objects.safeParse(schema['properties']).data;
  const items = z.record(z.string(), z.json()).safeParse(schema['items']).data;
  const described = Object.entries(properties ?? {}).map(([key, property]) => {
    const description = descriptions[`${prefix}${key}`];
    const below = describedBelow(property, descriptions, `${prefix}${key}.`);
    return [key, description === undefined ? below : { description, ...below }] as const;
  });
  return {
    ...schema,
    ...(properties === undefined ? {} : { properties: Object.fromEntries(described) }),
    ...(items === undefined ? {} : { items: describedBelow(items, descriptions, `${prefix.slice(0, -1)}[].`) }),
  };
}

/** The fenced blocks of the contracts, by the word behind their language: ```json diff */
function examplesOf(markdown: string): { name: string; text: string; value: unknown }[] {
  return [...markdown.matchAll(/^```(json|yaml) ([a-z-]+)\n([^]*?)^```$/gm)].map(
    ([, language = '', name = '', text = '']) => ({
      name,
      text,
      value: language === 'json' ? (JSON.parse(text) as unknown) : load(text),
    }),
  );
}

const examples = examplesOf(contracts);
const exampleOf = (name: string): unknown => examples.find((example) => example.name === name)?.value;
/** Before this file writes any: a schema that nobody committed is to be seen. */
const committed = readdirSync(join(docs, 'schemas'));

describe('the published schemas', () => {
  it('are one for each shape, and no others', () => {
    expect(committed.toSorted()).toEqual(
      Object.keys(files)
        .map((name) => `${name}.json`)
        .toSorted(),
    );
  });

  it.each(Object.keys(files))('%s is what the code says', async (name) => {
    await expect(`${JSON.stringify(publishedOf(name), null, 2)}\n`).toMatchFileSnapshot(
      join(docs, 'schemas', `${name}.json`),
    );
  });
});

describe('a published schema', () => {
  const validator = (name: string) => new Ajv2020({ strict: false, validateFormats: false }).compile(publishedOf(name));
  const sent = examples.filter(({ name }) => name in files && isSent(name));

  it.each(sent)('takes keys that come to $name, wherever they come', ({ name, value }) => {
    const validate = validator(name);
    expect(validate(value), JSON.stringify(validate.errors)).toBe(true);
    expect(JSON.stringify(publishedOf(name))).not.toMatch(/"(additional|unevaluated)Properties":false/);
    const more = { ...z.looseObject({}).parse(value), addedLater: 'x' };
    expect(validate(more), JSON.stringify(validate.errors)).toBe(true);
    expect(files[name]?.schema.safeParse(more)).toMatchObject({ success: true });
  });

  it.each(inputs)('refuses a key of %s that it does not know', (name) => {
    const { value } = examples.find((example) => example.name === name) ?? {};
    const known = z.looseObject({}).parse(value);
    expect(files[name]?.schema.safeParse(known).success).toBe(true);
    expect(files[name]?.schema.safeParse({ ...known, addedLater: 'x' }).success).toBe(false);
    expect(validator(name)({ ...known, addedLater: 'x' })).toBe(false);
  });

  it.each(Object.keys(files))('of %s has a name of its own', (name) => {
    expect(publishedOf(name)).toMatchObject({
      $id: `https://converge.dev/schemas/${name}.json`,
      title: expect.stringMatching(/^Converge: ./),
    });
  });

  it.each([...Object.keys(keyDescriptions), 'report', ...Object.keys(outputs)])(
    'says what each key of %s is',
    (name) => {
      const properties = z.record(z.string(), z.looseObject({})).parse(publishedOf(name)['properties']);
      const silent = Object.entries(properties).flatMap(([key, property]) =>
        typeof property['description'] === 'string' ? [] : [key],
      );
      const plain = ['environment', 'repository', 'cluster', 'revision'];
      expect(silent.filter((key) => !(name in outputs && plain.includes(key)))).toEqual([]);
      const keys = keysOf(publishedOf(name)).map(({ path }) => path);
      expect(Object.keys(keyDescriptions[name] ?? {}).filter((key) => !keys.includes(key))).toEqual([]);
    },
  );
});

describe('the contracts', () => {
  it.each(Object.keys(files))('show an example of %s', (name) => {
    expect(examples.map((example) => example.name)).toContain(name);
  });

  it.each(examples.filter(({ name }) => name in files))(
    'give an example of $name that the code takes',
    ({ name, value }) => {
      expect(files[name]?.schema.safeParse(value)).toMatchObject({ success: true });
    },
  );

  it.each(examples.filter(({ name }) => name in files))(
    'give an example of $name that its published schema takes',
    ({ name, value }) => {
      expect(z.fromJSONSchema(publishedOf(name)).safeParse(value)).toMatchObject({ success: true });
    },
  );

  const messageExamples = examples.filter(({ name }) => name in messages);
  it.each(messageExamples)(
    'give an example of $name with every key of the message, and no other',
    ({ name, value }) => {
      const { schema } = files[name] ?? {};
      if (!(schema instanceof z.ZodObject)) throw new Error(`the data of ${name} is an object`);
      expect(Object.keys(z.looseObject({}).parse(value)).toSorted()).toEqual(Object.keys(schema.shape).toSorted());
    },
  );

  it('give an example of a memory with every key there is', () => {
    const now = new Date('2030-01-01T00:00:00Z');
    const memory = readMemory({ value: exampleOf('memory'), now });
    expect(memory.since).not.toBe(now.toISOString());
    expect(Object.keys(memory).toSorted()).toEqual(Object.keys(memorySchema.shape).toSorted());
  });

  it("show the inventory's parent and members as they are written", () => {
    const applySet = applySetOf({
      repository: 'master',
      environment: 'acme-production',
      namespace: 'acme',
      url: 'https://converge:secret@git.example.com/acme/master.git',
    });
    const revision = 'main@sha1:9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
    const extent = { groupKinds: ['ConfigMap', 'Deployment.apps'], additionalNamespaces: ['shared'] };
    const record = { revision, renderKey: 'b4d389383288cd2ccbd7bb2f26329a33' };
    const hooks = convergedRecord([{ release: 'shop', key: '5f0c1b7c2d4e6f8091a2b3c4d5e6f708', hooks: [] }]);
    expect(exampleOf('parent')).toEqual(parentObject({ applySet, extent, record, hooks }));
    const marked = (marks: Marks, kind: string, name: string) => {
      const rendered = [
        { object: { apiVersion: kind === 'Job' ? 'batch/v1' : 'apps/v1', kind, metadata: { name } }, source: 'a.yaml' },
      ];
      const { labels, annotations } =
        desiredObjects({ rendered, namespace: 'acme', scopes: new Map(), marks })[0]?.object.metadata ?? {};
      return { labels, annotations };
    };
    expect(exampleOf('member')).toEqual(marked(memberMarks(applySet), 'Deployment', 'web'));
    expect(exampleOf('hook')).toMatchObject(marked(hookMarks(applySet), 'Job', 'migrate'));
    expect(
      readHookRecord({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { annotations: { [hooksAnnotation]: JSON.stringify(exampleOf('hooks')) } },
      }),
    ).toEqual(exampleOf('hooks'));
  });

  it.each(Object.entries(messages))('name the type of %s', (name, { type }) => {
    expect(contracts).toContain(`\`${name}\` · \`${type}\``);
  });

  it('have no other examples than the ones that are checked here', () => {
    const others = [
      'lease',
      'wanted',
      'writeback',
      'memory',
      'local',
      'parent',
      'member',
      'hook',
      'hooks',
      'render-request',
      'render-lines',
      'render-answers',
      'http-error',
      // test/unit/functions/open-api.test.ts
      ...['incidents', 'events-page', 'problem'],
    ];
    expect(examples.map(({ name }) => name).filter((name) => !(name in files) && !others.includes(name))).toEqual([]);
  });
});
