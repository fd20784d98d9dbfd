/** A database's URL as the driver takes it, with the TLS options of libpq; nothing of it is ever told. */
import { Client } from 'pg';
import { Refusal } from '../../base/refusal.ts';

/** The URLs to try, one after the other where a server has no TLS. */
export type Address = readonly [url: string, plain?: string];

const MODE = /([?&]sslmode=)([^&]*)/;
/** Those of psql, and one of the driver's that trusts any certificate. */
const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/** @throws Refusal `INTERNAL` that repeats nothing of the URL. */
export function addressOf(url: string): Address {
  try {
    if (!/^postgres(ql)?:\/\/./.test(url)) throw new Error('another scheme');
    const mode = MODE.exec(url)?.[2];
    if (mode !== undefined && !MODES.includes(mode)) throw unknownMode();
    // As psql reads them: `require` encrypts, only `verify-…` asks who is there, `prefer` takes what there is.
    const strict = mode === undefined || /uselibpqcompat/.test(url) ? url : `${url}&uselibpqcompat=true`;
    const address: Address =
      mode === 'prefer' || mode === 'allow' ? [strict, url.replace(MODE, '$1disable')] : [strict];
    new Client({ connectionString: strict });
    return address;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    const file = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Refusal(
      'INTERNAL',
      file
        ? 'A file that AGA_DATABASE_URL names is missing.'
        : 'AGA_DATABASE_URL is not a URL of the form postgres://….',
      { hint: 'For example postgres://user:password@host:5432/database?sslmode=verify-full&sslrootcert=/path/ca.pem' },
    );
  }
}

function unknownMode(): Refusal {
  return new Refusal('INTERNAL', 'AGA_DATABASE_URL has an sslmode that there is not.', {
    hint: `Known are ${MODES.join(', ')}; verify-full is the one that keeps everybody else out.`,
  });
}
