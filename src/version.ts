declare const __VERSION__: string | undefined;

/** Version of the package; the build inserts it. */
export const VERSION = typeof __VERSION__ === 'string' ? __VERSION__ : '0.0.0';
