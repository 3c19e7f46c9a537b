import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../shared/config/config.ts';

const head = 'project: p\nstate: { bucket: s }\nclusters: {}\n';
const withSink = (webhook: string): string =>
  `${head}repositories: {}\nalerts: { sinks: [{ name: chat, webhook: ${webhook} }] }\n`;
const withProxy = (line: string): string =>
  `${head}repositories:\n  master:\n    url: https://git.example.com/m.git\n    bucket: b\n    ${line}\n`;
const parse = (text: string) => () => parseConfig({ file: 'converge.yaml', text });

describe('secrets in the configuration', () => {
  it.each([
    ['{ url: "https://hooks.slack.com/services/T0/B0/token" }', 'alerts.sinks.0.webhook.url', 'urlSecretFile'],
    ['{ url: "https://family.webhook.office.com/webhookb2/token" }', 'alerts.sinks.0.webhook.url', 'urlSecretFile'],
    ['{ url: "https://hooks.slack-gov.com/services/T0/B0/token" }', 'alerts.sinks.0.webhook.url', 'urlSecretFile'],
    ['{ url: "https://api.telegram.org/bot1:token/sendMessage" }', 'alerts.sinks.0.webhook.url', 'urlSecretFile'],
    ['{ url: "https://user:hunter2@alerts.example.com/" }', 'alerts.sinks.0.webhook.url', 'urlSecretFile'],
  ])('are refused in a sink, by file, key and what to do: %s', (webhook, key, instead) => {
    expect(parse(withSink(webhook))).toThrow('converge.yaml:');
    expect(parse(withSink(webhook))).toThrow(key);
    expect(parse(withSink(webhook))).toThrow(instead);
    expect(parse(withSink(webhook))).not.toThrow(/token|hunter2/);
  });

  it('are refused in a proxy', () => {
    const text = withProxy('proxy: http://user:hunter2@proxy.example.com:3128');
    expect(parse(text)).toThrow(/converge\.yaml:\d+: repositories\.master\.proxy: .*proxySecretFile/);
    expect(parse(text)).not.toThrow(/hunter2/);
  });

  it('are refused in the address of a repository', () => {
    const text = withProxy('').replace('https://', 'https://user:hunter2@');
    expect(parse(text)).toThrow(/converge\.yaml:\d+: repositories\.master\.url: .*credentials\.file/);
    expect(parse(text)).not.toThrow(/hunter2/);
  });

  it.each([
    ['google: { container: "https://ada:hunter2@google.example.com" }', 'google.container'],
    ['google: { secretManager: "https://ada:hunter2@google.example.com" }', 'google.secretManager'],
    ['google: { connectGateway: "https://ada:hunter2@google.example.com" }', 'google.connectGateway'],
    ['storage: { endpoint: "https://hunter2@storage.example.com" }', 'storage.endpoint'],
    ['status: { url: "https://ada:hunter2@status.example.com/" }', 'status.url'],
    ['access: { issuer: { name: ours, keys: "https://ada:hunter2@keys.example.com/" } }', 'access'],
  ])('are refused in every other address: %s', (line, key) => {
    const text = `${head}repositories: {}\n${line}\n`;
    expect(parse(text)).toThrow(new RegExp(`converge\\.yaml:\\d+: ${key}.*credentials`));
    expect(parse(text)).not.toThrow(/hunter2/);
  });

  it.each([
    ['aliases: ["https://ada:hunter2@old.example.com/m.git"]', 'aliases.0'],
    ['aliases: ["ssh://git:hunter2@old.example.com/m.git"]', 'aliases.0'],
    [
      'credentials: { githubApp: { appId: a, installationId: "1", privateKeyFile: /s, api: "https://ada:hunter2@api.example.com" } }',
      'credentials.githubApp.api',
    ],
  ])('are refused in the other addresses of a repository: %s', (line, key) => {
    expect(parse(withProxy(line))).toThrow(new RegExp(`repositories\\.master\\.${key}: .*credentials`));
    expect(parse(withProxy(line))).not.toThrow(/hunter2/);
  });

  it('are not the user of an address by SSH, which says nothing', () => {
    const aliases = ['git@old.example.com:m.git', 'ssh://git@old.example.com/m.git', 'team/m'];
    const { repositories } = parse(withProxy(`aliases: ${JSON.stringify(aliases)}`))();
    expect(repositories['master']?.aliases).toEqual(aliases);
  });

  it('are seen behind a host that is written with its last dot', () => {
    const text = withSink('{ url: "https://hooks.slack.com./services/T0/B0/token" }');
    expect(parse(text)).toThrow('urlSecretFile');
  });

  it('are looked for in no text that is no URL, which is refused as such', () => {
    expect(parse(withSink('{ url: hooks.example.com }'))).toThrow(/alerts\.sinks\.0\.webhook\.url: Invalid URL/);
  });

  it('are named by the files that hold them', () => {
    const { alerts } = parse(withSink('{ urlSecretFile: /secrets/chat }'))();
    expect(alerts.sinks[0]?.webhook).toEqual({ urlSecretFile: '/secrets/chat' });
    const { repositories } = parse(withProxy('proxySecretFile: /secrets/proxy'))();
    expect(repositories['master']?.proxySecretFile).toBe('/secrets/proxy');
  });

  it('are in one place', () => {
    expect(parse(withSink('{}'))).toThrow(/either `url` or `urlSecretFile`/);
    expect(parse(withSink('{ url: "https://a.example.com/", urlSecretFile: /s }'))).toThrow(
      /either `url` or `urlSecretFile`/,
    );
  });
});
