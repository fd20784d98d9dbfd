/** Where a witness may be: the traffic is public, but an attacker on the network could withhold it from us. */

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export interface Address {
  /** Without a slash at its end: `/add-checkpoint` is put behind it. */
  readonly url: string;
}

/** The submission prefix that the text names, or what is wrong with it, in words that follow "URL". */
export function addressIn(text: string, insecure: boolean): Address | { readonly wrong: string } {
  if (!URL.canParse(text)) return { wrong: 'is not an address such as https://witness.example.com/prefix' };
  const { protocol, hostname, username, password, search, hash, origin, pathname } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return { wrong: 'is not https' };
  if (username || password || search || hash || /[?#]/.test(text))
    return { wrong: 'holds more than scheme, host, port and path' };
  if (protocol === 'http:' && !insecure && !LOOPBACK.has(hostname))
    return { wrong: 'is http to another machine; use https, or --insecure on a network of your own' };
  return { url: `${origin}${pathname}`.replace(/\/+$/, '') };
}
