/** Serves an installation over HTTP, until it is closed. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Installation } from '../assemble.ts';
import { CannotStart } from '../cannot-start.ts';
import { report } from '../complaint.ts';
import type { Config } from '../config/file.ts';
import { slipsIn } from '../edge/hook/slips.ts';
import { serveHttp } from '../edge/http/index.ts';
import { operatorToken } from '../keys/operator-token.ts';
import { VERSION } from '../version.ts';

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly publicUrl?: string | undefined;
  /** Files in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Called at once if this start makes the operator's token, since it is shown only once, even if the start then fails. */
  readonly onFreshToken?: (token: string) => void;
}

export interface Serving {
  readonly url: string;
  close(): Promise<void>;
}

export interface Place extends ServeOptions {
  readonly config?: Pick<Config, 'require_hook'>;
  readonly dataDir: string;
  /** AGA_OPERATOR_TOKEN */
  readonly given: string | undefined;
}

export async function serveInstallation(installation: Installation, place: Place): Promise<Serving> {
  const { dataDir: directory, config, given, host, port, publicUrl, tls } = place;
  const { digest, fresh } = operatorToken({ directory, given, random: randomBytes });
  if (fresh !== null) place.onFreshToken?.(fresh);
  const { service, tokens, name, session, enforcement, jobs, witnesses } = installation;
  const nonces = installation.openNonces();
  const server = await serveHttp({
    authority: { service, tokens, nonces, name, jobs, witnesses },
    operator: digest,
    session,
    onRefused: (artifact) => void enforcement.refused(artifact).catch(report),
    onFailedProof: (artifact) => void enforcement.failedProof(artifact).catch(report),
    hooked: slipsIn(directory, config?.require_hook).find,
    report,
    host,
    port,
    publicUrl,
    tls: tls && { cert: read(tls.cert), key: read(tls.key) },
    info: { name: 'aga-delegate', title: 'AGA Delegate', version: VERSION },
  }).catch((error: NodeJS.ErrnoException) => {
    void nonces.close();
    if (error.code?.startsWith('ERR_OSSL'))
      throw new CannotStart(`--tls-cert and --tls-key are not a certificate in PEM and its key (${error.code}).`);
    throw error.syscall === 'listen' || error.syscall === 'getaddrinfo'
      ? new CannotStart(`Cannot listen on ${host}:${port}: ${error.code}.`)
      : error;
  });
  // An idle replica would otherwise fall behind the others.
  const quiet = service.onNews(() => void service.follow().catch(() => undefined));
  return {
    url: server.url,
    async close() {
      quiet();
      // New requests are refused while the jobs end, so that callers waiting for a job still hear of its end.
      await Promise.all([server.close(), installation.endJobs()]);
      await nonces.close();
    },
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CannotStart(`Cannot read ${path}: ${(error as NodeJS.ErrnoException).code}.`);
  }
}
