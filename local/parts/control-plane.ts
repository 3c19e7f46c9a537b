import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';

const stages = ['nodes.yaml', 'pods.yaml', 'volumes.yaml', 'addresses.yaml'].map((file) =>
  join(import.meta.dirname, file),
);

/**
 * kwok's heartbeats come further apart than a busy machine lets the default of 50 s pass: nodes are never given up
 * here.
 */
const patient = '--node-monitor-grace-period=24h';
/** The defaults hold clients back to 20 requests a second, which a sandbox of many small objects feels. */
const unhurried = ['--kube-api-qps=500', '--kube-api-burst=1000'];

/** Paths, ports and secrets of one control plane. */
export interface Layout {
  /** Folders. */
  readonly etcd: string;
  readonly certificates: string;
  /** Files. */
  readonly certificate: string;
  readonly tokens: string;
  readonly serviceAccountKey: string;
  readonly kubeconfig: string;
  /** Where the API server reads through what it reaches Services. */
  readonly egress: string;
  readonly token: string;
  readonly userTokens: ReadonlyMap<string, string>;
  readonly ports: { readonly etcdClient: number; readonly etcdPeer: number; readonly secure: number };
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
}

/** Where the kubeconfig of a control plane in that folder will be. */
export function kubeconfigIn(folder: string): string {
  return join(folder, 'kubeconfig');
}

/**
 * Writes the tokens and the key that the parts start with, and draws the ports.
 *
 * @param users whom the API server knows by a token, beside its administrator
 * @param proxy the socket through which it reaches what runs in the cluster
 */
export async function layOut({
  folder,
  users,
  proxy,
}: {
  folder: string;
  users: readonly string[];
  proxy: string;
}): Promise<Layout> {
  const newToken = (): string => randomBytes(24).toString('hex');
  const token = newToken();
  const userTokens = new Map(users.map((user) => [user, newToken()]));
  const rows = [...userTokens].map(([user, own]) => `${own},${user},${user}\n`);
  const tokens = join(folder, 'tokens.csv');
  const serviceAccountKey = join(folder, 'service-account.key');
  const egress = join(folder, 'egress.yaml');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await Promise.all([
    writeFile(tokens, `${token},admin,admin,system:masters\n${rows.join('')}`, { mode: 0o600 }),
    writeFile(serviceAccountKey, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 }),
    writeFile(egress, egressOver(proxy)),
  ]);
  const [etcdClient, etcdPeer, secure] = await Promise.all([freePort(), freePort(), freePort()]);
  const certificates = join(folder, 'certificates');
  return {
    etcd: join(folder, 'etcd'),
    certificates,
    certificate: join(certificates, 'apiserver.crt'),
    tokens,
    serviceAccountKey,
    kubeconfig: kubeconfigIn(folder),
    egress,
    token,
    userTokens,
    ports: { etcdClient, etcdPeer, secure },
    server: `https://127.0.0.1:${secure}`,
  };
}

/** https://kubernetes.io/docs/tasks/extend-kubernetes/setup-konnectivity/ */
function egressOver(socket: string): string {
  return `apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
  - name: cluster
    connection:
      proxyProtocol: HTTPConnect
      transport: { uds: { udsName: ${JSON.stringify(socket)} } }
`;
}

export interface Part {
  /** The program's name for itself, too: several are in one file. */
  readonly name: string;
  readonly parameters: readonly string[];
  /** Absent: the one that holds them all but kwok. */
  readonly program?: string;
}

export function etcdPart({ etcd, ports }: Layout): Part {
  const parameters = [
    `--data-dir=${etcd}`,
    `--listen-client-url=http://127.0.0.1:${ports.etcdClient}`,
    `--listen-peer-url=http://127.0.0.1:${ports.etcdPeer}`,
  ];
  return { name: 'etcd', parameters };
}

export function apiServerPart({ certificates, tokens, serviceAccountKey, ports, egress }: Layout): Part {
  const parameters = [
    `--etcd-servers=http://127.0.0.1:${ports.etcdClient}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.secure}`,
    `--cert-dir=${certificates}`,
    `--token-auth-file=${tokens}`,
    `--egress-selector-config-file=${egress}`,
    '--authorization-mode=RBAC',
    '--allow-privileged=true',
    // The API server dials the addresses of Services (webhooks, aggregated APIs). Nobody but the aggregated APIs
    // answers there, and any other range would be somebody else's: the calls of a sandbox stay on this machine.
    '--service-cluster-ip-range=127.128.0.0/16',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${serviceAccountKey}`,
    `--service-account-signing-key-file=${serviceAccountKey}`,
    // An Endpoints object can't hold a loopback address, and nothing runs in the pods that would look for the API
    // server.
    '--endpoint-reconciler-type=none',
    '--advertise-address=127.0.0.1',
  ];
  return { name: 'kube-apiserver', parameters };
}

export function controllerManagerPart({ kubeconfig, certificate, serviceAccountKey }: Layout): Part {
  const parameters = [
    `--kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    '--secure-port=0',
    `--root-ca-file=${certificate}`,
    `--service-account-private-key-file=${serviceAccountKey}`,
    patient,
    ...unhurried,
  ];
  return { name: 'kube-controller-manager', parameters };
}

export function schedulerPart({ kubeconfig }: Layout): Part {
  const parameters = [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0', ...unhurried];
  return { name: 'kube-scheduler', parameters };
}

export function kwokPart({ layout, program }: { layout: Layout; program: string }): Part {
  const parameters = [
    `--kubeconfig=${layout.kubeconfig}`,
    '--manage-all-nodes=true',
    ...stages.map((file) => `--config=${file}`),
  ];
  return { name: 'kwok', parameters, program };
}
