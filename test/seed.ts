/** Property tests try the same cases in every run, so that a red build is about the change; AGA_TEST_SEED tries others. */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.AGA_TEST_SEED ?? 20261120) });
