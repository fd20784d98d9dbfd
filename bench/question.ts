/** The act that benches of many processes ask about: each must ask the same. */
export const QUESTION = {
  acts: [{ capability: 'tool.call', resource: 'files/read' }],
  tool: 'files/read',
  argumentsDigest: '',
  requestId: 1,
} as const;
