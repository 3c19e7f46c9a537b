/**
 * What a part may know of the user's shell. Everything else stays outside: kubeconfig, cloud credentials, proxies, Git
 * settings.
 */
const inherited = ['PATH', 'LANG', 'TZ', 'TMPDIR', 'SystemRoot'];

/**
 * The environment of a program that the local pipeline starts.
 *
 * @param part.home its `HOME`: a folder of the pipeline's own, so that `~/.kube` and cloud credentials are out of reach
 */
export function partEnvironment(part: {
  home: string;
  variables?: Readonly<Record<string, string>>;
}): NodeJS.ProcessEnv {
  const kept = inherited.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return { ...Object.fromEntries(kept), HOME: part.home, ...part.variables };
}

/**
 * Takes out of this process what would lead a client library to the user's clusters, cloud account or proxy. The
 * libraries read these variables behind our back, so that leaving them unread is not enough.
 */
export function forgetUsersCloud(): void {
  const foreign =
    /^(KUBECONFIG|GOOGLE_.*|CLOUDSDK_.*|STORAGE_EMULATOR_HOST|PUBSUB_EMULATOR_HOST|(HTTP|HTTPS|ALL|GRPC)_PROXY)$/i;
  for (const name of Object.keys(process.env)) {
    if (foreign.test(name)) delete process.env[name];
  }
  process.env['METADATA_SERVER_DETECTION'] = 'none';
}
