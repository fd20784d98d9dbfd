/** Why a certificate was refused, as OpenSSL and Node name it, in words that help. */

const SIGNED = 'is not signed by a CA that is trusted here; set NODE_EXTRA_CA_CERTS to the file of its CA';

const FAULTS: { readonly [code: string]: string } = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: SIGNED,
  UNABLE_TO_GET_ISSUER_CERT: SIGNED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: SIGNED,
  DEPTH_ZERO_SELF_SIGNED_CERT: SIGNED,
  SELF_SIGNED_CERT_IN_CHAIN: SIGNED,
  CERT_UNTRUSTED: SIGNED,
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet; compare the clocks',
  CERT_REVOKED: 'was revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another host; use an address that it names',
};

/** What to say of whoever could not be reached for that; undefined where it was something else. */
export function sayUntrusted(error: unknown): string | undefined {
  // `fetch` hides it in the cause of its own error.
  for (let each = error; each instanceof Error; each = each.cause) {
    const code = 'code' in each ? String(each.code) : '';
    if (Object.hasOwn(FAULTS, code)) return `could not be reached: its certificate ${FAULTS[code]} (${code})`;
  }
  return undefined;
}
