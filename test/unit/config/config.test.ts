import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../shared/config/config.ts';
import { refusalOf } from '../../refusal.ts';

const smallest = `project: family-insurance
state: { bucket: family-state }
repositories:
  master: { url: https://git.example.com/family/master.git, bucket: family-master }
clusters:
  sandbox: { kubeconfig: /secrets/kubeconfig }
`;
const parse = (text: string) => parseConfig({ file: 'converge.yaml', text });

function problemOf(text: string): string {
  const refusal = refusalOf(() => parse(text));
  expect(refusal).toMatchObject({ code: 'BadConfiguration', disposition: 'refuse' });
  return refusal.message;
}

describe("the operator's configuration", () => {
  it('gets the defaults of what it leaves out', () => {
    expect(parse(smallest)).toEqual({
      project: 'family-insurance',
      state: { bucket: 'family-state' },
      topicPrefix: '',
      repositories: {
        master: {
          url: 'https://git.example.com/family/master.git',
          branch: 'main',
          writeback: true,
          bucket: 'family-master',
          conflicts: 'artifact-wins',
        },
      },
      clusters: { sandbox: { kind: 'kubeconfig', file: '/secrets/kubeconfig', identity: 'own' } },
      freeze: [],
      google: {
        container: 'https://container.googleapis.com',
        secretManager: 'https://secretmanager.googleapis.com',
        logging: 'https://logging.googleapis.com',
        monitoring: 'https://monitoring.googleapis.com',
      },
      author: { name: 'Converge', email: 'converge@example.com' },
      webhooks: {},
      checks: { interval: '5m' },
      alerts: { sinks: [], gitHosts: [], unreadableAfter: '10m', unreachableAfter: '2m' },
      limits: {
        uploadBytes: 209_715_200,
        uploadFiles: 20_000,
        unpackRatio: 100,
        objects: 20_000,
        renderSeconds: 60,
        renderMiB: 1024,
        waitSeconds: 30,
      },
    });
  });

  it('keeps the other limits where one is given', () => {
    expect(parse(`${smallest}limits: { objects: 5 }\n`).limits).toMatchObject({ objects: 5, uploadFiles: 20_000 });
  });

  it.each([
    {
      what: 'a heartbeat that goes to two places',
      text: `${smallest}alerts: { heartbeat: { url: https://beats.example.com/a, urlSecretFile: /secrets/beat } }\n`,
      says: 'needs either `url` or `urlSecretFile`',
    },
    {
      what: 'a heartbeat with a login',
      text: `${smallest}alerts: { heartbeat: { url: https://ada:secret@beats.example.com/a } }\n`,
      says: 'put the URL into a secret',
    },
    { what: 'an interval of no schedule', text: `${smallest}checks: { interval: 90s }\n`, says: 'digits with m or h' },
    {
      what: 'a missing key',
      text: smallest.replace('project: family-insurance\n', ''),
      says: 'converge.yaml:1: project: ',
    },
    { what: 'an unknown key', text: `${smallest}topics: {}\n`, says: 'converge.yaml:7: topics: unknown key' },
    {
      what: 'a URL without a scheme',
      text: smallest.replace('https://', ''),
      says: 'converge.yaml:4: repositories.master.url: ',
    },
    {
      what: 'a class in capitals',
      text: smallest.replace('master:', 'Master:'),
      says: 'converge.yaml:4: repositories.Master: ',
    },
    {
      what: 'a limit of nothing',
      text: `${smallest}limits:\n  uploadBytes: 0\n`,
      says: 'converge.yaml:8: limits.uploadBytes: ',
    },
    {
      what: 'a limit that is no whole number',
      text: `${smallest}limits:\n  objects: 1.5\n`,
      says: 'converge.yaml:8: limits.objects: ',
    },
    {
      what: 'a GKE cluster by half its name',
      text: smallest.replace('kubeconfig: /secrets/kubeconfig', 'gke: projects/p'),
      says: 'clusters.sandbox.gke: expected projects/PROJECT/locations/LOCATION/clusters/NAME',
    },
    {
      what: 'a word for access that is not open',
      text: `${smallest}access: everybody\n`,
      says: 'converge.yaml:7: access: ',
    },
    {
      what: 'access to what is guarded by a signature',
      text: `${smallest}access:\n  functions:\n    receivePush: open\n`,
      says: 'converge.yaml:9: access.functions.receivePush: unknown key',
    },
    {
      what: 'access without callers',
      text: `${smallest}access:\n  functions:\n    fanOut: { audiences: [https://f.example.com], callers: [] }\n`,
      says: 'converge.yaml:9: access.functions.fanOut.callers: ',
    },
    {
      what: 'a caller that is every address',
      text: `${smallest}access:\n  functions:\n    fanOut: { audiences: [https://f.example.com], callers: ["*"] }\n`,
      says: 'callers.0: expected an e-mail address',
    },
    {
      what: 'an audience that is everything',
      text: `${smallest}access:\n  functions:\n    fanOut: { audiences: ["*"], callers: [a@b] }\n`,
      says: 'audiences.0: an audience of',
    },
    {
      what: 'quiet hours of a zone that is none',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      quietHours: [{ from: "22:00", to: "07:00", zone: Europe/Berlni }]\n`,
      says: 'converge.yaml:11: alerts.sinks.0.quietHours.0.zone: is no time zone',
    },
    {
      what: 'quiet hours of a time that is none',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      quietHours: [{ from: "25:00", to: "07:00", zone: Europe/Berlin }]\n`,
      says: 'converge.yaml:11: alerts.sinks.0.quietHours.0.from: expected a time of the day',
    },
    {
      what: 'quiet hours that end when they begin',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      quietHours: [{ from: "07:00", to: "07:00", zone: Europe/Berlin }]\n`,
      says: 'converge.yaml:11: alerts.sinks.0.quietHours.0.to: is when they begin',
    },
    {
      what: 'a repeat that is no time',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      repeat: 90s\n`,
      says: 'converge.yaml:11: alerts.sinks.0.repeat: expected hours or days like 4h',
    },
    {
      what: 'a sink of no kind',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      repeat: 4h\n`,
      says: 'converge.yaml:9: alerts.sinks.0.webhook: needs one of webhook, slack, googleChat, pagerduty, email, and has none',
    },
    {
      what: 'sinks by their names, as Terraform has them',
      text: `${smallest}alerts:\n  sinks:\n    ops: { webhook: { url: https://a.example.com } }\n`,
      says: 'converge.yaml:8: alerts.sinks: expected a list (`- …` or `[…]`), and this is a map',
    },
    {
      what: 'labels that are a list',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      only: [{ labels: [customer=acme] }]\n`,
      says: 'converge.yaml:11: alerts.sinks.0.only.0.labels: expected a map (`key: value`), and this is a list',
    },
    {
      what: 'the one class of a sink as a word',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      only: [{ classes: master }]\n`,
      says: 'only.0.classes: expected a list (`- …` or `[…]`), and this is a text',
    },
    {
      what: 'a class that is none beside those that are',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      only: [{ classes: [production] }]\n`,
      says: 'classes.0: is production, which is configured nowhere: there is master',
    },
    {
      what: 'a report of a class that is configured nowhere',
      text: `${smallest}reports:\n  - { name: daily, schedule: "0 6 * * *", classes: [mastre] }\n`,
      says: 'converge.yaml:8: reports.0.classes.0: is mastre, which is configured nowhere: there is master',
    },
    {
      what: 'a sink for alerts of a class that is configured nowhere',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      only: [{ classes: [mastre] }]\n`,
      says: 'converge.yaml:11: alerts.sinks.0.only.0.classes.0: is mastre, which is configured nowhere',
    },
    {
      what: 'a sink for alerts of a cluster that is configured nowhere',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      only: [{ clusters: ["test-*", eu] }]\n`,
      says: 'converge.yaml:11: alerts.sinks.0.only.0.clusters.1: is eu, which is configured nowhere',
    },
    {
      what: 'a sink for alerts of a reason that no alert has',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      only: [{ reasons: [Drifted, ClusterUnavailable, Unhealty] }]\n`,
      says: 'converge.yaml:11: alerts.sinks.0.only.0.reasons.2: is Unhealty, which is no reason of an alert: the nearest is Unhealthy',
    },
    {
      what: 'a pattern that the reason of no alert fits',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      only: [{ reasons: ["Cluster*", "drift*"] }]\n`,
      says: 'converge.yaml:11: alerts.sinks.0.only.0.reasons.1: is drift*, which is no reason of an alert: the nearest is Drifted',
    },
    {
      what: 'a sink for alerts that nothing chooses',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      only: [{ severity: error }]\n`,
      says: 'converge.yaml:11: alerts.sinks.0.only.0.severity: ',
    },
    {
      what: 'a sink without a webhook',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n`,
      says: 'converge.yaml:9: alerts.sinks.0.webhook: ',
    },
    {
      what: 'a sink of two kinds',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      webhook: { url: https://a.example.com }\n      pagerduty: { routingKeySecretFile: /s }\n`,
      says: 'converge.yaml:11: alerts.sinks.0.pagerduty: needs one of webhook, slack, googleChat, pagerduty, email, and has webhook, pagerduty',
    },
    {
      what: 'a sink of an unknown kind',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      slak: { channel: C024BE91L }\n`,
      says: 'converge.yaml:10: alerts.sinks.0.slak: ',
    },
    {
      what: 'a channel by its name',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      slack: { tokenSecretFile: /s, channel: "#ops" }\n`,
      says: 'converge.yaml:10: alerts.sinks.0.slack.channel: expected the id of a channel',
    },
    {
      what: 'a space beside an incoming webhook',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      googleChat: { urlSecretFile: /s, space: spaces/A }\n`,
      says: 'converge.yaml:10: alerts.sinks.0.googleChat: needs either `urlSecretFile` or `space`',
    },
    {
      what: 'an address of a mail that is two',
      text: `${smallest}alerts:\n  sinks:\n    - name: ops\n      email: { host: h, from: c@example.com, to: ["a@example.com, b@example.com"] }\n`,
      says: 'converge.yaml:10: alerts.sinks.0.email.to.0: expected',
    },
    {
      what: 'two sinks of one name',
      text: `${smallest}alerts:\n  sinks:\n    - { name: ops, pagerduty: { routingKeySecretFile: /s } }\n    - { name: ops, googleChat: { urlSecretFile: /s } }\n`,
      says: 'alerts.sinks.1.name: is the name of two sinks',
    },
    {
      what: 'a Git host where no repository is',
      text: `${smallest}alerts:\n  gitHosts:\n    - name: hub\n      github: { tokenSecretFile: /s }\n`,
      says: 'converge.yaml:10: alerts.gitHosts.0.github: no repository is where https://api.github.com is',
    },
    {
      what: 'a Git host for a class that is configured nowhere',
      text: `${smallest}alerts:\n  gitHosts:\n    - name: hub\n      classes: [mastre]\n      gitlab: { tokenSecretFile: /s, api: https://git.example.com/api/v4 }\n`,
      says: 'converge.yaml:10: alerts.gitHosts.0.classes.0: is mastre, which is configured nowhere',
    },
    {
      what: 'a Git host for a class whose repository is elsewhere',
      text: `${smallest}alerts:\n  gitHosts:\n    - name: hub\n      classes: [master]\n      github: { tokenSecretFile: /s }\n`,
      says: 'converge.yaml:10: alerts.gitHosts.0.classes.0: is master, whose repository is not where https://api.github.com is',
    },
    {
      what: 'a Git host of two kinds',
      text: `${smallest}alerts:\n  gitHosts:\n    - name: hub\n      github: { tokenSecretFile: /s }\n      gitlab: { tokenSecretFile: /s }\n`,
      says: 'converge.yaml:9: alerts.gitHosts.0: needs one of github, gitlab, gitea, bitbucketCloud, bitbucketDataCenter, and has both',
    },
    {
      what: 'a Git host that is told by nobody',
      text: `${smallest}alerts:\n  gitHosts:\n    - name: hub\n      github: { api: https://git.example.com/api/v3 }\n`,
      says: 'converge.yaml:10: alerts.gitHosts.0.github: needs either `tokenSecretFile` or `githubApp`',
    },
    {
      what: 'a Git host with the name of a sink',
      text: `${smallest}alerts:\n  sinks: [{ name: ops, pagerduty: { routingKeySecretFile: /s } }]\n  gitHosts:\n    - name: ops\n      gitlab: { tokenSecretFile: /s, api: https://git.example.com/api/v4 }\n`,
      says: 'converge.yaml:10: alerts.gitHosts.0.name: is the name of two sinks',
    },
  ])('is refused for $what', ({ text, says }) => {
    expect(problemOf(text)).toContain(says);
  });
});

describe('a sink', () => {
  it.each([
    { kind: 'slack', written: '{ tokenSecretFile: /s, channel: C024BE91L }', read: { api: 'https://slack.com/api' } },
    { kind: 'googleChat', written: '{ urlSecretFile: /s }', read: { urlSecretFile: '/s' } },
    { kind: 'googleChat', written: '{ space: spaces/AAAA }', read: { space: 'spaces/AAAA' } },
    {
      kind: 'pagerduty',
      written: '{ routingKeySecretFile: /s, api: "https://events.eu.pagerduty.com/" }',
      read: { api: 'https://events.eu.pagerduty.com' },
    },
    {
      kind: 'email',
      written: '{ host: smtp.example.com, from: "Converge <c@example.com>", to: [ops@example.com] }',
      read: { port: 587, tls: 'starttls' },
    },
    { kind: 'webhook', written: '{ url: https://a.example.com, ed25519SecretFile: /s, body: cloudevents }', read: {} },
  ])('of the kind $kind is read', ({ kind, written, read }) => {
    const { alerts } = parse(`${smallest}alerts: { sinks: [{ name: ops, ${kind}: ${written} }] }\n`);
    expect(alerts.sinks).toMatchObject([{ name: 'ops', [kind]: read }]);
  });
});

describe('a cluster', () => {
  const gke = 'projects/family/locations/europe-west1/clusters/prod';
  const membership = 'projects/123/locations/global/memberships/prod';
  const clusterOf = (written: string) =>
    parse(smallest.replace('{ kubeconfig: /secrets/kubeconfig }', written)).clusters['sandbox'];

  it.each([
    { written: `{ gke: ${gke} }`, read: { kind: 'gke', cluster: gke, endpoint: 'auto', identity: 'own' } },
    {
      written: `{ gke: ${gke}, endpoint: dns, identity: environment }`,
      read: { kind: 'gke', cluster: gke, endpoint: 'dns', identity: 'environment' },
    },
    {
      written: `{ gke: ${gke}, endpoint: connect-gateway, membership: ${membership} }`,
      read: { kind: 'gateway', membership, identity: 'own' },
    },
    {
      written: '{ kubeconfigSecret: projects/p/secrets/s/versions/latest }',
      read: { kind: 'kubeconfigSecret', version: 'projects/p/secrets/s/versions/latest', identity: 'own' },
    },
    {
      written: '{ kubeconfig: /secrets/k, identity: environment }',
      read: { kind: 'kubeconfig', file: '/secrets/k', identity: 'environment' },
    },
  ])('is read from $written', ({ written, read }) => {
    expect(clusterOf(written)).toEqual(read);
  });

  it.each([
    { written: '{}', says: 'clusters.sandbox: needs one of' },
    { written: `{ gke: ${gke}, kubeconfig: /k }`, says: 'clusters.sandbox: needs one of' },
    { written: '{ kubeconfig: /k, endpoint: dns }', says: '`endpoint` and `membership` are for `gke` only' },
    { written: `{ gke: ${gke}, endpoint: connect-gateway }`, says: 'needs `membership`' },
    { written: `{ gke: ${gke}, membership: ${membership} }`, says: 'needs `membership`' },
    {
      written: `{ gke: ${gke}, endpoint: connect-gateway, membership: ${membership}, identity: environment }`,
      says: 'clusters.sandbox: `endpoint: connect-gateway` takes no `identity: environment`',
    },
    { written: `{ gke: ${gke}, identity: somebody }`, says: 'clusters.sandbox.identity' },
    {
      written: '{ kubeconfigSecret: projects/p/secrets/s }',
      says: 'expected projects/PROJECT/secrets/NAME/versions/VERSION',
    },
  ])('is refused as $written', ({ written, says }) => {
    expect(problemOf(smallest.replace('{ kubeconfig: /secrets/kubeconfig }', written))).toContain(says);
  });
});

describe('the reports of the configuration', () => {
  const withReports = (text: string): string => `${smallest}reports:\n  - ${text}\n`;

  it('are of all environments, by UTC, where nothing else is said', () => {
    expect(parse(withReports('{ name: weekly, schedule: "0 6 * * 1" }')).reports).toEqual([
      { name: 'weekly', schedule: '0 6 * * 1', zone: 'Etc/UTC' },
    ]);
  });

  it.each([
    ['{ name: weekly, schedule: "0 25 * * 1" }', 'converge.yaml:8: reports.0.schedule: 25 is no hour'],
    ['{ name: weekly, schedule: "0 6 * * 1", zone: Mars }', 'converge.yaml:8: reports.0.zone: is no time zone'],
    ['{ name: Weekly, schedule: "0 6 * * 1" }', 'converge.yaml:8: reports.0.name: expected'],
    ['{ name: a, schedule: "0 6 * * 1", classes: [] }', 'converge.yaml:8: reports.0.classes: '],
    ['{ name: a, schedule: "0 6 * * 1", customer: acme }', 'customer'],
    [
      '{ name: a, schedule: "0 6 * * 1" }\n  - { name: a, schedule: "0 6 * * 2" }',
      'converge.yaml:9: reports.1.name: there are two of a',
    ],
  ])('are refused as %s', (text, says) => {
    expect(problemOf(withReports(text))).toContain(says);
  });
});
