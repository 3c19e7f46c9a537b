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
